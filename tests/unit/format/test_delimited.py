# SPDX-License-Identifier: Apache-2.0
"""`delimited-v2`: each member of its dialect, and what is refused with it. FORMAT.md section 17.2."""

import contextlib
import io
from typing import Any

import pytest

from anchor import limits
from anchor.errors import Refused, Unsupported
from anchor.format.facts import Fact
from anchor.format.readers import READERS, check_effects, dialect_of, written
from anchor.format.readers.delimited_dialect import DelimitedDialect
from anchor.format.readers.delimited_records import rename
from anchor.format.readers.delimited_v2 import DelimitedTable
from tests.support.second import readers2

Facts = tuple[tuple[str, ...], list[tuple[int, Fact]]]
PLAIN = "a;b\n1;2\n"


def table(data: bytes | str, **members: Any) -> DelimitedTable:
    raw = data.encode() if isinstance(data, str) else data
    dialect = dialect_of(DelimitedTable, members, where="ledger: dialect")
    return DelimitedTable(io.BytesIO(raw), where="ledger", dialect=dialect)


def read(data: bytes | str, **members: Any) -> Facts:
    """Columns, and facts with the lines they begin on."""
    found = table(data, **members)
    return found.columns, list(found)


def refusal(data: bytes | str, **members: Any) -> str:
    """The one line that a file is refused with; it has a place and a remedy."""
    with pytest.raises(Refused) as error:
        read(data, **members)
    line = str(error.value)
    assert line.startswith("ledger: ")
    assert len(line) < 300
    assert line.isprintable()
    assert error.value.remedy
    return line


def test_the_delimiter_is_any_character_that_is_named() -> None:
    for delimiter in (";", "\t", "|", " ", "x", "§", "😀", "\u2028", "\\", "^", "]", "-", "."):
        data = delimiter.join("ab") + "\n" + delimiter.join(["1", '"2' + delimiter + '3"']) + "\n"
        assert read(data, delimiter=delimiter) == (("a", "b"), [(2, ("1", f"2{delimiter}3"))])
    assert read("a\tb\n1, 2\t\n", delimiter="\t")[1] == [(2, ("1, 2", ""))]


def test_the_quote_is_any_character_that_is_named_or_none_at_all() -> None:
    assert read("a,b\n'1,''2',\"\n", quote="'") == (("a", "b"), [(2, ("1,'2", '"'))])
    assert read('a,b"\n"1,"2"\n', quote=None) == (("a", 'b"'), [(2, ('"1', '"2"'))])
    assert "3 fields in a table of 2" in refusal('a,b\n"1,2",3\n', quote=None)
    assert "quote a field" not in refusal("a,b\n1\n", quote=None)


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [
        ("windows-1252", "cp1252"),
        ("iso-8859-1", "iso8859-1"),
        ("iso-8859-15", "iso8859-15"),
        ("macintosh", "mac_roman"),
        ("utf-16", "utf-16"),
    ],
)
def test_the_encoding_is_that_of_the_whole_file(encoding: str, codec: str) -> None:
    text = 'é,"b"\r\n"Ünï\r\ncode",ß\r\n'
    assert read(text.encode(codec), encoding=encoding) == (("é", "b"), [(2, ("Ünï\r\ncode", "ß"))])


def test_both_orders_of_bytes_and_characters_beyond_the_first_plane_are_utf_16() -> None:
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        data = mark + "a\n😀\n".encode(codec)
        assert read(data, encoding="utf-16")[1] == [(2, ("😀",))]
        assert "byte 5 of the line begins half a character" in refusal(
            mark + "a\n1,".encode(codec) + "😀".encode(codec)[:2], encoding="utf-16"
        )
        assert "begins half a character" in refusal(data[:-1], encoding="utf-16")


