# SPDX-License-Identifier: Apache-2.0
"""All trees up to 64 leaves, against a second implementation written from the RFC's recursive definition."""

import functools
import hashlib

import pytest

from anchor import merkle
from anchor.errors import Refused
from tests.support.second import merkle as naive

LIMIT = 64
HASHES = [hashlib.sha256(b"\x00leaf %d" % i).digest() for i in range(2100)]
ROOTS = [naive.mth(HASHES[:n]) for n in range(LIMIT + 1)]
SIZES = range(1, LIMIT + 1)
OTHER = hashlib.sha256(b"other").digest()


@functools.cache
def path(index: int, size: int) -> list[bytes]:
    """The path of the second implementation, made once for all tests."""
    return naive.path(index, HASHES[:size])


def refused_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    try:
        merkle.verify_inclusion(leaf, index, size, proof, root)
    except Refused:
        return True
    return False


def refused_consistency(size1: int, size2: int, proof: list[bytes], root1: bytes, root2: bytes) -> bool:
    try:
        merkle.verify_consistency(size1, size2, proof, root1, root2)
    except Refused:
        return True
    return False


def test_every_root() -> None:
    for size in range(LIMIT + 1):
        assert merkle.root(HASHES[:size]) == ROOTS[size]
        assert merkle.root(iter(HASHES[:size])) == ROOTS[size]


@pytest.mark.parametrize("size", [1023, 1024, 1025, 2047, 2048, 2049])
def test_roots_at_the_edges_of_a_chunk(size: int) -> None:
    assert merkle.root(HASHES[:size]) == naive.mth(HASHES[:size])


def test_every_inclusion_proof_is_the_one_of_the_rfc_and_is_accepted() -> None:
    for size in SIZES:
        wanted = [naive.path(i, HASHES[:size]) for i in range(size)]
        assert [list(p) for p in merkle.all_inclusion_proofs(HASHES[:size])] == wanted
        for index in range(size):
            assert merkle.inclusion_proof(HASHES, index, size) == wanted[index]
            assert merkle.root_from_inclusion(HASHES[index], index, size, wanted[index]) == ROOTS[size]
            merkle.verify_inclusion(HASHES[index], index, size, wanted[index], ROOTS[size])


def test_every_consistency_proof_is_the_one_of_the_rfc_and_is_accepted() -> None:
    for size2 in SIZES:
        for size1 in range(1, size2 + 1):
            proof = merkle.consistency_proof(HASHES, size1, size2)
            assert proof == naive.proof(size1, HASHES[:size2])
            merkle.verify_consistency(size1, size2, proof, ROOTS[size1], ROOTS[size2])


def test_every_wrong_index_is_refused() -> None:
    for size in SIZES:
        for index in range(size):
            proof = path(index, size)
            for wrong in [*range(-1, index), *range(index + 1, size + 2)]:
                assert refused_inclusion(HASHES[index], wrong, size, proof, ROOTS[size])


def test_a_wrong_size_is_refused_unless_it_gives_the_leaf_the_same_path() -> None:
    """The root does not bind the size: that is why size and root come from one signed checkpoint."""
    for size in SIZES:
        for index in range(size):
            proof = path(index, size)
            for wrong in range(LIMIT + 4):
                same = index < wrong and naive.turns(index, wrong) == naive.turns(index, size)
                assert refused_inclusion(HASHES[index], index, wrong, proof, ROOTS[size]) is not same


def test_every_wrong_leaf_and_root_is_refused() -> None:
    for size in SIZES:
        for index in range(size):
            proof = path(index, size)
            assert refused_inclusion(OTHER, index, size, proof, ROOTS[size])
            assert refused_inclusion(HASHES[index], index, size, proof, OTHER)


def test_one_hash_too_many_or_too_few_is_refused_at_every_place() -> None:
    for size in SIZES:
        for index in range(size):
            proof = path(index, size)
            for i in range(len(proof) + 1):
                for extra in (OTHER, ROOTS[size], HASHES[index]):
                    longer = [*proof[:i], extra, *proof[i:]]
                    assert refused_inclusion(HASHES[index], index, size, longer, ROOTS[size])
            for i in range(len(proof)):
                shorter = [*proof[:i], *proof[i + 1 :]]
                assert refused_inclusion(HASHES[index], index, size, shorter, ROOTS[size])


def test_every_altered_consistency_proof_is_refused() -> None:
    for size2 in range(2, LIMIT + 1):
        for size1 in range(1, size2):
            proof = naive.proof(size1, HASHES[:size2])
            root1, root2 = ROOTS[size1], ROOTS[size2]
            assert refused_consistency(size1, size2, proof, OTHER, root2)
            assert refused_consistency(size1, size2, proof, root1, OTHER)
            assert refused_consistency(size1, size2, proof, root2, root1)
            assert refused_consistency(size1, size2, [*proof, OTHER], root1, root2)
            assert refused_consistency(size1, size2, [OTHER, *proof], root1, root2)
            assert refused_consistency(size1, size2, [root1, *proof], root1, root2)
            for i in range(len(proof)):
                assert refused_consistency(size1, size2, [*proof[:i], *proof[i + 1 :]], root1, root2)
                assert refused_consistency(size1, size2, [*proof[:i], OTHER, *proof[i + 1 :]], root1, root2)


def test_a_fork_of_equal_size_is_refused() -> None:
    for size in SIZES:
        merkle.verify_consistency(size, size, [], ROOTS[size], ROOTS[size])
        assert refused_consistency(size, size, [], ROOTS[size], OTHER)
        assert refused_consistency(size, size, [ROOTS[size]], ROOTS[size], ROOTS[size])


def test_a_shrunken_or_empty_tree_is_refused() -> None:
    for size in SIZES:
        assert refused_consistency(0, size, [], merkle.EMPTY_ROOT, ROOTS[size])
        assert refused_consistency(size, size - 1, [], ROOTS[size], ROOTS[size - 1])
        if size > 1:
            proof = naive.proof(size - 1, HASHES[:size])
            assert refused_consistency(size, size - 1, proof, ROOTS[size], ROOTS[size - 1])
    assert refused_consistency(0, 0, [], merkle.EMPTY_ROOT, merkle.EMPTY_ROOT)


def test_an_accumulator_agrees_at_every_size_and_goes_on_from_its_nodes() -> None:
    tree = merkle.Accumulator()
    for size in SIZES:
        tree.add(HASHES[size - 1])
        assert (tree.size(), tree.root()) == (size, ROOTS[size])
        again = merkle.Accumulator.resume(size, tree.nodes())
        again.extend(HASHES[size:1100])
        assert again.size() == 1100
        if size % 16 == 1:
            assert again.root() == naive.mth(HASHES[:1100])


def test_perfect_nodes_cover_a_range_once_and_in_order() -> None:
    for end in range(40):
        for start in range(end + 1):
            nodes = merkle.perfect_nodes(start, end)
            covered = [i for n in nodes for i in range(n.position << n.level, (n.position + 1) << n.level)]
            assert covered == list(range(start, end))


def test_range_hash_is_the_root_of_its_leaves() -> None:
    def node(name: merkle.Node) -> bytes:
        return naive.mth(HASHES[name.position << name.level : (name.position + 1) << name.level])

    for size in SIZES:
        ranges = merkle.inclusion_ranges(size // 3, size)
        assert [merkle.range_hash(r, node) for r in ranges] == naive.path(size // 3, HASHES[:size])
        ranges = merkle.consistency_ranges(1 + size // 3, size)
        assert [merkle.range_hash(r, node) for r in ranges] == naive.proof(1 + size // 3, HASHES[:size])
