# SPDX-License-Identifier: Apache-2.0
"""`markdown-table-v1`: sentence by sentence of FORMAT.md section 3.1, and what must not get past it."""

import pytest

from anchor.format.facts import MAX_CELL
from tests.support.releases.ledgers import openclassrooms, read, read_lines, refusal

MD = "markdown-table-v1"
HEAD = "| A | B |\n|---|---|\n"


def rows(table: str) -> list[tuple[str, ...]]:
    return read(table, MD)[1]


def cell(text: str) -> str:
    """The value of one cell in a column without links."""
    return rows(f"| A |\n|---|\n| x |\n| {text} |\n")[1][0]


def test_the_openclassrooms_ledger_has_its_681_facts_with_these_members() -> None:
    columns, found = read_lines(openclassrooms().read_bytes(), MD)
    assert columns == ("label", "value", "unit", "period", "source", "source_url", "seal")
    assert len(found) == 681
    assert len({row[0] for _, row in found}) == 568
    line, first = found[0]
    assert line == 6
    assert first == (
        "B Corp Ranking Description",
        "highest-ranking education B Corp of their size",
        "",
        "2024",
        "B Lab Global - Certified B Corporation Directory",
        "https://www.bcorporation.net/en-us/find-a-b-corp/company/openclassrooms/",
        "20ef22c8d1823b6d...",
    )


def test_text_around_the_table_is_no_fact() -> None:
    assert rows("# Title\n\ntext | with | pipes\n" + HEAD + "| 1 | 2 |\n\nafter\n--- | ---\n") == [("1", "2")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_end_in_lf_or_crlf_and_the_last_may_have_neither(end: str) -> None:
    table = end.join(["| A |", "| - |", "| 1 |", "| 2 |"])
    assert rows(table) == rows(table + end) == rows(table + end + end) == [("1",), ("2",)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("\t a b \t", "a b"),
        ("\u00a0a\u00a0", "\u00a0a\u00a0"),
        ("**a**", "a"),
        ("** a **", " a "),
        ("**`a`**", "`a`"),
        ("`**a**`", "**a**"),
        ("`a`", "a"),
        ("` `", " "),
        ("****", "****"),
        ("*****", "*"),
        ("**a**b**", "**a**b**"),
        ("**a", "**a"),
        ("*a*", "*a*"),
        ("``", "``"),
        ("``a``", "``a``"),
        ("`a`b`", "`a`b`"),
        ("__a__", "__a__"),
        ("a\\|b", "a|b"),
        ("`a\\|b`", "a|b"),
        ("\\*a\\*", "\\*a\\*"),
        ("a\\b", "a\\b"),
        ("&amp;&#124;", "&amp;&#124;"),
        ("a<br>b", "a<br>b"),
        ("[t](u)", "[t](u)"),
        ("e\u0301", "e\u0301"),
        ("", ""),
    ],
)
def test_a_cell_gives_what_is_published_less_one_decoration(text: str, value: str) -> None:
    assert cell(text) == value


def test_a_column_of_links_gives_text_and_url() -> None:
    links = ["[t](http://u/(a)) | [v]", "plain | w", "**b** | x", " | y", "[n] | z"]
    table = "| S | V |\n|:-|-:|\n" + "".join(f"| {row} |\n" for row in links)
    assert read(table, MD) == (
        ("s", "s_url", "v"),
        [
            ("t", "http://u/(a)", "[v]"),
            ("plain", "", "w"),
            ("b", "", "x"),
            ("", "", "y"),
            ("[n]", "", "z"),
        ],
    )


@pytest.mark.parametrize(
    "text",
    [
        *("[](u)", "[t]()", "[t](u v)", "[t](<u>)", '[t](u "t")', "[t](u(a)", "[t](u)a)", "[a[b]](u)"),
        *("see [t](u)", "[t](u).", "![t](u)", "[t](u", "[t](u)[t](u)", "\\[t](u)", "[t](u\tv)"),
    ],
)
def test_a_malformed_link_in_a_link_column_is_refused(text: str) -> None:
    table = f"| S |\n|---|\n| [t](u) |\n| {text} |\n"
    assert "line 4: 's': a malformed link" in refusal(table, MD)
    # The first fact decides: where it is no link, the column has none, and all of them stay text.
    assert rows(f"| S |\n|---|\n| {text} |\n| [t](u) |\n")[1] == ("[t](u)",)


def test_headers_are_lowered_in_ascii_only_and_spaces_become_underscores() -> None:
    columns, _ = read("| **Net Value** | `ÉTÉ` |\n|---|---|\n| 1 | 2 |\n", MD)
    assert columns == ("net_value", "ÉtÉ")


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("| A | |", "an empty column name"),
        ("| A |  a |", "duplicate column name 'a'"),
        ("| a b | A_B |", "duplicate column name 'a_b'"),
        ("| A | \U0001f600 |", "U+1F600"),
        ("| A | " + "x" * 1025 + " |", "column name of 1025"),
    ],
)
def test_a_header_with_a_bad_name_is_refused(header: str, problem: str) -> None:
    assert problem in refusal(f"text\n{header}\n|---|---|\n| 1 | 2 |\n", MD)


