# SPDX-License-Identifier: Apache-2.0
"""The least processor time of several sides that take turns: of this process, or of those that it started.

Other programs on the machine only ever add to a time: they take the caches. So the least time of many short
turns is that of the side itself. A run of about 20 ms is rarely interrupted, and is long beside its start.
Where one side needs the caches more than the other, a turn is several runs: the first one finds the caches as
the other side left them.

`paired` compares two sides by pairs that ran within a fraction of a second. What the machine does meanwhile
falls on both, and the median leaves out the pairs in which it did not.
"""

import gc
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LEAST = 3
"""Rounds before the figures may be enough."""


def of_children() -> float:
    """CPU seconds of all processes that this one started, and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def of_process(pid: int) -> float:
    """CPU seconds of a process that runs."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _as_commands() -> Iterator[None]:
    """Objects are counted as the commands count them (`cli/main.py`), and those that were there before are
    not."""
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def calls(side: Callable[[], object]) -> int:
    """How often it calls a function, one of Python or of C: the same number on every machine, busy or not.

    It runs once before, so that nothing is imported or compiled in what is counted.
    """
    number = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    side()
    gc.collect()
    gc.disable()  # or a destructor of before is counted
    sys.setprofile(count)
    try:
        side()
    finally:
        sys.setprofile(None)
        gc.enable()
    return number


def best(
    *sides: Callable[[], object],
    rounds: int,
    enough: Callable[[Sequence[float]], bool] = lambda _: False,
    clock: Callable[[], float] = time.process_time,
    runs: int = 1,
) -> list[float]:
    """The least CPU seconds of each side, which has `runs` runs in each turn. It ends before `rounds` if the
    figures are `enough` for the caller.

    With `enough`, a busy machine gets more rounds, and a quiet one is done soon.
    """
    found = [float("inf")] * len(sides)
    with _as_commands():
        for number in range(1, rounds + 1):
            for at, side in enumerate(sides):
                for _ in range(runs):
                    start = clock()
                    side()
                    found[at] = min(found[at], clock() - start)
            if number >= LEAST and enough(found):
                break
    return found


@dataclass(frozen=True)
class Paired:
    """The median CPU seconds of one run of each side, and the median of the ratios of the pairs."""

    one: float
    other: float
    ratio: float


def paired(one: Callable[[], object], other: Callable[[], object], *, rounds: int, runs: int) -> Paired:
    """Both sides in pairs of turns, in the order one, other, other, one: a machine that becomes slower or
    faster meanwhile does so for both. The number of rounds is fixed, so no lucky pair ends it."""

    def turn(side: Callable[[], object]) -> float:
        start = time.process_time()
        for _ in range(runs):
            side()
        return time.process_time() - start

    pairs = []
    with _as_commands():
        for side in (one, other):
            turn(side)  # what is made once for all runs
        for _ in range(rounds):
            first, second = turn(one), turn(other)
            second += turn(other)
            pairs.append((first + turn(one), second))
    of_one, of_other = (statistics.median(side) / (2 * runs) for side in zip(*pairs, strict=True))
    return Paired(of_one, of_other, statistics.median(a / b for a, b in pairs))
