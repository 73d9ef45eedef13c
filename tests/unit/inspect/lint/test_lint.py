# SPDX-License-Identifier: Apache-2.0
"""Lint: what it must see, with the right lines, and what it must leave alone."""

import contextlib
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.format.facts import Table
from anchor.inspect.lint import Finding, Report, lint
from anchor.inspect.lint.alphabet import Alphabet
from anchor.inspect.lint.characters import hidden, look_alikes, meaningless, skeleton, spelling
from anchor.inspect.lint.markdown_tables import RenderedTables
from anchor.inspect.lint.repeats import _spellings_and_skeletons
from anchor.inspect.lint.value_blocks import Block
from tests.support.releases.ledgers import openclassrooms
from tests.support.releases.tables import open_table

HEAD = "label,value,unit,period,source,seal\n"


def examined(data: bytes, reader: str = "csv-v1", *, null: str | None = None) -> Report:
    """The report about a ledger in these bytes."""

    @contextlib.contextmanager
    def read() -> Iterator[Table]:
        yield open_table(io.BytesIO(data), reader, where="l")

    page = RenderedTables() if reader.startswith("markdown") else None
    if page is not None:
        page.write(data)
    return lint(read, file="l", reader=reader, spool=io.BytesIO(), null=null, page=page)


def report(*lines: str, head: str = HEAD) -> Report:
    return examined((head + "\n".join(lines) + "\n").encode())


def found(kind: str, *lines: str) -> list[Finding]:
    """The findings of one kind; there are none of another."""
    result = report(*lines)
    assert {f.kind for f in result.findings} <= {kind}
    assert result.counts[kind] == len(result.findings)
    return list(result.findings)


KNOWN = {
    "placeholder": 7,
    "label-spelling": 5,
    "conflicting-values": 16,
    "missing-unit": 1,
    "repeated-seal": 1,
}
"""The findings about the ledger of OpenClassrooms, release 1.0.0."""


def test_the_openclassrooms_ledger_has_the_known_counts() -> None:
    result = examined(openclassrooms().read_bytes(), "markdown-table-v1")
    assert (result.facts, result.distinct_labels) == (681, 568)
    assert (result.exact_duplicates, result.repeated_seals) == (0, 1)
    assert {kind: number for kind, number in result.counts.items() if number} == KNOWN
    assert result.severities == {"error": 0, "warning": 29, "note": 1}
    named = {f.text: f.count for f in result.findings if f.kind == "placeholder"}
    assert named["source_name"] == 49
    seal = next(f for f in result.findings if f.kind == "repeated-seal")
    assert (seal.lines, seal.text) == ((297, 298), "6104b4d257cfe2fe...")


def test_a_clean_ledger_has_no_findings() -> None:
    result = report(
        "Élèves à l'œuvre,“10 °C” – 5 €/m²,°,2024,Source A,a", "B,Ελλάδα Россия 日本語,,,,b", "C,ok,,,,"
    )
    assert result.findings == ()
    assert not any(result.counts.values())


@pytest.mark.parametrize(
    "value", ["source_name", "Source Text", "SOURCE", "TBC", "{{source}}", "<name>", "xxx"]
)
def test_a_placeholder_is_found_with_all_its_lines(value: str) -> None:
    assert [
        f.lines for f in found("placeholder", f"A,1,,,{value},a", "B,1,,,real,b", f"C,1,,,{value},c")
    ] == [(2, 4)]


@pytest.mark.parametrize(
    "value", ["", "0", "None of them", "Name", "not available", "Resource Text", "naïve", "?", "<5", "50 %"]
)
def test_an_ordinary_value_is_no_placeholder(value: str) -> None:
    assert report(f"A,1,,,{value},a").findings == ()


