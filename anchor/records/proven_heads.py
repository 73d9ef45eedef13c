# SPDX-License-Identifier: Apache-2.0
"""Tells the proven history of a log from its unproven heads, by the stored consistency proofs.

A head is unproven while no stored proof leads from it to a later head. The newest head of the history is the
exception: it is the largest head that a proof leads to. For a first head that is the proof from the empty
tree. Older records have no such proof; there a single head counts as the newest.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from anchor.monitor.run_record import BUNDLE
from anchor.records.tables import Blob, Checkpoint, Proof, Sighting, Surplus
from anchor.tlog.follow import MAX_UNPROVEN

# Statements are built once, with named parameters: building one costs eight times as much as running it.
_STORED = sa.select(Checkpoint.__table__, Blob.data.label("note")).join(
    Blob, Blob.sha256 == Checkpoint.note_sha256, isouter=True
)
OF_LOG = _STORED.where(
    Checkpoint.log_key == sa.bindparam("log_key"), Checkpoint.origin == sa.bindparam("origin")
)
"""The stored heads of a log, with their notes; None for a note that somebody removed."""
_FROM = sa.exists().where(
    Proof.origin == Checkpoint.origin, Proof.old_size == Checkpoint.size, Proof.old_root == Checkpoint.root
)
_TO = sa.and_(
    Proof.origin == Checkpoint.origin, Proof.new_size == Checkpoint.size, Proof.new_root == Checkpoint.root
)
FIRST = OF_LOG.where(_FROM).order_by(Checkpoint.id).limit(1)
"""The earliest head of the history, without its newest."""
_NEWEST = (
    OF_LOG.join(Proof.__table__, _TO)
    .where(Proof.origin == sa.bindparam("origin"))
    .order_by(Proof.new_size.desc())
    .limit(1)
)
_LATER = Checkpoint.__table__.alias().c
_STOOD = (
    OF_LOG.join(Sighting.__table__, Sighting.id == Checkpoint.id)
    .where(Checkpoint.size > 0, Checkpoint.source != BUNDLE)
    .where(Sighting.last_ms > sa.bindparam("after_ms", type_=sa.BigInteger()))
    .where(Sighting.last_ms <= sa.bindparam("until_ms", type_=sa.BigInteger()))
    .where(sa.or_(_FROM, sa.exists().where(_TO), Checkpoint.id == sa.bindparam("newest")))
    .where(
        ~sa.exists().where(
            _LATER.log_key == Checkpoint.log_key,
            _LATER.origin == Checkpoint.origin,
            _LATER.size > Checkpoint.size,
            _LATER.seen_ms < Sighting.last_ms,
            sa.exists().where(
                Proof.origin == _LATER.origin,
                Proof.new_size == _LATER.size,
                Proof.new_root == _LATER.root,
            ),
        )
    )
    .order_by(Checkpoint.size)
    .limit(1)
)
_TWO = OF_LOG.where(Checkpoint.size > 0).limit(2)
_LOOSE = OF_LOG.where(Checkpoint.size > 0, ~_FROM)
_SIZES = (
    _LOOSE.with_only_columns(Checkpoint.id, sa.func.coalesce(sa.func.length(Blob.data), 0).label("bytes"))
    .order_by(Checkpoint.id)
    .limit(MAX_UNPROVEN + 1)
)
_UNPROVEN = _STORED.where(Checkpoint.id.in_(sa.bindparam("ids", expanding=True))).order_by(Checkpoint.id)
_LOGS = (
    sa.select(Checkpoint.origin, Checkpoint.log_key)
    .group_by(Checkpoint.origin, Checkpoint.log_key)
    .order_by(Checkpoint.origin, Checkpoint.log_key)
)
_THIS = (Surplus.log_key == sa.bindparam("of_key"), Surplus.origin == sa.bindparam("of_origin"))
_BEYOND = sa.select(Surplus.heads).where(*_THIS)
_ONE_MORE = sa.update(Surplus).where(*_THIS).values(heads=Surplus.heads + 1)
_FIRST_MORE = sa.insert(Surplus)

MAX_UNPROVEN_BYTES = 32 << 20
"""Bytes of the notes of a log's unproven heads, far more than a thousand notes of the usual size. Each run
reads them all, and one note may have 1 MiB."""


def logs(connection: Connection) -> list[dict[str, str]]:
    """Origin and key of each log of which a head is stored."""
    return [dict(row) for row in connection.execute(_LOGS).mappings()]


def newest(connection: Connection, log: dict[str, str]) -> RowMapping | None:
    """The newest head of a log's history; `log` has its `origin` and `log_key`."""
    row = connection.execute(_NEWEST, log).mappings().first()
    if row is not None:
        return row
    some = connection.execute(_TWO, log).mappings().all()
    return some[0] if len(some) == 1 else None


def stood(connection: Connection, log: dict[str, str], *, after: int, until: int) -> RowMapping | None:
    """The smallest proven head that was served as the newest after a time, by sightings up to another time
    (both in ms since 1970).

    A clock that jumped ahead leaves sightings in the future, or later than the first one of a larger head. A
    head that came from a bundle was never served; earlier programs noted when the bundle was read.
    """
    top = newest(connection, log)
    given = {**log, "after_ms": after, "until_ms": until, "newest": -1 if top is None else top["id"]}
    return connection.execute(_STOOD, given).mappings().first()


def unproven(connection: Connection, log: dict[str, str]) -> list[RowMapping]:
    """The heads of a log that no proof leads from, without the newest of its history; oldest first."""
    top = newest(connection, log)
    others = [row for row in connection.execute(_SIZES, log) if top is None or row.id != top["id"]]
    ids, room = [], MAX_UNPROVEN_BYTES
    for row in others[:MAX_UNPROVEN]:
        room -= row.bytes
        if room < 0:
            break
        ids.append(row.id)
    return list(connection.execute(_UNPROVEN, {"ids": ids}).mappings())


def beyond(connection: Connection, log: dict[str, str]) -> int:
    """The number of unproven heads of a log that were served and not kept."""
    of_log = {"of_key": log["log_key"], "of_origin": log["origin"]}
    return connection.execute(_BEYOND, of_log).scalar() or 0


def no_room(connection: Connection, log: dict[str, str], note: bytes) -> bool:
    """True if there is no room for an unproven head of a log with this note. Then the head is counted as
    not kept, in the caller's transaction."""
    sizes = [row.bytes for row in connection.execute(_SIZES, log)]
    if len(sizes) <= MAX_UNPROVEN and sum(sizes) + len(note) <= MAX_UNPROVEN_BYTES:
        return False
    of_log = {"of_key": log["log_key"], "of_origin": log["origin"]}
    if not connection.execute(_ONE_MORE, of_log).rowcount:
        connection.execute(_FIRST_MORE, {**log, "heads": 1})
    return True
