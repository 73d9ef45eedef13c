# SPDX-License-Identifier: Apache-2.0
"""The prover: roots and proofs over leaf hashes that are all at hand, or that stream by.

RFC 9162 sections 2.1.1, 2.1.3.1 and 2.1.4.1. Nothing here judges a proof; `proof` does. Leaf hashes may come
from any iterable that has an order; each is checked to be 32 bytes.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from anchor.errors import Refused
from anchor.merkle.hashing import (
    EMPTY_ROOT,
    MAX_SIZE,
    check_hash,
    check_hashes,
    check_number,
    ordered,
    reduce_pairs,
)
from anchor.merkle.ranges import Range, consistency_ranges, fold, inclusion_ranges, perfect_nodes

CHUNK = 1024
"""Leaves that are reduced at once: a power of two, so that a full chunk is one perfect node."""

_CHUNK_LEVEL = CHUNK.bit_length() - 1


class Accumulator:
    """The root of leaf hashes that stream by; memory grows only with log2 of their number.

    It holds the perfect nodes that cover the leaves so far (a compact range), and the leaves of a chunk that
    is not full yet.
    """

    def __init__(self) -> None:
        self._stack: list[tuple[int, bytes]] = []  # (level, hash), levels strictly falling
        self._done = 0  # leaves under the stack
        self._tail: list[bytes] = []

    @classmethod
    def resume(cls, size: int, nodes: Iterable[bytes]) -> "Accumulator":
        """Go on after `size` leaves from the hashes that `nodes()` gave then."""
        check_number(size, "size", least=0)
        hashes = check_hashes(list(ordered(nodes, "nodes")), "node")
        names = perfect_nodes(0, size)
        if len(hashes) != len(names):
            raise Refused(f"{len(hashes)} nodes where {size} leaves have {len(names)}", where="nodes")
        self = cls()
        self._stack = [(name.level, h) for name, h in zip(names, hashes, strict=True)]
        self._done = size
        return self

    def size(self) -> int:
        """Leaves so far."""
        return self._done + len(self._tail)

    def nodes(self) -> list[bytes]:
        """The hashes of the perfect nodes that cover the leaves so far, left to right; for `resume`."""
        self._fold_tail()
        return [h for _, h in self._stack]

    def root(self) -> bytes:
        """The root over the leaves so far, 32 bytes; of none, `EMPTY_ROOT`. More leaves may follow."""
        return fold(self.nodes()) if self.size() else EMPTY_ROOT

    def add(self, leaf_hash: bytes) -> None:
        """Append one 32-byte leaf hash."""
        self._take([check_hash(leaf_hash, f"leaf hash {self.size()}")])

    def extend(self, hashes: Iterable[bytes]) -> None:
        """Append 32-byte leaf hashes in order. Those before a refused one may have been taken."""
        stream = ordered(hashes, "leaf hashes")
        while batch := list(islice(stream, self._room())):
            self._take(check_hashes(batch, "leaf hash", self.size()))

    def _room(self) -> int:
        """Leaves until the next chunk is full, at least 1."""
        return CHUNK - self.size() % CHUNK

    def _take(self, hashes: list[bytes]) -> None:
        """Append at most `_room()` checked hashes; a full chunk becomes nodes."""
        if self.size() + len(hashes) > MAX_SIZE:
            raise Refused(f"more than {MAX_SIZE} leaves", where="leaf hashes")
        self._tail += hashes
        if len(self._tail) == CHUNK:
            self._push(_CHUNK_LEVEL, _reduce(self._tail))
            self._done += CHUNK
            self._tail = []
        elif self.size() % CHUNK == 0:
            self._fold_tail()

    def _fold_tail(self) -> None:
        for level, index in perfect_nodes(self._done, self.size()):
            start = (index << level) - self._done
            self._push(level, _reduce(self._tail[start : start + (1 << level)]))
        self._done += len(self._tail)
        self._tail = []

    def _push(self, level: int, node: bytes) -> None:
        """Append a perfect node; equal neighbours join, as a binary counter carries."""
        while self._stack and self._stack[-1][0] == level:
            node = reduce_pairs([self._stack.pop()[1], node])[0]
            level += 1
        self._stack.append((level, node))


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root, 32 bytes, over 32-byte leaf hashes; of none, SHA-256 of nothing. RFC 9162 section 2.1.1."""
    tree = Accumulator()
    tree.extend(leaf_hashes)
    return tree.root()


