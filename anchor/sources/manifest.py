# SPDX-License-Identifier: Apache-2.0
"""`evidence.toml`: the publisher's list of source documents, by file. docs/evidence.md, The list.

Decides what the list says. It opens none of the files. Each error names the line and the member.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

from anchor import limits, regex
from anchor.encoding import parse_toml, rfc3339
from anchor.errors import AnchorError, Misuse, Refused
from anchor.format import names, source_evidence
from anchor.format.members import Digests
from anchor.format.source_evidence import EXTRACTED_FROM, RETRIEVED_AT, Descriptor
from anchor.sources.citations import normal

TABLE: Final = "document"
KEYS: Final = ("file", "source", "extracted_from", "retrieved_at", "media_type", "sha256")
_QUIET = regex.expression(
    r'"""(?:[^"\\]++|\\.|""?(?!"))*+"{0,5}+'
    r"|'''(?:[^']++|''?(?!'))*+'{0,5}+"
    r'|"(?:[^"\\\n]++|\\.)*+"?'
    r"|'[^'\n]*+'?|#[^\n]*+",
    re.DOTALL,
)
"""Strings and comments of TOML: what looks like a table inside of one is no table."""
_HEADER = regex.expression(r"[ \t]*\[\[[ \t]*document[ \t]*\]\]")
_MEMBER = regex.expression(r"[ \t]*([a-z0-9_]+)[ \t]*=")


class SourceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One document of the list. `file` is relative to the folder of the list; "" is an absent member."""

    file: str
    where: str
    """The list, and the line of the document in it."""
    source: str = ""
    extracted_from: str = ""
    retrieved_at: str = ""
    media_type: str = ""
    sha256: str = ""

    @property
    def urls(self) -> frozenset[str]:
        """The normal forms of the URLs by which facts cite it."""
        return frozenset(normal(url) for url in (self.source, self.extracted_from) if url)

    def descriptor(self, sha256: str) -> Descriptor:
        """The descriptor of the file, which has this SHA-256 (hex)."""
        notes = {EXTRACTED_FROM: self.extracted_from, RETRIEVED_AT: self.retrieved_at}
        said = {name: text for name, text in notes.items() if text}
        return Descriptor(
            name=self.file,
            digest=Digests(sha256=sha256),
            uri=self.source or UNSET,
            media_type=self.media_type or UNSET,
            annotations=said or UNSET,
        )


def parse(data: bytes, where: str = "evidence.toml") -> tuple[SourceDocument, ...]:
    """The documents of a list (TOML), sorted by the bytes of their names. Raises `Misuse`."""
    if len(data) > limits.EVIDENCE_LIST:
        raise Misuse(f"{len(data)} bytes, more than {limits.EVIDENCE_LIST}", where=where)
    try:
        value = parse_toml(data)
    except Refused as e:
        raise Misuse(e.problem, where=where, remedy="correct the list") from None
    lines = list(_lines(data.decode()))
    for key in value:
        if key != TABLE:
            problem = f"unknown member {names.shown(key)}"
            raise Misuse(problem, where=where, remedy=f"write each document as a [[{TABLE}]] table")
    tables = value.get(TABLE)
    if not isinstance(tables, list) or not tables or len(tables) != len(lines):
        problem = f"no list of [[{TABLE}]] tables"
        raise Misuse(problem, where=where, remedy=f"begin each document with a line [[{TABLE}]]")
    if len(tables) > limits.EVIDENCE_ITEMS:
        raise Misuse(f"{len(tables)} documents, more than {limits.EVIDENCE_ITEMS}", where=where)
    found = [_document(table, at, where) for table, at in zip(tables, lines, strict=True)]
    _check_together(found)
    return tuple(sorted(found, key=lambda one: one.file.encode()))


def describe(documents: Mapping[SourceDocument, str]) -> tuple[Descriptor, ...]:
    """The descriptors of documents with the SHA-256 (hex) of their files, as a statement has them."""
    found = sorted(
        (one.descriptor(sha256) for one, sha256 in documents.items()), key=lambda one: one.name.encode()
    )
    try:
        source_evidence.check(found, where="evidence")
    except AnchorError as e:
        remedy = "give the text the member extracted_from, and no source"
        raise Misuse(e.problem, where=e.where, remedy=remedy) from None
    return tuple(found)


def _document(table: Any, lines: Mapping[str, int], where: str) -> SourceDocument:
    at = f"{where}: line {lines['']}"
    if not isinstance(table, dict):
        raise Misuse("no table", where=at)

    def wrong(key: str, problem: str, remedy: str) -> Misuse:
        return Misuse(problem, where=f"{where}: line {lines.get(key, lines[''])}: {key}", remedy=remedy)

    for key in table:
        if key not in KEYS:
            raise wrong(key, "unknown member", f"known are {', '.join(KEYS)}")
    texts = {key: _text(key, value, wrong) for key, value in table.items()}
    if "file" not in texts:
        raise Misuse("no member file", where=at, remedy="name the file of the document")
    checks = {
        "file": (names.listed_path_problem, "write it relative to the folder of this list, with /"),
        "source": (names.url_problem, "write the http or https URL of the document"),
        "extracted_from": (names.url_problem, "write the http or https URL of the document"),
        "retrieved_at": (names.time_problem, "write it in UTC, as 2026-01-31T23:59:59Z"),
        "media_type": (names.media_type_problem, "write type/subtype, or leave it out"),
        "sha256": (names.hex_problem, "write the digest that sha256sum prints, or leave it out"),
    }
    for key, text in texts.items():
        check, remedy = checks[key]
        if problem := check(text):
            raise wrong(key, f"{names.shown(text)} {problem}", remedy)
        if key in ("source", "extracted_from") and not normal(text):
            raise wrong(key, f"{names.shown(text)} is no URL", remedy)
    if texts.get("extracted_from") and normal(texts.get("source", "")) == normal(texts["extracted_from"]):
        problem = "the URL is that of extracted_from: the digest of a text is not that of its document"
        raise wrong("source", problem, "leave source out")
    return SourceDocument(where=at, **texts)


def _text(key: str, value: Any, wrong: Any) -> str:
    if key == RETRIEVED_AT and isinstance(value, datetime):
        if value.utcoffset() is None or value.microsecond:
            raise wrong(key, "no time in UTC to the second", "write it as 2026-01-31T23:59:59Z")
        return rfc3339(value.astimezone(UTC))
    if not isinstance(value, str) or not value:
        raise wrong(key, "no text, or an empty one", "write a text in quotes, or leave the member out")
    return value


def _check_together(found: list[SourceDocument]) -> None:
    known: dict[str, SourceDocument] = {}
    for one in found:
        if (other := known.setdefault(one.file, one)) is not one:
            _, _, line = other.where.rpartition(": ")
            problem = f"the file {names.shown(one.file)} stands twice, first in {line}"
            raise Misuse(problem, where=one.where, remedy="name each file once")


def _lines(text: str) -> Iterator[dict[str, int]]:
    """For each document the lines of its members, by name; that of the table itself has the name ""."""
    quiet = _QUIET.sub(lambda found: "\n" * found[0].count("\n"), text)
    lines: dict[str, int] | None = None
    for number, line in enumerate(quiet.split("\n"), 1):
        if _HEADER.match(line):
            if lines is not None:
                yield lines
            lines = {"": number}
        elif lines is not None and (found := _MEMBER.match(line)):
            lines.setdefault(found[1], number)
    if lines is not None:
        yield lines
