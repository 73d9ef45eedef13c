# SPDX-License-Identifier: Apache-2.0
"""Saves a run in one transaction or not at all.

That is its release, anchors, trust, checkpoints, proofs, evidence and checks, what it read of whole logs, its
end, the next due time and the alarm. Each is an event.

Evidence is also saved on its own, before anything else happens (`preserve`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from anchor.encoding import rfc3339_of
from anchor.errors import Unavailable
from anchor.format.history_events import (
    BundleSeen,
    CheckpointSeen,
    CheckResult,
    ConsistencyProven,
    EvidenceFound,
    ReleaseSeen,
    RunEnded,
    TrustChanged,
    time,
)
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
    decision,
    event_log,
    followed_logs,
    name_scans,
    observed_releases,
    observed_statuses,
    outbox,
    proven_heads,
    queue,
)
from anchor.records.database import Database
from anchor.records.fold import GOOD
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
    Work,
)
from anchor.records.writer import Writer, writing
from anchor.verdict import Class


def _with(column: Any, *key: str) -> sa.Select[Any]:
    """Select a column by key columns; each parameter has the name of its column."""
    columns = column.table.c
    return sa.select(column).where(*(columns[name] == sa.bindparam(name) for name in key))


# Statements are built once, with named parameters: building one costs eight times as much as running it.
_KNOWN: Mapping[type[Base], sa.Select[Any]] = {
    Anchor: _with(Anchor.id, "release_id", "origin", "bundle_sha256"),
    Proof: _with(Proof.id, "origin", "old_size", "old_root", "new_size", "new_root"),
    Checkpoint: _with(Checkpoint.id, "origin", "size", "root"),
    EvidenceRow: _with(EvidenceRow.id, "digest"),
}
_HELD = (
    sa.select(Target.__table__, Work.slot_ms, Work.started_ms)
    .join(Work, Work.claim_id == Target.id)
    .where(Target.id == sa.bindparam("target_id"), Work.run == sa.bindparam("of_run"))
)
"""The target of a lease, while that lease holds."""
_ACCUSATIONS = sa.select(sa.func.count()).select_from(EvidenceRow)
_SEEN = sa.insert(Sighting)
_SEEN_AGAIN = sa.update(Sighting).where(Sighting.id == sa.bindparam("checkpoint"))
_SHOWN = sa.select(Release.ledger, Release.number).where(Release.id == sa.bindparam("release")).subquery()
_RELEASE = sa.select(Release.ledger, Release.number, Release.version).where(
    Release.id == sa.bindparam("release", type_=sa.BigInteger())
)
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

    index: int
    """Of its event."""
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
    with writing(database, ms(now)) as writer:
        _checkpoints(writer, checkpoints, limited=False)
        _evidence(writer, evidence)


def save_run(
    database: Database, lease: Lease, outcome: RunRecord, *, now: float, rules: RunRules
) -> SavedRun:
    """Save a finished run. If another worker has taken it over, this raises Unavailable and saves nothing."""
    with writing(database, ms(now)) as writer:
        held = {"target_id": lease.target_id, "of_run": lease.run}
        watched = writer.connection.execute(_HELD, held).mappings().first()
        if watched is None:
            raise Unavailable("another worker has taken this run over", where=lease.target)
        writer.known.found(watched["target"], watched["id"])
        release_id = _shown(writer, watched["target"], outcome.release) if outcome.release else None
        for earlier in outcome.earlier:
            _release(writer, earlier)
        if outcome.status is not None:
            observed_statuses.write(writer, watched["target"], outcome.status)
        _checkpoints(writer, outcome.checkpoints, proofs=outcome.proofs)
        _proofs(writer, outcome.proofs)
        _evidence(writer, outcome.evidence)
        for found in outcome.scans:
            name_scans.write(writer, found)
        trust = _trust(writer, outcome.trust)
        standing, message = _notify(writer, watched, outcome, rules, now, lease.run)
        settled = _settled(writer.connection, watched, outcome, release_id, rules, now, standing)
        remembered = msgspec.json.encode(standing).decode()
        decided = decision.Decision(
            **settled, alarm=decision.digest(remembered), message=message, policy=_policy(watched, lease)[0]
        )
        index = _end(writer, watched, lease, outcome, trust, decided, remembered)
        if not queue.end_run(writer.connection, lease, decided.due_ms):
            raise Unavailable("this run has ended already", where=lease.target)
        suppressed = _suppressed(watched, outcome, decided, rules, writer.at_ms)
        return SavedRun(index, decided.due_ms / 1000, message, suppressed=suppressed)


def _end(
    writer: Writer,
    watched: RowMapping,
    lease: Lease,
    outcome: RunRecord,
    trust: str | None,
    decided: decision.Decision,
    remembered: str,
) -> int:
    """Write down the end of a run; returns the index of its event."""
    policy_path, policy_digest = _policy(watched, lease)
    verdict = outcome.verdict
    return writer.add(
        RunEnded,
        target=watched["target"],
        worker=lease.worker,
        state="finished",
        slot=time(watched["slot_ms"]),
        started=time(watched["started_ms"]),
        verdict=str(verdict.verdict),
        statement=outcome.release.digest if outcome.release else None,
        trust=trust,
        duration_ms=ms(outcome.duration),
        requests=outcome.requests,
        facts=verdict.facts,
        notes=verdict.notes,
        checks=_checks(outcome),
        max_run_age=outcome.max_run_age,
        decided=decision.written(decided),
        alarm=remembered,
        policy=policy_path,
        policy_sha256=policy_digest,
    )


def _settled(
    connection: Connection,
    watched: RowMapping,
    outcome: RunRecord,
    release_id: int | None,
    rules: RunRules,
    now: float,
    standing: alarm.Standing,
) -> dict[str, Any]:
    """The members of the decision that follow from the rules."""
    verdict, interval = outcome.verdict.verdict, watched["interval_s"]
    next_due = rules.intervals.next_due(
        target=watched["target"],
        now=now,
        interval=interval,
        newest=_newest(connection, release_id or watched["release_id"], watched["id"]),
        failing_runs=standing.failing_runs if verdict is Class.UNAVAILABLE else 0,
    )
    return {
        "due_ms": ms(next_due),
        "failing_runs": standing.failing_runs,
        "failing_since_ms": None if standing.failing_since is None else ms(standing.failing_since),
        "notified": standing.notified,
        "rule": decision.Rule(interval=interval, intervals=rules.intervals, alarm=rules.alarm_rule),
        "furthest_ms": ms(rules.intervals.furthest(interval)),
    }


def _policy(watched: RowMapping, lease: Lease) -> tuple[str | None, str | None]:
    """Path and digest of the target's policy from now on: its path stays, its bytes may change."""
    if lease.policy is None or watched["policy_path"] not in (None, lease.policy.path):
        return watched["policy_path"], watched["policy_sha256"]
    return lease.policy.path, lease.policy.digest or watched["policy_sha256"]