@pytest.mark.parametrize(
    "value",
    [
        *(
            "https://example.com/x",
            "http://www.example.org",
            "https://localhost:8080/",
            "company_name",
            "%name%",
        ),
        *("ToDo", "#REF!", "#####", "Lorem ipsum dolor", "${total}", "[[x]]", "__X__", "???", " tbd "),
    ],
)
def test_a_value_of_a_template_is_a_placeholder_in_any_column(value: str) -> None:
    assert {f.text for f in report(f"A,{value},,,,a").findings if f.kind == "placeholder"} == {value}


@pytest.mark.parametrize("other", ["AB c", "a b C", "a  b c", "abc", "a b c ", "a\u00a0b c", "A B C"])
def test_labels_that_differ_only_in_case_or_spacing_are_found(other: str) -> None:
    result = report("a b c,1,,,,a", f"{other},1,,,,b", "a b d,1,,,,c", "a b c,1,,1,,d")
    spellings = [f for f in result.findings if f.kind == "label-spelling"]
    assert [f.lines for f in spellings] == [(2, 3, 5)]
    assert result.distinct_labels == 3


def test_one_label_and_period_with_different_values_is_found() -> None:
    lines = ["A,1,,2024,,a", "A,2,,2025,,b", "B,1,,,,c", "A,1,,2024,,d", "A,3,,2024,,e", "B,2,,,,f"]
    assert [(f.text, f.lines) for f in found("conflicting-values", *lines)] == [
        ("A", (2, 5, 6)),
        ("B", (4, 7)),
    ]


def test_text_that_is_not_nfc_is_found_and_not_changed() -> None:
    assert [(f.column, f.text, f.lines) for f in found("not-nfc", "A,e\u0301,,,,a", "B,é,,,,b")] == [
        ("value", "e\u0301", (2,))
    ]


@pytest.mark.parametrize(
    "c",
    [
        *("\u00a0", "\u202f", "\u00ad", "\u200b", "\u200d", "\u200e", "\u202e", "\u2066", "\u2028"),
        *("\ufeff", "\u3164", "\ufe0f", "\u034f", "\u2800", "\U000e0041", "\U000e0100", "\u180e", "\t"),
    ],
)
def test_an_invisible_character_is_found(c: str) -> None:
    findings = found("invisible", f"A,x{c}y,,,,a")
    assert [(f.column, f.lines) for f in findings] == [("value", (2,))]
    assert f"U+{ord(c):04X}" in findings[0].message


@pytest.mark.parametrize("c", ["\u0378", "\ue000", "\ufffd", "\U0010ffff", "\ufdd0", "\U000f0000"])
def test_a_code_point_without_meaning_is_found(c: str) -> None:
    assert list(meaningless(f"a{c}b{c}")) == [c]
    assert "Unicode" in found("unassigned", f"A,x{c}y,,,,a")[0].message


@pytest.mark.parametrize(
    "word",
    [
        "p\u0430ypal",
        "\u0410BC",
        "\u03bfne",
        "\u0440\u0430\u0443",
        "\uff41bc",
        "\U0001d41a",
        "\ufb01n",
        "1\u0662",
    ],
)
def test_a_look_alike_word_is_found(word: str) -> None:
    assert list(look_alikes(f"the {word} and {word}")) == [word]
    assert [f.lines for f in found("look-alike", f"A,{word},,,,a")] == [(2,)]


@pytest.mark.parametrize(
    "value",
    [
        "Россия",
        "μm",
        "Δt",
        "kΩ",
        "œuvre",
        "straße",
        "m²",
        "½",
        "№ 5",
        "日本",
        "T\u30b7\u30e3\u30c4",
        "नमस्ते",
        "ª",
    ],
)
def test_an_honest_word_is_no_look_alike(value: str) -> None:
    assert list(look_alikes(value)) == []


def test_labels_that_only_look_alike_are_found() -> None:
    result = report("Apple,1,,,,a", "\u0410pple,1,,,,b", "Ap\u200bple,1,,,,c", "Pear,1,,,,d")
    assert [f.lines for f in result.findings if f.kind == "label-look-alike"] == [(2, 3, 4)]
    assert [f.lines for f in result.findings if f.kind == "label-spelling"] == []


