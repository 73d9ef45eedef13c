# SPDX-License-Identifier: Apache-2.0
"""Whatever is given to the tree functions, the answer is a result or `Refused`, and soon."""

import time
from typing import Any

import pytest

from anchor import merkle
from anchor.errors import Refused

LEAVES = merkle.leaf_hashes([b"a", b"b", b"c", b"d", b"e"])
ROOT = merkle.root(LEAVES)
PROOF = merkle.inclusion_proof(LEAVES, 2)
OLD_ROOT = merkle.root(LEAVES[:3])
GROWTH = merkle.consistency_proof(LEAVES, 3)

BAD_HASHES: list[Any] = [
    b"",
    b"x" * 31,
    b"x" * 33,
    b"x" * 64,
    ROOT.hex(),
    ROOT.hex().encode(),
    bytearray(ROOT),
    memoryview(ROOT),
    None,
    True,
    7,
    1.5,
    [ROOT],
    object(),
]
BAD_NUMBERS: list[Any] = [
    -1,
    -(2**63),
    2**63,
    2**64,
    10**5000,
    True,
    False,
    None,
    "5",
    b"5",
    5.0,
    float("nan"),
    [5],
    5j,
]
BAD_PROOFS: list[Any] = [
    None,
    True,
    3,
    "abc",
    b"x" * 32,
    bytearray(96),
    iter(PROOF),
    set(PROOF),
    dict.fromkeys(PROOF),
    [None, None, None],
    [PROOF],
    [*PROOF[:-1], PROOF[-1][:31]],
    [*PROOF[:-1], PROOF[-1] + b"x"],
    [*PROOF[:-1], bytearray(PROOF[-1])],
    [*PROOF[:-1], PROOF[-1].hex()],
    [ROOT] * 64,
    [ROOT] * 65,
    [ROOT] * 1_000_000,
    (ROOT,) * 1_000_000,
]


def identify(value: object) -> str:
    """The same in every process: no address of an object."""
    if isinstance(value, int):
        return f"{value:#x}"[:20]
    shown = "" if " at 0x" in str(value) or isinstance(value, set | frozenset) else str(value)[:20]
    return f"{type(value).__name__}-{shown}"


@pytest.mark.parametrize("bad", BAD_HASHES, ids=identify)
def test_what_is_no_hash_is_refused_everywhere(bad: Any) -> None:
    with pytest.raises(Refused):
        merkle.verify_inclusion(bad, 2, 5, PROOF, ROOT)
    with pytest.raises(Refused):
        merkle.verify_inclusion(LEAVES[2], 2, 5, PROOF, bad)
    with pytest.raises(Refused):
        merkle.verify_inclusion(LEAVES[2], 2, 5, [bad, *PROOF[1:]], ROOT)
    with pytest.raises(Refused):
        merkle.verify_consistency(3, 5, GROWTH, bad, ROOT)
    with pytest.raises(Refused):
        merkle.verify_consistency(3, 5, GROWTH, OLD_ROOT, bad)
    with pytest.raises(Refused):
        merkle.verify_consistency(5, 5, [], bad, bad)
    with pytest.raises(Refused):
        merkle.node_hash(bad, ROOT)
    with pytest.raises(Refused):
        merkle.node_hash(ROOT, bad)
    with pytest.raises(Refused):
        merkle.root([*LEAVES, bad])
    with pytest.raises(Refused):
        merkle.Accumulator().add(bad)
    with pytest.raises(Refused):
        merkle.Accumulator.resume(1, [bad])
    with pytest.raises(Refused):
        list(merkle.all_inclusion_proofs([*LEAVES, bad]))
    with pytest.raises(Refused):
        merkle.inclusion_proof([*LEAVES, bad], 0)


@pytest.mark.parametrize("bad", BAD_NUMBERS, ids=identify)
def test_what_is_no_number_or_out_of_range_is_refused_everywhere(bad: Any) -> None:
    for attack in (
        lambda: merkle.verify_inclusion(LEAVES[2], bad, 5, PROOF, ROOT),
        lambda: merkle.verify_inclusion(LEAVES[2], 2, bad, PROOF, ROOT),
        lambda: merkle.root_from_inclusion(LEAVES[2], bad, bad, PROOF),
        lambda: merkle.verify_consistency(bad, 5, GROWTH, OLD_ROOT, ROOT),
        lambda: merkle.verify_consistency(3, bad, GROWTH, OLD_ROOT, ROOT),
        lambda: merkle.verify_consistency(bad, bad, [], ROOT, ROOT),
        lambda: merkle.inclusion_proof(LEAVES, bad),
        lambda: merkle.consistency_proof(LEAVES, bad),
        lambda: merkle.inclusion_ranges(bad, 5),
        lambda: merkle.inclusion_ranges(2, bad),
        lambda: merkle.consistency_ranges(bad, bad),
        lambda: merkle.perfect_nodes(bad, 5),
        lambda: merkle.perfect_nodes(0, bad),
        lambda: merkle.Accumulator.resume(bad, []),
    ):
        with pytest.raises(Refused):
            attack()


