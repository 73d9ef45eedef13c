# SPDX-License-Identifier: Apache-2.0
"""`anchor watch` attacked while it runs: a log that forks, a process that is killed, a clock that jumps.

The daemon is a process of its own, and its wall clock is moved under it.
"""

import contextlib
import signal
import sqlite3
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from anchor.records import queue
from anchor.verdict import Class
from anchor.watch import schedule
from tests.support.attacks.attacked import Hook
from tests.support.attacks.online import OPEN, Online, held_run, rows, until, watching
from tests.support.process import forked
from tests.support.process.anchor_cli import anchor
from tests.support.process.clock import WallClock
from tests.support.process.clocked import clocked
from tests.support.process.forked import ForkedCommand
from tests.support.process.paused import pause
from tests.support.releases.published import Site
from tests.support.servers.log_server import serve_logs

HOUR, DAY, YEAR = 3600, 86400, 365 * 86400


@pytest.fixture(autouse=True)
def _grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is in progress when its watch is stopped gets as long as a busy machine needs."""
    monkeypatch.setattr(schedule, "GRACE", 60.0)


@pytest.fixture
def online(three_releases: Site, webhook: Hook, tmp_path: Path) -> Iterator[Online]:
    """A watcher that has seen a site and its log once."""
    webhook.titles()
    with serve_logs() as server:
        Online.server = server
        found = Online(tmp_path, three_releases.copy(tmp_path), webhook)
        assert found.found() is Class.OK
        yield found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> WallClock:
    return WallClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture
def clock(library: WallClock) -> WallClock:
    """The real time, until it is moved."""
    library.jump(0)
    return library


TOLD = "SELECT id FROM told"
"""The messages that a receiver has taken."""


def finished(online: Online) -> int:
    return len(rows(online, "SELECT id FROM runs WHERE state = 'finished'"))


def runs_on(online: Online, more: int = 2, seconds: float = 90) -> None:
    """Waits until so many more runs have ended."""
    before = finished(online)
    until(lambda: finished(online) >= before + more, seconds)


def test_a_fork_under_a_running_watch_is_told_at_once_and_once_over_restarts(online: Online) -> None:
    with watching(online) as daemon:
        daemon.says("OK")
        online.server.logs["log"] = online.log.fork(2)
        until(lambda: online.hook.messages, 60)
        daemon.says("EQUIVOCATION")
        runs_on(online)  # the watch goes on
        until(lambda: rows(online, TOLD), 60)  # else the message is sent again
        daemon.kill()
    (file,) = online.evidence()
    assert anchor("verify-evidence", file, "--log-key", online.log.key.vkey).code == 6
    with watching(online) as daemon:
        daemon.says("EQUIVOCATION")
        runs_on(online)
        assert daemon.stop() == 0
    assert online.told() == ["EQUIVOCATION"]
    assert online.counts()[1] == 1


def test_a_watch_that_is_killed_in_a_run_leaves_it_interrupted_and_loses_nothing(online: Online) -> None:
    with watching(online) as daemon:
        daemon.says("OK")
        held_run(online)
        daemon.kill()
    online.server.free.set()
    assert rows(online, OPEN)
    assert online.found() is Class.OK  # its claim has come back
    assert rows(online, "SELECT id FROM runs WHERE state = 'interrupted'")
    assert "interrupted" in anchor("history", "--home", online.home).out
    assert online.check() is Class.OK


@pytest.mark.slow
def test_sigterm_lets_the_run_in_progress_end(online: Online) -> None:
    with watching(online) as daemon:
        daemon.says("OK")
        held_run(online)
        daemon.process.send_signal(signal.SIGTERM)
        online.server.free.set()
        assert daemon.stop() == 0
    assert rows(online, "SELECT id FROM runs WHERE state <> 'finished'") + rows(online, OPEN) == []


def test_sigterm_leaves_a_run_that_does_not_end_and_gives_its_claim_back(
    online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "GRACE", 1.0)
    with watching(online) as daemon:
        daemon.says("OK")
        held_run(online)
        assert daemon.stop() == 0
    online.server.free.set()
    assert not rows(online, OPEN)
    assert rows(online, "SELECT id FROM runs WHERE state = 'interrupted'")
    assert online.found() is Class.OK
    assert online.check() is Class.OK


@contextlib.contextmanager
def reverifying(online: Online) -> Iterator[ForkedCommand]:
    """`anchor reverify`, whose run waits for the log until it is free."""
    online.server.free.clear()
    words = ("reverify", online.target, "--policy", online.folder / "watched.toml", "--home", online.home)
    child = forked.start(*words)
    try:
        yield child
    finally:
        child.kill()
        child.wait(60)
        child.stdout.close()
        online.server.free.set()


def gave_back(online: Online, child: ForkedCommand) -> None:
    """It ends as one that was stopped, and its target is free."""
    assert child.wait(60) == 130
    assert child.stdout.read().splitlines()[-1] == "anchor: stopped"
    assert not rows(online, OPEN)
    online.server.free.set()
    assert online.found() is Class.OK


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_reverify_that_is_stopped_gives_its_claim_back(online: Online, number: signal.Signals) -> None:
    with reverifying(online) as child:
        until(lambda: rows(online, OPEN), 60, child)
        child.send_signal(number)
        gave_back(online, child)


class _StopsItself:
    """Python drops what is raised in a destructor."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_a_stop_that_comes_in_a_destructor_is_not_lost(
    online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = queue.acquire

    def acquire(*args: Any, **kwargs: Any) -> Any:
        lease = real(*args, **kwargs)
        _StopsItself()
        return lease

    monkeypatch.setattr(queue, "acquire", acquire)
    with reverifying(online) as child:
        monkeypatch.undo()  # the child has it
        gave_back(online, child)


