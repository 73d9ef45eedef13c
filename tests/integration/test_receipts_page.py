# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/receipts.md work in a copy of this repository's release, in their order."""

import re
import shlex
import shutil
from pathlib import Path

from tests.support.process.anchor_cli import ROOT, anchor

TEXT = (ROOT / "docs" / "receipts.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (anchor .*)$", TEXT, re.MULTILINE)


def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    shutil.copy(ROOT / "release.json", tmp_path)
    shutil.copytree(ROOT / "release", tmp_path / "release")
    assert len(COMMANDS) >= 6
    for command in COMMANDS:
        words, _, into = command.partition(" > ")
        ran = anchor(*shlex.split(words)[1:], cwd=tmp_path)
        assert ran.code == 0, (command, ran)
        if into:
            (tmp_path / into).write_text(ran.out)
    assert len(list((tmp_path / "single").iterdir())) == 681
    assert (tmp_path / "fact.svg").read_bytes().startswith(b"<?xml")


def test_a_receipt_has_about_the_size_that_the_page_says(tmp_path: Path) -> None:
    assert "about 10 kB" in TEXT
    anchor("prove", ROOT / "release.json", "--fact", 37, "-o", tmp_path / "fact.json")
    assert 9000 < (tmp_path / "fact.json").stat().st_size < 11000
