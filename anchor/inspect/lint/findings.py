# SPDX-License-Identifier: Apache-2.0
"""The result of lint: findings, grouped and capped, each with a severity.

A ledger of 100,000 equal placeholders has one finding, with how many facts it is about and the first lines.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Final, Literal, NamedTuple

import msgspec

from anchor.words import several

FORMAT: Final = "urn:ledger-anchor:lint:v2"

Severity = Literal["error", "warning", "note"]
"""`error`: the ledger cannot be sealed, since its reader refuses it, or its schema. `warning`: a reader of
the ledger may take one thing for another. `note`: often meant, and worth a look."""

MAX_LINES: Final = 100
"""Lines that one finding names. Its `count` is that of all facts."""
MAX_FINDINGS: Final = 100
"""Findings of one kind that a report has. One more finding stands for the others."""
MAX_TEXT: Final = 1000
"""Characters of a value that a finding shows."""
MAX_TEXTS: Final = 20
"""Different texts of one kind in one column that are findings of their own."""

KINDS: Final[dict[str, str]] = {
    "refused": "what the reader refuses: the ledger cannot be sealed",
    "schema": "facts that are not as the schema says",
    "second-table": "tables that a rendered page shows and the reader does not read",
    "name-spelling": "column names that differ only in case or blanks, or look alike",
    "placeholder": "values that look as if they were never filled in",
    "label-spelling": "labels that differ only in case or spacing",
    "label-look-alike": "labels that look alike and are not the same",
    "conflicting-values": "one label and period with different values",
    "mixed-units": "one label with different units",
    "unit-spelling": "units that differ only in case or spacing",
    "mixed-numbers": "columns with numbers in more than one format",
    "date-format": "dates that are not written as ISO 8601",
    "mojibake": "text that was decoded with the wrong encoding",
    "not-nfc": "text that Unicode normalisation (NFC) would change",
    "invisible": "invisible, blank or direction-changing characters",
    "look-alike": "words with look-alike characters",
    "unassigned": "characters without an assigned meaning",
    "markup": "text that a rendered page shows differently",
    "formula": "values that a spreadsheet runs as a formula",
    "outer-blanks": "names and values with blanks around them",
    "missing-value": "words for a missing value, sealed as text",
    "missing-unit": "numbers without a unit, in a ledger with units",
    "truncated": "values that a program may have cut",
    "lost-zeros": "codes that may have lost their leading zeros",
    "repeated-seal": "seals that repeat",
    "duplicate-fact": "facts that are exactly the same",
}

SEVERITIES: Final[dict[str, Severity]] = {
    "refused": "error",
    "schema": "error",
    "missing-value": "note",
    "missing-unit": "note",
    "truncated": "note",
    "lost-zeros": "note",
}
"""The severity of a kind, if it is not a warning. A single finding can have another one."""


class Finding(msgspec.Struct, frozen=True):
    """One thing to look at."""

    kind: str
    severity: Severity
    lines: tuple[int, ...]
    """The first lines, or other positions, where its facts begin; from 1."""
    count: int
    """The number of facts that it is about."""
    column: str
    text: str
    """The value that it is about, as published: the first 1,000 characters. Empty if there are several."""
    message: str


class Report(msgspec.Struct, frozen=True):
    """The result of lint for one ledger."""

    format: str
    file: str
    reader: str
    unit: str
    """The thing that `lines` count: `line`, or as the reader names it, or `fact` for several files."""
    can_be_sealed: bool
    """False if there are findings of the severity `error`."""
    columns: tuple[str, ...]
    facts: int
    """Facts that were read, without those that are refused."""
    distinct_labels: int | None
    """Null when the ledger has no column `label`."""
    exact_duplicates: int
    """Facts that repeat an earlier fact in every value."""
    repeated_seals: int
    """Seals that stand on more than one fact."""
    counts: dict[str, int]
    """Findings of each kind."""
    severities: dict[str, int]
    """Findings of each severity."""
    findings: tuple[Finding, ...]
    refusal: str = ""
    """The refusal of the reader, which `seal` gives too; empty if it reads the ledger."""
    unread: str = ""
    """The part of the file that could not be judged, in words; empty if there is no such part."""


class Remark(NamedTuple):
    """A rule's statement about one value."""

    kind: str
    message: str
    severity: Severity | None = None
    """None for the severity of the kind."""


