# SPDX-License-Identifier: Apache-2.0
"""The content of the events of a proof of runs: the runs of each target and release, and the pruned ones.

Decides nothing about proofs. Events come one at a time, and only names, counts and the indexes of pruned
events are held, `limits.HISTORY_HELD` bytes at most: an attacker chooses how many there are. FORMAT.md
section 29.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from anchor import limits
from anchor.errors import Refused, Unsupported
from anchor.format.history_events import (
    HeadAnchored,
    RecordsPruned,
    ReleaseSeen,
    ReleaseShown,
    RunEnded,
    number_of,
)
from anchor.format.history_proof import Line

INTERRUPTED = "interrupted"
"""Stands for the class of a run that did not finish."""
_ENTRY = 512
"""Bytes that a name or a count costs beside its text, at least."""
_RANGE = 160
"""Bytes that a range of indexes costs."""


class SeenRelease(NamedTuple):
    """A release as a `release-seen` event names it."""

    ledger: str
    number: int
    version: str


class _Row:
    """The runs of one target that are about one release."""

    def __init__(self) -> None:
        self.classes = Counter[str]()
        self.first = self.last = ""
        """When the first and the last of them began, by the operator's clock."""
        self.day = ""
        self.days = 0
        """Days on which one began, as far as the runs are in order."""

    def add(self, started: str, verdict: str) -> None:
        self.classes[verdict] += 1
        self.first = min(self.first or started, started)
        self.last = max(self.last, started)
        if started[:10] != self.day:
            self.day = started[:10]
            self.days += 1

    @property
    def daily(self) -> bool:
        """True if one run, and no more, began on each day (UTC) from the first to the last."""
        try:
            span = date.fromisoformat(self.last[:10]) - date.fromisoformat(self.first[:10])
        except ValueError:  # 2027-02-30
            return False
        return self.days == self.classes.total() == span.days + 1 > 1


class Runs:
    """Counts the events of one proof, as they come."""

    def __init__(self) -> None:
        self.events = self.heads = 0
        self.newest = ""
        """The latest time that an event has, by the operator's clock."""
        self._held = 0
        self._releases: dict[str, SeenRelease] = {}
        self._shown: dict[str, str] = {}
        """The statement that was verified last, by target."""
        self._rows: dict[tuple[str, str], _Row] = {}
        self._gone: list[tuple[int, int]] = []
        """First and last index of each range of events without a body."""
        self._named: list[tuple[int, int]] = []
        """The ranges that events name as pruned."""

    def add(self, line: Line) -> None:
        """Count an event. Raises Unsupported if more would be held than may be."""
        self.events += 1
        event = line.event
        if event is None:
            self._pruned(line.leaf_index)
            return
        self.newest = max(self.newest, event.at)
        if isinstance(event, RunEnded):
            self._run(event)
        elif isinstance(event, ReleaseSeen):
            if event.statement not in self._releases:
                self._hold(_ENTRY + len(event.ledger) + len(event.version))
                seen = SeenRelease(event.ledger, number_of(event.number), event.version)
                self._releases[event.statement] = seen
        elif isinstance(event, ReleaseShown):
            self._show(event.target, event.statement)
        elif isinstance(event, RecordsPruned):
            self._name(event, line.leaf_index)
        elif isinstance(event, HeadAnchored):
            self.heads += 1

    def _run(self, event: RunEnded) -> None:
        if event.statement is not None:
            self._show(event.target, event.statement)
        key = (event.target, self._shown.get(event.target, ""))
        if key not in self._rows:
            self._hold(_ENTRY + len(event.target))
            self._rows[key] = _Row()
        row, verdict = self._rows[key], event.verdict or event.state
        if event.state == INTERRUPTED:
            verdict = INTERRUPTED
        if verdict not in row.classes:
            self._hold(_ENTRY + len(verdict))
        row.add(event.started, verdict)

    def _show(self, target: str, statement: str) -> None:
        if target not in self._shown:
            self._hold(_ENTRY + len(target))
        self._shown[target] = statement

    def _pruned(self, index: int) -> None:
        if self._gone and self._gone[-1][1] == index - 1:
            self._gone[-1] = (self._gone[-1][0], index)
            return
        self._hold(_RANGE)
        self._gone.append((index, index))

    def _name(self, event: RecordsPruned, index: int) -> None:
        for one, other in event.runs:
            first, last = number_of(one), number_of(other)
            if first > last or last >= index:
                raise Refused(
                    "names no earlier events, or a range that ends before it begins",
                    where=f"proof: event {index}: runs",
                )
            if self._gone and last >= self._gone[0][0]:
                self._hold(_RANGE)
                self._named.append((first, last))

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > limits.HISTORY_HELD:
            raise Unsupported(
                "it has more targets, releases and pruned runs than are counted at once",
                where="proof",
                remedy="make proofs of shorter times",
            )

    @property
    def pruned(self) -> int:
        """How many events have no body."""
        return sum(last - first + 1 for first, last in self._gone)

    @property
    def withheld(self) -> list[tuple[int, int]]:
        """First and last index of each range without a body that no event names as pruned."""
        found, named, at = list[tuple[int, int]](), sorted(self._named), 0
        for start, last in self._gone:
            first = start
            while first <= last:
                while at < len(named) and named[at][1] < first:
                    at += 1
                if at == len(named) or named[at][0] > last:
                    found.append((first, last))
                    break
                if named[at][0] > first:
                    found.append((first, named[at][0] - 1))
                first = named[at][1] + 1
        return found

    @property
    def releases(self) -> Mapping[str, SeenRelease]:
        """The releases that events name, by their statements."""
        return self._releases

    def ledgers(self, known: Mapping[str, SeenRelease]) -> set[str | None]:
        """The ledgers that runs are about; None if there are runs of which it is not known."""
        seen = (known.get(statement) for _, statement in self._rows)
        return {one.ledger if one is not None else None for one in seen}

    def facts(self, known: Mapping[str, SeenRelease]) -> list[dict[str, Any]]:
        """The runs by target and release, in the order in which these came. `known`: the releases that are
        named here or elsewhere, by their statements."""
        return [self._facts(*key, row, known.get(key[1])) for key, row in self._rows.items()]

    def _facts(self, target: str, statement: str, row: _Row, seen: SeenRelease | None) -> dict[str, Any]:
        return {
            "target": target,
            "statement": statement or None,
            "ledger": seen.ledger if seen else None,
            "number": seen.number if seen else None,
            "version": seen.version if seen else None,
            "runs": row.classes.total(),
            "verdicts": dict(row.classes),
            "daily": row.daily,
            "first": row.first,
            "last": row.last,
        }
