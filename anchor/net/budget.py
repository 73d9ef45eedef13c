# SPDX-License-Identifier: Apache-2.0
"""The time that a command may spend on the network. Nothing here opens a socket."""

import contextlib
import time
from collections.abc import Callable, Iterator

LOOK = 0.25
"""Seconds between two looks at a deadline while something is waited for."""


class Budget:
    """A deadline for a whole command, shared by all of its calls. Seconds.

    `remedy`: how a user gives it more time; empty where a user cannot.
    """

    def __init__(
        self, seconds: float, *, clock: Callable[[], float] = time.monotonic, remedy: str = ""
    ) -> None:
        self.seconds = seconds
        self.remedy = remedy
        self._clock = clock
        self._start = clock()

    def spent(self) -> float:
        return self._clock() - self._start

    def left(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.seconds - self.spent())

    def sleep(self, seconds: float) -> None:
        """Wait so long. `left` may raise in between."""
        while seconds > 0:
            self.left()
            time.sleep(min(seconds, LOOK))
            seconds -= LOOK

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count the time in this block: we wait for a person there, not for a service."""
        began = self._clock()
        try:
            yield
        finally:
            self._start += self._clock() - began

    def part(self, seconds: float) -> "Budget":
        """A budget of at most `seconds` within this one."""
        return Budget(min(seconds, self.left()), clock=self._clock)
