# SPDX-License-Identifier: Apache-2.0
"""A published release is read again before it is accused or given up: a site may be in the middle of a copy.

What is missing or cut off contradicts nothing. Whole bytes that contradict what was signed do, but
release.json may have been read before a copy began and the files after it: so only two readings that agree
accuse.
"""

from collections.abc import Callable
from dataclasses import dataclass

from anchor.errors import AnchorError, Unavailable
from anchor.monitor.observed import ExaminedRelease
from anchor.verdict import Class, class_of

PAUSE = 2.0
"""Seconds between two readings."""
MOST = 3
"""Readings of one release, while each finds another release.json."""
WITHIN = 60.0
"""Seconds of a first reading after which what could not be had is not asked for again in this run."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of a release and of all that it names. `data`: release.json, None where it was not had;
    else what it came to, or the error that ended it."""

    data: bytes | None
    found: ExaminedRelease | AnchorError

    @property
    def verdict(self) -> Class:
        return class_of(self.found) if isinstance(self.found, AnchorError) else self.found.verdict.verdict

    @property
    def settled(self) -> bool:
        """Whether another reading could change nothing: it is good, or bad for a reason of the verifier's."""
        return self.verdict not in (Class.INVALID, Class.UNAVAILABLE)

    def result(self) -> ExaminedRelease:
        """What it came to; raises where that is an error."""
        if isinstance(self.found, AnchorError):
            raise self.found
        return self.found


def read(
    once: Callable[[], Reading], *, pause: Callable[[float], object], spent: Callable[[], float], target: str
) -> ExaminedRelease:
    """What is said of a release after as many readings as that takes. `spent`: seconds of the last reading.

    INVALID only where two readings one after the other found the same release.json, and both what contradicts
    it. Raises `Unavailable` where each reading found another one.
    """
    before = once()
    for _ in range(MOST - 1):
        if before.settled or (before.verdict is Class.UNAVAILABLE and spent() > WITHIN):
            return before.result()
        pause(PAUSE)
        now = once()
        if now.settled:
            return now.result()
        if now.data == before.data:
            doubtful = before if before.verdict is Class.UNAVAILABLE else now
            return (now if now.verdict is Class.UNAVAILABLE else doubtful).result()
        before = now
    if before.verdict is Class.UNAVAILABLE:
        return before.result()
    problem = f"release.json was another one in each of {MOST} readings: it is being changed"
    raise Unavailable(problem, where=target, remedy="wait until it is published")
