# SPDX-License-Identifier: Apache-2.0
"""`json-v2` and `jsonl-v2`: nested, missing and null values, and facts inside a document of any size."""

import io
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.errors import Refused
from anchor.format.facts import ABSENT, MAX_CELL, MAX_NUMBER, Fact
from anchor.format.readers import READERS, dialect_of, json_document, json_text
from anchor.limits import ITEM

BOTH = ["json-v2", "jsonl-v2"]


def read(
    data: str | bytes, reader: str = "json-v2", **dialect: Any
) -> tuple[tuple[str, ...], list[Fact], bool]:
    """Columns, facts, and if they need version 2."""
    columns, found, new = read_lines(data, reader, **dialect)
    return columns, [fact for _, fact in found], new


def read_lines(
    data: str | bytes, reader: str, **dialect: Any
) -> tuple[tuple[str, ...], list[tuple[int, Fact]], bool]:
    kind = READERS[reader]
    raw = io.BytesIO(data.encode() if isinstance(data, str) else data)
    table = kind(raw, where="ledger", dialect=dialect_of(kind, dialect or None, where="ledger"))
    found = list(table)
    return table.columns, found, table.needs_version_2


def refusal(data: str | bytes, reader: str = "json-v2", **dialect: Any) -> str:
    """The one line that a ledger is refused with."""
    with pytest.raises(Refused) as found:
        read(data, reader, **dialect)
    line = str(found.value)
    assert line.startswith("ledger: line ")
    assert "\n" not in line
    assert line.isprintable()
    assert found.value.remedy
    return line


def ledger(reader: str, *objects: str) -> str:
    return "\n".join(objects) + "\n" if reader == "jsonl-v2" else "[\n" + ",\n".join(objects) + "\n]\n"


