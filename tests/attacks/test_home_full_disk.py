# SPDX-License-Identifier: Apache-2.0
"""Copies of homes, homes and policies on a disk that is full at some write: whole, or not there.

A file system of its own with so many KiB to spare. Then there is room again, and the same command works.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.test_home_backup import Publisher, kept
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.process.need import need
from tests.support.releases.published import LEDGER, NAME, snapshot

ROOMS = [pytest.param(n, marks=[pytest.mark.slow] if n % 16 else []) for n in range(0, 92, 4)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    need(mounted.returncode == 0, "run as root, with mount allowed")
    yield folder
    subprocess.run(["umount", folder], check=True, capture_output=True)


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publisher:
    found = Publisher(tmp_path, monkeypatch)
    assert found.publish(LEDGER, "1").code == 0
    return found


def fill(disk: Path, room: int) -> Path:
    """Leave `room` KiB. Returns the file that takes the rest."""
    free, filler = os.statvfs(disk), disk / "filler"
    with filler.open("wb") as f:
        f.write(b"\0" * (free.f_bavail * free.f_frsize - room * 1024))
    return filler


def full(ran: Ran) -> None:
    """One line that names the full disk, and no success."""
    assert ran.code == 3, ran
    assert "No space left on device" in ran.line, ran
    assert ran.out == ""


@pytest.mark.parametrize("room", ROOMS)
def test_a_copy_onto_a_full_disk(publisher: Publisher, disk: Path, room: int) -> None:
    before, filler = kept(publisher.home), fill(disk, room)
    words = ("instance", "backup", disk / "copy", "--root", publisher.root)
    ran = anchor(*words)
    if ran.code != 0:
        full(ran)
        assert [path.name for path in disk.iterdir()] == ["filler"]
        filler.unlink()
        assert anchor(*words).code == 0
    assert kept(publisher.home) == before
    copied = {path: data for path, data in snapshot(disk / "copy").items() if path != "backup.json"}
    assert copied == before


@pytest.mark.parametrize("room", ROOMS)
def test_a_home_onto_a_full_disk(publisher: Publisher, disk: Path, room: int) -> None:
    copy, before = publisher.back_up(), kept(publisher.home)
    shutil.rmtree(publisher.home)
    filler = fill(disk, room)
    ran = publisher.restore(copy, "--home", disk / "home", "--root", publisher.root)
    if ran.code != 0:
        full(ran)
        assert [path.name for path in disk.iterdir()] == ["filler"]
        filler.unlink()
        assert publisher.restore(copy, "--home", disk / "home", "--root", publisher.root).code == 0
    assert kept(disk / "home") == before


def test_policies_onto_a_full_disk(publisher: Publisher, disk: Path) -> None:
    filler = fill(disk, 0)
    made = ("policy", publisher.root, "-o", disk / "policy.toml", "--not-compared")
    (publisher.folder / "ledger.md").write_text(LEDGER)
    words = ("--name", NAME, "--version", "2", "--root", publisher.root, "--policy-out", disk / "own.toml")
    published = ("publish", publisher.folder / "ledger.md", *words)
    for command in (made, published):
        ran = anchor(*command)
        assert ran.code == 3, ran
        assert "No space left on device" in ran.err
        assert [path.name for path in disk.iterdir()] == ["filler"]
    filler.unlink()
    for command in (made, published):
        assert anchor(*command).code == 0
