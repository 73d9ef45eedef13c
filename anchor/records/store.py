# SPDX-License-Identifier: Apache-2.0
"""Keeps what a run found: release, anchors, trust, checkpoints, proofs, evidence, checks, the run's end, the
next due time and the alarm, all in one transaction or not at all.

Evidence of misbehaviour is also kept on its own, before anything else happens (`preserve`).
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
    Outcome,
    SeenAnchor,
    SeenRelease,
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
    """The column of the row whose key columns have the values of the parameters of their names."""
    columns = column.class_.__table__.c
    return sa.select(column).where(*(columns[name] == sa.bindparam(name) for name in key))


# Statements are built once, with named parameters: to build one costs eight times what it costs to run it.
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
"""Claims of later releases of the ledger of a release."""


@dataclass(frozen=True)
class RunRules:
    """What is decided outside the records: when to look again, when to tell, and whom."""

    intervals: Intervals = field(default_factory=Intervals)
    alarm_rule: alarm.Rule = field(default_factory=alarm.Rule)
    receivers: tuple[str, ...] = ()
    """Digests of the receivers that are configured now (`alarm.receiver_id`)."""


@dataclass(frozen=True)
class SavedRun:
    """What keeping a run came to."""

    seq: int
    chain: bytes
    due: float
    message: str | None
    """The uid of the message that went to the outbox."""
    suppressed: bool
    """UNAVAILABLE for what may pass, not yet told, and a good run is young enough to stand for it."""


def preserve(
    database: Database, checkpoints: Sequence[SignedCheckpoint], evidence: Sequence[Evidence], *, now: float
) -> None:
    """Keep signed notes and the evidence they are, at once and whatever becomes of the run."""
    with database.write() as connection:
        database.serialise(connection)
        _checkpoints(database, connection, checkpoints, ms(now), limited=False)
        _evidence(database, connection, evidence, ms(now))


def save_run(database: Database, lease: Lease, outcome: Outcome, *, now: float, rules: RunRules) -> SavedRun:
    """Keep a finished run. Raises Unavailable when another worker has taken it over: then nothing is kept."""
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
    outcome: Outcome,
    release_id: int | None,
    rules: RunRules,
    now: float,
    lease: Lease,
) -> tuple[decision.Decision, dict[str, Any]]:
    """What is decided with a run, and the claim's new state; the message goes to the outbox."""
    found, release = outcome.verdict.verdict, release_id or watched["release_id"]
    standing, told = _told(connection, watched, outcome, rules, now, lease.run_id)
    next_due = rules.intervals.next_due(
        target=watched["target"],
        now=now,
        interval=watched["interval_s"],
        newest=_newest(connection, release, watched["id"]),
        failing_runs=standing.failing_runs if found is Class.UNAVAILABLE else 0,
    )
    read = outcome.max_run_age is not None or outcome.trust is not None  # else the policy says nothing now
    decided = {
        "due_ms": ms(next_due),
        "failing_runs": standing.failing_runs,
        "failing_since_ms": None if standing.failing_since is None else ms(standing.failing_since),
        "notified": standing.told,
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
        "last_class": str(found),
        "last_run_ms": ms(now),
        "last_good_ms": ms(now) if found is Class.OK else watched["last_good_ms"],
        "notified": str(standing.told),
        "alarm": remembered,
    }
    settled = decision.Decision(
        **decided,  # type: ignore[arg-type]  # of these types
        rule=decision.Rule(interval=watched["interval_s"], intervals=rules.intervals, alarm=rules.alarm_rule),
        furthest_ms=ms(rules.intervals.furthest(watched["interval_s"])),
        alarm=decision.digest(remembered),
        message=told,
        policy=policy["policy_path"],
    )
    return settled, state


def _policy(watched: Mapping[str, Any], lease: Lease) -> dict[str, str | None]:
    """The policy that the target is watched with from now on: its path stays, what it says may change."""
    stays = {"policy_path": watched["policy_path"], "policy_sha256": watched["policy_sha256"]}
    if lease.policy is None or watched["policy_path"] not in (None, lease.policy.path):
        return stays
    digest = lease.policy.digest or watched["policy_sha256"]
    return {"policy_path": lease.policy.path, "policy_sha256": digest}