def inclusion_proof(leaf_hashes: Iterable[bytes], index: int, size: int | None = None) -> list[bytes]:
    """The proof that leaf `index` is in the tree of the first `size` leaves (of all, if None).

    32-byte hashes from the leaf's sibling to the root's child. RFC 9162 section 2.1.3.1.
    """
    leaves, size = _leaves(leaf_hashes, size, "size")
    check_number(index, "index", least=0, most=size - 1)
    return [_hash_of(leaves, part) for part in inclusion_ranges(index, size)]


def consistency_proof(leaf_hashes: Iterable[bytes], size1: int, size2: int | None = None) -> list[bytes]:
    """The proof that the first `size1` leaves begin the tree of the first `size2` (of all, if None).

    Empty for equal sizes; size 0 is refused. RFC 9162 section 2.1.4.1.
    """
    leaves, size2 = _leaves(leaf_hashes, size2, "size2")
    check_number(size1, "size1", least=1, most=size2)
    return [_hash_of(leaves, part) for part in consistency_ranges(size1, size2)]


def all_inclusion_proofs(leaf_hashes: Iterable[bytes]) -> Iterator[tuple[bytes, ...]]:
    """The inclusion proof of every leaf, in order, for one pass over them.

    Worked out from the top: a node's proof is its sibling and its parent's proof. Holds the whole tree, and
    the proofs of one chunk at a time.
    """
    level = check_hashes(list(ordered(leaf_hashes, "leaf hashes")), "leaf hash")
    levels = [level]
    while len(levels[-1]) > 1:
        levels.append(reduce_pairs(levels[-1]))
    return _proofs_from_top(levels) if level else iter(())


def _proofs_from_top(levels: list[list[bytes]]) -> Iterator[tuple[bytes, ...]]:
    cut = min(_CHUNK_LEVEL, len(levels) - 1)
    tops: list[tuple[bytes, ...]] = [()]
    for nodes in reversed(levels[cut:-1]):
        tops = _child_proofs(nodes, 0, tops)
    for i, top in enumerate(tops):
        proofs = [top]
        for height in range(cut - 1, -1, -1):
            proofs = _child_proofs(levels[height], i << (cut - height), proofs)
        yield from proofs


def _child_proofs(
    nodes: list[bytes], start: int, parents: list[tuple[bytes, ...]]
) -> list[tuple[bytes, ...]]:
    """The proofs of `nodes` from an even `start` on: two for each parent, or one if it went up unchanged."""
    proofs: list[tuple[bytes, ...]] = []
    end = len(nodes)
    for i, parent in enumerate(parents):
        left = start + 2 * i
        if left + 1 < end:
            proofs.append((nodes[left + 1], *parent))
            proofs.append((nodes[left], *parent))
        else:
            proofs.append(parent)
    return proofs


def _reduce(hashes: list[bytes]) -> bytes:
    """The root over at least one hash."""
    while len(hashes) > 1:
        hashes = reduce_pairs(hashes)
    return hashes[0]


def _hash_of(leaves: list[bytes], part: Range) -> bytes:
    return _reduce(leaves[part.start : part.end])


def _leaves(leaf_hashes: Iterable[bytes], size: int | None, where: str) -> tuple[list[bytes], int]:
    """The checked hashes and the size of the tree over them that is meant, at least 1."""
    leaves = check_hashes(list(ordered(leaf_hashes, "leaf hashes")), "leaf hash")
    if size is None:
        size = len(leaves)
    if not leaves or size == 0:
        raise Refused("the empty tree has no proofs", where=where)
    return leaves, check_number(size, where, least=1, most=len(leaves))
