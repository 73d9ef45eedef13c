# SPDX-License-Identifier: Apache-2.0
"""The clock of `watch`: APScheduler around `run() -> Verdict` and `keep(Verdict)`.

One recurring tick with jitter; missed ticks are one tick, never two at once; SIGTERM lets the run in progress
end for a few seconds and stops. What is due in a tick is the records' to say, so a tick that comes late or
twice does no harm. A wall clock that jumps must not silence the watch: the next tick is then set anew.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from anchor.errors import AnchorError
from anchor.verdict import Class, Verdict, class_of, failed

TICK = 60.0
JITTER = 10.0
POLL = 1.0
GRACE = 5.0
"""Seconds that the run in progress has to end by itself; what stops a service waits ten and more."""
JUMP = 30.0
"""Seconds by which the wall clock may leave the monotonic one between two looks before the tick is reset."""

Run = Callable[[], Verdict]
Keep = Callable[[Verdict], object]


class Stop:
    """That this process is to end: after the run in progress, and after GRACE without it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._asked = threading.Event()
        self._at = 0.0

    def ask(self) -> None:
        """End; the first time counts."""
        if not self._asked.is_set():
            self._at = self._monotonic()
            self._asked.set()

    def asked(self) -> bool:
        """Whether the run in progress is to be the last."""
        return self._asked.is_set()

    def overdue(self) -> bool:
        """Whether the run in progress is to be left."""
        return self._asked.is_set() and self._monotonic() - self._at >= GRACE

    def wait(self, seconds: float) -> bool:
        """Wait so long; whether it was asked for."""
        return self._asked.wait(seconds)


class Every(BaseTrigger):  # type: ignore[misc]  # it ships no types
    """A tick at this interval from the one before, or from now where that is past already.

    The library's own trigger lists every tick that was missed: after a clock that jumped ahead by years, a
    hundred million of them, and nothing else is done for minutes.
    """

    def __init__(self, seconds: float, jitter: float) -> None:
        self._interval = timedelta(seconds=seconds)
        self._jitter = jitter

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The next tick; `previous` is the one before, None for the first."""
        following = now if previous is None else previous + self._interval
        if following <= now:
            following = now + self._interval
        return self._apply_jitter(following, self._jitter, now)  # type: ignore[no-any-return]


class Watch:
    """Calls `run` every `every` seconds and hands each verdict to `keep`. Neither can stop it by raising."""

    def __init__(
        self,
        run: Run,
        keep: Keep,
        *,
        every: float = TICK,
        jitter: float = JITTER,
        stop: Stop | None = None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._keep = keep
        self._wall = wall
        self._monotonic = monotonic
        self._stop = stop or Stop()
        self._drift = wall() - monotonic()
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a skipped overlap is as wanted
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._job = self._scheduler.add_job(
            self.tick,
            Every(every, min(jitter, every / 2)),
            coalesce=True,
            misfire_grace_time=None,  # late is better than never: what is due stays due
            max_instances=1,
            next_run_time=datetime.now(UTC),
        )

    def stopping(self) -> bool:
        """Whether the run in progress is to be the last."""
        return self._stop.asked()

    def stop(self) -> None:
        """End after the run in progress."""
        self._stop.ask()

    def tick(self) -> None:
        """One run, kept. A defect becomes an ERROR verdict, not the end of the watch."""
        if self._stop.asked():
            return
        try:
            verdict = self._run()
        except AnchorError as e:
            verdict = _failure(e, class_of(e))
        except MemoryError:
            verdict = _failure(AnchorError("not enough memory"), Class.UNAVAILABLE)
        except Exception as e:  # noqa: BLE001 - whatever it is, the watch goes on and says so
            defect = AnchorError(f"a defect of this program: {type(e).__name__}: {e}")
            verdict = _failure(defect, Class.ERROR)
        try:
            self._keep(verdict)
        except Exception:
            logging.getLogger(__name__).exception("a verdict could not be passed on")

    def serve(self) -> int:
        """Run until SIGTERM or SIGINT; returns 0 after the run in progress has ended, or was left."""
        before = {s: signal.signal(s, self._signalled) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._scheduler.start()
            while not self._stop.wait(POLL):
                self.look_at_clock()
        finally:
            self._scheduler.shutdown(wait=True)
            for number, handler in before.items():
                signal.signal(number, handler)
        return 0

    def look_at_clock(self) -> bool:
        """Set the next tick to now when the wall clock has jumped; whether it had."""
        drift = self._wall() - self._monotonic()
        if abs(drift - self._drift) < JUMP:
            return False
        self._drift = drift
        self._job.modify(next_run_time=datetime.now(UTC))
        return True

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.ask()


def _failure(error: AnchorError, found: Class) -> Verdict:
    return Verdict(kind="run", target="watch", verdict=found, checks=(failed("cycle", error),))