@pytest.mark.parametrize(
    ("data", "members", "problem"),
    [
        (b"a,b\n1,x\x81y\n", {"encoding": "windows-1252"}, "line 2: byte 4 of the line is 81, which windows"),
        (b"a\x90,b\n1,2\n", {"encoding": "windows-1252"}, "line 1: byte 2 of the line is 90"),
        (b'a\n"1\n\x9d"\n', {"encoding": "windows-1252"}, "line 3: byte 1 of the line is 9D"),
        (b"a\n1\x85\n", {"encoding": "iso-8859-1"}, "line 2: control character U+0085 at column 2"),
        (b"a\n1\x7f\n", {"encoding": "macintosh"}, "control character U+007F"),
        (b"\xef\xbb\xbfa\n1\n", {"encoding": "windows-1252"}, "line 1: a byte order mark in a file of"),
        (b"\xff\xfea\n1\n", {"encoding": "iso-8859-15"}, "line 1: the byte order mark of UTF-16 in a file"),
        (b"a\n1\n", {"encoding": "utf-16"}, "line 1: no byte order mark"),
        (b"a;b\n\xe9;2\n", {"delimiter": ";"}, "line 2: byte 1 of the line is not UTF-8"),
        (b"\xff\xfea\0;\0", {"delimiter": ";"}, "line 1: the byte order mark of UTF-16"),
        (b"\xef\xbb\xbfa;b\n1;2\n", {"delimiter": ";"}, "line 1: a byte order mark"),
        (b"a\n1\n", {"bom": True}, "line 1: no byte order mark; leave `bom` out"),
        (b"\xef\xbb\xbfa\n\xff\n", {"bom": True}, "line 2: byte 1 of the line"),
        (b"\xef\xbb\xbf\xff\n", {"bom": True}, "line 1: byte 4 of the line"),
    ],
)
def test_bytes_that_have_no_meaning_are_refused_where_they_stand(
    data: bytes, members: dict[str, Any], problem: str
) -> None:
    assert problem in refusal(data, **members)


def test_a_named_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert read(b"\xef\xbb\xbfa\n\xef\xbb\xbf1\n", bom=True) == (("a",), [(2, ("\ufeff1",))])


def test_lines_may_end_in_cr_alone() -> None:
    assert read('a,b\r1,2\r"3\r4\n","\r\n"\r5,6', line_ends="cr") == (
        ("a", "b"),
        [(2, ("1", "2")), (3, ("3\r4\n", "\r\n")), (6, ("5", "6"))],
    )
    assert "line 2: control character U+000A at column 1" in refusal("a,b\r\n1,2\r\n", line_ends="cr")
    assert "end every line in CR alone" in refusal("a,b\r1,2\n", line_ends="cr")
    assert "end every line in LF or CRLF" in refusal("a;b\r1;2\r", delimiter=";")
    assert "field 1 has a quote or a line end" in refusal('a\r"1"\n\r', line_ends="cr")


def test_skipped_lines_are_decoded_and_not_read() -> None:
    data = 'Report, "2024\n\nx;y\n' + PLAIN
    assert read(data, delimiter=";", skip=3) == (("a", "b"), [(5, ("1", "2"))])
    assert read("x\ra\r1\r", line_ends="cr", skip=1) == (("a",), [(3, ("1",))])
    assert "line 2: 1 lines, where 2 are not read" in refusal("x\n", skip=2)
    assert "line 2: no header" in refusal("x\n", skip=1)
    assert "line 1: byte 1 of the line is not UTF-8" in refusal(b"\xff\na\n1\n", skip=1)
    assert "line 1: control character U+0000" in refusal("\0\na\n1\n", skip=1)
    assert "a line of more than" in refusal("x" * (limits.LINE + 1) + "\na\n1\n", skip=1)


def test_a_file_without_a_header_has_the_columns_of_the_dialect() -> None:
    assert read("1,2\n3,4\n", header=False, columns=["b", "a"]) == (
        ("b", "a"),
        [(1, ("1", "2")), (2, ("3", "4"))],
    )
    assert "line 1: 2 fields in a table of 1" in refusal("1,2\n", header=False, columns=["a"])
    assert "no facts" in refusal("", header=False, columns=["a"])


def test_empty_lines_are_refused_or_left_out_as_the_dialect_says() -> None:
    assert read("a\n1\n\n\r\n", empty_lines="end")[1] == [(2, ("1",))]
    assert read("\na\n\n1\n\n2\n\n", empty_lines="all") == (("a",), [(4, ("1",)), (6, ("2",))])
    assert read('a\n\n""\n', empty_lines="all")[1] == [(3, ("",))]
    assert read("a,b\n\n1,2\n\n3,4\n" * 2, empty_lines="all")[1][-1] == (10, ("3", "4"))
    assert "line 2: an empty line between records" in refusal("a\n\n1\n", empty_lines="end")
    assert "line 1: an empty line between records" in refusal("\na\n1\n", empty_lines="end")
    assert "line 3: an empty line" in refusal("a;b\n1;2\n\n", delimiter=";")
    assert "1 fields in a table of 2" in refusal("a,b\n \n1,2\n\n", empty_lines="all")
    assert "1 fields in a table of 2" in refusal('a,b\n\n""\n1,2\n', empty_lines="all")


