# SPDX-License-Identifier: Apache-2.0
"""Removes old runs and their checks, and keeps their sums.

Signed checkpoints, proofs, evidence, releases and messages are never removed. First a row of `prunes` is
written with the last removed run and the sums. The triggers allow no other deletion.
"""

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.records import hash_chain
from anchor.records.database import Database
from anchor.records.queue import ms
from anchor.records.tables import CheckRow, Prune, Run


class Totals(msgspec.Struct, kw_only=True):
    """Sums over runs: how many of each class, their duration, their requests to logs."""

    classes: dict[str, int]
    interrupted: int = 0
    duration_ms: int = 0
    requests: int = 0

    def plus(self, other: "Totals") -> "Totals":
        classes = dict(self.classes)
        for name, count in other.classes.items():
            classes[name] = classes.get(name, 0) + count
        return Totals(
            classes=classes,
            interrupted=self.interrupted + other.interrupted,
            duration_ms=self.duration_ms + other.duration_ms,
            requests=self.requests + other.requests,
        )


def totals(connection: Connection, through: int | None = None) -> Totals:
    """The sums over the ended runs that are stored, up to number `through`."""
    query = (
        sa.select(
            Run.verdict,
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(Run.duration_ms), 0),
            sa.func.coalesce(sa.func.sum(Run.requests), 0),
        )
        .where(Run.seq.is_not(None))
        .group_by(Run.verdict)
    )
    if through is not None:
        query = query.where(Run.seq <= through)
    total = Totals(classes={})
    for name, count, duration, requests in connection.execute(query).all():
        one = Totals(classes={name: count} if name else {}, interrupted=0 if name else count)
        one.duration_ms, one.requests = int(str(duration)), int(str(requests))
        total = total.plus(one)
    return total


def pruned(connection: Connection) -> Totals:
    """The sums over all runs that were ever pruned."""
    total = Totals(classes={})
    for text in connection.execute(sa.select(Prune.counts).order_by(Prune.seq)).scalars():
        total = total.plus(msgspec.json.decode(text, type=Totals))
    return total


def prune(database: Database, *, before: float, now: float, dry_run: bool = False) -> int:
    """Remove the runs that ended before a time, oldest first without gaps. Returns how many.

    The newest run always stays, so the chain can continue from it.
    """
    with database.write() as connection:
        database.serialise(connection)
        through = _through(connection, ms(before))
        count = 0
        if through:
            query = sa.select(sa.func.count()).select_from(Run).where(Run.seq <= through)
            count = int(connection.execute(query).scalar_one())
        if not count or dry_run:
            return count
        resume = connection.execute(sa.select(Run.chain).where(Run.seq == through)).scalar_one()
        row = {
            "through": through,
            "resume": resume,
            "counts": msgspec.json.encode(totals(connection, through)).decode(),
            "pruned_ms": ms(now),
        }
        hash_chain.append(database, connection, Prune, row)
        gone = sa.select(Run.id).where(Run.seq <= through)
        connection.execute(sa.delete(CheckRow).where(CheckRow.run_id.in_(gone)))
        connection.execute(sa.delete(Run).where(Run.seq <= through))
        return count


def _through(connection: Connection, before: int) -> int:
    """The number up to which all runs ended before the time; always less than that of the newest run."""
    kept = sa.select(sa.func.min(Run.seq)).where(Run.seq.is_not(None), Run.ended_ms >= before)
    newest = sa.select(sa.func.max(Run.seq))
    numbers = [connection.execute(q).scalar() for q in (kept, newest)]
    return min((n - 1 for n in numbers if n is not None), default=0)
