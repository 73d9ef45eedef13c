# SPDX-License-Identifier: Apache-2.0
"""A chained second copy of the rows that have no hash chain of their own, in the table `journal`.

It holds releases, anchors, followed logs, which release was shown where, and what a person accepted. It also
holds which target is watched and how often, once more after each change. So `records check` sees that such a
row was edited, added or removed.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.records import hash_chain
from anchor.records.tables import Accepted, Anchor, Base, Followed, Journal, Release, Shown, Target

COLUMNS: Mapping[type[Base], tuple[str, ...]] = {
    # Statements and bundles are written down by their digests.
    Release: ("id", "ledger", "number", "version", "root", "size", "statement_sha256", "seen_ms"),
    Anchor: ("id", "release_id", "origin", "log_key", "log_index", "bundle_sha256", "time", "seen_ms"),
    Target: ("id", "target", "active", "interval_s", "added_ms"),
    Followed: ("id", "claim_id", "origin", "log_key", "active", "who", "reason", "at_ms"),
    Shown: ("id", "claim_id", "epoch", "release_id", "seen_ms"),
    Accepted: ("id", "claim_id", "epoch", "ledger", "number", "who", "reason", "at_ms"),
}
"""The columns that are copied, `id` first."""

_KINDS: Mapping[type[Base], str] = {Target: "claims"}
"""The written kind of a table that was renamed since: it stands in chained rows."""


def kind(table: type[Base]) -> str:
    """The name of a table in the journal."""
    return _KINDS.get(table, table.__tablename__)


def value(table: type[Base], row: Mapping[str, Any]) -> str:
    """The copy of a row, as JSON."""
    return msgspec.json.encode([row[name] for name in COLUMNS[table]]).decode()


def write(connection: Connection, table: type[Base], row: Mapping[str, Any], at: int) -> None:
    """Copy a row that was added or changed in this transaction. The caller holds `serialise`."""
    entry = {"kind": kind(table), "row_id": row["id"], "value": value(table, row), "at_ms": at}
    hash_chain.add(connection, Journal, entry)


def problems(connection: Connection) -> tuple[list[str], int]:
    """The differences between the tables and their copies, and how many rows were compared."""
    query = sa.select(Journal.kind, Journal.row_id, Journal.value).order_by(Journal.seq)
    last = {(kind, row_id): copy for kind, row_id, copy in connection.execute(query)}
    differences, count = [], 0
    for table, names in COLUMNS.items():
        columns = table.__table__.c
        name = table.__tablename__
        rows = connection.execute(sa.select(*(columns[n] for n in names)).order_by(columns.id)).mappings()
        for row in rows:
            count += 1
            copy = last.pop((kind(table), row["id"]), None)
            if copy is None:
                differences.append(f"{name} {row['id']} was never written down")
            elif copy != value(table, dict(row)):
                differences.append(f"{name} {row['id']} is not what was written down: {copy}")
    names_of = {written: table.__tablename__ for table, written in _KINDS.items()}
    differences += [f"{names_of.get(k, k)} {n} is gone: {copy}" for (k, n), copy in last.items()]
    return differences, count


def dangling(connection: Connection) -> list[str]:
    """References to rows that do not exist. No engine lets this happen by itself."""
    problems = []
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
                problems.append(f"{count} rows of {table.name} name {key.column.table.name} that are gone")
    return problems
