# SPDX-License-Identifier: Apache-2.0
"""Which of the ways to kill a process are tried, and that the others leave the same files."""

import contextlib
import functools
import os
import shutil
import sqlite3
from pathlib import Path

from tests.support.process import crash
from tests.support.process.crash import Killer
from tests.support.releases.published import snapshot


def work(folder: Path) -> None:
    """Each kind of operation, once with a change and once without one. It leaves the same bytes each time."""
    (folder / "there").mkdir(exist_ok=True)
    (folder / "new").mkdir()
    (folder / "new").mkdir(exist_ok=True)
    with (folder / "kept").open("wb", buffering=1 << 16) as file:
        for number in range(3):
            file.write(b"%d" % number)  # into a buffer
        file.flush()
        os.fsync(file.fileno())
        os.pwrite(file.fileno(), b"x", 1)
        os.pwrite(file.fileno(), b"x", 1)
    (folder / "kept").chmod(0o600)
    (folder / "kept").chmod(0o600)
    (folder / "kept").replace(folder / "there" / "kept")
    (folder / "link").symlink_to("there/kept")
    (folder / "link").unlink()
    with contextlib.closing(sqlite3.connect(folder / "base.db")) as database, database:
        database.execute("CREATE TABLE numbers (n)")
        for number in range(3):
            database.execute("INSERT INTO numbers VALUES (?)", (number,))


def left(folder: Path, number: int, *, torn: bool = False) -> dict[str, bytes | int]:
    """The files after a kill: bytes and modes. SQLite writes a random number into a journal."""
    made(folder)
    killer = Killer(at=number, torn=torn)
    assert crash.forked(functools.partial(work, folder), killer=killer) is None
    modes = {str(p.relative_to(folder)) + " mode": p.lstat().st_mode for p in folder.rglob("*")}
    files = {name: d if "-journal" not in name else len(d) for name, d in snapshot(folder).items()}
    shutil.rmtree(folder)
    return files | modes


def made(folder: Path) -> None:
    (folder / "there").mkdir(parents=True)


def counted(folder: Path) -> Killer:
    made(folder)
    killer = Killer(watched=(folder,))
    crash.forked(functools.partial(work, folder), killer=killer)
    return killer


def test_a_kill_that_is_not_tried_leaves_the_files_of_the_one_before(tmp_path: Path) -> None:
    killer = counted(tmp_path / "counted")
    tried = {number for number, torn in crash.points(killer) if not torn}
    states = [left(tmp_path / "work", number) for number in range(1, len(killer.seen) + 1)]
    differ = [1, *(n for n in range(2, len(states) + 1) if states[n - 1] != states[n - 2])]
    assert sorted(tried) == differ
    assert 5 < len(tried) < len(states) - 5


def test_every_write_is_cut_in_the_middle_whatever_it_changed(tmp_path: Path) -> None:
    killer = counted(tmp_path / "counted")
    torn = [number for number, torn in crash.points(killer) if torn]
    assert [killer.seen[number - 1] for number in torn] == ["write"] * 3 + ["pwrite"] * 2
    assert left(tmp_path / "work", torn[1], torn=True) != left(tmp_path / "work", torn[1])


def test_a_kill_after_something_was_sent_is_tried_though_no_file_changed(tmp_path: Path) -> None:
    killer = Killer(watched=(tmp_path,))
    for name in ("connect", "fsync", "sendall", "recv", "fsync", "fsync"):
        killer.before(name)
    assert [number for number, torn in crash.points(killer) if not torn] == [1, 2, 4, 5]


def test_without_folders_to_watch_every_point_is_tried() -> None:
    assert crash.points(Killer(seen=["fsync", "write"])) == [(1, False), (2, False), (2, True)]
