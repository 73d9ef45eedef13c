# SPDX-License-Identifier: Apache-2.0
"""`anchor convert` as a user runs it: the facts that come out, and every change in the list."""

import datetime as dt
import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

from anchor.limits import CONVERTED
from tests.support.process.anchor_cli import ROOT, Ran, anchor
from tests.support.releases.ledgers import read

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FOUND = ROOT / "tests" / "corpus" / "found"


def convert(data: bytes, name: str, folder: Path, *words: object, to: str = "out.csv") -> Ran:
    (folder / name).write_bytes(data)
    return anchor("convert", folder / name, *words, "-o", folder / to)


def table(folder: Path, name: str = "out.csv") -> list[tuple[str, ...]]:
    """Header and facts, as our own reader gives them."""
    columns, rows = read((folder / name).read_bytes(), "csv-v1")
    return [columns, *rows]


def changes(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return ran.err


def workbook(rows: list[list[Any]], *, sheets: tuple[str, ...] = ("Data",)) -> bytes:
    book = openpyxl.Workbook()
    for number, name in enumerate(sheets):
        sheet = book.active if number == 0 else book.create_sheet(name)
        assert sheet is not None
        sheet.title = name
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["Population of nowhere"],
        [],
        ["place", "people", "share", "since", "open"],
        ["Übe, r", 1200, 0.125, dt.date(2024, 2, 3), True],
        ["Two\nlines", 1e15, -1.5, dt.datetime(2024, 2, 3, 4, 5), False],  # noqa: DTZ001  a workbook has no zone
        ["1) provisional"],
    ]
    shown = changes(convert(workbook(rows), "book.xlsx", tmp_path))
    assert table(tmp_path) == [
        ("place", "people", "share", "since", "open"),
        ("Übe, r", "1200", "0.125", "2024-02-03", "true"),
        ("Two\nlines", "1000000000000000.0", "-1.5", "2024-02-03 04:05:00", "false"),
    ]
    for change in (
        "above the header is left out (2 times)",
        "below the table is left out",
        "as it is stored, without its format (%, currency, digits) (4 times)",
        "ISO 8601 (2 times)",
        "true or false (2 times)",
    ):
        assert change in shown


def test_a_sheet_is_chosen_by_the_user(tmp_path: Path) -> None:
    data = workbook([["a", "b"], ["1", "2"]], sheets=("First", "Second"))
    refused = convert(data, "book.xlsx", tmp_path)
    assert refused.code == 2
    assert "'First', 'Second'; give --sheet" in refused.line
    assert not (tmp_path / "out.csv").exists()
    for chosen in ("Second", "2"):
        assert "another sheet is left out" in changes(convert(data, "book.xlsx", tmp_path, "--sheet", chosen))
    assert "no sheet '3'" in convert(data, "book.xlsx", tmp_path, "--sheet", "3").line


def test_an_open_document_spreadsheet(tmp_path: Path) -> None:
    document, sheet = OpenDocumentSpreadsheet(), Table(name="Sheet1")
    for row in (["name", "value"], ["é", "x"]):
        line = TableRow()
        for text in row:
            cell = TableCell(valuetype="string")
            cell.addElement(P(text=text))
            line.addElement(cell)
        sheet.addElement(line)
    document.spreadsheet.addElement(sheet)
    out = io.BytesIO()
    document.write(out)
    assert convert(out.getvalue(), "book.ods", tmp_path).code == 0
    assert table(tmp_path) == [("name", "value"), ("é", "x")]


@pytest.mark.parametrize("data", [b"PK\x03\x04 no workbook", b"\xd0\xcf\x11\xe0" + bytes(600), b"PK\x03\x04"])
def test_a_broken_workbook_is_one_line(tmp_path: Path, data: bytes) -> None:
    ran = convert(data, "book.xlsx", tmp_path)
    assert ran.code == 2
    assert "no workbook that can be read" in ran.line


