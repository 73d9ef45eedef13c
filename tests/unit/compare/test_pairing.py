# SPDX-License-Identifier: Apache-2.0
"""Pairs of facts: equal ones, those of one key, moved ones, and those of one place."""

import io
import time
from array import array
from collections.abc import Sequence

import pytest

from anchor.compare.pairing import longest_rising
from anchor.compare.stored import store_ledger_json
from anchor.errors import Refused
from anchor.format.facts import Fact
from tests.support.releases.facts import compared, stored

COLUMNS = ("label", "period", "value")


def counts(old: Sequence[Fact], new: Sequence[Fact], *, by_place: bool = False) -> tuple[int, ...]:
    """Changed, added, removed, moved, equal."""
    found = compared(stored(COLUMNS, old), stored(COLUMNS, new), by_place=by_place).counts
    return found.changed, found.added, found.removed, found.moved, found.equal


A, B, C = ("A", "", "1"), ("B", "", "1"), ("C", "", "1")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ([A, B, C], [A, B, C], (0, 0, 0, 0, 3)),
        ([A, B, C], [A, C], (0, 0, 1, 0, 2)),
        ([A, B, C], [C, A, B], (0, 0, 0, 1, 2)),
        ([A, A, A], [A, A], (0, 0, 1, 0, 2)),
        ([A, B, A], [B, A], (0, 0, 1, 0, 2)),
        ([A, B], [("A", "", "2"), B], (1, 0, 0, 0, 1)),
        ([A, B], [("A", "2026", "1"), B], (0, 1, 1, 0, 1)),
        ([("", "", "1"), B], [("", "", "2"), B], (0, 1, 1, 0, 1)),
    ],
)
def test_pairs(old: list[Fact], new: list[Fact], found: tuple[int, ...]) -> None:
    assert counts(old, new) == found


def test_of_several_facts_with_one_key_the_first_is_paired_with_the_first() -> None:
    old = [("A", "", str(at)) for at in range(3)]
    found = compared(stored(COLUMNS, [*old, B]), stored(COLUMNS, [("A", "", "x"), ("A", "", "y"), B]))
    assert [(one.old_index, one.new_index) for one in found.of("changed")] == [(0, 0), (1, 1)]
    assert [one.old_index for one in found.of("removed")] == [2]


def test_of_several_facts_with_one_key_those_in_one_place_are_paired_first() -> None:
    """The first of three equal keys was taken out, and the last one changed."""
    old = [("A", "", "1"), B, ("A", "", "2"), C, ("A", "", "3"), ("D", "", "")]
    new = [B, ("A", "", "2"), C, ("A", "", "9"), ("D", "", "")]
    found = compared(stored(COLUMNS, old), stored(COLUMNS, new))
    assert [(one.old_index, one.new_index, one.moved) for one in found.of("changed")] == [(4, 3, False)]
    assert [one.old_index for one in found.of("removed")] == [0]


def test_a_changed_fact_may_have_moved_as_well() -> None:
    found = compared(stored(COLUMNS, [A, B, C]), stored(COLUMNS, [B, C, ("A", "", "2")]))
    (one,) = found.of("changed")
    assert one.moved
    assert (one.old_index, one.new_index) == (0, 2)


def test_places_pair_facts_whose_key_was_changed() -> None:
    old, new = [A, B, C, B], [A, ("X", "", "1"), C, B]
    assert counts(old, new)[:3] == (0, 1, 1)
    found = compared(stored(COLUMNS, old), stored(COLUMNS, new), by_place=True)
    (one,) = found.of("changed")
    assert (one.old_index, one.new_index) == (1, 1)
    assert counts([A, B, C], [A, ("X", "", "1"), ("Y", "", "1"), C], by_place=True)[:3] == (0, 2, 1)


def test_the_longest_rising_subsequence() -> None:
    assert longest_rising(array("q", (3, 0, 1, 4, 2))) == bytes((0, 1, 1, 0, 1))
    assert longest_rising(array("q")) == b""


@pytest.mark.parametrize("kind", ["equal", "one key", "reversed"])
def test_a_hundred_thousand_facts_of_one_kind_take_no_longer_than_others(kind: str) -> None:
    """Ten times as many take no more than thirty times as long: nothing is quadratic."""

    def seconds(number: int) -> float:
        if kind == "equal":
            old, new = [A] * number, [B] + [A] * (number // 2) + [C]
        elif kind == "one key":
            old, new = ([("A", "", f"{side}{at}") for at in range(number)] for side in "xy")
        else:
            old = [("A", str(at), "") for at in range(number)]
            new = old[::-1]
        sides = stored(COLUMNS, old), stored(COLUMNS, new)
        began = time.process_time()
        assert compared(*sides).counts.old == number
        return time.process_time() - began

    few = min(seconds(5_000) for _ in range(3))
    assert any(seconds(50_000) < 30 * few for _ in range(3))


def test_a_ledger_json_of_other_columns_or_with_an_endless_line_is_refused() -> None:
    for data in (b'{"columns":["b"],"facts":[\n', b'{"columns":["a"],"facts":[\n' + b"x" * (1 << 22)):
        with pytest.raises(Refused, match=r"l\.json"):
            store_ledger_json(io.BytesIO(data), ("a",), io.BytesIO(), where="l.json")