@pytest.mark.parametrize("reader", BOTH)
def test_columns_come_in_the_order_of_first_appearance_and_a_missing_member_is_absent(reader: str) -> None:
    data = ledger(reader, '{"b":"1","a":null}', '{"c":"","a":"3"}', '{"d":true,"b":"4"}')
    columns, facts, new = read(data, reader)
    assert columns == ("b", "a", "c", "d")
    assert facts == [("1", None, ABSENT, ABSENT), (ABSENT, "3", "", ABSENT), ("4", ABSENT, ABSENT, "true")]
    assert new


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("[]", "[]"),
        ("{ }", "{}"),
        ("[ 1.0 , 1e5,\t-0 ]", "[1.0,1e5,-0]"),
        ('{ "b c" : "d  e" , "a" : [ null , true ] }', '{"b c":"d  e","a":[null,true]}'),
        ('["\\u00e9 \\n\\" ] \\\\" , " } "]', '["\\u00e9 \\n\\" ] \\\\"," } "]'),
        ('["\\ud83d\\ude00"]', '["\\ud83d\\ude00"]'),
        ("[" * 62 + " " + "]" * 62, "[" * 62 + "]" * 62),
        ("[" * 63 + "]" * 63, "[" * 63 + "]" * 63),
    ],
)
def test_a_nested_value_is_its_text_without_white_space_outside_of_strings(
    reader: str, written: str, text: str
) -> None:
    assert read(ledger(reader, f'{{"a": {written} , "b":1}}'), reader) == (("a", "b"), [(text, "1")], True)


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize(
    "literal", ["0", "-0", "1.10", "1E+05", "1e999", "9" * 400, "0.1" + "0" * 99, "-1.5e-300"]
)
def test_a_number_is_the_text_it_is_written_in(reader: str, literal: str) -> None:
    assert read(ledger(reader, f'{{"a":{literal}}}'), reader) == (("a",), [(literal,)], False)


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize(
    ("fact", "new"),
    [
        ('{"b":"2","a":1.5}', False),
        ('{"a":"1","b":"null"}', False),
        ('{"a":"1","b":null}', True),
        ('{"a":"1"}', True),
        ('{"a":"1","b":[]}', True),
        ('{"a":"1","b":{}}', True),
        ('{"a":"1","b":"[]"}', False),
    ],
)
def test_it_tells_if_version_1_reads_the_same(reader: str, fact: str, *, new: bool) -> None:
    data = ledger(reader, '{"a":"1","b":"2"}', fact)
    columns, facts, found = read(data, reader)
    assert found is new
    if not new:
        old = READERS[READERS[reader].like_version_1](io.BytesIO(data.encode()), where="ledger")
        assert (old.columns, [fact for _, fact in old]) == (columns, facts)


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize(
    ("fact", "problem"),
    [
        ('{"a":"1","a":"2"}', "duplicate key 'a'"),
        ('{"a":"1","\\u0061":"2"}', "duplicate key 'a'"),
        ('{"a":[{"b":1,"b":1}]}', "duplicate key 'b'"),
        ('{"a":{"b":[],"\\u0062":[]}}', "duplicate key 'b'"),
        ('{"a":"\\ud800"}', "'a': a lone surrogate"),
        ('{"a":["\\ud800"]}', "'a': a lone surrogate"),
        ('{"a":{"\\udc00\\ud800":1}}', "'a': a lone surrogate"),
        ('{"a":' + "[" * 64 + "]" * 64 + "}", "nested more than 64 levels deep"),
        ('{"a":' + "[" * 3000 + "]" * 3000 + "}", "nested"),
        ('{"a":' + "9" * (MAX_NUMBER + 1) + "}", "a number of 1001 characters"),
        ('{"a":[' + "9" * (MAX_NUMBER + 1) + "]}", "a number of 1001 characters"),
        ('{"a":"' + "x" * (MAX_CELL + 1) + '"}', "'a': a value of 262145 characters"),
        ('{"a":["' + "x" * (MAX_CELL - 3) + '"]}', "'a': a value of 262145 characters"),
        ("{}", "an object without members"),
        ("[1]", "the fact is an array, no object"),
        ('"x"', "the fact is a string, no object"),
        ("null", "the fact is null, no object"),
        ("7", "the fact is a number, no object"),
        ('{"a":NaN}', "NaN is no JSON"),
        ('{"a":1,}', "not JSON"),
        ('{"a":01}', "not JSON"),
        ('{"a":"\t"}', "not JSON"),
    ],
)
def test_a_fact_is_refused_at_its_place(reader: str, fact: str, problem: str) -> None:
    line = refusal(ledger(reader, '{"a":"1"}', fact), reader)
    assert line.startswith("ledger: line 2" if reader == "jsonl-v2" else "ledger: line 3: fact 2")
    assert problem in line


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize("bad", [b"\xff", b"\xed\xa0\x80", b"\xc3"])
def test_bytes_that_are_no_utf8_are_refused_in_their_line(reader: str, bad: bytes) -> None:
    data = ledger(reader, '{"a":"1"}', '{"a":"?"}').encode().replace(b"?", bad)
    line = refusal(data, reader)
    assert "not UTF-8" in line
    assert line.startswith("ledger: line 2" if reader == "jsonl-v2" else "ledger: line 3")


@pytest.mark.parametrize("reader", BOTH)
def test_a_byte_order_mark_is_refused(reader: str) -> None:
    assert "a byte order mark" in refusal(b"\xef\xbb\xbf" + ledger(reader, '{"a":"1"}').encode(), reader)


@pytest.mark.parametrize("reader", BOTH)
def test_an_empty_file_is_refused(reader: str) -> None:
    assert "write" in refusal("", reader)  # what to write into it


