# SPDX-License-Identifier: Apache-2.0
"""Facts that are compared: leaf hashes and offsets in memory, the leaves themselves in a file."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import BinaryIO, Final

import msgspec

from anchor.errors import Refused
from anchor.format.concatenated import chunks_of
from anchor.format.facts import MAX_LEAF, Chunk, Fact, Table
from anchor.format.leaves import Leaves, head
from anchor.format.readers.reader import Stream
from anchor.merkle import HASH_SIZE, Accumulator, leaf_hashes

Values = dict[str, str | None]
"""The values of one fact by column. An absent column has no member."""
_BLOCK: Final = 1 << 20
_VALUES: Final = msgspec.json.Decoder(Values)


class StoredFacts:
    """A sequence of facts. The values of one are read from the file when they are asked for."""

    def __init__(
        self,
        columns: tuple[str, ...],
        hashes: bytes,
        offsets: "array[int]",
        file: BinaryIO,
        *,
        root: bytes,
        positions: "array[int] | None" = None,
    ) -> None:
        """`hashes`: the leaf hashes, 32 bytes a fact. `offsets`: where each leaf begins in `file`, and where
        the one after the last one would. `positions`: of the facts in their own file, as its reader counts
        them."""
        self.columns = columns
        self.hashes = hashes
        self.root = root
        self.positions = positions
        self._offsets = offsets
        self._file = file

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def leaf(self, index: int) -> bytes:
        """The leaf bytes of a fact, by its index from 0."""
        start = self._offsets[index]
        self._file.seek(start)
        return self._file.read(self._offsets[index + 1] - start - 1)

    def fact(self, index: int) -> Values:
        """The values of a fact, by its index from 0."""
        return _VALUES.decode(self.leaf(index))

    def leaves(self, indexes: Iterable[int]) -> Iterator[bytes]:
        """The leaf bytes of facts; rising indexes are read fast."""
        return map(self.leaf, indexes)

    def facts(self, indexes: Iterable[int]) -> Iterator[Values]:
        """The values of facts, as `leaves` gives them."""
        return map(_VALUES.decode, self.leaves(indexes))


class _Store:
    """Takes leaves in order."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._tree = Accumulator()
        self._hashes = bytearray()
        self._offsets = array("Q", (0,))

    def add(self, leaves: Sequence[bytes]) -> None:
        found = leaf_hashes(leaves)
        self._tree.extend(found)
        self._hashes += b"".join(found)
        self._file.write(b"\n".join(leaves) + b"\n")
        ends = accumulate(map(len, leaves), lambda at, size: at + size + 1, initial=self._offsets[-1])
        next(ends)
        self._offsets.extend(ends)

    def facts(self, columns: tuple[str, ...], positions: "array[int] | None" = None) -> StoredFacts:
        return StoredFacts(
            columns,
            bytes(self._hashes),
            self._offsets,
            self._file,
            root=self._tree.root(),
            positions=positions,
        )


def store(
    table: Table, file: BinaryIO, *, progress: Callable[[int], object] | None = None
) -> tuple[StoredFacts, str]:
    """The facts of a table with their positions, and the name of their encoding.

    `file` is empty, and gets the leaves. `progress` is called with the number of facts so far. Raises the
    errors of the table's reader, and `Refused` for no facts.
    """
    kept, placed = _Store(file), _Placed(table)
    leaves = Leaves(placed)
    for chunk in leaves:
        kept.add(chunk)
        if progress:
            progress(len(placed.positions))
    if not placed.positions:
        raise Refused("no facts", where="ledger", remedy="a ledger has at least one fact")
    return kept.facts(table.columns, placed.positions), leaves.encoding


def store_ledger_json(stream: Stream, columns: tuple[str, ...], file: BinaryIO, *, where: str) -> StoredFacts:
    """The facts of a ledger.json whose digest the caller compares. `file` gets the leaves.

    Its lines are the leaves, so nothing is parsed. Raises `Refused` unless its first line names these
    columns.
    """
    kept, first, rest = _Store(file), True, b""
    begin = head(columns)
    while data := stream.read(_BLOCK):
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        if len(rest) > max(MAX_LEAF + 1, len(begin)):
            raise Refused(f"a line of more than {MAX_LEAF} bytes", where=where)
        if first and lines:
            if lines[0] + b"\n" != begin:
                raise Refused("does not begin with the columns of the statement", where=where)
            del lines[0]
            first = False
        if lines and lines[-1].startswith(b"]"):
            lines.pop()
        if lines:
            kept.add([line.removesuffix(b",") for line in lines])
    return kept.facts(columns)


class _Placed:
    """A table whose positions are kept."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.columns = table.columns
        self.positions = array("Q")

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        for positions, facts in self.chunks():
            yield from zip(positions, map(tuple, facts), strict=True)

    def chunks(self) -> Iterator[Chunk]:
        """As `facts.ChunkedTable`."""
        for positions, facts in chunks_of(self._table):
            self.positions.extend(positions)
            yield positions, facts


def each_hash(hashes: bytes, start: int, end: int) -> Iterator[bytes]:
    """The hashes of some facts, one by one."""
    return (hashes[at : at + HASH_SIZE] for at in range(start * HASH_SIZE, end * HASH_SIZE, HASH_SIZE))