def _notify(
    writer: Writer,
    watched: RowMapping,
    outcome: RunRecord,
    rules: RunRules,
    now: float,
    run: str,
) -> tuple[alarm.Standing, str | None]:
    """The alarm state after this run, and the uid of the message that goes to the outbox, if there is one."""
    before = decision.standing(watched)
    ends = outcome.verdict.verdict is Class.OK and before.said is not Class.OK
    accused = ends and outbox.has_notified(writer.connection, watched["id"], Class.EQUIVOCATION)
    seen = alarm.seen(outcome.verdict, outcome.evidence, never_damp=outcome.never_damp)
    standing, news = alarm.next_standing(before, seen, now=now, rule=rules.alarm_rule, accused=accused)
    if news is None:
        return standing, None
    target = watched["target"]
    uid = outbox.uid_of(run, target, writer.at_ms)
    when = rfc3339_of(now)
    shown = _last_shown(writer.connection, watched["release_id"])
    message = alarm.message(target, news, outcome, when=when, uid=uid, shown=shown)
    outbox.post(writer, message, target=target, receivers=rules.receivers)
    return standing, uid


def _last_shown(connection: Connection, release_id: int | None) -> alarm.ShownRelease | None:
    """The release that was last verified at a target, for a message about a run that verified none."""
    found = connection.execute(_RELEASE, {"release": release_id}).first()
    return (
        None
        if found is None
        else alarm.ShownRelease(ledger=found.ledger, number=found.number, version=found.version)
    )


def _suppressed(
    watched: RowMapping, outcome: RunRecord, decided: decision.Decision, rules: RunRules, at: int
) -> bool:
    """See `SavedRun.suppressed`."""
    verdict = outcome.verdict.verdict
    read = outcome.max_run_age is not None or outcome.trust is not None  # else the policy could not be read
    good = at if verdict in GOOD else watched["last_good_ms"]
    age = rules.intervals.age(outcome.max_run_age if read else watched["max_run_age_s"])
    young = good is not None and 0 <= at - good <= ms(age)
    temporary = verdict is Class.UNAVAILABLE and not outcome.never_damp
    return temporary and decided.notified is Class.OK and young


def _newest(connection: Connection, release_id: int | None, target_id: int) -> bool:
    """True if no watched target shows a later release of the same ledger."""
    if release_id is None:
        return True
    return connection.execute(_LATER, {"target_id": target_id, "release": release_id}).first() is None


def _checks(outcome: RunRecord) -> list[CheckResult]:
    return [
        CheckResult(
            name=c.name,
            state=c.state,
            detail=c.detail,
            meaning=c.meaning,
            clause=c.clause,
            demotes=str(c.demotes) if c.demotes else None,
        )
        for c in outcome.verdict.checks
    ]


