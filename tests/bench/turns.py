# SPDX-License-Identifier: Apache-2.0
"""The least processor time of several sides that take turns: of this process, or of those that it started.

Other programs on the machine only ever add to a time: they take the caches. So the least time of many short
turns is that of the side itself. A run of about 20 ms is rarely interrupted, and is long beside its start.
Where one side needs the caches more than the other, a turn is several runs: the first one finds the caches as
the other side left them.
"""

import gc
import os
import resource
import time
from collections.abc import Callable, Sequence
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


def best(
    *sides: Callable[[], object],
    rounds: int,
    enough: Callable[[Sequence[float]], bool] = lambda _: False,
    clock: Callable[[], float] = time.process_time,
    runs: int = 1,
) -> list[float]:
    """The least CPU seconds of each side, which has `runs` runs in each turn. It ends before `rounds` if the
    figures are `enough` for the caller.

    With `enough`, a busy machine gets more rounds, and a quiet one is done soon. Objects are counted as the
    commands count them (`cli/main.py`), and those that were there before are not.
    """
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    found = [float("inf")] * len(sides)
    for number in range(1, rounds + 1):
        for at, side in enumerate(sides):
            for _ in range(runs):
                start = clock()
                side()
                found[at] = min(found[at], clock() - start)
        if number >= LEAST and enough(found):
            break
    gc.set_threshold(*before)
    return found