def test_a_generated_url_column_that_clashes_is_refused() -> None:
    line = refusal("| S | S url |\n|---|---|\n| [t](u) | x |\n", MD)
    assert "duplicate column name 's_url'" in line


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("", "no table"),
        ("text\n", "no table"),
        (" | A |\n |---|\n | 1 |\n", "no table"),
        ("| A |\n", "0 delimiter cells"),
        ("| A |\n| 1 |\n", "in the line under the header"),
        ("| A |\n\n|---|\n| 1 |\n", "0 delimiter cells"),
        ("| A | B |\n|---|\n| 1 | 2 |\n", "1 delimiter cells under a header of 2"),
        ("| A |\n|---|---|\n| 1 |\n", "2 delimiter cells"),
        ("| A |\n| -- - |\n| 1 |\n", "in the line under the header"),
        ("| A |\n| : |\n| 1 |\n", "in the line under the header"),
        ("| A |\n|  |\n| 1 |\n", "in the line under the header"),
        ("| A |\n| — |\n| 1 |\n", "in the line under the header"),
        ("| A |\n|---|\n", "no facts"),
        (HEAD, "no facts"),
        (HEAD + "\n| 1 | 2 |\n", "no facts"),
        (HEAD + "| 1 |\n", "line 3: 1 cells in a table of 2"),
        (HEAD + "| 1 | 2 | 3 |\n", "line 3: 3 cells in a table of 2"),
        (HEAD + "| 1 | 2 |\n| 1 | a|b |\n", "line 4: 3 cells"),
        (HEAD + "| 1 | 2 |\n|\n", "does not end in '|'"),
        (HEAD + "| 1 | 2\n", "line 3: the row does not end"),
        (HEAD + "| 1 | 2 | \n", "line 3: the row does not end"),
        (HEAD + "| 1 | 2 \\|\n", "line 3: the row does not end"),
        ("| A | B\n|---|---|\n| 1 | 2 |\n", "line 1: the row does not end"),
        (HEAD + "| 1 | a\\\\| |\n", "can be read in two ways"),
        (HEAD + "| 1 | a\\\\\\| |\n", "can be read in two ways"),
        (HEAD + "| 1 | 2 |\ntext\n", "line 4: text directly after the table"),
        (HEAD + "| 1 | 2 |\n | 3 | 4 |\n", "line 4: text directly after the table"),
        (HEAD + "| 1 | 2 |\n\u00a0\n", "line 4: text directly after the table"),
        (HEAD + "| 1 | 2 |\n\n| 3 | 4 |\n", "line 5: a second table"),
        (HEAD + "| 1 | 2 |\n\ntext\n```\n| 3 | 4 |\n```\n", "line 7: a second table"),
        (HEAD + "| 1 | 2 |\n\n|\n", "a second table"),
    ],
)
def test_a_table_that_could_be_read_in_two_ways_is_refused(table: str, problem: str) -> None:
    assert problem in refusal(table, MD)


@pytest.mark.parametrize("hide", ["<!--", "text <!-- more", "<!-- closed -->"])
def test_a_row_that_a_comment_hides_is_refused(hide: str) -> None:
    assert "line 1: '<!--'" in refusal(f"{hide}\n{HEAD}| 1 | 2 |\n-->\n", MD)
    assert "line 3: '<!--'" in refusal(f"{HEAD}| 1 | {hide} |\n| 3 | 4 |\n", MD)
    assert rows(f"{HEAD}| 1 | 2 |\n\n{hide}\n") == [("1", "2")]


@pytest.mark.parametrize("fence", ["```", "~~~", "```markdown", "  ```", "````"])
def test_a_table_that_is_shown_as_code_is_refused(fence: str) -> None:
    assert "line 2: a code fence" in refusal(f"text\n{fence}\n{HEAD}| 1 | 2 |\n{fence}\n", MD)
    assert rows(f"{HEAD}| 1 | 2 |\n\n{fence}\n") == [("1", "2")]


@pytest.mark.parametrize("c", ["\0", "\x01", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f", "\x85", "\x9f"])
@pytest.mark.parametrize(
    "table", ["{}\n" + HEAD + "| 1 | 2 |\n", HEAD + "| 1 | {} |\n", HEAD + "| 1 | 2 |\n\n{}"]
)
def test_a_control_character_anywhere_is_refused(c: str, table: str) -> None:
    assert f"control character U+{ord(c):04X}" in refusal(table.format(f"a{c}"), MD)


@pytest.mark.parametrize(
    "table", ["\r" + HEAD, HEAD + "| 1 | 2 |\r| 3 | 4 |\n", HEAD + "| 1 | 2 |\n\ntext\r"]
)
def test_a_lone_carriage_return_is_no_line_end(table: str) -> None:
    assert "control character U+000D" in refusal(table, MD)


def test_line_separators_of_unicode_do_not_end_a_line() -> None:
    assert rows(HEAD + "| 1 | a\u2028b\u2029 |\n") == [("1", "a\u2028b\u2029")]


def test_a_byte_order_mark_is_refused() -> None:
    assert "line 1: a byte order mark" in refusal(b"\xef\xbb\xbf" + HEAD.encode(), MD)


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_bytes_that_are_no_utf8_are_refused_wherever_they_are(bad: bytes, place: int) -> None:
    parts = [b"text ", b"\n| A |\n|---|\n| 1 ", b"|\n\nafter "]
    parts[place] += bad
    assert "not UTF-8" in refusal(b"".join([*parts, b"\n"]), MD)


def test_a_value_beyond_the_limit_is_refused() -> None:
    assert "a value of" in refusal(f"{HEAD}| 1 | {'x' * (MAX_CELL + 1)} |\n", MD)
    assert rows(f"{HEAD}| 1 | {'x' * MAX_CELL} |\n") == [("1", "x" * MAX_CELL)]


def test_more_columns_than_the_limit_are_refused() -> None:
    header = "".join(f"| c{i} " for i in range(16_385)) + "|"
    assert "16385 columns" in refusal(f"{header}\n{'|-' * 16_385}|\n{'| 1 ' * 16_385}|\n", MD)