@pytest.mark.parametrize(
    ("at", "facts"),
    [
        ("/data/items", '[{"a":1}]'),
        ("/a~1b/m~0n", '[{"a":2}]'),
        ("/list/1", '[{"a":3}]'),
        ("/list/0/x", '[{"a":4}]'),
        ("//", '[{"a":5}]'),
        ("/é", '[{"a":6}]'),
    ],
)
def test_a_pointer_leads_to_the_facts(at: str, facts: str) -> None:
    data = (
        '{"data":{"n":[1,{"x":null}],"items":[{"a":1}]},"a/b":{"m~n":[{"a":2}]},"list":[{"x":[{"a":4}]},[{"a":3}]],'
        '"":{"":[{"a":5}]},"\\u00e9":[{"a":6}]}'
    )
    assert read(data, at=at) == (("a",), [tuple(str(v) for v in json.loads(facts)[0].values())], True)


@pytest.mark.parametrize(
    ("dialect", "data", "problem"),
    [
        ({"at": "/b"}, '{"a":[{"x":1}]}', "nothing at '/b'; add --at /a (1 object)"),
        ({"at": "/a/01"}, '{"a":[[{"x":1}],[{"x":1}]]}', "nothing at '/a/01'"),
        ({"at": "/a/-"}, '{"a":[[{"x":1}]]}', "nothing at '/a/-'"),
        ({"at": "/a"}, '{"a":{"x":1}}', "the value at '/a' is an object, not an array of facts"),
        ({"at": "/a"}, '[{"x":1}]', "nothing at '/a'; leave --at out"),
        ({"at": "/a"}, '{"a":[]}', "no facts"),
        ({"at": "/a"}, '{"a":[{"x":1}],"b":{"c":1,"c":1}}', "duplicate key 'c'"),
        ({"at": "/a"}, '{"a":[{"x":1}],"a":[{"x":1}]}', "duplicate key 'a'"),
        ({"at": "/a"}, '{"b":"\\ud800","a":[{"x":1}]}', "a lone surrogate"),
        ({"at": "/a"}, '{"\\ud800":1,"a":[{"x":1}]}', "a lone surrogate"),
        ({"at": "/a"}, '{"b":' + "9" * 1001 + ',"a":[{"x":1}]}', "a number of 1001 characters"),
        ({"at": "/a"}, '{"a":[{"x":1}],"b":"' + "x" * ITEM + '"}', "a string of more than"),
        ({"at": "/a"}, '{"a":[{"x":1}]', "no ',' or '}' after a value"),
        ({"at": "/a"}, '{"a":[{"x":1}]} 2', "text after the document"),
        ({"at": "/x"}, '{"b":' + "[" * 64 + "]" * 64 + ',"x":[{"x":1}]}', "nested more than 64 levels deep"),
        ({"key_column": "k"}, '[{"a":1}]', "not an object of facts; leave --key-column out"),
        ({"key_column": "a"}, '{"x":{"a":1}}', "the fact has a member 'a' itself"),
        ({"key_column": "k"}, '{"x":{"a":1},"x":{"a":1}}', "duplicate key 'x'"),
        ({"key_column": "k"}, '{"x":{"a":1},"y":{}}', "an object without members"),
        ({"key_column": "k"}, f'{{"{"x" * (MAX_CELL + 1)}":{{"a":1}}}}', "a value of 262145 characters"),
        ({"key_column": "k"}, '{"x":{"a":1},"y":[1]}', "fact 2: the fact is an array, no object"),
        ({"key_column": "k"}, "{}", "no facts"),
    ],
)
def test_a_document_without_facts_at_the_place_is_refused(
    dialect: dict[str, str], data: str, problem: str
) -> None:
    assert problem in refusal(data, **dialect)


