# SPDX-License-Identifier: Apache-2.0
"""`json-v1` and `jsonl-v1`: flat objects and nothing else, refused with their position."""

import json
import time

import pytest

from anchor.format.facts import MAX_CELL, MAX_LINE, MAX_NUMBER
from anchor.format.readers import json_array
from tests.support.releases.ledgers import read, read_lines, refusal
from tests.support.second.readers import Wrong
from tests.support.second.readers import read as second

BOTH = ["json-v1", "jsonl-v1"]


def ledger(reader: str, *objects: str) -> str:
    return "\n".join(objects) + "\n" if reader == "jsonl-v1" else "[\n" + ",\n".join(objects) + "\n]\n"


def place(reader: str, fact: int) -> str:
    return f"ledger: line {fact}" if reader == "jsonl-v1" else f"ledger: line {fact + 1}: fact {fact}"


@pytest.mark.parametrize("reader", BOTH)
def test_columns_come_in_the_order_of_the_first_object_whatever_the_others_do(reader: str) -> None:
    data = ledger(reader, '{"b":"1","a":"2","é":""}', '{"é":"3", "a":"4" ,"b":"5"}')
    columns, rows = read_lines(data, reader)
    assert columns == ("b", "a", "é")
    assert [row for _, row in rows] == [("1", "2", ""), ("5", "4", "3")]
    assert [line for line, _ in rows] == ([1, 2] if reader == "jsonl-v1" else [2, 3])


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize(
    "literal",
    [
        "0",
        "-0",
        "1.0",
        "1.10",
        "1e5",
        "1E+05",
        "-1.5e-300",
        "1e999",
        "123456789012345678901234567890",
        "0.1" + "0" * 99,
    ],
)
def test_a_number_is_carried_as_it_is_written(reader: str, literal: str) -> None:
    assert read(ledger(reader, f'{{"a":{literal}}}'), reader)[1] == [(literal,)]


@pytest.mark.parametrize("reader", BOTH)
def test_words_are_carried_as_words_and_null_as_nothing(reader: str) -> None:
    data = ledger(reader, '{"a":true,"b":false,"c":null,"d":"null"}')
    assert read(data, reader)[1] == [("true", "false", "", "null")]


