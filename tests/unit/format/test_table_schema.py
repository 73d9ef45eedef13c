# SPDX-License-Identifier: Apache-2.0
"""A Table Schema: the names and key columns that a verifier checks. FORMAT.md section 24."""

import json
from typing import Any

import pytest

from anchor.errors import Refused
from anchor.format import table_schema

FIELDS = [{"name": "a", "type": "integer"}, {"name": "b"}]


def data(**members: Any) -> bytes:
    return json.dumps({"fields": FIELDS, **members}).encode()


def test_names_and_key_columns() -> None:
    found = table_schema.parse(data(primaryKey="b", missingValues=[""]))
    assert found == table_schema.TableSchema(("a", "b"), ("b",))
    assert table_schema.parse(data(primaryKey=["b", "a"])).primary_key == ("b", "a")
    assert table_schema.parse(data()).primary_key == ()
    table_schema.check(found, ("a", "b"))


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (b"[]", "schema.json"),
        (b"{", "schema.json"),
        (b"\xef\xbb\xbf{}", "schema.json"),
        (b'{"fields": [], "fields": []}', "schema.json"),
        (b"{}", "fields"),
        (data(fields={}), "fields"),
        (data(fields=["a"]), "fields[0]"),
        (data(fields=[{"name": 1}]), "fields[0]"),
        (data(primaryKey=[]), "primaryKey"),
        (data(primaryKey=["a", "a"]), "primaryKey"),
        (data(primaryKey=[1]), "primaryKey"),
        (data(primaryKey={}), "primaryKey"),
        (data(primaryKey=[str(n) for n in range(17)]), "primaryKey"),
        (b" " * (1 << 20) + b"{}", "schema.json"),
    ],
)
def test_another_document_is_refused(given: bytes, place: str) -> None:
    with pytest.raises(Refused) as found:
        table_schema.parse(given)
    assert place in str(found.value)


@pytest.mark.parametrize("columns", [("b", "a"), ("a",), ("a", "b", "c"), ("A", "b")])
def test_other_columns_than_those_of_the_ledger_are_refused(columns: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="fields"):
        table_schema.check(table_schema.parse(data()), columns)


def test_a_key_column_is_one_of_the_ledger() -> None:
    with pytest.raises(Refused, match="primaryKey"):
        table_schema.check(table_schema.TableSchema(("a",), ("b",)), ("a",))
