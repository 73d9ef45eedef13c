# SPDX-License-Identifier: Apache-2.0
"""Missing ends of files, and what they explain: never a change, always a copy in progress."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.compare.cut_off import Part, explains
from anchor.format.facts import Fact
from tests.support.releases.facts import stored

COLUMNS = ("label", "period", "value")
A, B, C, D = (("A", "x", "1"), ("B", "x", "22"), ("C", "x", "333"), ("D", "x", "4444"))


def explained(signed: Sequence[Fact], *files: tuple[Sequence[Fact], bool], whole_lines: bool = False) -> bool:
    """`files`: the facts of each file, and whether it is shorter than the whole one."""
    there = [fact for facts, _ in files for fact in facts]
    parts = [Part(len(facts), shorter, whole_lines) for facts, shorter in files]
    return explains(stored(COLUMNS, signed), stored(COLUMNS, there), parts)


@pytest.mark.parametrize(
    ("there", "cut", "whole_lines"),
    [
        ([A, B], True, True),
        ([A, B, C, D], True, True),
        ([A, B, ("C", "x", "33")], True, False),
        ([A, B, ("C", "", "")], True, False),
        ([A, B, ("C", "x", "")], True, False),
        ([("", "", "")], True, False),
        ([A, B, D], False, True),
        ([A, ("B", "x", "2"), C], False, True),
        ([A, ("B", "x", "2")], False, True),
        ([A, B, ("C", "x", "34")], False, False),
        ([A, B, ("C", "", "333")], False, False),
        ([A, B, ("", "x", "333")], False, False),
        ([B, C], False, True),
        ([B, C, D], False, True),
        ([A, B, C, D, D], False, True),
        ([("A", "x", "2"), B, C, D], False, True),
    ],
)
def test_one_file(there: list[Fact], *, cut: bool, whole_lines: bool) -> None:
    assert explained([A, B, C, D], (there, True), whole_lines=whole_lines) is cut


def test_a_cut_escape_and_a_cut_token_for_null_are_no_change() -> None:
    signed: list[Fact] = [("a|b&c", "x", "1"), ("N", "x", None)]
    for label in ("a\\", "a|b&am", "a|b&"):
        assert explained(signed, ([(label, "", "")], True))
    assert not explained(signed, ([("b&am", "", "")], True))
    assert explained(signed, ([signed[0], ("N", "x", "NUL")], True))
    assert not explained(signed, ([signed[0], ("N", "x", "9" * 64)], True))


def test_several_files_may_be_cut_and_the_facts_of_the_others_follow_each_other() -> None:
    signed = [A, A, B, A, C, D]
    assert explained(signed, ([A], True), ([A, C, D], False), whole_lines=True)
    assert explained(signed, ([A], True), ([B], True), ([D], False), whole_lines=True)
    assert explained(signed, ([A, A], False), ([B], True), ([D], False), whole_lines=True)
    assert not explained(signed, ([A, A], False), ([A, C, D], False), whole_lines=True)
    assert not explained(signed, ([A, B], False), ([C], True), whole_lines=True)
    assert not explained(signed, ([A], True), ([C, A], True), whole_lines=True)
    assert not explained(signed, ([A], True), ([C], False), whole_lines=True)


def test_a_ledger_of_equal_facts_costs_no_search_without_end() -> None:
    signed: list[Fact] = [A] * 20_000
    there = [*signed[:5_000], ("Z", "", "")]
    assert explained(signed, ([A], True), (there, True)), "after a number of places nobody is accused"


FACTS: st.SearchStrategy[list[Fact]] = st.lists(
    st.tuples(st.sampled_from("ab"), st.just("x"), st.sampled_from(("1", "12"))), min_size=1, max_size=8
)


def divided(facts: Sequence[Fact], lengths: list[int]) -> Iterator[list[Fact]]:
    """The facts in one file more than there are lengths."""
    ends = [min(end, len(facts)) for end in accumulate(lengths, initial=0)]
    yield from (list(facts[start:end]) for start, end in pairwise([*ends, len(facts)]))


@given(FACTS, st.lists(st.integers(1, 4), max_size=3), st.data())
def test_every_copy_in_progress_is_explained(
    facts: list[Fact], lengths: list[int], data: st.DataObject
) -> None:
    files: list[tuple[list[Fact], bool]] = []
    for file in divided(facts, lengths):
        cut = data.draw(st.booleans())
        left = file[: data.draw(st.integers(0, len(file)))] if cut else file
        if left and cut and data.draw(st.booleans()):
            left = [*left[:-1], (left[-1][0], "x", str(left[-1][2])[: data.draw(st.integers(0, 1))])]
        files.append((left, cut))
    if any(left for left, _ in files) and any(cut for _, cut in files):
        assert explained(facts, *files)


@given(FACTS, FACTS, st.lists(st.integers(1, 4), max_size=3), st.lists(st.booleans(), min_size=4, max_size=4))
def test_nothing_else_is_explained(
    signed: list[Fact], there: list[Fact], lengths: list[int], shorter: list[bool]
) -> None:
    files = list(zip(divided(there, lengths), shorter, strict=False))

    def stands(number: int, at: int) -> bool:
        """Every place is tried."""
        if number == len(files):
            return at == len(signed)
        facts, cut = files[number]
        if signed[at : at + len(facts)] != facts:
            return False
        rest = range(at + len(facts), len(signed) + 1) if cut else [at + len(facts)]
        return any(stands(number + 1, next_) for next_ in rest)

    assert explained(signed, *files, whole_lines=True) is stands(0, 0)
