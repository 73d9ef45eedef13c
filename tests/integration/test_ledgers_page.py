# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/ledgers.md and docs/diff.md run, each with a ledger as the page describes it."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from tests.support.process.anchor_cli import ROOT, Ran, anchor

COMMANDS = re.findall(
    r"^    (anchor .*)$", (ROOT / "docs" / "ledgers.md").read_text(encoding="utf-8"), re.MULTILINE
)
(DIFF,) = re.findall(
    r"^    (anchor .*)$", (ROOT / "docs" / "diff.md").read_text(encoding="utf-8"), re.MULTILINE
)
(SCHEMA, FILES, PUBLISH_FILES, VERIFY_FILES, KEYS, CONVERT) = COMMANDS


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Ran]:
    """Runs a command of the page in an empty folder, with an empty home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("ANCHOR_HOME", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(command: str) -> Ran:
        words, _, into = command.partition(" > ")
        ran = anchor(*shlex.split(words)[1:])
        assert ran.code == 0, (command, ran)
        if into:
            Path(into).write_text(ran.out)
        return ran

    return run


def test_a_ledger_is_published_with_its_schema(run: Callable[[str], Ran]) -> None:
    Path("staff.csv").write_text("name,year\nA,2024\nB,2025\n")
    fields = [{"name": "name", "type": "string"}, {"name": "year", "type": "integer"}]
    Path("schema.json").write_text(json.dumps({"fields": fields, "primaryKey": "name"}))
    run(SCHEMA)
    assert Path("site/release/1.0.0/schema.json").is_file()
    run("anchor verify site --policy policy.toml")


def test_files_are_listed_published_and_compared_with_a_folder(run: Callable[[str], Ran]) -> None:
    Path("data/below").mkdir(parents=True)
    for name in ("a.bin", "below/b.txt"):
        Path("data", name).write_bytes(name.encode())
    for command in (FILES, PUBLISH_FILES, VERIFY_FILES):
        run(command)
    Path("data/a.bin").write_bytes(b"changed")
    assert anchor(*shlex.split(VERIFY_FILES)[1:]).code == 8


def test_a_ledger_with_two_keys_proves_that_a_key_has_no_fact(run: Callable[[str], Ran]) -> None:
    Path("figures.csv").write_text("label,period,value\nA,2024,1\nA,2025,2\n")
    run(KEYS)
    run("anchor prove site --policy policy.toml --absent B -o absent.json")


def test_a_sheet_becomes_a_ledger(run: Callable[[str], Ran]) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Data")
    for row in (("label", "value"), ("A", "1")):
        sheet.append(row)
    book.save("figures.xlsx")
    run(CONVERT)
    assert Path("figures.csv").read_text().splitlines() == ["label,value", "A,1"]


def test_two_releases_are_compared() -> None:
    """Those of this repository have the same facts."""
    ran = anchor(*shlex.split(DIFF.replace("policy.toml", "release/policy.toml"))[1:], cwd=ROOT)
    assert ran.code == 0, ran
