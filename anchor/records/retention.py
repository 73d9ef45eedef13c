# SPDX-License-Identifier: Apache-2.0
"""Removes the bodies of old runs' events, and keeps their sums. Their leaf hashes stay in the tree.

An event names the removed ones and holds the sums. Signed checkpoints, proofs, evidence, releases and
messages are never removed, nor a run that says what is now known of its target: a replay must find the same.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.format.history_events import RecordsPruned, RunEnded, number
from anchor.records import event_log
from anchor.records.database import Database
from anchor.records.fold import GOOD
from anchor.records.pruned_events import Totals
from anchor.records.queue import ms
from anchor.records.tables import FINISHED, EventRow, Prune, Run
from anchor.records.writer import writing

MOST = 50_000
"""Runs that one event names: it may have 4 MiB."""

_LASTS = tuple(
    sa.select(Run.claim_id, sa.func.max(Run.id)).where(FINISHED, *which).group_by(Run.claim_id)
    for which in (
        (),
        (Run.verdict.in_([str(one) for one in GOOD]),),
        (Run.release_id.is_not(None),),
        (Run.trust_id.is_not(None),),
    )
)
_NEWEST = sa.select(sa.func.max(Run.id))
_TRUSTED = Run.__table__.alias()
_LOOSE = sa.select(Run.id, Run.claim_id).where(
    FINISHED,
    Run.trust_id.is_(None),
    ~sa.exists().where(
        _TRUSTED.c.claim_id == Run.claim_id, _TRUSTED.c.id > Run.id, _TRUSTED.c.trust_id.is_not(None)
    ),
)
"""Finished runs after the last one of their target that read trust material."""
_OLD = (
    sa.select(Run.id, Run.verdict, Run.duration_ms, Run.requests)
    .join(EventRow, EventRow.leaf_index == Run.id)
    .where(EventRow.body.is_not(None))  # a row that somebody put back is not pruned twice
    .where(Run.ended_ms < sa.bindparam("before", type_=sa.BigInteger()))
    .where(Run.id > sa.bindparam("last", type_=sa.BigInteger()))
    .order_by(Run.id)
    .limit(MOST)
)


_SUMS = sa.select(
    Run.verdict,
    sa.func.count(),
    sa.func.coalesce(sa.func.sum(Run.duration_ms), 0),
    sa.func.coalesce(sa.func.sum(Run.requests), 0),
).group_by(Run.verdict)


def totals(connection: Connection, *which: sa.ColumnElement[bool]) -> Totals:
    """The sums over the ended runs that are stored, or over those of which these hold."""
    total = Totals(classes={})
    for name, count, duration, requests in connection.execute(_SUMS.where(*which)).all():
        one = Totals(classes={name: count} if name else {}, interrupted=0 if name else count)
        one.duration_ms, one.requests = int(str(duration)), int(str(requests))
        total = total.plus(one)
    return total


def pruned(connection: Connection) -> Totals:
    """The sums over all runs that were ever pruned."""
    total = Totals(classes={})
    for text in connection.execute(sa.select(Prune.counts).order_by(Prune.id)).scalars():
        total = total.plus(msgspec.json.decode(text, type=Totals, strict=False))  # large numbers are texts
    return total


def prune(database: Database, *, before: float, now: float, dry_run: bool = False) -> int:
    """Remove the runs that ended before a time, in one transaction. Returns how many.

    The newest run of all stays, and of each target those that its state follows from (`_kept`).
    """
    if dry_run:
        with database.read() as connection:
            return sum(len(page) for page in _old(connection, ms(before)))
    with writing(database, ms(now)) as writer:
        count = 0
        for page in _old(writer.connection, ms(before)):
            ranges, sums = _ranges([row.id for row in page]), Totals(classes={})
            for row in page:
                sums = sums.plus(_one(row))
            named = [(number(first), number(last)) for first, last in ranges]
            writer.add(RecordsPruned, runs=named, counts=msgspec.to_builtins(sums))
            event_log.prune(writer.connection, ranges)
            count += len(page)
        return count


def _one(row: Any) -> Totals:
    classes, interrupted = ({row.verdict: 1}, 0) if row.verdict else ({}, 1)
    return Totals(
        classes=classes, interrupted=interrupted, duration_ms=row.duration_ms, requests=row.requests
    )


def _old(connection: Connection, before: int) -> Iterator[list[Any]]:
    """The runs that ended before a time (ms since 1970) and may go, oldest first, in pages."""
    kept, last = _kept(connection), -1
    while page := connection.execute(_OLD, {"before": before, "last": last}).all():
        last = page[-1].id
        if gone := [row for row in page if row.id not in kept]:
            yield gone


def _kept(connection: Connection) -> set[int]:
    """The newest run of all. And of each target: the last that finished, the last good one, and the last that
    found a release, trust material, or an age that the policy allows."""
    kept = {index for query in _LASTS for _, index in connection.execute(query)}
    newest = connection.execute(_NEWEST).scalar()
    kept |= {newest} if newest is not None else set()
    loose = {row.id: row.claim_id for row in connection.execute(_LOOSE)}
    aged = {}
    for index, event in event_log.events(connection, loose):
        if isinstance(event, RunEnded) and event.max_run_age is not None:
            aged[loose[index]] = index
    return kept | set(aged.values())


def _ranges(indexes: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending indexes as first and last of each range without gaps."""
    ranges: list[tuple[int, int]] = []
    for index in indexes:
        if ranges and ranges[-1][1] == index - 1:
            ranges[-1] = (ranges[-1][0], index)
        else:
            ranges.append((index, index))
    return ranges
