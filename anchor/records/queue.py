# SPDX-License-Identifier: Apache-2.0
"""The queue of watched targets: each due target goes to exactly one worker.

PostgreSQL ensures that by FOR UPDATE SKIP LOCKED, SQLite by its single writer. A worker holds a target by a
lease. The lease of a dead worker ends when its time is over, or at once if the worker is known to be dead.
Whoever takes the target over writes down that its run was interrupted. `store.py` saves a run under the same
lease.

Due times and leases are working state. Without them, a target is due as its last run decided, or at once.
Nobody waits for `Database.serialise` while he holds a row of `work`: else two workers could wait for each
other.
"""

import secrets
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from anchor.errors import Misuse
from anchor.format.history_events import LATEST, RunEnded, TargetDropped, TargetWatched, time
from anchor.records.database import Database
from anchor.records.intervals import Intervals
from anchor.records.tables import FINISHED, Run, Target, Work
from anchor.records.writer import Writer, writing

LEASE = 900.0
"""Seconds of a lease that is not renewed."""
RENEW = 60.0
"""Seconds after which a worker renews its lease."""
SILENT = 3 * RENEW
"""Seconds without a renewal after which no run can be in progress, or the records cannot be written."""

BACK = 300.0
"""Seconds by which the clocks of workers may differ. A run further ahead was recorded by a wrong clock."""
_INTERVALS = Intervals()

# Statements are built once, with named parameters: building one costs eight times as much as running it.
_AT = sa.bindparam("at", type_=sa.BigInteger())
_FAR = sa.bindparam("far", type_=sa.BigInteger())
_FREE = sa.or_(
    Work.run.is_(None),
    Work.lease_ms < _AT,
    Work.lease_ms > _FAR,  # a wrong clock must not lease a target for years
    Work.worker.in_(sa.bindparam("dead", expanding=True)),
)
_DECIDED = sa.func.coalesce(Target.decided_due_ms, Target.added_ms)
DUE: sa.ColumnElement[int] = sa.case((Work.due_ms < _DECIDED, Work.due_ms), else_=_DECIDED)
"""When a target is due: as its last run decided, or before that if its row of `work` says so."""
_OWN = sa.func.coalesce(Target.interval_s, sa.bindparam("usual", type_=sa.BigInteger()))
_BACKED_OFF = sa.bindparam("backed_off", type_=sa.BigInteger())
_LONGEST = sa.case((_OWN > _BACKED_OFF, _OWN), else_=_BACKED_OFF) * sa.bindparam(
    "stretch_ms", type_=sa.BigInteger()
)
_DUE = sa.and_(
    Target.active == 1,
    # Due now. Or its due time or its last run lies further in the future than any rule allows: a clock that
    # was ahead then has written it, so the target is due too.
    sa.or_(
        DUE <= _AT,
        DUE > _AT + _LONGEST,
        Target.last_run_ms > _AT + round(1000 * BACK),
    ),
)
_FREE_TARGET = (
    sa.select(Target.target, Work.__table__)
    .join(Target, Target.id == Work.claim_id)
    .where(_FREE)
    .order_by(Work.due_ms, Work.claim_id)
    .limit(1)
    .with_for_update(skip_locked=True, of=Work)
)
_FREE_DUE = _FREE_TARGET.where(_DUE, Target.target.not_in(sa.bindparam("waiting", expanding=True)))
_OURS = sa.or_(
    Target.policy_path.is_(None),
    Target.policy_path == sa.bindparam("policy_path"),
    Target.policy_sha256 == sa.bindparam("policy_sha256"),
)
_FREE_OURS = _FREE_DUE.where(_OURS)
_OF_ANOTHER = (
    sa.select(Target.target, Target.policy_path)
    .where(sa.not_(_OURS), Target.target.in_(sa.bindparam("targets", expanding=True)))
    .order_by(Target.id)
    .limit(1)
)
_FREE_NAMED = _FREE_TARGET.where(Target.target == sa.bindparam("target"))
_WORKERS = sa.select(Work.worker).where(Work.run.is_not(None)).distinct()
_HOLDER = (
    sa.select(Work.worker, Work.lease_ms)
    .join(Target, Target.id == Work.claim_id)
    .where(Target.target == sa.bindparam("target"))
)
_ANSWERED = sa.select(Run.slot_ms).where(
    Run.claim_id == sa.bindparam("target_id"), Run.slot_ms >= sa.bindparam("slot"), FINISHED
)
_NAMED = sa.select(Target.id, Target.active, Target.interval_s).where(Target.target == sa.bindparam("target"))
_WATCHED = (
    sa.select(Target.target, Target.interval_s, DUE.label("due_ms"))
    .join(Work, Work.claim_id == Target.id, isouter=True)
    .where(Target.active == 1)
    .order_by(Target.id)
)
_COMPLETE = sa.text(
    "INSERT INTO work (claim_id, due_ms) SELECT id, coalesce(decided_due_ms, added_ms) FROM targets "
    "WHERE NOT EXISTS (SELECT 1 FROM work WHERE work.claim_id = targets.id) ON CONFLICT DO NOTHING"
)
_OPEN = sa.update(Work).where(Work.claim_id == sa.bindparam("target_id"))
_MINE = _OPEN.where(Work.run == sa.bindparam("of_run"))
_EARLIER = sa.update(Work).where(Work.due_ms > sa.bindparam("at"))
_ALL_EARLIER = _EARLIER.where(Work.claim_id.in_(sa.select(Target.id).where(Target.active == 1)))
_ONE_EARLIER = _EARLIER.where(Work.claim_id == sa.bindparam("target_id"))
_LEASED = sa.select(Work.__table__).where(
    Work.claim_id == sa.bindparam("target_id"), Work.run == sa.bindparam("of_run")
)
FREE: Mapping[str, None] = dict.fromkeys(("run", "worker", "slot_ms", "started_ms", "lease_ms"))
"""The columns of `work` for a target that nobody has."""

