# SPDX-License-Identifier: Apache-2.0
"""Ledgers that `anchor lint` and `anchor seal` do not take: one line, exit 2, nothing written."""

from pathlib import Path

import pytest

from tests.support.process.anchor_cli import anchor, assert_misuse
from tests.support.releases.ledgers import NAMED

BAD = {
    "a long row": "| A | B |\n|---|---|\n| 1 | 2 | 3 |\n",
    "a second table": "| A |\n|---|\n| 1 |\n\n| A |\n|---|\n| 2 |\n",
    "a row inside a comment": "| A |\n|---|\n| 1 |\n| <!-- |\n| 2 |\n",
    "a table inside a comment": "<!--\n| A |\n|---|\n| 1 |\n-->\n",
    "a duplicate header": "| A | a |\n|---|---|\n| 1 | 2 |\n",
    "an empty header": "| A | |\n|---|---|\n| 1 | 2 |\n",
    "0 facts": "| A |\n|---|\n",
    "an empty file": "",
    "a BOM": "\ufeff| A |\n|---|\n| 1 |\n",
    "no UTF-8": "| A |\n|---|\n| \udcff |\n",
    "a control character": "| A |\n|---|\n| \x07 |\n",
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("command", ["lint", "seal"])
def test_bad_input_is_one_line_exit_2_and_no_output(
    bad: str, command: str, ledger: Path, tmp_path: Path
) -> None:
    ledger.write_bytes(BAD[bad].encode("utf-8", "surrogateescape"))
    out = tmp_path / "out"
    found = anchor("lint", ledger) if command == "lint" else anchor("seal", ledger, *NAMED, "-o", out)
    assert_misuse(found, str(ledger))
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.md"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", '[{"a":' + "9" * 10_000 + "}]"),
        ("x.jsonl", '{"a":' + "9" * 10_000 + "}"),
        ("x.json", "[" * 10_000),
        ("x.json", '[{"a":' * 10_000),
        ("x.jsonl", '{"a":' * 10_000),
        ("ledger.json", '{"columns":' + "[" * 10_000),
        ("x.json", '[{"a":"1","a":"1"}]'),
        ("x.jsonl", '{"a":"1"}\n{"b":"1","b":"2"}\n'),
        ("x.jsonl", '{"a":"\\ud800"}\n'),
        ("x.csv", 'a\n"1\n'),
        ("x.txt", "a\n1\n"),
    ],
)
def test_hostile_input_is_one_line_and_exit_2(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    for arguments in (("lint", path), ("seal", path, *NAMED, "-o", tmp_path / "out")):
        assert_misuse(anchor(*arguments), str(path))
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_the_reader_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "facts.txt"
    path.write_text("a\n1\n")
    assert anchor("seal", path, *NAMED, "--reader", "csv-v1").code == 0
    assert anchor("lint", path, "--reader", "csv-v1").code == 0
    assert anchor("lint", path, "--reader", "jsonl-v1").code == 2


def test_an_object_in_a_json_file_is_told_what_a_ledger_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text in ('{"a":1}', '{"a":1}\n', '{\n "a": 1\n}\n'):
        path.write_text(text)
        ran = anchor("lint", path)
        assert ran.code == 2
        assert "an array of objects" in ran.line
        assert "LF" not in ran.line
