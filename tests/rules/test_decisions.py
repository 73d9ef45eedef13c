# SPDX-License-Identifier: Apache-2.0
"""The decisions have one naming scheme, a date and a status each, and an index that says the same."""

import re
from datetime import date
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "decisions"
FILES = sorted(path for path in FOLDER.iterdir() if path.name != "README.md")
ROW = re.compile(r"^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \| (\d{4}-\d\d-\d\d) \| (.+) \|$", re.MULTILINE)
INDEX = ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))
HEAD = re.compile(r"# (?P<title>.+)\n\nDate: (?P<date>\d{4}-\d\d-\d\d)\nStatus: (?P<status>.+)\n\n")
STATUS = re.compile(
    r"accepted(?:, amended by \[(\d{4})\]\(\1-[a-z0-9-]+\.md\)(?: and \[(\d{4})\]\(\2-[a-z0-9-]+\.md\))?)?"
    r"|superseded by \[(\d{4})\]\(\3-.+\.md\)"
)


def test_the_files_are_numbered_from_one_without_gaps() -> None:
    assert len(FILES) > 10
    for number, path in enumerate(FILES, 1):
        assert re.fullmatch(rf"{number:04}-[a-z0-9]+(?:-[a-z0-9]+)*\.md", path.name), path.name


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_decision_has_a_date_a_status_and_its_costs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    head = HEAD.match(text)
    assert head, "the first lines are: title, blank, Date:, Status:, blank"
    date.fromisoformat(head["date"])
    assert STATUS.fullmatch(head["status"])
    assert re.search(r"\*\*Costs\.\*\*", text)


def test_the_index_has_each_file_with_its_title_date_and_status() -> None:
    assert [name for _, name, *_ in INDEX] == [path.name for path in FILES]
    for path, (number, name, *row) in zip(FILES, INDEX, strict=True):
        head = HEAD.match(path.read_text(encoding="utf-8"))
        assert head
        assert name.startswith(number)
        assert row == [head["title"], head["date"], head["status"]]


def test_the_numbers_follow_the_dates() -> None:
    dates = [row[3] for row in INDEX]
    assert dates == sorted(dates)
