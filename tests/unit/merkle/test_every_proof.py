# SPDX-License-Identifier: Apache-2.0
"""The proofs of all leaves, in two passes: the ones that each leaf has by itself."""

import pytest

from anchor import merkle
from anchor.errors import Refused
from anchor.merkle.every_proof import EveryProof
from anchor.merkle.multiproof import CHUNK

LEAVES = merkle.leaf_hashes([b"%d" % i for i in range(3 * CHUNK + 5)])


def first_pass(size: int) -> EveryProof:
    every = EveryProof()
    for start in range(0, size, CHUNK):
        every.add(LEAVES[start : min(size, start + CHUNK)])
    return every


def proofs(size: int) -> list[list[bytes]]:
    every = first_pass(size)
    assert every.size() == size
    assert every.root() == merkle.root(LEAVES[:size])
    return [
        [proof[at : at + 32] for at in range(0, len(proof), 32)]
        for number, start in enumerate(range(0, size, CHUNK))
        for proof in every.proofs(number, LEAVES[start : min(size, start + CHUNK)], list)
    ]


@pytest.mark.parametrize("size", [*range(1, 18), CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3, 3 * CHUNK + 5])
def test_each_is_the_multiproof_of_its_leaf(size: int) -> None:
    found = proofs(size)
    assert len(found) == size
    for index in {0, 1, size // 3, size // 2, size - 2, size - 1, *range(min(size, 18))} - {-1}:
        if index < size:
            assert found[index] == merkle.multiproof(LEAVES[:size], [index])
    root = merkle.root(LEAVES[:size])
    for index, proof in enumerate(found):
        merkle.verify_multiproof([(index, LEAVES[index])], size, proof, root)


def test_a_proof_is_the_sum_of_what_its_hashes_become() -> None:
    every = first_pass(CHUNK + 2)
    (first, last) = every.proofs(
        1, LEAVES[CHUNK : CHUNK + 2], lambda hashes: [h.hex().encode() + b"," for h in hashes]
    )
    for index, text in ((CHUNK, first), (CHUNK + 1, last)):
        wanted = merkle.multiproof(LEAVES[: CHUNK + 2], [index])
        assert text == b"".join(h.hex().encode() + b"," for h in wanted)


def test_other_leaves_in_the_second_pass_are_refused() -> None:
    every = first_pass(CHUNK + 2)
    for number, leaves in (
        (0, LEAVES[1 : CHUNK + 1]),
        (1, LEAVES[:2]),
        (2, LEAVES[:2]),
        (1, LEAVES[CHUNK:][:1]),
    ):
        with pytest.raises(Refused, match="other leaves"):
            every.proofs(number, leaves, list)


def test_only_the_last_chunk_is_not_full() -> None:
    every = first_pass(5)
    for leaves in (LEAVES[:1], [], LEAVES[: CHUNK + 1]):
        with pytest.raises(Refused, match="behind"):
            every.add(leaves)
    with pytest.raises(Refused, match="empty tree"):
        EveryProof().root()
