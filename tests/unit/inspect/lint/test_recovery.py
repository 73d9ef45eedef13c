# SPDX-License-Identifier: Apache-2.0
"""All faults of a malformed ledger in one run, and the facts beside them at their own lines."""

import io
from collections.abc import Sequence

import pytest

from anchor.format.facts import ABSENT, Fact
from anchor.format.readers import READERS
from anchor.format.readers.reader import NO_DIALECT
from anchor.inspect.lint import recovery
from anchor.inspect.lint.recovery import MAX_FAULTS, Recovered, RecoveredTable, kept, recover


def found(data: bytes, reader: str = "csv-v1") -> Recovered:
    return recover(READERS[reader], NO_DIALECT, io.BytesIO(data))


def faults(data: bytes, reader: str = "csv-v1") -> list[tuple[str, tuple[int, ...]]]:
    """The first words and the lines of each finding."""
    return [(finding.message.partition(";")[0], finding.lines) for finding in found(data, reader).findings()]


def facts(data: bytes, reader: str = "csv-v1") -> list[tuple[int, Fact]]:
    """The facts beside the faults."""
    result = found(data, reader)
    rest = io.BytesIO(b"".join(kept(READERS[reader], NO_DIALECT, io.BytesIO(data), result)))
    return list(RecoveredTable(READERS[reader](rest, where="l"), result))


CSV = b"a,b\n1,2\n3\n4,\xff\n5,6,7\n8,\x07\n\n9,10\n"


def test_every_bad_record_of_a_csv_file_is_found() -> None:
    assert faults(CSV) == [
        ("1 fields in a table of 2 columns", (3, 5)),
        ("byte 3 of the line is not UTF-8", (4,)),
        ("control character U+0007 at column 3", (6,)),
        ("an empty line", (7,)),
    ]
    assert found(CSV).unread == ""


def test_the_facts_beside_them_keep_their_lines() -> None:
    assert facts(CSV) == [(2, ("1", "2")), (8, ("9", "10"))]


def test_a_stray_quote_does_not_take_the_next_lines_with_it() -> None:
    data = b'a,b\n1,2" pipe\n3,4\n5,6" pipe\n"7\nseven",8\n"9"x,10\n11,12\n'
    assert [lines for _, lines in faults(data)] == [(2, 4), (7,)]
    assert facts(data) == [(3, ("3", "4")), (5, ("7\nseven", "8")), (8, ("11", "12"))]


def test_a_fault_inside_a_record_of_several_lines_is_at_its_record() -> None:
    data = b'a,b\n"1\n2",3,4\n5,"6\n\n7"\n8\n'
    assert faults(data) == [("3 fields in a table of 2 columns", (2, 7))]
    assert facts(data) == [(4, ("5", "6\n\n7"))]


def test_what_follows_a_quote_that_is_not_closed_is_said_to_be_unread() -> None:
    data = b'a,b\n1\n2,3\n4,"5\n6,7\n'
    assert [lines for _, lines in faults(data)] == [(2,), (4,)]
    assert found(data).unread == "the text after line 4: nothing shows where the fault there ends"
    assert facts(data) == [(3, ("2", "3"))]


def test_without_a_header_no_fact_can_be_judged() -> None:
    assert faults(b"a,a\n1\n") == [("column 2: duplicate column name 'a' (also column 1)", (1,))]
    assert "header" in found(b"a,a\n1\n").unread


JSON_LINES = b'{"a":1,\n{"a":"x","b":"y"}\n{"a":"x"}\n\n{"b":[],"a":2}\n{"a":1,"b":2}\n{"a":1,"a":2}\n'


def test_every_bad_line_of_json_lines_is_found() -> None:
    assert [(said.split(" at ")[0], lines) for said, lines in faults(JSON_LINES, "jsonl-v1")] == [
        ("not JSON: Expecting property name enclosed in double quotes", (1,)),
        ("no 'b', which the first fact has", (3,)),
        ("an empty line", (4,)),
        ("'b': a nested array", (5,)),
        ("duplicate key 'a'", (7,)),
    ]
    assert facts(JSON_LINES, "jsonl-v1") == [(2, ("x", "y")), (6, ("1", "2"))]


def test_every_bad_line_of_json_lines_of_version_2_is_found() -> None:
    data = b'{"a":1}\n{\n{"b":null}\n[1]\n'
    assert [lines for _, lines in faults(data, "jsonl-v2")] == [(2,), (4,)]
    assert [line for line, _ in facts(data, "jsonl-v2")] == [1, 3]


ARRAY = b'[\n {"a":1},\n {"b":1},\n {"a":[2]}, {"a":2},\n {"a":"x",\n  "a":"y"},\n "z",\n {"a":3}\n]\n'


def test_every_bad_item_of_an_array_is_found() -> None:
    assert [lines for _, lines in faults(ARRAY, "json-v1")] == [(3,), (4,), (5,), (7,)]
    assert facts(ARRAY, "json-v1") == [(2, ("1",)), (4, ("2",)), (8, ("3",))]


def test_after_an_item_that_is_no_json_there_are_no_others() -> None:
    data = b'[{"a":1},\n{"b":2},\n{"a" 3},\n{"c":4}]'
    assert [lines for _, lines in faults(data, "json-v1")] == [(2,), (3,)]
    assert "after line 3" in found(data, "json-v1").unread
    assert not any("column" in said for said, _ in faults(data, "json-v1"))


MARKDOWN = b"""# T
```
<!-- x -->

| A | B |
|---|---|
| 1 |
| 2 | 3 |
| 4 | 5 | 6 |
| 7 | 8
| 9 | \x07 |
| 10 | 11 |
text

| C |
|---|
| 12 |
"""