def _find(connection: Connection, table: type[Base], key: Mapping[str, Any]) -> Any:
    return connection.execute(_KNOWN[table], key).scalar()


def _shown(writer: Writer, target: str, seen: ObservedRelease) -> int:
    """Save a release that was verified at a target; returns its id."""
    release_id, new = _release(writer, seen)
    followed_logs.counted(writer, target, seen.anchors, new)
    observed_releases.write(writer, target, seen.digest)
    return release_id


def _release(writer: Writer, seen: ObservedRelease) -> tuple[int, list[ObservedAnchor]]:
    """Save a verified release; returns its id, and its new anchors."""
    statement = seen.digest
    release_id = writer.known.release(statement)
    if release_id is None:
        release_id = writer.add(
            ReleaseSeen,
            ledger=seen.ledger,
            number=seen.number,
            version=seen.version,
            root=seen.root,
            size=seen.size,
            statement=writer.blob(seen.statement),
        )
    new: list[ObservedAnchor] = []
    for anchor in seen.anchors:
        digest = hashlib.sha256(anchor.bundle).hexdigest()
        key = {"release_id": release_id, "origin": anchor.origin, "bundle_sha256": digest}
        if _find(writer.connection, Anchor, key) is None:
            new.append(anchor)
            writer.add(
                BundleSeen,
                statement=statement,
                origin=anchor.origin,
                log_key=anchor.log_key,
                log_index=anchor.log_index,
                bundle=writer.blob(anchor.bundle),
                time=anchor.time,
            )
    return release_id, new


def _trust(writer: Writer, trust: Mapping[str, str] | None) -> str | None:
    """Save trust material; returns the SHA-256 of its document."""
    if trust is None:
        return None
    document = msgspec.json.encode(trust, order="sorted")
    digest = hashlib.sha256(document).hexdigest()
    if writer.known.trust(digest) is None:
        writer.add(TrustChanged, document=writer.blob(document))
    return digest


def _checkpoints(
    writer: Writer,
    seen: Sequence[SignedCheckpoint],
    *,
    proofs: Sequence[ConsistencyProof] = (),
    limited: bool = True,
) -> None:
    """Save checkpoints. `limited`: leave out one without a proof if the log has too many unproven heads."""
    connection = writer.connection
    proven = {(p.origin, p.old_size, p.old_root) for p in proofs}
    proven |= {(p.origin, p.new_size, p.new_root) for p in proofs}
    grown = {p.origin: p.new_size for p in sorted(proofs, key=lambda p: p.new_size)}
    for c in seen:
        log = {"origin": c.origin, "log_key": c.log_key}
        number = _find(connection, Checkpoint, {"origin": c.origin, "size": c.size, "root": c.root.hex()})
        if number is None:
            loose = limited and (c.origin, c.size, c.root) not in proven
            if loose and proven_heads.no_room(connection, log, c.note):
                continue
            number = writer.add(
                CheckpointSeen,
                origin=c.origin,
                log_key=c.log_key,
                size=c.size,
                root=c.root.hex(),
                note=writer.blob(c.note),
                source=c.source,
            )
        # The sighting says when a head was last served as the newest. A head that is seen after a larger one,
        # or beside it as that of a bundle is, says nothing about when the log had that size.
        top = proven_heads.newest(connection, log)
        if max(top["size"] if top is not None else 0, grown.get(c.origin, 0)) > c.size:
            continue
        # A new checkpoint may find a sighting: somebody cut off the end of the history.
        if not connection.execute(_SEEN_AGAIN, {"checkpoint": number, "last_ms": writer.at_ms}).rowcount:
            connection.execute(_SEEN, {"id": number, "last_ms": writer.at_ms})


def _proofs(writer: Writer, proofs: Sequence[ConsistencyProof]) -> None:
    for p in proofs:
        key: dict[str, Any] = {
            "origin": p.origin,
            "old_size": p.old_size,
            "old_root": p.old_root.hex(),
            "new_size": p.new_size,
            "new_root": p.new_root.hex(),
        }
        if _find(writer.connection, Proof, key) is None:
            writer.add(ConsistencyProven, **key, hashes=[h.hex() for h in p.hashes])


def _evidence(writer: Writer, evidence: Sequence[Evidence]) -> None:
    for e in evidence:
        if not _accused(writer.connection, e.digest):
            writer.add(EvidenceFound, evidence=e.kind, origin=e.origin, document=writer.blob(e.document))


def _accused(connection: Connection, digest: str) -> bool:
    """True if this evidence is in the history, even if somebody removed its row."""
    if _find(connection, EvidenceRow, {"digest": digest}) is not None:
        return True
    found = event_log.of_kind(connection, "evidence-found")
    if len(found) == connection.execute(_ACCUSATIONS).scalar_one():
        return False
    kept = event_log.events(connection, found)
    return any(isinstance(event, EvidenceFound) and event.document == digest for _, event in kept)