def test_the_name_of_a_column_is_looked_at_too() -> None:
    result = report("1", head="v\u0430lue\n")
    assert [(f.kind, f.lines, f.text) for f in result.findings] == [("look-alike", (1,), "v\u0430lue")]
    assert result.distinct_labels is None


def test_seals_that_repeat_are_found_and_missing_ones_do_not_count() -> None:
    assert [
        (f.text, f.lines) for f in found("repeated-seal", "A,1,,,,s", "B,1,,,,", "C,1,,,,s", "D,1,,,,")
    ] == [("s", (2, 4))]


def test_exact_duplicates_are_found_and_counted() -> None:
    result = report("A,1,,,,", "A,1,,,,", "A,1,,,,", "A,1,u,,,", "B,1,,,,")
    assert [(f.kind, f.lines) for f in result.findings] == [("duplicate-fact", (2, 3, 4))]
    assert result.exact_duplicates == 2


def test_facts_whose_values_only_join_to_the_same_text_are_no_duplicates() -> None:
    assert report("A,1,,,x,", "A,1,,x,,", "A,1,x,,,").exact_duplicates == 0


def test_columns_are_found_whatever_their_case() -> None:
    result = report("a,1,s", "A,1,s", head="Label,VALUE,Seal\n")
    assert {f.kind for f in result.findings} == {"label-spelling", "repeated-seal"}


def test_keys_of_comparison() -> None:
    assert spelling("A  b\u00a0C") == spelling("abc") != spelling("abd")
    assert skeleton("Ap\u200bp\u04cfe") == skeleton("APPLE")
    assert list(hidden("a b\tc")) == ["\t"]


def kinds(*lines: str, head: str = HEAD) -> dict[str, str]:
    """The kind and severity of each finding."""
    return {f.kind: f.severity for f in report(*lines, head=head).findings}


@pytest.mark.parametrize(
    "value",
    [
        '"two\nlines"',
        '"two\r\nlines"',
        "\u2764\ufe0f",
        "1\ufe0f\u20e3",
        "\U0001f469\u200d\U0001f4bb",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u05d0\u200f 1",
        "\u8fbb\U000e0100",
        "\u0445\u043e\u0440 \u0441\u043e\u0441\u043d\u044b \u0438 \u0440\u043e\u0441\u0430",
        "«\u00a0Élève\u00a0»"[2:7],
    ],
)
def test_real_text_passes_strict(value: str) -> None:
    assert kinds(f"A,{value},,,,a") == {}


@pytest.mark.parametrize("c", ["\t", "\u00a0", "\u202f", "\u00ad", "\u3000"])
def test_a_blank_of_print_is_a_note(c: str) -> None:
    assert kinds(f"A,10{c}x,,,,a") == {"invisible": "note"}


@pytest.mark.parametrize(
    "value",
    ["a\rb", "\u200fx", "x\u202e", "a\u200db", "\ufe0f", "A\ufe0fb", "\U000e0067\U000e007f", "x\U000e0100"],
)
def test_a_character_that_its_text_does_not_need_is_a_warning(value: str) -> None:
    assert kinds(f'A,"{value}",,,,a')["invisible"] == "warning"


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("caf\u00c3\u00a9", "é"),
        ("\u00e2\u20ac\u2122", "’"),
        ("\u00c2\u00b0C", "°"),
        ("\u00d0\u0178\u00d1\u20ac", "Пр"),
        ("co\u00c3\u00bbt", "û"),
        ("\u00f0\u0178\u02dc\u20ac", "😀"),
    ],
)
def test_text_in_the_wrong_encoding_is_found(value: str, meant: str) -> None:
    (finding,) = (f for f in report(f"A,{value},,,,a").findings if f.kind == "mojibake")
    assert repr(meant) in finding.message


@pytest.mark.parametrize(
    "value",
    [
        "CAF\u00c9\u2019S",
        "IRM\u00c3\u00bb",
        "Stra\u00dfe\u00bb",
        "na\u00efve\u2026",
        "\u00e0 \u00e9t\u00e9",
        "\u00c2me",
    ],
)
def test_honest_accents_are_not_in_the_wrong_encoding(value: str) -> None:
    assert "mojibake" not in kinds(f"A,{value},,,,a")


