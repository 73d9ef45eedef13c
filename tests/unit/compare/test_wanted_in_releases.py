# SPDX-License-Identifier: Apache-2.0
"""Each fact of a release of any kind is found by its leaf hash, by its JSON and by its values."""

import msgspec
import pytest

from anchor.compare.wanted import Match, Wanted, by_fact, by_leaf, by_values, find
from anchor.format import release as releases
from anchor.format import statement as statements
from anchor.format.leaves import Leaves
from anchor.merkle import leaf_hash
from anchor.verify.ledger_checks import open_facts
from tests.support.releases.in_memory import Held, Memory
from tests.support.releases.version_2 import KINDS, held_of_kind


def opened(held: Held, wanted: Wanted) -> list[Match]:
    release = releases.load(held.release)
    signed = statements.decode(held.files["statement.json"])
    with open_facts(release, signed, Memory(held.files)) as table:
        return find(table, wanted)


def all_leaves(held: Held) -> list[bytes]:
    release = releases.load(held.release)
    signed = statements.decode(held.files["statement.json"])
    with open_facts(release, signed, Memory(held.files)) as table:
        return [leaf for chunk in Leaves(table) for leaf in chunk]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "confidential"])
def test_every_fact_is_found_in_three_ways(kind: str) -> None:
    held = held_of_kind(kind)
    leaves = all_leaves(held)
    assert leaves
    for leaf in set(leaves):
        wanted = [index for index, other in enumerate(leaves) if other == leaf]
        fact = msgspec.json.decode(leaf)
        values = [f"{name}={value}" for name, value in fact.items() if value is not None]
        for question in (by_leaf(leaf_hash(leaf).hex()), by_fact(leaf.decode()), by_values(values)):
            found = [match for match in opened(held, question) if match.fact == fact]
            assert [match.index for match in found] == wanted
            assert {match.leaf for match in found} == {leaf_hash(leaf).hex()}
