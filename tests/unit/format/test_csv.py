# SPDX-License-Identifier: Apache-2.0
"""`csv-v1`: RFC 4180 to the letter where two readers of CSV differ."""

import csv
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.format.facts import MAX_CELL, MAX_LINE
from tests.support.releases.ledgers import read, read_lines, refusal

CSV = "csv-v1"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_and_values_are_taken_as_they_stand(end: str) -> None:
    data = end.join(['A b,"C,""d"""', "1, 2 ", '"x\ny",""', "**b**,`c`", ","]) + end
    assert read_lines(data, CSV) == (
        ("A b", 'C,"d"'),
        [(2, ("1", " 2 ")), (3, ("x\ny", "")), (5, ("**b**", "`c`")), (6, ("", ""))],
    )
    assert read(data, CSV) == read(data.removesuffix(end), CSV)


def test_a_line_end_in_quotes_is_carried_as_it_is_written() -> None:
    data = 'a,b\r\n"1\r\n2\n3\r4",x\r\n'
    assert read(data, CSV)[1] == [("1\r\n2\n3\r4", "x")]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("", "line 1: no header"),
        ("\n", "line 1: an empty line"),
        ("a\n", "no facts"),
        ("a,b\r\n", "no facts"),
        ("a,\n1,2\n", "an empty column name"),
        (",\n1,2\n", "an empty column name"),
        ("a,a\n1,2\n", "duplicate column name 'a'"),
        ('a,"a"\n1,2\n', "duplicate column name 'a'"),
        ("\U0001f600\n1\n", "U+1F600"),
        ("a,b\n1\n", "line 2: 1 fields in a table of 2"),
        ("a,b\n1,2,\n", "line 2: 3 fields in a table of 2"),
        ("a,b\n1,2\n\n3,4\n", "line 3: an empty line"),
        ("a\n1\n\n", "line 3: an empty line"),
        ("a\n1\n\r\n", "line 3: an empty line"),
        ('a\n1"2\n', "a quote that is not closed"),
        ('a\n1"2"\n', "field 1 has a quote"),
        ('a\n "1"\n', "field 1 has a quote"),
        ('a\n"1" \n', "field 1 has a quote"),
        ('a\n"1"2\n', "field 1 has a quote"),
        ('a\n"1""\n', "line 2: a quote that is not closed"),
        ('a\n"""\n', "a quote that is not closed"),
        ('a,b\n1,"2\n3\n4\n', "line 2: a quote that is not closed"),
        ('a,b\nx"y\n,"z\n', "field 1 has a quote"),
        ("a;b\n1,2\n", "2 fields in a table of 1"),
        ("a\n1\r2\n", "control character U+000D"),
        ("a\n1\r", "control character U+000D"),
        ("a\n1\0\n", "control character U+0000"),
        ('a\n"1\0"\n', "control character U+0000"),
        ('a\n"1\x85"\n', "control character U+0085"),
        ("a\x1b[2J\n1\n", "control character U+001B"),
    ],
)
def test_what_two_readers_of_csv_could_read_in_two_ways_is_refused(data: str, problem: str) -> None:
    assert problem in refusal(data, CSV)


def test_a_byte_order_mark_is_refused() -> None:
    assert "a byte order mark" in refusal(b"\xef\xbb\xbfa\n1\n", CSV)


@pytest.mark.parametrize("bad", [b"\xff", b"\xed\xa0\x80", b"\xe9"])
def test_bytes_that_are_no_utf8_are_refused(bad: bytes) -> None:
    assert "line 2: byte 2 of the line is not UTF-8" in refusal(b"a\n1" + bad + b"\n", CSV)
    assert "not UTF-8" in refusal(b'a\n"1\n' + bad + b'"\n', CSV)


def test_a_record_and_a_field_beyond_the_limit_are_refused() -> None:
    assert "a value" not in refusal("a\n" + "x" * (MAX_CELL + 1) + "\n", CSV)
    assert "field 1 has" in refusal("a\n" + "x" * (MAX_CELL + 1) + "\n", CSV)
    assert "field 2 has" in refusal('a,b\n1,"' + ("x" * 1000 + "\n") * 300 + '"\n', CSV)
    assert f"a line of more than {MAX_LINE}" in refusal("a\n" + "x," * MAX_LINE + "\n", CSV)
    assert f"a record of more than {MAX_LINE}" in refusal('a\n"' + ("x" * 1000 + "\n") * 2000, CSV)


def test_a_record_is_as_long_as_it_is_written() -> None:
    """A line end inside quotes is one code point where it is LF, so a record of the largest size is read."""
    lines = "x" * 1023 + "\n"
    parts = ['"' + lines * 200 + '"'] * 5
    record = ",".join(parts)
    rest = MAX_LINE - len(record) - 3
    record += ',"' + ("x" * 999 + "\n") * (rest // 1000) + "x" * (rest % 1000) + '"'
    assert len(record) == MAX_LINE
    assert len(read(f"a,b,c,d,e,f\n{record}\n", CSV)[1]) == 1
    assert f"a record of more than {MAX_LINE}" in refusal(f'a,b,c,d,e,f\n{record[:-1]}x"\n', CSV)


def test_a_quoted_mebibyte_takes_linear_time() -> None:
    start = time.process_time()
    refusal('a\n"' + '""' * (MAX_LINE // 2 - 10) + "x\n", CSV)
    refusal('a\n"' + "\n" * (MAX_LINE // 3 - 10), CSV)
    refusal("a\n" + '"",' * (MAX_LINE // 3 - 10) + "\n", CSV)
    assert time.process_time() - start < 10  # quadratic would take hours


VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n,\"'\r "), max_size=8)


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_what_the_standard_writer_writes_is_read_back(rows: list[tuple[str, str]], end: str) -> None:
    out = io.StringIO(newline="")
    # Left to itself, the writer does not quote a lone CR, although RFC 4180 wants it.
    lone = any("\r" in value for row in rows for value in row)
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL if lone else csv.QUOTE_MINIMAL).writerows(
        [("a", "b"), *rows]
    )
    assert read(out.getvalue(), CSV) == (("a", "b"), rows)
