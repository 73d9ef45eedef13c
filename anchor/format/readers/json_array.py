# SPDX-License-Identifier: Apache-2.0
"""`json-v1`: one JSON array of flat objects. Columns: the first object's keys, in its order.

FORMAT.md section 3.2. The file is held in memory, hence the lower limit.
JSON Lines streams.
"""

from collections.abc import Iterator
from typing import Any, Final

from anchor import limits, regex
from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, MAX_FACTS, Chunk, Row
from anchor.format.readers.flat_objects import FlatObjects, items_at, lines_of_items
from anchor.format.readers.lines import BOM
from anchor.format.readers.objects import columns_of, decode, row_of
from anchor.format.readers.reader import NO_DIALECT, ChunkReader, Dialect, Stream

MAX_ARRAY = limits.ARRAY
"""Bytes of a JSON array; JSON Lines has no such limit."""

_PATIENCE: Final = 256
"""Facts that are read one by one after several could not be read at once."""
_BLANK = regex.expression(r"[ \t\r\n]*")


class JsonArray(ChunkReader):
    """The facts of a JSON array; the first one is decoded at once."""

    name = "json-v1"
    published = "source.json"
    suffixes = (".json",)

    def __init__(self, stream: Stream, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        self._where = where
        self._text = _read(stream, where)
        self._line, self._counted, self._fact = 1, 0, 0
        at = self._skip(0)
        if not self._text.startswith("[", at):
            raise self._refused("not an array of facts", "write [{...}, ...], or JSON Lines in a .jsonl file")
        at = self._skip(at + 1)
        if self._text.startswith("]", at):
            raise self._refused("no facts", "write at least one object into the array")
        self._begin, self._fact = at, 1
        self.columns = columns_of(self._decode(at)[0], where=self._place())

    def chunks(self) -> Iterator[Chunk]:
        flat, at, try_at = FlatObjects(self.columns, null=""), self._begin, 1
        more = True
        while more:
            items = items_at(self._text, at) if self._fact >= try_at else ""
            found = flat.items(items)
            lines = lines_of_items(items, len(found.facts), self._line) if found and found.alike else None
            if found and lines and self._fact + len(lines) <= MAX_FACTS:
                self._fact += len(lines) - 1
                yield lines, found.facts
                at, more = self._after(at + len(items))
            else:
                try_at = self._fact + _PATIENCE if items else try_at
                row, end = self._row(at)
                yield (self._line,), (row,)
                at, more = self._after(end)
        if at != len(self._text):
            raise Refused(
                "text after the array",
                where=f"{self._where}: line {self._line}",
                remedy="a file holds one array",
            )

    def _row(self, begin: int) -> tuple[Row, int]:
        """The fact that begins here, and the position after it."""
        pairs, end = self._decode(begin)
        if end - begin > limits.ITEM:
            raise self._refused(f"a fact of more than {limits.ITEM} characters", "shorten its values")
        escapes, long = self._text.find("\\u", begin, end) >= 0, end - begin > MAX_CELL
        row = row_of(pairs, self.columns, escapes=escapes, long=long, where=self._place())
        return row, end

    def _after(self, end: int) -> tuple[int, bool]:
        """The position of the next fact after one that ends here, or of the end; and if there is a fact."""
        end = self._skip(end)
        if self._text.startswith("]", end):
            return self._skip(end + 1), False
        if not self._text.startswith(",", end):
            raise self._refused("no ',' or ']' after the fact", "separate the facts with ','")
        self._fact += 1
        return self._skip(end + 1), True

    def _decode(self, begin: int) -> tuple[Any, int]:
        if self._fact > MAX_FACTS:
            raise self._refused(f"more than {MAX_FACTS} facts", "split the ledger")
        if not self._text.startswith("{", begin):
            raise self._refused("the fact is no object", "a fact is a flat object with named values")
        return decode(self._text, begin, where=self._place())

    def _skip(self, at: int) -> int:
        """The position after white space, with the line number kept up with it."""
        at = _BLANK.match(self._text, at).end()  # type: ignore[union-attr]  # it matches the empty string too
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        return at

    def _place(self) -> str:
        line = f"{self._where}: line {self._line}"
        return f"{line}: fact {self._fact}" if self._fact else line

    def _refused(self, problem: str, remedy: str) -> Refused:
        return Refused(problem, where=self._place(), remedy=remedy)


def _read(stream: Stream, where: str) -> str:
    data = stream.read(MAX_ARRAY + 1)
    if len(data) > MAX_ARRAY:
        raise Refused(
            f"an array of more than {MAX_ARRAY} bytes", where=where, remedy="write it as JSON Lines"
        )
    if data.startswith(BOM):
        raise Refused(
            "a byte order mark", where=f"{where}: line 1", remedy="save the file as UTF-8 without BOM"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise Refused(
            f"byte {e.start + 1} of the file is not UTF-8",
            where=f"{where}: line {line}",
            remedy="save it as UTF-8",
        ) from None