def test_a_field_without_quotes_that_equals_the_token_is_null() -> None:
    data = 'NA,b\nNA,"NA"\nna, NA\n"x""NA",NA\n'
    assert read(data, null="NA") == (
        ("NA", "b"),
        [(2, (None, "NA")), (3, ("na", " NA")), (4, ('x"NA', None))],
    )
    assert read('a,b\n,""\n"",\n', null="")[1] == [(2, (None, "")), (3, ("", None))]
    assert read('a\n"NA"\nNA\n', null="NA")[1] == [(2, ("NA",)), (3, (None,))]
    assert read("a;b\n\\N;1\n", null="\\N", delimiter=";")[1] == [(2, (None, "1"))]
    assert read('NA,b\n"NA",na\n', null="NA")[1] == [(2, ("NA", "na"))]
    assert read('a\n""\n', null="\x04")[1] == [(2, ("",))]
    assert "an empty line" in refusal("a\n1\n\n", null="")


def test_columns_without_a_name_of_their_own_are_renamed() -> None:
    assert read("a,,a,\n1,2,3,4\n", rename=True)[0] == ("a", "column_2", "a_2", "column_4")


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["", "column_1", ""], ["column_1_2", "column_1", "column_3"]),
        (["a", "a", "a_2", "a"], ["a", "a_3", "a_2", "a_4"]),
        (["a_2", "a_2", "a", "a"], ["a_2", "a_2_2", "a", "a_3"]),
        (["", "", "column_1", "column_1"], ["column_1_2", "column_2", "column_1", "column_1_3"]),
        (["x", "y"], ["x", "y"]),
    ],
)
def test_the_first_free_number_stands_behind_a_name_that_is_taken(
    header: list[str], names: list[str]
) -> None:
    assert rename(header) == names == readers2.renamed(header)


def test_many_columns_of_one_name_are_renamed_at_once() -> None:
    assert rename(["a"] * limits.COLUMNS_2)[-1] == f"a_{limits.COLUMNS_2}"


@pytest.mark.parametrize(
    ("data", "members", "idle"),
    [
        ("a\n1\n", {"encoding": "windows-1252"}, True),
        (b"x\xe9\na\n1\n", {"encoding": "windows-1252", "skip": 1}, False),
        ("a\n1\n".encode("utf-16"), {"encoding": "utf-16"}, False),
        ('a,b\n1,"\n', {"quote": "'"}, True),
        ("'a'\n1\n", {"quote": "'"}, False),
        ("a\n1\n2\n'3'\n", {"quote": "'"}, False),
        ('"\na\n1\n', {"quote": None, "skip": 1}, True),
        ('a"\n1\n', {"quote": None}, False),
        ('a\n1"\n', {"quote": None}, False),
        ("1", {"line_ends": "cr", "header": False, "columns": ["a"]}, True),
        ("1\r", {"line_ends": "cr", "header": False, "columns": ["a"]}, False),
        ("1\r2", {"line_ends": "cr", "header": False, "columns": ["a"]}, False),
        ('"\r"', {"line_ends": "cr", "header": False, "columns": ["a"]}, True),
        ("a\n1\n", {"empty_lines": "end"}, True),
        ("a\n1\n\n", {"empty_lines": "end"}, False),
        ("a\n1\n\n", {"empty_lines": "all"}, True),
        ("a\n\n1\n", {"empty_lines": "all"}, False),
        ("\na\n1\n", {"empty_lines": "all"}, False),
        ('a\n"\n\n"\n', {"empty_lines": "all"}, True),
        ('NA,b\n"NA",x\n', {"null": "NA"}, True),
        ("a,b\nNA,x\n", {"null": "NA"}, False),
        ("a,b\n1,2\n", {"rename": True}, True),
        ("a,\n1,2\n", {"rename": True}, False),
        ("a;b\n1;2\n", {"delimiter": ";"}, False),
        ("x\na\n1\n", {"skip": 1}, False),
    ],
)
def test_a_member_without_an_effect_on_the_file_is_idle(
    data: bytes | str, members: dict[str, Any], idle: bool
) -> None:
    found = table(data, **members)
    list(found)
    expected = {next(m for m in members if m not in {"skip", "header"})} if idle else set()
    assert found.idle == expected
    check_effects([found.idle, frozenset()], where="ledger")
    with pytest.raises(Refused, match="leave") if idle else contextlib.nullcontext():
        check_effects([found.idle, found.idle], where="ledger")


