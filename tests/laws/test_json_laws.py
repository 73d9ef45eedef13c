# SPDX-License-Identifier: Apache-2.0
"""Laws of the JSON readers: at once and one by one they judge alike, and as a second implementation does.

FORMAT.md sections 3.2, 17.3, 17.4 and 17.6. The second readers were written from the text alone.
"""

import io
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anchor.errors import Refused
from anchor.format.facts import ABSENT, Chunk, ChunkedTable, Fact
from anchor.format.readers import READERS, dialect_of, flat_objects, json_document, json_text, line_blocks
from anchor.format.readers.flat_objects import FlatObjects, NamesOfObjects
from tests.support.second import readers as second_1
from tests.support.second import readers2 as second_2

LINES = ["jsonl-v1", "jsonl-v2"]
ARRAYS = ["json-v1", "json-v2"]

NAMES = ['"a"', '"b"', '"\\u0061"', '"a b"', '"é"', '"c\\""', '"\\\\"']
NUMBERS = [
    "0",
    "-0",
    "-0.0",
    "1",
    "-5",
    "1.50",
    "1e999",
    "-1E+05",
    "12345678901234567890123",
    "true",
    "false",
]
STRINGS = [
    '""',
    '"x"',
    '"null"',
    '"é"',
    '":1"',
    '"\\":-0 "',
    '"-0,"',
    '"},{"',
    '"\\\\"',
    '"\\\\\\""',
    '"\\ud83d\\ude00"',
]
NESTED = ["[]", "{}", "[ 1 , -0 ]", '{"a" : "x y"}', '{"\\u0061":[{}]}', "[[[]]]"]
WRONG = [
    '"\\ud800"',
    '"\\udc00"',
    '"\t"',
    "01",
    "1.",
    "+1",
    "NaN",
    "9" * 1001,
    '{"a":1,"a":2}',
    "tru",
    "",
    '"\\x"',
    "'x'",
]
BLANK = st.sampled_from(["", "", "", " ", "\t", " \r", "  "])
SCALAR = st.sampled_from([*NUMBERS, *STRINGS])
VALUE = SCALAR | SCALAR | SCALAR | st.just("null") | st.sampled_from([*NESTED, *WRONG])


@st.composite
def objects(draw: st.DrawFn, values: st.SearchStrategy[str] = VALUE) -> str:
    """A JSON object that is right, or nearly so."""
    pairs = draw(st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=4))
    if draw(st.booleans()):
        pairs = list(dict(pairs).items())
    gap = draw(BLANK)
    inside = draw(st.sampled_from([",", ", ", " ,"])).join(
        f"{name}{gap}:{draw(BLANK)}{value}" for name, value in pairs
    )
    return f"{{{draw(BLANK)}{inside}{draw(BLANK)}}}"