@pytest.mark.parametrize(
    ("data", "remedy"),
    [
        ('{"data":{"items":[{"a":1},{"a":2}]}}', "add --at /data/items (2 objects)"),
        ('{"type":"FeatureCollection","features":[{"a":1}]}', "add --at /features (1 object)"),
        ('[{"page":1},[{"a":1}]]', "add --at /1 (1 object)"),
        ('{"a":[{"x":1}],"b":[{"x":1},{"x":2}]}', "add --at with one of /b (2 objects), /a (1 object)"),
        ('{"a b":[{"x":1}]}', "add --at '/a b' (1 object)"),
        ('{"FR":{"a":1},"DE":{"a":2}}', "add --key-column key"),
        ('{"r":{"FR":{"a":1},"DE":{"a":2}},"n":1}', "add --at /r --key-column key"),
        ("[[1,2],[3,4]]", "write each inner array as an object"),
        ('{"meta":1,"data":[[1,2],[3,4]]}', "/data has arrays: write each inner array as an object"),
        ('["a","b"]', "one value a line for --reader lines-v1"),
        ('{"a":[1,2],"b":[3,4]}', "/a has single values: write an array with an object for each row"),
        ('{"a":1,"b":2}', "write it as an array, [{...}]"),
        ('{"a":1}\n{"a":2}\n', "give --reader jsonl-v2"),
        ('{"a":[{"x":1}],"b":', "name the array of facts with --at"),
    ],
)
def test_a_document_of_another_shape_is_refused_with_the_way_out(data: str, remedy: str) -> None:
    assert remedy in refusal(data)


def test_names_of_members_become_the_first_column() -> None:
    data = '{"r":{"FR":{"a":1},"":{"b":null},"\\u0044E":{"a":[ ]}}}'
    assert read(data, at="/r", key_column="country") == (
        ("country", "a", "b"),
        [("FR", "1", ABSENT), ("", ABSENT, None), ("DE", "[]", ABSENT)],
        True,
    )


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        ('{"x":{"a":1},"y":2}\n{"x":{"a":[ 1 ]}}\n', [("1",), ("[1]",)]),
        (' {"y":[{"z":1}], "x" : { "a" : "}" } } \r\n{"x":{"b":null}}', [("}", ABSENT), (ABSENT, None)]),
    ],
)
def test_a_pointer_leads_to_the_fact_of_a_line(data: str, facts: list[Fact]) -> None:
    assert read(data, "jsonl-v2", at="/x")[1:] == (facts, True)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ('{"x":{"a":1}}\n{"y":{"a":1}}\n', "line 2: nothing at '/x'"),
        ('{"x":{"a":1}}\n[{"a":1}]\n', "line 2: nothing at '/x'"),
        ('{"x":{"a":1}}\n"x"\n', "line 2: nothing at '/x'"),
        ('{"x":{"a":1}}\n{"x":["a"]}\n', "line 2: the fact is an array, no object"),
        ('{"x":{"a":1}}\n{"x":{"a":1},"y":{"b":1,"b":2}}\n', "line 2: duplicate key 'b'"),
        ('{"x":{"a":1}}\n{"x":{"a":1},"y":"\\udfff"}\n', "line 2: 'y': a lone surrogate"),
        ('{"x":{"a":1},"y":' + "[" * 64 + "]" * 64 + "}", "nested more than 64"),
        ('{"x":{"a":' + "[" * 64 + "]" * 64 + "}}", "nested more than 64"),
    ],
)
def test_a_line_without_its_fact_is_refused(data: str, problem: str) -> None:
    assert problem in refusal(data, "jsonl-v2", at="/x")


def test_a_fact_inside_a_line_may_be_as_deep_as_one_that_is_the_line() -> None:
    deep = "[" * 63 + "]" * 63
    assert read(f'{{"x":{{"a":{deep}}},"y":{deep}}}', "jsonl-v2", at="/x")[1] == [(deep,)]
    assert read('{"a":' * 62 + f'{{"x":[{{"a":{deep}}}]}}' + "}" * 62, at="/a" * 62 + "/x")[1] == [(deep,)]