CORPUS: dict[str, tuple[list[tuple[str, ...]], str]] = {
    "statistics-office-footnotes.csv": ([], "below the table is left out (2 times)"),
    "semicolon-windows-1252-preamble.csv": ([], "from windows-1252 to UTF-8 (a proposal: check the text)"),
    "excel-unicode-text.csv": ([], "from utf-16 to UTF-8 (as its bytes say)"),
    "old-mac.csv": ([], "line ends of CR alone are made LF"),
    "excel-sep.csv": ([], "the delimiter ';' is changed to ','"),
    "trailing-empty-columns.csv": ([], "without a name and without a value is left out (2 times)"),
    "ragged.csv": ([], "a short row is filled up"),
    "duplicate-names.csv": ([], "a column gets a name of its own"),
    "single-quotes.csv": ([], 'the quote "\'" is changed'),
}


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_each_kind_of_text_gives_a_ledger_that_lint_reads(name: str, tmp_path: Path) -> None:
    ran = anchor("convert", FOUND / name, "-o", tmp_path / "out.csv")
    assert CORPUS[name][1] in changes(ran)
    found = table(tmp_path)
    assert len({len(row) for row in found}) == 1
    assert anchor("lint", tmp_path / "out.csv").code == 0


def test_preamble_header_and_notes_of_a_statistics_office(tmp_path: Path) -> None:
    text = 'Titel;;\r\n\r\nOrt;Zahl;\r\n"Z;ürich";1,5;\r\nGenf;2;\r\n\r\nQuelle: Amt;;\r\n'
    changes(convert(text.encode("cp1252"), "in.csv", tmp_path))
    assert table(tmp_path) == [("Ort", "Zahl"), ("Z;ürich", "1,5"), ("Genf", "2")]


@pytest.mark.parametrize(
    ("data", "words", "problem"),
    [
        (b'a,b\n1,"2\n3,4\n', (), "no delimited text"),
        (b"a,b\n1,2,3\n", (), "3 fields below a header of 2"),
        ("é\nü\n".encode() + b"\xe9\n" + "ä\n".encode() * 9, (), "give --encoding"),
        (b"a,b\n\x81,2\n", ("--encoding", "cp1252"), "give another --encoding"),
        (b"a,b\n1,2\n", ("--encoding", "klingon"), "no encoding 'klingon'"),
        (b"", (), "no table"),
        (b"a,b\n", (), "no table with a header and at least one row"),
    ],
)
def test_what_cannot_be_read_with_certainty_is_refused(
    tmp_path: Path, data: bytes, words: tuple[str, ...], problem: str
) -> None:
    ran = convert(data, "in.csv", tmp_path, *words)
    assert ran.code == 2
    assert problem in ran.line
    assert not (tmp_path / "out.csv").exists()


def test_json_keeps_the_text_of_its_values(tmp_path: Path) -> None:
    text = '[{"n": 1.50, "s": "a\\u00e9 NaN",\r\n "x": NaN, "y": [1 ,-Infinity]}, {"n": 2}]'
    shown = changes(convert(text.encode("utf-16"), "in.json", tmp_path, to="out.jsonl"))
    assert (tmp_path / "out.jsonl").read_text() == (
        '{"n": 1.50, "s": "a\\u00e9 NaN", "x": null, "y": [1 ,null]}\n{"n": 2}\n'
    )
    for change in (
        "from utf-16",
        "NaN, which is no JSON",
        "-Infinity, which is no JSON",
        "one object a line",
    ):
        assert change in shown
    for broken in (b'[{"a":1}', b'[{"a":1} {"a":2}]', b"[1]", b'[{"a":1}]]', b'{"a":', b"[" * 100_000):
        ran = convert(broken, "broken.json", tmp_path, to="broken.jsonl")
        assert ran.code == 2, broken[:20]
        assert "line 1" in ran.line


def test_a_table_of_a_document(tmp_path: Path) -> None:
    text = "# T\n\n<p>x</p>\n\n a | b\n---|---\n1 | <b>2</b>\n\n| c |\n|---|\n| \\| |\n"
    assert "2 tables: 1 (line 5), 2 (line 9); give --table" in convert(text.encode(), "in.md", tmp_path).line
    assert "markup" in changes(convert(text.encode(), "in.md", tmp_path, "--table", 1))
    assert table(tmp_path) == [("a", "b"), ("1", "<b>2</b>")]
    changes(convert(text.encode(), "in.md", tmp_path, "--table", 2))
    assert table(tmp_path) == [("c",), ("|",)]


def test_the_report_is_also_a_document(tmp_path: Path) -> None:
    document = convert(b"\xef\xbb\xbfa;b\n1;2\n", "in.csv", tmp_path, "--json").document
    assert document["facts"] == 1
    assert [change["what"] for change in document["changes"]] == [
        "the byte order mark is taken out",
        "the delimiter ';' is changed to ','",
    ]
    assert json.dumps(document).startswith('{"format": "urn:ledger-anchor:converted:v1"')


