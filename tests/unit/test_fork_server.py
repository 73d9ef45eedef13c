# SPDX-License-Identifier: Apache-2.0
"""The program `anchor` that is a fork behaves as the real one in a shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import fork_server

REAL = Path(sys.executable).parent
STOPPED = """
anchor instance init --root i --home h > init
anchor instance serve --root i --home h --port 0 > said &
until grep -qs http said || ! kill -0 $!; do sleep 0.05; done
kill $!; wait $!; echo $?
"""


def shell(programs: Path, line: str, cwd: Path, **env: str) -> tuple[int, str, str]:
    """The exit code of a line, and what it printed on each stream."""
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(cwd), **env}
    done = subprocess.run(
        ["bash", "-c", line], cwd=cwd, env=own, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "anchor lint nothing.md",  # an exit code, and a line on stderr
        "anchor lint ledger.md",  # the current folder
        "anchor convert ledger.md -o made.csv && stat -c %a made.csv",
        "umask 077; anchor convert ledger.md -o made.csv && stat -c %a made.csv",
        "ANCHOR_POLICY=none.toml anchor verify .",  # the environment of a line
        "anchor verify . --policy $'a b\\nc'",  # an argument is one
        "anchor lint - < ledger.md --reader markdown-table-v1",
        "anchor help verify | head -1",
        STOPPED,
    ],
)
def test_a_line_of_a_shell_comes_to_the_same(line: str, tmp_path: Path) -> None:
    found = []
    for number, programs in enumerate((REAL, fork_server.programs())):
        folder = tmp_path / str(number) / "work"
        folder.mkdir(parents=True)
        (folder / "ledger.md").write_text("| Label | Value |\n|---|---|\n| A | 1 |\n")
        found.append(shell(programs, line, folder))
    assert found[1] == found[0]
