# SPDX-License-Identifier: Apache-2.0
"""When a target is verified again. Pure arithmetic over a time that is passed in.

The next time is counted from now, never from a missed due time: after a sleep each target is due once.
"""

import hashlib
from dataclasses import dataclass

MAX_INTERVAL = 10**9 * 86400
"""Seconds. No duration option can be longer, and the due time still fits the tables."""


@dataclass(frozen=True)
class Intervals:
    """Intervals in seconds. A target's own interval comes before these."""

    daily: int = 86400
    newest: int = 3600
    """For the newest release of a ledger: a fork would do harm there first."""
    retry: int = 900
    """After the first UNAVAILABLE run, unless the interval is shorter. Doubles each time."""
    slowest: int = 6 * 3600
    """No retry waits longer than this, unless the interval is longer."""
    spread: float = 0.1
    """Each target's waits are longer by a share of at most this much. The share of one target never changes,
    so a thousand targets that were added at once do not stay together."""
    max_age: int = 3 * 86400
    """How old the last OK run may be if the policy does not say it."""

    def next_due(
        self, *, target: str, now: float, interval: int | None, newest: bool, failing_runs: int
    ) -> float:
        """The next time, in seconds since 1970."""
        own = (
            None if interval is None else max(0, min(interval, MAX_INTERVAL))
        )  # a larger value was edited in
        wait = float(own if own is not None else self.newest if newest else self.daily)
        if failing_runs:
            doubled = min(wait, self.retry) * 2.0 ** min(failing_runs - 1, 20)
            wait = min(doubled, max(wait, self.slowest))
        share = int.from_bytes(hashlib.sha256(target.encode()).digest()[:4]) / 2**32
        return now + wait * (1 + self.spread * share)

    @property
    def usual(self) -> int:
        """The longest interval of a target without its own interval."""
        return max(self.daily, self.newest)

    @property
    def backed_off(self) -> int:
        """The longest wait after UNAVAILABLE runs, unless the interval is longer."""
        return max(self.retry, self.slowest)

    @property
    def stretch(self) -> float:
        """The largest factor by which a wait is spread."""
        return 1 + self.spread

    def furthest(self, interval: int | None) -> float:
        """The longest time in seconds from a run to the next due time."""
        longest = min(interval, MAX_INTERVAL) if interval is not None else self.usual
        return max(longest, self.backed_off) * self.stretch

    def age(self, policy: int | None) -> int:
        """The age in seconds of the last OK run beyond which a target is STALE."""
        return policy if policy is not None else self.max_age
