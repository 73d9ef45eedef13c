# SPDX-License-Identifier: Apache-2.0
"""Lines of a text ledger: strict UTF-8, no BOM, ends in LF or CRLF, bounded before they are read.

The readers decide what a line means.
"""

from collections.abc import Iterator

from anchor import regex
from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, MAX_FILE, MAX_LINE, Row, brief
from anchor.format.readers.reader import Stream

BOM = b"\xef\xbb\xbf"
_CONTROL = regex.expression("[\x00-\x08\x0a-\x1f\x7f-\x9f]")
"""General category Cc without TAB."""


class RawLines:
    """The lines of a stream as bytes, without their LF. A line is never read beyond the limit."""

    def __init__(self, stream: Stream, where: str, *, limit: int = MAX_LINE) -> None:
        self._read = stream.readline
        self.where = where
        self.number = 0
        """Line that was given last, from 1."""
        self.ended = False
        """That line had an LF: only the last line of a file may lack it."""
        self._limit = limit
        self._total = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self._read(self._limit + 3)
        if not line:
            raise StopIteration
        self.number += 1
        self._total += len(line)
        if self._total > MAX_FILE:
            raise self.refused(f"the file is larger than {MAX_FILE} bytes", "split the ledger")
        if self.number == 1 and line.startswith(BOM):
            raise self.refused("a byte order mark", "save the file as UTF-8 without BOM")
        self.ended = line.endswith(b"\n")
        if self.ended:
            line = line[:-1]
        end = self.ended and line.endswith(b"\r")
        if len(line) - end > self._limit:
            raise self.refused(f"a line of more than {self._limit} bytes", "shorten the line")
        return line

    @property
    def place(self) -> str:
        """The file and the line that was given last, for messages."""
        return f"{self.where}: line {self.number}"

    def refused(self, problem: str, remedy: str, *, line: int | None = None, field: str = "") -> Refused:
        """A `Refused` at this line, or at another `line`, or in one of its fields."""
        place = f"{self.where}: line {self.number if line is None else line}"
        return Refused(problem, where=f"{place}: {field}" if field else place, remedy=remedy)


class TextLines(RawLines):
    """The lines of a stream as text, without their LF or CRLF."""

    crlf = False
    """The line that was given last ended in CRLF."""

    def text(self) -> str | None:
        """The next line, or None at the end."""
        line = next(self, None)
        if line is None:
            return None
        self.crlf = self.ended and line.endswith(b"\r")
        if self.crlf:
            line = line[:-1]
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as e:
            raise self.refused(
                f"byte {e.start + 1} of the line is not UTF-8", "save the file as UTF-8"
            ) from None

    def check_control(self, line: str) -> str:
        """The line, if it has no control character but TAB."""
        if not line.isprintable():
            odd = _CONTROL.search(line)
            if odd:
                raise self.refused(
                    f"control character U+{ord(odd.group()):04X} at column {odd.start() + 1}", "take it out"
                )
        return line

    def check_cells(self, row: Row, columns: tuple[str, ...]) -> Row:
        """The row, if no cell is longer than the limit. To be called for long lines only."""
        for name, cell in zip(columns, row, strict=False):
            if len(cell) > MAX_CELL:
                raise self.refused(
                    f"a value of {len(cell)} characters, more than {MAX_CELL}",
                    "shorten the value",
                    field=brief(name),
                )
        return row