@pytest.mark.parametrize(
    ("reader", "dialect", "problem"),
    [
        ("json-v2", {"at": ""}, "default value"),
        ("json-v2", {"at": "data"}, "begins with '/'; write /data"),
        ("json-v2", {"at": "/a~2"}, "'~' before something else"),
        ("json-v2", {"at": "/a~"}, "'~' before something else"),
        ("json-v2", {"key_column": ""}, "an empty column name"),
        ("json-v2", {"key_column": "\U0001f600"}, "U+1F600"),
        ("json-v2", {"key_column": None}, "default value"),
        ("jsonl-v2", {"at": "x"}, "begins with '/'"),
    ],
)
def test_a_dialect_is_refused(reader: str, dialect: dict[str, Any], problem: str) -> None:
    with pytest.raises(Refused, match=re.escape(problem)):
        dialect_of(READERS[reader], dialect, where="statement")


def test_a_dialect_is_described() -> None:
    kind = READERS["json-v2"]
    found = dialect_of(kind, {"at": "/a/b", "key_column": "id"}, where="statement")
    assert found.described() == ("the facts at '/a/b'", "names of members as column 'id'")


def test_an_item_has_a_limit_and_a_document_has_none() -> None:
    part = '"' + "é" * 100_000 + '"'
    members = ",".join(f'"{c}":{part}' for c in "abcdefghij")
    head = f"{{{members},"
    exact = head + '"z":"' + "x" * (ITEM - len(head) - 7) + '"}'
    assert len(exact) == ITEM
    assert len(read(f"[{exact},{exact}]")[1]) == 2
    assert "fact 2: a fact of more than 1048576 characters" in refusal(f"[{exact},{exact[:-2]}x{exact[-2:]}]")
    assert "fact 2: a fact of more than 1048576 characters" in refusal(
        f'[{exact},{{"a":"{"x" * (2 * ITEM)}"}}]'
    )
    assert "not JSON" in refusal(f'[{{"a":x,"b":"{"x" * (2 * ITEM)}"}}]')


# White space and escapes of all kinds, and the text that is wanted.


