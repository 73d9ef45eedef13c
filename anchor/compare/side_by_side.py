# SPDX-License-Identifier: Apache-2.0
"""Differences for people: a small table for each fact, old and new value side by side.

A value may be anything that a stranger wrote. Each character that could steer a terminal is written out.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from msgspec import UNSET

from anchor.compare.differences import KINDS, Comparison, Difference, Kind
from anchor.compare.stored import Values
from anchor.errors import printable
from anchor.format.facts import Value, brief
from anchor.words import several

ABSENT, NULL = "(absent)", "(null)"
_REMARKS: Final[dict[Kind, str]] = {"filled": ", which differ only in added columns"}
_QUOTED: Final = (ABSENT, NULL)
_NAME: Final = 28
"""Characters of a line in the column of column names."""
_NARROW: Final = 8
"""Characters of a line of a value, however narrow the terminal is."""
_VALUE: Final = 400
"""Characters of a value that are shown."""
_BEFORE: Final = 40
"""Characters that are shown before the first one that differs, of a long value."""
_COLUMNS: Final = 24
"""Columns that are shown of one fact."""
_KEY: Final = 60
_MARKS: Final = 64
"""Characters without a width of their own that a line may have."""


def lines(comparison: Comparison, *, width: int, most: int | None) -> Iterator[str]:
    """The differences, a line at a time. `width`: characters of a line. `most`: facts of each kind; None: all
    of them, with all their columns and whole values."""
    counts = comparison.counts
    numbers: dict[Kind, int] = {
        "changed": counts.changed,
        "added": counts.added,
        "removed": counts.removed,
        "moved": counts.moved,
    }
    yield from _column_lines(comparison)
    for kind in KINDS:
        if kind == "filled" and comparison.columns.added:
            numbers[kind] = sum(1 for _ in comparison.of(kind))
        number = numbers.get(kind, 0)
        if not number:
            continue
        yield ""
        yield f"{kind}: {number} {'fact' if number == 1 else 'facts'}{_REMARKS.get(kind, '')}"
        shown = 0 if kind == "filled" and most is not None else most
        for difference in islice(comparison.of(kind), shown):
            yield from _fact_lines(difference, comparison, width=width, whole=most is None)
        if shown is not None and number > shown:
            yield f"  {f'and {number - shown} more; ' if shown else ''}--all shows them"


def _column_lines(comparison: Comparison) -> Iterator[str]:
    columns = comparison.columns
    for older, newer in columns.renamed[:_COLUMNS]:
        yield f"column renamed: {brief(older)} is now {brief(newer)}"
    if len(columns.renamed) > _COLUMNS:
        yield f"columns renamed: {len(columns.renamed) - _COLUMNS} more"
    for what, names in (("added", columns.added), ("removed", columns.removed)):
        for name in names[:_COLUMNS]:
            yield f"column {what}: {brief(name)}"
        if len(names) > _COLUMNS:
            yield f"columns {what}: {len(names) - _COLUMNS} more"
    if columns.reordered:
        yield "columns: in another order"


def _fact_lines(difference: Difference, comparison: Comparison, *, width: int, whole: bool) -> Iterator[str]:
    names = comparison.key.columns
    key = {name: value for name, value in (_key(difference, comparison)).items() if name in names}
    label = ", ".join(f"{brief(name)} {brief(value or '', _KEY)}" for name, value in key.items())
    yield f"  {_place(difference)}{'  ' + label if label else ''}"
    if difference.kind == "moved":
        return
    rows: Iterable[tuple[str, ...]]
    heads: tuple[str, ...]
    if difference.cells is not UNSET:
        cells = difference.cells
        rows = ((cell.column, *pair(cell.old, cell.new, whole=whole)) for cell in cells)
        heads, number = ("column", "old", "new"), len(cells)
    else:
        fact = difference.fact if difference.fact is not UNSET else {}
        rows = ((name, text(value, whole=whole)) for name, value in fact.items())
        heads, number = ("column", "value"), len(fact)
    yield from table((heads, *islice(rows, None if whole else _COLUMNS)), width=width, indent=4)
    if not whole and number > _COLUMNS:
        yield f"    and {several(number - _COLUMNS, 'more column')}"


def _key(difference: Difference, comparison: Comparison) -> Values:
    if difference.key is not UNSET:
        return difference.key
    if difference.fact is UNSET:
        return {}
    names = dict(comparison.columns.kept) if difference.kind == "removed" else {}
    return {names.get(name, name): value for name, value in difference.fact.items()}


def _place(difference: Difference) -> str:
    if difference.old_index is UNSET:
        return f"index {difference.new_index}"
    if difference.new_index is UNSET or difference.new_index == difference.old_index:
        return f"index {difference.old_index}"
    moved = ", moved" if difference.moved else ""
    return f"index {difference.old_index} -> {difference.new_index}{moved}"


def text(value: Value, *, whole: bool = False) -> str:
    """A value as it is shown. Blanks at its ends, an empty value and the words for no value are seen."""
    return _quoted(value, printable(_cut(value, 0, whole=whole)) if isinstance(value, str) else "")


def pair(old: Value, new: Value, *, whole: bool = False) -> tuple[str, str]:
    """Two values that differ. Of long ones the part around the first difference is shown, and characters that
    look alike are written out."""
    if not isinstance(old, str) or not isinstance(new, str):
        return text(old, whole=whole), text(new, whole=whole)
    start = 0
    if not whole and max(len(old), len(new)) > _VALUE:
        start = max(0, _differ_at(old, new) - _BEFORE)
    shown = [printable(_cut(value, start, whole=whole)) for value in (old, new)]
    if unicodedata.normalize("NFKC", shown[0]) == unicodedata.normalize("NFKC", shown[1]):
        shown = [ascii(value)[1:-1] for value in shown]
    return _quoted(old, shown[0]), _quoted(new, shown[1])


def _quoted(value: Value, shown: str) -> str:
    if value is UNSET:
        return ABSENT
    if value is None:
        return NULL
    plain = shown and shown == shown.strip() and shown not in _QUOTED and not shown.startswith("'")
    return shown if plain else f"'{shown}'"


def _cut(value: str, start: int, *, whole: bool) -> str:
    if whole or (not start and len(value) <= _VALUE):
        return value
    part = value[start : start + _VALUE]
    more = "..." if start + _VALUE < len(value) else ""
    return f"{'...' if start else ''}{part}{more} ({len(value)} characters)"


def _differ_at(old: str, new: str) -> int:
    """The place of the first character that differs."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old.startswith(new[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def table(rows: Iterable[Sequence[str]], *, width: int, indent: int) -> Iterator[str]:
    """Rows as lines: the first column as narrow as it may be, the others of one width, long text wrapped."""
    listed = [[printable(cell) for cell in row] for row in rows]
    first = min(_NAME, max(_width(row[0]) for row in listed))
    others = len(listed[0]) - 1
    room = max(_NARROW, (width - indent - first) // others - 2)
    for row in listed:
        columns = [wrapped(row[0], first), *(wrapped(cell, room) for cell in row[1:])]
        for number in range(max(map(len, columns))):
            parts = [column[number] if number < len(column) else "" for column in columns]
            sizes = (first, *[room] * others)
            padded = (part + " " * (size - _width(part)) for part, size in zip(parts, sizes, strict=True))
            yield (" " * indent + "  ".join(padded)).rstrip()


def wrapped(line: str, width: int) -> list[str]:
    """The parts of a text that fit into lines of this width, cut at blanks where there are some."""
    found: list[str] = []
    at = 0
    while (end := _fits(line, at, width)) < len(line):
        blank = line.rfind(" ", at + 1, end + 1)
        if blank > (at + end) // 2:
            found.append(line[at:blank])
            at = blank + 1
        else:
            found.append(line[at:end])
            at = end
    return [*found, line[at:]]


def _fits(line: str, begin: int, width: int) -> int:
    """The end of the part that fits and begins there. It has one character at least."""
    used = 0
    for at in range(begin, min(len(line), begin + width + _MARKS)):
        used += _columns(line[at])
        if used > width and at > begin:
            return at
    return min(len(line), begin + width + _MARKS)


def _width(line: str) -> int:
    """The columns of a terminal that a text takes."""
    return len(line) if line.isascii() else sum(map(_columns, line))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
