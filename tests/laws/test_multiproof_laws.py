# SPDX-License-Identifier: Apache-2.0
"""Laws of multiproofs, against the second implementation (FORMAT.md section 22, rule 3)."""

import hashlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anchor import merkle
from anchor.errors import Refused
from tests.support.second import receipts2
from tests.support.second.readers import Wrong

HASHES = [hashlib.sha256(b"multi %d" % i).digest() for i in range(2500)]
sizes = st.integers(1, 300) | st.sampled_from([1023, 1024, 1025, 2047, 2048, 2049, 2500])


@st.composite
def chosen_leaves(draw: st.DrawFn) -> tuple[int, list[int]]:
    size = draw(sizes)
    return size, sorted(draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=40)))


@given(chosen_leaves())
def test_both_implementations_make_and_accept_one_proof(tree: tuple[int, list[int]]) -> None:
    size, chosen = tree
    proof = merkle.multiproof(HASHES[:size], chosen)
    assert proof == receipts2.multiproof(HASHES[:size], chosen)
    leaves = [(i, HASHES[i]) for i in chosen]
    assert merkle.root_from_multiproof(leaves, size, proof) == merkle.root(HASHES[:size])


@given(chosen_leaves(), st.data())
def test_both_implementations_come_to_one_answer_about_a_changed_proof(
    tree: tuple[int, list[int]], data: st.DataObject
) -> None:
    size, chosen = tree
    proof = merkle.multiproof(HASHES[:size], chosen)
    for _ in range(data.draw(st.integers(0, 2))):
        proof = data.draw(st.permutations(proof) if len(proof) < 9 else st.just(proof[1:]))
        proof = proof[: data.draw(st.integers(0, len(proof)))] + data.draw(st.sampled_from([[], HASHES[:1]]))
    other = data.draw(st.just(size) | sizes)
    leaves = {i: HASHES[i] for i in chosen}
    ours = _root(lambda: merkle.root_from_multiproof(sorted(leaves.items()), other, proof))
    assert ours == _root(lambda: receipts2.root_of(other, leaves, proof))


def _root(make: Any) -> bytes | None:
    try:
        return bytes(make())
    except (Refused, Wrong):
        return None


@given(chosen_leaves(), st.data())
def test_one_flipped_bit_anywhere_is_refused(tree: tuple[int, list[int]], data: st.DataObject) -> None:
    size, chosen = tree
    hashes = [*(HASHES[i] for i in chosen), *merkle.multiproof(HASHES[:size], chosen)]
    which, bit = data.draw(st.integers(0, len(hashes) - 1)), data.draw(st.integers(0, 255))
    hashes[which] = (int.from_bytes(hashes[which]) ^ 1 << bit).to_bytes(32)
    leaves, proof = list(zip(chosen, hashes, strict=False)), hashes[len(chosen) :]
    assert merkle.root_from_multiproof(leaves, size, proof) != merkle.root(HASHES[:size])


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text() | st.binary(max_size=40) | st.just(HASHES[1]),
    lambda inner: st.lists(inner) | st.tuples(inner, inner),
    max_leaves=6,
)


@given(anything, anything, anything, anything)
def test_no_input_makes_another_error_than_refused(a: Any, b: Any, c: Any, d: Any) -> None:
    for attack in (
        lambda: merkle.verify_multiproof(a, b, c, d),
        lambda: merkle.root_from_multiproof(a, b, c),
        lambda: merkle.multiproof(a, b),
    ):
        try:
            attack()
        except Refused:
            continue