@st.composite
def alike(draw: st.DrawFn) -> list[str]:
    """Objects with the same names, as real ledgers have them."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    kinds = [
        draw(st.sampled_from([STRINGS, NUMBERS, ["1", "2"], ["1.5", "2e3"], [*NUMBERS, *STRINGS, "null"]]))
        for _ in names
    ]
    rows = draw(st.integers(1, 6))
    return [
        "{" + ",".join(f"{n}: {draw(st.sampled_from(k))}" for n, k in zip(names, kinds, strict=True)) + "}"
        for _ in range(rows)
    ]


FACTS = alike() | st.lists(objects(SCALAR | st.sampled_from(NESTED)) | objects(), min_size=1, max_size=6)


def damaged(draw: st.DrawFn, text: str) -> str:
    """The text, or now and then with something put in or taken out."""
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(text)))
        piece = draw(
            st.sampled_from(
                ["", "\n", "{", "}", '"', ",", ":", "\\", " ", "[", "]", "\r", "-", "0", "}{", "\x0b", "\x01"]
            )
        )
        text = text[:at] + piece + text[at + draw(st.integers(0, 2)) :]
    return text


@st.composite
def lines(draw: st.DrawFn) -> str:
    """The text of a JSON Lines file."""
    ends = [draw(st.sampled_from(["\n", "\n", "\r\n", " \n"])) for _ in range(6)]
    text = "".join(
        draw(BLANK) * draw(st.booleans()) + o + end for o, end in zip(draw(FACTS), ends, strict=False)
    )
    return damaged(draw, text.removesuffix("\n") if draw(st.booleans()) else text)


@st.composite
def arrays(draw: st.DrawFn) -> str:
    """The text of a JSON array."""
    comma = draw(st.sampled_from([",", ",\n", ",\n  ", " , ", "\n,"]))
    return damaged(draw, f"{draw(BLANK)}[{draw(BLANK)}{comma.join(draw(FACTS))}\n]{draw(BLANK)}\n")


def outcome(data: bytes, reader: str, dialect: dict[str, Any] | None = None) -> list[object]:
    """Columns and facts with their lines, and if version 2 is needed; or the refusal.

    What is read twice may be refused at the first or at the second reading, and so before or after a fact.
    """
    kind, found = READERS[reader], list[object]()
    try:
        table = kind(io.BytesIO(data), where="ledger", dialect=dialect_of(kind, dialect, where="dialect"))
        found.append(table.columns)
        found += list(table)
    except Refused as e:
        return [Refused] if reader.endswith("-v2") else [*found, str(e), Refused]
    return [*found, table.needs_version_2]


def one_by_one(patch: pytest.MonkeyPatch) -> None:
    """Nothing is read at once from here on."""
    for name in ("lines", "items"):
        patch.setattr(FlatObjects, name, lambda *_: None)
        patch.setattr(NamesOfObjects, name, lambda *_: 0)


@pytest.mark.parametrize("reader", LINES)
@given(text=lines(), block=st.sampled_from([1, 20, 1 << 17]))
@example(text='{"a":1}{"a":2}\n{"a":\n3}\n', block=99)
@example(text='{"a":"}\n{"b":"}\n', block=99)
@example(text='{"a":-0}\n{"a":"-0,"}\n', block=99)
@example(text='{"a":"x","a":"y"}\n{"a":"x\\""}\n', block=99)
@example(text='{"a":1}\n{"a":2}\n{"a":{\n"b":1}}\n', block=99)
def test_lines_at_once_are_judged_as_line_by_line(reader: str, text: str, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "BLOCK", block)
        at_once = outcome(text.encode(), reader)
        one_by_one(patch)
        assert outcome(text.encode(), reader) == at_once


@pytest.mark.parametrize("reader", ARRAYS)
@given(text=arrays(), size=st.sampled_from([1, 9, 40, 1 << 16]))
@example(text='[{"a":"},{"},{"a":2},{"a":3}]', size=99)
@example(text='[{"a":[{"b":1},{"b":2}]},{"a":3}]', size=99)
@example(text='[{"a":1},\n{"a":"}\\n,{"},\n{"a":2},{"a":-0}]', size=99)
def test_items_at_once_are_judged_as_item_by_item(reader: str, text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((json_text, "READ"), (json_document, "READ"), (flat_objects, "REACH")):
            patch.setattr(module, name, size)
        patch.setattr(json_document, "_PATIENCE", 2)
        at_once = outcome(text.encode(), reader)
        one_by_one(patch)
        assert outcome(text.encode(), reader) == at_once


def test_what_is_usual_is_read_at_once() -> None:
    """The laws above would hold as well if nothing were."""
    for facts in (
        ['{"a":"x","b":"\\u00e9\\"\\\\"}', '{"b":"x","a":""}'],
        ['{"a":1,"b":"x"}', '{"a":-2.50,"b":":1"}', '{"b":true,"a":12345678901234567890123}'],
    ):
        for reader in (*LINES, *ARRAYS):
            data = "\n".join(facts) if reader in LINES else f"[{','.join(facts)},{facts[0]}]"
            table = READERS[reader](io.BytesIO(data.encode()), where="l")
            assert isinstance(table, ChunkedTable)
            first: Chunk = next(iter(table.chunks()))
            assert len(first[1]) == len(facts)
    flat = FlatObjects(("a", "b"), null=None)
    assert flat.lines(b'{"a":null,"b":1.5}\n{"b":0}\n', 2)
    assert flat.lines(b'{"a":[],"b":1.5}\n', 1) is None


# The second implementation.


def second(data: bytes, reader: str, dialect: dict[str, Any] | None) -> object:
    """The columns and facts that it reads, or None for what it refuses."""
    try:
        if reader.endswith("-v1") and reader != "lines-v1":
            columns, rows = second_1.read(reader, data)
            return tuple(columns), [dict(zip(columns, row, strict=True)) for row in rows]
        columns, facts = second_2.read(reader, dialect, [data])
    except (second_1.Wrong, ValueError, KeyError, TypeError, RecursionError):
        return None
    return tuple(columns), facts


def first(data: bytes, reader: str, dialect: dict[str, Any] | None) -> object:
    *found, end = outcome(data, reader, dialect)
    if end is Refused or (reader.endswith("-v2") and not end):
        return None  # of version 2 that needs nothing of it, the second implementation says so itself
    columns, *facts = found
    assert isinstance(columns, tuple)
    rows = [fact for _, fact in cast("list[tuple[int, Fact]]", facts)]
    return columns, [{c: v for c, v in zip(columns, row, strict=True) if v is not ABSENT} for row in rows]


DIALECTS: list[dict[str, Any] | None] = [
    None, {"at": "/x"}, {"at": "/x/1"}, {"at": "/x/a"}, {"key_column": "k"}, {"at": "/x", "key_column": "a"},
]  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document with facts in places that the dialects name, more or less."""
    facts, more = draw(FACTS), draw(FACTS)
    array = f"[{','.join(facts)}]"
    named = "{" + ",".join(f"{draw(st.sampled_from(NAMES))}:{o}" for o in facts) + "}"
    x = draw(st.sampled_from([array, array, named, named, f"[{more[0]},{array}]", f'{{"a":{array}}}']))
    rest = draw(VALUE)
    document = draw(st.sampled_from([x, f'{{"x":{x}}}', f'{{"y":{rest},"x":{x},"z":{more[0]}}}']))
    return damaged(draw, document)


