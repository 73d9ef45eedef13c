# SPDX-License-Identifier: Apache-2.0
"""Columns that were added, removed, renamed and reordered; and the columns that are a key."""

import pytest
from msgspec import UNSET

from anchor.compare.columns import Columns, Key, chosen_key, compared
from anchor.errors import Misuse
from tests.support.releases.facts import compared as facts_compared
from tests.support.releases.facts import stored

LABELS = ("Alpha", "Beta", "Gamma", "Delta")


def columns_of(old: tuple[str, ...], new: tuple[str, ...]) -> Columns:
    return compared(
        stored(old, [tuple(f"{n}{at}" for n in old) for at in range(4)]),
        stored(new, [tuple(f"{n}{at}" for n in new) for at in range(4)]),
    )


def test_the_same_columns() -> None:
    found = columns_of(("a", "b"), ("a", "b"))
    assert not found.changed
    assert found.same_facts


def test_another_order_alone_changes_no_fact() -> None:
    found = columns_of(("a", "b"), ("b", "a"))
    assert found.reordered
    assert found.same_facts


def test_added_and_removed() -> None:
    found = columns_of(("a", "b"), ("a", "c"))
    assert (found.added, found.removed, found.renamed) == (("c",), ("b",), ())


def test_a_column_whose_values_stayed_was_renamed() -> None:
    rows = [(label, str(at)) for at, label in enumerate(LABELS)]
    found = facts_compared(stored(("label", "value"), rows), stored(("label", "amount"), rows))
    assert found.columns.renamed == (("value", "amount"),)
    assert found.counts.same
    assert not found.same


def test_of_two_columns_the_one_with_more_of_the_values_was_renamed_and_the_rest_is_changed() -> None:
    old = [(label, str(at), "x") for at, label in enumerate(LABELS)]
    new = [(label, "9" if at == 1 else str(at), str(at % 2)) for at, label in enumerate(LABELS)]
    found = facts_compared(stored(("label", "value", "unit"), old), stored(("label", "amount", "y"), new))
    assert found.columns.renamed == (("value", "amount"),)
    assert (found.columns.removed, found.columns.added) == (("unit",), ("y",))
    (one,) = found.of("changed")
    assert one.cells is not UNSET
    assert [cell.column for cell in one.cells] == ["amount", "y"]


def test_empty_values_that_stayed_rename_nothing() -> None:
    old = [(label, "") for label in LABELS]
    found = facts_compared(stored(("label", "note"), old), stored(("label", "remark"), old))
    assert found.columns.renamed == ()


def test_all_columns_may_be_renamed() -> None:
    rows = [(label, str(at)) for at, label in enumerate(LABELS)]
    found = facts_compared(stored(("label", "value"), rows), stored(("name", "amount"), rows))
    assert found.columns.renamed == (("label", "name"), ("value", "amount"))
    assert found.counts.same


def test_many_columns_are_not_searched_for_renamed_ones() -> None:
    old, new = ([f"{word}{at}" for at in range(300)] for word in ("old", "new"))
    row = tuple(str(at) for at in range(300))
    found = facts_compared(stored(old, [row]), stored(new, [row]))
    assert len(found.columns.added) == len(found.columns.removed) == 300


BOTH = Columns(kept=(("label", "label"), ("old", "new")), added=(), removed=(), reordered=False)


@pytest.mark.parametrize(
    ("asked", "sealed", "key"),
    [
        ((), (), Key(("label",), "the usual columns")),
        (("new",), ((("label",), "sealed"),), Key(("new",), "--key")),
        (("old", "old"), (), Key(("new",), "--key")),
        (
            (),
            ((("gone",), "sealed"), (("old", "label"), "sealed in old")),
            Key(("new", "label"), "sealed in old"),
        ),
    ],
)
def test_the_key_is_the_one_asked_for_else_the_sealed_one_else_the_usual_one(
    asked: tuple[str, ...], sealed: tuple[tuple[tuple[str, ...], str], ...], key: Key
) -> None:
    assert chosen_key(BOTH, asked=asked, sealed=sealed) == key


def test_a_key_that_a_side_does_not_have_is_refused() -> None:
    with pytest.raises(Misuse, match=r"--key: 'gone' is no column of both"):
        chosen_key(BOTH, asked=("gone",))


def test_without_a_label_there_is_no_key() -> None:
    columns = Columns(kept=(("period", "period"),), added=(), removed=(), reordered=False)
    assert chosen_key(columns) == Key(())
