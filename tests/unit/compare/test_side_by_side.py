# SPDX-License-Identifier: Apache-2.0
"""Differences as people see them: wrapped, harmless, and never two values that look the same."""

import pytest
from msgspec import UNSET

from anchor.compare import side_by_side
from anchor.format.facts import Value
from tests.support.releases.facts import compared, stored


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x", "x"),
        ("", "''"),
        (" x", "' x'"),
        (None, "(null)"),
        (UNSET, "(absent)"),
        ("(null)", "'(null)'"),
        ("'x'", "''x''"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\u202eb", "a\\u202eb"),
        ("x" * 500, "x" * 400 + "... (500 characters)"),
    ],
)
def test_a_value(value: Value, shown: str) -> None:
    assert side_by_side.text(value) == shown


def test_two_values_that_look_the_same_are_written_out() -> None:
    assert side_by_side.pair("é", "e\u0301") == ("\\xe9", "e\\u0301")
    assert side_by_side.pair("a b", "a\xa0b") == ("a b", "a\\xa0b")
    assert side_by_side.pair("Å", "\u212b") == ("\\xc5", "\\u212b")


def test_of_long_values_the_part_that_differs_is_shown() -> None:
    old, new = side_by_side.pair("x" * 5000 + "a", "x" * 5000 + "b")
    assert old == "..." + "x" * 40 + "a (5001 characters)"
    assert new.endswith("xb (5001 characters)")
    assert side_by_side.pair("x" * 5000, "y" * 5000, whole=True) == ("x" * 5000, "y" * 5000)


@pytest.mark.parametrize(
    ("text", "width", "parts"),
    [
        ("a few words here", 8, ["a few", "words", "here"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("東京都千代田区", 4, ["東京", "都千", "代田", "区"]),
        ("e\u0301" * 4, 2, ["e\u0301" * 2, "e\u0301" * 2]),
        ("", 4, [""]),
    ],
)
def test_text_is_wrapped_at_the_width_that_it_takes_on_a_terminal(
    text: str, width: int, parts: list[str]
) -> None:
    assert side_by_side.wrapped(text, width) == parts


def test_a_long_value_is_wrapped_in_a_moment() -> None:
    assert len("".join(side_by_side.wrapped("é" * 262_144, 20))) == 262_144


def test_no_line_is_wider_than_it_may_be_and_what_is_left_out_is_counted() -> None:
    columns = ("label", "a column with a name that is much longer than its place", "value")
    old = [(str(at), "long words " * 20, "1") for at in range(30)]
    new = [(str(at), "other words " * 20, "2") for at in range(30)]
    found = compared(stored(columns, old), stored(columns, new))
    lines = list(side_by_side.lines(found, width=60, most=20))
    assert max(map(len, lines)) <= 60
    assert lines[-1] == "  and 10 more; --all shows them"
    assert "and 10 more" not in "\n".join(side_by_side.lines(found, width=60, most=None))


def test_columns_of_a_wide_fact_are_counted() -> None:
    columns = [f"c{at}" for at in range(100)]
    found = compared(stored(columns, [("1",) * 100]), stored(columns, [("2",) * 100]), "c0")
    lines = list(side_by_side.lines(found, width=60, most=20))
    assert lines[-1] == "    and 76 more columns"


def test_a_hostile_name_of_a_column_stays_in_its_line() -> None:
    name = "a\n\x1b[31m\u202e"
    found = compared(stored((name,), [("1",)]), stored((name, "b\r"), [("1", "2")]), name)
    assert all(line.isprintable() for line in side_by_side.lines(found, width=80, most=20))


def test_facts_that_differ_only_in_an_added_column_are_counted_and_shown_if_all_are() -> None:
    old, new = [("A", "1"), ("B", "2")], [("A", "1", "x"), ("B", "2", "")]
    found = compared(stored(("label", "value"), old), stored(("label", "value", "note"), new))
    lines = list(side_by_side.lines(found, width=60, most=20))
    assert lines == [
        "column added: 'note'",
        "",
        "filled: 2 facts, which differ only in added columns",
        "  --all shows them",
    ]
    whole = list(side_by_side.lines(found, width=60, most=None))
    assert whole[3] == "  index 0  'label' 'A'"
    assert whole[5].split() == ["note", "(absent)", "x"]


def test_many_renamed_columns_are_counted() -> None:
    row = tuple(str(at) for at in range(30))
    found = compared(
        stored([f"a{at}" for at in range(30)], [row]), stored([f"b{at}" for at in range(30)], [row])
    )
    lines = list(side_by_side.lines(found, width=60, most=20))
    assert lines[0] == "column renamed: 'a0' is now 'b0'"
    assert lines[-1] == "columns renamed: 6 more"
