# SPDX-License-Identifier: Apache-2.0
"""The progress of a command, as one line on stderr that is written again and again.

Only on a terminal, at most four times a second, and only after one second. The line says what is done, how
much of how much, how fast, and how long it still takes. What else is printed begins on a line of its own.
"""

import sys
import time
from collections.abc import Callable

from anchor.cli.terminal import width

_FIRST, _NEXT = 1.0, 0.25
"""Seconds until the first line, and between two lines."""
_UNITS = ((3600.0, "h"), (60.0, "min"))
_open_lines: list["Counter"] = []
"""The counter whose line has no end yet."""


class Counter:
    """Counts what is done. A smaller number than before begins anew: a command may read a file twice."""

    def __init__(
        self, verb: str, what: str = "facts", *, total: Callable[[], int | None] | None = None
    ) -> None:
        """`verb`: what is done, such as `verifying`. `total`: how many there are, asked once it is needed."""
        self._words = verb, what
        self._total: int | None = None
        self._find_total = total
        self._on = sys.stderr.isatty()
        self._last = 0
        self._shown = 0
        """The characters of the line."""
        self._began = time.monotonic()
        self._next = self._began + _FIRST

    def __call__(self, done: int) -> None:
        """Say that so many are done."""
        if not self._on:
            return
        now = time.monotonic()
        if done < self._last:
            self.close()
            self._began, self._next = now, now + _FIRST
        self._last = done
        if now < self._next:
            return
        self._next = now + _NEXT
        if self._find_total is not None:
            self._total, self._find_total = self._find_total(), None
        line = progress_line(*self._words, done, self._total, seconds=now - self._began)
        line = line[: width(sys.stderr) - 1]
        sys.stderr.write(f"\r{line}{' ' * (self._shown - len(line))}")
        sys.stderr.flush()
        if not self._shown:
            _open_lines.append(self)
        self._shown = len(line)

    def close(self) -> None:
        """End the line of the counter, if it has one."""
        if self._shown:
            sys.stderr.write("\n")
            sys.stderr.flush()
            self._shown = 0
            _open_lines.remove(self)


def end() -> None:
    """End the line of progress that is open, before something else is printed."""
    for counter in tuple(_open_lines):
        counter.close()


def progress_line(verb: str, what: str, done: int, total: int | None, *, seconds: float) -> str:
    """The line after so many seconds: how much of how much, how fast, and the time left."""
    known = total is not None and total >= done
    line = f"{verb} {what}: {done:,}"
    if known and total:
        line += f" of {total:,} ({100 * done // total} %)"
    rate = done / seconds if seconds > 0 else 0.0
    if rate < 1:
        return line
    line += f", {rate:,.0f} a second"
    if known and total is not None:
        line += f", {_written((total - done) / rate)} left"
    return line


def _written(seconds: float) -> str:
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
