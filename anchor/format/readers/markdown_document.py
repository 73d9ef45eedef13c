# SPDX-License-Identifier: Apache-2.0
"""A Markdown document by lines: where its tables are, and that nothing hides one.

FORMAT.md section 17.5, rules 1 to 6. It is not a Markdown parser. What could make a table look otherwise to
whoever sees the rendered page is refused.
"""

from collections.abc import Iterator
from typing import NamedTuple

from anchor import regex
from anchor.errors import Refused
from anchor.format.readers import markdown_line as line_rules
from anchor.format.readers.lines import TextLines
from anchor.format.readers.markdown_line import TAG, cells_of, is_delimiter_row, is_empty
from anchor.format.readers.reader import Stream

CONVERT = "write the table into a CSV file: anchor convert"
_FENCE = regex.expression(r"( {0,3})(?:(`{3,})[^`]*|(~{3,}).*)")
_HEADING = regex.expression(r"( {0,3})(#{1,6})(?:[ \t](.*))?")
_UNDERLINE = regex.expression(r" {0,3}(?:=+|-+)[ \t]*")
_RULE = regex.expression(r"---[ \t]*")
_DOTS = regex.expression(r"\.\.\.[ \t]*")
_CLOSING_MARKS = regex.expression(r"(?:^|[ \t]+)#+$")


class FoundTable(NamedTuple):
    """A table of the document."""

    line: int
    """That of its header, from 1."""
    heading: int
    """The number of the heading that it stands under, from 1; 0 if there is none above it."""


class _Fence(NamedTuple):
    line: int
    indent: int
    mark: str
    """The character."""
    size: int

    def is_closed_by(self, line: str) -> bool:
        found = _FENCE.fullmatch(line.rstrip(line_rules.BLANK))
        if found is None or (self.indent and len(found[1]) != self.indent):
            return False
        marks = found[2] or found[3]
        rest = line[len(found[1]) :].strip(line_rules.BLANK)
        return marks[0] == self.mark and len(marks) >= self.size and rest == marks


