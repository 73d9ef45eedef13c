# SPDX-License-Identifier: Apache-2.0
"""Lines of a table that are probably no facts, and fields that only blanks separate.

People write units, or a second line of names, below the header, and a note below the last line. A program
writes columns of equal width. Each rule is narrow: a file that is right must not be refused.
"""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import takewhile

from anchor import regex
from anchor.intake.header import kind_of

_NUMBERS = ("integer", "number")
_UNIT_WORDS = frozenset(
    {"unit", "units", "einheit", "einheiten", "unité", "unités", "unidad", "unidades", "unità"}
)
_MISSING = frozenset(
    {"na", "n/a", "n.a.", "null", "none", "nan", "-", "–", "—", ".", "..", "...", ":", "x", "?", "unknown"}
)
_UNIT = regex.expression(
    r"[(\[].*[)\]]|.*[°%€$£µ²³/].*|[kmcµ]?[gmlsJWNVA]|km|cm|mm|kg|eur|usd|gbp|chf", re.IGNORECASE
)
_NOTE = regex.expression(
    r"(?:data )?(?:sources?|notes?|quellen?|fuentes?|fontes?|anmerkung(?:en)?|remarques?) ?[:.].*|[©†].*",
    re.IGNORECASE | re.DOTALL,
)
_LEAST = 3
"""Lines below an odd one that a rule needs."""
_NOTES = 30
"""Lines below a table that are taken for notes."""
_BLOCK = 50
"""Lines of a table that show whether it is one."""
_BEGINS_WITH_YEAR = regex.expression(r"(?:1[5-9]|20|21)\d\d(?!\d).*", re.DOTALL)
_BEGINS_WITH_DIGIT = regex.expression(r"\d.*", re.DOTALL)


def words_above_numbers(rows: Sequence[Sequence[str]]) -> bool:
    """True if the first of these rows, which stand below a header, has words in every column of numbers.

    Its other cells are empty. One such column is enough only if the word is a unit.
    """
    first, below = rows[0] if rows else (), rows[1:]
    if len(below) < _LEAST or any(len(row) != len(first) for row in rows):
        return False
    words = []
    for number, cell in enumerate(map(str.strip, first)):
        values = [value for row in below if (value := row[number].strip())]
        if not (values and all(kind_of(value) in _NUMBERS for value in values)):
            if cell and cell.casefold() not in _UNIT_WORDS:
                return False
        elif not cell or kind_of(cell) or cell.casefold() in _MISSING:
            return False
        else:
            words.append(cell)
    return len(words) > 1 or (len(words) == 1 and _UNIT.fullmatch(words[0]) is not None)


def names_in_two_rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """True if the first of these rows, which stand below a header, has a word under each empty name of it,
    no number at all, and a word above a column of numbers."""
    first, below = rows[0] if rows else (), rows[1:]
    if len(below) < _LEAST or any(len(row) != len(header) for row in rows):
        return False
    cells = [cell.strip() for cell in first]
    empty = [i for i, name in enumerate(header) if not name.strip()]
    if not empty or any(not cells[i] for i in empty) or any(cell and kind_of(cell) for cell in cells):
        return False
    return any(
        cell
        and cell.casefold() not in _MISSING
        and (values := [value for row in below if (value := row[number].strip())])
        and all(kind_of(value) in _NUMBERS for value in values)
        for number, cell in enumerate(cells)
    )


def notes_below(records: Sequence[tuple[int, Sequence[str]]], *, apart: Container[int]) -> int:
    """The number of last records (line, cells) that have one cell alone, and are notes below a table.

    The first of them begins as a note does, or is one of the lines `apart`, which stand below an empty one.
    """
    last = reversed(records[-_NOTES - 1 :])
    alone = sum(1 for _ in takewhile(lambda record: _is_alone(record[1]), last))
    above = records[: len(records) - alone]
    if not 0 < alone <= _NOTES or not above or any(_is_alone(cells) for _, cells in above):
        return 0
    line, cells = records[-alone]
    begins = len(above) >= _LEAST and _NOTE.fullmatch(cells[0].strip()) is not None
    return alone if begins or line in apart else 0


def _is_alone(row: Sequence[str]) -> bool:
    return len(row) > 1 and bool(row[0].strip()) and not any(map(str.strip, row[1:]))


def is_blank(row: Sequence[str]) -> bool:
    """True for a row of several cells that have nothing but blanks."""
    return len(row) > 1 and not any(map(str.strip, row))


def second_table(records: Iterable[tuple[int, Sequence[str]]]) -> int:
    """The line of the header of a second table, which stands below an empty line; 0 if there is only one.

    A few lines with two fields above a wider table are its title, and no table.
    """
    above: list[tuple[int, bool]] = []
    for line, rows in _blocks(records):
        width, is_table = len(rows[0]), _has_header(rows)
        if is_table and any(w == width or (w > 2 and table) for w, table in above):
            return line
        if width > 1 and len(rows) > 1 and sum(len(row) <= width for row in rows) * 10 >= len(rows) * 9:
            above.append((width, is_table))
    return 0


def _blocks(records: Iterable[tuple[int, Sequence[str]]]) -> Iterator[tuple[int, list[list[str]]]]:
    """The first rows of each block between empty lines, without empty cells at the end, and its line."""
    line, rows = 0, list[list[str]]()
    for number, fields in records:
        cells = [cell.strip() for cell in fields]
        while cells and not cells[-1]:
            cells.pop()
        if cells and len(rows) < _BLOCK:
            line = line if rows else number
            rows.append(cells)
        elif not cells and rows:
            yield line, rows
            rows = []
    if rows:
        yield line, rows


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """True if the first row has words above each column of numbers or dates, and there is such a column."""
    header, *below = rows
    if len(header) < 2 or not below or not all(header) or any(len(row) > len(header) for row in below):
        return False
    found = False
    for number, name in enumerate(header):
        values = [row[number] for row in below if len(row) > number and row[number]]
        if values and all(map(kind_of, values)):
            if kind_of(name) or name.casefold() in _MISSING:
                return False
            found = True
    return found


def names_above_years(rows: Sequence[Sequence[str]]) -> int:
    """The number of first rows that are names with values, such as a title and a unit, if all rows below
    begin with a year and have nothing but numbers behind it. Such a table has no header."""
    first = next((i for i, row in enumerate(rows) if row and _BEGINS_WITH_DIGIT.fullmatch(row[0])), 0)
    above, below = rows[:first], rows[first:]
    if len(above) <= _LEAST or len(below) < _LEAST or any(len(row) < 2 for row in below):
        return 0
    years = all(_BEGINS_WITH_YEAR.fullmatch(row[0]) for row in below)
    cells = [cell.strip() for row in below for cell in row[1:]]
    numbers = all(kind_of(c) in _NUMBERS or c.casefold() in _MISSING or not c for c in cells)
    return first if years and numbers else 0


def blank_fields(header: str, values: Sequence[str]) -> int:
    """The number of fields that blanks separate, in a table of one column; 0 if it is one column of text.

    The header and all values have equally many words. Two of the columns have nothing but numbers; one is
    enough if the words of each line are at the same places, or several blanks stand between them.
    """
    width = len(header.split())
    rows = [value.split() for value in values]
    if (
        width < 2
        or len(rows) < 2
        or any(len(row) != width for row in rows)
        or any(map(kind_of, header.split()))
    ):
        return 0
    numeric = sum(all(kind_of(row[i]) in _NUMBERS for row in rows) for i in range(width))
    aligned = "  " in header.strip() and all("  " in value.strip() for value in values)
    return width if numeric > 1 or (aligned and numeric) else 0
