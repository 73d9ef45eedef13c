# SPDX-License-Identifier: Apache-2.0
"""The fold: the rows of the projections that an event makes. Pure; nothing else decides what a row holds.

An event makes at most one row of a table, and the row's id is the event's index. Only the rows of targets
change afterwards, and only pruned runs go. Whoever changes what a function here makes raises the version of
its table in `VERSIONS`: the projection is then rebuilt from the events, and is nobody's fault.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from anchor.errors import Refused
from anchor.format import history_events as events
from anchor.format.history_events import AnyEvent, number_of, time_of
from anchor.records.tables import (
    PROJECTIONS,
    Accepted,
    Addressed,
    Anchor,
    AnchoredHead,
    Base,
    Checkpoint,
    EvidenceRow,
    Followed,
    NamedEntryRow,
    NameScanRow,
    Notification,
    Proof,
    Prune,
    Release,
    Run,
    Shown,
    ShownStatus,
    StatusRow,
    Target,
    Told,
    Trust,
)
from anchor.verdict import Class

VERSIONS: Mapping[str, int] = {table.__tablename__: 1 for table in PROJECTIONS}
"""The version of each projection."""
GOOD = (Class.OK, Class.WITHDRAWN)
"""Classes of runs that found the release as it was published."""
_json = msgspec.json.Encoder(order="sorted").encode


class Add(msgspec.Struct, frozen=True):
    """A new row; its id is the index of the event."""

    table: type[Base]
    row: dict[str, Any]


class Change(msgspec.Struct, frozen=True):
    """New values of a target."""

    target_id: int
    values: dict[str, Any]


class Remove(msgspec.Struct, frozen=True):
    """Runs that were pruned: each first and last id."""

    runs: list[tuple[int, int]]


Step = Add | Change | Remove


class Known(Protocol):
    """The ids of what earlier events made, by the names that events use; None if there is none."""

    def target(self, target: str) -> int | None:
        """By its text."""
        ...

    def release(self, statement: str) -> int | None:
        """By the SHA-256 of its statement."""
        ...

    def status(self, statement: str) -> int | None:
        """By the SHA-256 of its statement."""
        ...

    def trust(self, document: str) -> int | None:
        """By the SHA-256 of its document."""
        ...

    def message(self, uid: str) -> int | None:
        """By its uid."""
        ...

    def epoch(self, target_id: int) -> int:
        """How many numbers were accepted for a target."""
        ...


@dataclass
class Remembered:
    """`Known` in memory, for a replay of all events: `learn` each step in order."""

    targets: dict[str, int] = field(default_factory=dict)
    digests: dict[type[Base], dict[str, int]] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)

    def target(self, target: str) -> int | None:
        return self.targets.get(target)

    def release(self, statement: str) -> int | None:
        return self._id(Release, statement)

    def status(self, statement: str) -> int | None:
        return self._id(StatusRow, statement)

    def trust(self, document: str) -> int | None:
        return self._id(Trust, document)

    def message(self, uid: str) -> int | None:
        return self._id(Notification, uid)

    def epoch(self, target_id: int) -> int:
        return self.epochs.get(target_id, 0)

    def _id(self, table: type[Base], name: str) -> int | None:
        return self.digests.get(table, {}).get(name)

    def learn(self, step: Step) -> None:
        """Remember what a step made."""
        if not isinstance(step, Add):
            return
        if step.table is Target:
            self.targets[step.row["target"]] = step.row["id"]
        elif step.table is Accepted:
            self.epochs[step.row["claim_id"]] = step.row["epoch"]
        elif (name := _NAMED.get(step.table)) is not None:
            self.digests.setdefault(step.table, {})[step.row[name]] = step.row["id"]


_NAMED: Mapping[type[Base], str] = {
    Release: "statement_sha256",
    StatusRow: "statement_sha256",
    Trust: "digest",
    Notification: "uid",
}


def steps(event: AnyEvent, index: int, at: int, known: Known) -> list[Step]:
    """The steps of the event with this index and time (`time_of` its `at`). Raises Refused if it names what
    no event before it made, or has a decision that cannot be."""
    return _FOLDS[type(event)](event, index, at, known)


def _of(found: int | None, what: str, index: int) -> int:
    if found is None:
        raise Refused(f"event {index} names {what} that no event before it has", where="records")
    return found


def _began(event: events.RecordsBegan, index: int, at: int, known: Known) -> list[Step]:
    del event, at, known
    if index:
        raise Refused(f"event {index} begins a second history", where="records")
    return []


def _watched(event: events.TargetWatched, index: int, at: int, known: Known) -> list[Step]:
    interval = None if event.interval is None else number_of(event.interval)
    before = _before(event.before, index, known)
    target_id = known.target(event.target)
    if target_id is not None:
        return [Change(target_id, {"active": 1, "interval_s": interval})]
    row = {"id": index, "target": event.target, "active": 1, "interval_s": interval, "added_ms": at}
    return [Add(Target, {**row, **before})]


def _before(said: events.TargetBefore | None, index: int, known: Known) -> dict[str, Any]:
    """The columns of a new target that its runs change."""
    said = said or events.TargetBefore()
    release = None if said.statement is None else _of(known.release(said.statement), "a release", index)
    trust = None if said.trust is None else _of(known.trust(said.trust), "trust material", index)
    return {
        "release_id": release,
        "trust_id": trust,
        "max_run_age_s": None if said.max_run_age is None else number_of(said.max_run_age),
        "last_class": said.last_class,
        "last_run_ms": _ms(said.last_run),
        "last_good_ms": _ms(said.last_good),
        "last_finished": None,
        "decided_due_ms": None,
        "failing_runs": number_of(said.failing_runs),
        "failing_since_ms": _ms(said.failing_since),
        "notified": said.notified,
        "alarm": said.alarm,
        "policy_path": said.policy,
        "policy_sha256": said.policy_sha256,
    }


def _ms(text: str | None) -> int | None:
    return None if text is None else time_of(text)


def _dropped(event: events.TargetDropped, index: int, at: int, known: Known) -> list[Step]:
    del at
    target_id = _of(known.target(event.target), "a target", index)
    return [Change(target_id, {"active": 0, "policy_path": None, "policy_sha256": None})]


def _release(event: events.ReleaseSeen, index: int, at: int, known: Known) -> list[Step]:
    del known
    row = {
        "id": index,
        "ledger": event.ledger,
        "number": number_of(event.number),
        "version": event.version,
        "root": event.root,
        "size": number_of(event.size),
        "statement_sha256": event.statement,
        "seen_ms": at,
    }
    return [Add(Release, row)]


def _bundle(event: events.BundleSeen, index: int, at: int, known: Known) -> list[Step]:
    row = {
        "id": index,
        "release_id": _of(known.release(event.statement), "a release", index),
        "origin": event.origin,
        "log_key": event.log_key,
        "log_index": number_of(event.log_index),
        "bundle_sha256": event.bundle,
        "time": event.time,
        "seen_ms": at,
    }
    return [Add(Anchor, row)]


def _shown(event: events.ReleaseShown, index: int, at: int, known: Known) -> list[Step]:
    target_id = _of(known.target(event.target), "a target", index)
    release_id = _of(known.release(event.statement), "a release", index)
    row = {"id": index, "claim_id": target_id, "epoch": known.epoch(target_id), "release_id": release_id}
    return [Add(Shown, {**row, "seen_ms": at})]


def _accepted(event: events.NumberAccepted, index: int, at: int, known: Known) -> list[Step]:
    target_id = _of(known.target(event.target), "a target", index)
    row = {
        "id": index,
        "claim_id": target_id,
        "epoch": known.epoch(target_id) + 1,
        "ledger": event.ledger,
        "number": number_of(event.number),
        "who": event.who,
        "reason": event.reason,
        "at_ms": at,
    }
    return [Add(Accepted, row)]


def _status(event: events.StatusSeen, index: int, at: int, known: Known) -> list[Step]:
    del known
    row = {
        "id": index,
        "ledger": event.ledger,
        "sequence": number_of(event.sequence),
        "statement_sha256": event.statement,
        "bundles": _json(event.bundles).decode(),
        "time": event.time,
        "seen_ms": at,
    }
    return [Add(StatusRow, row)]


def _status_shown(event: events.StatusShown, index: int, at: int, known: Known) -> list[Step]:
    status = None if event.statement is None else _of(known.status(event.statement), "a status", index)
    row = {
        "id": index,
        "claim_id": _of(known.target(event.target), "a target", index),
        "ledger": event.ledger,
        "sequence": number_of(event.sequence),
        "status_id": status,
        "seen_ms": at,
    }
    return [Add(ShownStatus, row)]


def _log(event: events.LogFollowed | events.LogDropped, index: int, at: int, known: Known) -> list[Step]:
    row = {
        "id": index,
        "claim_id": _of(known.target(event.target), "a target", index),
        "origin": event.origin,
        "log_key": event.log_key,
        "active": int(isinstance(event, events.LogFollowed)),
        "who": event.who,
        "reason": event.reason,
        "at_ms": at,
    }
    return [Add(Followed, row)]


def _checkpoint(event: events.CheckpointSeen, index: int, at: int, known: Known) -> list[Step]:
    del known
    row = {
        "id": index,
        "origin": event.origin,
        "log_key": event.log_key,
        "size": number_of(event.size),
        "root": event.root,
        "note_sha256": event.note,
        "source": event.source,
        "seen_ms": at,
    }
    return [Add(Checkpoint, row)]


def _proof(event: events.ConsistencyProven, index: int, at: int, known: Known) -> list[Step]:
    del known
    row = {
        "id": index,
        "origin": event.origin,
        "old_size": number_of(event.old_size),
        "old_root": event.old_root,
        "new_size": number_of(event.new_size),
        "new_root": event.new_root,
        "seen_ms": at,
    }
    return [Add(Proof, row)]


def _evidence(event: events.EvidenceFound, index: int, at: int, known: Known) -> list[Step]:
    del known
    row = {"id": index, "kind": event.evidence, "origin": event.origin, "digest": event.document}
    return [Add(EvidenceRow, {**row, "found_ms": at})]


def _trust(event: events.TrustChanged, index: int, at: int, known: Known) -> list[Step]:
    del known
    return [Add(Trust, {"id": index, "digest": event.document, "seen_ms": at})]


def _read(event: events.LogRead, index: int, at: int, known: Known) -> list[Step]:
    del known
    row = {
        "id": index,
        "origin": event.origin,
        "log_key": event.log_key,
        "watch": event.watch,
        "start_index": number_of(event.start),
        "end_index": number_of(event.end),
        "size": number_of(event.size),
        "claimed": number_of(event.claimed),
        "surplus": number_of(event.surplus),
        "unreadable": number_of(event.unreadable),
        "seen_ms": at,
    }
    return [Add(NameScanRow, row)]


def _entry(event: events.EntryFound, index: int, at: int, known: Known) -> list[Step]:
    del known
    row = {
        "id": index,
        "origin": event.origin,
        "log_key": event.log_key,
        "watch": event.watch,
        "log_index": number_of(event.log_index),
        "digest": event.digest,
        "certified": int(event.certified),
        "identity": event.identity,
        "issuer": event.issuer,
        "body_sha256": event.body,
        "seen_ms": at,
    }
    return [Add(NamedEntryRow, row)]


def _run(event: events.RunEnded, index: int, at: int, known: Known) -> list[Step]:
    target_id = _of(known.target(event.target), "a target", index)
    release = None if event.statement is None else _of(known.release(event.statement), "a release", index)
    trust = None if event.trust is None else _of(known.trust(event.trust), "trust material", index)
    row = {
        "id": index,
        "claim_id": target_id,
        "slot_ms": time_of(event.slot),
        "worker": event.worker,
        "state": event.state,
        "started_ms": time_of(event.started),
        "ended_ms": at,
        "verdict": event.verdict,
        "release_id": release,
        "trust_id": trust,
        "duration_ms": number_of(event.duration_ms),
        "requests": number_of(event.requests),
        "detail": _detail(event),
    }
    added = Add(Run, row)
    if event.state != "finished":
        return [added]
    return [added, Change(target_id, _after(event, index, at, release, trust))]


def _detail(event: events.RunEnded) -> str:
    """Name and detail of the first check that gave the verdict; "" if there is none."""
    for check in event.checks:
        if check.demotes == event.verdict:
            return f"{check.name}: {check.detail}"
    return ""


def _after(
    event: events.RunEnded, index: int, at: int, release: int | None, trust: int | None
) -> dict[str, Any]:
    """The columns of a target that a finished run changes."""
    values: dict[str, Any] = {"last_class": event.verdict, "last_run_ms": at, "last_finished": index}
    if event.verdict in GOOD:
        values["last_good_ms"] = at
    if release is not None:
        values["release_id"] = release
    if trust is not None:
        values["trust_id"] = trust
    if event.max_run_age is not None or trust is not None:  # otherwise nobody could read the policy
        values["max_run_age_s"] = None if event.max_run_age is None else number_of(event.max_run_age)
    if event.decided is not None:
        values |= _decided(event.decided, index)
        values |= {
            "alarm": event.alarm,
            "policy_path": event.policy,
            "policy_sha256": event.policy_sha256,
        }
    return values


def _decided(decided: Mapping[str, Any], index: int) -> dict[str, Any]:
    """The columns of a target that a decision changes. It has no type, so anything may be in its place."""
    try:
        return {
            "decided_due_ms": number_of(decided["due_ms"]),
            "failing_runs": decided["failing_runs"],
            "failing_since_ms": decided["failing_since_ms"],
            "notified": decided["told"],
        }
    except (KeyError, TypeError, ValueError):
        raise Refused(f"event {index} has a decision that no program wrote", where="records") from None


def _owed(event: events.MessageOwed, index: int, at: int, known: Known) -> list[Step]:
    row = {
        "id": index,
        "uid": event.uid,
        "claim_id": None if event.target is None else _of(known.target(event.target), "a target", index),
        "verdict": event.verdict,
        "title": event.title,
        "body": event.body,
        "created_ms": at,
        "details": None if event.details is None else _json(event.details).decode(),
    }
    return [Add(Notification, row)]


def _addressed(event: events.MessageAddressed, index: int, at: int, known: Known) -> list[Step]:
    message_id = _of(known.message(event.uid), "a message", index)
    row = {"id": index, "notification_id": message_id, "receiver": event.receiver, "at_ms": at}
    return [Add(Addressed, row)]


def _told(event: events.MessageTold | events.MessageGivenUp, index: int, at: int, known: Known) -> list[Step]:
    row = {
        "id": index,
        "notification_id": _of(known.message(event.uid), "a message", index),
        "receiver": event.receiver,
        "state": "sent" if isinstance(event, events.MessageTold) else "gone",
        "at_ms": at,
    }
    return [Add(Told, row)]


def _pruned(event: events.RecordsPruned, index: int, at: int, known: Known) -> list[Step]:
    del known
    row = {"id": index, "counts": _json(event.counts).decode(), "pruned_ms": at}
    return [Add(Prune, row), Remove([(number_of(first), number_of(last)) for first, last in event.runs])]


def _head(event: events.HeadAnchored, index: int, at: int, known: Known) -> list[Step]:
    del known
    row = {
        "id": index,
        "size": number_of(event.size),
        "root": event.root,
        "statement_sha256": event.statement,
        "bundles": _json(event.bundles).decode(),
        "at_ms": at,
    }
    return [Add(AnchoredHead, row)]


_FOLDS: Mapping[type[events.Event], Callable[[Any, int, int, Known], list[Step]]] = {
    events.RecordsBegan: _began,
    events.TargetWatched: _watched,
    events.TargetDropped: _dropped,
    events.ReleaseSeen: _release,
    events.BundleSeen: _bundle,
    events.ReleaseShown: _shown,
    events.NumberAccepted: _accepted,
    events.StatusSeen: _status,
    events.StatusShown: _status_shown,
    events.LogFollowed: _log,
    events.LogDropped: _log,
    events.CheckpointSeen: _checkpoint,
    events.ConsistencyProven: _proof,
    events.EvidenceFound: _evidence,
    events.TrustChanged: _trust,
    events.LogRead: _read,
    events.EntryFound: _entry,
    events.RunEnded: _run,
    events.MessageOwed: _owed,
    events.MessageAddressed: _addressed,
    events.MessageTold: _told,
    events.MessageGivenUp: _told,
    events.RecordsPruned: _pruned,
    events.HeadAnchored: _head,
}
