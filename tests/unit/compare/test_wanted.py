# SPDX-License-Identifier: Apache-2.0
"""Facts looked for by leaf hash and by values: exact bytes, and a question that means one thing."""

import json

import pytest

from anchor.compare import wanted
from anchor.compare.wanted import by_fact, by_leaf, by_values, find, similar
from anchor.errors import Misuse
from anchor.format.facts import ABSENT, Fact
from anchor.merkle import leaf_hash


class Facts:
    """A table in memory."""

    def __init__(self, columns: tuple[str, ...], *facts: Fact) -> None:
        self.columns = columns
        self._facts = facts

    def __iter__(self):  # type: ignore[no-untyped-def]
        return enumerate(self._facts, 1)


TABLE = ("label", "value")


def table(*facts: Fact) -> Facts:
    return Facts(TABLE, *facts)


def test_values_are_exact_bytes_and_all_must_hold() -> None:
    facts = [("A", "1"), ("a", "1"), ("A ", "1"), ("A", "2"), ("A", None), ("A", ABSENT), ("Å", "1")]
    found = find(table(*facts), by_values(["label=A"]))
    assert [m.index for m in found] == [0, 3, 4, 5]
    assert [m.fact for m in found] == [
        {"label": "A", "value": "1"},
        {"label": "A", "value": "2"},
        {"label": "A", "value": None},
        {"label": "A"},
    ]
    assert [m.index for m in find(table(*facts), by_values(["label=A", "value=2"]))] == [3]
    assert find(table(*facts), by_values(["label=\u0041\u030a"])) == []  # not its composed form
    assert [m.index for m in find(table(("", "x")), by_values(["label="]))] == [0]


def test_a_leaf_and_a_fact_are_one_question() -> None:
    facts = [("A", "1"), ("B", None), ("A", "1"), ("C", ABSENT)]
    for text, indexes in (
        ('{"value":"1","label":"A"}', [0, 2]),
        ('{"label":"B","value":null}', [1]),
        ('{"label":"C"}', [3]),
        ('{"label":"C","value":null}', []),
    ):
        leaf = json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True).encode()
        for question in (by_fact(text), by_leaf(leaf_hash(leaf).hex())):
            found = find(table(*facts), question)
            assert [m.index for m in found] == indexes
            assert all(m.fact == json.loads(text) and m.leaf == leaf_hash(leaf).hex() for m in found)


def test_the_leaf_of_a_match_by_values_is_that_of_the_ledger() -> None:
    facts = [('\u20ac "x"\\\n', "1"), ("B", None)]
    for at, text in enumerate(('label=\u20ac "x"\\\n', "label=B")):
        (match,) = find(table(*facts), by_values([text]))
        (same,) = find(table(*facts), by_leaf(match.leaf))
        assert (same, match.index) == (match, at)


def test_a_name_with_an_equals_sign() -> None:
    assert len(find(Facts(("a=b", "c"), ("1", "2")), by_values(["a=b=1"]))) == 1
    assert len(find(Facts(("a", "c"), ("b=1", "2")), by_values(["a=b=1"]))) == 1
    with pytest.raises(Misuse, match="2 ways"):
        find(Facts(("a", "a=b"), ("1", "2")), by_values(["a=b=1"]))


def test_a_ledger_without_the_column_has_no_such_fact() -> None:
    assert find(table(("A", "1")), by_values(["label=A", "period=1"])) == []
    assert by_values(["label=A", "period=1"]).columns(TABLE) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", '{"a":1}', '{"a":"1","a":"1"}', '{"a":"1"', "\udc80"])
def test_what_is_no_fact(text: str) -> None:
    with pytest.raises(Misuse, match="--fact"):
        by_fact(text)


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64])
def test_what_is_no_leaf_hash(text: str) -> None:
    with pytest.raises(Misuse, match="--leaf"):
        by_leaf(text)


def test_a_question_that_contradicts_itself() -> None:
    with pytest.raises(Misuse, match="two values"):
        find(table(("A", "1")), by_values(["label=A", "label=B"]))
    assert find(table(("A", "1")), by_values(["label=A", "label=A"]))
    with pytest.raises(Misuse, match="has no ="):
        by_values(["label"])


def test_too_many_facts_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "MOST", 3)
    facts = [("A", str(i)) for i in range(4)]
    assert len(find(table(*facts[:3]), by_values(["label=A"]))) == 3
    with pytest.raises(Misuse, match="more than 3 facts"):
        find(table(*facts), by_values(["label=A"]))


def test_what_looks_the_same_is_listed_and_not_found() -> None:
    facts = [
        ("RNCP  Code", "1"),
        ("rncp code", "2"),
        ("\uff32NCP Code", "3"),
        ("RNCP-Code", "4"),
        ("rncp code", "5"),
    ]
    question = by_values(["label=RNCP Code"])
    assert find(table(*facts), question) == []
    assert similar(table(*facts), question) == [
        {"label": "RNCP  Code"},
        {"label": "rncp code"},
        {"label": "\uff32NCP Code"},
    ]
