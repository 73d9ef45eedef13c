# SPDX-License-Identifier: Apache-2.0
"""The reading that is shown before anything is signed."""

from typing import Any

from anchor.format.facts import ABSENT, Fact
from anchor.intake.reading import Noted, Reading, as_text


class Rows:
    """A table in memory."""

    def __init__(self, columns: tuple[str, ...], rows: list[Fact]) -> None:
        self.columns = columns
        self._rows = rows

    def __iter__(self) -> Any:
        return iter(enumerate(self._rows, 1))


def reading(**given: Any) -> Reading:
    whole = {
        "files": ("x.csv",),
        "reader": "csv-v1",
        "read_as": (),
        "columns": ("a", "b"),
        "facts": 2,
        "first": {"a": "1", "b": None},
        "last": {"a": " x "},
    }
    return Reading(**{**whole, **given})


def test_the_first_and_the_last_fact_are_noted_and_nothing_is_changed() -> None:
    rows: list[Fact] = [(str(n), None if n else ABSENT) for n in range(3000)]
    for by_chunks in (True, False):
        noted = Noted(Rows(("a", "b"), rows))
        if by_chunks:
            assert [fact for _, facts in noted.chunks() for fact in facts] == rows
        else:
            assert list(noted) == list(enumerate(rows, 1))
        assert (noted.facts, noted.first, noted.last) == (3000, {"a": "0"}, {"a": "2999", "b": None})


def test_null_absent_and_blanks_are_told_apart() -> None:
    lines = list(as_text(reading()))
    assert lines[0] == "read as    csv-v1"
    assert lines[1] == "facts      2, in 2 columns"
    assert [line.split() for line in lines[2:]] == [
        ["column", "first", "fact", "last", "fact"],
        ["'a'", "'1'", "'", "x", "'"],
        ["'b'", "null", "(absent)"],
    ]


def test_settings_files_and_skipped_lines_are_named() -> None:
    lines = list(
        as_text(
            reading(
                files=("a.csv", "b.csv"),
                read_as=("delimiter ';'", "the first 5 lines not read"),
                skipped=("Title", "\x1b[2J", "", "x", "y"),
            )
        )
    )
    assert lines[:7] == [
        "read as    csv-v1, delimiter ';', the first 5 lines not read",
        "file 1     a.csv",
        "file 2     b.csv",
        "not read   line 1: 'Title'",
        "not read   line 2: '\\x1b[2J'",
        "not read   line 3: ''",
        "not read   2 more lines above the header",
    ]


def test_a_wide_or_long_table_is_cut() -> None:
    columns = tuple(f"c{n}" for n in range(300))
    fact = dict.fromkeys(columns, "x" * 10000)
    lines = list(as_text(reading(columns=columns, first=fact, last=fact)))
    assert lines[-1] == "  ... and 280 more columns"
    assert max(map(len, lines)) < 130


def test_one_fact_is_shown_once() -> None:
    lines = list(as_text(reading(facts=1, last={"a": "1", "b": None})))
    assert [line.split() for line in lines[2:]] == [
        ["column", "first", "fact"],
        ["'a'", "'1'"],
        ["'b'", "null"],
    ]
