# SPDX-License-Identifier: Apache-2.0
"""Which fact of an older sequence is which fact of a newer one.

Equal facts are paired first: those of the common beginning and end, then of each fact the first one with the
first one. After that come facts with one key, first those that stand between the same equal facts. A pair has
moved if it is not in the longest common order. Each step takes time that grows no faster than n log n,
whatever the facts are: many equal facts, or one key for all, cost no more than others.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from anchor.merkle import HASH_SIZE

NEW, EQUAL, CHANGED, MOVED = 0, 1, 2, 4
"""The kinds of facts of the newer sequence. `MOVED` is added to one of the two before it."""
_NONE: Final = -1
_KEPT: Final = 24
"""Bytes of a hash that are kept where a number of 8 bytes follows."""
_PART: Final = 1 << 15
"""Facts of both sides that are in a dictionary at once, about."""


class Pairing:
    """The pairs of two sequences of facts. It begins with the pairs of equal facts."""

    def __init__(self, old: bytes, new: bytes) -> None:
        """`old` and `new` have a hash of 32 bytes for each fact."""
        self.old_size, self.new_size = len(old) // HASH_SIZE, len(new) // HASH_SIZE
        same = _common(old, new)
        end = _common_end(old, new, least=same)
        self.partner = array("q", range(same))
        """For each fact of the newer sequence the index of the older one, or -1."""
        self.partner.frombytes(b"\xff" * (self.partner.itemsize * (self.new_size - same - end)))
        self.partner.extend(range(self.old_size - end, self.old_size))
        equal = bytes((EQUAL,))
        self.flags = bytearray(equal * same + bytes(self.new_size - same - end) + equal * end)
        """For each fact of the newer sequence `NEW`, `EQUAL` or `CHANGED`, perhaps with `MOVED`."""
        older, newer = range(same, self.old_size - end), range(same, self.new_size - end)
        for mine, theirs in _same(old, older, new, newer):
            self.partner[theirs], self.flags[theirs] = mine, EQUAL

    def taken(self) -> bytearray:
        """For each fact of the older sequence 1 if it is in a pair, else 0."""
        found = bytearray(self.old_size)
        for index in self.partner:
            if index != _NONE:
                found[index] = 1
        return found

    def removed(self) -> Iterator[int]:
        """The facts of the older sequence without a partner."""
        return _places(self.taken(), 0)

    def new(self, *flags: int) -> Iterator[int]:
        """The facts of the newer sequence with one of these flags."""
        if len(flags) == 1:
            return _places(self.flags, flags[0])
        return (at for at, flag in enumerate(self.flags) if flag in flags)

    def count(self, *flags: int) -> int:
        """The number of facts of the newer sequence with one of these flags."""
        return sum(map(self.flags.count, flags))

    def add_keys(self, old: bytes, old_at: Sequence[int], new: bytes, new_at: Sequence[int]) -> None:
        """Pair facts with equal keys, as changed ones: first those that stand between the same equal facts.

        `old` and `new` have the hash of a key, 32 bytes, for each fact with an index in `old_at` or `new_at`.
        None of these facts is in a pair.
        """
        if _has_twins(old) or _has_twins(new):
            gaps = self._gaps(old_at, new_at)
            self._add(_with_gaps(old, gaps[0]), old_at, _with_gaps(new, gaps[1]), new_at)
        self._add(old, old_at, new, new_at)

    def _add(self, old: bytes, old_at: Sequence[int], new: bytes, new_at: Sequence[int]) -> None:
        mine, theirs = self._left(old_at, new_at)
        for one, other in _same(old, mine, new, theirs):
            at = new_at[other]
            self.partner[at], self.flags[at] = old_at[one], CHANGED

    def _left(self, old_at: Sequence[int], new_at: Sequence[int]) -> tuple["array[int]", "array[int]"]:
        """The places in these lists of the facts that are in no pair."""
        taken = self.taken()
        mine = array("q", (place for place, at in enumerate(old_at) if not taken[at]))
        return mine, array("q", (place for place, at in enumerate(new_at) if not self.flags[at]))

    def _gaps(self, old_at: Sequence[int], new_at: Sequence[int]) -> tuple["array[int]", "array[int]"]:
        """For each of these facts the number of pairs before it that keep their order."""
        there = array("q", (at for at, flag in enumerate(self.flags) if flag))
        stays = longest_rising(array("q", (self.partner[at] for at in there)))
        newer = array("q", (at for at, kept in zip(there, stays, strict=True) if kept))
        older = array("q", (self.partner[at] for at in newer))
        return (
            array("q", (bisect_left(older, at) for at in old_at)),
            array("q", (bisect_left(newer, at) for at in new_at)),
        )

    def add_places(self) -> None:
        """Pair what is left between two facts that did not move, if it is one number of facts on both sides.

        For a copy that was tampered with: a fact of it has its place also if its key was changed.
        """
        taken, begin, gap = self.taken(), 0, array("q")
        for at, flag in enumerate(self.flags):
            if flag == NEW:
                gap.append(at)
            elif not flag & MOVED:
                self._fill(taken, range(begin, self.partner[at]), gap)
                begin, gap = self.partner[at] + 1, array("q")
        self._fill(taken, range(begin, self.old_size), gap)

    def _fill(self, taken: bytearray, older: range, gap: Sequence[int]) -> None:
        left = [at for at in older if not taken[at]] if gap else []
        if len(left) == len(gap):
            for mine, theirs in zip(left, gap, strict=True):
                self.partner[theirs], self.flags[theirs] = mine, CHANGED

    def mark_moved(self) -> None:
        """Flag the pairs that are not in the longest common order."""
        paired = array("q", (at for at, flag in enumerate(self.flags) if flag))
        stays = longest_rising(array("q", (self.partner[at] for at in paired)))
        for place in _places(stays, 0):
            self.flags[paired[place]] |= MOVED


def _places(flags: bytearray, wanted: int) -> Iterator[int]:
    """Where a flag stands."""
    at = flags.find(wanted)
    while at != _NONE:
        yield at
        at = flags.find(wanted, at + 1)


def longest_rising(values: "array[int]") -> bytearray:
    """1 for each value of a longest rising subsequence, 0 for the others. All values differ."""
    ends, at_end = array("q"), array("q")
    before = array("q", bytes(8 * len(values)))
    for at, value in enumerate(values):
        if not ends or value > ends[-1]:
            place = len(ends)
            ends.append(value)
            at_end.append(at)
        else:
            place = bisect_left(ends, value)
            ends[place], at_end[place] = value, at
        before[at] = at_end[place - 1] if place else _NONE
    found = bytearray(len(values))
    at = at_end[-1] if at_end else _NONE
    while at != _NONE:
        found[at] = 1
        at = before[at]
    return found


def _has_twins(hashes: bytes) -> bool:
    """True if a hash is there twice."""
    number = len(hashes) // HASH_SIZE
    for part in _parts(hashes, range(number), _bits(number)):
        if len({hashes[at * HASH_SIZE : (at + 1) * HASH_SIZE] for at in part}) < len(part):
            return True
    return False


def _with_gaps(keys: bytes, gaps: Sequence[int]) -> bytes:
    """A hash of each key and of the place of its fact, 32 bytes each."""
    starts = range(0, len(keys), HASH_SIZE)
    return b"".join(
        keys[at : at + _KEPT] + gap.to_bytes(HASH_SIZE - _KEPT) for at, gap in zip(starts, gaps, strict=True)
    )


def _same(old: bytes, old_at: Sequence[int], new: bytes, new_at: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The pairs of equal hashes at these rising indexes: the first of one value with the first, and so on.

    It goes by the first bits of the hashes, a part at a time: few of them are in a dictionary at once.
    """
    if not old_at or not new_at:
        return
    bits = _bits(len(old_at) + len(new_at))
    old_parts, new_parts = _parts(old, old_at, bits), _parts(new, new_at, bits)
    for part, theirs in enumerate(new_parts):
        first: dict[bytes, int] = {}
        after: dict[int, int] = {}
        for at in reversed(old_parts[part]):
            found = old[at * HASH_SIZE : (at + 1) * HASH_SIZE]
            if found in first:
                after[at] = first[found]
            first[found] = at
        for at in theirs:
            found = new[at * HASH_SIZE : (at + 1) * HASH_SIZE]
            mine = first.get(found, _NONE)
            if mine != _NONE:
                yield mine, at
                first[found] = after.pop(mine, _NONE)