Alive = Callable[[str], bool | None]
"""True if a worker lives, False only if it is certainly dead, None if nobody can say."""


def ms(seconds: float) -> int:
    """Seconds to the milliseconds of the tables."""
    return round(seconds * 1000)


@dataclass(frozen=True)
class Policy:
    """The policy of a worker. It is another policy only if both its path and its bytes differ."""

    path: str
    digest: str
    """SHA-256 of its bytes, hex; empty if it cannot be read."""

    @property
    def parameters(self) -> dict[str, str]:
        return {"policy_path": self.path, "policy_sha256": self.digest}


@dataclass(frozen=True)
class Lease:
    """A target that this worker has to re-verify, and the run that is open for it."""

    target_id: int
    run: str
    """A random name, 16 hex digits."""
    target: str
    worker: str
    started: float
    policy: Policy | None = None


@dataclass(frozen=True)
class Held:
    """The worker that holds a target, and the end of its lease."""

    worker: str
    until: float


@dataclass(frozen=True)
class Watched:
    """A watched target, its own interval, and its due time in seconds since 1970."""

    target: str
    interval: int | None = None
    due: float = 0.0


def watch(database: Database, target: str, *, now: float, interval: int | None = None) -> int:
    """Watch a target; returns its id. A target that was watched before keeps its history."""
    return watch_all(database, [target], now=now, interval=interval)[0]


def watch_all(
    database: Database, targets: Sequence[str], *, now: float, interval: int | None = None
) -> list[int]:
    """Watch all of these targets or none; returns their ids."""
    with writing(database, ms(now)) as writer:
        return _watch(writer, [Watched(target, interval) for target in targets])


def _watch(writer: Writer, wanted: Sequence[Watched]) -> list[int]:
    ids, sooner = [], []
    for one in wanted:
        known = writer.connection.execute(_NAMED, {"target": one.target}).first()
        interval = known.interval_s if known is not None and one.interval is None else one.interval
        if known is None:
            ids.append(writer.add(TargetWatched, target=one.target, interval=interval))
            continue
        ids.append(known.id)
        if (known.active, known.interval_s) != (1, interval):
            writer.add(TargetWatched, target=one.target, interval=interval)
        if interval is not None and interval != known.interval_s:
            sooner.append((known.id, writer.at_ms + ms(interval)))
    complete(writer.connection)
    for target_id, at in sooner:
        make_due(writer.connection, target_id, at)
    return ids


