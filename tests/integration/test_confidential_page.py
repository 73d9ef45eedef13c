# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/confidential.md work, in their order."""

import re
import shlex
from pathlib import Path

from tests.support.process.anchor_cli import ROOT, anchor

TEXT = (ROOT / "docs" / "confidential.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (anchor .*)$", TEXT, re.MULTILINE)


def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    (tmp_path / "salaries.csv").write_text("name,role,salary\nAda,engineer,100\nBob,clerk,200\n")
    assert len(COMMANDS) == 5
    for command in COMMANDS:
        words, _, into = command.partition(" > ")
        ran = anchor(*shlex.split(words)[1:], cwd=tmp_path)
        assert ran.code == 0, (command, ran)
        if into:
            (tmp_path / into).write_text(ran.out)
    assert '"200"' not in (tmp_path / "bob.json").read_text()
    assert 'hidden: "salary"' in ran.out
