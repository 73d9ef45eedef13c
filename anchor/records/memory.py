# SPDX-License-Identifier: Apache-2.0
"""What is remembered for the next run: held checkpoints, evidence, releases, trust, the last time.

A held row that does not fit its own signature or its chain is refused, never believed. Only `preserve`
writes.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import AnchorError, Refused
from anchor.monitor.places import HeldCheckpoint
from anchor.outcome import Evidence, SeenAnchor, SeenRelease, SignedCheckpoint
from anchor.records import chain, store
from anchor.records.engine import Database
from anchor.records.tables import Anchor, Checkpoint, Claim, EvidenceRow, Release, Run, Sighting, Trust
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note as notes
from anchor.tlog.keys import parse_vkey

_SAME_SIZE = 8
"""Different roots of one size that are looked at: two are a contradiction already."""


class Memory:
    """The records as a re-verification sees them, at one time (seconds since 1970)."""

    def __init__(self, database: Database, *, now: float) -> None:
        self._database = database
        self._now = now

    def held(self, log_key: str, origin: str, size: int) -> list[HeldCheckpoint]:
        """The first, the largest and those of this size that are held of a log; Refused for an edited row."""
        mine = sa.select(Checkpoint.__table__).where(
            Checkpoint.log_key == log_key, Checkpoint.origin == origin
        )
        found: list[HeldCheckpoint] = []
        with self._database.read() as connection:
            for query in (
                mine.order_by(Checkpoint.seq).limit(1),
                mine.order_by(Checkpoint.size.desc(), Checkpoint.seq).limit(1),
                mine.where(Checkpoint.size == size).order_by(Checkpoint.seq).limit(_SAME_SIZE),
            ):
                for row in connection.execute(query).mappings().all():
                    held = _with_times(connection, dict(row))
                    found += [held] if held not in found else []
        return found

    def knows(self, origin: str, size: int, root: bytes) -> bool:
        """Whether this checkpoint is held."""
        query = sa.select(Checkpoint.seq).where(
            Checkpoint.origin == origin, Checkpoint.size == size, Checkpoint.root == root.hex()
        )
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def preserve(self, seen: Sequence[SignedCheckpoint], evidence: Sequence[Evidence]) -> None:
        """Keep signed notes and the evidence they are, at once and whatever becomes of the run."""
        store.preserve(self._database, seen, evidence, now=self._now)

    def contradictions(self, origin: str) -> list[Evidence]:
        """Evidence kept against a log's origin or a ledger's name, oldest first."""
        query = sa.select(EvidenceRow.kind, EvidenceRow.origin, EvidenceRow.document).where(
            EvidenceRow.origin == origin
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(EvidenceRow.seq)).all()
        return [Evidence(kind=k, origin=o, document=d) for k, o, d in rows]

    def trust(self, target: str) -> dict[str, str] | None:
        """The trust material of the last run of a target that read any."""
        query = (
            sa.select(Trust.document)
            .join(Run, Run.trust_id == Trust.id)
            .join(Claim, Claim.id == Run.claim_id)
            .where(Claim.target == target, Run.seq.is_not(None))
            .order_by(Run.seq.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            document = connection.execute(query).scalar()
        return msgspec.json.decode(document, type=dict[str, str]) if document else None

    def last_run(self, target: str) -> float | None:
        """When the newest run of a target ended, in seconds since 1970."""
        query = (
            sa.select(Run.ended_ms)
            .join(Claim, Claim.id == Run.claim_id)
            .where(Claim.target == target, Run.seq.is_not(None))
            .order_by(Run.seq.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            ended = connection.execute(query).scalar()
        return None if ended is None else ended / 1000

    def logs_of(self, target: str) -> list[str]:
        """The origins of the logs that the last verified release at a target is in."""
        query = (
            sa.select(Anchor.origin)
            .join(Claim, Claim.release_id == Anchor.release_id)
            .where(Claim.target == target)
            .distinct()
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def read_before(self, target: str) -> list[dict[str, object]]:
        """The entries that the last run of a target proved, as `anchor.monitor.entries` left them."""
        query = (
            sa.select(Run.facts)
            .join(Claim, Claim.id == Run.claim_id)
            .where(Claim.target == target, Run.state == "finished")
            .order_by(Run.seq.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            facts = connection.execute(query).scalar()
        found = msgspec.json.decode(facts).get("entries", []) if facts else []
        return [e for e in found if isinstance(e, dict)]

    def release_of(self, target: str) -> SeenRelease | None:
        """The last release that was verified at a target, without its anchors."""
        query = (
            sa.select(Release.__table__)
            .join(Claim, Claim.release_id == Release.id)
            .where(Claim.target == target)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return _release(dict(row)) if row else None

    def rival(self, release: SeenRelease) -> SeenRelease | None:
        """Another verified release of this ledger and number with another statement, with its anchors."""
        query = sa.select(Release.__table__).where(
            Release.ledger == release.ledger,
            Release.number == release.number,
            Release.statement_sha256 != release.digest,
        )
        with self._database.read() as connection:
            row = connection.execute(query.order_by(Release.id).limit(1)).mappings().first()
            if row is None:
                return None
            anchors = sa.select(Anchor.__table__).where(Anchor.release_id == row["id"]).order_by(Anchor.id)
            found = [
                SeenAnchor(
                    origin=a["origin"],
                    log_key=a["log_key"],
                    log_index=a["log_index"],
                    bundle=a["bundle"],
                    time=a["time"],
                )
                for a in connection.execute(anchors).mappings()
            ]
        return _release(dict(row), tuple(found))


def _release(row: dict[str, object], anchors: tuple[SeenAnchor, ...] = ()) -> SeenRelease:
    values = {k: row[k] for k in ("ledger", "number", "version", "root", "size", "statement")}
    return SeenRelease(**values, anchors=anchors)  # type: ignore[arg-type]  # columns of these types


def _with_times(connection: Connection, row: dict[str, Any]) -> HeldCheckpoint:
    query = sa.select(Sighting.last_ms).where(Sighting.seq == row["seq"])
    last = connection.execute(query).scalar() or row["seen_ms"]
    return HeldCheckpoint(_held(connection, row), row["seen_ms"] / 1000, last / 1000)


def _held(connection: Connection, row: dict[str, object]) -> SignedCheckpoint:
    """A stored checkpoint, once its own signature and its place in the chain are checked."""
    table = Checkpoint.__table__.c
    before = connection.execute(sa.select(table.chain).where(table.seq == int(str(row["seq"])) - 1)).scalar()
    if chain.link(before or chain.START, Checkpoint, row) != row["chain"]:
        raise edited(f"checkpoint {row['seq']} does not fit its chain")
    return verified(row)


def verified(row: dict[str, object]) -> SignedCheckpoint:
    """A stored checkpoint whose note bears its columns under its stored log key; raises Refused."""
    note, log_key = row["note"], row["log_key"]
    assert isinstance(note, bytes)
    assert isinstance(log_key, str)
    try:
        found = checkpoints.parse(note)
        notes.verify(found.note, (parse_vkey(log_key),))
    except AnchorError as e:
        raise edited(f"checkpoint {row['seq']}: {e}") from None
    if (found.origin, found.size, found.root.hex()) != (row["origin"], row["size"], row["root"]):
        raise edited(f"checkpoint {row['seq']} is not what its note says")
    return SignedCheckpoint(
        origin=found.origin,
        log_key=log_key,
        size=found.size,
        root=found.root,
        note=note,
        source=str(row["source"]),
    )


def edited(what: str) -> Refused:
    """The error for records that someone or something changed."""
    return Refused(what, where="records", remedy="run 'anchor records check'; restore a copy you trust")
