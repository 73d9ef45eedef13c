# SPDX-License-Identifier: Apache-2.0
"""The state that the records hold for the next run: checkpoints, evidence, releases, trust, the last run.

Notes, evidence and what earlier runs found are refused if they do not fit their signatures or their events.
Only `preserve` and `spend` write.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from anchor.errors import AnchorError, Refused
from anchor.format.history_events import AnyEvent, EvidenceFound, RunEnded, time_of
from anchor.format.statement import Previous, says
from anchor.monitor.interfaces import HeldCheckpoint, Unproven
from anchor.monitor.run_record import Accepted as Said
from anchor.monitor.run_record import (
    Evidence,
    FollowedLog,
    HeldNumber,
    HeldStatement,
    HeldStatus,
    NamesBefore,
    ObservedAnchor,
    ObservedRelease,
    ObservedStatus,
    PriorRun,
    ReadBefore,
    ShownStatuses,
    SignedCheckpoint,
)
from anchor.records import (
    event_log,
    fold,
    followed_logs,
    name_scans,
    observed_statuses,
    proven_heads,
    store,
)
from anchor.records.database import Database
from anchor.records.observed_releases import BY_THE_MARK
from anchor.records.queue import ms
from anchor.records.tables import (
    FINISHED,
    Accepted,
    Anchor,
    Base,
    Blob,
    Checkpoint,
    EventRow,
    EvidenceRow,
    Release,
    Run,
    Shown,
    Sighting,
    StatusRow,
    Target,
    TileRow,
    Trust,
)
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note as notes
from anchor.tlog.keys import parse_vkey
from anchor.verify.named_entry import NamedEntry

_SAME_SIZE = 8
"""How many roots of one size are read. Two of them are a contradiction already."""

# Statements are built once, with named parameters: building one costs eight times as much as running it.
_OF_SIZE = (
    proven_heads.OF_LOG.where(Checkpoint.size == sa.bindparam("size"))
    .order_by(Checkpoint.id)
    .limit(_SAME_SIZE)
)
_SEEN_LAST = sa.select(Sighting.id, Sighting.last_ms).where(
    Sighting.id.in_(sa.bindparam("ids", expanding=True))
)
_KNOWN = sa.select(Checkpoint.id).where(
    Checkpoint.origin == sa.bindparam("origin"),
    Checkpoint.size == sa.bindparam("size"),
    Checkpoint.root == sa.bindparam("root"),
)
_EVIDENCE = sa.select(EvidenceRow.__table__).order_by(EvidenceRow.id)
_OF_TARGET = Target.target == sa.bindparam("target")


def _last(*conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """The last run of a target of which these hold."""
    found = sa.select(sa.func.max(Run.id)).where(Run.claim_id == Target.id, *conditions)
    return found.correlate(Target).scalar_subquery()


_BEFORE = (
    sa.select(
        *(Run.id.label("ended"), Run.state, Run.release_id, Run.trust_id, EventRow.body, event_log.LEAF),
        *(Target.last_run_ms, Trust.digest.label("trust"), Release.__table__, Blob.data.label("statement")),
    )
    .select_from(Target)
    .outerjoin(Run, Run.id == _last())
    .outerjoin(EventRow, EventRow.leaf_index == Run.id)
    .outerjoin(TileRow, event_log.ON)
    .outerjoin(Release, Release.id == Target.release_id)
    .outerjoin(Blob, Blob.sha256 == Release.statement_sha256)
    .outerjoin(Trust, Trust.id == Target.trust_id)
    .where(_OF_TARGET)
)
"""The last run of a target with its event, and what is known of the target without one."""
_LAST = sa.select(
    _last(FINISHED).label("finished"),
    _last(Run.release_id.is_not(None)).label("released"),
    _last(Run.trust_id.is_not(None)).label("trusted"),
).where(_OF_TARGET)
"""The last runs that say these things, if the last one of all does not say all of them."""
_BESIDE = (
    sa.select(Release.id, Release.number, Release.statement_sha256)
    .where(
        Release.ledger == sa.bindparam("ledger"),
        Release.number.between(sa.bindparam("number") - 1, sa.bindparam("number") + 1),
        Release.statement_sha256 != sa.bindparam("digest"),
    )
    .order_by(Release.id)
)
_SAID = (
    sa.select(Accepted.ledger, Accepted.number, Accepted.who, Accepted.reason)
    .join(Target, Target.id == Accepted.claim_id)
    .where(_OF_TARGET)
    .order_by(Accepted.epoch.desc())
    .limit(1)
)
_EPOCH = (
    sa.select(sa.func.count())
    .select_from(Accepted)
    .where(Accepted.claim_id == Target.id)
    .correlate(Target)
    .scalar_subquery()
)
_HIGHER = (
    sa.select(Release.id)
    .join(Shown, Shown.release_id == Release.id)
    .join(Target, Target.id == Shown.claim_id)
    .where(_OF_TARGET, Shown.epoch == _EPOCH, Release.number > sa.bindparam("above"))
    .order_by(Release.number.desc(), Release.id)
)
_NUMBERS = (
    sa.select(Release.id, Release.number, Release.version, Release.statement_sha256)
    .where(Release.ledger == sa.bindparam("ledger"))
    .order_by(Release.number, Release.id)
)
_RELEASES = sa.select(Release.__table__, Blob.data.label("statement")).join(
    Blob, Blob.sha256 == Release.statement_sha256, isouter=True
)
_RELEASE = _RELEASES.where(Release.id == sa.bindparam("release"))
_OF_STATEMENT = _RELEASES.where(Release.statement_sha256 == sa.bindparam("digest"))
_STATEMENTS: Mapping[Literal["release", "status"], Any] = {
    "release": sa.select(Release.id, Blob.data)
    .join(Release, Blob.sha256 == Release.statement_sha256)
    .order_by(Release.id),
    "status": sa.select(StatusRow.id, Blob.data)
    .join(StatusRow, Blob.sha256 == StatusRow.statement_sha256)
    .order_by(StatusRow.id),
}
_NEVER_RUN = (
    sa.select(Target.target)
    .where(Target.active == 1, Target.last_run_ms.is_(None), Target.target != sa.bindparam("target"))
    .order_by(Target.id)
)
_ANCHORS = (
    sa.select(Anchor.__table__, Blob.data.label("bundle"))
    .join(Blob, Blob.sha256 == Anchor.bundle_sha256, isouter=True)
    .where(Anchor.release_id == sa.bindparam("release"))
    .order_by(Anchor.id)
)


class HeldState:
    """The records as a re-verification sees them at one time (seconds since 1970)."""

    def __init__(self, database: Database, *, now: float) -> None:
        self._database = database
        self._now = now
        self._accusations: list[Evidence] | None = None
        self._says: dict[str, dict[int, Previous]] = {}
        self._trust: dict[str, dict[str, str]] = {}

    def held(self, log_key: str, origin: str, size: int) -> list[HeldCheckpoint]:
        """The first and the largest head of a log's proven history, and its heads of this size.

        Raises Refused for an edited row.
        """
        log = {"log_key": log_key, "origin": origin}
        with self._database.read() as connection:
            rows = [*connection.execute(proven_heads.FIRST, log).mappings().all()]
            if (newest := proven_heads.newest(connection, log)) is not None:
                rows = [row for row in rows if row["id"] < newest["id"]] + [newest]
            rows += connection.execute(_OF_SIZE, {**log, "size": size}).mappings().all()
            return _with_times(connection, rows)

    def stood(self, log_key: str, origin: str, *, after: float, until: float) -> HeldCheckpoint | None:
        """The smallest proven head served as the newest after a time, by sightings up to another one.

        Both are in seconds since 1970. Raises Refused for an edited row.
        """
        log = {"log_key": log_key, "origin": origin}
        with self._database.read() as connection:
            row = proven_heads.stood(connection, log, after=ms(after), until=ms(until))
            return None if row is None else _with_times(connection, [row])[0]

    def unproven(self, log_key: str, origin: str) -> Unproven:
        """The unproven heads of a log. Raises Refused for an edited row."""
        log = {"log_key": log_key, "origin": origin}
        with self._database.read() as connection:
            heads = _held(connection, proven_heads.unproven(connection, log))
            return Unproven(tuple(heads.values()), proven_heads.beyond(connection, log))

    def knows(self, origin: str, size: int, root: bytes) -> bool:
        """True if this checkpoint is held."""
        wanted = {"origin": origin, "size": size, "root": root.hex()}
        with self._database.read() as connection:
            return connection.execute(_KNOWN, wanted).first() is not None

    def preserve(self, seen: Sequence[SignedCheckpoint], evidence: Sequence[Evidence]) -> None:
        """Save signed notes and the evidence that they are, at once: the run may still fail."""
        self._accusations = None
        store.preserve(self._database, seen, evidence, now=self._now)

    def contradictions(self, origin: str) -> list[Evidence]:
        """The evidence against a log's origin or a ledger's name, oldest first.

        All evidence is read and checked: an edited row may have been evidence against this origin.
        """
        if self._accusations is None:
            with self._database.read() as connection:
                self._accusations = _evidence(connection)
        return [e for e in self._accusations if e.origin == origin]

    def before(self, target: str) -> PriorRun:
        """The state that the earlier runs of a target left. Raises Refused for an edited event.

        Their events say it: an edit of `targets` could remove a release.
        """
        with self._database.read() as connection:
            row = connection.execute(_BEFORE, {"target": target}).mappings().first()
            if row is None:
                return PriorRun()
            said = _last_runs(connection, target, row)
            trust = said["trusted"].trust if "trusted" in said else row["trust"]
            items = None if trust is None else self._trust_of(connection, trust)
            statement = said["released"].statement if "released" in said else row["statement_sha256"]
            release: RowMapping | None = row
            if statement != row["statement_sha256"]:
                release = connection.execute(_OF_STATEMENT, {"digest": statement}).mappings().first()
        facts = said["finished"].facts if "finished" in said else {}
        ended = time_of(said["ended"].at) if "ended" in said else row["last_run_ms"]
        gone = statement is not None and release is None
        return PriorRun(
            last_run=None if ended is None else ended / 1000,
            trust=items,
            release=None if release is None or statement is None else _release(dict(release)),
            lost=edited(f"the release {statement} of {target} is gone") if gone else None,
            entries=tuple(e for e in facts.get("entries", []) if isinstance(e, dict)),
            best=facts.get("best"),
            best_status=facts.get("best_status"),
            status_chain=facts.get("status_chain"),
            names=NamesBefore(
                judged=frozenset(n["judged"] for n in facts.get("names", []) if n.get("judged")),
                standing={tree: tuple(listed) for tree, listed in facts.get("standing", {}).items()},
                waited=frozenset(facts.get("waited", [])),
                overtaken=bool(facts.get("overtaken")),
            ),
        )

    def _trust_of(self, connection: Connection, digest: str) -> dict[str, str]:
        """Trust material by the SHA-256 of its document, which is the same in most runs."""
        if digest not in self._trust:
            document = event_log.blob(connection, digest)
            self._trust[digest] = msgspec.json.decode(document, type=dict[str, str])
        return self._trust[digest]

    def logs_of(self, target: str) -> list[FollowedLog]:
        """The logs in which an anchor of this target ever counted, without those that a person ended."""
        with self._database.read() as connection:
            return followed_logs.of_target(connection, target)

    def read_before(self, log_key: str, origin: str, watch: str) -> ReadBefore:
        """The parts of a log that were read for a watch."""
        with self._database.read() as connection:
            return name_scans.read_before(connection, log_key, origin, watch, at=ms(self._now))

    def certified(self, origin: str) -> tuple[NamedEntry, ...]:
        """The certified entries that were ever found in a log, for any watch, without their bytes."""
        with self._database.read() as connection:
            return name_scans.certified(connection, origin)

    def spend(self, log_key: str, origin: str, requests: int) -> None:
        """Count requests of this hour, for the reading of a log."""
        with self._database.write() as connection:
            self._database.serialise(connection)
            name_scans.spend(connection, log_key, origin, requests, at=ms(self._now))

    def statements(self) -> Iterator[HeldStatement]:
        """The statements of all held releases and statuses, of every ledger."""
        with self._database.read() as connection:
            for kind, query in _STATEMENTS.items():
                for row, statement in connection.execute(query):
                    yield HeldStatement(kind=kind, row=row, statement=statement)

    def bundles(self, held: HeldStatement) -> list[bytes]:
        """The bundles that were verified with a statement. Raises Refused for an edited row."""
        if held.kind == "release":
            return [anchor.bundle for anchor in self._stored(held.row).anchors]
        with self._database.read() as connection:
            return list(observed_statuses.stored(connection, held.row).bundles)

    def never_run(self, target: str) -> list[str]:
        """Other watched targets that had no run yet."""
        with self._database.read() as connection:
            return list(connection.execute(_NEVER_RUN, {"target": target}).scalars())

    def statuses_beside(self, status: ObservedStatus) -> list[ObservedStatus]:
        """The held statuses of this ledger that could contradict it. Raises Refused for an edited row."""
        with self._database.read() as connection:
            return observed_statuses.beside(connection, status)

    def held_statuses(self, ledger: str) -> list[HeldStatus]:
        """All held statuses of a ledger."""
        with self._database.read() as connection:
            return observed_statuses.of_ledger(connection, ledger)

    def stored_status(self, one: HeldStatus) -> ObservedStatus:
        """A held status, with its bundles. Raises Refused for an edited row."""
        with self._database.read() as connection:
            return observed_statuses.stored(connection, one.row)

    def shown_statuses(self, target: str, ledger: str) -> ShownStatuses:
        """The statuses of a ledger at a target, highest first. Raises Refused for an edited row."""
        with self._database.read() as connection:
            return observed_statuses.of_target(connection, target, ledger)

    def accepted(self, target: str) -> Said | None:
        """The number from which a target's releases are compared, if somebody accepted one."""
        with self._database.read() as connection:
            row = connection.execute(_SAID, {"target": target}).mappings().first()
        return None if row is None else Said(**row, by_person=row["who"] != BY_THE_MARK)

    def higher(self, target: str, above: int) -> Iterator[ObservedRelease]:
        """The releases with a higher number that were verified at a target in this epoch, under the policy of
        their time. With their anchors, highest first; each is read when it is needed."""
        with self._database.read() as connection:
            ids = connection.execute(_HIGHER, {"target": target, "above": above}).scalars().all()
        for number in ids:
            yield self._stored(number)

    def numbers(self, ledger: str) -> list[HeldNumber]:
        """All held releases of a ledger, by any signer, lowest number first."""
        with self._database.read() as connection:
            rows = connection.execute(_NUMBERS, {"ledger": ledger}).all()
        return [HeldNumber(row=i, number=n, version=v, digest=d) for i, n, v, d in rows]

    def stored(self, one: HeldNumber) -> ObservedRelease:
        """A held release, with its anchors."""
        release = self._stored(one.row)
        if (release.number, release.digest) != (one.number, one.digest):
            raise edited(f"release {one.row} is not what its digest says")
        return release

    def _stored(self, release_id: int) -> ObservedRelease:
        with self._database.read() as connection:
            row = connection.execute(_RELEASE, {"release": release_id}).mappings().one()
            return _release(dict(row), _anchors(connection, release_id))

    def conflicting(self, release: ObservedRelease) -> Iterator[ObservedRelease]:
        """The verified releases of this ledger whose statements contradict this one, with their anchors.

        They are other releases with this number, and neighbours from another chain. Two publishers may
        use one ledger name, so all of them are returned. Each is read when it is needed.
        """
        wanted = {"ledger": release.ledger, "number": release.number, "digest": release.digest}
        with self._database.read() as connection:
            neighbours = connection.execute(_BESIDE, wanted).all()
        for row, number, digest in neighbours:
            known = self._says.get(digest)
            if known is not None and number != release.number and not _differ(self._said(release), known):
                continue
            other = self._stored(row)
            if other.number == release.number or _differ(self._said(release), self._said(other)):
                yield other

    def _said(self, release: ObservedRelease) -> dict[int, Previous]:
        """The releases that a statement names, by number. Each statement is read only once."""
        digest = release.digest
        if digest not in self._says:
            try:
                self._says[digest] = says(release.statement)
            except AnchorError as e:
                raise edited(f"release {release.number} of {release.ledger}: {e}") from None
        return self._says[digest]