@pytest.mark.parametrize(
    "value", ["NA", "N/A", "n.a.", "null", "None", "NaN", "-", "\u2013", "..", ":", "#N/A"]
)
def test_a_word_for_a_missing_value_is_a_note(value: str) -> None:
    assert kinds(f"A,{value},,,,a") == {"missing-value": "note"}


def test_the_token_of_the_dialect_is_no_finding() -> None:
    data = f"{HEAD}A,NA,,,,a\nB,n/a,,,,b\n".encode()
    assert [f.text for f in examined(data, null="NA").findings] == ["n/a"]


@pytest.mark.parametrize("value", ["Na", "no", "nan-gogh", "-5", "a - b", "name"])
def test_other_words_are_values(value: str) -> None:
    assert kinds(f"A,{value},,,,a") == {}


def test_names_that_differ_only_in_case_or_blanks_are_found() -> None:
    found = report("1,2,3,4", head="Total,total ,sum,\u0455um\n").findings
    assert [(f.kind, f.text) for f in found if f.kind == "name-spelling"] == [
        ("name-spelling", "Total"),
        ("name-spelling", "sum"),
    ]
    assert [(f.text, f.severity) for f in found if f.kind == "outer-blanks"] == [("total ", "warning")]


def test_blanks_around_a_value_are_a_note() -> None:
    assert kinds("A, 1,,,,a") == {"outer-blanks": "note"}
    assert kinds("A,1\u00a0,,,,a") == {"outer-blanks": "note", "invisible": "note"}


@pytest.mark.parametrize("value", ["=1+1", '"=HYPERLINK(""x"")"', "@SUM(A1)", "+cmd(1)"])
def test_a_value_that_a_spreadsheet_runs_is_found(value: str) -> None:
    assert "formula" in kinds(f"A,{value},,,,a")


@pytest.mark.parametrize("value", ["=", "@name", "-5", "+33 1 23", "a=b", "- item (one)"])
def test_a_value_that_only_begins_with_a_sign_is_not(value: str) -> None:
    assert "formula" not in kinds(f"A,{value},,,,a")


def test_many_equal_values_are_one_finding_with_the_first_lines() -> None:
    result = report(*(f"L{i},tbd,,,,{i}" for i in range(5000)))
    (finding,) = result.findings
    assert (finding.count, finding.lines) == (5000, tuple(range(2, 102)))


def test_many_different_values_are_capped() -> None:
    result = report(*(f"L{i},https://example.org/{i},,,,{i}" for i in range(5000)))
    assert len(result.findings) == 21
    assert result.findings[-1].count == 4980
    assert result.counts["placeholder"] == 21
    assert sum(f.count for f in result.findings) == 5000


def test_many_groups_are_capped_and_counted() -> None:
    lines = [f"L{i},1,,,,a{i}" for i in range(300)]
    result = report(*lines, *lines)
    duplicates = [f for f in result.findings if f.kind == "duplicate-fact"]
    assert (len(duplicates), result.exact_duplicates, result.repeated_seals) == (101, 300, 300)
    assert duplicates[0].lines == (2, 302)
    assert (duplicates[-1].message, duplicates[-1].count) == ("200 further findings of this kind", 400)


def test_facts_far_apart_are_compared() -> None:
    lines = [f"L{i},{i},,,,s{i}" for i in range(70_000)]
    result = report(*lines, "l5,1,,,,t", "L9,7,,,,u", "L11,11,,,,s11")
    assert [(f.kind, f.lines) for f in result.findings] == [
        ("label-spelling", (7, 70_002)),
        ("conflicting-values", (11, 70_003)),
        ("repeated-seal", (13, 70_004)),
        ("duplicate-fact", (13, 70_004)),
    ]
    assert result.distinct_labels == 70_001


