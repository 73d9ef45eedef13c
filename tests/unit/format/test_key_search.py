# SPDX-License-Identifier: Apache-2.0
"""The facts of one key, and the keys that only look like it."""

from collections.abc import Sequence

import pytest

from anchor.errors import Misuse, Refused
from anchor.format import key_search
from anchor.format.facts import ABSENT, Value
from anchor.format.index import Index, IndexBuilder, Key, key_hash
from anchor.format.key_search import KeySearch, Similar, folded, in_words
from anchor.merkle.sparse_proof import root_of_absent, root_of_present

COLUMNS = ("label", "n")
Row = tuple[Value, ...]


def leaves(facts: Sequence[Row]) -> list[bytes]:
    return [i.to_bytes(32, "big") for i in range(len(facts))]


def index_of(facts: Sequence[Row], *columns: str) -> Index:
    builder = IndexBuilder(columns, COLUMNS)
    builder.extend(facts, leaves(facts))
    return builder.index()


def searched(facts: Sequence[Row], key: Key, *columns: str) -> KeySearch:
    search = KeySearch(index_of(facts, *columns), key, COLUMNS)
    half = len(facts) // 2
    hashes = leaves(facts)
    chosen = search.extend(facts[:half], hashes[:half]) + search.extend(facts[half:], hashes[half:])
    assert chosen == [found.index for found in search.found]
    return search


FACTS: list[Row] = [("A", "1"), ("a", "2"), ("A", "3"), ("", "4"), (None, "5"), (ABSENT, "6"), ("B", "7")]


@pytest.mark.parametrize(
    ("key", "indexes"), [("A", [0, 2]), ("a", [1]), ("", [3]), (None, [4, 5]), ("b", []), ("\ufeff", [])]
)
def test_it_finds_all_facts_of_a_key_and_its_path(key: str | None, indexes: list[int]) -> None:
    search = searched(FACTS, (key,), "label")
    assert [found.index for found in search.found] == indexes
    assert [found.fact for found in search.found] == [
        {name: value for name, value in zip(COLUMNS, FACTS[i], strict=True) if value is not ABSENT}
        for i in indexes
    ]
    root = bytes.fromhex(index_of(FACTS, "label").root)
    siblings, end = search.path()
    if indexes:
        assert end is not None
        assert end.n == len(indexes)
        assert root_of_present(end, siblings) == root
    else:
        assert root_of_absent(key_hash((key,)), siblings, end) == root


@pytest.mark.parametrize(
    ("key", "similar"),
    [
        ("A", [Similar(("a",), 1)]),
        ("b", [Similar(("B",), 1)]),
        ("", [Similar((None,), 2)]),
        (None, [Similar(("",), 1)]),
        ("\u00ad", [Similar(("",), 1), Similar((None,), 2)]),
        ("C", []),
    ],
)
def test_it_lists_the_keys_that_look_alike(key: str | None, similar: list[Similar]) -> None:
    assert searched(FACTS, (key,), "label").similar() == similar


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RNCP Code", "rncp code"),
        ("RNCP Code", " RNCP\u00a0 Code "),
        ("\ufb01n", "FIN"),  # a ligature
        ("Stra\u00dfe", "STRASSE"),
        ("\u00e9", "E\u0301"),
        ("a\u200bb", "AB"),
        ("\uff21", "a"),  # full width
    ],
)
def test_what_looks_alike(one: str, other: str) -> None:
    assert folded((one,)) == folded((other,)) != folded((one + "x",))


def test_a_key_of_two_columns_looks_alike_as_a_whole() -> None:
    facts: list[Row] = [("A", "x"), ("a", "X"), ("ax", "")]
    search = searched(facts, ("A", "X"), "label", "n")
    assert search.similar() == [Similar(("A", "x"), 1), Similar(("a", "X"), 1)]


def test_facts_that_give_another_index_are_refused() -> None:
    search = KeySearch(index_of(FACTS, "label"), ("A",), COLUMNS)
    search.extend(FACTS[:-1], leaves(FACTS[:-1]))
    with pytest.raises(Refused, match="index over 'label'"):
        search.path()


def test_what_no_receipt_has_room_for_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_search, "MAX_FOUND", 3)
    with pytest.raises(Misuse, match="no room"):
        searched(FACTS, ("A",), "label")


def test_words_for_many_similar_keys() -> None:
    found = [Similar((f"k{i}", None), i) for i in range(12)]
    words = list(in_words(found))
    assert words[:2] == ["'k0', null (0 facts)", "'k1', null (1 fact)"]
    assert words[-1] == "and 2 more"
    assert list(in_words(found * 100))[-1] == "and 1190 more at least"