class MarkdownDocument:
    """The tables and headings of a document. Raises `Refused` for a document that the rules refuse."""

    def __init__(self, stream: Stream, where: str) -> None:
        self.where = where
        self.tables: list[FoundTable] = []
        self.headings: list[str] = []
        """The text of each heading; "" for one whose text is not compared."""
        self.defines_links = False
        """A line has `]:`, which may define a link."""
        self._lines = TextLines(stream, where)
        self._before = ""
        """The line before; "" at the start of the document, and after a fence or a comment."""
        self._rows = 0
        """The lines of the run that begins with `|`, up to here."""
        self._in_table = False
        self._header = ""
        self._alone = False
        self._spans = _Run()
        self._read()

    def _read(self) -> None:
        lines = iter(self._next, None)
        fence: _Fence | None = None
        for line in lines:
            if self._lines.number == 1 and _RULE.fullmatch(line):
                self._front_matter(lines)
            elif fence is not None:
                fence = self._inside(fence, line)
            elif (opened := _FENCE.fullmatch(line)) is not None:
                marks = opened[2] or opened[3]
                fence = _Fence(self._lines.number, len(opened[1]), marks[0], len(marks))
                if fence.indent:
                    self._text(line)
                else:
                    self._end_run()
            elif line.startswith("<!--"):
                self._end_run()
                self._comment(line, lines)
            else:
                self._text(line)
        if fence is not None:
            raise self._refused("a code fence that is not closed", "close it", line=fence.line)

    def _next(self) -> str | None:
        line = self._lines.text()
        return None if line is None else self._lines.check_control(line)

    def _front_matter(self, lines: Iterator[str]) -> None:
        for line in lines:
            if _RULE.fullmatch(line):
                self._before = "---"
                return
            self.defines_links |= "]:" in line
            hides = line.startswith("|") or is_delimiter_row(line) or "```" in line or "~~~" in line
            if _DOTS.fullmatch(line) or hides or TAG.search(line):
                raise self._refused("front matter that can be shown as something else", "take this line out")
        raise self._refused("front matter without its end", "end it with '---'", line=1)

    def _inside(self, fence: _Fence, line: str) -> _Fence | None:
        """Inside of a code fence; None at its end."""
        if fence.is_closed_by(line):
            if fence.indent:
                self._text(line)
            self._end_run()
            self._before = ""
            return None
        if fence.indent and not is_empty(line):
            rest = line.lstrip(line_rules.BLANK)
            if len(line) - len(line.lstrip(" ")) < fence.indent or rest.startswith(fence.mark * 3):
                raise self._refused(
                    "a code fence that a list may end here", "write the fence without indentation"
                )
            self._text(line)
        return fence

    def _comment(self, line: str, lines: Iterator[str]) -> None:
        start = self._lines.number
        if line.startswith(("<!-->", "<!--->")):
            raise self._refused("a comment that ends at once for some renderers", "take it out")
        text = line[4:]
        while "-->" not in text:
            self._check_comment(text)
            following = next(lines, None)
            if following is None:
                raise self._refused("a comment that is not closed", "close it with '-->'", line=start)
            text = following
        inside, _, after = text.partition("-->")
        self._check_comment(inside)
        if not is_empty(after):
            raise self._refused("text after a comment, on its line", "put it on a line of its own")
        self._before = ""

    def _check_comment(self, text: str) -> None:
        if "--!>" in text:
            raise self._refused("'--!>' in a comment, which ends it for a browser", "take it out")

    def _text(self, line: str) -> None:
        """A line outside of unindented fences and comments."""
        if is_empty(line):
            self._in_table = False
            self._end_run()
            self._before = line
            return
        self.defines_links |= "]:" in line
        self._tags(line)
        self._heading(line)
        if line.startswith("|"):
            self._table_line(line)
        else:
            self._end_rows()
            if is_delimiter_row(line):
                raise self._refused(
                    "a row of '---' that begins a table of another form",
                    "begin and end each line of a table with '|', without indentation",
                )
        self._before = line

    def _table_line(self, line: str) -> None:
        self._rows += 1
        if self._rows == 2 and is_delimiter_row(line):
            self._begin_table(line)
        elif not self._in_table and is_delimiter_row(line):
            problem = "a row of '---' that is not directly under a header"
            raise self._refused(problem, "put the header above it")
        elif self._rows == 1:
            self._header, self._alone = line, is_empty(self._before)

    def _begin_table(self, delimiter: str) -> None:
        at = self._lines.number - 1
        if not self._alone:
            raise self._refused("no empty line before a table", "put one", line=at)
        if "\\\\|" in self._header or "\\\\|" in delimiter:
            raise self._refused(
                "'\\\\|' can be read in two ways", "write a '|' inside a cell as '\\|'", line=at
            )
        header, under = cells_of(self._header), cells_of(delimiter)
        if header is None or under is None:
            problem = "a table whose first two lines do not begin and end with '|'"
            raise self._refused(problem, "write the '|' at both ends", line=at)
        if len(header) != len(under):
            raise self._refused(
                f"{len(under)} delimiter cells under a header of {len(header)}", "write '---' for each column"
            )
        self._in_table = True
        self.tables.append(FoundTable(at, len(self.headings)))

    def _heading(self, line: str) -> None:
        if (found := _HEADING.fullmatch(line)) is not None:
            text = _CLOSING_MARKS.sub("", (found[3] or "").strip(line_rules.BLANK))
            self.headings.append("" if found[1] else text.strip(line_rules.BLANK))
        elif _UNDERLINE.fullmatch(line):
            self.headings.append("")

    def _tags(self, line: str) -> None:
        found = line_rules.tags_of(line)
        self._spans = self._spans.with_line(found, self._lines.number)
        if found.bare or (self._spans.tag_line and self._spans.unsure):
            raise self._refused(
                "HTML, which can hide a table", CONVERT, line=0 if found.bare else self._spans.tag_line
            )

    def _end_rows(self) -> None:
        if self._in_table:
            raise self._refused("text directly after a table", "put an empty line after the table")
        self._rows = 0

    def _end_run(self) -> None:
        """An empty line, a fence, a comment or the end of the document."""
        self._end_rows()
        self._spans = _Run()

    def _refused(self, problem: str, remedy: str, *, line: int = 0) -> Refused:
        return self._lines.refused(problem, remedy, line=line or None)


class _Run(NamedTuple):
    """The code spans of the lines since the last empty line."""

    tag_line: int = 0
    """The first line with a tag in a code span."""
    unsure: bool = False

    def with_line(self, found: line_rules.Tags, number: int) -> "_Run":
        first = self.tag_line or (number if found.in_span else 0)
        return _Run(first, self.unsure or found.unsure)
