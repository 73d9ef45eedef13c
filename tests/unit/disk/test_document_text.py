# SPDX-License-Identifier: Apache-2.0
"""The text of a document: of a text, an HTML page and a PDF, and one line for each hostile one."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from anchor import limits
from anchor.disk import extraction_process
from anchor.disk.document_text import text_of
from anchor.errors import Misuse
from anchor.sources import extraction
from anchor.sources.manifest import SourceDocument
from tests.support.releases.documents import page, pdf


def text(folder: Path, name: str, data: bytes, media_type: str = "") -> str:
    (folder / name).write_bytes(data)
    return text_of(folder, SourceDocument(file=name, where="l: line 1", media_type=media_type)).text


def test_a_text_is_its_characters(tmp_path: Path) -> None:
    assert text(tmp_path, "a.txt", "\ufeffé\r\n\f2".encode()) == "é\r\n\f2"
    assert text(tmp_path, "a", b"x", "text/markdown") == "x"
    assert text(tmp_path, "a.json", b"[1]") == "[1]"


def test_a_pdf_has_its_pages(tmp_path: Path) -> None:
    made = pdf([page("In 2022: 44 010 outcomes", "41 % – été (a)"), page("Page two: 3,885")])
    one, two = text(tmp_path, "a.pdf", made).split("\f")
    assert one.split("\n")[:2] == ["In 2022: 44 010 outcomes", "41 % – été (a)"]
    assert two.strip() == "Page two: 3,885"
    assert text(tmp_path, "b", made, "application/pdf").startswith("In 2022")


@pytest.mark.parametrize(
    ("html", "lines"),
    [
        ("<title>T</title><p>a<b>b</b> c\n d<p>e<br>f", ["T", "ab c d", "e", "f"]),
        ("<p>44&nbsp;010 &lt;b&gt; caf&eacute;", ["44\u00a0010 <b> café"]),
        ("<table><tr><td>4 373<td>14 163<tr><td>x</table>", ["4 373", "14 163", "x"]),
        ("<p>44<sup>1</sup> CO<sub>2</sub> 10<sup>2</sup>", ["44¹ CO₂ 10²"]),
        (
            "a<script>44</script><style>45</style><template>46</template><noscript>47</noscript>b<!-- 48 -->",
            ["ab"],
        ),
        ("<p>a<p hidden>b<div hidden><p>c</div>d", ["a", "d"]),
        ("<ul><li>1<li>2</ul><h1>3</h1>", ["1", "2", "3"]),
        ("", [""]),
        ("<b>" * 20_000 + "x", ["x"]),
    ],
)
def test_an_html_page_has_a_line_for_each_block(html: str, lines: list[str], tmp_path: Path) -> None:
    assert extraction.of_html(html.encode()).split("\n") == lines


def test_an_html_page_that_is_not_utf_8_has_to_say_so(tmp_path: Path) -> None:
    assert text(tmp_path, "a.html", b'<meta charset="ISO-8859-1"><p>\xe9t\xe9 \x80') == "été €"
    with pytest.raises(Misuse, match="neither UTF-8"):
        text(tmp_path, "b.html", b"<p>\xe9")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", b"\xff\xfe", "byte 0 is not UTF-8"),
        ("a.docx", b"PK", "no text, HTML or PDF: the suffix '.docx' says nothing"),
        ("a", b"x", "no text, HTML or PDF"),
        ("a.pdf", b"", "not a readable PDF: EmptyFileError"),
        ("a.pdf", b"%PDF-1.4\nnonsense", "not a readable PDF"),
        ("a.pdf", b"<html>", "not a readable PDF"),
        ("a.pdf", pdf([page("")]), "no text in the PDF: it may be a scan"),
        ("a.pdf", lambda: pdf([zlib.compress(b" " * 200_000_000)]), "not a readable PDF: LimitReachedError"),
        ("a.pdf", pdf([page("x")]).replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]"), "PDF"),
    ],
    ids=["not UTF-8", "docx", "no suffix", "empty", "nonsense", "HTML", "scan", "bomb", "loop"],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line_with_the_file(
    name: str, data: bytes | Callable[[], bytes], said: str, tmp_path: Path
) -> None:
    with pytest.raises(Misuse) as refused:
        text(tmp_path, name, data() if callable(data) else data)
    line = str(refused.value)
    assert said in line
    assert line.startswith(f"l: line 1: {tmp_path / name}: ")
    assert refused.value.remedy
    assert "\n" not in line


def test_a_document_that_takes_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction_process, "SECONDS", 1)
    with pytest.raises(Misuse, match="takes more than 1 seconds"):
        text(tmp_path, "a.html", b"<div>" * 200_000)


@pytest.mark.parametrize(
    ("read", "data"),
    [(extraction.of_html, b"<p>" + b"&amp;" * 11), (extraction.of_pdf, pdf([page("x" * 11)]))],
)
def test_no_more_text_is_taken_out_than_the_limit(
    read: Callable[[bytes], str], data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(read(data).strip()) == 11
    monkeypatch.setattr(limits, "EVIDENCE_TEXT", 10)
    with pytest.raises(Misuse, match="more than 10 characters of text"):
        read(data)


def test_a_document_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    for name, limit in (("a.txt", limits.EVIDENCE_TEXT), ("a.pdf", limits.EVIDENCE_DOCUMENT)):
        with (tmp_path / name).open("wb") as f:
            f.truncate(1 << 30)
        with pytest.raises(Misuse, match=f"1073741824 bytes, more than the {limit} that are read"):
            text_of(tmp_path, SourceDocument(file=name, where="l"))


def test_nothing_is_imported_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pypdf", "selectolax", "anchor", "logging"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    assert text(tmp_path, "a.html", b"<p>x") == "x"


@pytest.mark.parametrize(
    ("library", "function"), [("pypdf", extraction.of_pdf), ("selectolax.lexbor", extraction.of_html)]
)
def test_without_the_extra_the_line_says_what_to_install(
    library: str, function: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(Misuse, match="which is not installed") as refused:
        function(b"<p>x")
    assert ".[evidence]" in refused.value.remedy
