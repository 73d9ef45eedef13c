# SPDX-License-Identifier: Apache-2.0
"""The state that the records hold for the next run: checkpoints, evidence, releases, trust, the last run.

A row that does not fit its own signature or its hash chain is refused. Only `preserve` writes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import AnchorError, Refused
from anchor.format.statement import Previous, says
from anchor.monitor.interfaces import HeldCheckpoint, Unproven
from anchor.monitor.run_record import Accepted as Said
from anchor.monitor.run_record import (
    Evidence,
    FollowedLog,
    HeldNumber,
    ObservedAnchor,
    ObservedRelease,
    PriorRun,
    SignedCheckpoint,
)
from anchor.records import followed_logs, hash_chain, proven_heads, store
from anchor.records.database import Database
from anchor.records.observed_releases import BY_THE_MARK
from anchor.records.queue import ms
from anchor.records.tables import (
    Accepted,
    Anchor,
    Checkpoint,
    EvidenceRow,
    Release,
    Run,
    Shown,
    Sighting,
    Target,
    Trust,
)
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note as notes
from anchor.tlog.keys import parse_vkey

_SAME_SIZE = 8
"""How many roots of one size are read. Two of them are a contradiction already."""

# Statements are built once, with named parameters: building one costs eight times as much as running it.
_OF_SIZE = (
    proven_heads.OF_LOG.where(Checkpoint.size == sa.bindparam("size"))
    .order_by(Checkpoint.seq)
    .limit(_SAME_SIZE)
)
_SEEN_LAST = sa.select(Sighting.last_ms).where(Sighting.seq == sa.bindparam("seq"))
_LINK = sa.select(Checkpoint.chain).where(Checkpoint.seq == sa.bindparam("seq"))
_KNOWN = sa.select(Checkpoint.seq).where(
    Checkpoint.origin == sa.bindparam("origin"),
    Checkpoint.size == sa.bindparam("size"),
    Checkpoint.root == sa.bindparam("root"),
)
_EVIDENCE = sa.select(EvidenceRow.__table__).order_by(EvidenceRow.seq)
_OF_TARGET = Target.target == sa.bindparam("target")
_RUNS = Run.claim_id == Target.id
_ENDED = sa.select(Run.ended_ms).where(_RUNS, Run.seq.is_not(None)).order_by(Run.seq.desc()).limit(1)
_TRUST = (
    sa.select(Trust.document)
    .join(Run, Run.trust_id == Trust.id)
    .where(_RUNS, Run.seq.is_not(None))
    .order_by(Run.seq.desc())
    .limit(1)
)
_FACTS = sa.select(Run.facts).where(_RUNS, Run.state == "finished").order_by(Run.seq.desc()).limit(1)
_LAST_RELEASE = (
    sa.select(Run.release_id)
    .where(_RUNS, Run.seq.is_not(None), Run.release_id.is_not(None))
    .order_by(Run.seq.desc())
    .limit(1)
    .correlate(Target)
    .scalar_subquery()
)
"""As the chained runs say it: an edit of `targets` could remove a release."""
_BEFORE = (
    sa.select(
        _LAST_RELEASE.label("last_release"),
        _ENDED.correlate(Target).scalar_subquery().label("ended_ms"),
        _TRUST.correlate(Target).scalar_subquery().label("trust"),
        _FACTS.correlate(Target).scalar_subquery().label("facts"),
        Release.__table__,
    )
    .select_from(Target)
    .outerjoin(Release, Release.id == sa.func.coalesce(_LAST_RELEASE, Target.release_id))
    .where(_OF_TARGET)
)
"""All in one row, so a run needs one transaction for the state of its target."""
_BESIDE = (
    sa.select(Release.id)
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
_RELEASE = sa.select(Release.__table__).where(Release.id == sa.bindparam("release"))
_ANCHORS = sa.select(Anchor.__table__).where(Anchor.release_id == sa.bindparam("release")).order_by(Anchor.id)


class HeldState:
    """The records as a re-verification sees them at one time (seconds since 1970)."""

    def __init__(self, database: Database, *, now: float) -> None:
        self._database = database
        self._now = now
        self._accusations: list[Evidence] | None = None
        self._says: dict[str, dict[int, Previous]] = {}

    def held(self, log_key: str, origin: str, size: int) -> list[HeldCheckpoint]:
        """The first and the largest head of a log's proven history, and its heads of this size.

        Raises Refused for an edited row.
        """
        log = {"log_key": log_key, "origin": origin}
        heads: list[HeldCheckpoint] = []
        with self._database.read() as connection:
            rows = [*connection.execute(proven_heads.FIRST, log).mappings().all()]
            if (newest := proven_heads.newest(connection, log)) is not None:
                rows = [row for row in rows if row["seq"] < newest["seq"]] + [newest]
            same = connection.execute(_OF_SIZE, {**log, "size": size}).mappings().all()
            for row in (*rows, *same):
                head = _with_times(connection, dict(row))
                heads += [head] if head not in heads else []
        return heads

    def stood(self, log_key: str, origin: str, *, after: float, until: float) -> HeldCheckpoint | None:
        """The smallest proven head served as the newest after a time, by sightings up to another one.

        Both are in seconds since 1970. Raises Refused for an edited row.
        """
        log = {"log_key": log_key, "origin": origin}
        with self._database.read() as connection:
            row = proven_heads.stood(connection, log, after=ms(after), until=ms(until))
            return None if row is None else _with_times(connection, dict(row))

    def unproven(self, log_key: str, origin: str) -> Unproven:
        """The unproven heads of a log. Raises Refused for an edited row."""
        log = {"log_key": log_key, "origin": origin}
        with self._database.read() as connection:
            heads = [_held(connection, dict(row)) for row in proven_heads.unproven(connection, log)]
            return Unproven(tuple(heads), proven_heads.beyond(connection, log))

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
        """The state that the earlier runs of a target left."""
        with self._database.read() as connection:
            row = connection.execute(_BEFORE, {"target": target}).mappings().first()
        if row is None:
            return PriorRun()
        facts = msgspec.json.decode(row["facts"]) if row["facts"] else {}
        entries = facts.get("entries", [])
        gone = row["id"] is None and row["last_release"] is not None
        return PriorRun(
            last_run=None if row["ended_ms"] is None else row["ended_ms"] / 1000,
            trust=msgspec.json.decode(row["trust"], type=dict[str, str]) if row["trust"] else None,
            release=None if row["id"] is None else _release(dict(row)),
            lost=edited(f"release {row['last_release']} of {target} is gone") if gone else None,
            entries=tuple(e for e in entries if isinstance(e, dict)),
            best=facts.get("best"),
        )

    def logs_of(self, target: str) -> list[FollowedLog]:
        """The logs in which an anchor of this target ever counted, without those that a person ended."""
        with self._database.read() as connection:
            return followed_logs.of_target(connection, target)

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
            neighbours = connection.execute(_BESIDE, wanted).scalars().all()
        for row in neighbours:
            other = self._stored(row)
            if other.number == release.number or self._contradict(release, other):
                yield other

    def _contradict(self, one: ObservedRelease, two: ObservedRelease) -> bool:
        mine, theirs = self._said(one), self._said(two)
        return any(mine[n] != theirs[n] for n in mine.keys() & theirs.keys())

    def _said(self, release: ObservedRelease) -> dict[int, Previous]:
        """The releases that a statement names, by number. Each statement is read only once."""
        digest = release.digest
        if digest not in self._says:
            try:
                self._says[digest] = says(release.statement)
            except AnchorError as e:
                raise edited(f"release {release.number} of {release.ledger}: {e}") from None
        return self._says[digest]


def _release(row: dict[str, object], anchors: tuple[ObservedAnchor, ...] = ()) -> ObservedRelease:
    values = {k: row[k] for k in ("ledger", "number", "version", "root", "size", "statement")}
    return ObservedRelease(**values, anchors=anchors)  # type: ignore[arg-type]  # columns of these types


def _anchors(connection: Connection, release_id: int) -> tuple[ObservedAnchor, ...]:
    """The bundles of a release. A release is stored with at least one; without any it proves nothing."""
    rows = connection.execute(_ANCHORS, {"release": release_id}).mappings().all()
    if not rows:
        raise edited(f"the bundles of release {release_id} are gone")
    names = ("origin", "log_key", "log_index", "bundle", "time")
    return tuple(ObservedAnchor(**{name: row[name] for name in names}) for row in rows)


def _with_times(connection: Connection, row: dict[str, Any]) -> HeldCheckpoint:
    last = connection.execute(_SEEN_LAST, {"seq": row["seq"]}).scalar() or row["seen_ms"]
    return HeldCheckpoint(_held(connection, row), row["seen_ms"] / 1000, last / 1000)


def _held(connection: Connection, row: dict[str, object]) -> SignedCheckpoint:
    """A stored checkpoint, after its signature and its chain value were checked."""
    before = connection.execute(_LINK, {"seq": int(str(row["seq"])) - 1}).scalar()
    if hash_chain.link(before or hash_chain.START, Checkpoint, row) != row["chain"]:
        raise edited(f"checkpoint {row['seq']} does not fit its chain")
    return verified(row)


def _evidence(connection: Connection) -> list[Evidence]:
    """All stored evidence, after its digests and the whole chain were checked."""
    evidence: list[Evidence] = []
    before = hash_chain.START
    for row in connection.execute(_EVIDENCE).mappings():
        one = Evidence(kind=row["kind"], origin=row["origin"], document=row["document"])
        link = hash_chain.link(before, EvidenceRow, dict(row))
        if (len(evidence) + 1, one.digest, link) != (row["seq"], row["digest"], row["chain"]):
            raise edited(f"evidence {row['seq']} does not fit its digest or its chain")
        evidence.append(one)
        before = link
    return evidence


def verified(row: dict[str, object]) -> SignedCheckpoint:
    """A stored checkpoint, after its note was checked against its log key and columns. Raises Refused."""
    note, log_key = row["note"], row["log_key"]
    assert isinstance(note, bytes)
    assert isinstance(log_key, str)
    try:
        head = checkpoints.parse(note)
        notes.verify(head.note, (parse_vkey(log_key),))
    except AnchorError as e:
        raise edited(f"checkpoint {row['seq']}: {e}") from None
    if (head.origin, head.size, head.root.hex()) != (row["origin"], row["size"], row["root"]):
        raise edited(f"checkpoint {row['seq']} is not what its note says")
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
