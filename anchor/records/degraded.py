# SPDX-License-Identifier: Apache-2.0
"""What a worker goes by while the records fail: which targets are due, and what is remembered without them.

A run that nothing records is still made and still told. It is no news to the records, so its target would
stay due: the pace is kept here, as for a release that cannot be told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from anchor.errors import AnchorError
from anchor.monitor.interfaces import HeldCheckpoint, Unproven
from anchor.monitor.run_record import (
    Accepted,
    Best,
    Evidence,
    FollowedLog,
    HeldNumber,
    PriorRun,
    SeenRelease,
    SignedCheckpoint,
)
from anchor.records.intervals import Intervals
from anchor.records.queue import Watched


class LastKnownTargets:
    """What was watched and due when the records last said so."""

    def __init__(self, intervals: Intervals) -> None:
        self._intervals = intervals
        self._known: dict[str, Watched] = {}
        self._tried: dict[str, tuple[int, float]] = {}

    def learn(self, found: Iterable[Watched]) -> None:
        """What the records say now."""
        self._known = {one.target: one for one in found}

    def add(self, found: Iterable[Watched]) -> None:
        """What is watched besides."""
        for one in found:
            self._known.setdefault(one.target, one)

    def known(self) -> list[Watched]:
        return list(self._known.values())

    def due(self, now: float) -> list[str]:
        """The targets that are due, unrecorded runs counted."""
        found = []
        for target, one in self._known.items():
            wait = self._tried.get(target, (0, one.due))[1] - now
            if wait <= 0 or wait > self._intervals.furthest(one.interval):
                found.append(target)
        return found

    def tried(self, target: str, now: float) -> None:
        """A run was made and not recorded: the next one comes later, as for a release that cannot be told."""
        times = self._tried.get(target, (0, 0.0))[0] + 1
        interval = self._known[target].interval if target in self._known else None
        due = self._intervals.next_due(
            target=target, now=now, interval=interval, newest=False, failing_runs=times
        )
        self._tried[target] = (times, due)

    def kept(self, target: str) -> None:
        """A run was recorded: the records say when the next one is."""
        self._tried.pop(target, None)


class MarkedState:
    """The memory of a re-verification without a database: the mark's signed notes and highest numbers, kept
    evidence, and the logs that are followed (target, origin, key)."""

    def __init__(
        self,
        notes: Sequence[SignedCheckpoint],
        evidence: Sequence[Evidence],
        logs: Sequence[tuple[str, str, str]],
        error: AnchorError,
        now: float,
        *,
        bests: Mapping[str, Best],
    ) -> None:
        self._notes = notes
        self._logs = logs
        self._bests = bests
        self._evidence = evidence
        self._error = error
        self._now = now

    def held(self, log_key: str, origin: str, size: int) -> list[HeldCheckpoint]:
        """The newest note of this log's history, and those of this size. When they were last served is not
        known, so never after the log's end."""
        found = [n for n in self._notes if (n.log_key, n.origin) == (log_key, origin)]
        return [HeldCheckpoint(n, self._now, 0.0) for n in found if n is found[0] or n.size == size]

    def stood(self, log_key: str, origin: str, *, after: float, until: float) -> HeldCheckpoint | None:
        """None: the mark does not say when a head was served."""
        del log_key, origin, after, until
        return None

    def unproven(self, log_key: str, origin: str) -> Unproven:
        """The mark's other notes of this log."""
        found = [n for n in self._notes if (n.log_key, n.origin) == (log_key, origin)]
        return Unproven(tuple(found[1:]))

    def knows(self, origin: str, size: int, root: bytes) -> bool:
        return any((n.origin, n.size, n.root) == (origin, size, root) for n in self._notes)

    def preserve(self, seen: Sequence[SignedCheckpoint], evidence: Sequence[Evidence]) -> None:
        """Raise what is wrong with the records: evidence is written as a file with the run."""
        del seen, evidence
        raise self._error

    def contradictions(self, origin: str) -> list[Evidence]:
        return [e for e in self._evidence if e.origin == origin]

    def before(self, target: str) -> PriorRun:
        del target
        return PriorRun()

    def accepted(self, target: str) -> Accepted | None:
        best = self._bests.get(target)
        if best is None:
            return None
        who, reason = "the mark", "the records cannot be read"
        return Accepted(ledger=best.ledger, number=best.number, who=who, reason=reason, by_person=False)

    def higher(self, target: str, above: int) -> list[SeenRelease]:
        del target, above
        return []

    def numbers(self, ledger: str) -> list[HeldNumber]:
        del ledger
        return []

    def stored(self, one: HeldNumber) -> SeenRelease:
        raise self._error

    def conflicting(self, release: SeenRelease) -> Iterator[SeenRelease]:
        del release
        return iter(())

    def logs_of(self, target: str) -> list[FollowedLog]:
        """As the mark has them."""
        return [FollowedLog(origin=o, log_key=k) for of, o, k in self._logs if of == target]
