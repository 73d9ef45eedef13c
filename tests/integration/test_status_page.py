# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/status.md run in their order, and readers are told what the page says."""

import re
import shlex
from pathlib import Path

from tests.support.process.anchor_cli import ROOT, anchor

PAGE = (ROOT / "docs" / "status.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (anchor .*)$", PAGE, re.MULTILINE)
(STAPLED,) = re.findall(r"`(anchor prove [^`]*)`", PAGE)


def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    site, policy = tmp_path / "site", tmp_path / "policy.toml"
    home = ("--home", tmp_path / "home")
    for version in ("1.0.0", "1.1.0"):
        rows = "".join(f"fact {n},{n}{version[2]}\n" for n in range(20))
        (tmp_path / "ledger.csv").write_text(f"label,value\n{rows}")
        named = ("--name", "counts", "--version", version, "--root", site, "--policy-out", policy)
        assert anchor("publish", tmp_path / "ledger.csv", *named, *home).code == 0

    kinds = []
    for command in COMMANDS:
        words = shlex.split(command)[1:]
        dry = anchor(*words, "--dry-run", *home, cwd=tmp_path)
        assert (dry.code, dry.out) == (0, ""), (command, dry)
        ran = anchor(*words, *home, cwd=tmp_path)
        assert ran.code == 0, (command, ran)
        if words[0] == "withdraw":
            kinds.append(words[words.index("--kind") + 1])
        else:
            assert (ran.out, ran.err) == ("", ""), "the status is young"
    assert kinds == ["withdrawn", "corrected", "reinstated"]
    assert anchor("verify", site, "--policy", policy).code == 0, "the newest release is not withdrawn"
    proven = anchor(*shlex.split(STAPLED)[1:], "--policy", policy, cwd=site)
    assert proven.code == 0, proven
    told = anchor("verify-receipt", "fact.json", "--policy", policy, cwd=site)
    assert told.code == 0, told
    assert "not withdrawn by" in " ".join(told.out.split())