def watch_missing(database: Database, wanted: Sequence[Watched], *, now: float) -> list[str]:
    """Watch the targets that the records do not know, with their intervals; returns those."""
    missing = unknown(database, wanted)
    if missing:
        with writing(database, ms(now)) as writer:
            _watch(writer, missing)
    return [one.target for one in missing]


def unknown(database: Database, wanted: Sequence[Watched]) -> list[Watched]:
    """The targets that the records do not know."""
    with database.read() as connection:
        known = set(connection.execute(sa.select(Target.target)).scalars())
    return [one for one in wanted if one.target not in known]


def complete(connection: Connection) -> bool:
    """Give each target its working state again, if it was lost. True if any was."""
    return connection.execute(_COMPLETE).rowcount > 0


def make_due(connection: Connection, target_id: int, at: int) -> None:
    """Make a target due at a time (ms since 1970) or before it. The caller holds `Database.serialise`."""
    complete(connection)
    connection.execute(_ONE_EARLIER, {"target_id": target_id, "at": at, "due_ms": at})


def make_all_due(connection: Connection, *, now: float) -> None:
    """Make all watched targets due now. The caller holds `Database.serialise`."""
    complete(connection)
    connection.execute(_ALL_EARLIER, {"at": ms(now), "due_ms": ms(now)})


def unwatch(database: Database, target: str, *, now: float) -> bool:
    """Stop watching a target. Its records stay. False if it was not watched."""
    with writing(database, ms(now)) as writer:
        known = writer.connection.execute(_NAMED, {"target": target}).first()
        if known is None or not known.active:
            return False
        writer.add(TargetDropped, target=target)
        return True


def targets(database: Database) -> list[str]:
    """The watched targets, oldest first."""
    return [one.target for one in watched(database)]


def watched(database: Database) -> list[Watched]:
    """The watched targets, oldest first."""
    with database.read() as connection:
        rows = connection.execute(_WATCHED)
        return [Watched(r.target, r.interval_s, r.due_ms / 1000) for r in rows]


def check_policy(database: Database, targets: Sequence[str], policy: Policy) -> None:
    """Raise `Misuse` if one of these targets is watched with another policy."""
    with database.read() as connection:
        _check_policy(connection, targets, policy)


def _check_policy(connection: Connection, targets: Sequence[str], policy: Policy) -> None:
    other = connection.execute(_OF_ANOTHER, {"targets": list(targets), **policy.parameters}).first()
    if other is not None:
        raise Misuse(
            f"is watched with another policy in this home: {other.policy_path}, not {policy.path}",
            where=other.target,
            remedy="name a home of its own with --home; or, where the new policy replaces the other one, "
            f"'anchor reverify --forget {shlex.quote(other.target)}' with the --home of this command, "
            "and then this command again",
        )


def _when(at: int, intervals: Intervals) -> dict[str, int]:
    stretch = round(1000 * intervals.stretch)
    return {"at": at, "usual": intervals.usual, "backed_off": intervals.backed_off, "stretch_ms": stretch}


def acquire(
    database: Database,
    *,
    worker: str,
    now: float,
    lease: float = LEASE,
    target: str | None = None,
    waiting: Collection[str] = (),
    alive: Alive = lambda _: None,
    intervals: Intervals = _INTERVALS,
    policy: Policy | None = None,
) -> Lease | Held | None:
    """Lease a due target and open its run, in one transaction. None if no target is due.

    With `target`, that one is leased, due or not; the result is `Held` if another worker has it. `waiting`
    names due targets that are left out, because their last run could not be saved. A target that is watched
    with another `policy` is left out too; if `target` names it, this raises `Misuse`.
    """
    asked = _Asked(worker, now, ms(lease), target, waiting, alive, intervals, policy)
    with database.write() as connection:
        found = asked.take(connection)
    if found != _INTERRUPTED:
        return found
    with writing(database, ms(now)) as writer:  # before any row of `work` is locked
        found = asked.take(writer.connection, writer)
    assert found != _INTERRUPTED
    return found


_INTERRUPTED: Final = "interrupted"
"""The target has an open run of another worker, whose end must be written down first."""