class Writer:
    """Writes random JSON values; the compact text of one that is nested is known while it is written."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def blank(self) -> str:
        return "".join(self.chance.choices(" \t\r\n", k=self.chance.choice([0, 0, 0, 1, 3])))

    def string(self) -> str:
        parts = [
            "a",
            "é",
            "😀",
            " ",
            "\\n",
            '\\"',
            "\\\\",
            "\\u0041",
            "\\ud83d\\ude00",
            "{",
            "]",
            ",",
            ":",
            "\\/",
            "x",
        ]
        return '"' + "".join(self.chance.choices(parts, k=self.chance.randrange(6))) + '"'

    def scalar(self) -> str:
        return self.chance.choice(
            [self.string(), "1.50", "-0", "1E+2", "true", "false", "null", self.string()]
        )

    def value(self, depth: int = 3) -> tuple[str, str]:
        """The text of a value with and without blanks."""
        kind = self.chance.randrange(3) if depth else 0
        if not kind:
            scalar = self.scalar()
            return scalar, scalar
        parts = [self.value(depth - 1) for _ in range(self.chance.randrange(4))]
        names = [f'"{i}{self.string()[1:]}' for i in range(len(parts))]
        if kind == 1:
            return self._joined("[]", [("", p) for p in parts])
        return self._joined("{}", list(zip(names, parts, strict=True)))

    def _joined(self, ends: str, parts: list[tuple[str, tuple[str, str]]]) -> tuple[str, str]:
        blank = self.blank
        wide = [(f"{name}{blank()}:{blank()}" if name else "") + text for name, (text, _) in parts]
        compact = [(f"{name}:" if name else "") + text for name, (_, text) in parts]
        inside = ",".join(f"{blank()}{w}{blank()}" for w in wide) or blank()
        return f"{ends[0]}{inside}{ends[1]}", f"{ends[0]}{','.join(compact)}{ends[1]}"

    def fact(self) -> tuple[str, dict[str, str | None]]:
        """The text of a fact, and what it says."""
        names = self.chance.sample(["a", "b", "cc", "d é", "e"], k=self.chance.randrange(1, 5))
        values = [self.value() for _ in names]
        said = {n: self.said(compact) for n, (_, compact) in zip(names, values, strict=True)}
        return self._joined("{}", [(json.dumps(n), v) for n, v in zip(names, values, strict=True)])[0], said

    @staticmethod
    def said(compact: str) -> str | None:
        if compact == "null":
            return None
        return str(json.loads(compact)) if compact.startswith('"') else compact


def facts_as_maps(columns: tuple[str, ...], facts: list[Fact]) -> list[dict[str, Any]]:
    return [{c: v for c, v in zip(columns, fact, strict=True) if v is not ABSENT} for fact in facts]


@pytest.mark.parametrize("seed", range(60))
def test_what_is_written_is_read_in_an_array_an_object_and_lines(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(seed)
    facts = [writer.fact() for _ in range(writer.chance.randrange(1, 6))]
    said = [fact for _, fact in facts]
    order = tuple(dict.fromkeys(name for fact in said for name in fact))
    lines = "\n".join(text.replace("\r", " ").replace("\n", " ") for text, _ in facts)
    columns, found, _ = read(lines, "jsonl-v2")
    assert (columns, facts_as_maps(columns, found)) == (order, said)
    size = writer.chance.choice([1, 2, 3, 5, 16, 64])
    monkeypatch.setattr(json_text, "READ", size)
    monkeypatch.setattr(json_document, "READ", size)
    blank = writer.blank
    array = "[" + ",".join(f"{blank()}{text}{blank()}" for text, _ in facts) + f"]{blank()}"
    columns, found, _ = read(blank() + array)
    assert (columns, facts_as_maps(columns, found)) == (order, said)
    around = f'{{"x":{writer.value()[0]},"y":[{writer.value()[0]},{array}],"z":{writer.value()[0]}}}'
    columns, found, _ = read(around, at="/y/1")
    assert (columns, facts_as_maps(columns, found)) == (order, said)
    named = "{" + ",".join(f'"{i}\\u0041" :{text}' for i, (text, _) in enumerate(facts)) + "}"
    columns, found, _ = read(named, key_column="key")
    assert columns == ("key", *order)
    assert facts_as_maps(columns, found) == [{"key": f"{i}A", **fact} for i, fact in enumerate(said)]


DOCUMENT = (
    '\n{"a":[ 1 , {"é":"\\u00e9\\ud83d\\ude00"} ],\n "s":"😀\\\\", "items" : [\n'
    '{"a":-1.5e3,"b":[ "x y" ,{ } ]} ,\n'
    '{"b":null,"c":true}\n,{"d":"\\"}]"}], "z":{"x":null}}\n'
)
PIECES = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    " ",
    "\n",
    "1",
    "-",
    "null",
    "\\ud800",
    "é",
    "x",
    "\x00",
    "a",
]


def outcome(data: bytes) -> Iterator[object]:
    """Everything that is given, and in the end the refusal if there is one."""
    try:
        yield from read_lines(data, "json-v2", at="/items")
    except Refused as e:
        yield type(e)


@pytest.mark.parametrize("size", range(1, len(DOCUMENT.encode()) + 1))
def test_blocks_may_end_anywhere(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = list(outcome(DOCUMENT.encode()))
    monkeypatch.setattr(json_text, "READ", size)
    monkeypatch.setattr(json_document, "READ", size)
    assert list(outcome(DOCUMENT.encode())) == wanted
    assert len(wanted) == 3


@given(data=st.data())
def test_a_damaged_document_is_judged_alike_whatever_the_blocks(data: st.DataObject) -> None:
    text = DOCUMENT
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.sampled_from(["", *PIECES])) + text[at + cut :]
    wanted = list(outcome(text.encode()))
    with pytest.MonkeyPatch.context() as patch:
        size = data.draw(st.integers(1, 40))
        patch.setattr(json_text, "READ", size)
        patch.setattr(json_document, "READ", size)
        assert list(outcome(text.encode())) == wanted
    try:
        json.loads(text)
    except ValueError:
        assert wanted == [Refused]