def test_a_run_beside_the_watch_waits_or_says_who_holds_it(online: Online) -> None:
    with watching(online) as daemon:
        daemon.says("OK")
        held_run(online)
        ran = online.run("--wait", "0s")
        online.server.free.set()
        assert ran.code == 3
        assert f"pid {daemon.process.pid}" in ran.out or str(daemon.process.pid) in ran.out
        assert online.run("--wait", "90s").code == 0
        assert daemon.stop() == 0


@pytest.mark.parametrize(
    "copy", [pytest.param(False, marks=pytest.mark.slow), True], ids=["deleted", "replaced"]
)
def test_records_that_are_deleted_or_replaced_under_a_running_watch_are_noticed(
    online: Online, copy: bool
) -> None:
    """A file without a name takes runs as before, and they are lost: nothing may look well meanwhile."""
    saved = online.folder / "saved.db"
    with watching(online, "--heartbeat", online.hook.beat) as daemon:
        daemon.says("OK")
        with contextlib.closing(sqlite3.connect(online.home / "records.db")) as db:
            db.execute("VACUUM INTO ?", (str(saved),))
        runs_on(online)
        assert online.told() == []
        pause(daemon.process.pid)  # or it may find nothing, before it finds the copy
        for file in online.home.glob("records.db*"):
            file.unlink()
        if copy:
            saved.rename(online.home / "records.db")
        daemon.process.send_signal(signal.SIGCONT)
        daemon.says("UNAVAILABLE")
        beaten = online.hook.beats
        assert beaten
        until(lambda: online.hook.messages, 90)
        runs_on(online)  # into the file that is there now
        until(lambda: online.hook.beats > beaten, 90)
        assert daemon.stop() == 0
    said = [line for line in daemon.lines if line.startswith("UNAVAILABLE")]
    assert any(
        "put back to an older state" in line for line in said
    )  # after a run that it cut short, perhaps
    assert online.told() == ["the records were put back to an older state"]
    assert daemon.lines[-1].startswith("OK")
    assert online.check() is Class.OK


