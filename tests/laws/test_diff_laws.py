# SPDX-License-Identifier: Apache-2.0
"""Laws of a diff: applied to the older facts it gives the newer ones, and it says no more than it has to.

The numbers are held against a plain count: multisets, and the longest rising subsequence by its definition.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from anchor.compare.differences import Comparison
from anchor.format.facts import ABSENT, Fact
from anchor.merkle import consistency_proof, leaf_hash, verify_consistency
from tests.support.releases.facts import Values, applied, compared, stored

COLUMNS = ("label", "period", "value")
CELL = st.sampled_from(("", "a", "b", "c", None, ABSENT))
ROW: st.SearchStrategy[Fact] = st.tuples(CELL, CELL, CELL).filter(
    lambda row: any(value is not ABSENT for value in row)
)
NAMES = st.lists(st.sampled_from(("label", "period", "value", "note", "\x1b[2J")), min_size=1, unique=True)


def whole(rows: list[Fact]) -> list[Fact]:
    """The rows and one with a value in each column, so that each is in a fact."""
    return [*rows, tuple("z" for _ in range(len(rows[0]) if rows else len(COLUMNS)))]


ROWS = st.lists(ROW, max_size=12).map(whole)


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[tuple[str, ...], list[Fact]]:
    """A ledger with some columns."""
    columns = tuple(draw(NAMES))
    row = st.tuples(*[CELL] * len(columns)).filter(lambda row: any(value is not ABSENT for value in row))
    rows = draw(st.lists(row, max_size=8))
    return columns, [*rows, ("z",) * len(columns)]


def values(columns: Sequence[str], rows: Sequence[Fact]) -> list[Values]:
    return [
        {name: value for name, value in zip(columns, row, strict=True) if value is not ABSENT} for row in rows
    ]


def document(found: Comparison) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Columns and differences as `--json` has them."""
    columns = found.columns
    named = {
        "added": columns.added,
        "removed": columns.removed,
        "renamed": [{"old": older, "new": newer} for older, newer in columns.renamed],
    }
    return named, [msgspec.to_builtins(one) for one in found]


@given(ledgers(), ledgers())
def test_a_diff_applied_to_the_older_facts_gives_the_newer_ones(
    old: tuple[tuple[str, ...], list[Fact]], new: tuple[tuple[str, ...], list[Fact]]
) -> None:
    found = compared(stored(*old), stored(*new))
    columns, differences = document(found)
    made = applied(values(*old), columns, differences, size=len(new[1]))
    assert [rfc8785.dumps(fact) for fact in made] == [rfc8785.dumps(fact) for fact in values(*new)]


def longest_rising(numbers: Sequence[int]) -> int:
    """Its length by definition: of those that end at each place, the longest."""
    best: list[int] = []
    for at, number in enumerate(numbers):
        best.append(1 + max((best[i] for i in range(at) if numbers[i] < number), default=0))
    return max(best, default=0)


@given(ROWS, ROWS)
@example(whole([("a", "", "1")] * 3), whole([("a", "", "1")] * 2))
@example(whole([("a", "b", "c"), ("b", "b", "c")]), whole([("b", "b", "c"), ("a", "b", "c")]))
def test_equal_facts_are_paired_first_then_those_of_one_key_and_as_few_as_possible_move(
    old: list[Fact], new: list[Fact]
) -> None:
    found = compared(stored(COLUMNS, old), stored(COLUMNS, new))
    before, now = Counter(old), Counter(new)
    equal = (before & now).total()
    keys = [
        Counter(key(row) for row in side.elements() if any(key(row))) for side in (before - now, now - before)
    ]
    changed = (keys[0] & keys[1]).total()
    counts = found.counts
    assert counts.changed == changed
    assert counts.equal + counts.moved == equal
    assert counts.added == len(new) - equal - changed
    assert counts.removed == len(old) - equal - changed
    order = pairs(found, len(old), len(new))
    moved = counts.moved + sum(one.moved for one in found.of("changed"))
    assert moved == len(order) - longest_rising([older for _, older in order])


def key(row: Fact) -> tuple[str | None, ...]:
    """Absent counts as null; a key of nothing is no key."""
    return tuple(value if isinstance(value, str) else None for value in row[:2])


def pairs(found: Comparison, old: int, new: int) -> list[tuple[int, int]]:
    """Newer and older index of each pair. Those that are not named follow each other in order."""
    named = {one.new_index: one.old_index for kind in ("changed", "moved") for one in found.of(kind)}
    gone = {one.old_index for one in found.of("removed")} | set(named.values())
    come = {one.new_index for one in found.of("added")} | set(named)
    rest = zip(
        [at for at in range(new) if at not in come], [at for at in range(old) if at not in gone], strict=True
    )
    return sorted((*named.items(), *rest))  # type: ignore[arg-type]


@given(ROWS, ROWS)
def test_nothing_differs_if_and_only_if_the_roots_are_the_same(old: list[Fact], new: list[Fact]) -> None:
    mine, theirs = stored(COLUMNS, old), stored(COLUMNS, new)
    assert compared(mine, theirs).same is (mine.root == theirs.root)


@given(ROWS, st.lists(ROW, max_size=9))
def test_append_only_is_proven_and_holds_only_for_a_ledger_that_begins_the_other(
    old: list[Fact], more: list[Fact]
) -> None:
    mine, theirs = stored(COLUMNS, old), stored(COLUMNS, [*old, *more])
    found = compared(mine, theirs).append_only()
    assert found is not None
    leaves = [leaf_hash(leaf) for leaf in theirs.leaves(range(len(theirs)))]
    proof = [bytes.fromhex(one) for one in found.proof]
    assert proof == ([] if not more else consistency_proof(leaves, len(old)))
    verify_consistency(len(old), len(leaves), proof, mine.root, theirs.root)
    back = compared(theirs, mine).append_only()
    assert (back is None) is bool(more)


@given(ROWS, ROWS)
def test_with_places_every_gap_of_one_size_is_paired(old: list[Fact], new: list[Fact]) -> None:
    mine, theirs = stored(COLUMNS, old), stored(COLUMNS, new)
    found = compared(mine, theirs, by_place=True)
    columns, differences = document(found)
    made = applied(values(COLUMNS, old), columns, differences, size=len(new))
    assert made == values(COLUMNS, new)
