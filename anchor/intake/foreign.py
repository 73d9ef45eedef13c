# SPDX-License-Identifier: Apache-2.0
"""Files that are no ledger, whatever their name says: spreadsheets, archives, pointers, HTML pages.

They are recognised by their first bytes. Some would be read without an error: a pointer of Git LFS is a fine
table of one column.
"""

import re
import shlex
from typing import Final

import msgspec

from anchor import regex
from anchor.format.names import GZ

ZST: Final = ".zst"
HEAD: Final = 4096
"""Bytes that are enough to recognise such a file."""
_LFS = regex.expression(rb"version https?://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/")
_ANNEX = regex.expression(rb"(?:\.\./)*(?:\.git/annex/objects/|/annex/objects/)[^\n]*\n?")
_HTML = regex.expression(rb"(?:\s|<!--.*?-->)*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL)
_XML = regex.expression(rb"\s*<\?xml\s")
_PACKED: Final = {b"\x1f\x8b": GZ, b"\x28\xb5\x2f\xfd": ZST}
"""The first bytes of a compressed file, and the ending of its name."""
_PACKED_BY = {GZ: ("gzip", "gunzip"), ZST: ("Zstandard", "unzstd")}
_BINARY = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PAR1": "Parquet",
    b"SQLite format 3\0": "an SQLite database",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
    b"ARROW1": "Arrow",
    b"\x89HDF": "HDF5",
    b"<stata_dta>": "a file of Stata",
    b"$FL2": "a file of SPSS",
}
_PX = regex.expression(rb'(?:CHARSET|AXIS-VERSION) *= *"', re.IGNORECASE)
_WEB = (".html", ".htm", ".xhtml")


class Foreign(msgspec.Struct, frozen=True):
    """A file that is no ledger."""

    problem: str
    """The cause, in words."""
    remedy: str
    """The command that gives the file that was meant."""


def packed_ending(name: str) -> str:
    """The ending that says how a file is compressed; empty if it is not."""
    return next((e for e in _PACKED.values() if name.lower().endswith(e)), "")


def packed_with(head: bytes) -> str:
    """The ending of the compression that the first bytes of a file name; empty if it is not compressed."""
    return next((ending for magic, ending in _PACKED.items() if head.startswith(magic)), "")


def unpacked(name: str) -> str:
    """The name of what comes out of a compressed file."""
    return name[: len(name) - len(packed_ending(name))]


def foreign(name: str, head: bytes) -> Foreign | None:
    """The kind of a file that is no ledger, by its first bytes; None for any other file."""
    start = head.removeprefix(b"\xef\xbb\xbf")
    if _LFS.match(start):
        return Foreign(
            "a pointer of Git LFS, not the file that it points to",
            f"get the file: git lfs pull --include {shlex.quote(name)}",
        )
    if _ANNEX.fullmatch(start):
        return Foreign(
            "a pointer of git-annex, not the file that it points to",
            f"get the file: git annex get {shlex.quote(name)}",
        )
    if _PX.match(start):
        return Foreign("a PC-Axis file, which has no lines of facts", anchor_command(name))
    if start.startswith(b"{\\rtf"):
        return Foreign("an RTF document, which has no table that can be read", anchor_command(name))
    if unpacked(name).lower().endswith(_WEB):
        return Foreign("an HTML page, which has no table that can be read", anchor_command(name))
    if _HTML.match(start):
        return Foreign(
            "an HTML page, as a server sends it for a log-in or an error",
            "download the file itself",
        )
    return _binary(name, head) or _xml(name, start)


def convert_command(name: str, *options: str) -> str:
    """The command that writes an accepted form of a file."""
    plain = unpacked(name)
    stem, _, ending = plain.rpartition(".")
    new = ".jsonl" if ending.lower() in ("json", "geojson", "jsonl", "ndjson") else ".csv"
    target = (stem or plain) + (".converted" if plain.lower().endswith(new) else "") + new
    target = "converted.csv" if name == "-" else target
    return shlex.join(["anchor", "convert", name, *options, "-o", target])


def _binary(name: str, head: bytes) -> Foreign | None:
    if head.startswith(b"PK\x03\x04"):
        return _zip(name, head)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return Foreign("an Excel workbook (.xls)", convert_command(name))
    if head.startswith(b"%PDF-"):
        return Foreign("a PDF document, which has no table that can be read", anchor_command(name))
    if ending := packed_with(head):
        kind, _ = _PACKED_BY[ending]
        if outer := packed_ending(name):
            unpack = shlex.join([_PACKED_BY[outer][1], name])
            return Foreign(f"compressed with {kind} a second time", f"unpack it: {unpack}")
        new = shlex.join(["mv", name, name + ending])
        return Foreign(f"compressed with {kind}, which its name does not say", f"rename it: {new}")
    kind_of = next((kind for magic, kind in _BINARY.items() if head.startswith(magic)), None)
    if kind_of:
        return Foreign(f"no text: it begins as {kind_of} does", anchor_command(name))
    return None


def _zip(name: str, head: bytes) -> Foreign:
    if b"opendocument.spreadsheet" in head:
        return Foreign("an OpenDocument spreadsheet (.ods)", convert_command(name))
    if b"[Content_Types].xml" in head or b"xl/" in head or b"_rels/" in head:
        return Foreign("an Excel workbook (.xlsx)", convert_command(name))
    return Foreign("a ZIP archive", f"unpack it: {shlex.join(['unzip', name])}")


def _xml(name: str, start: bytes) -> Foreign | None:
    return Foreign("an XML document", anchor_command(name)) if _XML.match(start) else None


def anchor_command(name: str) -> str:
    """The command that anchors a file as it is, by its digest."""
    return "anchor it as a file: " + shlex.join(["anchor", "files", name, "-o", f"{name}.files.csv"])
