# SPDX-License-Identifier: Apache-2.0
"""Rows of texts, as a spreadsheet or a delimited file has them, to the columns and facts of a table.

The rows are gone through twice: which columns are empty, and where the notes below the table begin, is known
only at the end.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from anchor import regex
from anchor.errors import Misuse
from anchor.format.facts import brief
from anchor.intake.convert.changes import Changes
from anchor.intake.odd_rows import second_table

Rows = Callable[[], Iterator[tuple[int, list[str]]]]
"""Gives the rows anew at each call: the number of the row in its file, from 1, and its cells."""

_CONTROL = regex.expression("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ENDS = regex.expression("\r\n?")
BETWEEN: Final = " / "
"""Stands between the names of several header rows."""
_SEARCHED = 50
"""Rows in which a header is searched for."""


class Converted:
    """The table: its columns, and its facts each time it is gone through."""

    def __init__(
        self,
        rows: Rows,
        changes: Changes,
        *,
        unit: str,
        skip: int | None,
        header_rows: int = 1,
        where: str,
    ) -> None:
        """`unit` is what a row is called, such as `line`; `skip` is the number of rows above the header, None
        to search for it. `header_rows`: of so many rows, the first below `skip`, the header is put together.
        Raises `Misuse` for a table without a header or without a fact."""
        self._changes, self._unit, self._where = changes, unit, where
        if header_rows > 1:
            rows = _joined_header(rows, changes, skip=skip or 0, count=header_rows, unit=unit)
            skip = skip or 0
        self._rows = rows
        self._header = _header_row(rows, skip)
        self._check_one_table()
        self._used, self._last, self._width = self._look()
        self.columns = self._names()
        if not self.columns or self._last <= self._header:
            raise Misuse(
                "no table with a header and at least one row",
                where=where,
                remedy=f"give --skip, the number of {unit}s above the header",
            )

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        changes = self._changes
        for number, row in self._rows():
            place = f"{self._unit} {number}"
            if number < self._header:
                changes.add(f"a {self._unit} above the header is left out", place=place, text=_joined(row))
            elif number > self._last and _filled(row):
                changes.add(f"a {self._unit} below the table is left out", place=place, text=_joined(row))
            elif number > self._header and not _filled(row):
                changes.add(f"an empty {self._unit} is left out", place=place)
            elif number > self._header:
                yield number, self._fact(row, place)

    def _fact(self, row: list[str], place: str) -> tuple[str, ...]:
        if len(row) < self._width:
            self._changes.add("a short row is filled up with empty values", place=place, text=_joined(row))
            row = row + [""] * (self._width - len(row))
        return tuple(self._clean(row[i], place) for i in self._used)

    def _clean(self, value: str, place: str) -> str:
        if value.isprintable():
            return value
        if _CONTROL.search(value):
            self._changes.add("control characters are taken out of a value", place=place, text=value)
            value = _CONTROL.sub("", value)
        if "\r" in value:
            self._changes.add("line ends inside a value are made LF", place=place, text=value)
            value = _ENDS.sub("\n", value)
        return value

    def _check_one_table(self) -> None:
        if again := second_table(row for row in self._rows() if row[0] >= self._header):
            problem = f"a second table begins in {self._unit} {again}"
            remedy = "write each table into a file of its own"
            raise Misuse(problem, where=self._where, remedy=remedy)

    def _look(self) -> tuple[list[int], int, int]:
        """The columns that have a name or a value, the last row of the table, the width of the header."""
        names: list[str] = []
        used: set[int] = set()
        last = self._header
        for number, row in self._rows():
            if number == self._header:
                names = row
                used = {i for i, name in enumerate(names) if name.strip()}
            elif number > self._header and _filled(row):
                extra = [i for i in range(len(names), len(row)) if row[i].strip()]
                if extra:
                    raise self._too_wide(number, row, len(names), row[extra[0]])
                if not _is_note(row, len(names)):
                    last = number
                    used |= {i for i, value in enumerate(row) if value.strip()}
        return sorted(used), last, len(names)

    def _too_wide(self, number: int, row: list[str], width: int, value: str) -> Misuse:
        problem = f"{len(row)} fields below a header of {width}, with {brief(value)} in one that is too many"
        remedy = f"name its column, or give --skip, the number of {self._unit}s above the header"
        return Misuse(problem, where=f"{self._where}: {self._unit} {number}", remedy=remedy)

    def _names(self) -> tuple[str, ...]:
        """The names of the columns that are used: none empty, none twice."""
        header = next((row for number, row in self._rows() if number == self._header), [])
        empty = [i for i in range(len(header)) if i not in self._used]
        if empty:
            self._changes.add("a column without a name and without a value is left out", count=len(empty))
        found: list[str] = []
        taken = {header[i] for i in self._used}
        for i in self._used:
            clean = " ".join(self._clean(header[i], "the header").split())
            if clean != header[i]:
                self._changes.add("blanks or line ends in the name of a column are taken out", text=header[i])
            name = clean or _free(f"column_{i + 1}", taken)
            if name in found:
                name = _free(name, taken, first=2)
            if name != clean:
                self._changes.add("a column gets a name of its own", place=name, text=header[i])
            taken.add(name)
            found.append(name)
        return tuple(found)


def _joined_header(rows: Rows, changes: Changes, *, skip: int, count: int, unit: str) -> Rows:
    """The rows with one header row in place of the first `count` ones below `skip` that are not empty."""
    filled = (row for row in rows() if row[0] > skip and _filled(row[1]))
    header = [*itertools.islice(filled, count)]
    if not header:
        return rows
    first, last = header[0][0], header[-1][0]
    names = joined_names([row for _, row in header])
    changes.add(f"several header {unit}s are joined by {BETWEEN!r}", place=f"{unit}s {first} to {last}")
    for name in names:
        if BETWEEN in name:
            changes.add("a name is put together", count=1, text=name)

    def again() -> Iterator[tuple[int, list[str]]]:
        for number, row in rows():
            if not first <= number <= last:
                yield number, row
            elif number == last:
                yield number, names

    return again


def joined_names(rows: Sequence[Sequence[str]]) -> list[str]:
    """The name of each column, from several rows of names, the upper one first: `2020 / male`.

    A text stands for the empty cells to its right too, as in a merged cell: up to the next text of its row or
    of a row above. A text without a text below it is the name of its own column alone.
    """
    width = max(map(len, rows))
    cells = [[cell.strip() for cell in row] + [""] * (width - len(row)) for row in rows]
    found: list[list[str]] = [[] for _ in range(width)]
    starts: set[int] = set()
    for number, row in enumerate(cells):
        below = cells[number + 1 :]
        text = ""
        for column in range(width):
            if row[column]:
                starts.add(column)
                spans = any(lower[column] for lower in below)
                text = row[column] if spans else ""
                found[column].append(row[column])
                continue
            if column in starts:
                text = ""
            if text and any(lower[column] for lower in below):
                found[column].append(text)
    return [BETWEEN.join(dict.fromkeys(names)) for names in found]


def _free(name: str, taken: set[str], *, first: int = 1) -> str:
    """The name, or the name with the next number that is free."""
    if first == 1 and name not in taken:
        return name
    number = max(first, 2)
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _header_row(rows: Rows, skip: int | None) -> int:
    """The row of the header: the first one with as many texts as any of the first rows, or nearly so."""
    first: list[tuple[int, int]] = []
    for number, row in rows():
        if skip is not None and number <= skip:
            continue
        if count := sum(1 for cell in row if cell.strip()):
            if skip is not None:
                return number
            first.append((number, count))
        if len(first) >= _SEARCHED:
            break
    most = max((count for _, count in first), default=0)
    return next(
        (number for number, count in first if (count > 1 and count * 10 >= most * 8) or count == most), 0
    )


def _is_note(row: Sequence[str], width: int) -> bool:
    """True for a row that has one text alone in a table of several columns."""
    return width > 1 and bool(row and row[0].strip()) and not any(cell.strip() for cell in row[1:])


def _filled(row: Sequence[str]) -> bool:
    return any(cell.strip() for cell in row)


def _joined(row: Sequence[str]) -> str:
    return " | ".join(cell for cell in row if cell.strip())
