# SPDX-License-Identifier: Apache-2.0
"""The journal: what was added to tables without a chain of their own, and what the user decided, chained.

A release, an anchor, a log that is followed for a target, what was shown where, what a person accepted, and a
claim (which target is watched, how often) are each written down once more as a row of the journal, a claim
again whenever that changes. So a row that is edited, added or taken out is seen.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.records import hash_chain
from anchor.records.tables import Accepted, Anchor, Base, Claim, Followed, Journal, Release, Shown

COLUMNS: Mapping[type[Base], tuple[str, ...]] = {
    # Statements and bundles are written down by their digests.
    Release: ("id", "ledger", "number", "version", "root", "size", "statement_sha256", "seen_ms"),
    Anchor: ("id", "release_id", "origin", "log_key", "log_index", "bundle_sha256", "time", "seen_ms"),
    Claim: ("id", "target", "active", "interval_s", "added_ms"),
    Followed: ("id", "claim_id", "origin", "log_key", "active", "who", "reason", "at_ms"),
    Shown: ("id", "claim_id", "epoch", "release_id", "seen_ms"),
    Accepted: ("id", "claim_id", "epoch", "ledger", "number", "who", "reason", "at_ms"),
}
"""What is written down of a row, `id` first."""


def value(table: type[Base], row: Mapping[str, Any]) -> str:
    """A row as the journal has it."""
    return msgspec.json.encode([row[name] for name in COLUMNS[table]]).decode()


def write(connection: Connection, table: type[Base], row: Mapping[str, Any], at: int) -> None:
    """Write a row down that was added or changed in this transaction. The caller holds `serialise`."""
    entry = {"kind": table.__tablename__, "row_id": row["id"], "value": value(table, row), "at_ms": at}
    hash_chain.add(connection, Journal, entry)


def problems(connection: Connection) -> tuple[list[str], int]:
    """Where tables differ from what was written down of them, and how many rows were compared."""
    query = sa.select(Journal.kind, Journal.row_id, Journal.value).order_by(Journal.seq)
    last = {(kind, number): text for kind, number, text in connection.execute(query)}
    found, count = [], 0
    for table, names in COLUMNS.items():
        columns = table.__table__.c
        name = table.__tablename__
        rows = connection.execute(sa.select(*(columns[n] for n in names)).order_by(columns.id)).mappings()
        for row in rows:
            count += 1
            written = last.pop((name, row["id"]), None)
            if written is None:
                found.append(f"{name} {row['id']} was never written down")
            elif written != value(table, dict(row)):
                found.append(f"{name} {row['id']} is not what was written down: {written}")
    found += [f"{kind} {number} is gone: {text}" for (kind, number), text in last.items()]
    return found, count


def dangling(connection: Connection) -> list[str]:
    """Rows that refer to a row that is not there, which no engine lets happen by itself."""
    found = []
    for table in Base.metadata.sorted_tables:
        for key in sorted(table.foreign_keys, key=lambda k: k.parent.name):
            parent = key.column.table.alias()
            missing = sa.and_(key.parent.is_not(None), parent.c[key.column.name].is_(None))
            query = (
                sa.select(sa.func.count())
                .select_from(table.outerjoin(parent, key.parent == parent.c[key.column.name]))
                .where(missing)
            )
            if count := connection.execute(query).scalar():
                found.append(f"{count} rows of {table.name} name {key.column.table.name} that are gone")
    return found
