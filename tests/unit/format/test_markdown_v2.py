# SPDX-License-Identifier: Apache-2.0
"""`markdown-table-v2`: which table is read, what it says, and what is refused. FORMAT.md section 17.5."""

import io
import random

import pytest

from anchor.errors import Refused
from anchor.format.readers.markdown_v2 import MarkdownDialect, MarkdownTable2
from tests.laws.test_markdown_is_shown import a_document
from tests.support.process.sampled import sampled
from tests.support.second.readers import Wrong
from tests.support.second.readers2 import read as second

TABLE = "| A b | C |\n|---|:-:|\n| 1 | 2 |\n"


def read(text: str, table: int | str | None = None) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    found = MarkdownTable2(io.BytesIO(text.encode()), where="d.md", dialect=MarkdownDialect(table=table))
    return found.columns, [row for _, row in found]


def refusal(text: str, table: int | str | None = None) -> str:
    with pytest.raises(Refused) as found:
        read(text, table)
    return str(found.value)


def cell(text: str) -> str:
    """The value of one cell in a column without links."""
    return read(f"| x |\n|---|\n|   |\n| {text} |\n")[1][1][0]


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "# T\n\ntext with <https://a.b> and `<div>`\n\n{}\nend\n",
        "---\ntitle: x\n---\n\n{}",
        "```html\n<div>\n| a | b |\n|---|---|\n```\n{}",
        "~~~~\n```\n<!-- x\n~~~~\n\n{}\n```\n<b>\n```\n",
        "- list\n\n  ```\n  code | x\n  ```\n\n{}",
        "<!-- a\n| x |\n|---|\n-->\n{}",
    ],
)
def test_the_one_table_of_a_document(around: str) -> None:
    for text in (around.format(TABLE), around.format(TABLE).replace("\n", "\r\n")):
        assert read(text) == (("a_b", "c"), [("1", "2")])


def test_a_table_is_chosen_by_number_or_by_heading() -> None:
    text = f"# One\n\n{TABLE}\n## Two ##\n\n{TABLE.replace('1', '3')}\nSetext\n======\n\n{TABLE}"
    assert read(text, 2)[1] == read(text, "Two")[1] == [("3", "2")]
    assert "3 tables: 1 (line 3), 2 (line 9), 3 (line 16); choose one: --table NUMBER" in refusal(text)
    for wrong in (4, "Three", "Setext", "two"):
        assert "line 16" in refusal(text, wrong)
    assert "2 headings 'One'" in refusal(f"{text}\n# One\n", "One")
    assert "2 tables under" in refusal(f"# One\n\n{TABLE}\n{TABLE}", "One")
    assert "leave --table out" in refusal(TABLE, 1)
    assert MarkdownDialect(table="Two").described() == ("the table under the heading 'Two'",)
    for bad in (0, -1, ""):
        with pytest.raises(Refused):
            MarkdownDialect(table=bad).check(where="dialect")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (f"<div>\n\n{TABLE}", 1, "HTML"),
        (f"a <details> b\n\n{TABLE}", 1, "HTML"),
        (f"- <details>\n\n{TABLE}", 1, "HTML"),
        (f"`a\n` <details> `\n\n{TABLE}", 2, "HTML"),
        (f"text\n{TABLE}", 2, "no empty line before"),
        (f"{TABLE}text\n", 4, "directly after"),
        (f"{TABLE}<!-- x -->\n", 4, "directly after"),
        (f"```\n{TABLE}", 1, "not closed"),
        (f"- x\n\n  ```\n\ny\n```\n\n{TABLE}", 5, "a list may end"),
        (f"<!-- x\n\n{TABLE}", 1, "not closed"),
        (f"<!-- --!> -->\n\n{TABLE}", 1, "for a browser"),
        (f"<!-->\n\n{TABLE}", 1, "ends at once"),
        (f"<!-- x --> y\n\n{TABLE}", 1, "on a line of its own"),
        (f"a | b\n--|--\n\n{TABLE}", 2, "another form"),
        (f"> | a |\n> |---|\n\n{TABLE}", 2, "another form"),
        ("---\ntitle\n", 1, "without its end"),
        (f"---\n| x |\n---\n\n{TABLE}", 2, "front matter"),
        ("| a | b |\n|---|\n| 1 | 2 |\n", 2, "1 delimiter cells under a header of 2"),
        ("| a |\n|---|\n", 2, "no facts"),
        (f"{TABLE}| 1 | 2 | 3 |\n", 4, "3 cells"),
        (f"{TABLE}| 1 | 2\n", 4, "does not end"),
        (f"{TABLE}| 1 | 2 \\|\n", 4, "does not end"),
        (f"{TABLE}| 1 \\\\| 2 |\n", 4, "two ways"),
        (f"{TABLE}| 1 | <b> |\n", 4, "HTML"),
        (f"{TABLE}| 1 | &amp; |\n", 4, "entity"),
        (f"{TABLE}| 1 | ~~x~~ |\n", 4, "strikes"),
        (f"{TABLE}| 1 | ![a](b) |\n", 4, "image"),
        (f"{TABLE}| 1 | http://a\\* |\n", 4, "address"),
        (f"[r]: /u\n\n{TABLE}| [r] | |\n", 6, "define a link"),
        (f"{TABLE}\x07", 4, "control character"),
    ],
)
def test_what_could_show_another_table_is_refused(text: str, line: int, problem: str) -> None:
    found = refusal(text)
    assert f"d.md: line {line}: " in found
    assert problem in found
    assert ";" in found, "it names a remedy"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a \\* b", "a * b"),
        ("**x**", "x"),
        ("**a\\_b**", "a_b"),
        ("*****", "*****"),
        ("`\\*`", "\\*"),
        ("` x `", "x"),
        ("a \\| b", "a | b"),
        ("< 3", "< 3"),
        ("*i*", "*i*"),
        ("C:\\dir", "C:\\dir"),
    ],
)
def test_the_text_of_a_cell(written: str, value: str) -> None:
    assert cell(written) == value


def test_links_give_two_columns_and_short_rows_are_filled_up() -> None:
    text = "| A | B | C |\n|---|---|---|\n| [t](u_(v)) | 1 | 2 |\n| x |\n"
    assert read(text) == (("a", "a_url", "b", "c"), [("t", "u_(v)", "1", "2"), ("x", "", "", "")])
    assert "malformed link" in refusal(f"{text}| [t](u) x | | |\n")


@sampled(40)
def test_the_second_reader_and_ours_agree(every: int) -> None:
    rng = random.Random(20261129)
    agreed = 0
    for number in range(40_000):
        document, table = a_document(rng), rng.choice((None, None, 1, 2))
        if number % every:
            continue
        try:
            wanted = second(
                "markdown-table-v2", None if table is None else {"table": table}, [document.encode()]
            )
        except Wrong:
            with pytest.raises(Refused):
                read(document, table)
            continue
        columns, rows = read(document, table)
        assert [dict(zip(columns, row, strict=True)) for row in rows] == wanted[1]
        agreed += 1
    assert agreed > 50
