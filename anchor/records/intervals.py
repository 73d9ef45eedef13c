# SPDX-License-Identifier: Apache-2.0
"""When a target is looked at again. Pure arithmetic over a time that is passed in.

The next time is counted from now, never from the slot that was missed: after a sleep each target is due once.
"""

import hashlib
from dataclasses import dataclass

MAX_INTERVAL = 10**9 * 86400
"""Seconds: longer than any duration that can be written down, and its due time fits the tables."""


@dataclass(frozen=True)
class Intervals:
    """Intervals in seconds. A target's own interval goes before these."""

    daily: int = 86400
    newest: int = 3600
    """For the newest release of a ledger, where a fork would hurt first."""
    retry: int = 900
    """After the first run that could not tell, unless the interval is shorter; doubles each time."""
    slowest: int = 6 * 3600
    """No retry waits longer than this or the interval, whichever is more."""
    spread: float = 0.1
    """Each target's times are shifted by up to this share of its wait, always by the same share, so that a
    thousand targets that were added at once do not stay together."""
    max_age: int = 3 * 86400
    """How old the last good run may be where no policy says it."""

    def next_due(
        self, *, target: str, now: float, interval: int | None, newest: bool, failing_runs: int
    ) -> float:
        """The next time, in seconds since 1970."""
        own = None if interval is None else max(0, min(interval, MAX_INTERVAL))  # else somebody edited it
        wait = float(own if own is not None else self.newest if newest else self.daily)
        if failing_runs:
            doubled = min(wait, self.retry) * 2.0 ** min(failing_runs - 1, 20)
            wait = min(doubled, max(wait, self.slowest))
        share = int.from_bytes(hashlib.sha256(target.encode()).digest()[:4]) / 2**32
        return now + wait * (1 + self.spread * share)

    @property
    def usual(self) -> int:
        """The longest interval of a target that has none of its own."""
        return max(self.daily, self.newest)

    @property
    def backed_off(self) -> int:
        """The longest wait after runs that could not tell, unless the interval is longer."""
        return max(self.retry, self.slowest)

    @property
    def stretch(self) -> float:
        """What no wait is spread beyond."""
        return 1 + self.spread

    def furthest(self, interval: int | None) -> float:
        """No next time of a target is set further ahead than these seconds."""
        longest = min(interval, MAX_INTERVAL) if interval is not None else self.usual
        return max(longest, self.backed_off) * self.stretch

    def age(self, policy: int | None) -> int:
        """The age in seconds beyond which a target without a good run is STALE."""
        return policy if policy is not None else self.max_age