@pytest.mark.parametrize("reader", ARRAYS)
@given(text=documents() | arrays(), dialect=st.sampled_from(DIALECTS))
@example(text='[{"a":' + "9" * 1001 + "}]", dialect=None)
def test_a_second_implementation_reads_the_same_document(
    reader: str, text: str, dialect: dict[str, Any] | None
) -> None:
    given = None if reader == "json-v1" else dialect
    assert first(text.encode(), reader, given) == second(text.encode(), reader, given)


@pytest.mark.parametrize("reader", LINES)
@given(text=lines(), at=st.sampled_from([None, {"at": "/a"}, {"at": "/a/0"}]))
def test_a_second_implementation_reads_the_same_lines(
    reader: str, text: str, at: dict[str, Any] | None
) -> None:
    given = None if reader == "jsonl-v1" else at
    assert first(text.encode(), reader, given) == second(text.encode(), reader, given)


@given(
    st.lists(
        st.sampled_from(["a", "é", "\n", "\r\n", "\r", "\t", "\x0b", "\x85", "\ufeff", "\x00", "b c"]),
        max_size=12,
    ),
    st.sampled_from([1, 5, 1 << 17]),
)
def test_a_second_implementation_reads_the_same_text(parts: list[str], block: int) -> None:
    data = "".join(parts).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "BLOCK", block)
        assert first(data, "lines-v1", None) == second(data, "lines-v1", None)
