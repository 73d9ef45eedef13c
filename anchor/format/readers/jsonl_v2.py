# SPDX-License-Identifier: Apache-2.0
"""`jsonl-v2`: one JSON value a line, with a fact in it. FORMAT.md section 17.4.

The file is read twice: for the columns, which are known when all facts were seen, and for the facts.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from anchor import limits
from anchor.errors import Refused
from anchor.format.facts import Chunk, Objects, Value, brief, check_columns, fact_from
from anchor.format.readers.flat_objects import FlatObjects, NamesOfObjects
from anchor.format.readers.json_dialect import JsonLinesDialect
from anchor.format.readers.json_facts import check_depth, check_strings, fact_of, inner, is_nested, kind_of
from anchor.format.readers.jsonl import value_of
from anchor.format.readers.line_blocks import LineBlocks, lines_of, until_refused
from anchor.format.readers.lines import TextLines
from anchor.format.readers.objects import decode
from anchor.format.readers.pointer import steps_of
from anchor.format.readers.reader import NO_DIALECT, ChunkFileReader, Dialect, SeekableFile


class JsonLinesFacts(ChunkFileReader):
    """The facts of a JSON Lines file. A position is a line."""

    name = "jsonl-v2"
    published = "ledger.jsonl"
    suffixes = (".jsonl", ".ndjson")
    any_members = True
    like_version_1 = "jsonl-v1"
    dialect_type: ClassVar[type[Dialect]] = JsonLinesDialect

    def __init__(self, file: SeekableFile, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        self._file, self._where = file, where
        self._at = dialect.at if isinstance(dialect, JsonLinesDialect) else ""
        self._steps = steps_of(self._at, where="at")
        self._plain = not self._at
        found = NamesOfObjects()
        for line, _, block in self._blocks():
            if self._at or not found.lines(block):
                for fact in self._one_by_one(block, line):
                    found.add(fact)
        self.columns = check_columns(tuple(found.names), where=where, most=limits.COLUMNS_2)

    @property
    def needs_version_2(self) -> bool:
        return not self._plain

    def chunks(self) -> Iterator[Chunk]:
        flat, from_object = FlatObjects(self.columns, null=None), fact_from(self.columns)
        for line, count, block in self._blocks():
            if not self._at and (found := flat.lines(block, count)):
                self._plain = self._plain and found.alike and not found.nulls
                yield range(line, line + len(found.facts)), found.facts
                continue
            facts, refused = until_refused(self._one_by_one(block, line))
            if facts:
                if any(len(f) != len(self.columns) or None in f.values() for f in facts):
                    self._plain = False
                yield range(line, line + len(facts)), Objects(facts, from_object, whole=False)
            if refused:
                raise refused
        if len(self.columns) > limits.COLUMNS:
            self._plain = False

    def _blocks(self) -> Iterator[tuple[int, int, bytes]]:
        """The blocks of the file, each with the number of its first line, and how many lines it has."""
        self._file.seek(0)
        blocks = LineBlocks(self._file, self._where)
        line = blocks.line
        while block := blocks.next():
            yield line, blocks.line - line, block
            line = blocks.line
        if not blocks.size:
            raise Refused("no facts", where=f"{self._where}: line 1", remedy="write one JSON object a line")
        if blocks.size > limits.FILE or line > limits.FACTS + 1:
            self._plain = False

    def _one_by_one(self, block: bytes, line: int) -> Iterator[dict[str, Value]]:
        lines = lines_of(block, self._where, line=line)
        while (text := lines.text()) is not None:
            yield self._fact(text, lines)

    def _fact(self, text: str, lines: TextLines) -> dict[str, Value]:
        value, start, end = value_of(text, lines)
        if self._steps:
            start, end = self._inside(value, text, start, end, lines.place)
            value, _ = decode(text, start, where=lines.place)
        if type(value) is not tuple:
            problem = f"the fact is {kind_of(text[start])}, no object"
            raise lines.refused(problem, "write an object with named values on each line")
        self._plain = self._plain and not any(is_nested(v) for _, v in value)
        return fact_of(value, text, start, end, where=lines.place)

    def _inside(self, value: Any, text: str, start: int, end: int, where: str) -> tuple[int, int]:
        """Where the fact is inside of the value of a line, all of which is checked."""
        found = inner(text, start, self._steps)
        if found is None:
            raise Refused(f"nothing at {brief(self._at)}", where=where, remedy="name a place that is there")
        first, last = found
        around = f"{text[start:first]}[]{text[last:end]}"
        check_depth(around, 0, len(around), levels=limits.DEPTH, where=where)
        check_depth(text, first, last, levels=limits.DEPTH, where=where)
        check_strings(value, escapes="\\u" in text, where=where)
        return found
