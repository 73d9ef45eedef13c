# SPDX-License-Identifier: Apache-2.0
"""Lint: what it must see, with the right lines, and what it must leave alone."""

import io

import pytest

from anchor.inspect.lint import Finding, Report, lint
from anchor.inspect.lint_rules import hidden, look_alikes, meaningless, placeholder, skeleton, spelling
from tests.support.releases.ledgers import openclassrooms
from tests.support.releases.tables import open_table

HEAD = "label,value,unit,period,source,seal\n"


def report(*lines: str, head: str = HEAD) -> Report:
    data = (head + "\n".join(lines) + "\n").encode()
    return lint(open_table(io.BytesIO(data), "csv-v1", where="l.csv"), file="l.csv", reader="csv-v1")


def found(kind: str, *lines: str) -> list[Finding]:
    """The findings of one kind; there are none of another."""
    result = report(*lines)
    assert {f.kind for f in result.findings} <= {kind}
    assert result.counts[kind] == len(result.findings)
    return list(result.findings)


def test_the_openclassrooms_ledger_has_the_known_counts() -> None:
    with openclassrooms().open("rb") as f:
        result = lint(open_table(f, "markdown-table-v1", where="l"), file="l", reader="markdown-table-v1")
    assert (result.facts, result.distinct_labels) == (681, 568)
    assert (result.exact_duplicates, result.repeated_seals) == (0, 1)
    assert result.counts == {
        "placeholder": 7,
        "label-spelling": 5,
        "label-look-alike": 0,
        "conflicting-values": 16,
        "not-nfc": 0,
        "invisible": 0,
        "look-alike": 0,
        "unassigned": 0,
        "repeated-seal": 1,
        "duplicate-fact": 0,
    }
    named = {f.text: len(f.lines) for f in result.findings if f.kind == "placeholder"}
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
    "value", ["source_name", "Source Text", "SOURCE", "TBC", "n/a", "{{source}}", "<name>", "xxx"]
)
def test_a_placeholder_is_found_with_all_its_lines(value: str) -> None:
    assert [
        f.lines for f in found("placeholder", f"A,1,,,{value},a", "B,1,,,real,b", f"C,1,,,{value},c")
    ] == [(2, 4)]


@pytest.mark.parametrize(
    "value", ["", "0", "-", "None of them", "Name", "not available", "Resource Text", "naïve", "?"]
)
def test_an_ordinary_value_is_no_placeholder(value: str) -> None:
    assert not placeholder(value, "source")


@pytest.mark.parametrize(
    "value",
    ["https://example.com/x", "http://www.example.org", "https://localhost:8080/", "company_name", "%name%"],
)
def test_a_value_of_a_template_is_a_placeholder_in_any_column(value: str) -> None:
    assert placeholder(value, "anything")


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