@pytest.mark.parametrize("bad", [b for b in BAD_NUMBERS if b is not None], ids=identify)
def test_a_bad_size_is_refused_by_the_prover(bad: Any) -> None:
    with pytest.raises(Refused):
        merkle.inclusion_proof(LEAVES, 0, bad)
    with pytest.raises(Refused):
        merkle.consistency_proof(LEAVES, 1, bad)


@pytest.mark.parametrize("size", [0, 6, 2**63 - 1])
def test_the_prover_makes_no_proof_for_leaves_it_has_not(size: int) -> None:
    with pytest.raises(Refused):
        merkle.inclusion_proof(LEAVES, 0, size)
    with pytest.raises(Refused):
        merkle.consistency_proof(LEAVES, 1, size)
    with pytest.raises(Refused):
        merkle.consistency_proof(LEAVES, size)
    with pytest.raises(Refused):
        merkle.inclusion_proof(LEAVES, max(5, size))


@pytest.mark.parametrize(
    "bad", BAD_PROOFS, ids=lambda b: f"{type(b).__name__}-{len(b) if hasattr(b, '__len__') else 0}"
)
def test_what_is_no_proof_is_refused_soon(bad: Any) -> None:
    begin = time.process_time()
    with pytest.raises(Refused):
        merkle.verify_inclusion(LEAVES[2], 2, 5, bad, ROOT)
    with pytest.raises(Refused):
        merkle.verify_inclusion(LEAVES[2], 2, 2**63 - 1, bad, ROOT)
    with pytest.raises(Refused):
        merkle.verify_consistency(3, 5, bad, OLD_ROOT, ROOT)
    with pytest.raises(Refused):
        merkle.verify_consistency(4, 2**63 - 1, bad, OLD_ROOT, ROOT)
    with pytest.raises(Refused):
        merkle.verify_consistency(5, 5, bad, ROOT, ROOT)
    assert time.process_time() - begin < 4


@pytest.mark.parametrize(
    "bad",
    [None, 3, True, "ab", b"ab", b"", "", bytearray(64), {1: 2}, set(), frozenset(LEAVES), object()],
    ids=identify,
)
def test_what_is_no_sequence_of_hashes_is_refused(bad: Any) -> None:
    for attack in (
        lambda: merkle.root(bad),
        lambda: merkle.Accumulator().extend(bad),
        lambda: merkle.leaf_hashes(bad),
        lambda: merkle.Accumulator.resume(0, bad),
        lambda: merkle.inclusion_proof(bad, 0),
        lambda: merkle.consistency_proof(bad, 1),
        lambda: merkle.all_inclusion_proofs(bad),
    ):
        with pytest.raises(Refused):
            attack()


@pytest.mark.parametrize("bad", ["a", None, 3, bytearray(b"a"), memoryview(b"a")], ids=identify)
def test_what_is_no_leaf_is_refused(bad: Any) -> None:
    with pytest.raises(Refused):
        merkle.leaf_hash(bad)
    with pytest.raises(Refused, match="leaf 1"):
        merkle.leaf_hashes([b"a", bad])


def test_a_refused_hash_is_named_by_its_index() -> None:
    with pytest.raises(Refused, match="leaf hash 3000"):
        merkle.root([LEAVES[0]] * 3000 + [b"short"])


@pytest.mark.parametrize(("size", "count"), [(0, 1), (1, 0), (3, 1), (3, 3), (2**63 - 1, 62)])
def test_an_accumulator_does_not_resume_from_the_wrong_number_of_nodes(size: int, count: int) -> None:
    with pytest.raises(Refused):
        merkle.Accumulator.resume(size, [ROOT] * count)


def test_an_accumulator_never_grows_past_the_largest_tree() -> None:
    tree = merkle.Accumulator.resume(2**63 - 1, [ROOT] * 63)
    before = tree.root()
    with pytest.raises(Refused):
        tree.add(ROOT)
    assert tree.root() == before


def test_an_empty_range_has_no_hash() -> None:
    with pytest.raises(Refused):
        merkle.range_hash(merkle.Range(3, 3), lambda _: ROOT)
    with pytest.raises(Refused):
        merkle.fold([])


def test_power_below() -> None:
    assert [merkle.power_below(n) for n in (2, 3, 4, 5, 8, 9)] == [1, 2, 2, 4, 4, 8]
    for bad in (0, 1, -4, 2**63 + 1):
        with pytest.raises(Refused):
            merkle.power_below(bad)