def test_one_label_of_very_many_facts_is_compared_too() -> None:
    lines = [f"L,{i % 3},,{i},,s{i}" for i in range(70_000)]
    result = report(*lines, "L,7,,5,,t", "L,1,,1,,s1")
    assert [(f.kind, f.lines) for f in result.findings] == [
        ("conflicting-values", (7, 70_002)),
        ("repeated-seal", (3, 70_003)),
        ("duplicate-fact", (3, 70_003)),
    ]
    assert (result.distinct_labels, result.exact_duplicates) == (1, 1)


def test_columns_that_are_not_known_belong_to_the_subject() -> None:
    head = "label,value,period,region\n"
    assert kinds("A,1,2024,north", "A,2,2024,south", head=head) == {}
    assert kinds("A,1,2024,north", "A,2,2024,north", head=head) == {"conflicting-values": "warning"}


def test_a_label_with_different_units_is_found() -> None:
    found = report("A,1,t,2023,,a", "A,2,kt,2024,,b", "B,1,t,,,c", "B,1,,2020,,d").findings
    assert [(f.kind, f.text, f.lines) for f in found] == [
        ("mixed-units", "A", (2, 3)),
        ("missing-unit", "", (5,)),
    ]


def test_units_that_are_written_differently_are_found() -> None:
    lines = ["A,1,%,,,a", "B,1,%,,,b", "C,1,percent,,,c", "D,1,m2,,,d", "E,1,m\u00b2,,,e", "F,1,kg,,,f"]
    found = [f for f in report(*lines).findings if f.kind == "unit-spelling"]
    assert [(f.text, f.lines) for f in found] == [("%", (4,)), ("m2", (6,))]


def test_null_and_absent_values_are_no_text() -> None:
    data = b'{"label":"A","value":null,"seal":"x"}\n{"label":"B","value":"1","seal":"y"}\n'
    assert examined(data, "jsonl-v1").findings == ()


def test_a_page_that_shows_a_second_table_is_found() -> None:
    read = "| Label |\n|---|\n| A |\n\n"
    assert [
        (f.kind, f.lines)
        for f in examined((read + "a | b\n--|--\n1 | 2\n").encode(), "markdown-table-v1").findings
    ] == [("second-table", (5,))]
    assert examined((read + "```\na | b\n--|--\n```\n").encode(), "markdown-table-v1").findings == ()


def test_text_that_a_page_shows_differently_is_found_in_markdown_only() -> None:
    lines = "| Label | Value |\n|---|---|\n| A | 5 &amp; 6 |\n| B | <del>7</del> |\n"
    lines += "| C | ~~8~~ |\n| D | a < b & c |\n"
    found = examined(lines.encode(), "markdown-table-v1").findings
    assert [(f.kind, f.lines) for f in found] == [("markup", (3,)), ("markup", (4,)), ("markup", (5,))]
    assert kinds("A,<b>x</b>,,,,a") == {}


def test_the_report_is_a_document_of_version_2() -> None:
    result = report("A,1,,,,a")
    assert (result.format, result.can_be_sealed, result.unread) == ("urn:ledger-anchor:lint:v2", True, "")


@given(
    st.lists(
        st.text(
            "aA\u00e9\u00c9e\u0301 \u00a0\n\u0430\u0410\u043f\u200b1\u00b2\ufb01\u0130\u00df", max_size=5
        ),
        min_size=1,
    )
)
def test_keys_of_a_block_of_labels_are_those_of_each_label(labels: list[str]) -> None:
    spelled, drawn = _spellings_and_skeletons(Block(labels), Alphabet())
    assert spelled == list(map(spelling, labels))
    assert drawn == list(map(skeleton, labels))


def test_a_list_of_words_or_of_elements_has_no_placeholders() -> None:
    assert report("name", "id", "name_of", head="name\n").findings == ()
    assert report("<html>", "<p>x</p>", head="text\n").findings == ()
    assert report("<name>", head="text\n").counts["placeholder"] == 1