Said = Mapping[str, tuple[Remark, ...]]
"""The remarks about each value that has one."""


def finding(remark: Remark, lines: Sequence[int], count: int, *, column: str = "", text: str = "") -> Finding:
    """A finding about so many facts, of which the first lines are given."""
    severity = remark.severity or SEVERITIES.get(remark.kind, "warning")
    shown = tuple(lines[:MAX_LINES])
    return Finding(remark.kind, severity, shown, count, column, text[:MAX_TEXT], remark.message)


class Places:
    """The facts that one finding is about: how many, and the first lines."""

    __slots__ = ("count", "lines")

    def __init__(self) -> None:
        self.count = 0
        self.lines: list[int] = []

    def add(self, line: int, count: int = 1) -> None:
        self.count += count
        if len(self.lines) < MAX_LINES:
            self.lines.append(line)


class Remarks:
    """Remarks about values of one column, in bounded memory. Equal values with one remark are one finding."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._places: dict[tuple[Remark, str], Places] = {}
        self._texts: dict[tuple[str, Severity | None], list[str]] = {}
        """The texts that are findings of their own."""
        self._further: dict[tuple[str, Severity | None], Places] = {}

    def add(self, said: Said, values: Sequence[str], lines: Sequence[int]) -> None:
        """Note what was said about values that stand on these lines."""
        chosen = list(map(said.__contains__, values))
        if (full := self._full(said)) is not None:
            full.count += sum(chosen)
            return
        for line, value in compress(zip(lines, values, strict=True), chosen):
            for remark in said[value]:
                self._add(remark, value, line)

    def _full(self, said: Said) -> Places | None:
        """The places that only count all these values; None if there are others, or none."""
        first = next(iter(said.values()))
        if len(first) > 1 or set(map(id, said.values())) != {id(first)}:
            return None
        group = (first[0].kind, first[0].severity)
        places = self._further.get(group)
        if places is None or len(places.lines) < MAX_LINES:
            return None
        return None if any(text in said for text in self._texts[group]) else places

    def _add(self, remark: Remark, text: str, line: int) -> None:
        key = (remark, text)
        places = self._places.get(key)
        if places is None:
            group = (remark.kind, remark.severity)
            texts = self._texts.setdefault(group, [])
            if len(texts) >= MAX_TEXTS:
                self._further.setdefault(group, Places()).add(line)
                return
            texts.append(text)
            places = self._places[key] = Places()
        places.add(line)

    def findings(self) -> Iterator[Finding]:
        for (remark, text), places in self._places.items():
            yield finding(remark, places.lines, places.count, column=self._column, text=text)
        for (kind, severity), places in self._further.items():
            remark = Remark(kind, "further values of this kind", severity)
            yield finding(remark, places.lines, places.count, column=self._column)


def arranged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings by kind and line, with at most `MAX_FINDINGS` of a kind and one for the others."""
    by_kind: dict[str, list[Finding]] = {kind: [] for kind in KINDS}
    for found in findings:
        by_kind[found.kind].append(found)
    arranged: list[Finding] = []
    for kind, group in by_kind.items():
        group.sort(key=lambda f: (not f.lines, f.lines))
        if len(group) <= MAX_FINDINGS + 1:  # the last one may stand for others itself
            arranged += group
        else:
            rest = group[MAX_FINDINGS:]
            arranged += group[:MAX_FINDINGS]
            count = sum(f.count for f in rest)
            remark = Remark(kind, several(len(rest), "further finding"), rest[0].severity)
            arranged.append(finding(remark, rest[0].lines, count))
    return tuple(arranged)
