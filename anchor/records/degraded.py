# SPDX-License-Identifier: Apache-2.0
"""Degraded mode: how a worker continues while the records fail.

Runs are still made, and people are still notified. The database cannot store the new due time, so a target
would stay due for ever. We keep the retry times in memory instead, with the usual back-off.
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
    HeldStatement,
    HeldStatus,
    ObservedRelease,
    ObservedStatus,
    PriorRun,
    ReadBefore,
    ShownStatuses,
    SignedCheckpoint,
)
from anchor.records.intervals import Intervals
from anchor.records.queue import Watched
from anchor.verify.named_entry import NamedEntry


class LastKnownTargets:
    """The targets that were watched and due when the records could last be read."""

    def __init__(self, intervals: Intervals) -> None:
        self._intervals = intervals
        self._known: dict[str, Watched] = {}
        self._tried: dict[str, tuple[int, float]] = {}

    def replace(self, targets: Iterable[Watched]) -> None:
        """Take over the targets that the records have now."""
        self._known = {one.target: one for one in targets}

    def add(self, targets: Iterable[Watched]) -> None:
        """Add targets that are not known yet."""
        for one in targets:
            self._known.setdefault(one.target, one)

    def known(self) -> list[Watched]:
        return list(self._known.values())

    def due(self, now: float) -> list[str]:
        """The targets that are due, with runs counted that were not recorded."""
        due = []
        for target, one in self._known.items():
            wait = self._tried.get(target, (0, one.due))[1] - now
            if wait <= 0 or wait > self._intervals.furthest(one.interval):
                due.append(target)
        return due

    def not_recorded(self, target: str, now: float) -> None:
        """Put off the next run of a target, with back-off: its run was made and not recorded."""
        times = self._tried.get(target, (0, 0.0))[0] + 1
        interval = self._known[target].interval if target in self._known else None
        due = self._intervals.next_due(
            target=target, now=now, interval=interval, newest=False, failing_runs=times
        )
        self._tried[target] = (times, due)

    def recorded(self, target: str) -> None:
        """Follow the records again for a target: its run was recorded with a due time."""
        self._tried.pop(target, None)


class MarkedState:
    """The held state from the side files, for a re-verification without a database.

    It has the signed notes and highest numbers of the high-water mark, the followed logs (target, origin,
    key), and the evidence files.
    """

    def __init__(
        self,
        notes: Sequence[SignedCheckpoint],
        evidence: Sequence[Evidence],
        logs: Sequence[tuple[str, str, str]],
        error: AnchorError,
        now: float,
        *,
        bests: Mapping[str, Best],
        statuses: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        self._notes = notes
        self._logs = logs
        self._bests = bests
        self._statuses = statuses or {}
        self._evidence = evidence
        self._error = error
        self._now = now

    def held(self, log_key: str, origin: str, size: int) -> list[HeldCheckpoint]:
        """The newest note of this log's history, and the notes of this size. The mark does not say when they
        were last served, so none counts as served after the log's end."""
        notes = self._of_log(log_key, origin)
        return [HeldCheckpoint(n, self._now, 0.0) for n in notes if n is notes[0] or n.size == size]

    def stood(self, log_key: str, origin: str, *, after: float, until: float) -> HeldCheckpoint | None:
        """Always None: the mark does not say when a head was served."""
        del log_key, origin, after, until
        return None

    def unproven(self, log_key: str, origin: str) -> Unproven:
        """The mark's other notes of this log."""
        return Unproven(tuple(self._of_log(log_key, origin)[1:]))

    def _of_log(self, log_key: str, origin: str) -> list[SignedCheckpoint]:
        return [n for n in self._notes if (n.log_key, n.origin) == (log_key, origin)]

    def knows(self, origin: str, size: int, root: bytes) -> bool:
        return any((n.origin, n.size, n.root) == (origin, size, root) for n in self._notes)

    def preserve(self, seen: Sequence[SignedCheckpoint], evidence: Sequence[Evidence]) -> None:
        """Raise the failure of the records. The worker writes evidence as a file after the run."""
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

    def higher(self, target: str, above: int) -> list[ObservedRelease]:
        del target, above
        return []

    def numbers(self, ledger: str) -> list[HeldNumber]:
        del ledger
        return []

    def stored(self, one: HeldNumber) -> ObservedRelease:
        raise self._error

    def conflicting(self, release: ObservedRelease) -> Iterator[ObservedRelease]:
        del release
        return iter(())

    def statuses_beside(self, status: ObservedStatus) -> list[ObservedStatus]:
        del status
        return []

    def held_statuses(self, ledger: str) -> list[HeldStatus]:
        del ledger
        return []

    def stored_status(self, one: HeldStatus) -> ObservedStatus:
        raise self._error

    def shown_statuses(self, target: str, ledger: str) -> ShownStatuses:
        """The sequence that the mark has."""
        of, sequence = self._statuses.get(target, ("", 0))
        return ShownStatuses([], sequence if of == ledger else None)

    def logs_of(self, target: str) -> list[FollowedLog]:
        """As the mark has them."""
        return [FollowedLog(origin=o, log_key=k) for of, o, k in self._logs if of == target]

    def read_before(self, log_key: str, origin: str, watch: str) -> ReadBefore:
        """Nothing: the log is read again from its first entry."""
        del log_key, origin, watch
        return ReadBefore()

    def certified(self, origin: str) -> tuple[NamedEntry, ...]:
        del origin
        return ()

    def spend(self, log_key: str, origin: str, requests: int) -> None:
        """Raise the failure of the records."""
        del log_key, origin, requests
        raise self._error

    def statements(self) -> Iterator[HeldStatement]:
        return iter(())

    def bundles(self, held: HeldStatement) -> list[bytes]:
        del held
        return []

    def never_run(self, target: str) -> list[str]:
        del target
        return []
