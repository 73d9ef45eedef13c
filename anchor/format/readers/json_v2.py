# SPDX-License-Identifier: Apache-2.0
"""`json-v2`: the facts of a JSON document of any size. FORMAT.md section 17.3.

The file is read twice: for the columns, which are known when all facts were seen, and for the facts.
"""

from collections.abc import Iterator
from typing import ClassVar, Final

from anchor import limits
from anchor.errors import Refused
from anchor.format.facts import Chunk, Objects, check_columns, fact_from
from anchor.format.readers.flat_objects import FlatObjects, NamesOfObjects
from anchor.format.readers.json_dialect import JsonDialect
from anchor.format.readers.json_document import Elsewhere, Found, JsonDocument, Several
from anchor.format.readers.json_outline import remedy_for
from anchor.format.readers.reader import NO_DIALECT, ChunkFileReader, Dialect, SeekableFile

_TOGETHER: Final = 1 << 17
"""Characters of facts that make a chunk."""


class JsonFacts(ChunkFileReader):
    """The facts of a JSON document. A position is the line on which a fact begins."""

    name = "json-v2"
    published = "source.json"
    suffixes = (".json",)
    any_members = True
    like_version_1 = "json-v1"
    dialect_type: ClassVar[type[Dialect]] = JsonDialect

    def __init__(self, file: SeekableFile, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        self._file, self._where = file, where
        self._dialect = dialect if isinstance(dialect, JsonDialect) else JsonDialect()
        names = NamesOfObjects()
        try:
            for found in self._document(names):
                if isinstance(found, Found):
                    names.add(found.fact)
        except Elsewhere as e:
            file.seek(0)
            remedy = remedy_for(e.first, JsonDocument(file, where, JsonDialect()), self._dialect)
            raise Refused(e.problem, where=e.where, remedy=remedy) from None
        self.columns = check_columns(tuple(names.names), where=where, most=limits.COLUMNS_2)
        self._from_object = fact_from(self.columns)
        self._plain = self._dialect == JsonDialect()

    @property
    def needs_version_2(self) -> bool:
        return not self._plain

    def chunks(self) -> Iterator[Chunk]:
        document = self._document(FlatObjects(self.columns, null=None))
        single, size = list[Found](), 0
        try:
            for found in document:
                if isinstance(found, Found):
                    single.append(found)
                    size += found.size
                    if size < _TOGETHER:
                        continue
                if single:
                    yield self._chunk(single)
                    single, size = [], 0
                if isinstance(found, Several):
                    self._plain = self._plain and found.block.alike and not found.block.nulls
                    yield found.lines, found.block.facts
        except Refused:
            if single:
                yield self._chunk(single)
            raise
        if single:
            yield self._chunk(single)
        if (
            document.size > limits.ARRAY
            or document.facts > limits.FACTS
            or len(self.columns) > limits.COLUMNS
        ):
            self._plain = False

    def _chunk(self, found: list[Found]) -> Chunk:
        """Facts that were read one by one."""
        facts = [f.fact for f in found]
        if any(f.nested or len(f.fact) != len(self.columns) or None in f.fact.values() for f in found):
            self._plain = False
        return [f.line for f in found], Objects(facts, self._from_object, whole=False)

    def _document(self, flat: FlatObjects | NamesOfObjects) -> JsonDocument:
        self._file.seek(0)
        return JsonDocument(self._file, self._where, self._dialect, flat=flat)
