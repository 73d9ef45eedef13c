# SPDX-License-Identifier: Apache-2.0
"""The clock: one tick at a time, none lost, none stops the watch; and when a target is due again."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.errors import Unavailable
from anchor.records.intervals import Intervals
from anchor.verdict import Class, Verdict, passed
from anchor.watch.schedule import Every, Stop, Watch

GOOD = Verdict(kind="run", target="t", verdict=Class.OK, checks=(passed("x", "y"),))
HOUR = 3600.0


class Ticks:
    """The work of a watch whose runs are counted. A test replaces what it is about."""

    def __init__(
        self,
        run: Callable[[], Verdict] = lambda: GOOD,
        keep: Callable[[Verdict], None] = lambda _: None,
        due: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.runs = 0
        self.kept: list[Verdict] = []
        self._run = run
        self._keep = keep
        self._due = due

    def run(self) -> Verdict:
        self.runs += 1
        return self._run()

    def keep(self, verdict: Verdict) -> None:
        self.kept.append(verdict)
        self._keep(verdict)

    def next_due(self) -> float | None:
        return self._due()


def serve(watch: Watch, enough: Callable[[], bool]) -> int:
    """Serve in this (main) thread and stop when it is enough, or after a minute."""
    ended = threading.Event()

    def stop() -> None:
        limit = time.monotonic() + 60
        while not ended.wait(0.02) and not enough() and time.monotonic() < limit:
            pass
        watch.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    try:
        return watch.serve()
    finally:
        ended.set()
        stopper.join()


def test_a_tick_that_is_due_earlier_does_not_wait() -> None:
    ticks = Ticks(due=lambda: time.time() + 0.3)
    assert serve(Watch(ticks, every=HOUR), lambda: ticks.runs >= 3) == 0
    assert ticks.runs >= 3


@pytest.mark.parametrize("later", [None, -HOUR, 0.0, 2 * HOUR])
def test_a_time_that_is_past_or_later_than_the_usual_tick_changes_nothing(later: float | None) -> None:
    """A target that another worker holds is due in the past: nobody looks for it all the time."""
    now = time.time()
    ticks = Ticks(due=lambda: None if later is None else now + later)
    watch = Watch(ticks, every=HOUR, wall=lambda: now)
    usual = datetime.fromtimestamp(now + HOUR, UTC)
    watch._job.modify(next_run_time=usual)
    watch.tick()
    watch.bring_forward()
    assert watch._job.next_run_time == usual


@pytest.mark.parametrize("missed", [timedelta(), timedelta(seconds=0.4), timedelta(days=3 * 365)])
def test_ticks_that_were_missed_are_one_however_many(missed: timedelta) -> None:
    """A clock that jumped ahead by years kept the watch busy with counting them."""
    before = datetime(2026, 11, 28, tzinfo=UTC)
    now = before + missed
    following = Every(1.0, 0.0).get_next_fire_time(before, now)
    assert now < following <= now + timedelta(seconds=1)
    assert Every(1.0, 0.0).get_next_fire_time(None, now) > now
    assert now < Every(1.0, 0.5).get_next_fire_time(before, now) <= now + timedelta(seconds=1.5)


def test_ticks_come_again_and_are_kept() -> None:
    ticks = Ticks()
    assert serve(Watch(ticks, every=0.05, jitter=0), lambda: len(ticks.kept) > 1) == 0
    assert len(ticks.kept) > 1


def test_two_ticks_never_overlap() -> None:
    inside, most, runs = [0], [0], [0]

    def run() -> Verdict:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.1)
        inside[0] -= 1
        runs[0] += 1
        return GOOD

    serve(Watch(Ticks(run), every=0.02, jitter=0), lambda: runs[0] > 3)
    assert most == [1]


@pytest.mark.parametrize(
    ("raised", "found"), [(Unavailable("locked"), Class.UNAVAILABLE), (ZeroDivisionError(), Class.ERROR)]
)
def test_a_run_that_raises_is_a_verdict_and_the_watch_goes_on(raised: Exception, found: Class) -> None:

    def run() -> Verdict:
        raise raised

    ticks = Ticks(run)
    serve(Watch(ticks, every=0.05, jitter=0), lambda: len(ticks.kept) > 1)
    assert len(ticks.kept) > 1
    assert {verdict.verdict for verdict in ticks.kept} == {found}


def test_a_verdict_that_cannot_be_passed_on_does_not_stop_the_watch() -> None:

    def keep(_: Verdict) -> None:
        raise ZeroDivisionError

    ticks = Ticks(keep=keep)
    import logging

    logging.getLogger("anchor.watch.schedule").setLevel(logging.CRITICAL)
    serve(Watch(ticks, every=0.05, jitter=0), lambda: ticks.runs > 1)
    assert ticks.runs > 1


def test_a_wall_clock_that_jumps_back_sets_the_next_tick_anew() -> None:
    wall = [1000.0]
    watch = Watch(Ticks(), wall=lambda: wall[0], monotonic=lambda: 0.0)
    assert not watch.look_at_clock()
    for jump in (-365 * 86400.0, 365 * 86400.0):
        wall[0] += jump
        assert watch.look_at_clock()
        assert not watch.look_at_clock()
    wall[0] += 1.0  # slewing is no jump
    assert not watch.look_at_clock()


def test_no_tick_begins_after_stop() -> None:
    ticks = Ticks()
    watch = Watch(ticks)
    watch.stop()
    watch.tick()
    assert ticks.runs == 0


_CHILD = """
import sys, time
from anchor.watch.schedule import Every, Stop, Watch
from anchor.verdict import Class, Verdict
class Slow:
    def run(self):
        print("begun", flush=True)
        time.sleep(0.6)
        print("ended", flush=True)
        return Verdict(kind="run", target="t", verdict=Class.OK)
    def keep(self, verdict):
        print("kept", flush=True)
    def next_due(self):
        return None
