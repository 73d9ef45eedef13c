# SPDX-License-Identifier: Apache-2.0
"""The records cannot be opened or take nothing: what is found is told all the same, past the outbox."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.attacks.online import until, watching
from tests.support.process.anchor_cli import anchor
from tests.support.process.need import need

UNREACHABLE = ("--database", "postgresql://u:hunter2@127.0.0.1:1/x")


@pytest.fixture
def small(fresh: Attacked, tmp_path: Path) -> Iterator[Attacked]:
    """A watcher that has seen the site once; its home is a small disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    done = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    need(done, "run as root, with mount allowed")
    fresh.home = disk / "home"
    try:
        assert fresh.found() is Class.OK
        yield fresh
    finally:
        subprocess.run(["umount", disk], check=True)


def fill(attacked: Attacked) -> Path:
    """Leave no room on the disk of the home."""
    filler = attacked.home.parent / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filler


def spoil(attacked: Attacked) -> None:
    """The published ledger says something else than what was signed."""
    ledger = attacked.site.path("ledger.md")
    ledger.write_bytes(ledger.read_bytes().replace(b"| A | 1 |", b"| A | 9 |"))


def test_a_run_on_a_full_disk_tells_what_it_found(small: Attacked) -> None:
    spoil(small)
    fill(small)
    ran = small.run()
    assert ran.code == Class.INVALID.exit_code, ran
    assert small.told() == ["INVALID"]


def test_a_watch_that_starts_on_a_full_disk_tells_and_records_when_there_is_room(small: Attacked) -> None:
    spoil(small)
    filler = fill(small)
    with watching(small) as daemon:
        daemon.says("INVALID")
        until(lambda: small.hook.messages, 90)
        assert small.told() == ["INVALID"]
        filler.unlink()
        until(lambda: "INVALID" in anchor("history", "--home", small.home).out, 90)
        assert daemon.stop() == 0


def test_a_watch_whose_disk_becomes_full_tells_what_it_finds(small: Attacked) -> None:
    with watching(small) as daemon:
        daemon.says("OK")
        fill(small)
        spoil(small)
        daemon.says("INVALID")
        until(lambda: small.hook.messages, 90)
        assert daemon.stop() == 0
    assert small.told()[0] == "INVALID"
    assert len([line for line in daemon.lines if line.startswith("INVALID")]) < 6  # no storm: it backs off


def test_a_database_that_is_not_to_be_reached_stops_no_verification(attacked: Attacked) -> None:
    ran = attacked.run(*UNREACHABLE)
    assert (ran.code, ran.document["verdict"]) == (3, "UNAVAILABLE")
    assert {c["name"] for c in ran.document["checks"] if "demotes" in c} == {"records"}
    assert attacked.told() == []
    spoil(attacked)
    ran = attacked.run(*UNREACHABLE)
    assert (ran.code, ran.document["verdict"]) == (8, "INVALID")
    assert attacked.told() == ["INVALID"]
    assert "hunter2" not in ran.out + ran.err


def test_a_watch_whose_database_is_not_to_be_reached_tells_once(attacked: Attacked) -> None:
    spoil(attacked)
    before = attacked.hook.beats
    with watching(attacked, *UNREACHABLE, "--heartbeat", attacked.hook.beat) as daemon:
        daemon.says("INVALID")
        until(lambda: attacked.hook.messages, 90)
        until(lambda: len([line for line in daemon.lines if line.startswith("INVALID")]) > 1, 90)
        assert daemon.stop() == 0
    assert attacked.told() == ["INVALID"]
    assert attacked.hook.beats == before


def test_a_fork_is_found_by_the_mark_while_the_database_is_not_to_be_reached(attacked: Attacked) -> None:
    """The newest signed note of each log is in the mark, and evidence is a file."""
    (own,) = attacked.home.glob("records-*.mark")
    (attacked.home / mark_of(UNREACHABLE[1])).write_bytes(own.read_bytes())
    honest = attacked.log
    attacked.serve(honest.fork(1))
    for _ in range(2):
        ran = attacked.run(*UNREACHABLE)
        assert (ran.code, ran.document["verdict"]) == (6, "EQUIVOCATION")
        assert attacked.told() == ["EQUIVOCATION"]
        (file,) = (attacked.home / "evidence").iterdir()
        assert anchor("verify-evidence", file).code == 6
        attacked.serve(honest)  # what is kept stays shown


def mark_of(url: str) -> str:
    """The name of the mark of the records at a URL."""
    from anchor.app.records import mark_path
    from anchor.records.database import name_of

    return mark_path(Path(), name_of(url)).name
