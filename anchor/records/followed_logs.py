# SPDX-License-Identifier: Apache-2.0
"""The logs that are followed for a target: each log in which one of its anchors ever counted.

A log is followed until a person ends it. A release that no longer names a log must not end it: otherwise
whoever serves the release could hide a fork of that log. An anchor counted under the policy of its time; each
run decides again whether the log's key is trusted.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Misuse
from anchor.monitor.run_record import FollowedLog, ObservedAnchor
from anchor.records import audit_log
from anchor.records.database import Database
from anchor.records.queue import ms
from anchor.records.tables import Followed, Target

MAX_REASON = 1000

# Statements are built once, with named parameters: building one costs eight times as much as running it.
_OF = (Followed.claim_id == sa.bindparam("target_id"), Followed.origin == sa.bindparam("origin"))
_LAST = sa.select(Followed.__table__).where(*_OF).order_by(Followed.id.desc()).limit(1)
_LATER = Followed.__table__.alias()
_NEWEST = ~sa.exists().where(
    _LATER.c.claim_id == Followed.claim_id, _LATER.c.origin == Followed.origin, _LATER.c.id > Followed.id
)
_ALL = (
    sa.select(Target.target, Followed.origin, Followed.log_key)
    .join(Target, Target.id == Followed.claim_id)
    .where(Followed.active == 1, _NEWEST)
    .order_by(Followed.id)
)
_OF_TARGET = _ALL.where(Target.target == sa.bindparam("target"))
_TARGET = sa.select(Target.id).where(Target.target == sa.bindparam("target"))
_ADD = sa.insert(Followed).returning(Followed.id)


def of_target(connection: Connection, target: str) -> list[FollowedLog]:
    """The logs that are followed for a target, in the order in which they first counted."""
    rows = connection.execute(_OF_TARGET, {"target": target})
    return [FollowedLog(origin=row.origin, log_key=row.log_key) for row in rows]


def every(connection: Connection) -> list[tuple[str, str, str]]:
    """Target, origin and key of each log that is followed for a target."""
    return [(row.target, row.origin, row.log_key) for row in connection.execute(_ALL)]


def counted(
    connection: Connection,
    target_id: int,
    anchors: Sequence[ObservedAnchor],
    new: Collection[ObservedAnchor],
    at: int,
) -> None:
    """Follow the logs of these anchors, which counted. The caller holds `serialise`.

    A log that a person ended is followed again if one of its anchors is `new`. An old release that is served
    again does not do that.
    """
    for anchor in anchors:
        last = connection.execute(_LAST, {"target_id": target_id, "origin": anchor.origin}).mappings().first()
        if last is None or (not last["active"] and anchor in new):
            _write(connection, target_id, anchor.origin, anchor.log_key, at)


def forget(database: Database, target: str, origin: str, *, who: str, reason: str, now: float) -> None:
    """Stop following a log for a target. The decision is kept for ever, with its author and reason.

    Raises Misuse if the target is not known, or the log is not followed for it.
    """
    if not 1 <= len(reason.strip()) <= MAX_REASON:
        raise Misuse(f"1 to {MAX_REASON} characters are wanted", where="--reason")
    with database.write() as connection:
        database.serialise(connection)
        target_id = connection.execute(_TARGET, {"target": target}).scalar()
        if target_id is None:
            raise Misuse("is not watched", where=target, remedy="anchor status names what is")
        last = connection.execute(_LAST, {"target_id": target_id, "origin": origin}).mappings().first()
        if last is None or not last["active"]:
            known = ", ".join(log.origin for log in of_target(connection, target)) or "none"
            raise Misuse(f"is not followed for {target}", where=origin, remedy=f"followed for it: {known}")
        _write(
            connection, target_id, origin, last["log_key"], ms(now), active=0, who=who, reason=reason.strip()
        )


def restore(database: Database, wanted: Sequence[tuple[str, str, str]], *, now: float) -> None:
    """Follow the logs of the mark (target, origin, key) that the records have lost."""
    with database.write() as connection:
        database.serialise(connection)
        for target, origin, log_key in wanted:
            target_id = connection.execute(_TARGET, {"target": target}).scalar()
            if target_id is None:
                continue
            if connection.execute(_LAST, {"target_id": target_id, "origin": origin}).first() is None:
                _write(
                    connection,
                    target_id,
                    origin,
                    log_key,
                    ms(now),
                    who="the mark",
                    reason="the records lost it",
                )


def _write(
    connection: Connection,
    target_id: int,
    origin: str,
    log_key: str,
    at: int,
    *,
    active: int = 1,
    who: str = "",
    reason: str = "",
) -> None:
    row: Mapping[str, Any] = {
        "claim_id": target_id,
        "origin": origin,
        "log_key": log_key,
        "active": active,
        "who": who,
        "reason": reason,
        "at_ms": at,
    }
    added = connection.execute(_ADD, row).scalar_one()
    audit_log.write(connection, Followed, {**row, "id": added}, at)
