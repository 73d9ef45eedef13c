# SPDX-License-Identifier: Apache-2.0
"""Which names, versions, paths and times our formats allow. Decides on text alone.

The character sets are fixed lists, not properties of a Unicode version, so that every program of every year
agrees. What is shown to people has no control, invisible, private or direction-changing character.
"""

import datetime as dt
import re

from anchor import limits, regex
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
LEDGER_FILE_2 = "^(ledger(-[1-9][0-9]{0,3})?\\.[0-9A-Za-z]{1,16}|source\\.json)(\\.gz)?$"
SUBJECT_2 = "^((ledger(-[1-9][0-9]{0,3})?\\.[0-9A-Za-z]{1,16}|source\\.json)(\\.gz)?|schema\\.json)$"
TIME = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
URL = "^https?://[!-~]+$"
MEDIA_NAME = "[0-9A-Za-z][0-9A-Za-z!#$&^_.+-]{0,126}"
MEDIA_TYPE = f"{MEDIA_NAME}/{MEDIA_NAME}"
"""`type/subtype` of RFC 6838 section 4.2."""

OUR_FILE = "ledger.json"
RELEASE = "release.json"
STATEMENT = "statement.json"
TRUSTED_ROOT = "trusted_root.json"
"""The copy of the trusted root in a release, and in an instance."""
SCHEMA = "schema.json"
"""A Table Schema beside the ledger."""
LEAVES = "ledger.leaves"
"""The leaf hashes of a confidential ledger: its one published ledger file."""
SOURCE = "source.json"
"""A JSON document as its publisher wrote it."""
GZ = ".gz"
"""After the extension of a compressed file."""
RESERVED_VERSIONS = frozenset({"log", "schema", "format.md"})
"""In lower case: what lies beside the versions in the published folder."""

STATUS = "status"
"""The folder of the statuses, beside the versions. Version 1 allows a version of this name, `publish` does
not."""
RESERVED_EXTENSIONS = frozenset({"gz", "leaves"})
"""In lower case: those of a compressed file, and of a ledger with salted cells."""

_HIDDEN = regex.expression(
    "[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ud800-\uf8ff\ufe00-\ufe0f\ufeff\ufff0-\U0010ffff]"
)


def text_problem(text: str, *, limit: int = MAX_TEXT) -> str:
    """The problem of a text that is shown to people; "" if there is no problem."""
    if not text:
        return "is empty"
    if len(text) > limit:
        return f"has {len(text)} characters, more than {limit}"
    plain = text.isascii() and text.isprintable()  # the expression takes 2 ms to compile
    if not plain and (odd := _HIDDEN.search(text)):
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


def listed_path_problem(path: str) -> str:
    """The problem of a path in a list of files; "" if there is no problem (FORMAT.md section 17.7)."""
    parts = path.split("/")
    if not path or "" in parts or "." in parts or ".." in parts:
        return "is not a path below the folder"
    if any(c < " " or c == "\\" or "\x7f" <= c <= "\x9f" for c in path):
        return "has a control character or a back-slash"
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "is not UTF-8"
    return f"has {size} bytes, more than {limits.LISTED_PATH}" if size > limits.LISTED_PATH else ""


def hex_problem(digest: str) -> str:
    """The problem of a SHA-256 in hex; "" if there is no problem."""
    return "" if _whole(HEX64, digest) else "is not 64 lower-case hex digits"


def file_problem(name: str) -> str:
    """The problem of the name of a ledger file as a subject; "" if there is no problem."""
    if not _whole(LEDGER_FILE, name):
        return "is neither ledger.<extension> nor source.json"
    return "differs from ledger.json only in case" if name != OUR_FILE and name.lower() == OUR_FILE else ""


def subject_2_problem(name: str) -> str:
    """The problem of the name of a subject of version 2; "" if there is no problem."""
    return "" if _whole(SUBJECT_2, name) else "is no name of a ledger file or of a file beside it"


def original_name(published: str, *, number: int = 1, of: int = 1, compressed: bool = False) -> str:
    """The name of the `number`-th of several originals (FORMAT.md section 18). `published` is the name that
    its reader gives to the only one."""
    if of > 1:
        published = f"ledger-{number}.{published.partition('.')[2]}"
    return published + GZ if compressed else published


def original_problem(name: str, *, json: bool, number: int, of: int, compressed: bool) -> str:
    """The problem of the name of an original of version 2 (FORMAT.md section 18); "" if there is no problem.

    `json`: its reader reads a JSON document. The name is that of the `number`-th original of several.
    """
    plain = name.removesuffix(GZ) if compressed else name
    stem, _, extension = plain.partition(".")
    wanted = f"ledger-{number}" if of > 1 else "source" if json else "ledger"
    if not _whole(LEDGER_FILE_2, name) or stem != wanted or "." in extension:
        return f"is not {wanted}.<extension>{GZ if compressed else ''}"
    if (extension.lower() == "json") != json or (json and extension != "json"):
        return "does not have the extension json, as a JSON document has and nothing else"
    return "has a reserved extension" if extension.lower() in RESERVED_EXTENSIONS else ""


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


def media_type_problem(media_type: str) -> str:
    """The problem of a media type; "" if there is no problem."""
    return "" if _whole(MEDIA_TYPE, media_type) else "is no media type such as text/plain"


def require(problem: str, value: str, *, where: str) -> None:
    """Raise `Refused` for a problem that one of the functions above found in `value`."""
    if problem:
        raise Refused(f"{shown(value)} {problem}", where=where)


def check_arguments(name: str, version: str) -> None:
    """Raise `Misuse` unless a ledger may have this name and version: the check of a command's arguments."""
    if version.lower() == STATUS:
        raise Misuse(f"{shown(version)} is reserved", where="--version", remedy="choose another one")
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
