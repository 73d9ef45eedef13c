# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/mirror.md run, in their order."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.servers.folder_server import serve_folder

PAGE = (ROOT / "docs" / "mirror.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (anchor .*)$", PAGE, re.MULTILINE)


def test_every_command_of_the_page_works_with_our_own_releases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("ANCHOR_HOME", str(tmp_path / "watch"))
    policy = (ROOT / "release" / "policy.toml").read_text()
    (tmp_path / "policy.toml").write_text(policy)
    for version in ("1.0.0", "1.1.0"):
        (tmp_path / version).mkdir()
        shutil.copy(ROOT / "release" / version / "trusted_root.json", tmp_path / version)
    assert len(COMMANDS) == 9
    with serve_folder(ROOT) as server:
        for command in COMMANDS:
            words = shlex.split(command.replace("https://example.org/ledger", server.url))[1:]
            ran = anchor(*words, cwd=tmp_path)
            assert ran.code == 0, (command, ran)
    assert (tmp_path / "copy" / "evidence" / "rapportdemission-23-en.txt").is_file()
