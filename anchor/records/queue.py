# SPDX-License-Identifier: Apache-2.0
"""The queue of watched targets: each due target goes to exactly one worker.

PostgreSQL ensures that by FOR UPDATE SKIP LOCKED, SQLite by its single writer. A worker holds a target by a
lease. The lease of a dead worker ends when its time is over, or at once if the worker is known to be dead.
Its run is then marked as interrupted. `store.py` saves a run under the same lease.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Misuse
from anchor.records import audit_log, hash_chain
from anchor.records.database import Database
from anchor.records.intervals import Intervals
from anchor.records.tables import Run, Target

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
    Target.run_id.is_(None),
    Target.lease_ms < _AT,
    Target.lease_ms > _FAR,  # a wrong clock must not lease a target for years
    Target.worker.in_(sa.bindparam("dead", expanding=True)),
)
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
        Target.due_ms <= _AT,
        Target.due_ms > _AT + _LONGEST,
        Target.last_run_ms > _AT + round(1000 * BACK),
    ),
)
_FREE_TARGET = (
    sa.select(Target.id, Target.target, Target.due_ms, Target.run_id)
    .where(_FREE)
    .order_by(Target.due_ms, Target.id)
    .limit(1)
    .with_for_update(skip_locked=True)
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
_WORKERS = sa.select(Target.worker).where(Target.run_id.is_not(None)).distinct()
_HOLDER = sa.select(Target.worker, Target.lease_ms).where(Target.target == sa.bindparam("target"))
_ANSWERED = sa.select(Run.slot_ms).where(
    Run.claim_id == sa.bindparam("target_id"), Run.state == "finished", Run.slot_ms >= sa.bindparam("slot")
)
_NAMED = sa.select(Target.__table__).where(Target.target == sa.bindparam("target"))
_WATCHED = (
    sa.select(Target.target, Target.interval_s, Target.due_ms).where(Target.active == 1).order_by(Target.id)
)
_ADD = sa.insert(Target).returning(Target.id)
_OPEN = sa.insert(Run).returning(Run.id)
_CHANGE = sa.update(Target).where(Target.id == sa.bindparam("target_id"))
_MINE = _CHANGE.where(Target.run_id == sa.bindparam("run"))

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
    run_id: int
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
    with database.write() as connection:
        database.serialise(connection)
        return [_watch(connection, target, ms(now), interval) for target in targets]


def _watch(connection: Connection, target: str, at: int, interval: int | None) -> int:
    known = connection.execute(_NAMED, {"target": target}).mappings().first()
    if known is not None:
        wanted = known["interval_s"] if interval is None else interval
        if (known["active"], known["interval_s"]) != (1, wanted):
            change = {"active": 1, "interval_s": wanted}
            if wanted != known["interval_s"]:
                change["due_ms"] = min(known["due_ms"], at + ms(wanted))
            connection.execute(_CHANGE, {**change, "target_id": known["id"]})
            audit_log.write(connection, Target, {**known, **change}, at)
        return int(known["id"])
    row = {
        "target": target,
        "active": 1,
        "interval_s": interval,
        "added_ms": at,
        "due_ms": at,
        "failing_runs": 0,
        "notified": "OK",
    }
    added = int(connection.execute(_ADD, row).scalar_one())
    audit_log.write(connection, Target, {**row, "id": added}, at)
    return added


def watch_missing(database: Database, wanted: Sequence[Watched], *, now: float) -> list[str]:
    """Watch the targets that the records do not know, with their intervals; returns those."""
    known = set(_all(database))
    missing = [one for one in wanted if one.target not in known]
    if missing:
        with database.write() as connection:
            database.serialise(connection)
            for one in missing:
                _watch(connection, one.target, ms(now), one.interval)
    return [one.target for one in missing]


def make_all_due(connection: Connection, *, now: float) -> None:
    """Make all watched targets due now, in the caller's transaction."""
    later = sa.update(Target).where(Target.active == 1, Target.due_ms > ms(now))
    connection.execute(later, {"due_ms": ms(now)})


def unwatch(database: Database, target: str, *, now: float) -> bool:
    """Stop watching a target. Its records stay. False if it was not watched."""
    with database.write() as connection:
        database.serialise(connection)
        known = connection.execute(_NAMED, {"target": target}).mappings().first()
        if known is None or not known["active"]:
            return False
        change = {"active": 0, "policy_path": None, "policy_sha256": None}
        connection.execute(_CHANGE, {"target_id": known["id"], **change})
        audit_log.write(connection, Target, {**known, "active": 0}, ms(now))
        return True


def targets(database: Database) -> list[str]:
    """The watched targets, oldest first."""
    return [one.target for one in watched(database)]


def watched(database: Database) -> list[Watched]:
    """The watched targets, oldest first."""
    with database.read() as connection:
        rows = connection.execute(_WATCHED)
        return [Watched(r.target, r.interval_s, r.due_ms / 1000) for r in rows]


def _all(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.select(Target.target)).scalars())


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
            f"anchor reverify --forget {other.target}, and then this command again",
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
    at = ms(now)
    with database.write() as connection:
        free = {"at": at, "far": at + 2 * ms(lease), "dead": _dead(connection, alive)}
        ours = {} if policy is None else policy.parameters
        if target is not None:
            if policy is not None:
                _check_policy(connection, [target], policy)
            row = connection.execute(_FREE_NAMED, {**free, "target": target}).first()
        else:
            which = {**_when(at, intervals), "waiting": list(waiting), **ours}
            row = connection.execute(_FREE_DUE if policy is None else _FREE_OURS, {**free, **which}).first()
        if row is None:
            return _holder(connection, target) if target is not None else None
        if row.run_id is not None:
            hash_chain.end_run(database, connection, row.run_id, {"state": "interrupted", "ended_ms": at})
        run = {
            "claim_id": row.id,
            "slot_ms": _slot(connection, row.id, row.due_ms),
            "worker": worker,
            "state": "running",
            "started_ms": at,
        }
        run_id = int(connection.execute(_OPEN, run).scalar_one())
        held = {"target_id": row.id, "run_id": run_id, "worker": worker, "lease_ms": at + ms(lease)}
        connection.execute(_CHANGE, held)
        return Lease(row.id, run_id, row.target, worker, now, policy)


def renew(database: Database, held: Lease, *, now: float, lease: float = LEASE) -> bool:
    """Extend a lease. False if another worker has taken the target over."""
    with database.write() as connection:
        change = {"target_id": held.target_id, "run": held.run_id, "lease_ms": ms(now) + ms(lease)}
        return connection.execute(_MINE, change).rowcount == 1


def abandon_run(database: Database, held: Lease, *, now: float) -> None:
    """End a run that could not be made, as interrupted. Its target stays due."""
    with database.write() as connection:
        change = {
            "target_id": held.target_id,
            "run": held.run_id,
            "run_id": None,
            "worker": None,
            "lease_ms": None,
        }
        if connection.execute(_MINE, change).rowcount:
            hash_chain.end_run(
                database, connection, held.run_id, {"state": "interrupted", "ended_ms": ms(now)}
            )


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