@pytest.mark.parametrize("reader", BOTH)
def test_a_string_is_carried_whatever_way_it_is_written(reader: str) -> None:
    data = ledger(reader, '{"a":"\\u00e9\\ud83d\\ude00\\/\\n\\u0000", "b":"e\u0301"}')
    assert read(data, reader)[1] == [("é😀/\n\0", "e\u0301")]


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize(
    ("fact", "problem"),
    [
        ('{"a":"1","b":{}}', "'b': a nested object"),
        ('{"a":"1","b":[]}', "'b': a nested array"),
        ('{"a":"1","b":[1,{"c":[]}]}', "'b': a nested array"),
        ('{"a":"1","b":"2","b":"2"}', "duplicate key 'b'"),
        ('{"a":"1","b":"2","\\u0062":"2"}', "duplicate key 'b'"),
        ('{"a":"1","a":"2"}', "duplicate key 'a'"),
        ('{"a":"1"}', "no 'b', which the first fact has"),
        ('{"a":"1","B":"2"}', "no 'b', which the first fact has"),
        ('{"a":"1","b":"2","c":"3"}', "'c', which the first fact does not have"),
        ("{}", "an object without members"),
        ('{"a":"\\ud800","b":"2"}', "'a': a lone surrogate"),
        ('{"a":"\\udc00\\ud800","b":"2"}', "'a': a lone surrogate"),
        ('{"a":"1","b":"\t"}', "not JSON"),
        ('{"a":"1","b":"\\x41"}', "not JSON"),
        ('{"a":"1","b":01}', "not JSON"),
        ('{"a":"1","b":+1}', "not JSON"),
        ('{"a":"1","b":.5}', "not JSON"),
        ('{"a":"1","b":1.}', "not JSON"),
        ('{"a":"1","b":0x1}', "not JSON"),
        ('{"a":"1","b":\u0661}', "not JSON"),
        ('{"a":"1","b":NaN}', "NaN is no JSON"),
        ('{"a":"1","b":-Infinity}', "-Infinity is no JSON"),
        ('{"a":"1","b":True}', "not JSON"),
        ("{'a':'1','b':'2'}", "not JSON"),
        ('{"a":"1","b":"2",}', "not JSON"),
        ('{"a":"1" "b":"2"}', "not JSON"),
        ('{"a":"1","b":"2"', "not JSON"),
        ('{"a":"1","b":"2', "not JSON"),
        ('{"a":"1","b":' + "9" * 10_000 + "}", f"a number of 10000 characters, more than {MAX_NUMBER}"),
        ('{"a":"1","b":0.' + "9" * 10_000 + "}", "a number of 10002 characters"),
        ('{"a":"1","b":1e' + "9" * 10_000 + "}", "a number of 10002 characters"),
        ('{"a":"1","b":"' + "x" * (MAX_CELL + 1) + '"}', "'b': a value of"),
    ],
)
def test_a_fact_that_is_not_flat_or_not_alike_is_refused_at_its_place(
    reader: str, fact: str, problem: str
) -> None:
    line = refusal(ledger(reader, '{"a":"1","b":"2"}', fact), reader)
    assert line.startswith(place(reader, 2))
    assert problem in line


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize("other", ["[]", '"a"', "1", "null", '["a"]'])
def test_a_fact_that_is_no_object_is_refused(reader: str, other: str) -> None:
    for facts in ((other,), ('{"a":"1"}', other)):
        line = refusal(ledger(reader, *facts), reader)
        assert line.startswith(place(reader, len(facts)))
        assert "no object" in line


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize(
    ("first", "problem"),
    [
        ('{"":"1"}', "an empty column name"),
        ('{"a":"1","a":"2"}', "duplicate column name 'a'"),
        ('{"\\ud83d\\ude00":"1"}', "U+1F600"),
        ('{"\\ud83d":"1"}', "U+D83D"),
        ("{}", "no columns"),
        ("{" + ",".join(f'"c{i}":"1"' for i in range(16_385)) + "}", "16385 columns"),
    ],
)
def test_bad_column_names_are_refused(reader: str, first: str, problem: str) -> None:
    assert problem in refusal(ledger(reader, first), reader)


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_nesting_ten_thousand_deep_is_refused_and_no_stack_runs_over(reader: str, opening: str) -> None:
    assert refusal(opening * 10_000, reader)
    assert refusal(ledger(reader, '{"a":"1"}', '{"a":' + opening * 10_000), reader).startswith(
        place(reader, 2)
    )


@pytest.mark.parametrize("reader", BOTH)
def test_a_byte_order_mark_is_refused(reader: str) -> None:
    assert "a byte order mark" in refusal(b"\xef\xbb\xbf" + ledger(reader, '{"a":"1"}').encode(), reader)


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize("bad", [b"\xff", b"\xed\xa0\x80", b"\xc3"])
def test_bytes_that_are_no_utf8_are_refused(reader: str, bad: bytes) -> None:
    data = ledger(reader, '{"a":"1"}', '{"a":"?"}').encode().replace(b"?", bad)
    assert "not UTF-8" in refusal(data, reader)


