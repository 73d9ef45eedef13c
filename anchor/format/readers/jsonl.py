# SPDX-License-Identifier: Apache-2.0
"""`jsonl-v1`: one flat JSON object a line. Columns: the first object's keys, in its order.

FORMAT.md section 3.2.
"""

from collections.abc import Iterator
from typing import Any

from anchor import limits, regex
from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, MAX_FACTS, Chunk, Row
from anchor.format.readers.flat_objects import FlatObjects
from anchor.format.readers.line_blocks import LineBlocks, lines_of, until_refused
from anchor.format.readers.lines import TextLines
from anchor.format.readers.objects import columns_of, decode, row_of
from anchor.format.readers.reader import NO_DIALECT, ChunkReader, Dialect, Stream

_BLANK = regex.expression(r"[ \t\r]*")


class JsonLines(ChunkReader):
    """The facts of a JSON Lines file; the first block is read at once."""

    name = "jsonl-v1"
    published = "ledger.jsonl"
    suffixes = (".jsonl", ".ndjson")

    def __init__(self, stream: Stream, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        self._blocks, self._where = LineBlocks(stream, where, most=limits.FILE), where
        self._block = self._blocks.next()
        lines = lines_of(self._block, where, line=1)
        text = lines.text()
        if text is None:
            raise Refused("no facts", where=f"{where}: line 1", remedy="write one JSON object a line")
        self.columns = columns_of(value_of(text, lines)[0], where=f"{where}: line 1")

    def chunks(self) -> Iterator[Chunk]:
        flat = FlatObjects(self.columns, null="")
        block, line = self._block, 1
        while block:
            found = flat.lines(block, self._blocks.line - line)
            if found and found.alike and self._blocks.line - 1 <= MAX_FACTS:
                yield range(line, line + len(found.facts)), found.facts
            else:
                rows, refused = until_refused(self._one_by_one(block, line))
                if rows:
                    yield range(line, line + len(rows)), rows
                if refused:
                    raise refused
            line = self._blocks.line
            block = self._blocks.next()

    def _one_by_one(self, block: bytes, line: int) -> Iterator[Row]:
        lines = lines_of(block, self._where, line=line)
        while (text := lines.text()) is not None:
            if lines.number > MAX_FACTS:
                raise lines.refused(f"more than {MAX_FACTS} facts", "split the ledger")
            yield row_of(
                value_of(text, lines)[0],
                self.columns,
                escapes="\\u" in text,
                long=len(text) > MAX_CELL,
                where=lines.place,
            )


def value_of(text: str, lines: TextLines) -> tuple[Any, int, int]:
    """The one value of a line, as `objects.decode` gives it, and where in the line it begins and ends."""
    begin = _BLANK.match(text).end()  # type: ignore[union-attr]  # it matches the empty string too
    if begin == len(text):
        raise lines.refused("an empty line", "take it out")
    found, end = decode(text, begin, where=lines.place)
    if not _BLANK.fullmatch(text, end):
        raise lines.refused(f"more than one value, at column {end + 1}", "write one object a line")
    return found, begin, end
