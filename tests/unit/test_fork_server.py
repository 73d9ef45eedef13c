# SPDX-License-Identifier: Apache-2.0
"""The program `anchor` that is a fork behaves as the real one in a shell."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
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


@contextlib.contextmanager
def asked(words: list[str], folder: Path, *, cut: int = 0) -> Iterator[socket.socket]:
    """A connection to the server that asks for a command, which reads the pipe of this block; `cut` bytes of
    the request are missing."""
    programs = fork_server.programs()
    given = [name + b"=" + value for name, value in os.environb.items()]
    parts = [os.fsencode(folder), b"18", b"%d" % len(words), *map(os.fsencode, words), *given]
    data = b"\0".join(parts)
    read, write = os.pipe()
    with (
        socket.socket(socket.AF_UNIX) as server,
        os.fdopen(read),
        os.fdopen(write, "wb"),
        (folder / "said").open("a") as said,
    ):
        server.settimeout(90)
        server.connect(str(programs.parent / "socket"))
        socket.send_fds(server, [len(data).to_bytes(4, "big")], [read, said.fileno(), said.fileno()])
        server.sendall(data[: len(data) - cut])
        yield server


def test_a_client_that_is_killed_in_the_middle_of_its_request_stops_nobody_else(tmp_path: Path) -> None:
    for cut in (10, 1):
        with asked(["--version"], tmp_path, cut=cut):
            pass
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(str(fork_server.programs().parent / "socket"))
    assert shell(fork_server.programs(), "anchor --version", tmp_path)[0] == 0


def test_an_interrupt_is_not_lost_however_early_it_comes(tmp_path: Path) -> None:
    """The process may not have begun to run when its number is known."""
    words = ["lint", "-", "--reader", "csv-v1"]
    for _ in range(20):
        with asked(words, tmp_path) as server:
            os.kill(int.from_bytes(server.recv(4), "big"), signal.SIGINT)
            assert int.from_bytes(server.recv(4), "big", signed=True) == 130
    assert set((tmp_path / "said").read_text().split("\n")) == {"anchor: stopped", ""}


def test_a_command_whose_server_has_ended_does_not_succeed(tmp_path: Path) -> None:
    command = [str(fork_server.programs() / "anchor"), "lint", "ledger", "--reader", "csv-v1"]
    os.mkfifo(tmp_path / "ledger")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as running:
        with (tmp_path / "ledger").open("wb"):  # when the command has begun to read
            fork_server._running[-1][0].kill()
            assert running.wait(90) == 1
        assert running.stderr is not None
        assert b"the server of forks has ended" in running.stderr.readline()
    fork_server.stop()
