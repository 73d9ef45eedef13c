# SPDX-License-Identifier: Apache-2.0
"""The watched releases in words: how often each is verified, and when it is next due."""

from collections.abc import Sequence

from anchor.records.history import time_text
from anchor.records.queue import Watched
from anchor.words import span

MAX_LINES = 20
"""Releases that are named one by one."""
USUAL = "hourly while it is the newest of its ledger, else daily"


def lines(watched: Sequence[Watched], *, now: float) -> list[str]:
    """A line for each release, the next one to be due first; many are counted."""
    soonest = sorted(watched, key=lambda one: one.due)
    shown = [f"{one.target}: {_often(one.interval)}; {_due(one.due, now)}" for one in soonest[:MAX_LINES]]
    left = len(soonest) - len(shown)
    return [*shown, f"and {left} more; anchor status names them all"] if left else shown


def next_due(watched: Sequence[Watched], *, now: float) -> float | None:
    """The earliest due time that is still to come, in seconds since 1970; None if there is no such time."""
    return min((one.due for one in watched if one.due > now), default=None)


def _often(interval: int | None) -> str:
    return USUAL if interval is None else f"every {span(interval)}"


def _due(due: float, now: float) -> str:
    if due <= now:
        return "due now"
    at = time_text(round(due * 1000))
    return f"next due in {span(due - now)}" + (f", at {at}" if at else "")
