# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/compare.md run."""

import hashlib
import re
import shlex
from pathlib import Path

import pytest

from tests.support.attacks.attacked import log_of
from tests.support.process.anchor_cli import ROOT, Ran, anchor, apart
from tests.support.releases.published import Site
from tests.support.servers.folder_server import serve_folder

PAGE = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (anchor .*)$", PAGE, re.MULTILINE)
KEY = "log.example.org+0a1b2c3d+AZ..."


def test_every_command_of_the_page_works(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("ANCHOR_HOME", str(tmp_path / "watch"))
    log = log_of(site)
    here = site.root.parent
    (here / "head-of-a-friend.txt").write_bytes(log.sign())
    (here / "pasted.txt").write_bytes(log.sign())
    held = anchor("reverify", "-v", site.release, "--policy", site.policy)
    assert held.code == 0, held
    digest = hashlib.sha256(log.origin.encode()).hexdigest()
    assert len(COMMANDS) == 6
    with serve_folder(site.root) as server:
        server.bodies[f"{digest}/checkpoint"] = log.sign()
        for command in COMMANDS:
            text = command.replace(KEY, log.key.vkey).replace("/LOG", f"/{log.origin}")
            text = text.replace("https://mirror.example.org/ledger", server.url)
            text = text.replace("https://witness.example.org", server.url)
            words = shlex.split(text)[1:]
            if words[0] == "verify-evidence":
                (here / "fork").write_bytes(log.sign() + log.fork(0).sign())
                made = anchor("compare", "fork", "--vkey", log.key.vkey, "--evidence", "kept", cwd=here)
                assert made.code == 6, made
                (path,) = (here / "kept").iterdir()
                path.rename(here / "evidence.json")
            ran = _run(words, here)
            assert ran.code == (6 if words[0] == "verify-evidence" else 0), (command, ran)


def _run(words: list[str], here: Path) -> Ran:
    if "<" not in words:
        return anchor(*words, cwd=here)
    at = words.index("<")
    shell = ("sh", "-c", f'exec "$@" < {words[at + 1]}', "sh")
    return apart(*words[:at], *words[at + 2 :], cwd=here, prefix=shell)
