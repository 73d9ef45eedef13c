# SPDX-License-Identifier: Apache-2.0
"""The life of a fact, release by release: what is said, and that nothing is said of what was not read."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.compare.lives import Span, changed, lives
from anchor.compare.wanted import Match


def match(value: str, index: int = 0, label: str = "A") -> Match:
    return Match(index, f"{label} {value}", {"label": label, "value": value})


def releases(text: str) -> list[tuple[Match, ...] | None]:
    """A word for each release: its values, `-` for no fact, `?` for one that was not read."""
    return [
        None if word == "?" else tuple(match(v, i) for i, v in enumerate(word.replace("-", "")))
        for word in text.split()
    ]


def told(text: str, *, from_the_first: bool = True) -> str:
    found = lives(releases(text), ("label",), from_the_first=from_the_first)
    return " / ".join(f"{s.event} {s.first}-{s.last}" for life in found for s in life.spans)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", "appeared 0-0"),
        ("1 1 1", "appeared 0-2"),
        ("- 1 1", "appeared 1-2"),
        ("1 2 2 1", "appeared 0-0 / changed 1-2 / changed 3-3"),
        ("1 - - 1", "appeared 0-0 / disappeared 1-2 / reappeared 3-3"),
        ("1 - 2", "appeared 0-0 / disappeared 1-1 / reappeared 2-2"),
        ("? 1", "first seen 1-1"),
        ("- ? 1", "first seen 2-2"),
        ("1 ? 1", "appeared 0-0 / not known 1-1 / unchanged 2-2"),
        ("1 ? ? 2", "appeared 0-0 / not known 1-2 / changed 3-3"),
        ("1 ? -", "appeared 0-0 / not known 1-1 / disappeared 2-2"),
        ("1 - ? -", "appeared 0-0 / disappeared 1-1 / not known 2-2 / unchanged 3-3"),
        ("1 - ? 1", "appeared 0-0 / disappeared 1-1 / not known 2-2 / reappeared 3-3"),
        ("12 21", "appeared 0-1"),
        ("12 1", "appeared 0-0 / changed 1-1"),
        ("11 1", "appeared 0-0 / changed 1-1"),
        ("-", ""),
        ("?", ""),
    ],
)
def test_what_is_told(text: str, wanted: str) -> None:
    assert told(text) == wanted


def test_the_oldest_release_that_was_read_may_not_be_the_first() -> None:
    assert told("1 1", from_the_first=False) == "first seen 0-1"
    assert told("- 1", from_the_first=False) == "appeared 1-1"


def test_equal_facts_are_paired_first_and_the_others_in_order() -> None:
    old, new = releases("1123 2145")
    assert old is not None
    assert new is not None
    pairs = [
        (c.old.fact["value"] if c.old else None, c.new.fact["value"] if c.new else None)
        for c in changed(old, new)
    ]
    assert pairs == [("1", "4"), ("3", "5")]
    assert [c.old is None for c in changed(old[:1], new)] == [True, True, True]
    assert [c.new is None for c in changed(old, ())] == [True] * 4


def test_a_fact_that_comes_back_is_compared_with_what_it_was() -> None:
    for text, changes in (("1 - 1", 0), ("1 - 2", 1), ("1 ? - 2", 1)):
        (life,) = lives(releases(text), ("label",), from_the_first=True)
        assert len(life.spans[-1].changes) == changes


def test_each_key_has_a_life_and_null_is_absent() -> None:
    facts = [
        (match("1", 0), match("1", 1, "B"), Match(2, "n", {"label": None}), Match(3, "a", {"value": "1"})),
        (match("2", 0, "B"),),
    ]
    found = lives(facts, ("label",), from_the_first=True)
    assert [life.key for life in found] == [{"label": "A"}, {"label": "B"}, {"label": None}]
    assert [len(life.spans[0].facts[0]) for life in found] == [1, 1, 2]
    (alone,) = lives(facts, (), from_the_first=True)
    assert alone.key == {}


WORDS = st.lists(st.sampled_from(["?", "-", "1", "2", "12", "11", "21"]), min_size=1, max_size=9)


def replayed(spans: Sequence[Span], count: int) -> list[Counter[str] | None]:
    """Each release again, from the spans and their changes alone."""
    found: list[Counter[str] | None] = [Counter() for _ in range(count)]
    state: Counter[str] = Counter()
    last: Counter[str] = Counter()
    for span in spans:
        if span.event == "not known":
            found[span.first : span.last + 1] = [None] * (span.last + 1 - span.first)
            continue
        if span.event in ("appeared", "first seen"):
            state = Counter(m.leaf for m in span.facts[0])
        elif span.event == "disappeared":
            state = Counter()
        elif span.event in ("changed", "reappeared"):
            state = Counter(last)
            state -= Counter(c.old.leaf for c in span.changes if c.old)
            state += Counter(c.new.leaf for c in span.changes if c.new)
        last = state or last
        found[span.first : span.last + 1] = [state] * (span.last + 1 - span.first)
    return found


@given(WORDS, st.booleans())
def test_the_spans_say_exactly_what_every_release_has(words: list[str], from_the_first: bool) -> None:
    seen = releases(" ".join(words))
    found = lives(seen, ("label",), from_the_first=from_the_first)
    if not found:
        assert not any(seen)
        return
    (life,) = found
    start = life.spans[0].first
    assert not any(seen[:start])
    for one, two in zip(life.spans, life.spans[1:], strict=False):
        assert one.last + 1 == two.first
    assert life.spans[-1].last == len(seen) - 1
    wanted = [None if f is None else Counter(m.leaf for m in f) for f in seen]
    assert replayed(life.spans, len(seen))[start:] == wanted[start:]
    for span in life.spans:
        for at, facts in zip(range(span.first, span.last + 1), span.facts, strict=True):
            assert facts == (seen[at] or ())
