# SPDX-License-Identifier: Apache-2.0
"""Which names, versions, paths and times our formats allow. Decides on text alone.

The character sets are fixed lists, not properties of a Unicode version, so that every program of every year
agrees. What is shown to people has no control, invisible, private or direction-changing character.
"""

import datetime as dt
import re

from anchor import limits
from anchor.errors import Misuse, Refused

MAX_NAME = limits.LEDGER_NAME
"""Code points of a ledger's name."""
MAX_TEXT = limits.TEXT
"""Code points of an identity, an issuer, an origin or a URL."""
MAX_PATH = limits.PATH
MAX_NUMBER = 2**53 - 1
"""The largest number in a statement: what RFC 8785 can write."""

HEX64 = "^[0-9a-f]{64}$"
VERSION = "^[0-9A-Za-z][0-9A-Za-z._+-]{0,63}$"
SEGMENT = "[0-9A-Za-z_][0-9A-Za-z._+-]{0,199}"
PATH = f"^{SEGMENT}(/{SEGMENT})*$"
LEDGER_FILE = "^(ledger\\.[0-9A-Za-z]{1,16}|source\\.json)$"
TIME = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
URL = "^https?://[!-~]+$"

OUR_FILE = "ledger.json"
RESERVED_VERSIONS = frozenset({"log", "schema", "format.md"})
"""In lower case: what lies beside the versions in the published folder."""

_HIDDEN = re.compile(
    "[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ud800-\uf8ff\ufe00-\ufe0f\ufeff\ufff0-\U0010ffff]"
)


def text_problem(text: str, *, limit: int = MAX_TEXT) -> str:
    """The problem of a text that is shown to people; "" if there is no problem."""
    if not text:
        return "is empty"
    if len(text) > limit:
        return f"has {len(text)} characters, more than {limit}"
    if odd := _HIDDEN.search(text):
        return f"has U+{ord(odd.group()):04X}, which cannot be seen or is no character"
    return "begins or ends with a blank" if text != text.strip(" ") else ""


def name_problem(name: str) -> str:
    """The problem of a ledger's name; "" if there is no problem."""
    return text_problem(name, limit=MAX_NAME)


def version_problem(version: str) -> str:
    """The problem of a version; "" if there is no problem."""
    if not _whole(VERSION, version):
        return "is not 1 to 64 letters, digits and ._+- that begin with a letter or digit"
    return "is reserved" if version.lower() in RESERVED_VERSIONS else ""


def path_problem(path: str) -> str:
    """The problem of a relative path of a published file; "" if there is no problem."""
    if len(path) > MAX_PATH:
        return f"has {len(path)} characters, more than {MAX_PATH}"
    if "\0" in path:
        return "has a NUL"
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        return "is not relative, or leads upwards"
    return "" if _whole(PATH, path) else "is no plain relative path"


def hex_problem(digest: str) -> str:
    """The problem of a SHA-256 in hex; "" if there is no problem."""
    return "" if _whole(HEX64, digest) else "is not 64 lower-case hex digits"


def file_problem(name: str) -> str:
    """The problem of the name of a ledger file as a subject; "" if there is no problem."""
    if not _whole(LEDGER_FILE, name):
        return "is neither ledger.<extension> nor source.json"
    return "differs from ledger.json only in case" if name != OUR_FILE and name.lower() == OUR_FILE else ""


def time_problem(time: str) -> str:
    """The problem of a time that should be RFC 3339 UTC in whole seconds; "" if there is no problem."""
    problem = "is no time of the form 2026-01-31T23:59:59Z"
    try:
        dt.datetime.fromisoformat(time)
    except ValueError:
        return problem
    return "" if _whole(TIME, time) else problem


def url_problem(url: str) -> str:
    """The problem of an http or https URL; "" if there is no problem."""
    return "" if len(url) <= MAX_TEXT and _whole(URL, url) else "is no http or https URL in ASCII"


def require(problem: str, value: str, *, where: str) -> None:
    """Raise `Refused` for a problem that one of the functions above found in `value`."""
    if problem:
        raise Refused(f"{shown(value)} {problem}", where=where)


def check_arguments(name: str, version: str) -> None:
    """Raise `Misuse` unless a ledger may have this name and version: the check of a command's arguments."""
    for option, value, problem in (
        ("--name", name, name_problem(name)),
        ("--version", version, version_problem(version)),
    ):
        if problem:
            raise Misuse(f"{shown(value)} {problem}", where=option, remedy="choose another one")


def log_file_stem(origin: str) -> str:
    """The name that stands for a log in file and folder names: its origin up to the first blank, with `_` for
    every character that a path may not have. A Rekor v1 origin carries its tree number after the blank."""
    stem = re.sub(r"[^0-9A-Za-z._+-]", "_", origin.partition(" ")[0])
    return stem[:160] if re.match(r"[0-9A-Za-z_]", stem) else "_" + stem[:159]


def shown(text: str, limit: int = 60) -> str:
    """Text of a stranger as it may stand in a one-line message: quoted, escaped, short."""
    return ascii(text if len(text) <= limit else text[:limit] + "...")


def _whole(pattern: str, text: str) -> bool:
    """True if all of `text` matches; `$` alone would accept a final LF."""
    return re.fullmatch(pattern, text) is not None and not text.endswith("\n")