def _told(
    connection: Connection,
    watched: Mapping[str, Any],
    outcome: Outcome,
    rules: RunRules,
    now: float,
    run_id: int,
) -> tuple[alarm.Standing, str | None]:
    """Who was told of what after this run, and the uid of the message that goes to the outbox, if any."""
    before = decision.standing(watched)
    ends = outcome.verdict.verdict is Class.OK and before.said is not Class.OK
    accused = ends and outbox.told(connection, watched["id"], Class.EQUIVOCATION)
    seen = alarm.seen(outcome.verdict, outcome.evidence, never_damp=outcome.never_damp)
    standing, news = alarm.after(before, seen, now=now, rule=rules.alarm_rule, accused=accused)
    if news is None:
        return standing, None
    uid = outbox.uid_of(run_id, watched["id"], watched["target"], ms(now))
    when = rfc3339(datetime.fromtimestamp(now, UTC))
    message = alarm.message(watched["target"], news, outcome, when=when, uid=uid)
    outbox.post(connection, message, target_id=watched["id"], now=now, receivers=rules.receivers)
    return standing, uid


def _suppressed(
    outcome: Outcome, settled: decision.Decision, state: Mapping[str, Any], rules: RunRules
) -> bool:
    """Whether a run counts as good: UNAVAILABLE for what may pass, not yet told, a good run being young."""
    good, age = state["last_good_ms"], rules.intervals.age(state["max_run_age_s"])
    young = good is not None and 0 <= state["last_run_ms"] - good <= ms(age)
    weather = outcome.verdict.verdict is Class.UNAVAILABLE and not outcome.never_damp
    return weather and settled.notified is Class.OK and young


def _newest(connection: Connection, release_id: int | None, target_id: int) -> bool:
    """Whether no watched target shows a later release of the same ledger."""
    if release_id is None:
        return True
    return connection.execute(_LATER, {"target_id": target_id, "release": release_id}).first() is None


def _checks(outcome: Outcome) -> list[dict[str, Any]]:
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
    found = _find(connection, table, key)
    if found is None:
        row = {**key, **rest}
        found = connection.execute(_INSERT[table], row).scalar_one()
        if table in audit_log.COLUMNS:
            audit_log.write(connection, table, {**row, "id": found}, rest["seen_ms"])
    return int(found)


def _shown(connection: Connection, seen: SeenRelease, at: int, target_id: int) -> int:
    """Keep a release that was verified at a target; its id."""
    release_id, new = _release(connection, seen, at)
    followed_logs.counted(connection, target_id, seen.anchors, new, at)
    observed_releases.write(connection, target_id, release_id, at)
    return release_id


def _release(connection: Connection, seen: SeenRelease, at: int) -> tuple[int, list[SeenAnchor]]:
    """Keep a verified release; its id, and those of its anchors that are new."""
    key = {"ledger": seen.ledger, "number": seen.number, "statement_sha256": seen.digest}
    rest = {
        "version": seen.version,
        "root": seen.root,
        "size": seen.size,
        "statement": seen.statement,
        "seen_ms": at,
    }
    release_id = _insert(connection, Release, key, rest)
    new: list[SeenAnchor] = []
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
    """Keep these. `limited`: not those that none of `proofs` is about, once a log has too many such heads."""
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
            # When it was last the newest: a head that is served again after a larger one says nothing of when
            # the log had that size, and would make what it grew by since then the reference.
            top = proven_heads.newest(connection, {"origin": c.origin, "log_key": c.log_key})
            if top is not None and top["size"] > c.size:
                continue
        # A new checkpoint may find a sighting too: whoever deletes checkpoints frees their numbers.
        if not connection.execute(_SEEN_AGAIN, {"checkpoint": seq, "last_ms": at}).rowcount:
            connection.execute(_SEEN, {"seq": seq, "last_ms": at})


def _proofs(connection: Connection, outcome: Outcome, at: int) -> None:
    for p in outcome.proofs:
        key = {
            "origin": p.origin,
            "old_size": p.old_size,
            "old_root": p.old_root.hex(),
            "new_size": p.new_size,
            "new_root": p.new_root.hex(),
        }
        _insert(connection, Proof, key, {"hashes": b"".join(p.hashes), "seen_ms": at})


def _evidence(database: Database, connection: Connection, found: Sequence[Evidence], at: int) -> None:
    for e in found:
        if _find(connection, EvidenceRow, {"digest": e.digest}) is None:
            row = {"kind": e.kind, "origin": e.origin, "digest": e.digest, "document": e.document}
            hash_chain.append(database, connection, EvidenceRow, {**row, "found_ms": at})