def test_the_names_of_its_output(tmp_path: Path) -> None:
    assert convert(b"a,b\n1,2\n", "in.csv", tmp_path, to="out.txt").code == 2
    assert convert(b"[{}]", "in.json", tmp_path, to="out.csv").code == 2
    changes(convert(b"a;b\n1;2\n", "in.csv", tmp_path, to="out.jsonl"))
    assert (tmp_path / "out.jsonl").read_text() == '{"a": "1", "b": "2"}\n'
    ran = anchor("convert", tmp_path / "in.csv", "-o", "-")
    assert ran.out == "a,b\n1,2\n"


def test_its_input_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"a;b\n1;2\n")
    (tmp_path / "link.csv").symlink_to("in.csv")
    for name in ("in.csv", "link.csv"):
        ran = anchor("convert", tmp_path / "in.csv", "-o", tmp_path / name)
        assert (ran.code, "would overwrite the input" in ran.line) == (2, True), ran
    assert (tmp_path / "in.csv").read_bytes() == b"a;b\n1;2\n"


def test_a_header_that_lacks_a_name_keeps_its_names(tmp_path: Path) -> None:
    """R writes no name above the names of rows; others end each row below the header with a delimiter."""
    shown = changes(convert((FOUND / "row-names-of-r.csv").read_bytes(), "r.csv", tmp_path))
    assert "a column gets a name of its own" in shown
    assert table(tmp_path)[:2] == [("column_1", "mpg", "cyl", "name"), ("1", "21.5", "6", "A")]
    changes(convert((FOUND / "trailing-comma-below-header.csv").read_bytes(), "t.csv", tmp_path))
    assert table(tmp_path) == [("a", "b", "c"), ("1", "2", "3"), ("4", "5", "6")]


def test_a_second_table_is_no_part_of_the_first(tmp_path: Path) -> None:
    for name in ("two-tables.csv", "two-tables-of-two-widths.csv"):
        ran = convert((FOUND / name).read_bytes(), name, tmp_path)
        assert (ran.code, "a second table begins in line" in ran.err) == (2, True), ran
    rows: list[list[Any]] = [["ort", "wert"], ["A", 1], ["B", 2], [], ["sorte", "menge"], ["x", 3]]
    ran = convert(workbook(rows), "book.xlsx", tmp_path)
    assert "a second table begins in row 5" in ran.err
    assert convert(workbook(rows), "book.xlsx", tmp_path, "--skip", 4).code == 0
    assert table(tmp_path) == [("sorte", "menge"), ("x", "3")]


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_formula_that_nobody_computed_is_not_an_empty_value(tmp_path: Path) -> None:
    """openpyxl and pandas write formulas without their values. A spreadsheet program computes them."""
    book = workbook([["a", "b", "c"], [1, "=A2*2", "x"], [2, "=A3*2", "y"]])
    ran = convert(book, "book.xlsx", tmp_path)
    assert (ran.code, "formulas without a value" in ran.err, "B2, B3; open it" in ran.err) == (2, True, True)
    kept = workbook([["a", "b"], ["x", 1]], sheets=("Data",))
    assert convert(kept, "kept.xlsx", tmp_path).code == 0


def test_errors_and_hidden_cells_of_a_workbook_are_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["a", "b", "c"], ["#N/A", 1, "x"], ["y", 2, "z"], ["w", 3, "v"]):
        sheet.append(row)
    sheet["A2"].data_type = "e"
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["B"].hidden = True
    sheet.column_dimensions["F"].hidden = True
    other = book.create_sheet("Other")
    other.append(["=1+1"])
    shown = changes(convert(saved(book), "book.xlsx", tmp_path, "--sheet", "Sheet"))
    assert "an error is written as an empty value\n    cell A2: '#N/A'" in shown
    assert "changed: a hidden row is written like the others\n" in shown
    assert "changed: a hidden column is written like the others\n" in shown
    assert table(tmp_path) == [("a", "b", "c"), ("", "1", "x"), ("y", "2", "z"), ("w", "3", "v")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.timedelta(hours=30), "30:00:00"),
        (dt.timedelta(minutes=90, seconds=5), "1:30:05"),
        (dt.timedelta(hours=25, milliseconds=500), "25:00:00.5"),
    ],
)
def test_a_duration_has_hours_minutes_and_seconds(tmp_path: Path, value: dt.timedelta, text: str) -> None:
    changes(convert(workbook([["a", "b"], ["x", value]]), "book.xlsx", tmp_path))
    assert table(tmp_path)[1] == ("x", text)


