# SPDX-License-Identifier: Apache-2.0
"""Keys that occur with more than one value, found in bounded memory.

Entries are divided by one byte of their keys into partitions, as a database does for a hash join. They
wait in a temporary file, and a partition is looked at alone. So memory is that of one partition: one 256th of
the entries, or less if it is read in pieces. Few entries are one partition, which stays in memory.
"""

import math
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, compress
from operator import ne
from typing import Final, NamedTuple, Protocol

_PARTITIONS: Final = 256
_WAITING: Final = 1 << 16

Piece = Sequence[Sequence[int]]
"""Some entries by column: keys first, then what belongs to them. Each is an integer of 64 bits."""


class Spool(Protocol):
    """A temporary file that can be written and read anywhere."""

    def write(self, data: bytes, /) -> object: ...
    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...


class Partitions:
    """Entries of some integers each, in the order in which they were added."""

    def __init__(self, spool: Spool, width: int, *, in_memory: int = _WAITING) -> None:
        """`in_memory`: entries that are in memory before they are divided."""
        self._spool, self._width, self._in_memory = spool, width, in_memory
        self._split = struct.Struct(f"{8 * width}s").iter_unpack
        self._waiting = [array("q") for _ in range(width)]
        """Entries in memory, by column."""
        self._offsets = [array("q") for _ in range(_PARTITIONS)]
        """Begin and size of each piece of a partition in the file."""

    def extend(self, columns: Piece) -> None:
        """Add entries, given by column. Their keys are hashes, and come first."""
        packed = struct.Struct(f"{len(columns[0])}q").pack
        for waiting, column in zip(self._waiting, columns, strict=True):
            waiting.frombytes(column.tobytes() if isinstance(column, array) else packed(*column))
        if len(self._waiting[0]) >= self._in_memory:
            self._divide()

    def _divide(self) -> None:
        """Write the waiting entries to the file, those of a partition together."""
        flat = array("q", bytes(8 * self._width * len(self._waiting[0])))
        for i, column in enumerate(self._waiting):
            flat[i :: self._width] = column
            del column[:]
        data = flat.tobytes()
        parts: list[list[bytes]] = [[] for _ in range(_PARTITIONS)]
        for entry in chain.from_iterable(self._split(data)):
            parts[entry[0]].append(entry)
        begin = self._spool.seek(0, 2)
        for part, offsets in zip(parts, self._offsets, strict=True):
            if part:
                data = b"".join(part)
                self._spool.write(data)
                offsets.extend((begin, len(data)))
                begin += len(data)

    @property
    def is_empty(self) -> bool:
        """True if there are no entries."""
        return not self._waiting[0] and not any(self._offsets)

    def __iter__(self) -> Iterator["Partition"]:
        """All partitions that have entries; a single one if all entries are still in memory."""
        if not any(self._offsets):
            if self._waiting[0]:
                yield Partition(self._waiting)
            return
        self._divide()
        for offsets in self._offsets:
            if offsets:
                yield _OnDisk(self._spool, self._width, offsets)


class Partition:
    """Entries of which each key is in no other partition."""

    def __init__(self, entries: Piece) -> None:
        self._entries = entries
        self.size = len(entries[0])
        """The number of entries."""

    def pieces(self) -> Iterator[Piece]:
        """The entries in pieces, read anew each time."""
        yield self._entries

    def whole(self) -> Piece:
        """All entries at once."""
        return self._entries


class _OnDisk(Partition):
    """The entries whose keys have the same first byte."""

    def __init__(self, spool: Spool, width: int, offsets: Sequence[int]) -> None:
        self._spool, self._width, self._offsets = spool, width, offsets
        self.size = sum(offsets[1::2]) // (8 * width)

    def pieces(self) -> Iterator[Piece]:
        for begin, size in zip(self._offsets[0::2], self._offsets[1::2], strict=True):
            yield self._piece(self._read(begin, size))

    def whole(self) -> Piece:
        offsets = zip(self._offsets[0::2], self._offsets[1::2], strict=True)
        return self._piece(b"".join(self._read(begin, size) for begin, size in offsets))

    def _read(self, begin: int, size: int) -> bytes:
        self._spool.seek(begin)
        return self._spool.read(size)

    def _piece(self, data: bytes) -> Piece:
        flat = array("q", data)
        return [flat[i :: self._width] for i in range(self._width)]


class Group:
    """The facts that have one key, if their values differ."""

    __slots__ = ("count", "facts", "firsts")

    def __init__(self) -> None:
        self.count = 0
        self.facts: list[int] = []
        """The first facts, by their number."""
        self.firsts: dict[int, int] = {}
        """The first fact of each of the first values."""


class Grouped(NamedTuple):
    """The keys of some entries, and those of them that have more than one value."""

    keys: int
    """The number of different keys."""
    number: int
    """The number of groups."""
    facts: int
    """The number of facts in all groups."""
    first: list[Group]
    """The groups that were asked for."""


class Most(NamedTuple):
    """How much is kept. All groups and facts are counted."""

    facts: int
    """Facts of a group."""
    values: int
    """Values of a group."""
    groups: int | None = None
    """The first groups, if the numbers of the facts rise. None for all."""
    before: float = math.inf
    """The number of a fact: of the first groups, only those that begin before it."""


def grouped(read: Callable[[], Iterable[Piece]], most: Most) -> Grouped:
    """The keys with more than one value.

    A piece has keys, values and numbers of facts. `read` gives the pieces. It is called again if keys occur
    more than once.
    """
    last: dict[int, int] = {}
    size = facts = 0
    for keys, values, _ in read():
        last.update(zip(keys, values, strict=True))
        size += len(keys)
    several: set[int] = set()
    if len(last) < size:
        for keys, values, _ in read():
            several.update(compress(keys, map(ne, map(last.__getitem__, keys), values)))
    if not several:
        return Grouped(len(last), 0, 0, [])
    for keys, _, _ in read():
        facts += sum(map(several.__contains__, keys))
    groups = {key: Group() for key in several} if most.groups is None else _first(several, read, most)
    for piece in read() if groups else ():
        chosen = map(groups.__contains__, piece[0])
        for key, value, fact in compress(zip(*piece, strict=True), chosen):
            group = groups[key]
            group.count += 1
            if len(group.facts) < most.facts:
                group.facts.append(fact)
            if len(group.firsts) < most.values:
                group.firsts.setdefault(value, fact)
    return Grouped(len(last), len(several), facts, list(groups.values()))


def _first(keys: set[int], read: Callable[[], Iterable[Piece]], most: Most) -> dict[int, Group]:
    """Empty groups for those of the keys that come first."""
    found: dict[int, Group] = {}
    for piece in read():
        for key, fact in zip(piece[0], piece[2], strict=True):
            if fact >= most.before or len(found) == most.groups:
                return found
            if key in keys:
                found[key] = Group()
    return found
