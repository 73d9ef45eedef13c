# SPDX-License-Identifier: Apache-2.0
"""The limit of work for the verification of one release: signature checks, and time.

Anybody can put anchors, time-stamps, authorities and certificates into a release, and their numbers multiply.
All anchors share one budget, and each bundle gets its part of the rest. So a foreign bundle cannot use up the
budget that the publisher's bundles need. A bundle that costs too much is UNAVAILABLE: nothing showed that it
is wrong.
"""

import math
from collections.abc import Callable

from anchor import limits
from anchor.errors import Stopped, Unavailable

SECONDS = 60.0
"""Seconds of work for one release, without the reading of its ledger."""


class Effort:
    """Counts down. `stopwatch` gives seconds of work. `stopping` is true if this process must end at once."""

    def __init__(
        self,
        *,
        checks: float = limits.CHECKS,
        seconds: float = SECONDS,
        stopwatch: Callable[[], float] = lambda: 0.0,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._checks = checks
        self._seconds = seconds
        self._stopwatch = stopwatch
        self._stopping = stopping
        self._began = stopwatch()
        self._left = checks
        self._whole: Effort | None = None
        self.problem = ""
        """Set once the budget is spent: which limit was passed."""

    @classmethod
    def unlimited(cls) -> "Effort":
        """Without a limit, for one bundle that a user names."""
        return cls(checks=math.inf, seconds=math.inf)

    def share(self, among: int) -> "Effort":
        """The budget of one of `among` bundles that are still to come. The others share its rest."""
        part = Effort(
            checks=self._left if math.isinf(self._left) else self._left // among,
            seconds=max(0.0, self._seconds - self._spent()) / among,
            stopwatch=self._stopwatch,
            stopping=self._stopping,
        )
        part._whole = self
        return part

    @property
    def checked(self) -> float:
        """The number of signature checks so far."""
        return self._checks - self._left

    def poll(self) -> None:
        """Raise Stopped if this process must end, Unavailable if the time is over."""
        self.obey()
        if not self.problem and self._spent() > self._seconds:
            self.problem = f"its verification takes more than {self._seconds:.1f} s"
        if self.problem:
            raise Unavailable(self.problem, remedy="take anchors that you do not need out of release.json")

    def obey(self) -> None:
        """Raise Stopped if this process must end."""
        if self._stopping():
            raise Stopped

    def spend(self) -> None:
        """Count the signature check that comes next; raises as `poll` does."""
        if self._left <= 0 and not self.problem:
            self.problem = f"its verification takes more than {self._checks} signature checks"
        self.poll()
        self._left -= 1
        if self._whole is not None:
            self._whole.spend()

    def _spent(self) -> float:
        return self._stopwatch() - self._began
