# SPDX-License-Identifier: Apache-2.0
"""How a ledger was read: shown to its publisher before anything is signed."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from anchor.format.concatenated import chunks_of
from anchor.format.facts import ABSENT, Chunk, Fact, Table, Value, brief

_COLUMNS = 20
"""Columns that are shown of a wide table."""
_CELL = 36
"""Characters that are shown of a name or a value."""
_SKIPPED = 3
"""Lines above the header that are shown."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a ledger, their reader and dialect, and what was found."""

    files: tuple[str, ...]
    """As the user named them, in their order."""
    reader: str
    read_as: tuple[str, ...]
    """Each setting that is not the default, in words."""
    skipped: tuple[str, ...] = ()
    """The first lines above the header of the first file, which are not read."""
    columns: tuple[str, ...]
    facts: int
    first: dict[str, str | None]
    """Empty, as `last`, if the ledger is confidential: standard error of a job is often kept."""
    last: dict[str, str | None]
    """The last fact. A column that it does not have is missing."""


def shown_fact(columns: Sequence[str], fact: Sequence[Value]) -> dict[str, str | None]:
    """The columns of a fact that are not absent."""
    return {name: value for name, value in zip(columns, fact, strict=True) if value is not ABSENT}


class Noted:
    """A table whose first and last fact are noted while they are read."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.columns = table.columns
        self.facts = 0
        self._first: Sequence[Value] = ()
        self._last: Sequence[Value] = ()

    @property
    def first(self) -> dict[str, str | None]:
        """The first fact, without columns that it does not have."""
        return shown_fact(self.columns, self._first)

    @property
    def last(self) -> dict[str, str | None]:
        """The last fact."""
        return shown_fact(self.columns, self._last)

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        for positions, facts in self.chunks():
            yield from zip(positions, map(tuple, facts), strict=True)

    def chunks(self) -> Iterator[Chunk]:
        """As `facts.ChunkedTable`."""
        for positions, facts in chunks_of(self._table):
            if not self.facts:
                self._first = facts[0]
            self.facts += len(facts)
            self._last = facts[-1]
            yield positions, facts


def as_text(reading: Reading) -> Iterator[str]:
    """Lines for people."""
    how = ", ".join((reading.reader, *reading.read_as))
    yield f"read as    {how}"
    for number, file in enumerate(reading.files, 1):
        if len(reading.files) > 1:
            yield f"file {number:<5} {file}"
    for number, line in enumerate(reading.skipped[:_SKIPPED], 1):
        yield f"not read   line {number}: {brief(line, 2 * _CELL)}"
    if len(reading.skipped) > _SKIPPED:
        yield f"not read   {len(reading.skipped) - _SKIPPED} more lines above the header"
    yield f"facts      {reading.facts}, in {_count(len(reading.columns), 'column')}"
    if reading.first:
        yield from _table(reading)
    else:
        more = f", and {len(reading.columns) - _COLUMNS} more" if len(reading.columns) > _COLUMNS else ""
        yield f"columns    {', '.join(brief(n, _CELL) for n in reading.columns[:_COLUMNS])}{more}"


def _table(reading: Reading) -> Iterator[str]:
    """The first and the last fact, with one line for each column."""
    rows = [("column", "first fact", "last fact")]
    for name in reading.columns[:_COLUMNS]:
        rows.append((brief(name, _CELL), _cell(reading.first, name), _cell(reading.last, name)))
    if reading.facts == 1:
        rows = [(name, first, "") for name, first, _ in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for name, first, last in rows:
        yield f"  {name:<{widths[0]}}  {first:<{widths[1]}}  {last}".rstrip()
    if len(reading.columns) > _COLUMNS:
        yield f"  ... and {_count(len(reading.columns) - _COLUMNS, 'more column')}"


def _cell(fact: dict[str, Any], name: str) -> str:
    """A value as it is shown: quoted, so that blanks at its ends and an empty one are seen."""
    if name not in fact:
        return "(absent)"
    value = fact[name]
    return "null" if value is None else brief(value, _CELL)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
