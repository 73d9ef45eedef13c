# SPDX-License-Identifier: Apache-2.0
"""The tutorial works from its first line to its last, in the order in which it stands."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import ROOT, Ran, anchor

PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
STEP = re.compile(r"^ {4}(anchor [^\n]*)$|^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
(LEDGER,) = re.findall(r"^```text ledger\.csv\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
AFTER_THE_CHANGE = 8
"""The one exit code that is not 0: of the first command after the first line for the shell."""


def run(command: str, folder: Path) -> Ran:
    """A command of the page."""
    return anchor(*shlex.split(command)[1:], cwd=folder)


def test_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "ledger.csv").write_text(LEDGER)
    shell, codes = 0, []
    for command, lines in STEP.findall(PAGE):
        if lines:
            subprocess.run(["sh", "-e", "-c", lines], cwd=tmp_path, check=True, timeout=60)
            shell += 1
            continue
        ran = run(command, tmp_path)
        changed = shell == 1
        assert ran.code == (AFTER_THE_CHANGE if changed else 0), (command, ran)
        if changed:
            assert "5900000" in ran.out + ran.err
            assert "5400000" in ran.out + ran.err
        codes.append(ran.code)
    assert shell == 3
    assert codes.count(AFTER_THE_CHANGE) == 1
    assert len(codes) > 9


def test_each_step_says_its_exit_code() -> None:
    assert "The exit code is 0" in PAGE
    assert f"The exit code is {AFTER_THE_CHANGE}, INVALID" in PAGE
