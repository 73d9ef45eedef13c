# SPDX-License-Identifier: Apache-2.0
"""`anchor seal` where the machine is against it: a full disk, closed folders, a line larger than memory."""

import os
import resource
import subprocess
import sys
from pathlib import Path

from tests.support.process import memory
from tests.support.process.anchor_cli import anchor, assert_misuse, forked, process
from tests.support.releases.ledgers import GOOD, NAMED


def test_a_folder_that_cannot_be_written_is_exit_2_also_for_root(ledger: Path) -> None:
    assert_misuse(anchor("seal", ledger, *NAMED, "-o", ledger / "out"), str(ledger / "out"))
    assert_misuse(anchor("seal", ledger, *NAMED, "-o", "/proc/self/out"), "/proc/self/out")
    assert ledger.read_text() == GOOD


def test_a_full_disk_leaves_nothing(ledger: Path, tmp_path: Path) -> None:
    """By a limit on the size of files, which holds for root too."""
    ledger.write_text(GOOD + "| C | 1 |\n" * 20_000)
    found = process(
        "seal", ledger, *NAMED, "-o", tmp_path / "out", before=lambda: limit(resource.RLIMIT_FSIZE, 64 * 1024)
    )
    assert (found.code, found.out) == (3, "")
    assert found.line.startswith((f"anchor: {tmp_path / 'out'}/", "anchor: temporary file: "))
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.md"]


def limit(what: int, most: int) -> None:
    resource.setrlimit(what, (most, most))


def test_a_full_device_as_output_is_no_success(ledger: Path) -> None:
    command = [sys.executable, "-m", "anchor", "seal", str(ledger), *NAMED]
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert found.returncode not in (0, 1)
    assert found.stderr.count("\n") == 1


def test_a_line_that_is_larger_than_the_memory_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.touch()
    os.truncate(path, memory.LARGER)
    found = forked("seal", path, *NAMED, before=memory.hold)
    assert found.code == 2
    assert "line 1: a line of more than 1048576 bytes" in found.line


def test_it_opens_no_socket_and_no_signing_client(ledger: Path) -> None:
    code = (
        "import socket, sys\n"
        "def no(*a, **k): raise AssertionError('a socket')\n"
        "socket.socket.connect = socket.getaddrinfo = no\n"
        "from anchor.cli.main import run\n"
        f"assert run(['seal', {str(ledger)!r}, '--name', 'n', '--version', '1']) == 0\n"
        "assert not {m for m in sys.modules if m.split('.')[0] in ('sigstore', 'requests', 'tuf')}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
