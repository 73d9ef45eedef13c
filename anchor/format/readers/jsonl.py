# SPDX-License-Identifier: Apache-2.0
"""`jsonl-v1`: one flat JSON object a line. Columns: the first object's keys, in its order.

FORMAT.md section 3.2.
"""

import re
from collections.abc import Iterator
from typing import Any

from anchor.format.facts import MAX_CELL, MAX_FACTS, Row
from anchor.format.readers.lines import TextLines
from anchor.format.readers.objects import columns_of, decode, plain_row, row_of
from anchor.format.readers.reader import Stream, StreamReader

_BLANK = re.compile(r"[ \t\r]*")


class JsonLines(StreamReader):
    """The facts of a JSON Lines file; the first one is read at once."""

    name = "jsonl-v1"
    published = "ledger.jsonl"
    suffixes = (".jsonl", ".ndjson")

    def __init__(self, stream: Stream, *, where: str) -> None:
        self._lines = TextLines(stream, where)
        self._place = f"{where}: line "
        text = self._lines.text()
        if text is None:
            self._lines.number = 1
            raise self._lines.refused("no facts", "write one JSON object a line")
        self._first = text
        self.columns = columns_of(self._decode(text), where=f"{self._place}1")

    def _decode(self, text: str) -> Any:
        begin = end = 0
        if not text.startswith("{"):
            begin = _BLANK.match(text).end()  # type: ignore[union-attr]  # it matches the empty string too
            if begin == len(text):
                raise self._lines.refused("an empty line", "take it out")
        found, end = decode(text, begin, where=f"{self._place}{self._lines.number}")
        if end != len(text) and not _BLANK.fullmatch(text, end):
            raise self._lines.refused(f"more than one value, at column {end + 1}", "write one object a line")
        return found

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        lines, columns = self._lines, self.columns
        text: str | None = self._first
        while text is not None:
            number = lines.number
            if number > MAX_FACTS:
                raise lines.refused(f"more than {MAX_FACTS} facts", "split the ledger")
            row = plain_row(text, columns) if len(text) <= MAX_CELL else None
            yield number, self._row(text) if row is None else row
            text = lines.text()

    def _row(self, text: str) -> Row:
        return row_of(
            self._decode(text),
            self.columns,
            escapes="\\u" in text,
            long=len(text) > MAX_CELL,
            where=f"{self._place}{self._lines.number}",
        )
