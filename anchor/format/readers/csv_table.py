# SPDX-License-Identifier: Apache-2.0
"""`csv-v1`: RFC 4180 with a header. FORMAT.md section 3.3. Names and values are taken as they stand.

Lines end in CRLF or LF. Blanks belong to the value; a quote stands only around a whole field, doubled inside.
A line end inside quotes is carried as it is written. An empty line is refused: with one column it could be
read as a value or as nothing.
"""

import re
from collections.abc import Iterator

from anchor import limits
from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, MAX_FACTS, Row, check_columns
from anchor.format.readers.lines import TextLines
from anchor.format.readers.reader import Stream, StreamReader

_FIELD = re.compile(r'"((?:[^"]++|"")*+)"(?=,|\Z)|([^",\r\n]*+)(?=,|\Z)')
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""General category Cc without TAB, LF and CR, which may stand inside quotes."""


class CsvTable(StreamReader):
    """The facts of a CSV file; the header is read at once."""

    name = "csv-v1"
    published = "ledger.csv"
    suffixes = (".csv",)

    def __init__(self, stream: Stream, *, where: str) -> None:
        self._lines = TextLines(stream, where)
        self._number = 1
        header = self._record()
        if header is None:
            raise self._refused("no header", "name the columns in the first line")
        self.columns = check_columns(header, where=f"{where}: line 1")

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        width, count = len(self.columns), 0
        while (record := self._record()) is not None:
            count += 1
            if count > MAX_FACTS:
                raise self._refused(f"more than {MAX_FACTS} facts", "split the ledger")
            if len(record) != width:
                raise self._refused(
                    f"{len(record)} fields in a table of {width} columns",
                    "give each record one field a column; quote a field that holds a comma",
                )
            yield self._number, tuple(record)
        if not count:
            raise self._refused("no facts", "add a record under the header")

    def _record(self) -> list[str] | None:
        """The fields of the next record, None at the end of the file."""
        text = self._lines.text()
        self._number = self._lines.number
        if text is None:
            self._number += 1
            return None
        if not text:
            raise self._refused("an empty line", 'take it out, or write "" for an empty value')
        if '"' not in text:
            fields = self._lines.check_control(text).split(",")
        else:
            fields = self._fields(self._quoted(text))
        if len(text) > MAX_CELL or self._number != self._lines.number:
            for number, field in enumerate(fields, 1):
                if len(field) > MAX_CELL:
                    raise self._refused(
                        f"field {number} has {len(field)} characters, more than {MAX_CELL}", "shorten it"
                    )
        return fields

    def _quoted(self, text: str) -> str:
        """The whole record that begins with `text`: lines are added while a quote is open."""
        quotes, parts, size = text.count('"'), [text], len(text)
        while quotes % 2:
            parts.append(self._line_end)
            more = self._lines.text()
            if more is None:
                raise self._refused(
                    "a quote that is not closed", "close it; write a quote inside a field twice"
                )
            quotes += more.count('"')
            size += len(parts[-1]) + len(more)
            parts.append(more)
            if size > limits.ITEM:
                raise self._refused(
                    f"a record of more than {limits.ITEM} characters", "close the quote, or shorten it"
                )
        record = "".join(parts)
        odd = _CONTROL.search(record)
        if odd:
            raise self._refused(f"control character U+{ord(odd.group()):04X}", "take it out")
        return record

    @property
    def _line_end(self) -> str:
        return "\r\n" if self._lines.crlf else "\n"

    def _fields(self, record: str) -> list[str]:
        fields: list[str] = []
        at = 0
        while True:
            found = _FIELD.match(record, at)
            if not found:
                raise self._refused(
                    f"field {len(fields) + 1} has a quote or a line end at the wrong place",
                    "quote the whole field, and write a quote inside it twice",
                )
            fields.append(found[2] if found[1] is None else found[1].replace('""', '"'))
            at = found.end() + 1
            if at > len(record):
                return fields

    def _refused(self, problem: str, remedy: str) -> Refused:
        return self._lines.refused(problem, remedy, line=self._number)
