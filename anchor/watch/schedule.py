# SPDX-License-Identifier: Apache-2.0
"""The clock of `watch`: APScheduler around the `Work` of a tick.

There is one recurring tick with jitter. Missed ticks are one tick, and two ticks never overlap. After SIGTERM
the run in progress has a few seconds to end. The records decide which targets are due in a tick, so a late or
double tick does no harm. If the wall clock jumps, the next tick is set again: the watch must not fall silent.
"""

import contextlib
import logging
import queue
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Protocol

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from anchor.errors import AnchorError
from anchor.verdict import Class, Verdict, class_of, failed

TICK = 60.0
JITTER = 10.0
POLL = 1.0
GRACE = 5.0
"""Seconds in which the run in progress may end by itself. Service managers wait ten or more."""
JUMP = 30.0
"""Seconds that the wall clock may drift from the monotonic clock between two looks without a new tick."""


class Work(Protocol):
    """The work of one tick, and what follows it."""

    def run(self) -> Verdict:
        """Make one run."""
        ...

    def keep(self, verdict: Verdict) -> None:
        """Pass on the verdict of a run, or of its failure."""
        ...

    def next_due(self) -> float | None:
        """The time (seconds since 1970) of the next tick, if it comes before the usual one."""
        ...


class Stop:
    """The request to end this process: after the run in progress, and without it after GRACE."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._at: float | None = None
        self._woken = queue.SimpleQueue[None]()

    def ask(self) -> None:
        """Ask this process to end. The first time counts.

        A signal handler may call this while the same thread is in `wait`. The lock of a threading.Event would
        then wait for itself; a SimpleQueue allows it.
        """
        if self._at is None:
            self._at = self._monotonic()
        self._woken.put(None)

    def asked(self) -> bool:
        """True if the run in progress is the last."""
        return self._at is not None

    def overdue(self) -> bool:
        """True if the run in progress must be left."""
        return self._at is not None and self._monotonic() - self._at >= GRACE

    @contextlib.contextmanager
    def by_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT ask this process to end."""
        before = {s: signal.signal(s, self._signalled) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self.ask()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long. True if this process was asked to end."""
        if self._at is None:
            with contextlib.suppress(queue.Empty):
                self._woken.get(timeout=seconds)
        return self._at is not None


class Every(BaseTrigger):  # type: ignore[misc]  # it ships no types
    """A tick at this interval after the one before, or after now if that time is past.

    The library's own trigger lists every missed tick. If the clock jumps ahead by years, that is a hundred
    million ticks, and nothing else happens for minutes.
    """

    def __init__(self, seconds: float, jitter: float) -> None:
        self._interval = timedelta(seconds=seconds)
        self._jitter = jitter

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The next tick. `previous` is the one before, None for the first."""
        following = now if previous is None else previous + self._interval
        if following <= now:
            following = now + self._interval
        return self._apply_jitter(following, self._jitter, now)  # type: ignore[no-any-return]


class Watch:
    """Does the work every `every` seconds. Its exceptions end no watch.

    A target that is due more often than `every` is verified when it is due (`Work.next_due`).
    """

    def __init__(
        self,
        work: Work,
        *,
        every: float = TICK,
        jitter: float = JITTER,
        stop: Stop | None = None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work = work
        self._earlier: float | None = None
        """A time for the next tick, in seconds since 1970, if it comes before the usual one."""
        self._wall = wall
        self._monotonic = monotonic
        self._stop = stop or Stop()
        self._drift = wall() - monotonic()
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a skipped overlap is wanted
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._job = self._scheduler.add_job(
            self.tick,
            Every(every, min(jitter, every / 2)),
            coalesce=True,
            misfire_grace_time=None,  # a late tick is better than no tick: due targets stay due
            max_instances=1,
            next_run_time=datetime.now(UTC),
        )

    def stopping(self) -> bool:
        """True if the run in progress is the last."""
        return self._stop.asked()

    def stop(self) -> None:
        """End after the run in progress."""
        self._stop.ask()

    def tick(self) -> None:
        """Make one run and keep its verdict. A defect becomes an ERROR verdict and does not end the watch."""
        if self._stop.asked():
            return
        try:
            verdict = self._work.run()
        except AnchorError as e:
            verdict = _failure(e, class_of(e))
        except MemoryError:
            verdict = _failure(AnchorError("not enough memory"), Class.UNAVAILABLE)
        except Exception as e:  # noqa: BLE001 - the watch continues and reports the defect
            defect = AnchorError(f"a defect of this program: {type(e).__name__}: {e}")
            verdict = _failure(defect, Class.ERROR)
        try:
            self._work.keep(verdict)
        except Exception:
            logging.getLogger(__name__).exception("a verdict could not be passed on")
        at = self._work.next_due()
        self._earlier = at if at is not None and at > self._wall() else None

    def serve(self) -> int:
        """Run until SIGTERM or SIGINT. Returns 0 after the run in progress has ended or was left."""
        with self._stop.by_signals():
            try:
                self._scheduler.start()
                while not self._stop.wait(POLL):
                    self.look_at_clock()
                    self.bring_forward()
            finally:
                self._scheduler.shutdown(wait=True)
        return 0

    def bring_forward(self) -> None:
        """Set the next tick to the earlier time that the work named.

        Only the thread of `serve` sets it. A tick that did so could wait for a scheduler that waits for it.
        """
        at, coming = self._earlier, self._job.next_run_time
        if at is None or coming is None or coming.timestamp() <= self._wall():  # it is being set
            return
        self._earlier = None
        if at < coming.timestamp():
            self._job.modify(next_run_time=datetime.fromtimestamp(at, UTC))

    def look_at_clock(self) -> bool:
        """Set the next tick to now if the wall clock has jumped. True if it has."""
        drift = self._wall() - self._monotonic()
        if abs(drift - self._drift) < JUMP:
            return False
        self._drift = drift
        self._job.modify(next_run_time=datetime.now(UTC))
        return True


def _failure(error: AnchorError, found: Class) -> Verdict:
    return Verdict(kind="run", target="watch", verdict=found, checks=(failed("cycle", error),))
