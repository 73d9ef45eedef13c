# SPDX-License-Identifier: Apache-2.0
"""`markdown-table-v2`: one table of a Markdown document, as GitHub shows it. FORMAT.md section 17.5.

The file is read twice: for its tables and for what could hide them, and for the rows of the chosen table.
"""

from collections.abc import Iterator

from anchor import limits, regex
from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, Row, brief, check_columns
from anchor.format.readers import markdown_line
from anchor.format.readers.lines import TextLines
from anchor.format.readers.markdown import link, lower_name
from anchor.format.readers.markdown_document import CONVERT, FoundTable, MarkdownDocument
from anchor.format.readers.markdown_line import DELIMITER_CELL, cells_of, is_empty, unescaped
from anchor.format.readers.reader import NO_DIALECT, Dialect, FileReader, SeekableFile

_SPACES = (
    " \t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_NESTED = 32
"""Depth of parentheses in the address of a link."""
_LINK_MARKS = regex.expression(r"[`\\]")


class MarkdownDialect(Dialect, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which table of the document is the ledger."""

    table: int | str | None = None
    """Its number from 1, or the text of the heading that it stands under."""

    def check(self, *, where: str) -> None:
        if isinstance(self.table, int) and self.table < 1:
            raise Refused("no number of a table", where=f"{where}.table", remedy="tables count from 1")
        if self.table == "":
            raise Refused("an empty heading", where=f"{where}.table", remedy="name a heading with text")

    def described(self) -> tuple[str, ...]:
        if self.table is None:
            return ()
        if isinstance(self.table, int):
            return (f"table {self.table} of the document",)
        return (f"the table under the heading {self.table!r}",)


class MarkdownTable2(FileReader):
    """The facts of the chosen table. A position is the line of a row."""

    name = "markdown-table-v2"
    published = "ledger.md"
    suffixes = (".md", ".markdown")
    has_header = True
    dialect_type = MarkdownDialect

    @property
    def needs_version_2(self) -> bool:
        return True

    def __init__(self, file: SeekableFile, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        self._file, self._where = file, where
        file.seek(0)
        self._document = MarkdownDocument(file, where)
        chosen = dialect if isinstance(dialect, MarkdownDialect) else MarkdownDialect()
        self._table = _choose(self._document, chosen.table, where)
        self._filled = 0
        lines = self._at_table()
        header = lines.text() or ""
        names = [lower_name(self._text(c, lines)) for c in self._cells(header, lines)]
        self._width = len(names)
        self._check_delimiter(lines)
        first = lines.text()
        if first is None or is_empty(first):
            raise lines.refused("the table has no facts", "add a row under the header")
        self._links = [_link(c) is not None for c in self._row_cells(first, lines)]
        columns: list[str] = []
        for name, linked in zip(names, self._links, strict=True):
            columns += [name, f"{name}_url"] if name and linked else [name]
        place = f"{where}: line {self._table.line}"
        self.columns = check_columns(columns, where=place, most=limits.COLUMNS_2)

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        self._filled = 0
        lines = self._at_table()
        lines.text()
        lines.text()
        while (line := lines.text()) is not None and not is_empty(line):
            yield lines.number, self._row(line, lines)

    def _at_table(self) -> TextLines:
        """The lines of the file, from the header of the table on."""
        self._file.seek(0)
        lines = TextLines(self._file, self._where)
        while lines.number < self._table.line - 1:
            lines.text()
        return lines

    def _check_delimiter(self, lines: TextLines) -> None:
        for number, cell in enumerate(self._cells(lines.text() or "", lines), 1):
            if not DELIMITER_CELL.fullmatch(cell):
                raise lines.refused(
                    f"{brief(cell)} in the line under the header",
                    "write '---' in each cell",
                    field=f"cell {number}",
                )

    def _cells(self, line: str, lines: TextLines) -> list[str]:
        if "\\\\|" in line:
            raise lines.refused("'\\\\|' can be read in two ways", "write a '|' inside a cell as '\\|'")
        cells = cells_of(line)
        if cells is None:
            raise lines.refused("the row does not end in '|'", "end it with '|'")
        return cells

    def _row_cells(self, line: str, lines: TextLines) -> list[str]:
        cells = self._cells(line, lines)
        if len(cells) > self._width:
            raise lines.refused(
                f"{len(cells)} cells in a table of {self._width} columns, and GitHub does not show the rest",
                "write a '|' inside a cell as '\\|'",
            )
        missing = self._width - len(cells)
        self._filled += missing
        if self._filled > limits.FILLED_CELLS:
            raise lines.refused(f"more than {limits.FILLED_CELLS} cells are missing", "write them")
        return cells + [""] * missing

    def _row(self, line: str, lines: TextLines) -> Row:
        row: list[str] = []
        for cell, linked in zip(self._row_cells(line, lines), self._links, strict=True):
            if not linked:
                row.append(self._text(cell, lines))
                continue
            found = _link(cell)
            if found is not None:
                self._check(cell, lines, whole_link=True)
                row += found
                continue
            text = self._text(cell, lines)
            if text == unescaped(cell) and "](" in cell:
                raise lines.refused("a malformed link", "write [text](url) and nothing else in the cell")
            row += [text, ""]
        return lines.check_cells(tuple(row), self.columns) if len(line) > MAX_CELL else tuple(row)

    def _text(self, cell: str, lines: TextLines) -> str:
        """The text of a cell that is no link (rule 9)."""
        if cell.isalnum() or not cell:
            return cell
        self._check(cell, lines, whole_link=_link(cell) is not None)
        return plain(cell)

    def _check(self, cell: str, lines: TextLines, *, whole_link: bool) -> None:
        defined = self._document.defines_links
        if problem := markdown_line.cell_problem(cell, whole_link=whole_link, defined=defined):
            raise lines.refused(f"the cell {brief(cell)} {problem}", f"write it as plain text, or {CONVERT}")


def _choose(document: MarkdownDocument, table: int | str | None, where: str) -> FoundTable:
    """The table that the dialect names."""
    tables = document.tables
    if not tables:
        raise Refused("no table", where=where, remedy="begin and end each line of the table with '|'")
    known = ", ".join(f"{n} (line {found.line})" for n, found in enumerate(tables[:20], 1))
    if table is None:
        if len(tables) > 1:
            raise Refused(f"{len(tables)} tables: {known}", where=where, remedy="choose one: --table NUMBER")
        return tables[0]
    if len(tables) == 1:
        raise Refused("it has one table", where=where, remedy="leave --table out")
    if isinstance(table, int):
        if table > len(tables):
            raise Refused(f"no table {table}", where=where, remedy=f"it has {known}")
        return tables[table - 1]
    headings = [n for n, text in enumerate(document.headings, 1) if text == table]
    if len(headings) != 1:
        problem = f"{len(headings) or 'no'} headings {brief(table)}"
        raise Refused(problem, where=where, remedy=f"choose by number: {known}")
    under = [found for found in tables if found.heading == headings[0]]
    if len(under) != 1:
        problem = f"{len(under) or 'no'} tables under the heading {brief(table)}"
        raise Refused(problem, where=where, remedy=f"choose by number: {known}")
    return under[0]


def plain(cell: str) -> str:
    """The text of a cell without its one pair of marks, and without back-slashes that GFM does not show."""
    x = cell[2:-2]
    bold = len(cell) > 4 and cell.startswith("**") and cell.endswith("**") and "*" not in x
    if bold and not x.endswith("\\") and x[0] not in _SPACES and x[-1] not in _SPACES:
        return unescaped(x)
    if len(cell) > 2 and cell[0] == cell[-1] == "`" and "`" not in cell[1:-1]:
        code = cell[1:-1]
        padded = code[0] == code[-1] == " " and code.strip(" ")
        return code[1:-1] if padded else code
    return unescaped(cell)


def _link(cell: str) -> tuple[str, str] | None:
    """Text and address of a cell that is one link (rule 9)."""
    found = link(cell)
    if found is None or _LINK_MARKS.search(cell):
        return None
    depth = most = 0
    for c in found[1]:
        depth += (c == "(") - (c == ")")
        most = max(most, depth)
    return found if most <= _NESTED else None
