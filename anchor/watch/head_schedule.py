# SPDX-License-Identifier: Apache-2.0
"""When a watch anchors the head of its records: some time after the last one, and later after a failure.

Decides with times that are passed in. Seconds.
"""

SOONEST = 60.0
LATEST = 3600.0
"""The wait after a failure: doubled each time, and at most the interval itself."""


class HeadSchedule:
    """The tries of one watch. `every`: seconds between two anchored heads."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._failures = 0
        self._until: float | None = None

    def due(self, last: float | None, now: float) -> bool:
        """True if a head is to be anchored now. `last`: the time of the last one, None before the first.

        A time that is more than an interval ahead is that of a clock that was wrong, and does not count.
        """
        if self._until is not None and now < self._until <= now + LATEST:
            return False
        return last is None or not now - self._every < last <= now + self._every

    def failed(self, now: float) -> None:
        """The try failed: the next one waits."""
        self._until = now + min(SOONEST * 2 ** min(self._failures, 16), LATEST, self._every)
        self._failures += 1

    def done(self, now: float) -> None:
        """The try was made, whether or not anything was new."""
        self._failures = 0
        self._until = now + min(SOONEST, self._every)