def test_every_bad_line_of_a_markdown_document_is_found() -> None:
    assert faults(MARKDOWN, "markdown-table-v1") == [
        ("a code fence before the end of the table", (2,)),
        ("'<!--' before the end of the table", (3,)),
        ("1 cells in a table of 2 columns", (7, 9)),
        ("the row does not end in '|'", (10,)),
        ("control character U+0007 at column 7", (11,)),
        ("text directly after the table", (13,)),
        ("a second table", (15, 16, 17)),
    ]
    assert facts(MARKDOWN, "markdown-table-v1") == [(8, ("2", "3")), (12, ("10", "11"))]


def test_a_bad_delimiter_row_leaves_nothing_to_judge() -> None:
    result = found(b"| A |\n| x |\n| 1 |\n", "markdown-table-v1")
    assert ([f.line for f in result.faults], "header" in result.unread) == ([2], True)


@pytest.mark.parametrize(
    ("reader", "data"),
    [("ledger-json-v1", b"{}"), ("json-v1", b'[{"a":"\xff"}]'), ("json-v1", b"{}")],
)
def test_what_cannot_be_divided_is_said_to_be_unread(reader: str, data: bytes) -> None:
    assert found(data, reader).faults == ()
    assert found(data, reader).unread


@pytest.mark.parametrize(
    ("reader", "data"),
    [
        ("csv-v1", b'a,b\r\n"x\r\ny",2\r\n3,4'),
        ("jsonl-v1", b'{"a":1}\n {"a":"\\""} \r\n{"a":2}'),
        ("json-v1", b'[{"a":1} ,\n\n {"a":2}]'),
        ("markdown-table-v1", b"x\n\n| A |\n|---|\n| 1 |\n\ntext"),
        ("lines-v1", b"a\n\nb"),
    ],
)
def test_a_good_file_has_no_faults_and_the_same_facts(reader: str, data: bytes) -> None:
    assert found(data, reader) == Recovered(())
    assert facts(data, reader) == list(READERS[reader](io.BytesIO(data), where="l"))


def test_many_faults_are_one_finding_and_end_the_search() -> None:
    data = b"a,b\n" + b"1\n" * (MAX_FAULTS + 1000) + b"2,3\n"
    result = found(data)
    (finding,) = result.findings()
    assert MAX_FAULTS <= finding.count < MAX_FAULTS + 1000
    assert finding.lines == tuple(range(2, 102))
    assert result.unread.startswith("the text from line 102")


def test_a_long_line_is_found_and_the_next_one_read() -> None:
    data = b"a,b\n" + b"x" * (1 << 21) + b"\n1,2\n"
    assert faults(data) == [("a line of more than 1048576 bytes", (2,))]
    assert facts(data) == [(3, ("1", "2"))]


def every_second(number: int) -> Sequence[int]:
    return range(3, 2 * number + 2, 2)


@pytest.mark.parametrize("number", [1, 5, 700])
def test_faults_in_many_blocks_are_at_their_lines(number: int) -> None:
    data = b"a,b\n" + b"1,2\n1\n" * number
    assert [f.line for f in found(data).faults] == list(every_second(number))
    assert [line for line, _ in facts(data)] == list(range(2, 2 * number + 1, 2))
    assert recovery._BLOCK < 700


def test_rows_of_a_table_of_version_2_are_judged_alone_and_the_text_below_as_a_whole() -> None:
    data = b"# T\n\n| A | B |\n|---|---|\n| 1 | 2 | 3 |\n| 4 |\n| <b> | 5 |\n\nx\n```\n~~~\n"
    result = found(data, "markdown-table-v2")
    assert [fault.line for fault in result.faults][:2] == [5, 7]
    assert result.unread.startswith("the text after line ")
    assert [line for line, _ in facts(data, "markdown-table-v2")] == [6]


def test_a_fence_above_a_table_of_version_2_is_not_divided() -> None:
    data = b"```\n| x |\n```\n\n| A |\n|---|\n| 1 | 2 |\n"
    assert found(data, "markdown-table-v2").faults == ()
    assert found(data, "markdown-table-v2").unread


def test_items_of_an_array_of_version_2_are_judged_alone() -> None:
    data = b'[{"a":1},\n{"a":1,"a":2},\n{"b":null},\n3]'
    assert [lines for _, lines in faults(data, "json-v2")] == [(2,), (4,)]
    assert [fact for _, fact in facts(data, "json-v2")] == [("1", ABSENT), (ABSENT, None)]


def test_a_dialect_says_how_records_are_divided() -> None:
    dialect = READERS["delimited-v2"].dialect_type
    kind = READERS["delimited-v2"]
    for members, data in (
        ({"delimiter": ";", "skip": 1}, b'title\na;b\n1;"x\n2;3\n4"\n5\n6;7\n'),
        ({"quote": "'", "encoding": "windows-1252"}, b"a,b\n1,'\xe9\n2,3\n4'\n5\n6,7\n"),
        ({"line_ends": "cr"}, b'a,b\r1,"x\r2,3\r4"\r5\r6,7\r'),
        ({"header": False, "columns": ("a", "b"), "bom": True}, b'\xef\xbb\xbf1,"x\n2,3\n4"\n5\n6,7\n'),
    ):
        given = dialect(**members)
        result = recover(kind, given, io.BytesIO(data))
        assert [f.problem for f in result.faults] == ["1 fields in a table of 2 columns"]
        rest = io.BytesIO(b"".join(kept(kind, given, io.BytesIO(data), result)))
        lines = [line for line, _ in RecoveredTable(kind(rest, where="l", dialect=given), result)]
        begin = result.faults[0].line
        assert lines == [begin - 3, begin + 1]