@pytest.mark.parametrize("jump", [pytest.param(30 * DAY, marks=pytest.mark.slow), 3 * YEAR])
def test_a_clock_that_jumps_ahead_neither_silences_nor_storms(
    online: Online, clock: WallClock, jump: float
) -> None:
    with watching(online, env=clock.env) as daemon:
        daemon.says("OK")
        clock.jump(jump)
        runs_on(online)
        began, before = time.monotonic(), finished(online)
        time.sleep(3)
        rate = (finished(online) - before) / (time.monotonic() - began)
        assert rate < 3  # one tick a second, not one run for each that was missed
        assert daemon.stop() == 0
    assert online.check() is Class.OK


@pytest.mark.parametrize("jump", [-2 * HOUR, pytest.param(-3 * YEAR, marks=pytest.mark.slow)])
def test_a_clock_that_jumps_back_neither_silences_nor_deceives(
    online: Online, clock: WallClock, jump: float
) -> None:
    with watching(online, env=clock.env) as daemon:
        daemon.says("OK")
        clock.jump(jump)
        daemon.says("UNAVAILABLE")  # the clock is before the last recorded run: said, once
        runs_on(online)
        online.server.logs["log"] = online.log.fork(2)
        daemon.says("EQUIVOCATION")
        assert daemon.stop() == 0
    said = [line for line in daemon.lines if line.startswith("UNAVAILABLE")]
    assert "before the last recorded run" in said[0]
    assert online.told()[-1] == "EQUIVOCATION"


@pytest.mark.slow
def test_a_clock_that_was_two_days_ahead_for_a_moment_silences_nothing(
    online: Online, clock: WallClock
) -> None:
    """The runs of that moment have set hourly targets due in 41 hours."""
    clock.jump(40 * HOUR)
    with watching(online, "--interval", "1h", env=clock.env) as daemon:
        daemon.says("OK")
        clock.jump(0)
        daemon.says("UNAVAILABLE")  # and from there at its usual interval
        assert daemon.stop() == 0
    assert "before the last recorded run" in daemon.lines[-1]
    assert finished(online) == 3


@pytest.mark.slow
def test_an_outage_does_not_make_a_short_interval_a_storm(online: Online) -> None:
    online.server.logs.clear()
    with watching(online) as daemon:
        runs_on(online, 4)
        assert daemon.stop() == 0
    runs = "SELECT started_ms FROM runs WHERE verdict = 'UNAVAILABLE' ORDER BY id LIMIT 4"
    started = [int(str(at)) for (at,) in rows(online, runs)]
    waits = [then - before for before, then in pairwise(started)]
    shortest = [990, 1990, 3990]  # twice the one before, in milliseconds that are cut to whole ones
    assert all(wait >= least for wait, least in zip(waits, shortest, strict=True)), waits


@pytest.mark.slow
def test_a_clock_that_stood_in_the_future_does_not_hold_the_watch_for_years(
    online: Online, clock: WallClock
) -> None:
    """Runs were due in three years, and leases held until then; the true time is back."""
    clock.jump(3 * YEAR)
    with watching(online, "--interval", "1d", env=clock.env) as daemon:
        daemon.says("OK")
        daemon.kill()
    clock.jump(0)
    with watching(online, env=clock.env) as daemon:
        runs_on(online)
        assert daemon.stop() == 0


def test_a_wrong_clock_cannot_make_an_old_release_young(online: Online, tmp_path: Path) -> None:
    """`max_age` by a clock that is years behind: the run says that it cannot judge ages."""
    online.write_policy("max_age = '30d'\n" + online.site.policy.read_text())
    given = ("reverify", online.target, "--policy", online.folder / "watched.toml", "--home", online.home)
    with clocked(tmp_path) as commands:
        ran = commands.run(40 * DAY, *given)
        assert ran.code == Class.STALE.exit_code, ran.out
        ran = commands.run(0, *given)
    assert ran.code == Class.UNAVAILABLE.exit_code
    assert "the clock is" in ran.err
