# SPDX-License-Identifier: Apache-2.0
"""Saves a run in one transaction or not at all.

That is its release, anchors, trust, checkpoints, proofs, evidence and checks, its end, the next due time and
the alarm.

Evidence is also saved on its own, before anything else happens (`preserve`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.encoding import rfc3339
from anchor.errors import Unavailable
from anchor.monitor import alarm
from anchor.monitor.run_record import (
    ConsistencyProof,
    Evidence,
    ObservedAnchor,
    ObservedRelease,
    RunRecord,
    SignedCheckpoint,
)
from anchor.records import (
    audit_log,
    decision,
    followed_logs,
    hash_chain,
    observed_releases,
    outbox,
    proven_heads,
)
from anchor.records.database import Database
from anchor.records.intervals import Intervals
from anchor.records.queue import Lease, ms
from anchor.records.tables import (
    Anchor,
    Base,
    Checkpoint,
    EvidenceRow,
    Proof,
    Release,
    Sighting,
    Target,
    Trust,
)
from anchor.verdict import Class


def _with(column: Any, *key: str) -> sa.Select[Any]:
    """Select a column by key columns; each parameter has the name of its column."""
    columns = column.class_.__table__.c
    return sa.select(column).where(*(columns[name] == sa.bindparam(name) for name in key))


# Statements are built once, with named parameters: building one costs eight times as much as running it.
_KNOWN: Mapping[type[Base], sa.Select[Any]] = {
    Release: _with(Release.id, "ledger", "number", "statement_sha256"),
    Anchor: _with(Anchor.id, "release_id", "origin", "bundle_sha256"),
    Trust: _with(Trust.id, "digest"),
    Proof: _with(Proof.id, "origin", "old_size", "old_root", "new_size", "new_root"),
    Checkpoint: _with(Checkpoint.seq, "origin", "size", "root"),
    EvidenceRow: _with(EvidenceRow.seq, "digest"),
}
_NEW: tuple[type[Base], ...] = (Release, Anchor, Trust, Proof)
_INSERT = {table: sa.insert(table).returning(table.__table__.c.id) for table in _NEW}
_TARGET = sa.select(Target.__table__).where(Target.id == sa.bindparam("target_id")).with_for_update()
_SETTLE = sa.update(Target).where(Target.id == sa.bindparam("target_id"))
_SEEN = sa.insert(Sighting)
_SEEN_AGAIN = sa.update(Sighting).where(Sighting.seq == sa.bindparam("checkpoint"))
_SHOWN = sa.select(Release.ledger, Release.number).where(Release.id == sa.bindparam("release")).subquery()
_LATER = (
    sa.select(Target.id)
    .join(Release, Release.id == Target.release_id)
    .where(Target.active == 1, Target.id != sa.bindparam("target_id"))
    .where(Release.ledger == _SHOWN.c.ledger, Release.number > _SHOWN.c.number)
    .limit(1)
)
"""Other targets that show a later release of the same ledger."""


@dataclass(frozen=True)
class RunRules:
    """The rules that come with each run: when to verify again, when to notify, and whom."""

    intervals: Intervals = field(default_factory=Intervals)
    alarm_rule: alarm.Rule = field(default_factory=alarm.Rule)
    receivers: tuple[str, ...] = ()
    """Digests of the configured receivers (`alarm.receiver_id`)."""


@dataclass(frozen=True)
class SavedRun:
    """A run that was saved."""

    seq: int
    chain: bytes
    due: float
    message: str | None
    """The uid of the message that went to the outbox."""
    suppressed: bool
    """True if the run was UNAVAILABLE, nobody has been notified yet, and the last OK run is younger than
    max_run_age. `--alarm-after` then exits 0."""


def preserve(
    database: Database, checkpoints: Sequence[SignedCheckpoint], evidence: Sequence[Evidence], *, now: float
) -> None:
    """Save signed notes and the evidence that they are, at once: the run may still fail."""
    with database.write() as connection:
        database.serialise(connection)
        _checkpoints(database, connection, checkpoints, ms(now), limited=False)
        _evidence(database, connection, evidence, ms(now))


def save_run(
    database: Database, lease: Lease, outcome: RunRecord, *, now: float, rules: RunRules
) -> SavedRun:
    """Save a finished run. If another worker has taken it over, this raises Unavailable and saves nothing."""
    at = ms(now)
    with database.write() as connection:
        watched = connection.execute(_TARGET, {"target_id": lease.target_id}).mappings().first()
        if watched is None or watched["run_id"] != lease.run_id:
            raise Unavailable("another worker has taken this run over", where=lease.target)
        database.serialise(connection)
        release_id = _shown(connection, outcome.release, at, watched["id"]) if outcome.release else None
        for earlier in outcome.earlier:
            _release(connection, earlier, at)
        _checkpoints(database, connection, outcome.checkpoints, at, proofs=outcome.proofs)
        _proofs(connection, outcome, at)
        _evidence(database, connection, outcome.evidence, at)
        settled, state = _settled(connection, dict(watched), outcome, release_id, rules, now, lease)
        run = {
            "state": "finished",
            "ended_ms": at,
            "verdict": str(outcome.verdict.verdict),
            "release_id": release_id,
            "trust_id": _trust(connection, outcome.trust, at),
            "duration_ms": ms(outcome.duration),
            "requests": outcome.requests,
            "facts": msgspec.json.encode(outcome.verdict.facts).decode(),
            "notes": msgspec.json.encode(outcome.verdict.notes).decode(),
            "decided": decision.encode(settled),
        }
        seq, link = hash_chain.end_run(database, connection, lease.run_id, run, _checks(outcome))
        if not seq:
            raise Unavailable("this run has ended already", where=lease.target)
        connection.execute(_SETTLE, {**state, "target_id": lease.target_id})
        suppressed = _suppressed(outcome, settled, state, rules)
        return SavedRun(seq, link, settled.due_ms / 1000, settled.message, suppressed=suppressed)


def _settled(
    connection: Connection,
    watched: Mapping[str, Any],
    outcome: RunRecord,
    release_id: int | None,
    rules: RunRules,
    now: float,
    lease: Lease,
) -> tuple[decision.Decision, dict[str, Any]]:
    """The decision of a run, and the new state of its target. The message goes to the outbox."""
    verdict, release = outcome.verdict.verdict, release_id or watched["release_id"]
    standing, message = _notify(connection, watched, outcome, rules, now, lease.run_id)
    next_due = rules.intervals.next_due(
        target=watched["target"],
        now=now,
        interval=watched["interval_s"],
        newest=_newest(connection, release, watched["id"]),
        failing_runs=standing.failing_runs if verdict is Class.UNAVAILABLE else 0,
    )
    read = (
        outcome.max_run_age is not None or outcome.trust is not None
    )  # otherwise the policy could not be read
    decided = {
        "due_ms": ms(next_due),
        "failing_runs": standing.failing_runs,
        "failing_since_ms": None if standing.failing_since is None else ms(standing.failing_since),
        "notified": standing.notified,
    }
    remembered = msgspec.json.encode(standing).decode()
    policy = _policy(watched, lease)
    state: dict[str, Any] = {
        **decided,
        **policy,
        "run_id": None,
        "worker": None,
        "lease_ms": None,
        "release_id": release,
        "max_run_age_s": outcome.max_run_age if read else watched["max_run_age_s"],
        "last_class": str(verdict),
        "last_run_ms": ms(now),
        "last_good_ms": ms(now) if verdict is Class.OK else watched["last_good_ms"],
        "notified": str(standing.notified),
        "alarm": remembered,
    }
    settled = decision.Decision(
        **decided,  # type: ignore[arg-type]  # of these types
        rule=decision.Rule(interval=watched["interval_s"], intervals=rules.intervals, alarm=rules.alarm_rule),
        furthest_ms=ms(rules.intervals.furthest(watched["interval_s"])),
        alarm=decision.digest(remembered),
        message=message,
        policy=policy["policy_path"],
    )
    return settled, state


def _policy(watched: Mapping[str, Any], lease: Lease) -> dict[str, str | None]:
    """The policy of the target from now on: its path stays, its bytes may change."""
    stays = {"policy_path": watched["policy_path"], "policy_sha256": watched["policy_sha256"]}
    if lease.policy is None or watched["policy_path"] not in (None, lease.policy.path):
        return stays
    digest = lease.policy.digest or watched["policy_sha256"]
    return {"policy_path": lease.policy.path, "policy_sha256": digest}


def _notify(
    connection: Connection,
    watched: Mapping[str, Any],
    outcome: RunRecord,
    rules: RunRules,
    now: float,
    run_id: int,
) -> tuple[alarm.Standing, str | None]:
    """The alarm state after this run, and the uid of the message that goes to the outbox, if there is one."""
    before = decision.standing(watched)
    ends = outcome.verdict.verdict is Class.OK and before.said is not Class.OK
    accused = ends and outbox.has_notified(connection, watched["id"], Class.EQUIVOCATION)
    seen = alarm.seen(outcome.verdict, outcome.evidence, never_damp=outcome.never_damp)
    standing, news = alarm.next_standing(before, seen, now=now, rule=rules.alarm_rule, accused=accused)
    if news is None:
        return standing, None
    uid = outbox.uid_of(run_id, watched["id"], watched["target"], ms(now))
    when = rfc3339(datetime.fromtimestamp(now, UTC))
    message = alarm.message(watched["target"], news, outcome, when=when, uid=uid)
    outbox.post(connection, message, target_id=watched["id"], now=now, receivers=rules.receivers)
    return standing, uid


def _suppressed(
    outcome: RunRecord, settled: decision.Decision, state: Mapping[str, Any], rules: RunRules
) -> bool:
    """See `SavedRun.suppressed`."""
    good, age = state["last_good_ms"], rules.intervals.age(state["max_run_age_s"])
    young = good is not None and 0 <= state["last_run_ms"] - good <= ms(age)
    temporary = outcome.verdict.verdict is Class.UNAVAILABLE and not outcome.never_damp
    return temporary and settled.notified is Class.OK and young


def _newest(connection: Connection, release_id: int | None, target_id: int) -> bool:
    """True if no watched target shows a later release of the same ledger."""
    if release_id is None:
        return True
    return connection.execute(_LATER, {"target_id": target_id, "release": release_id}).first() is None


def _checks(outcome: RunRecord) -> list[dict[str, Any]]:
    return [
        {
            "position": n,
            "name": c.name,
            "state": c.state,
            "detail": c.detail,
            "meaning": c.meaning,
            "clause": c.clause,
            "demotes": str(c.demotes) if c.demotes else None,
        }
        for n, c in enumerate(outcome.verdict.checks)
    ]


def _find(connection: Connection, table: type[Base], key: Mapping[str, Any]) -> Any:
    return connection.execute(_KNOWN[table], key).scalar()


def _insert(
    connection: Connection, table: type[Base], key: Mapping[str, Any], rest: Mapping[str, Any]
) -> int:
    """The id of the row with this key, inserted if it is new. The caller holds `serialise`."""
    row_id = _find(connection, table, key)
    if row_id is None:
        row = {**key, **rest}
        row_id = connection.execute(_INSERT[table], row).scalar_one()
        if table in audit_log.COLUMNS:
            audit_log.write(connection, table, {**row, "id": row_id}, rest["seen_ms"])
    return int(row_id)


def _shown(connection: Connection, seen: ObservedRelease, at: int, target_id: int) -> int:
    """Save a release that was verified at a target; returns its id."""
    release_id, new = _release(connection, seen, at)
    followed_logs.counted(connection, target_id, seen.anchors, new, at)
    observed_releases.write(connection, target_id, release_id, at)
    return release_id


def _release(connection: Connection, seen: ObservedRelease, at: int) -> tuple[int, list[ObservedAnchor]]:
    """Save a verified release; returns its id, and its new anchors."""
    key = {"ledger": seen.ledger, "number": seen.number, "statement_sha256": seen.digest}
    rest = {
        "version": seen.version,
        "root": seen.root,
        "size": seen.size,
        "statement": seen.statement,
        "seen_ms": at,
    }
    release_id = _insert(connection, Release, key, rest)
    new: list[ObservedAnchor] = []
    for anchor in seen.anchors:
        digest = hashlib.sha256(anchor.bundle).hexdigest()
        of = {"release_id": release_id, "origin": anchor.origin, "bundle_sha256": digest}
        new += [anchor] if _find(connection, Anchor, of) is None else []
        _insert(
            connection,
            Anchor,
            of,
            {
                "log_key": anchor.log_key,
                "log_index": anchor.log_index,
                "bundle": anchor.bundle,
                "time": anchor.time,
                "seen_ms": at,
            },
        )
    return release_id, new


def _trust(connection: Connection, trust: Mapping[str, str] | None, at: int) -> int | None:
    if trust is None:
        return None
    document = msgspec.json.encode(trust, order="sorted").decode()
    digest = hashlib.sha256(document.encode()).hexdigest()
    return _insert(connection, Trust, {"digest": digest}, {"document": document, "seen_ms": at})


def _checkpoints(
    database: Database,
    connection: Connection,
    seen: Sequence[SignedCheckpoint],
    at: int,
    *,
    proofs: Sequence[ConsistencyProof] = (),
    limited: bool = True,
) -> None:
    """Save checkpoints. `limited`: leave out one without a proof if the log has too many unproven heads."""
    proven = {(p.origin, p.old_size, p.old_root) for p in proofs}
    proven |= {(p.origin, p.new_size, p.new_root) for p in proofs}
    for c in seen:
        key = {"origin": c.origin, "size": c.size, "root": c.root.hex()}
        seq = _find(connection, Checkpoint, key)
        if seq is None:
            loose = limited and (c.origin, c.size, c.root) not in proven
            if loose and proven_heads.no_room(connection, {"origin": c.origin, "log_key": c.log_key}, c.note):
                continue
            rest = {"log_key": c.log_key, "note": c.note, "source": c.source, "seen_ms": at}
            seq = hash_chain.append(database, connection, Checkpoint, {**key, **rest})
        else:
            # The sighting says when a head was last served as the newest. A head that is served again after a
            # larger one says nothing about when the log had that size.
            top = proven_heads.newest(connection, {"origin": c.origin, "log_key": c.log_key})
            if top is not None and top["size"] > c.size:
                continue
        # A new checkpoint may find a sighting: somebody deleted the checkpoint that had this number.
        if not connection.execute(_SEEN_AGAIN, {"checkpoint": seq, "last_ms": at}).rowcount:
            connection.execute(_SEEN, {"seq": seq, "last_ms": at})


def _proofs(connection: Connection, outcome: RunRecord, at: int) -> None:
    for p in outcome.proofs:
        key = {
            "origin": p.origin,
            "old_size": p.old_size,
            "old_root": p.old_root.hex(),
            "new_size": p.new_size,
            "new_root": p.new_root.hex(),
        }
        _insert(connection, Proof, key, {"hashes": b"".join(p.hashes), "seen_ms": at})


def _evidence(database: Database, connection: Connection, evidence: Sequence[Evidence], at: int) -> None:
    for e in evidence:
        if _find(connection, EvidenceRow, {"digest": e.digest}) is None:
            row = {"kind": e.kind, "origin": e.origin, "digest": e.digest, "document": e.document}
            hash_chain.append(database, connection, EvidenceRow, {**row, "found_ms": at})
