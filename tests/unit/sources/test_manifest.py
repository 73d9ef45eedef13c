# SPDX-License-Identifier: Apache-2.0
"""`evidence.toml`: what it says, and each way to get it wrong, with the line."""

import json

import pytest

from anchor import limits
from anchor.errors import Misuse
from anchor.sources.manifest import SourceDocument, describe, parse

GOOD = """# the reports
[[document]]
file = "texts/report-en.txt"
extracted_from = "https://example.org/report-en.pdf"
retrieved_at = 2026-01-31T23:59:59Z
media_type = "text/plain"

[[document]]
file = "page.html"
source = "https://example.org/Page#top"
retrieved_at = "2026-02-01T00:00:00Z"
"""
HEX = "0" * 64


def test_a_list_says_file_url_time_and_type() -> None:
    page, report = parse(GOOD.encode(), "l.toml")
    assert (page.file, page.source, page.retrieved_at) == (
        "page.html", "https://example.org/Page#top", "2026-02-01T00:00:00Z"
    )  # fmt: skip
    assert page.urls == {"https://example.org/Page"}
    assert report.retrieved_at == "2026-01-31T23:59:59Z"
    assert report.urls == {"https://example.org/report-en.pdf"}
    assert (page.where, report.where) == ("l.toml: line 8", "l.toml: line 2")


def test_a_descriptor_has_the_name_and_digest_of_the_file() -> None:
    found = describe(dict.fromkeys(parse(GOOD.encode()), HEX))
    assert [one.name for one in found] == ["page.html", "texts/report-en.txt"]
    assert found[0].uri == "https://example.org/Page#top"
    assert found[0].notes == {"retrieved_at": "2026-02-01T00:00:00Z"}
    assert not found[1].uri
    assert found[1].notes["extracted_from"] == "https://example.org/report-en.pdf"
    assert found[1].media_type == "text/plain"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('file = "page.html"', 'file = "../page.html"', 9, "file: '../page.html' is not a path below"),
        ('file = "page.html"', 'file = "/etc/passwd"', 9, "file: '/etc/passwd' is not a path below"),
        ('file = "page.html"', 'file = "a\\\\b"', 9, "back-slash"),
        ('file = "page.html"', 'file = "a\\u0000b"', 9, "control character"),
        ('file = "page.html"', 'file = ""', 9, "file: no text"),
        ('file = "page.html"', "file = 5", 9, "file: no text"),
        ('file = "page.html"', "", 8, "no member file"),
        ('file = "page.html"', 'file = "texts/report-en.txt"', 8, "stands twice, first in line 2"),
        ('"https://example.org/Page#top"', '"ftp://example.org/Page"', 10, "source: "),
        ('"https://example.org/Page#top"', '"https://[/"', 10, "source: "),
        ('"https://example.org/Page#top"', '"report"', 10, "is no http or https URL"),
        ('"https://example.org/Page#top"', '"https://example.org/é"', 10, "is no http or https URL"),
        ('"2026-02-01T00:00:00Z"', '"2026-02-01"', 11, "retrieved_at: '2026-02-01' is no time"),
        ('"2026-02-01T00:00:00Z"', "2026-02-01", 11, "retrieved_at: no text"),
        ("2026-01-31T23:59:59Z\n", "2026-01-31T23:59:59\n", 5, "retrieved_at: no time in UTC"),
        ("2026-01-31T23:59:59Z\n", "2026-01-31T23:59:59.5Z\n", 5, "retrieved_at: no time in UTC"),
        ('"text/plain"', '"text"', 6, "media_type: 'text' is no media type"),
        ('media_type = "text/plain"', 'sha256 = "ABC"', 6, "sha256: 'ABC' is not 64"),
        ('media_type = "text/plain"', 'note = "x"', 6, "note: unknown member; known are file, source"),
        (
            'media_type = "text/plain"',
            'source = "https://example.org/report-en.pdf#x"',
            6,
            "source: the URL is that of extracted_from",
        ),
    ],
)
def test_each_error_names_the_line_and_the_member(old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    with pytest.raises(Misuse) as refused:
        parse(GOOD.replace(old, new, 1).encode(), "l.toml")
    assert str(refused.value).startswith(f"l.toml: line {line}: ")
    assert said in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "document = []",
        'document = [{file = "a"}]',
        "[document]\nfile = 'a'",
        "[[documents]]",
        "title = 'x'\n[[document]]\nfile = 'a'",
        "[[document]\nfile = 'a'",
        "document = 5",
        "\xff",
        "[[document]]\n" * 1025,
        "[document.x]\nfile = 'a'",
    ],
)
def test_a_file_that_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(Misuse) as refused:
        parse(text.encode("latin-1"), "l.toml")
    assert str(refused.value).startswith("l.toml: ")


def test_a_list_that_is_too_large_is_not_read() -> None:
    with pytest.raises(Misuse, match="more than"):
        parse(b"#" * (limits.EVIDENCE_LIST + 1))


def test_what_looks_like_a_table_in_a_string_or_a_comment_moves_no_line() -> None:
    trick = "[[document]]\nfile = '''a\n[[document]]\nfile = 5\n'''\nsource = 7\n"
    with pytest.raises(Misuse, match="line 6: source"):
        parse(trick.encode(), "l")
    with pytest.raises(Misuse, match=r"line 2: file.*control"):
        parse(trick.replace("= 7", "= 'https://a.org'").encode(), "l")
    with pytest.raises(Misuse, match="line 3: file"):
        parse(b"# [[document]]\n[[document]] # [[document]]\nfile = '../a' # file = 5\n", "l")


def test_an_inner_table_is_an_unknown_member() -> None:
    with pytest.raises(Misuse, match="unknown member"):
        parse(b"[[document]]\nfile = 'a'\n[document.more]\nx = 1\n", "l")


def test_the_digest_of_a_text_never_stands_under_the_url_of_its_document() -> None:
    text = SourceDocument(file="a.txt", where="l", extracted_from="https://a.org/b.pdf")
    document = SourceDocument(file="b.pdf", where="l", source="https://a.org/b.pdf")
    assert len(describe({text: HEX, document: "1" * 64})) == 2
    with pytest.raises(Misuse, match="stands under the URL"):
        describe({text: HEX, document: HEX})


def test_names_are_sorted_by_their_bytes() -> None:
    names = ["é", "z", "Z", "a/b", "a.b", "\U00010000", "\uffff"]
    text = "".join(f"[[document]]\nfile = {json.dumps(n, ensure_ascii=False)}\n" for n in names)
    found = [one.name for one in describe(dict.fromkeys(parse(text.encode()), HEX))]
    assert found == sorted(names, key=str.encode)
