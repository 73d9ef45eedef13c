# SPDX-License-Identifier: Apache-2.0
"""A block of values says what is true of its values."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.inspect.lint import characters
from anchor.inspect.lint.value_blocks import LONGEST_WORD, Block, Words, beginnings
from anchor.inspect.lint.values import _MISSING_FOLDED, _PLACEHOLDERS

VALUES = st.lists(st.text("aAxX \t\n\u00a0é.-5ß", max_size=5), min_size=1)


def test_tables_of_iso_8859_1_are_those_of_the_rules() -> None:
    for c in map(chr, range(0x100)):
        block = Block([f"a{c}b"])
        assert block.is_plain == characters.is_plain(c)
        folds = c.casefold() != c and not c.isascii()
        plain = characters.is_plain(c) and unicodedata.is_normalized("NFKC", c)
        assert (block.simple is not None) == (plain and not folds)


@given(VALUES)
def test_blanks_lengths_and_beginnings(values: list[str]) -> None:
    block = Block(values)
    assert block.has_outer_blanks == any(value != value.strip() for value in values)
    assert block.lengths == set(map(len, values))
    for word in ("axa", "é", "ß5"):
        begins = any(value.strip().casefold().startswith(word[0]) for value in values)
        assert block.may_begin(beginnings((word,))) or not begins


@given(VALUES)
def test_words_are_found_whatever_their_case_and_blanks(values: list[str]) -> None:
    words = Words({"xx", "a", "-", "éa", "ss5"})
    found = Block(values).among(words)
    assert found == [value for value in values if value.casefold().strip() in words]


def test_no_word_is_longer_than_what_is_looked_at() -> None:
    assert max(map(len, _PLACEHOLDERS | _MISSING_FOLDED)) + 8 == LONGEST_WORD


def test_a_value_that_is_no_string_is_refused() -> None:
    with pytest.raises(TypeError):
        Block(["a", None])  # type: ignore[list-item]