def _bits(number: int) -> int:
    """The number of first bits by which so many hashes are parted."""
    return min(8, (number // _PART).bit_length())


def _parts(hashes: bytes, indexes: Sequence[int], bits: int) -> list["array[int]"]:
    """The indexes by the first bits of their hashes, in order."""
    if not bits:
        return [array("q", indexes)]
    parts = [array("q") for _ in range(1 << bits)]
    add = [parts[first >> (8 - bits)].append for first in range(256)]
    firsts = hashes[::HASH_SIZE]
    for at in indexes:
        add[firsts[at]](at)
    return parts


def _common(old: bytes, new: bytes) -> int:
    """The number of hashes at the beginning that are the same in both."""
    low, high = 0, min(len(old), len(new)) // HASH_SIZE
    step = 1 << 12
    while low < high:
        begin, end = low * HASH_SIZE, min(low + step, high) * HASH_SIZE
        if old[begin:end] == new[begin:end]:
            low = end // HASH_SIZE
        elif step > 1:
            step //= 2
        else:
            break
    return low


def _common_end(old: bytes, new: bytes, *, least: int) -> int:
    """The number of hashes at the end that are the same in both, without the first `least` ones."""
    found, most = 0, min(len(old), len(new)) // HASH_SIZE - least
    step = 1 << 12
    while found < most:
        size = min(step, most - found)
        begin, end = (found + size) * HASH_SIZE, found * HASH_SIZE
        if old[len(old) - begin : len(old) - end] == new[len(new) - begin : len(new) - end]:
            found += size
        elif step > 1:
            step //= 2
        else:
            break
    return found
