# SPDX-License-Identifier: Apache-2.0
"""Findings about a ledger that its readers may misread, with line numbers.

Lint warns; it never edits and never refuses. A ledger that cannot be read at all is an error of the reader,
not a finding.
"""

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec

from anchor.format.facts import Row, Table, brief
from anchor.inspect import lint_rules as rules

FORMAT = "urn:ledger-anchor:lint:v1"
KINDS = {
    "placeholder": "values that look as if they were never filled in",
    "label-spelling": "labels that differ only in case or spacing",
    "label-look-alike": "labels that look alike and are not the same",
    "conflicting-values": "one label and period with different values",
    "not-nfc": "text that Unicode normalisation (NFC) would change",
    "invisible": "invisible, blank or direction-changing characters",
    "look-alike": "words with look-alike characters",
    "unassigned": "characters without an assigned meaning",
    "repeated-seal": "seals that repeat",
    "duplicate-fact": "facts that are exactly the same",
}


class Finding(msgspec.Struct, frozen=True):
    """One thing to look at; `lines` are where its facts begin, from 1."""

    kind: str
    lines: tuple[int, ...]
    column: str
    text: str
    """The value it is about, as published."""
    message: str


class Report(msgspec.Struct, frozen=True):
    """The result of lint for one ledger."""

    format: str
    file: str
    reader: str
    columns: tuple[str, ...]
    facts: int
    distinct_labels: int | None
    """Null when the ledger has no column `label`."""
    exact_duplicates: int
    """Facts that repeat an earlier fact in every value."""
    repeated_seals: int
    """Seals that stand on more than one fact."""
    counts: dict[str, int]
    """Findings of each kind."""
    findings: tuple[Finding, ...]


Lines = dict[str, list[int]]


class _Notes:
    """The notes that lint makes while it reads the facts: for each rule, texts and their lines."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self.values: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
        self.labels: Lines = defaultdict(list)
        self.periods: dict[tuple[str, str], Lines] = defaultdict(lambda: defaultdict(list))
        self.seals: Lines = defaultdict(list)
        self.facts: dict[bytes, list[int]] = defaultdict(list)
        places = {name.casefold(): i for i, name in reversed(list(enumerate(columns)))}
        self._label, self._value = places.get("label"), places.get("value")
        self._period, self._seal = places.get("period"), places.get("seal")

    @property
    def has_labels(self) -> bool:
        return self._label is not None

    def add(self, line: int, row: Row) -> None:
        for column, value in zip(self.columns, row, strict=True):
            self.check(line, column, value)
        digest = hashlib.blake2b("\0".join(f"{len(v)}:{v}" for v in row).encode(), digest_size=16).digest()
        self.facts[digest].append(line)
        if self._seal is not None and row[self._seal]:
            self.seals[row[self._seal]].append(line)
        if self._label is not None:
            label = row[self._label]
            self.labels[label].append(line)
            if self._value is not None:
                period = row[self._period] if self._period is not None else ""
                self.periods[label, period][row[self._value]].append(line)

    def check(self, line: int, column: str, value: str, *, filled: bool = True) -> None:
        """The rules that look at one value alone."""

        def note(kind: str, message: str) -> None:
            self.values[kind, column, value, message].append(line)

        if filled and rules.placeholder(value, column):
            note("placeholder", "looks as if it was never filled in")
        if value.isascii() and value.isprintable():
            return
        if not unicodedata.is_normalized("NFC", value):
            note("not-nfc", "NFC would change it; it is sealed as it stands")
        if found := [rules.named(c) for c in rules.hidden(value)]:
            note("invisible", f"holds {', '.join(found)}")
        if found := [f"U+{ord(c):04X}" for c in rules.meaningless(value)]:
            note("unassigned", f"holds {', '.join(found)}, without a meaning in Unicode {rules.UNICODE}")
        for word in rules.look_alikes(value):
            odd = ", ".join(rules.named(c) for c in dict.fromkeys(word) if not c.isascii())
            note("look-alike", f"{brief(word)} has {odd}")


def lint(table: Table, *, file: str, reader: str) -> Report:
    """Everything that lint finds in a table; raises what reading the table raises."""
    notes = _Notes(table.columns)
    for name in table.columns:
        notes.check(1, "", name, filled=False)
    facts = 0
    for line, row in table:
        facts += 1
        notes.add(line, row)
    findings = [Finding(k, tuple(lines), c, t, m) for (k, c, t, m), lines in notes.values.items()]
    findings += _labels(notes.labels)
    findings += _conflicts(notes.periods)
    findings += [
        Finding("repeated-seal", tuple(lines), "seal", seal, f"stands on {len(lines)} facts")
        for seal, lines in notes.seals.items()
        if len(lines) > 1
    ]
    findings += [
        Finding("duplicate-fact", tuple(lines), "", "", f"{len(lines)} facts are the same in every value")
        for lines in notes.facts.values()
        if len(lines) > 1
    ]
    order = {kind: i for i, kind in enumerate(KINDS)}
    findings.sort(key=lambda f: (order[f.kind], f.lines))
    return Report(
        format=FORMAT,
        file=file,
        reader=reader,
        columns=table.columns,
        facts=facts,
        distinct_labels=len(notes.labels) if notes.has_labels else None,
        exact_duplicates=facts - len(notes.facts),
        repeated_seals=sum(f.kind == "repeated-seal" for f in findings),
        counts={kind: sum(f.kind == kind for f in findings) for kind in KINDS},
        findings=tuple(findings),
    )


def _labels(labels: Lines) -> Iterable[Finding]:
    """Labels that a reader takes for one label."""
    for group in _groups(labels, rules.spelling):
        yield _same("label-spelling", group, labels, "differ only in case or spacing")
    firsts = {group[0]: labels[group[0]] for group in _groups(labels, rules.spelling, least=1)}
    for group in _groups(firsts, rules.skeleton):
        yield _same("label-look-alike", group, labels, "look alike")


def _groups(labels: Iterable[str], key: Callable[[str], str], least: int = 2) -> list[list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        found[key(label)].append(label)
    return [group for group in found.values() if len(group) >= least]


def _same(kind: str, group: list[str], labels: Lines, how: str) -> Finding:
    lines = tuple(sorted(line for label in group for line in labels[label]))
    return Finding(kind, lines, "label", group[0], f"{', '.join(brief(g, 120) for g in group)} {how}")


def _conflicts(periods: dict[tuple[str, str], Lines]) -> Iterable[Finding]:
    for (label, period), values in periods.items():
        if len(values) > 1:
            lines = tuple(sorted(line for found in values.values() for line in found))
            shown = ", ".join(brief(v) for v in values)
            when = f"in period {brief(period)}" if period else "without a period"
            yield Finding("conflicting-values", lines, "value", label, f"{when} it has the values {shown}")
