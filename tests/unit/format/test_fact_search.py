# SPDX-License-Identifier: Apache-2.0
"""Facts are found by their place or by exact values, wherever the lists of facts are cut."""

import pytest

from anchor.errors import Misuse
from anchor.format.fact_search import ByIndex, ByValue, FactSearch, wanted_value
from anchor.format.fact_url import MAX_CODE, fact_url
from anchor.format.facts import ABSENT, Fact

COLUMNS = ("a", "b", "a=b")
FACTS: list[Fact] = [
    ("x", "1", "="),
    ("x", None, ABSENT),
    ("x", ABSENT, "é"),
    ("x", "", "e\u0301"),
    ("X", "1", "="),
    ("x", "1", "="),
]


def found(search: FactSearch, cut: int) -> list[int]:
    """The indexes that a search returns; what it holds agrees."""
    chosen = []
    for start in range(0, len(FACTS), cut):
        part = FACTS[start : start + cut]
        chosen += search.extend(part, [b"%032d" % i for i in range(len(part))])
    assert [f.index for f in search.found] == chosen
    for proven in search.found:
        members = dict(zip(COLUMNS, FACTS[proven.index], strict=True))
        assert proven.fact == {name: value for name, value in members.items() if value is not ABSENT}
    return chosen


@pytest.mark.parametrize("cut", [1, 2, 5, 6])
def test_facts_are_found_by_place_and_by_value(cut: int) -> None:
    assert found(ByIndex([5, 0, 3, 3], COLUMNS), cut) == [0, 3, 5]
    assert found(ByIndex([7], COLUMNS), cut) == []
    assert found(ByValue([("a", "x"), ("b", "1")], COLUMNS), cut) == [0, 5]
    assert found(ByValue([("b", "")], COLUMNS), cut) == [3]
    assert found(ByValue([("a=b", "é")], COLUMNS), cut) == [2]
    assert found(ByValue([("b", "null")], COLUMNS), cut) == []


def test_a_text_names_a_column_and_a_value() -> None:
    assert wanted_value("b=", COLUMNS) == ("b", "")
    assert wanted_value("b=1=2", COLUMNS) == ("b", "1=2")
    assert wanted_value("a=b=c", ("a=b",)) == ("a=b", "c")
    for text, words in (
        ("a=b=c", "2 ways"),
        ("b", "not column=value"),
        ("c=1", "no column 'c'"),
        ("=x", "no column ''"),
    ):
        with pytest.raises(Misuse, match=words):
            wanted_value(text, COLUMNS)
    with pytest.raises(Misuse, match="no column"):
        ByValue([("c", "1")], COLUMNS)


def test_a_url_names_index_leaf_and_statement() -> None:
    url = fact_url("https://example.org/l/?x=1", index=7, leaf=b"\xab" * 32, statement="cd" * 32)
    assert url == f"https://example.org/l/?x=1#fact=7&leaf={'ab' * 32}&statement={'cd' * 32}"
    for base in (
        "",
        "example.org",
        "ftp://example.org/",
        "https://example.org/#a",
        "https://example.org/a b",
    ):
        with pytest.raises(Misuse):
            fact_url(base, index=0, leaf=bytes(32), statement="cd" * 32)
    long = "https://example.org/" + "a" * (2048 - 20)
    assert len(fact_url(long, index=2**53, leaf=bytes(32), statement="cd" * 32)) <= MAX_CODE