@dataclass(frozen=True)
class _Asked:
    """The wish of a worker. `lease`: milliseconds."""

    worker: str
    now: float
    lease: int
    target: str | None
    waiting: Collection[str]
    alive: Alive
    intervals: Intervals
    policy: Policy | None

    def take(
        self, connection: Connection, writer: Writer | None = None
    ) -> Lease | Held | Literal["interrupted"] | None:
        """Lease a target. A run that is open there ends as interrupted, by the `writer`."""
        if self.target is not None and self.policy is not None:
            _check_policy(connection, [self.target], self.policy)
        row = self._free(connection)
        if row is None and complete(connection):
            row = self._free(connection)
        if row is None:
            return _holder(connection, self.target) if self.target is not None else None
        if row["run"] is not None:
            if writer is None:
                return _INTERRUPTED
            end_interrupted(writer, row["target"], row)
        at, target_id = ms(self.now), row["claim_id"]
        run = {
            "run": secrets.token_hex(8),
            "worker": self.worker,
            "slot_ms": _slot(connection, target_id, row["due_ms"] if 0 <= row["due_ms"] <= LATEST else at),
            "started_ms": at,
            "lease_ms": at + self.lease,
        }
        connection.execute(_OPEN, {**run, "target_id": target_id})
        return Lease(target_id, str(run["run"]), row["target"], self.worker, self.now, self.policy)

    def _free(self, connection: Connection) -> RowMapping | None:
        """The free target that was named, or is due; locked on PostgreSQL."""
        at = ms(self.now)
        free = {"at": at, "far": at + 2 * self.lease, "dead": _dead(connection, self.alive)}
        if self.target is not None:
            return connection.execute(_FREE_NAMED, {**free, "target": self.target}).mappings().first()
        which = {**free, **_when(at, self.intervals), "waiting": list(self.waiting)}
        if self.policy is None:
            return connection.execute(_FREE_DUE, which).mappings().first()
        return connection.execute(_FREE_OURS, {**which, **self.policy.parameters}).mappings().first()


def end_interrupted(writer: Writer, target: str, work: RowMapping) -> None:
    """Write down that the open run in this row of `work` was interrupted."""
    writer.add(
        RunEnded,
        target=target,
        worker=work["worker"] or "",
        state="interrupted",
        slot=time(_dated(work["slot_ms"])),
        started=time(_dated(work["started_ms"])),
    )


def _dated(at: int | None) -> int:
    """A time of working state as one that an event can have: somebody may have edited it."""
    return min(max(at or 0, 0), LATEST)


def renew(database: Database, held: Lease, *, now: float, lease: float = LEASE) -> bool:
    """Extend a lease. False if another worker has taken the target over."""
    with database.write() as connection:
        change = {"target_id": held.target_id, "of_run": held.run, "lease_ms": ms(now) + ms(lease)}
        return connection.execute(_MINE, change).rowcount == 1


def abandon_run(database: Database, held: Lease, *, now: float) -> None:
    """End a run that could not be made, as interrupted. Its target stays due."""
    with writing(database, ms(now)) as writer:
        mine = {"target_id": held.target_id, "of_run": held.run}
        work = writer.connection.execute(_LEASED, mine).mappings().first()
        if work is not None and writer.connection.execute(_MINE, {**mine, **FREE}).rowcount:
            end_interrupted(writer, held.target, work)


def end_run(connection: Connection, held: Lease, due: int) -> bool:
    """End the lease of a run that is saved; its target is due at a time (ms since 1970). False if another
    worker has taken the target over."""
    change = {"target_id": held.target_id, "of_run": held.run, **FREE, "due_ms": due}
    return connection.execute(_MINE, change).rowcount == 1


def _dead(connection: Connection, alive: Alive) -> Sequence[str]:
    rows = connection.execute(_WORKERS)
    return [r[0] for r in rows if r[0] is not None and alive(r[0]) is False]


def _holder(connection: Connection, target: str) -> Held | None:
    row = connection.execute(_HOLDER, {"target": target}).first()
    if row is None:
        return None
    return Held(row.worker or "another worker", (row.lease_ms or 0) / 1000)


def _slot(connection: Connection, target_id: int, wanted: int) -> int:
    """The slot of this run: the due time, or the next free slot if a finished run has that one."""
    taken = {r[0] for r in connection.execute(_ANSWERED, {"target_id": target_id, "slot": wanted})}
    while wanted in taken:
        wanted += 1
    return wanted