def _differ(one: Mapping[int, Previous], two: Mapping[int, Previous]) -> bool:
    """True if two statements say something else about one number."""
    return any(one[n] != two[n] for n in one.keys() & two.keys())


def _release(row: Mapping[str, Any], anchors: tuple[ObservedAnchor, ...] = ()) -> ObservedRelease:
    if row["statement"] is None:
        raise edited(f"the statement of release {row['id']} is gone")
    values = {k: row[k] for k in ("ledger", "number", "version", "root", "size", "statement")}
    return ObservedRelease(**values, anchors=anchors)


def _anchors(connection: Connection, release_id: int) -> tuple[ObservedAnchor, ...]:
    """The bundles of a release. A release is stored with at least one; without any it proves nothing."""
    rows = connection.execute(_ANCHORS, {"release": release_id}).mappings().all()
    if not rows or any(row["bundle"] is None for row in rows):
        raise edited(f"the bundles of release {release_id} are gone")
    names = ("origin", "log_key", "log_index", "bundle", "time")
    return tuple(ObservedAnchor(**{name: row[name] for name in names}) for row in rows)


def _last_runs(connection: Connection, target: str, row: RowMapping) -> dict[str, RunEnded]:
    """The events of the last run of a target (`ended`), of the last `finished` one, and of the last ones with
    a release (`released`) and with trust material (`trusted`). `row`: of `_BEFORE`."""
    last = row["ended"]
    if last is None:
        return {}
    ids = dict.fromkeys(("ended", "finished", "released", "trusted"), last)
    if row["state"] != "finished" or row["release_id"] is None or row["trust_id"] is None:
        ids |= connection.execute(_LAST, {"target": target}).mappings().one()
    events = {} if row["body"] is None else {last: event_log.checked(last, row["body"], row["leaf"])}
    events |= event_log.events(connection, set(ids.values()) - {None, *events})
    runs = {name: events.get(index) for name, index in ids.items() if index is not None}
    said = {name: event for name, event in runs.items() if isinstance(event, RunEnded)}
    if lost := runs.keys() - said.keys():
        raise edited(f"what run {min(ids[name] for name in lost)} found is gone")
    return said


