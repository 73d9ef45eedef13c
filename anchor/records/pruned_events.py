# SPDX-License-Identifier: Apache-2.0
"""The events that were pruned, as the pruning events name them. FORMAT.md section 29.2.

A pruning event names only earlier events, each once, and has the sums over as many runs. Only such an event
explains that a body is absent.
"""

from bisect import bisect_right
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Refused
from anchor.format import history_events
from anchor.format.history_events import RecordsPruned, number_of
from anchor.records import event_log
from anchor.records.tables import EventRow
from anchor.words import several

_PRUNES = (
    sa.select(EventRow.leaf_index, EventRow.body)
    .where(EventRow.kind == "records-pruned")
    .order_by(EventRow.leaf_index)
)


class Totals(msgspec.Struct, kw_only=True):
    """Sums over runs: how many of each class, their duration, their requests to logs."""

    classes: dict[str, int]
    interrupted: int = 0
    duration_ms: int = 0
    requests: int = 0

    @property
    def runs(self) -> int:
        """How many runs these are the sums of."""
        return sum(self.classes.values()) + self.interrupted

    def plus(self, other: "Totals") -> "Totals":
        classes = dict(self.classes)
        for name, count in other.classes.items():
            classes[name] = classes.get(name, 0) + count
        return Totals(
            classes=classes,
            interrupted=self.interrupted + other.interrupted,
            duration_ms=self.duration_ms + other.duration_ms,
            requests=self.requests + other.requests,
        )


class Pruned(NamedTuple):
    """First and last index of each range of pruned events, ascending, and the pruning events that cannot
    have been written: what is wrong with each, by its index."""

    ranges: list[tuple[int, int]]
    problems: dict[int, str]

    def has(self, index: int) -> bool:
        """True if an event with this index was pruned."""
        at = bisect_right(self.ranges, (index, event_log.MAX_EVENTS)) - 1
        return at >= 0 and index <= self.ranges[at][1]


def opened(stored: bytes | None) -> bytes:
    """The body of an event that no event says was pruned. Raises Refused if it is gone or damaged."""
    if stored is None:
        raise Refused("its body is gone, and no event says that it was pruned")
    return event_log.unpacked(stored, where="")


def read(connection: Connection) -> Pruned:
    """The ranges that all pruning events name. One that cannot be read, or names what it must not, names
    nothing."""
    named: list[tuple[int, int, int]] = []
    problems: dict[int, str] = {}
    for index, stored in connection.execute(_PRUNES):
        try:
            event = history_events.decode(opened(stored), where="")
        except Refused:
            continue  # the replay says so
        if isinstance(event, RecordsPruned):
            ranges = [(number_of(first), number_of(last)) for first, last in event.runs]
            if problem := _problem(event, ranges, index):
                problems[index] = problem
            else:
                named += [(first, last, index) for first, last in ranges]
    named.sort()
    furthest, of = -1, -1
    for first, last, index in named:
        if first <= furthest:
            problems[max(index, of)] = "names events as pruned that were named already"
        if last > furthest:
            furthest, of = last, index
    return Pruned([(first, last) for first, last, by in named if by not in problems], problems)


def _problem(event: RecordsPruned, ranges: list[tuple[int, int]], index: int) -> str:
    if any(first > last or last >= index for first, last in ranges):
        return "names no earlier events as pruned, or a range that ends before it begins"
    try:
        sums = msgspec.convert(event.counts, type=Totals, strict=False)  # large numbers are texts
    except msgspec.ValidationError:
        return "has sums over pruned runs that cannot be read"
    many = sum(last - first + 1 for first, last in ranges)
    if ranges and sums.runs != many:  # records of version 0.1 have sums alone
        return f"has the sums over {several(sums.runs, 'run')}, and names {many} as pruned"
    return ""
