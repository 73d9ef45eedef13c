# SPDX-License-Identifier: Apache-2.0
"""Laws of Merkle trees that hold for every tree; each headed by the sentence it comes from."""

import hashlib
import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anchor import merkle
from anchor.errors import Refused
from tests.support.second import merkle as naive

HASHES = [hashlib.sha256(b"law %d" % i).digest() for i in range(5000)]
MOST = 2**63 - 1
UNIFORM = naive.Uniform(HASHES[0])

sizes = st.integers(1, 400)
large = st.integers(1, MOST) | st.integers(1, 63).flatmap(
    lambda b: st.integers(max(1, 2**b - 2), min(MOST, 2**b + 1))
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=40)
    | st.just(HASHES[1]),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(st.integers(0, 5000), st.lists(st.integers(0, 3000), max_size=6))
def test_how_leaves_arrive_does_not_change_the_root(size: int, cuts: list[int]) -> None:
    """RFC 9162 2.1.1: the root is a function of the ordered list of leaves."""
    tree = merkle.Accumulator()
    edges = sorted({0, size, *(c for c in cuts if c < size)})
    for start, end in itertools.pairwise(edges):
        tree.extend(HASHES[start:end])
        if start % 3 == 0:
            tree.root()
        if start % 3 == 1:
            tree = merkle.Accumulator.resume(tree.size(), tree.nodes())
    assert tree.size() == size
    assert tree.root() == merkle.root(HASHES[:size]) == naive.mth(HASHES[:size])


@given(st.data(), sizes)
def test_one_flipped_bit_anywhere_is_refused(data: st.DataObject, size: int) -> None:
    """RFC 9162 2.1.3.2: compare r against the root hash; if they are not equal, the proof fails."""
    index = data.draw(st.integers(0, size - 1))
    parts = [HASHES[index], merkle.root(HASHES[:size]), *merkle.inclusion_proof(HASHES, index, size)]
    which, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    merkle.verify_inclusion(parts[0], index, size, parts[2:], parts[1])
    parts[which] = (int.from_bytes(parts[which]) ^ 1 << bit).to_bytes(32)
    assert _refused(lambda: merkle.verify_inclusion(parts[0], index, size, parts[2:], parts[1]))


@given(st.data(), sizes, sizes)
def test_one_flipped_bit_of_a_growth_is_refused(data: st.DataObject, a: int, b: int) -> None:
    """RFC 9162 2.1.4.2: verify that fr and sr equal the two root hashes."""
    old, new = sorted((a, b))
    parts = [
        merkle.root(HASHES[:old]),
        merkle.root(HASHES[:new]),
        *merkle.consistency_proof(HASHES, old, new),
    ]
    merkle.verify_consistency(old, new, parts[2:], parts[0], parts[1])
    which, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[which] = (int.from_bytes(parts[which]) ^ 1 << bit).to_bytes(32)
    assert _refused(lambda: merkle.verify_consistency(old, new, parts[2:], parts[0], parts[1]))


@given(st.lists(st.binary(max_size=20), min_size=2, max_size=50, unique=True), st.data())
def test_another_order_is_another_root(leaves: list[bytes], data: st.DataObject) -> None:
    """RFC 9162 2.1.1: the input is an ordered list."""
    i = data.draw(st.integers(0, len(leaves) - 2))
    swapped = [*leaves[:i], leaves[i + 1], leaves[i], *leaves[i + 2 :]]
    assert merkle.root(merkle.leaf_hashes(leaves)) != merkle.root(merkle.leaf_hashes(swapped))


@given(large, st.data())
def test_trees_of_any_size_have_proofs_that_are_accepted(size: int, data: st.DataObject) -> None:
    """RFC 9162 2.1.3 and 2.1.4 set no limit; C2SP checkpoints hold sizes up to 2**63 - 1."""
    index = data.draw(st.integers(0, size - 1))
    root, path = UNIFORM.mth(size), UNIFORM.path(index, size)
    merkle.verify_inclusion(UNIFORM.leaf, index, size, path, root)
    assert len(path) <= 63
    assert _refused(lambda: merkle.verify_inclusion(UNIFORM.leaf, index, size, [*path, root], root))
    old = index + 1
    growth = UNIFORM.proof(old, size)
    merkle.verify_consistency(old, size, growth, UNIFORM.mth(old), root)
    assert len(growth) <= 64
    assert _refused(lambda: merkle.verify_consistency(old, size, [*growth, root], UNIFORM.mth(old), root))


@given(large, st.data())
def test_ranges_name_the_nodes_of_a_proof_in_trees_of_any_size(size: int, data: st.DataObject) -> None:
    """C2SP tlog-tiles: every node of a proof is a tile's hash, or is made of several."""
    index = data.draw(st.integers(0, size - 1))

    def node(name: merkle.Node) -> bytes:
        return UNIFORM.mth(1 << name.level)

    path = [merkle.range_hash(r, node) for r in merkle.inclusion_ranges(index, size)]
    assert path == UNIFORM.path(index, size)
    growth = [merkle.range_hash(r, node) for r in merkle.consistency_ranges(index + 1, size)]
    assert growth == UNIFORM.proof(index + 1, size)


@given(anything, anything, anything, anything, anything)
def test_no_input_makes_another_error_than_refused(a: Any, b: Any, c: Any, d: Any, e: Any) -> None:
    """docs/python.md: no other exception leaves the public functions."""
    for attack in (
        lambda: merkle.verify_inclusion(a, b, c, d, e),
        lambda: merkle.verify_consistency(a, b, c, d, e),
        lambda: merkle.root_from_inclusion(a, b, c, d),
        lambda: merkle.inclusion_proof(a, b, c),
        lambda: merkle.consistency_proof(a, b, c),
        lambda: merkle.root(a),
        lambda: merkle.leaf_hash(a),
        lambda: merkle.node_hash(a, b),
        lambda: list(merkle.all_inclusion_proofs(a)),
        lambda: merkle.Accumulator.resume(a, b),
        lambda: merkle.perfect_nodes(a, b),
    ):
        _refused(attack)


def _refused(attack: Any) -> bool:
    try:
        attack()
    except Refused:
        return True
    return False
