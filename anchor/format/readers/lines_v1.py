# SPDX-License-Identifier: Apache-2.0
"""`lines-v1`: a text file, each line of which is a fact. FORMAT.md section 17.6."""

from collections.abc import Iterator

from anchor import regex
from anchor.errors import Refused
from anchor.format.facts import MAX_CELL, Chunk
from anchor.format.readers.line_blocks import LineBlocks, lines_of
from anchor.format.readers.reader import NO_DIALECT, ChunkReader, Dialect, Stream

_CONTROL = regex.expression("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters other than TAB and LF."""


class Lines(ChunkReader):
    """The lines of a file."""

    name = "lines-v1"
    published = "ledger.txt"
    suffixes = ()
    columns = ("line",)

    def __init__(self, stream: Stream, *, where: str, dialect: Dialect = NO_DIALECT) -> None:
        self._blocks, self._where = LineBlocks(stream, where), where

    @property
    def needs_version_2(self) -> bool:
        return True

    def chunks(self) -> Iterator[Chunk]:
        line = 1
        while block := self._blocks.next():
            facts = _at_once(block)
            if facts is None:
                yield from self._one_by_one(block, line)
            else:
                yield range(line, line + len(facts)), facts
            line = self._blocks.line
        if not self._blocks.size:
            raise Refused("no facts", where=f"{self._where}: line 1", remedy="write at least one line")

    def _one_by_one(self, block: bytes, first: int) -> Iterator[Chunk]:
        lines = lines_of(block, self._where, line=first)
        while (text := lines.text()) is not None:
            lines.check_cells((lines.check_control(text),), self.columns)
            yield (lines.number,), ((text,),)


def _at_once(block: bytes) -> list[tuple[str]] | None:
    """The facts of a block, None if anything in it may be refused."""
    if len(block) > MAX_CELL:
        return None
    try:
        text = block.decode()
    except UnicodeDecodeError:
        return None
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if _CONTROL.search(text):
        return None
    return list(zip(text.removesuffix("\n").split("\n")))
