# SPDX-License-Identifier: Apache-2.0
"""The prover of each leaf alone, in two passes over the leaves: memory holds one hash for 1,024 leaves.

Each proof is a multiproof of one leaf, in the order of FORMAT.md section 22, rule 3: the hashes on its left
from the root down, then those on its right from the leaf up. Nothing here judges a proof; `proof` does.
"""

from collections.abc import Callable

from anchor.errors import Refused
from anchor.merkle.hashing import check_hashes, reduce_pairs
from anchor.merkle.multiproof import CHUNK
from anchor.words import several


class EveryProof:
    """The proof of every leaf of a tree.

    First pass: `add` takes all leaf hashes, `CHUNK` at a time, and the last ones. Second pass: `proofs` takes
    the same lists again. A chunk is joined twice, so that its hashes need not be held.
    """

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]
        """The hash of each chunk; once the first pass is done, the levels above it too."""
        self._size = 0

    def size(self) -> int:
        """Leaves so far."""
        return self._size

    def add(self, hashes: list[bytes]) -> None:
        """Take the 32-byte leaf hashes that follow: `CHUNK` of them, or fewer at the end."""
        if self._size % CHUNK or not 0 < len(hashes) <= CHUNK:
            raise Refused(f"{several(len(hashes), 'leaf hash')} behind {self._size}", where="leaf hashes")
        self._levels[0].append(_levels(check_hashes(hashes, "leaf hash", self._size))[-1][0])
        self._size += len(hashes)
        del self._levels[1:]

    def root(self) -> bytes:
        """The root over the leaves of the first pass, 32 bytes. Raises `Refused` if there are none."""
        return self._whole()[-1][0]

    def proofs(
        self, number: int, hashes: list[bytes], form: Callable[[list[bytes]], list[bytes]]
    ) -> list[bytes]:
        """The proof of each leaf of a chunk, in order; `number` counts the chunks from 0.

        A proof is its hashes one after the other, each in the form that `form` gives it. A hash is in many
        proofs, but it is given to `form` once. Raises `Refused` if these are other leaves than in the first
        pass.
        """
        levels = _levels(check_hashes(hashes, "leaf hash", number * CHUNK))
        chunks = self._whole()
        if number >= len(chunks[0]) or levels[-1][0] != chunks[0][number]:
            raise Refused("other leaves than in the first pass", where=f"chunk {number}")
        around = [_around(chunks, number, form)]
        for level in reversed(levels[1:-1]):
            around = _below(form(level), around)
        return _last(form(hashes), around) if len(hashes) > 1 else [left + right for left, right in around]

    def _whole(self) -> list[list[bytes]]:
        """All levels above the chunks. The last chunk may be ragged, as the right edge of any tree."""
        if not self._size:
            raise Refused("the empty tree has no proofs", where="size")
        while len(self._levels[-1]) > 1:
            self._levels.append(reduce_pairs(self._levels[-1]))
        return self._levels


def _levels(level: list[bytes]) -> list[list[bytes]]:
    """The levels of a tree over at least one hash, from the leaves up to the root."""
    levels = [level]
    while len(level) > 1:
        level = reduce_pairs(level)
        levels.append(level)
    return levels


def _around(
    levels: list[list[bytes]], place: int, form: Callable[[list[bytes]], list[bytes]]
) -> tuple[bytes, bytes]:
    """The hashes left and right of a path from the root down to a node of the lowest level."""
    left = right = b""
    for level in levels[:-1]:
        sibling = place ^ 1
        for given in form(level[sibling : sibling + 1]):  # none at a right edge
            left, right = (given + left, right) if sibling < place else (left, right + given)
        place >>= 1
    return left, right


def _below(level: list[bytes], around: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The hashes left and right of each node of a level, from those of the level above."""
    found = [
        both
        for (left, right), a, b in zip(around, level[::2], level[1::2], strict=False)
        for both in ((left, b + right), (left + a, right))
    ]
    return found + around[-1:] if len(level) % 2 else found  # the last node went up unchanged


def _last(level: list[bytes], around: list[tuple[bytes, bytes]]) -> list[bytes]:
    """The proof of each leaf: its sibling stands between what is left and right of both."""
    found: list[bytes] = [
        proof
        for (left, right), a, b in zip(around, level[::2], level[1::2], strict=False)
        for proof in (left + b + right, left + a + right)
    ]
    if len(level) % 2:
        left, right = around[-1]
        found.append(left + right)
    return found
