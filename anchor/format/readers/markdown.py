# SPDX-License-Identifier: Apache-2.0
"""`markdown-table-v1`: the one table of a Markdown document, by the rules of FORMAT.md section 3.1 only.

It is not a Markdown parser: what could make the table look different to a reader of the rendered page (a
comment, a code fence, a second table) is refused, not interpreted.
"""

from collections.abc import Iterator

from anchor import regex
from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, MAX_FACTS, Row, brief, check_columns
from anchor.format.readers.lines import TextLines
from anchor.format.readers.reader import NO_DIALECT, Dialect, Stream, StreamReader

BLANK = " \t"
_DELIMITER = regex.expression(r":?-+:?")
_LINK = regex.expression(r"\[([^\[\]]+)\]\(([^ \t<>\"]+)\)")
_MARKS = ("*", "`")
_FENCES = ("```", "~~~")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ ", "abcdefghijklmnopqrstuvwxyz_")


class MarkdownTable(StreamReader):
    """The facts of a Markdown document; the header and the first fact are read at once."""

    name = "markdown-table-v1"
    published = "ledger.md"
    suffixes = (".md", ".markdown")
    has_header = True

    def __init__(self, stream: Stream, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        self._lines = TextLines(stream, where)
        self._names = [lower_name(plain(c)) for c in self._header()]
        self._width = len(self._names)
        self._check_delimiter()
        line = self._next_row()
        if line is None:
            raise self._lines.refused("the table has no facts", "add a row under the header")
        self._first = (self._lines.number, line)
        columns = list(self._names)
        self._linked = [at for at, c in enumerate(self._row_cells(line)) if link(c) is not None]
        """The columns of links, the last one first: each link replaces one cell by two."""
        self._linked.reverse()
        for at in self._linked:
            if columns[at]:
                columns.insert(at + 1, f"{columns[at]}_url")
        self.columns = check_columns(columns, where=self._at_header)

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        number, line = self._first
        count = 0
        current: str | None = line
        while current is not None:
            count += 1
            if count > MAX_FACTS:
                raise self._lines.refused(f"more than {MAX_FACTS} facts", "split the ledger")
            yield number, self._row(current)
            current = self._next_row()
            number = self._lines.number
        self._check_tail()

    def _header(self) -> list[str]:
        """The cells of the first line that begins with `|`."""
        lines = self._lines
        while (line := lines.text()) is not None:
            self._check_line(line)
            if line.startswith("|"):
                self._at_header = f"{lines.where}: line {lines.number}"
                return self._cells(line)
        raise Refused(
            "no table",
            where=lines.where,
            remedy="every line of the table begins with '|', without indentation",
        )

    def _check_delimiter(self) -> None:
        lines = self._lines
        line = self._next_row()
        cells = self._cells(line) if line is not None else []
        for number, cell in enumerate(cells, 1):
            if not _DELIMITER.fullmatch(cell):
                raise lines.refused(
                    f"{brief(cell)} in the line under the header",
                    "write '---' in each cell",
                    field=f"cell {number}",
                )
        if len(cells) != self._width:
            raise lines.refused(
                f"{len(cells)} delimiter cells under a header of {self._width}", "write '---' for each column"
            )

    def _next_row(self) -> str | None:
        """The next line of the run of table lines; None where the run ends."""
        line = self._lines.text()
        if line is None:
            return None
        if line.startswith("|"):
            return self._check_line(line)
        self._lines.check_control(line)
        if line.strip(BLANK):
            raise self._lines.refused(
                "text directly after the table", "put an empty line after it, or '|' at its beginning"
            )
        return None

    def _check_line(self, line: str) -> str:
        """A line up to the end of the table: no control character, comment or code fence."""
        self._lines.check_control(line)
        if "<!--" in line:
            raise self._lines.refused(
                "'<!--' before the end of the table", "move the comment below the table"
            )
        if line.lstrip(BLANK).startswith(_FENCES):
            raise self._lines.refused("a code fence before the end of the table", "move it below the table")
        return line

    def _check_tail(self) -> None:
        """Check the text below the table: no second table, and UTF-8 without control characters."""
        while (line := self._lines.text()) is not None:
            self._lines.check_control(line)
            if line.startswith("|"):
                raise self._lines.refused("a second table", "one document holds one table")

    def _cells(self, line: str) -> list[str]:
        """The cells of a line that begins with `|`, blanks at their ends taken off, `\\|` read as `|`."""
        escaped = "\\|" in line
        if escaped:
            if "\\\\|" in line:
                raise self._lines.refused(
                    "'\\\\|' can be read in two ways", "write a '|' inside a cell as '\\|'"
                )
            line = line.replace("\\|", "\n")  # no line has an LF in it
        if len(line) < 2 or not line.endswith("|"):
            raise self._lines.refused(
                "the row does not end in '|'", "end it with '|', without blanks after it"
            )
        cells = [c.strip(BLANK) for c in line[1:-1].split("|")]
        return [c.replace("\n", "|") for c in cells] if escaped else cells

    def _row_cells(self, line: str) -> list[str]:
        cells = self._cells(line)
        if len(cells) != self._width:
            raise self._lines.refused(
                f"{len(cells)} cells in a table of {self._width} columns",
                "give the row one cell for each column; write a '|' inside a cell as '\\|'",
            )
        return cells

    def _row(self, line: str) -> Row:
        cells = self._row_cells(line)
        row = [plain(c) if c.endswith(_MARKS) else c for c in cells]
        for at in self._linked:
            row[at : at + 1] = link(cells[at]) or self._unlinked(cells[at], row[at], self._names[at])
        return self._lines.check_cells(tuple(row), self.columns) if len(line) > MAX_CELL else tuple(row)

    def _unlinked(self, cell: str, text: str, name: str) -> tuple[str, str]:
        """The text of a cell without a link, in a column of links, and an empty URL."""
        if text == cell and "](" in cell:
            raise self._lines.refused(
                "a malformed link",
                "write [text](url) and nothing else in the cell",
                field=brief(name),
            )
        return text, ""


def plain(cell: str) -> str:
    """The cell without its one pair of `**` or back-ticks around all of it, if it has one."""
    if len(cell) > 4 and cell.startswith("**") and cell.endswith("**") and "**" not in cell[2:-2]:
        return cell[2:-2]
    if len(cell) > 2 and cell[0] == cell[-1] == "`" and "`" not in cell[1:-1]:
        return cell[1:-1]
    return cell


def lower_name(text: str) -> str:
    """The name of a column whose header cell has this text (FORMAT.md section 3.1, rule 7)."""
    return text.translate(_LOWER)


def link(cell: str) -> tuple[str, str] | None:
    """Text and URL of a cell that is one link and nothing else, else None."""
    found = _LINK.fullmatch(cell)
    return (found[1], found[2]) if found and _balanced(found[2]) else None


def _balanced(url: str) -> bool:
    """True if each `)` closes a `(` before it, and none stays open."""
    if "(" not in url and ")" not in url:
        return True
    depth = 0
    for c in url:
        depth += (c == "(") - (c == ")")
        if depth < 0:
            return False
    return depth == 0
