# SPDX-License-Identifier: Apache-2.0
"""Limits on requests: a bucket for each log or client, which fills at a rate and gives one token a request.

The buckets are in memory. A new process begins with full ones.
"""

import threading
from collections import OrderedDict

from anchor.tlog.log_list import ListedLog

DAY = 86400


class Buckets:
    """Buckets by name. Those that were not used for the longest time are forgotten beyond `most`."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, name: str, *, rate: float, capacity: float, now: float) -> float:
        """0 if a token was there, else the seconds until there is one.

        `now` is in seconds of a clock that only goes forward, `rate` in tokens a second. It may be earlier
        than that of the call before: a thread reads the clock, and others may come before it here.
        """
        with self._lock:
            level, then = self._buckets.get(name, (capacity, now))
            now = max(now, then)
            level = min(capacity, level + (now - then) * rate)
            taken = level >= 1
            self._buckets[name] = (level - 1 if taken else level, now)
            self._buckets.move_to_end(name)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return 0.0 if taken else (1 - level) / rate


def of_log(buckets: Buckets, log: ListedLog, *, grows: bool, now: float) -> float:
    """Take a token of a log: `qpd` of them a day, and as many at once.

    A tree that grows and one that is cosigned again have a bucket each. Anybody can send the present
    checkpoint of a log again; only the log can make a larger one.
    """
    name = f"{'grows' if grows else 'again'} {log.origin}"
    return buckets.take(name, rate=log.qpd / DAY, capacity=log.qpd, now=now)
