# SPDX-License-Identifier: Apache-2.0
"""The document that a cell cites: URLs in one form, and no wider guess."""

import pytest

from anchor.errors import Misuse
from anchor.sources.citations import cited, columns, normal

REPORT = "https://example.org/report-23-en.pdf"


@pytest.mark.parametrize(
    "url",
    [
        REPORT,
        f"{REPORT}#page=3",
        f"{REPORT}/",
        "HTTPS://EXAMPLE.org/report-23-en.pdf",
        "https://example.org:443/report-23-en.pdf",
        "https://example.org/%72eport-23-en.pdf",
        "https://example.org/report%2D23-en.pdf?",
    ],
)
def test_urls_of_one_document(url: str) -> None:
    assert normal(url) == REPORT


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/report-23-en.pdf",
        "https://www.example.org/report-23-en.pdf",
        "https://example.org/Report-23-en.pdf",
        "https://example.org/report-23-fr.pdf",
        f"{REPORT}?lang=fr",
        f"{REPORT}//",
        "https://example.org/x/../report-23-en.pdf",
        "https://example.org:8443/report-23-en.pdf",
        "https://me@example.org/report-23-en.pdf",
    ],
)
def test_urls_of_other_documents(url: str) -> None:
    assert normal(url) not in ("", REPORT)


def test_escapes_and_characters_beyond_ascii_have_one_form() -> None:
    assert normal("https://example.org/é%2f") == normal("https://example.org/%c3%a9%2F")
    assert normal("https://example.org/a%2Fb") != normal("https://example.org/a/b")
    assert normal("https://example.org") == normal("https://example.org/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mission Report",
        "ftp://example.org/x",
        "https://",
        "http://[",
        "https://a b",
        "https:///x",
        "www.a.org",
        "https://example.org:99999/x",
        "//example.org/x",
        "javascript:alert(1)",
        "https://a\nb",
    ],
)
def test_a_text_that_is_no_url_has_no_normal_form(text: str) -> None:
    assert normal(text) == ""


def test_a_cell_cites_by_its_url_its_link_or_its_text() -> None:
    assert cited([f" {REPORT}#p "]) == (f"{REPORT}#p", REPORT)
    assert cited([f"[Mission Report]({REPORT})"]) == (f"[Mission Report]({REPORT})", REPORT)
    assert cited(["", None, "report.txt"]) == ("report.txt", "")
    assert cited(["report.txt", REPORT]) == (REPORT, REPORT)
    assert cited([f"see {REPORT}"]) == (f"see {REPORT}", ""), "a URL inside of a text is not guessed"
    assert cited([None, ""]) == ("", "")


def test_columns_are_recognised_by_their_names() -> None:
    found = columns(("Label", "Value", "unit", "source", "source_url"), {}, where="l")
    assert (found.label, found.value, found.unit, found.source) == (0, 1, 2, (4, 3))
    found = columns(("what", "value", "from"), {"source": "from"}, where="l")
    assert (found.label, found.value, found.unit, found.source) == (None, 1, None, (2,))


@pytest.mark.parametrize(
    ("names", "given", "said"),
    [
        (("label", "source"), {}, "no column value"),
        (("label", "value"), {}, "no column source or source_url"),
        (("label", "value", "source"), {"source": "from"}, "no column 'from'"),
    ],
)
def test_a_column_that_is_not_there_is_named(
    names: tuple[str, ...], given: dict[str, str], said: str
) -> None:
    with pytest.raises(Misuse, match=said) as refused:
        columns(names, given, where="ledger.csv")
    assert "ledger.csv" in str(refused.value)
    assert "'label'" in str(refused.value)
