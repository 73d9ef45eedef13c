# SPDX-License-Identifier: Apache-2.0
"""Multiproofs: every set of leaves of every small tree, and whatever else is given to the two functions.

FORMAT.md section 22, rule 3.
"""

from itertools import chain, combinations
from typing import Any

import pytest

from anchor import merkle
from anchor.errors import Refused
from anchor.merkle import MultiproofBuilder, multiproof, root_from_multiproof, verify_multiproof
from tests.support.second import receipts2

LEAVES = merkle.leaf_hashes([b"%d" % i for i in range(3000)])
FIVE = LEAVES[:5]
ROOT = merkle.root(FIVE)
PROOF = multiproof(FIVE, [1, 4])
CHOSEN = [(1, FIVE[1]), (4, FIVE[4])]


def all_sets(size: int) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(range(size), n) for n in range(1, size + 1)))


@pytest.mark.parametrize("size", range(1, 10))
def test_every_set_of_leaves_of_a_small_tree_is_proven(size: int) -> None:
    leaves = LEAVES[:size]
    root = merkle.root(leaves)
    for chosen in all_sets(size):
        proof = multiproof(leaves, chosen)
        assert proof == receipts2.multiproof(leaves, list(chosen))
        shown = [(i, leaves[i]) for i in chosen]
        verify_multiproof(shown, size, proof, root)
        assert root_from_multiproof(shown, size, tuple(proof)) == root


def test_no_other_proof_of_a_small_tree_is_accepted() -> None:
    """Each hash changed, dropped, doubled or moved; each leaf at another place; another size."""
    for chosen in all_sets(5):
        shown, proof = [(i, FIVE[i]) for i in chosen], multiproof(FIVE, chosen)
        wrong = [(shown, size, proof) for size in range(1, 17) if size != 5]
        wrong += [(shown, 5, [*proof[:n], *proof[n + 1 :]]) for n in range(len(proof))]
        wrong += [(shown, 5, [*proof[:n], bytes(32), *proof[n + 1 :]]) for n in range(len(proof))]
        wrong += [(shown, 5, [*proof[:n], ROOT, *proof[n:]]) for n in range(len(proof) + 1)]
        if len(proof) > 1:
            wrong.append((shown, 5, proof[::-1]))
        wrong += [([(i, bytes(32)) if i == n else (i, h) for i, h in shown], 5, proof) for n in chosen]
        wrong += [([s for s in shown if s[0] != n], 5, proof) for n in chosen]
        wrong += [([*shown, (n, FIVE[n])], 5, proof) for n in range(max(chosen) + 1, 5)]
        accepted = [w for w in wrong if not refused(*w)]
        # a root does not bind its size: only the statement does
        assert all(size != 5 for _, size, _ in accepted)


def refused(leaves: Any, size: Any, proof: Any) -> bool:
    try:
        verify_multiproof(leaves, size, proof, ROOT)
    except Refused:
        return True
    return False


@pytest.mark.parametrize("size", [1023, 1024, 1025, 2048, 3000])
def test_the_way_in_which_leaves_arrive_changes_nothing(size: int) -> None:
    chosen = {0, 1, 511, 1022, size // 2, size - 1}
    builder = MultiproofBuilder()
    for start in range(0, size, 700):
        end = min(size, start + 700)
        builder.extend(LEAVES[start:end], [i for i in chosen if start <= i < end])
    assert builder.size() == size
    assert builder.root() == merkle.root(LEAVES[:size])
    assert builder.proof() == multiproof(LEAVES[:size], chosen) == builder.proof()
    assert builder.proof() == receipts2.multiproof(LEAVES[:size], sorted(chosen))


def test_one_leaf_has_the_hashes_of_its_inclusion_proof() -> None:
    for index in (0, 7, 1024, 2999):
        proof = multiproof(LEAVES, [index])
        assert sorted(proof) == sorted(merkle.inclusion_proof(LEAVES, index))
    assert multiproof(LEAVES[:1], [0]) == []
    assert multiproof(LEAVES[:4], range(4)) == []


def named(value: Any) -> str:
    """The name of a case, the same in every process: an object of another type is shown with its address."""
    return type(value).__name__ if " at 0x" in repr(value) else repr(value)


BAD: list[Any] = [None, True, 3, "abc", b"x" * 32, [None], [b"x" * 31], [ROOT.hex()], {}, iter([])]


@pytest.mark.parametrize("bad", BAD, ids=named)
def test_what_is_no_proof_is_refused(bad: Any) -> None:
    assert refused(CHOSEN, 5, bad)


@pytest.mark.parametrize(
    "bad",
    [
        *BAD,
        [],
        [(0,)],
        [(5, ROOT)],
        [(-1, ROOT)],
        [(True, ROOT)],
        [CHOSEN[1], CHOSEN[0]],
        [CHOSEN[0], CHOSEN[0]],
    ],
    ids=named,
)
def test_what_are_no_leaves_is_refused(bad: Any) -> None:
    assert refused(bad, 5, PROOF)


@pytest.mark.parametrize("bad", [0, -1, 2**63, True, None, "5", 5.0], ids=named)
def test_what_is_no_size_is_refused(bad: Any) -> None:
    assert refused(CHOSEN, bad, PROOF)


@pytest.mark.parametrize("bad", [[], [5], [-1], [True], ["1"], [None]], ids=named)
def test_an_index_beyond_the_tree_has_no_proof(bad: Any) -> None:
    with pytest.raises(Refused):
        multiproof(FIVE, bad)


def test_the_empty_tree_has_no_proof() -> None:
    for make in (MultiproofBuilder().root, MultiproofBuilder().proof):
        with pytest.raises(Refused, match="empty tree"):
            make()


def test_the_largest_tree_takes_no_more_calls_than_it_has_levels() -> None:
    """An attacker chooses size and index; the walk ends where the proof does."""
    size = 2**63 - 1
    with pytest.raises(Refused, match="ends before"):
        verify_multiproof([(0, ROOT), (size - 1, ROOT)], size, [ROOT] * 60, ROOT)
    with pytest.raises(Refused, match="another root"):
        verify_multiproof([(size // 3, ROOT)], size, [ROOT] * 63, bytes(32))
