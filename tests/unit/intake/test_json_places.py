# SPDX-License-Identifier: Apache-2.0
"""The places in a JSON document that hold facts."""

import json

import pytest

from anchor.intake.json_places import places


@pytest.mark.parametrize(
    ("value", "pointer", "items"),
    [
        ({"meta": {"n": 2, "tags": ["a"]}, "items": [{"a": 1}, {"a": 2}]}, "/items", 2),
        (
            {"type": "FeatureCollection", "features": [{"geometry": {"coordinates": [[1, 2]]}}]},
            "/features",
            1,
        ),
        ({"data": {"result": {"records": [{"a": 1}]}}}, "/data/result/records", 1),
        ({"a/b~c": [{"x": 1}]}, "/a~1b~0c", 1),
        ({'q"\u00e4': [{"x": 1}]}, '/q"\u00e4', 1),
        ([[{"a": 1}, {"b": [{"x": 1}, {"x": 2}, {"x": 3}]}], 1], "/0", 2),
        ([{"a": [{"b": 1}, {"b": 2}]}], "", 1),
        ({"fields": [{"id": "x"}], "records": [{"x": n} for n in range(9)]}, "/records", 9),
    ],
)
def test_an_array_of_objects_is_found(value: object, pointer: str, items: int) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=2), json.dumps(value, ensure_ascii=False)):
        best = places(text)[0]
        assert (best.pointer, best.items, best.is_object) == (pointer, items, False)


def test_an_object_of_objects_is_found_with_the_members_of_its_first_fact() -> None:
    best = places('{"CH": {"name": "S", "key": 1}, "FR": {"name": "F"}, "IT": {}}')[0]
    assert (best.pointer, best.items, best.is_object, best.members) == (
        "",
        3,
        True,
        frozenset({"name", "key"}),
    )
    assert places('{"ok": true, "result": {"a": {"n": 1}, "b": {"n": 2}}}')[0].pointer == "/result"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "1",
        '{"a": 1}',
        '{"a": [1, 2]}',
        '{"a": [[1], [2]]}',
        "[1, {}]",
        '{"meta": {"columns": [{"id": 1}, {"id": 2}]}, "data": [[1, 2], [3, 4], [5, 6]]}',
    ],
)
def test_a_document_without_facts_has_no_place(text: str) -> None:
    assert places(text) == ()


def test_the_beginning_of_a_document_is_enough() -> None:
    text = json.dumps({"info": {"a": 1}, "rows": [{"a": "x]}", "b": [1, {"c": 2}]}] * 5})
    whole = places(text)[0].pointer
    for end in range(text.index("x]}"), len(text)):
        assert places(text[:end])[0].pointer == whole == "/rows"


@pytest.mark.parametrize(
    "text", ["}", "]]]", '{"a', '{"a":[{"b', '{"\\ud800": [{"a": 1}]}', "[" * 10_000, '{"a":' * 10_000, ",,,"]
)
def test_any_text_is_looked_at(text: str) -> None:
    places(text)
