# SPDX-License-Identifier: Apache-2.0
"""The statuses that were verified at each target, kept for ever, even when runs are pruned.

A sequence without a status is one that the high-water mark had when the records had lost it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import AnchorError, Refused
from anchor.format import ledger_status as statuses
from anchor.format.history_events import StatusSeen, StatusShown
from anchor.monitor.run_record import HeldStatus, ObservedStatus, ShownStatuses
from anchor.records import event_log
from anchor.records.database import Database
from anchor.records.last_facts import last_facts
from anchor.records.queue import ms
from anchor.records.tables import ShownStatus, StatusRow, Target
from anchor.records.writer import Writer, writing

_KNOWN = sa.select(ShownStatus.id).where(
    ShownStatus.claim_id == sa.bindparam("target_id"), ShownStatus.status_id == sa.bindparam("status")
)
_ROW = sa.select(StatusRow.__table__).where(StatusRow.id == sa.bindparam("status"))
_OF_TARGET = (
    sa.select(StatusRow.__table__, ShownStatus.sequence.label("shown"), ShownStatus.status_id)
    .select_from(Target)
    .join(ShownStatus, ShownStatus.claim_id == Target.id)
    .outerjoin(StatusRow, StatusRow.id == ShownStatus.status_id)
    .where(Target.target == sa.bindparam("target"))
    .where(sa.or_(ShownStatus.ledger == sa.bindparam("ledger"), StatusRow.ledger == sa.bindparam("ledger")))
    .order_by(StatusRow.sequence.desc(), StatusRow.id)
)
_HIGHEST = sa.select(sa.func.max(ShownStatus.sequence)).where(
    ShownStatus.claim_id == sa.bindparam("target_id"), ShownStatus.ledger == sa.bindparam("ledger")
)
_OF_LEDGER = sa.select(StatusRow.__table__).where(StatusRow.ledger == sa.bindparam("ledger"))
_ALL = sa.select(StatusRow.id, StatusRow.sequence, StatusRow.statement_sha256).where(
    StatusRow.ledger == sa.bindparam("ledger")
)
_EQUAL = _OF_LEDGER.where(
    StatusRow.sequence == sa.bindparam("sequence"), StatusRow.statement_sha256 != sa.bindparam("digest")
).order_by(StatusRow.id)
_BELOW = _OF_LEDGER.where(
    StatusRow.sequence
    == sa.select(sa.func.max(StatusRow.sequence))
    .where(StatusRow.ledger == sa.bindparam("ledger"), StatusRow.sequence < sa.bindparam("sequence"))
    .scalar_subquery()
)
_ABOVE = _OF_LEDGER.where(
    StatusRow.sequence
    == sa.select(sa.func.min(StatusRow.sequence))
    .where(StatusRow.ledger == sa.bindparam("ledger"), StatusRow.sequence > sa.bindparam("sequence"))
    .scalar_subquery()
)


class _Best(msgspec.Struct):
    ledger: str
    sequence: int


class _Status(msgspec.Struct):
    sequence: int
    withdrawn: list[Any] = []


class _Facts(msgspec.Struct):
    best_status: _Best | None = None
    status: _Status | None = None


def write(writer: Writer, target: str, seen: ObservedStatus) -> None:
    """Record that a status was verified at a target, once."""
    status: dict[str, Any] = {"ledger": seen.ledger, "sequence": seen.sequence, "statement": seen.digest}
    if writer.known.status(seen.digest) is None:
        writer.blob(seen.statement)
        writer.add(StatusSeen, **status, bundles=[writer.blob(b) for b in seen.bundles], time=seen.time)
    key = {"target_id": writer.known.target(target), "status": writer.known.status(seen.digest)}
    if writer.connection.execute(_KNOWN, key).first() is None:
        writer.add(StatusShown, target=target, **status)


def of_target(connection: Connection, target: str, ledger: str) -> ShownStatuses:
    """The statuses of a ledger that were verified at a target, and the highest sequence of the mark."""
    rows = connection.execute(_OF_TARGET, {"target": target, "ledger": ledger}).mappings().all()
    return ShownStatuses(
        [observed(connection, dict(row)) for row in rows if row["id"] is not None],
        max((row["shown"] for row in rows if row["status_id"] is None), default=None),
    )


def beside(connection: Connection, status: ObservedStatus) -> list[ObservedStatus]:
    """The held statuses of a ledger with this sequence and other bytes, with the next lower one, and with the
    next higher one. The held ones do not contradict each other, or there is evidence already."""
    key = {"ledger": status.ledger, "sequence": status.sequence, "digest": status.digest}
    return [
        observed(connection, dict(row))
        for query in (_EQUAL, _BELOW, _ABOVE)
        for row in connection.execute(query, key).mappings().all()
    ]


def of_ledger(connection: Connection, ledger: str) -> list[HeldStatus]:
    """All held statuses of a ledger, without their bytes."""
    rows = connection.execute(_ALL, {"ledger": ledger})
    return [HeldStatus(*row) for row in rows]


def bests(database: Database) -> dict[str, tuple[str, int]]:
    """Ledger and highest sequence of each watched target, as its last run found it."""
    found = {}
    for target, facts in last_facts(database, _Facts):
        if facts.best_status is not None:
            found[target] = (facts.best_status.ledger, facts.best_status.sequence)
    return found


def latest(database: Database) -> dict[str, tuple[int, int]]:
    """Sequence of the status of each watched target in its last run, and how many entries are against the
    release there."""
    found = {}
    for target, facts in last_facts(database, _Facts):
        if facts.status is not None:
            found[target] = (facts.status.sequence, len(facts.status.withdrawn))
    return found


def recall(database: Database, wanted: Mapping[str, tuple[str, int]], *, now: float) -> None:
    """Restore the highest sequences (`wanted`, by target) that the records have lost."""
    with writing(database, ms(now)) as writer:
        for target, (ledger, sequence) in wanted.items():
            key = {"target_id": writer.known.target(target), "ledger": ledger}
            if key["target_id"] is None:
                continue
            if sequence > (writer.connection.execute(_HIGHEST, key).scalar() or 0):
                writer.add(StatusShown, target=target, ledger=ledger, sequence=sequence)


def stored(connection: Connection, row: int) -> ObservedStatus:
    """A held status. Raises Refused for an edited row."""
    return observed(connection, dict(connection.execute(_ROW, {"status": row}).mappings().one()))


def observed(connection: Connection, row: Mapping[str, Any]) -> ObservedStatus:
    """A stored status, with its statement and bundles. Raises Refused if one of them is gone or edited."""
    statement = event_log.blob(connection, row["statement_sha256"])
    try:
        said = statuses.decode(statement)
        digests = msgspec.json.decode(row["bundles"], type=list[str])
    except (AnchorError, msgspec.DecodeError) as e:
        raise Refused(f"status {row['id']}: {e}", where="records") from None
    if (row["ledger"], row["sequence"]) != (said.ledger, said.sequence):
        raise Refused(f"status {row['id']} is not what its columns say", where="records")
    return ObservedStatus(
        ledger=said.ledger,
        sequence=said.sequence,
        statement=statement,
        bundles=tuple(event_log.blob(connection, digest) for digest in digests),
        time=row["time"],
    )
