# SPDX-License-Identifier: Apache-2.0
"""The bytes of a file in blocks of whole lines: what is usual is read a block at a time.

A reader that finds something unusual in a block takes its lines one by one, from `lines_of`.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Final, TypeVar

from anchor import limits
from anchor.errors import Refused
from anchor.format.readers.lines import BOM, TextLines
from anchor.format.readers.reader import Stream

T = TypeVar("T")

BLOCK: Final = 1 << 17
"""Bytes of a block, and up to one line more."""


class LineBlocks:
    """The blocks of a stream, in order."""

    def __init__(self, stream: Stream, where: str, *, most: int = limits.FILE_2) -> None:
        self._stream, self._where, self._most = stream, where, most
        self.size = 0
        """Bytes that were read."""
        self.line = 1
        """The first line of the next block."""

    def next(self) -> bytes:
        """The next block, b"" at the end. A line that is too long may stand at its end, and is not whole."""
        data = self._stream.read(BLOCK)
        if data and not data.endswith(b"\n"):
            data += self._stream.readline(limits.LINE + 3)
        if not self.size and data.startswith(BOM):
            raise Refused(
                "a byte order mark",
                where=f"{self._where}: line 1",
                remedy="save the file as UTF-8 without BOM",
            )
        self.size += len(data)
        if self.size > self._most:
            raise Refused(
                f"the file is larger than {self._most} bytes", where=self._where, remedy="split the ledger"
            )
        self.line += data.count(b"\n") + (not data.endswith(b"\n"))
        return data


def lines_of(block: bytes, where: str, *, line: int) -> TextLines:
    """The lines of a block one by one; `line` is the number of the first."""
    lines = TextLines(BytesIO(block), where)
    lines.number = line - 1
    return lines


def until_refused(facts: Iterable[T]) -> tuple[list[T], Refused | None]:
    """The facts before one that is refused, and the refusal, or all of them."""
    good: list[T] = []
    try:
        for fact in facts:
            good.append(fact)
    except Refused as e:
        return good, e
    return good, None
