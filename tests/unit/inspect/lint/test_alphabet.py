# SPDX-License-Identifier: Apache-2.0
"""Text whose characters are numbered has the spellings and skeletons that each of its lines has alone."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from anchor.inspect.lint.alphabet import Alphabet
from anchor.inspect.lint.characters import is_alone, skeleton, spelling

WORDS = ("производство", "ΑΒΓ αβγ", "Paris", "ЦЕНА 12", "Ёлка", "straße", "ﬁn", "e\u0301", "\u200b", "\0")
LINES = st.lists(st.sampled_from(WORDS) | st.text("aAбВ іΙ\t\u00a0é가\u1161ﾞ", max_size=6), min_size=1)


@given(st.lists(LINES, min_size=1, max_size=4))
def test_lines_are_those_of_the_rules_or_are_left_to_them(texts: list[list[str]]) -> None:
    alphabet = Alphabet()
    for lines in texts:
        if found := alphabet.spellings_and_skeletons("\n".join(lines)):
            assert found == (list(map(spelling, lines)), list(map(skeleton, lines)))


def test_most_text_in_another_alphabet_is_numbered() -> None:
    alphabet = Alphabet()
    for line in ("Население, область № 5", "Производство (т)", "Ціна «Їжак»", "Ελλάδα"):
        found = alphabet.spellings_and_skeletons(line)
        assert found == ([spelling(line)], [skeleton(line)])


def test_text_that_cannot_be_numbered_is_asked_for_now_and_then() -> None:
    alphabet = Alphabet()
    assert alphabet.spellings_and_skeletons("e\u0301") is None
    answers = [alphabet.spellings_and_skeletons("а") is not None for _ in range(17)]
    assert answers == [False] * 15 + [True] * 2
    for text in ("".join(map(chr, range(0x4E00, 0x4F00))), "\ue000", "\ufffe", "가", "№ßﬁﬂ…㎏½¼¾"):
        assert Alphabet().spellings_and_skeletons(text) is None


def test_what_joins_the_character_before_is_a_mark_or_a_letter_of_hangul() -> None:
    for c in map(chr, range(0x110000)):
        parts = unicodedata.decomposition(c).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            assert not is_alone(chr(int(parts[1], 16)))