sys.exit(Watch(Slow(), every=60, jitter=0).serve())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_run_in_progress_end_and_exits_0(number: signal.Signals) -> None:
    child = subprocess.Popen([sys.executable, "-c", _CHILD], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout as lines:
        assert lines.readline() == "begun\n"
        os.kill(child.pid, number)
        assert lines.read() == "ended\nkept\n"
    assert child.wait(60) == 0


def test_a_signal_at_any_line_of_a_wait_asks_for_the_end_and_waits_for_nothing() -> None:
    """A handler runs between two lines of the waiting thread, which may hold a lock that it wants."""

    def waited(line: int, seen: list[int]) -> None:
        stop = Stop()

        def trace(_frame: object, _event: str, _argument: object) -> object:
            seen.append(1)
            if len(seen) == line:
                stop.ask()
            return trace

        sys.settrace(trace)  # type: ignore[arg-type]  # of this thread
        stop.wait(0.001)
        sys.settrace(None)

    for line in range(1, 1000):
        seen: list[int] = []
        thread = threading.Thread(target=waited, args=(line, seen), daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive(), line
        if len(seen) < line:
            break


# -- when a target is due again -----------------------------------------------------------------------------


def due(**given_: object) -> float:
    values: dict[str, object] = {
        "target": "t",
        "now": 0.0,
        "interval": None,
        "newest": False,
        "failing_runs": 0,
    }
    return Intervals(spread=0).next_due(**{**values, **given_})  # type: ignore[arg-type]


def test_daily_and_hourly_for_the_newest() -> None:
    assert due() == 86400
    assert due(newest=True) == 3600
    assert due(newest=True, interval=7200) == 7200


def test_an_unreachable_target_is_left_alone_longer_and_longer() -> None:
    waits = [due(newest=True, failing_runs=n) for n in range(1, 10)]
    assert waits[:5] == [900, 1800, 3600, 7200, 14400]
    assert waits[-1] == 6 * 3600
    assert due(failing_runs=9) == 86400  # never less often than its interval says


@given(st.text(), st.floats(0, 4e9), st.none() | st.integers(60, 10**7), st.booleans(), st.integers(0, 10**9))
def test_the_next_time_is_after_now_and_within_reach(
    target: str, now: float, interval: int | None, newest: bool, failing: int
) -> None:
    found = Intervals().next_due(
        target=target, now=now, interval=interval, newest=newest, failing_runs=failing
    )
    assert now < found <= now + 1.1 * max(interval or 86400, 86400) + 1


def test_a_thousand_targets_do_not_stay_together() -> None:
    times = {
        round(Intervals().next_due(target=str(n), now=0, interval=None, newest=False, failing_runs=0))
        for n in range(1000)
    }
    assert len(times) > 900