def _with_times(connection: Connection, rows: Sequence[RowMapping]) -> list[HeldCheckpoint]:
    """Stored checkpoints, with the times when they were first and last served."""
    heads, first = _held(connection, rows), {row["id"]: row["seen_ms"] for row in rows}
    last = {row.id: row.last_ms for row in connection.execute(_SEEN_LAST, {"ids": list(heads)})}
    return [
        HeldCheckpoint(head, first[number] / 1000, last.get(number, first[number]) / 1000)
        for number, head in heads.items()
    ]


def _held(connection: Connection, rows: Sequence[RowMapping]) -> dict[int, SignedCheckpoint]:
    """Stored checkpoints by their ids, after their signatures and their events were checked."""
    stored = {row["id"]: row for row in rows}
    events = dict(event_log.events(connection, stored.keys()))
    for number, row in stored.items():
        note = row["note"] or b""
        if (
            not _is(events.get(number), row, Checkpoint)
            or hashlib.sha256(note).hexdigest() != row["note_sha256"]
        ):
            raise edited(f"checkpoint {number} is not what its event says")
    return {number: verified(row) for number, row in stored.items()}


def _is(event: AnyEvent | None, row: RowMapping, table: type[Base]) -> bool:
    """True if an event makes this row, and names nothing of earlier events."""
    if event is None:
        return False
    made = fold.steps(event, row["id"], time_of(event.at), fold.Remembered())
    rows = [step.row for step in made if isinstance(step, fold.Add) and step.table is table]
    return any(one == {name: row[name] for name in one} for one in rows)


