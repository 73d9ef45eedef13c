# SPDX-License-Identifier: Apache-2.0
"""Occurrences of values: in every way of writing a number, never inside of a longer one, as a second program
finds them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anchor.sources.matching import Document, Sought
from anchor.sources.text_tokens import shown, tokens
from tests.support.process.sampled import examples
from tests.support.second import occurrences2

GROUP_MARKS = [",", ".", " ", "\u00a0", "\u202f", "\u2009", "'", "’"]
ALPHABET = "0123 1 12 345 ab é-,.'·\u066b\u066c%/:+\n()€²½\u00ad\u00a0\u202f’–…«\f_\u200b\u0301"
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=40)


def grouped(digits: str, mark: str) -> str:
    head = len(digits) % 3 or 3
    return mark.join([digits[:head], *(digits[i : i + 3] for i in range(head, len(digits), 3))])


def found(value: str, text: str) -> list[str]:
    return [text[o.start : o.end] for o in Document(text).find(Sought(value=value))]


@given(
    st.integers(1, 10**15), st.sampled_from(GROUP_MARKS), st.sampled_from(["", "(", "€", "of "]), st.data()
)
def test_a_number_is_found_however_its_digits_are_grouped(
    number: int, mark: str, before: str, data: st.DataObject
) -> None:
    written = grouped(str(number), mark)
    after = data.draw(st.sampled_from(["", ")", " %", "€", " people", ". ", "; 7"]))
    assert found(str(number), before + written + after) == [written]
    decimals = data.draw(st.from_regex("[0-9]{1,2}", fullmatch=True))
    decimal_mark = data.draw(st.sampled_from([m for m in ".," if m != mark]))
    longer = f"{written}{decimal_mark}{decimals}"
    assert found(str(number), before + longer + after) == []
    assert found(f"{number}.{decimals}", before + longer + after) == [longer]


@given(
    st.integers(0, 10**6), st.text(st.sampled_from("0123456789abcé²_"), min_size=1, max_size=3), st.booleans()
)
def test_a_number_is_not_found_inside_of_a_longer_number_or_word(
    number: int, glued: str, behind: bool
) -> None:
    text = f"{number}{glued}" if behind else f"{glued}{number}"
    assert found(str(number), f"so {text} it") == []


@examples(300, given(TEXTS), example("1,234 a-\nb"))
def test_the_tokens_cover_the_text_and_are_those_of_the_second_program(text: str) -> None:
    seen = shown(text).text
    assert seen == occurrences2.seen(text)
    ours = list(tokens(seen))
    assert [(t.start, t.end, t.kind, *t.forms) for t in ours] == list(occurrences2.tokens(seen))
    places = [place for t in ours for place in range(t.start, t.end)]
    assert places == sorted(set(places))
    assert all(seen[i].isspace() for i in set(range(len(seen))) - set(places))


@examples(300, given(TEXTS, st.data()))
def test_the_occurrences_are_those_of_the_second_program(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    value = text[start : data.draw(st.integers(start, len(text)))]
    if data.draw(st.booleans()):
        value = value.replace(",", ".").replace("\u00a0", "").replace("-\n", "")
    ours = Document(shown(text).text).find(Sought(value=value))
    assert [(o.start, o.end) for o in ours] == occurrences2.occurrences(value, text)


@given(TEXTS, TEXTS)
def test_an_occurrence_is_exact_if_it_has_the_characters_of_the_value(text: str, value: str) -> None:
    for one in Document(text).find(Sought(value=value)):
        assert one.exact == (text[one.start : one.end] == value)


@pytest.mark.parametrize("value", ["12", "44,010", "a b", "é", "1.5"])
def test_a_value_is_found_in_itself(value: str) -> None:
    assert found(value, value) == [value]
