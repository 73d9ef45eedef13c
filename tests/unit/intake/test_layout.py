# SPDX-License-Identifier: Apache-2.0
"""The delimiter, the header and the end of a delimited file."""

from typing import Any

import pytest

from anchor.intake.layout import DELIMITERS, Layout, layout_of


def layout(text: str, *, whole: bool = True, **given: Any) -> Layout:
    return layout_of(text, whole=whole, given=given)


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_delimiter_is_found(delimiter: str, end: str) -> None:
    rows = [["name", "note", "value"], ["a", '"x;y,z\t|"', "1"], ["b", "", "2"]]
    found = layout("".join(delimiter.join(row) + end for row in rows))
    assert (found.delimiter, found.width, found.skip, found.footnote) == (delimiter, 3, 0, 0)
    assert found.records[1] == (2, ["a", "x;y,z\t|", "1"])


def test_a_decimal_comma_is_no_delimiter() -> None:
    assert layout("ort;wert\nBern;1,5\nGenf;2,5\n").delimiter == ";"
    assert layout("jahr;wert, in Prozent\n2019;1,5\n2020;2,5\n").delimiter == ";"
    assert layout("1,5;2,5\n3,5;4,5\n").delimiter == ";"


def test_another_character_in_the_values_of_a_column_is_no_delimiter() -> None:
    assert layout("id,tags\n1,a|b\n2,c|d\n").delimiter == ","
    assert layout("id,point\n1,46.9;7.4\n2,46.2;6.1\n").delimiter == ","


@pytest.mark.parametrize(
    "text",
    [
        "note\nIt rained; we left.\nSun; wind; rain.\nNothing.\n",
        "note\nIt rained; we left.\nIt snowed; they stayed.\nIt hailed; so what.\n",
        "command\ncat a | sort\ncat b | sort\n",
        "url\nhttps://example.com/a;b\nhttps://example.com/c;d\n",
        "name\nA\n",
        "name\n",
        "name",
    ],
)
def test_one_column_is_one_column(text: str) -> None:
    assert (layout(text).width, layout(text).skip, layout(text).footnote) == (1, 0, 0)


def test_lines_above_the_header_are_counted_as_lines_of_the_file() -> None:
    found = layout("Title, of the table\n\nnote\nname;value\na;1\nb;2\n")
    assert (found.delimiter, found.skip, found.header) == (";", 3, ["name", "value"])
    found = layout("Title;;\nin thousands;;\nname;2020;2021\na;1;2\n")
    assert (found.skip, found.header) == (2, ["name", "2020", "2021"])


def test_a_header_with_an_empty_name_is_no_title() -> None:
    assert layout(",name,value\n0,a,1\n1,b,2\n").skip == 0
    assert layout("name,\na,1\nb,2\n").skip == 0


def test_text_below_the_table_is_found() -> None:
    found = layout("name;value\na;1\nb;2\n\n(1) a footnote\nSource: an office\n")
    assert (found.footnote, [line for line, _ in found.records]) == (5, [1, 2, 3])


def test_empty_lines_are_at_the_end_or_anywhere() -> None:
    assert layout("a,b\n1,2\n\n\n").empty_lines == "end"
    assert layout("a,b\n1,2\n\n3,4\n").empty_lines == "all"
    assert layout("a,b\n1,2\n\n3,4\n").empty_line == 3
    assert layout("a,b\n1,2\n3,4\n").empty_lines == ""
    assert layout("a,b\n1,2\n\n\n", whole=False).empty_lines == ""  # records may follow


def test_the_line_that_excel_hides_names_the_delimiter() -> None:
    found = layout("sep=|\nname|value\na|1\n")
    assert (found.sep, found.delimiter, found.skip) == ("|", "|", 1)
    assert layout("sep,value\na,1\n").sep == ""


def test_quotes() -> None:
    assert layout('a,b\n1,5"\n2,6"\n').quote is None
    assert layout("a,b\n'1','2, 3'\n'4','5'\n").quote == "'"
    assert layout('a,b\n1,"5"\n').quote == '"'
    assert layout("a,b\nit's,1\nthat's,2\n").quote == '"'


def test_names_that_stand_twice_or_are_empty() -> None:
    assert layout("a,b,a\n1,2,3\n").repeated == "a"
    assert layout("a,,b\n1,2,3\n").repeated == ""
    assert layout("a,b\n1,2\n").repeated is None


def test_a_member_that_is_given_is_not_searched_for() -> None:
    text = "title\nname;value\na;1\nb;2\n"
    assert layout(text, delimiter=",").width == 1
    assert layout(text, skip=0).skip == 0
    assert layout(text, skip=1).header == ["name", "value"]
    assert layout("a,b\r1,2\r", line_ends="cr").records == ((1, ["a", "b"]), (2, ["1", "2"]))


def test_a_record_over_several_lines_counts_as_one() -> None:
    found = layout('a,b\n1,"x\ny\n\nz"\n2,w\n')
    assert [line for line, _ in found.records] == [1, 2, 6]
    assert found.empty_lines == ""


def test_a_cut_last_line_is_not_looked_at() -> None:
    assert len(layout("a;b\n1;2\n3", whole=False).records) == 2


@pytest.mark.parametrize(
    "text", ["", "\n", "\n\n\n", '"', '"\n', "\0", ";;;\n", "\r\r\r", "sep=;", "sep=;\n"]
)
def test_any_text_has_a_layout(text: str) -> None:
    for whole in (True, False):
        found = layout(text, whole=whole)
        assert found.width >= 0
        assert found.skip >= 0
        layout(text, whole=whole, line_ends="cr", delimiter="|", quote=None, skip=1)
