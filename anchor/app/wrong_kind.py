# SPDX-License-Identifier: Apache-2.0
"""A file that somebody gave where another kind of file is wanted: what it is, and what to give instead.

A slip of the user is no tampering: it is USAGE, and nothing is said of any release. What is empty, cut off or
an error page contradicts nothing either. A document of the wanted kind is judged, however wrong it is.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from anchor.app import own_files
from anchor.encoding import is_json
from anchor.errors import AnchorError, Incomplete, Misuse
from anchor.format import names
from anchor.inspect import document
from anchor.verify.release_files import COPYING

_HEAD = 4096
"""Bytes that are looked at where no kind is known."""
_ABOVE = 3
"""Folders above a file in which its release.json is looked for: a checkpoint lies so deep in a site."""


class Wanted(NamedTuple):
    """A kind of file that a command reads."""

    kinds: frozenset[str]
    """The kinds as `anchor inspect` names them."""
    what: str
    give: str
    """The remedy, where nothing better is known."""
    any_json: bool = True
    """False if JSON of no known kind is a slip too: the command looks for the real one under another name."""
    instead: Mapping[str, str] = MappingProxyType({})
    """The remedy for single kinds, in place of the command that reads them."""


RELEASE = Wanted(
    frozenset({"release.json"}),
    "a release.json",
    "give the release.json of a site, its folder or its URL",
    any_json=False,
)
_NO_ROOT = (
    "it names its signer, and has no trusted root that you could compare: 'anchor policy RELEASE -o FILE' "
    "makes a policy from the release that the publisher names; with a trusted root of your own, "
    "'anchor verify-receipt' takes --ledger, --identity, --issuer and --trusted-root in place of a policy"
)
RELEASE_WITH_ROOT = RELEASE._replace(instead={"receipt": _NO_ROOT, "bundles of receipts": _NO_ROOT})
"""A release from which a policy is made."""
BUNDLE = Wanted(frozenset({"Sigstore bundle"}), "a Sigstore bundle", "give the .sigstore.json file")
RECEIPT = Wanted(frozenset({"receipt"}), "a receipt", "give a file that 'anchor prove' made")
PROOF = Wanted(
    frozenset({"proof of runs"}),
    "a proof of runs",
    "give a file that 'anchor records prove' made",
    any_json=False,
)
EVIDENCE = Wanted(frozenset({"evidence"}), "a file of evidence", "give a file that an alarm named")
POLICY = Wanted(
    frozenset({"trust policy"}),
    "a trust policy",
    "give the TOML file that 'anchor policy' wrote",
    any_json=False,
)
ROOT = Wanted(frozenset({"trusted root"}), "a trusted root", "give the file of a Sigstore trusted root")
HEADS = Wanted(
    frozenset(
        {
            "checkpoint",
            "signed note",
            "tlog-proof",
            "Sigstore bundle",
            "receipt",
            "bundles of receipts",
            "release.json",
            "evidence",
        }
    ),
    "a checkpoint",
    "give the whole note, or a bundle, receipt, release.json or file of evidence: they have one inside",
)
_READ_BY = {
    "release.json": "anchor verify",
    "receipt": "anchor verify-receipt",
    "bundles of receipts": "anchor verify-receipt --bundles",
    "Sigstore bundle": "anchor verify-bundle",
    "evidence": "anchor verify-evidence",
    "proof of runs": "anchor verify-history",
    "checkpoint": "anchor compare",
    "trust policy": "anchor verify --policy",
    "trusted root": "anchor verify --trusted-root",
    own_files.RECORDS: "anchor status --database sqlite:///{}",
    own_files.WITNESS_STORE: "anchor witness show --home {folder}",
}
"""The command that reads a kind of file. `anchor inspect` describes the others that it knows."""


def check(data: bytes, where: str, wanted: Wanted) -> None:
    """Raise if these bytes are no file of the wanted kind: `Misuse`, or `Incomplete` if they are torn.

    `data`: the file, or its beginning. `where`: the path or URL as the user named it.
    """
    kind = kind_of(data, where)
    if kind in wanted.kinds:
        return
    if kind:
        reader = _READ_BY.get(kind, "" if kind in own_files.KINDS else "anchor inspect")
        read = reader.format(shlex.quote(where), folder=shlex.quote(str(Path(where).parent)))
        remedy = _beside(where) if wanted.kinds == RELEASE.kinds else ""
        remedy = remedy or wanted.instead.get(kind, "")
        remedy = remedy or (f"{wanted.give}; '{read}' reads this one" if read else wanted.give)
        raise Misuse(f"{_a(kind)}, where {wanted.what} is wanted", where=where, remedy=remedy)
    if not data.strip():
        raise Incomplete(f"an empty file, where {wanted.what} is wanted", where=where, remedy=COPYING)
    if data.lstrip()[:1] in (b"{", b"["):
        if not is_json(data):
            raise Incomplete(f"no whole JSON, where {wanted.what} is wanted", where=where, remedy=COPYING)
        if wanted.any_json:
            return
    remedy = (_beside(where) if wanted.kinds == RELEASE.kinds else "") or wanted.give
    raise Misuse(f"{_looks(data)}, where {wanted.what} is wanted", where=where, remedy=remedy)


def is_page(data: bytes) -> bool:
    """True for what looks like HTML: a server sends it for a log-in, an error, and a list of files."""
    return data[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def is_no_toml(data: bytes) -> bool:
    """True for what cannot be meant as TOML: a page, whole JSON, a table in Markdown, and no text."""
    return is_page(data) or is_json(data) or _looks(data) in ("no text", "a table in Markdown")


def kind_of(data: bytes, where: str) -> str:
    """The kind of a file that a command verifies, as `anchor inspect` names it, or of another file of ours;
    empty for any other file."""
    if own := own_files.kind_of(data):
        return own
    try:
        kind = document.inspect(data, file=where).kind
    except AnchorError:
        return ""
    names = {"sigstore bundle": "Sigstore bundle", "evidence": "evidence"}
    return next((name for start, name in names.items() if kind.startswith(start)), kind)


def _a(kind: str) -> str:
    if kind in ("ledger.json", "release.json"):
        return f"a {kind}"
    if kind in ("evidence", "bundles of receipts"):
        return kind
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _looks(data: bytes) -> str:
    if is_page(data):
        return "a web page, as a server sends it for a log-in or an error"
    head = data[:_HEAD]
    if head.lstrip()[:1] in (b"{", b"["):
        return "a JSON document of no kind that this program knows"
    try:
        lines = head.decode("utf-8", "strict" if len(data) <= _HEAD else "ignore").splitlines()
    except UnicodeDecodeError:
        return "no text"
    if any(line.lstrip().startswith("|") for line in lines):
        return "a table in Markdown"
    return "a text"


def _beside(where: str) -> str:
    """The remedy that names the release.json near a file; empty if there is none."""
    if "://" in where:
        return ""
    folder = Path(where).parent
    for _ in range(_ABOVE + 1):
        found = folder / names.RELEASE
        if found.is_file():
            return f"give {found}"
        folder = folder / ".." if folder in (Path(), Path("..")) else folder.parent
    return ""
