# SPDX-License-Identifier: Apache-2.0
"""What is remembered for the next run: held checkpoints, evidence, releases, trust, the last time.

Reads only. A held row that does not fit its own signature or its chain is refused, never believed.
"""

from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import AnchorError, Refused
from anchor.outcome import Evidence, SeenAnchor, SeenRelease, SignedCheckpoint
from anchor.records import chain
from anchor.records.engine import Database
from anchor.records.tables import Anchor, Checkpoint, Claim, EvidenceRow, Release, Run, Trust
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note as notes
from anchor.tlog.keys import parse_vkey


@dataclass(frozen=True)
class Holding:
    """The oldest and the largest checkpoint that are held of one origin; often the same."""

    first: SignedCheckpoint
    last: SignedCheckpoint


class Memory:
    """The records as a re-verification sees them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def held(self, log_key: str) -> dict[str, Holding]:
        """What is held of the log with this verifier key, by origin; raises Refused for an edited row."""
        found: dict[str, Holding] = {}
        table = Checkpoint.__table__
        with self._database.read() as connection:
            mine = Checkpoint.log_key == log_key
            origins = connection.execute(sa.select(Checkpoint.origin).where(mine).distinct()).scalars().all()
            for origin in origins:
                rows = sa.select(table).where(mine, Checkpoint.origin == origin).limit(1)
                first = connection.execute(rows.order_by(Checkpoint.seq)).mappings().one()
                last = (
                    connection.execute(rows.order_by(Checkpoint.size.desc(), Checkpoint.seq)).mappings().one()
                )
                found[origin] = Holding(_held(connection, dict(first)), _held(connection, dict(last)))
        return found

    def at_size(self, log_key: str, origin: str, size: int) -> SignedCheckpoint | None:
        """The first checkpoint held of exactly this size; raises Refused for an edited row."""
        query = sa.select(Checkpoint.__table__).where(
            Checkpoint.log_key == log_key, Checkpoint.origin == origin, Checkpoint.size == size
        )
        with self._database.read() as connection:
            row = connection.execute(query.order_by(Checkpoint.seq).limit(1)).mappings().first()
            return _held(connection, dict(row)) if row else None

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