@pytest.mark.parametrize("data", ["", "[]", " [ ] "])
def test_no_facts_are_refused(data: str) -> None:
    assert refusal(data, "json-v1")
    assert "no facts" in refusal("", "jsonl-v1")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ('{"a":"1"}\n\n{"a":"2"}\n', "line 2: an empty line"),
        ('{"a":"1"}\n \t\r\n', "line 2: an empty line"),
        ("\n", "line 1: an empty line"),
        ('{"a":"1"}\n{"a":"2"} {"a":"3"}\n', "line 2: more than one value, at column 10"),
        ('{"a":"1"},\n{"a":"2"}\n', "line 1: more than one value"),
        ('{"a":"1"}\n{"a":\n"2"}\n', "line 2: not JSON"),
        ('{"a":"1"}\u00a0\n', "line 1: more than one value"),
    ],
)
def test_jsonl_is_one_object_a_line(data: str, problem: str) -> None:
    assert problem in refusal(data, "jsonl-v1")


def test_jsonl_takes_crlf_white_space_and_a_last_line_without_an_end() -> None:
    assert read('{"a":"1"}\r\n \t{ "a" : "2" } \r\n{"a":"3"}', "jsonl-v1")[1] == [("1",), ("2",), ("3",)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ('{"a":"1"}', "not an array"),
        ('{"facts":[{"a":"1"}]}', "not an array"),
        ("null", "not an array"),
        ('[{"a":"1"}', "no ',' or ']'"),
        ('[{"a":"1"} {"a":"2"}]', "no ',' or ']'"),
        ('[{"a":"1"},]', "the fact is no object"),
        ('[,{"a":"1"}]', "the fact is no object"),
        ('[{"a":"1"}]]', "text after the array"),
        ('[{"a":"1"}]\n[{"a":"1"}]', "line 2: text after the array"),
        ('[{"a":"1"}]\x00', "text after the array"),
        ("[", "the fact is no object"),
    ],
)
def test_json_is_one_array(data: str, problem: str) -> None:
    assert problem in refusal(data, "json-v1")


def test_json_lines_are_counted_through_facts_that_take_several() -> None:
    _, rows = read_lines('\n[{"a":\n"1"}\n,\n{\n"a":"2"}]', "json-v1")
    assert rows == [(2, ("1",)), (5, ("2",))]


def test_a_json_array_beyond_the_limit_says_what_to_use_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "MAX_ARRAY", 1000)
    assert "write it as JSON Lines" in refusal('[{"a":"' + "x" * 1000 + '"}]', "json-v1")


def test_a_line_beyond_the_limit_is_refused() -> None:
    fact = json.dumps({f"c{i}": "x" * (MAX_LINE // 5) for i in range(6)})
    assert f"a line of more than {MAX_LINE} bytes" in refusal(fact, "jsonl-v1")
    assert "a fact of more than" in refusal(f"[{fact}]", "json-v1")


def test_an_array_may_stand_on_one_line_of_any_length() -> None:
    """FORMAT.md section 3: a line of json-v1 has no limit of its own; each object has."""
    facts = [{"a": str(i), "b": "x" * 300_0} for i in range(1000)]
    data = json.dumps(facts).encode()
    assert (len(data) > 3_000_000, data.count(b"\n")) == (True, 0)
    found = read(data.decode(), "json-v1")
    assert len(found[1]) == 1000
    columns, rows = second(reader="json-v1", data=data)
    assert (tuple(columns), [tuple(row) for row in rows]) == found
    lines = b"\n".join(json.dumps(fact).encode() for fact in facts)
    assert second(reader="jsonl-v1", data=lines) == (columns, rows)
    with pytest.raises(Wrong):
        second(
            reader="jsonl-v1", data=json.dumps({f"c{i}": "x" * (MAX_LINE // 5) for i in range(6)}).encode()
        )


def test_many_duplicate_keys_take_no_quadratic_time() -> None:
    fact = "{" + ",".join(f'"k{i}":""' for i in range(50_000)) + "}"
    start = time.process_time()
    assert refusal(f'{{"a":"1"}}\n{fact}\n', "jsonl-v1")
    assert refusal(f'{{"a":"1"}}\n{{"a":"1"{fact[1:-1].replace("{", ",")}}}\n', "jsonl-v1")
    assert time.process_time() - start < 5  # quadratic would take minutes
