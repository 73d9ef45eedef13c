# SPDX-License-Identifier: Apache-2.0
"""What the verification of one release may cost: signature checks, and time.

Anybody can put anchors, stamps, authorities and certificates into a release, and each multiplies the others.
One budget is shared by all of them, and each bundle gets its part of what is left, so that no stranger's
bundle takes what the publisher's needs. What is not verified for its cost is UNAVAILABLE: nothing was shown
to be wrong.
"""

import math
from collections.abc import Callable

from anchor import limits
from anchor.errors import Stopped, Unavailable

SECONDS = 60.0
"""Seconds of work of one release, beside the reading of its ledger."""


class Effort:
    """Counts down. `stopwatch` gives seconds of work, `stopping` whether this process is to end at once."""

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
        """What was spent, once it is."""

    @classmethod
    def unlimited(cls) -> "Effort":
        """For evidence that nobody multiplied: one bundle that a user names."""
        return cls(checks=math.inf, seconds=math.inf)

    def share(self, among: int) -> "Effort":
        """The part of one of so many that are still to come; what it leaves is for the others."""
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
        """How many signature checks were made."""
        return self._checks - self._left

    def poll(self) -> None:
        """Raise Stopped when this process is to end, Unavailable when the time is over."""
        self.obey()
        if not self.problem and self._spent() > self._seconds:
            self.problem = f"its verification takes more than {self._seconds:.1f} s"
        if self.problem:
            raise Unavailable(self.problem, remedy="take anchors that you do not need out of release.json")

    def obey(self) -> None:
        """Raise Stopped when this process is to end."""
        if self._stopping():
            raise Stopped

    def spend(self) -> None:
        """Count one signature check that is about to be made; raises as `poll` does."""
        if self._left <= 0 and not self.problem:
            self.problem = f"its verification takes more than {self._checks} signature checks"
        self.poll()
        self._left -= 1
        if self._whole is not None:
            self._whole.spend()

    def _spent(self) -> float:
        return self._stopwatch() - self._began
