# SPDX-License-Identifier: Apache-2.0
"""A table of a Markdown document to rows, whatever stands around it.

The markup in its cells stays as text.
"""

from collections.abc import Iterator

from anchor import regex
from anchor.errors import Misuse
from anchor.intake.convert.changes import Changes
from anchor.intake.convert.table import Rows

_DELIMITER_ROW = regex.expression(r" *\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *")
_MARKUP = regex.expression(r"<[A-Za-z/!]|&#?\w+;|\*\*|~~|`|\]\(")


def rows_of(text: str, table: int | None, changes: Changes, *, where: str) -> Rows:
    """The rows of a table by its number from 1; None: of the only one. Numbered by lines."""
    lines = text.splitlines()
    heads = [
        i - 1
        for i, line in enumerate(lines)
        if i and "|" in line and _DELIMITER_ROW.fullmatch(line.rstrip()) and "|" in lines[i - 1]
    ]
    if not heads:
        raise Misuse("no table", where=where, remedy="a table has a row of '---' under its header")
    if table is None and len(heads) > 1:
        places = ", ".join(f"{n} (line {at + 1})" for n, at in enumerate(heads[:10], 1))
        raise Misuse(f"{len(heads)} tables: {places}", where=where, remedy="give --table")
    number = table or 1
    if number > len(heads):
        raise Misuse(f"no table {number}", where=where, remedy=f"it has {len(heads)}")
    start = heads[number - 1]
    outside = sum(1 for line in lines[:start] if line.strip())
    if outside:
        changes.add("text above the table is left out", count=outside)
    cells = [_cells(line) for i, line in enumerate(_body(lines, start)) if i != 1]
    marked = [c for row in cells[1:] for c in row if _MARKUP.search(c)]
    if marked:
        changes.add("the markup of a cell stays as text", count=len(marked), text=marked[0])

    def rows() -> Iterator[tuple[int, list[str]]]:
        return iter(enumerate(cells, 1))

    return rows


def _body(lines: list[str], start: int) -> Iterator[str]:
    for line in lines[start:]:
        if not line.strip():
            return
        yield line


def _cells(line: str) -> list[str]:
    text = line.strip().replace("\\|", "\n")
    text = text.removeprefix("|").removesuffix("|")
    return [cell.strip(" \t").replace("\n", "|") for cell in text.split("|")]
