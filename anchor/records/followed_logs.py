# SPDX-License-Identifier: Apache-2.0
"""The logs that are followed for a target: each log in which one of its anchors ever counted.

A log is followed until a person ends it. A release that no longer names a log must not end it: otherwise
whoever serves the release could hide a fork of that log. An anchor counted under the policy of its time; each
run decides again whether the log's key is trusted.
"""

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Misuse
from anchor.format.history_events import LogDropped, LogFollowed
from anchor.monitor.run_record import FollowedLog, ObservedAnchor
from anchor.records.database import Database
from anchor.records.queue import ms
from anchor.records.tables import Followed, Target
from anchor.records.writer import Writer, writing

MAX_REASON = 1000

# Statements are built once, with named parameters: building one costs eight times as much as running it.
_OF = (Followed.claim_id == sa.bindparam("target_id"), Followed.origin == sa.bindparam("origin"))
_LAST = sa.select(Followed.log_key, Followed.active).where(*_OF).order_by(Followed.id.desc()).limit(1)
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


def of_target(connection: Connection, target: str) -> list[FollowedLog]:
    """The logs that are followed for a target, in the order in which they first counted."""
    rows = connection.execute(_OF_TARGET, {"target": target})
    return [FollowedLog(origin=row.origin, log_key=row.log_key) for row in rows]


def every(connection: Connection) -> list[tuple[str, str, str]]:
    """Target, origin and key of each log that is followed for a target."""
    return [(row.target, row.origin, row.log_key) for row in connection.execute(_ALL)]


def counted(
    writer: Writer, target: str, anchors: Sequence[ObservedAnchor], new: Collection[ObservedAnchor]
) -> None:
    """Follow the logs of these anchors, which counted for a watched target.

    A log that a person ended is followed again if one of its anchors is `new`. An old release that is served
    again does not do that.
    """
    for anchor in anchors:
        last = _last(writer, target, anchor.origin)
        if last is None or (not last.active and anchor in new):
            writer.add(LogFollowed, target=target, origin=anchor.origin, log_key=anchor.log_key)


def forget(database: Database, target: str, origin: str, *, who: str, reason: str, now: float) -> None:
    """Stop following a log for a target. The decision is kept for ever, with its author and reason.

    Raises Misuse if the target is not known, or the log is not followed for it.
    """
    if not 1 <= len(reason.strip()) <= MAX_REASON:
        raise Misuse(f"1 to {MAX_REASON} characters are wanted", where="--reason")
    with writing(database, ms(now)) as writer:
        if writer.known.target(target) is None:
            raise Misuse("is not watched", where=target, remedy="anchor status names what is")
        last = _last(writer, target, origin)
        if last is None or not last.active:
            known = ", ".join(log.origin for log in of_target(writer.connection, target)) or "none"
            raise Misuse(f"is not followed for {target}", where=origin, remedy=f"followed for it: {known}")
        writer.add(
            LogDropped,
            target=target,
            origin=origin,
            log_key=last.log_key,
            who=who,
            reason=reason.strip(),
        )


def restore(database: Database, wanted: Sequence[tuple[str, str, str]], *, now: float) -> None:
    """Follow the logs of the mark (target, origin, key) that the records have lost."""
    with writing(database, ms(now)) as writer:
        for target, origin, log_key in wanted:
            if writer.known.target(target) is not None and _last(writer, target, origin) is None:
                writer.add(
                    LogFollowed,
                    target=target,
                    origin=origin,
                    log_key=log_key,
                    who="the mark",
                    reason="the records lost it",
                )


def _last(writer: Writer, target: str, origin: str) -> sa.Row[str, int] | None:
    """The newest row of a target and an origin."""
    key = {"target_id": writer.known.target(target), "origin": origin}
    return writer.connection.execute(_LAST, key).first()
