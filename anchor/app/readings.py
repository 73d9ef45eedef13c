# SPDX-License-Identifier: Apache-2.0
"""Reads a published release again before it is INVALID or UNAVAILABLE: somebody may be copying it just now.

A missing or incomplete file contradicts nothing. Complete bytes that contradict the signed ones do. But
release.json may have been read before a copy began, and the files after it. So only two readings that agree
make a release INVALID.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from anchor.errors import AnchorError, Unavailable
from anchor.monitor.observed import ExaminedRelease
from anchor.verdict import Class, class_of

PAUSE = 2.0
"""Seconds between two readings."""
MOST = 3
"""Readings of one release, while each finds another release.json."""
WITHIN = 60.0
"""Seconds of a first reading. After a longer one, nothing is asked for again in this run."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of a release and of all its files. `data`: release.json, None if it could not be read.
    `found`: the result, or the error that ended the reading."""

    data: bytes | None
    found: ExaminedRelease | AnchorError

    @property
    def verdict(self) -> Class:
        return class_of(self.found) if isinstance(self.found, AnchorError) else self.found.verdict.verdict

    @property
    def settled(self) -> bool:
        """True if another reading changes nothing: the release is good, or the reason is the verifier's."""
        return self.verdict not in (Class.INVALID, Class.UNAVAILABLE)

    def result(self) -> ExaminedRelease:
        """The result. Raises the error that ended the reading."""
        if isinstance(self.found, AnchorError):
            raise self.found
        return self.found


class Pace(Protocol):
    """The time of readings (`net.budget.Budget`, which each reading restarts)."""

    def spent(self) -> float:
        """Seconds of the last reading."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Wait before the next reading. Raises `Unavailable` if no time is left."""
        ...


def read(once: Callable[[], Reading], pace: Pace, *, target: str) -> ExaminedRelease:
    """The result of as many readings as are needed, each by `once`.

    INVALID needs two readings one after the other with the same release.json and a contradiction in both.
    Raises `Unavailable` if each reading has another release.json.
    """
    before = once()
    for _ in range(MOST - 1):
        if before.settled or (before.verdict is Class.UNAVAILABLE and pace.spent() > WITHIN):
            return before.result()
        pace.sleep(PAUSE)
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
