# SPDX-License-Identifier: Apache-2.0
"""The prover of multiproofs: several leaves of one tree are proven at once, and each hash is given once.

FORMAT.md section 22, rule 3: the tree of RFC 9162 section 2.1.1 is walked from its root, the left half first.
A subtree without a chosen leaf is given by its hash. Nothing here judges a multiproof; `proof` does. This
prover joins subtrees from the leaves up, and the checker walks from the root down.
"""

from collections.abc import Iterable
from typing import NamedTuple

from anchor.errors import Refused
from anchor.merkle.hashing import (
    MAX_SIZE,
    check_hashes,
    check_number,
    ordered,
    reduce_pairs,
)
from anchor.merkle.ranges import perfect_nodes

CHUNK = 1024
"""Leaves that are joined at once: a power of two, so that a full chunk is one perfect node."""
_CHUNK_LEVEL = CHUNK.bit_length() - 1


class _Part(NamedTuple):
    """A subtree: its hash, and its part of the proof. `proof` is None if it has no chosen leaf."""

    hash: bytes
    proof: list[bytes] | None


class MultiproofBuilder:
    """The multiproof of chosen leaves, while all leaf hashes stream by.

    Memory grows with the proof, and with log2 of the number of leaves.
    """

    def __init__(self) -> None:
        self._stack: list[tuple[int, _Part]] = []  # (level, part), levels strictly falling
        self._done = 0  # leaves under the stack
        self._tail: list[bytes] = []
        self._chosen: set[int] = set()  # of the tail, by their index in the tree

    def size(self) -> int:
        """Leaves so far."""
        return self._done + len(self._tail)

    def extend(self, hashes: Iterable[bytes], chosen: Iterable[int] = ()) -> None:
        """Append 32-byte leaf hashes in order. `chosen`: the indexes (in the whole tree, from 0) of those
        among them that are to be proven. Raises `Refused` for another index."""
        first = self.size()
        added = check_hashes(list(ordered(hashes, "leaf hashes")), "leaf hash", first)
        if first + len(added) > MAX_SIZE:
            raise Refused(f"more than {MAX_SIZE} leaves", where="leaf hashes")
        if not isinstance(chosen, Iterable):
            raise Refused(f"wanted indexes, not {type(chosen).__name__}", where="index")
        for index in chosen:
            self._chosen.add(check_number(index, "index", least=first, most=first + len(added) - 1))
        self._tail += added
        whole = len(self._tail) - len(self._tail) % CHUNK
        for start in range(0, whole, CHUNK):
            self._push(_CHUNK_LEVEL, self._part(start, start + CHUNK))
        self._forget(whole)

    def root(self) -> bytes:
        """The root over the leaves so far, 32 bytes. Raises `Refused` if there are none."""
        return self._whole().hash

    def proof(self) -> list[bytes]:
        """The hashes of the multiproof, in its order. Raises `Refused` if no leaf was chosen."""
        proof = self._whole().proof
        if proof is None:
            raise Refused("no leaf is chosen", where="index")
        return proof

    def _whole(self) -> _Part:
        """The tree over the leaves so far. More leaves may follow."""
        parts = [part for _, part in self._stack]
        for level, place in perfect_nodes(self._done, self.size()):
            start = (place << level) - self._done
            parts.append(self._part(start, start + (1 << level)))
        if not parts:
            raise Refused("the empty tree has no proofs", where="size")
        found = parts.pop()
        while parts:
            found = _join(parts.pop(), found)
        return found

    def _part(self, start: int, end: int) -> _Part:
        """The perfect subtree over a part of the tail."""
        leaves = self._tail[start:end]
        chosen = (
            self._chosen.intersection(range(self._done + start, self._done + end)) if self._chosen else None
        )
        if not chosen:
            while len(leaves) > 1:
                leaves = reduce_pairs(leaves)
            return _Part(leaves[0], None)
        first = self._done + start
        parts = [_Part(leaf, [] if first + i in chosen else None) for i, leaf in enumerate(leaves)]
        while len(parts) > 1:
            parts = [_join(left, right) for left, right in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]

    def _push(self, level: int, part: _Part) -> None:
        """Append a perfect subtree; equal neighbours join, as a binary counter carries."""
        while self._stack and self._stack[-1][0] == level:
            part = _join(self._stack.pop()[1], part)
            level += 1
        self._stack.append((level, part))

    def _forget(self, whole: int) -> None:
        """Take the leaves that are under the stack now out of the tail."""
        self._done += whole
        self._tail = self._tail[whole:]
        self._chosen = {index for index in self._chosen if index >= self._done}


def _join(left: _Part, right: _Part) -> _Part:
    (above,) = reduce_pairs([left.hash, right.hash])
    if left.proof is None and right.proof is None:
        return _Part(above, None)
    given = [part.proof if part.proof is not None else [part.hash] for part in (left, right)]
    return _Part(above, given[0] + given[1])


def multiproof(leaf_hashes: Iterable[bytes], indexes: Iterable[int]) -> list[bytes]:
    """The multiproof of the leaves with these indexes (from 0) in the tree over 32-byte leaf hashes.

    Perhaps an empty list: all leaves of the tree are chosen. Raises `Refused` for an index beyond the tree,
    and for none. FORMAT.md section 22, rule 3.
    """
    builder = MultiproofBuilder()
    builder.extend(leaf_hashes, indexes)
    return builder.proof()