HEADERS: dict[str, tuple[list[list[str]], list[str]]] = {
    "a name for several columns": (
        [["", "2020", "", "2021", ""], ["country", "male", "female", "male", "female"]],
        ["country", "2020 / male", "2020 / female", "2021 / male", "2021 / female"],
    ),
    "names beside it in the upper row": (
        [["country", "code", "2020", ""], ["", "", "male", "female"]],
        ["country", "code", "2020 / male", "2020 / female"],
    ),
    "a name with nothing below is of its own column": (
        [["country", "", "2020", ""], ["", "code", "male", "female"]],
        ["country", "code", "2020 / male", "2020 / female"],
    ),
    "three rows": (
        [
            ["", "people", "", "", ""],
            ["", "2020", "", "2021", ""],
            ["place", "m", "f", "m", "f"],
        ],
        ["place", "people / 2020 / m", "people / 2020 / f", "people / 2021 / m", "people / 2021 / f"],
    ),
    "a name of a row above ends one to its left": (
        [["", "a", "", "b"], ["", "x", "", ""], ["k", "1", "2", "3"]],
        ["k", "a / x / 1", "a / x / 2", "b / 3"],
    ),
    "the same name twice": ([["place", "share"], ["place", "%"]], ["place", "share / %"]),
    "blanks around names, and a short row": ([[" a ", "b "], [" x"]], ["a / x", "b"]),
}


@pytest.mark.parametrize("kind", HEADERS)
@pytest.mark.parametrize("title", [[], [["Figures of nowhere"], []]], ids=["alone", "below a title"])
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_several_header_rows_are_joined_when_they_are_asked_for(
    kind: str, title: list[list[str]], ending: str, tmp_path: Path
) -> None:
    rows, names = HEADERS[kind]
    fact = [str(n) + "x" for n in range(len(names))]
    lines = [*title, *rows, fact]
    text = "".join(",".join(line) + "\n" for line in lines).encode()
    data = text if ending == "csv" else workbook([[cell or None for cell in line] for line in lines])
    skip = ("--skip", len(title)) if title else ()
    ran = convert(data, f"in.{ending}", tmp_path, *skip, "--header-rows", len(rows))
    shown = changes(ran)
    assert table(tmp_path) == [tuple(names), tuple(fact)]
    assert "are joined by ' / '" in shown
    joined = [name for name in names if " / " in name]
    assert all(repr(name) in shown for name in joined[:3])


def test_header_rows_of_which_the_file_has_too_few_leave_no_fact(tmp_path: Path) -> None:
    assert convert(b"a,b\nx,y\n1,2\n", "in.csv", tmp_path, "--header-rows", 3).code == 2
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(("name", "to"), [("x.json", "out.jsonl"), ("x.md", "out.csv")])
def test_header_rows_are_for_rows_of_cells(name: str, to: str, tmp_path: Path) -> None:
    ran = convert(b'[{"a": "1"}]', name, tmp_path, "--header-rows", 2, to=to)
    assert (ran.code, "--header-rows: is for delimited text and workbooks" in ran.line) == (2, True)


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_file_that_is_compressed_twice_is_refused(pack: Any, tmp_path: Path) -> None:
    """The bytes that come out of it once are no text: they gave facts of noise."""
    ran = convert(pack(gzip.compress(b"a,b\n1,2\n")), "in.csv.gz", tmp_path)
    assert (ran.code, (tmp_path / "out.csv").exists()) == (2, False)
    assert "compressed a second time; unpack it once" in ran.line


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.csv.zst"])
def test_a_compressed_file_is_converted_whatever_its_name_says(pack: Any, name: str, tmp_path: Path) -> None:
    assert "encoding is changed" in changes(convert(pack("a;b\nä;1\n".encode("cp1252")), name, tmp_path))
    assert table(tmp_path) == [("a", "b"), ("ä", "1")]


def test_a_compressed_file_that_is_damaged_or_too_large_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n1,2\n")
    assert "ends in the middle" in convert(packed[:-4], "in.csv.gz", tmp_path).line
    bomb = gzip.compress(bytes(1 << 20)) * ((CONVERTED >> 20) + 1)
    assert f"more than {CONVERTED} bytes come out of it" in convert(bomb, "in.csv.gz", tmp_path).line