def test_a_table_has_up_to_16_384_columns() -> None:
    names = [f"c{i}" for i in range(limits.COLUMNS_2)]
    data = ";".join(names) + "\n" + ";".join(names) + "\n"
    assert read(data, delimiter=";")[1] == [(2, tuple(names))]
    assert "16385 columns" in refusal(f"{';'.join(names)};x\n1\n", delimiter=";")


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({}, "no member"),
        ({"delimiter": ","}, "default value"),
        ({"delimiter": ";", "skip": 0}, "default value"),
        ({"delimiter": ";", "columns": []}, "default value"),
        ({"delimiter": ";", "null": None}, "default value"),
        ({"delimiter": ";", "line_ends": None}, "default value"),
        ({"header": True}, "default value"),
        ({"encoding": "utf-8"}, "default value"),
        ({"bom": False}, "default value"),
        ({"delimiter": ""}, "dialect: delimiter: 0 characters"),
        ({"delimiter": ";;"}, "dialect: delimiter: 2 characters"),
        ({"delimiter": "\n"}, "dialect: delimiter: U+000A"),
        ({"delimiter": "\x85"}, "dialect: delimiter: U+0085"),
        ({"delimiter": "\ufeff"}, "dialect: delimiter: U+FEFF"),
        ({"delimiter": '"'}, "dialect: quote: is the delimiter too"),
        ({"quote": ","}, "dialect: quote: is the delimiter too"),
        ({"quote": "\r"}, "dialect: quote: U+000D"),
        ({"quote": "''"}, "dialect: quote: 2 characters"),
        ({"encoding": "utf-16", "bom": True}, "dialect: bom"),
        ({"skip": 1001}, "dialect: skip: 1001"),
        ({"skip": -1}, "dialect: skip: -1"),
        ({"header": False}, "dialect: columns: a file without a header"),
        ({"columns": ["a"]}, "dialect: columns: the file has a header"),
        ({"header": False, "columns": ["a", "a"]}, "duplicate column name"),
        ({"header": False, "columns": ["a"], "rename": True}, "dialect: rename"),
        ({"null": "x" * 65}, "dialect: null: 65 characters"),
        ({"null": "a,b"}, "dialect: null: has ','"),
        ({"null": '"'}, "dialect: null: has '\"'"),
        ({"null": "\n"}, "dialect: null: has"),
        ({"delimiter": 1}, "delimiter"),
        ({"skip": "1"}, "skip"),
        ({"rename": "yes"}, "rename"),
    ],
)
def test_a_member_that_may_not_be_as_it_is_is_refused(members: dict[str, Any], problem: str) -> None:
    with pytest.raises(Refused) as error:
        dialect_of(DelimitedTable, members, where="ledger: dialect")
    assert problem in str(error.value)


@pytest.mark.parametrize(
    "members", [{"escape": "\\"}, {"encoding": "cp1252"}, {"line_ends": "lf"}, {"empty_lines": "none"}]
)
def test_what_this_program_does_not_know_is_unsupported(members: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        dialect_of(DelimitedTable, members, where="ledger: dialect")


def test_each_member_that_is_not_the_default_is_said() -> None:
    every: dict[str, Any] = {
        "delimiter": "\t",
        "quote": None,
        "encoding": "windows-1252",
        "line_ends": "cr",
        "skip": 4,
        "header": False,
        "columns": [f"c{i}" for i in range(10)],
        "empty_lines": "end",
        "null": "NA",
    }
    dialect = dialect_of(DelimitedTable, every, where="d")
    assert written(dialect) == every
    assert dialect.described() == (
        "delimiter TAB",
        "no field is quoted",
        "encoding windows-1252",
        "lines end in CR",
        "the first 4 lines not read",
        "no header: the columns are named 'c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7' and 2 more",
        "empty lines at the end not read",
        "'NA' without quotes is null",
    )
    other = DelimitedDialect(
        delimiter=";", quote="'", bom=True, skip=1, empty_lines="all", null="", rename=True
    )
    assert other.described() == (
        "delimiter ';'",
        'quote "\'"',
        "a byte order mark at the beginning",
        "the first line not read",
        "empty lines not read",
        "an empty field without quotes is null",
        "a column without a name, or with one that is taken, is renamed",
    )
    for field in DelimitedDialect.__struct_fields__:
        if field != "columns":  # is said with `header`
            assert (written(dialect) | written(other)).get(field) is not None or field == "quote"
    assert DelimitedDialect().described() == ()


def test_without_a_dialect_it_is_csv_v1_and_needs_no_version_2() -> None:
    found = READERS["delimited-v2"](io.BytesIO(b"a,b\n1,2\n"), where="ledger")
    assert list(found) == list(READERS["csv-v1"](io.BytesIO(b"a,b\n1,2\n"), where="ledger"))
    assert not found.needs_version_2
    assert DelimitedTable.published_as(DelimitedDialect(delimiter=";")) == "ledger.csv"
    assert DelimitedTable.published_as(DelimitedDialect(delimiter="\t")) == "ledger.tsv"
    assert table(PLAIN, delimiter=";").needs_version_2