def _evidence(connection: Connection) -> list[Evidence]:
    """All evidence in the history. A row that was removed hides none, and an edited one is refused."""
    rows = {row["id"]: row for row in connection.execute(_EVIDENCE).mappings()}
    indexes = {*event_log.of_kind(connection, "evidence-found"), *rows}
    evidence = []
    for index, event in event_log.events(connection, indexes):
        if not isinstance(event, EvidenceFound) or (
            index in rows and not _is(event, rows[index], EvidenceRow)
        ):
            raise edited(f"evidence {index} is not what its event says")
        document = event_log.blob(connection, event.document)
        evidence.append(Evidence(kind=event.evidence, origin=event.origin, document=document))
    return evidence


def verified(row: Mapping[str, object] | RowMapping) -> SignedCheckpoint:
    """A stored checkpoint, after its note was checked against its log key and columns. Raises Refused."""
    note, log_key = row["note"], row["log_key"]
    assert isinstance(note, bytes)
    assert isinstance(log_key, str)
    try:
        head = checkpoints.parse(note)
        notes.verify(head.note, (parse_vkey(log_key),))
    except AnchorError as e:
        raise edited(f"checkpoint {row['id']}: {e}") from None
    if (head.origin, head.size, head.root.hex()) != (row["origin"], row["size"], row["root"]):
        raise edited(f"checkpoint {row['id']} is not what its note says")
    return SignedCheckpoint(
        origin=head.origin,
        log_key=log_key,
        size=head.size,
        root=head.root,
        note=note,
        source=str(row["source"]),
    )


def edited(what: str) -> Refused:
    """The error for records that were changed after they were written."""
    return Refused(what, where="records", remedy="run 'anchor records check'; restore a copy you trust")
