# SPDX-License-Identifier: Apache-2.0
"""Several tables as one: columns in order of first appearance, or the same header in each."""

import io
from collections.abc import Iterator, Sequence

import pytest

from anchor.errors import Refused
from anchor.format.concatenated import Concatenated, together
from anchor.format.facts import ABSENT, Table
from anchor.format.leaves import seal
from anchor.format.statement import LedgerName
from tests.support.releases.tables import open_table


def tables(reader: str, texts: Sequence[str]) -> Iterator[Table]:
    for text in texts:
        yield open_table(io.BytesIO(text.encode()), reader, where="x")


def test_files_with_a_header_have_the_same_one() -> None:
    found = Concatenated(tables("csv-v1", ["a,b\n1,2\n", "a,b\n3,4\n5,6\n"]), where="x")
    assert found.columns == ("a", "b")
    assert list(found) == [(2, ("1", "2")), (2, ("3", "4")), (3, ("5", "6"))]
    for other in ("b,a\n1,2\n", "a\n1\n", "a,B\n1,2\n"):
        with pytest.raises(Refused, match="file 2 has the columns"):
            list(Concatenated(tables("csv-v1", ["a,b\n1,2\n", other]), where="x"))


def test_members_in_another_order_are_put_in_that_of_the_first_file() -> None:
    texts = ['{"b":1,"a":2}\n', '{"a":4,"b":3}\n']
    found = Concatenated(tables("jsonl-v1", texts), where="x", in_order=False)
    assert [fact for _, fact in found] == [("1", "2"), ("3", "4")]
    with pytest.raises(Refused, match="file 2 has the columns"):
        list(Concatenated(tables("jsonl-v1", texts), where="x"))
    with pytest.raises(Refused, match="file 2 has the columns"):
        list(Concatenated(tables("jsonl-v1", [texts[0], '{"a":1}\n']), where="x", in_order=False))


def test_files_whose_facts_have_any_members_have_columns_in_order_of_first_appearance() -> None:
    texts = ['{"b":1}\n', '{"a":2,"b":3}\n', '{"c":4}\n']
    columns = together(t.columns for t in tables("jsonl-v1", texts))
    assert columns == ("b", "a", "c")
    found = Concatenated(tables("jsonl-v1", texts), where="x", columns=columns)
    assert [fact for _, fact in found] == [
        ("1", ABSENT, ABSENT),
        ("3", "2", ABSENT),
        (ABSENT, ABSENT, "4"),
    ]


@pytest.mark.parametrize("named", [("a", "b"), ("b",), ("b", "a", "c"), ("c", "b", "a")])
def test_other_columns_than_those_that_appear_are_refused(named: tuple[str, ...]) -> None:
    texts = ['{"b":1}\n', '{"a":2}\n']
    with pytest.raises(Refused, match="are named"):
        list(Concatenated(tables("jsonl-v1", texts), where="x", columns=named))


def test_one_after_the_other_seals_as_if_it_were_one_file() -> None:
    name = LedgerName(name="n", number=1, version="1")
    one, two = io.BytesIO(), io.BytesIO()
    lines = "".join(f"{i},{i * i}\n" for i in range(5000))
    half = lines.index("2500,")
    (table,) = tables("csv-v1", [f"a,b\n{lines}"])
    whole = seal(table, ledger=name, ledger_json=one)
    parts = tables("csv-v1", [f"a,b\n{lines[:half]}", f"a,b\n{lines[half:]}"])
    assert seal(Concatenated(parts, where="x"), ledger=name, ledger_json=two) == whole
    assert one.getvalue() == two.getvalue()


def test_a_column_that_no_fact_has_is_refused() -> None:
    class Empty:
        columns = ("a", "b")

        def __iter__(self) -> Iterator[tuple[int, tuple[object, ...]]]:
            for i in range(3000):
                yield i + 1, ("1", ABSENT)

    with pytest.raises(Refused, match="'b' is in no fact"):
        seal(Empty(), ledger=LedgerName(name="n", number=1, version="1"))  # type: ignore[arg-type]
