# SPDX-License-Identifier: Apache-2.0
"""Publishing onto disks that are read-only or full, at every write: one line, and nothing by halves.

Limits and mounts hold for root too, whom permissions do not stop.
"""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor.disk import files
from anchor.publish.documents import documents
from tests.support.process.anchor_cli import anchor, forked
from tests.support.process.disks import mounts
from tests.support.process.need import need
from tests.support.releases.published import LEDGER, NAME, Site, empty, snapshot

__all__ = ["mounts"]


@pytest.mark.parametrize("place", ["site", "site/release", "home", "home/journal", "home/instance/log"])
def test_a_read_only_file_system_anywhere(site: Site, place: str, mounts: Callable[[Path], Path]) -> None:
    before = snapshot(site.root)
    mounts(site.root.parent / place)
    ran = site.publish(LEDGER + "| D | 4 |\n", "2.0.0")
    assert ran.code == 2
    assert "Read-only file system" in ran.line
    assert snapshot(site.root) == before
    assert site.verify().code == 0
    assert site.entries() == 1


# A full disk, at every write


def tiny(size: int) -> Callable[[], None]:
    """No file may grow beyond `size` bytes in this process; root is held to it too."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [0, 100, 240, 1300, 1700, 2000, 7000, 8000, 12000])
def test_a_disk_that_is_full_at_some_write_of_a_first_release(tmp_path: Path, size: int) -> None:
    """By a limit on the size of a file: each of these stops at another write. Then there is room again."""
    site = empty(tmp_path)
    file = tmp_path / "ledger.md"
    file.write_text(LEDGER + "".join(f"| fact {i} | {i} |\n" for i in range(200)))
    named = ("--name", NAME, "--version", "1.0.0", "--root", site.root, "--home", site.home)
    ran = forked("publish", file, *named, before=tiny(size))
    if ran.code == 0:
        return
    assert ran.code == 3, ran
    assert ran.line
    assert ran.out == ""
    assert not site.root.exists()
    again = anchor("publish", file, *named)
    assert again.code == 0, again
    site.policy.write_text(again.out)
    assert site.verify().code == 0
    assert site.entries() == 1


@pytest.mark.parametrize("name", [*documents(), "release.json", "statement.json"])
def test_a_disk_that_is_full_at_a_file_of_a_first_release_leaves_nothing_in_a_folder_that_was_there(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = empty(tmp_path)
    site.root.mkdir()
    real = files.write

    def write(path: Path, data: bytes, **more: Any) -> None:
        if str(path.relative_to(path.anchor)).endswith(f"site/{name}" if name == "release.json" else name):
            raise files.os_error(OSError(errno.ENOSPC, "No space left on device"), path, "write")
        real(path, data, **more)

    monkeypatch.setattr(files, "write", write)
    ran = site.publish()
    assert ran.code == 3, ran
    assert "No space left on device" in ran.line
    assert list(site.root.iterdir()) == []
    monkeypatch.undo()
    ran = site.publish()
    assert ran.code == 0, ran
    site.policy.write_text(ran.out)
    assert (site.verify().code, site.entries()) == (0, 1)


@pytest.mark.parametrize(
    "room", [pytest.param(n, marks=[pytest.mark.slow] if n % 24 else []) for n in range(8, 136, 8)]
)
def test_a_file_system_that_is_full_at_some_write_of_the_next_release(site: Site, room: int) -> None:
    """A file system of its own with so many KiB to spare; the old release stays as it is, whatever stops."""
    base = site.root.parent
    disk = base / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True)
    need(mounted.returncode == 0, "run as root, with mount allowed")
    try:
        here = site.copy(disk)
        fill(disk, room)
        before = snapshot(here.root)
        ledger = LEDGER + "".join(f"| fact {i} | {i} |\n" for i in range(200))
        (base / "ledger.md").write_text(ledger)
        named = ("--name", NAME, "--version", "2.0.0", "--root", here.root, "--home", here.home)
        ran = anchor("publish", base / "ledger.md", *named)
        if ran.code != 0:
            assert (ran.code, ran.out) == (3, "")
            assert ran.line
            assert here.verify().code == 0
            after = snapshot(here.root)
            assert {p: after.get(p) for p in before if "/log/" not in p} == {
                p: data for p, data in before.items() if "/log/" not in p
            }
            assert not any(".incoming" in p or ".tmp" in p for p in after)
        (disk / "filler").unlink()
        assert anchor("publish", base / "ledger.md", *named).code == 0
        assert here.entries() == 2
        assert here.verify().code == 0
    finally:
        subprocess.run(["umount", disk], check=True, capture_output=True)


def fill(disk: Path, room: int) -> None:
    """Leave `room` KiB."""
    free = os.statvfs(disk)
    size = free.f_bavail * free.f_frsize - room * 1024
    with (disk / "filler").open("wb") as f:
        f.write(b"\0" * size)


def test_a_full_device_as_output_is_no_success_and_the_release_is_there(tmp_path: Path) -> None:
    site = empty(tmp_path)
    file = tmp_path / "ledger.md"
    file.write_text(LEDGER)
    named = ["--name", NAME, "--version", "1.0.0", "--root", str(site.root), "--home", str(site.home)]

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "anchor", "publish", str(file), *named],
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert done.returncode not in (0, 1)
    again = anchor("publish", file, *named)
    assert again.code == 0
    assert site.entries() == 1
