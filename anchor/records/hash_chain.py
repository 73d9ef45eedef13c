# SPDX-License-Identifier: Apache-2.0
"""Hash chains over the rows that must not change.

The `chain` of a row is SHA-256 of the chain value before it and of the row's own values. An edit, a removal
or an insertion in the middle breaks every later value.

Somebody can still rewrite a chain to its end. The signatures on the stored checkpoints show that for the
checkpoints, and the high-water mark beside the database (`high_water_mark.py`) for the other chains.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.records.database import Database
from anchor.records.tables import Base, Checkpoint, CheckRow, EvidenceRow, Journal, Prune, Run

START = bytes(32)

COLUMNS: Mapping[type[Base], tuple[str, ...]] = {
    Checkpoint: ("seq", "origin", "log_key", "size", "root", "note", "source", "seen_ms"),
    EvidenceRow: ("seq", "kind", "origin", "digest", "document", "found_ms"),
    Prune: ("seq", "through", "resume", "counts", "pruned_ms"),
    Journal: ("seq", "kind", "row_id", "value", "at_ms"),
    Run: (
        "seq",
        "id",
        "claim_id",
        "slot_ms",
        "worker",
        "state",
        "started_ms",
        "ended_ms",
        "verdict",
        "release_id",
        "trust_id",
        "duration_ms",
        "requests",
        "facts",
        "notes",
        "decided",
    ),
}
"""The chained columns, in the order in which they are hashed."""
_ADDED: Mapping[type[Base], str] = {Run: "decided"}
"""A last column that older rows do not have. They were hashed without it."""

_APPEND_ONLY = (
    "releases",
    "anchors",
    "followed",
    "shown",
    "accepted",
    "checkpoints",
    "proofs",
    "evidence",
    "trust",
    "notifications",
    "prunes",
    "journal",
)
_RUNS = frozenset(
    {"runs_end_once", "runs_no_delete", "checks_no_update", "checks_no_delete", "checks_of_running"}
)
TRIGGERS_SQLITE = (
    _RUNS
    | {f"{t}_no_{verb}" for t in _APPEND_ONLY for verb in ("update", "delete", "replace_0")}
    | {f"{t}_no_replace_1" for t in _APPEND_ONLY if t not in ("prunes", "journal", "followed")}
    | {"runs_no_replace"}
)
TRIGGERS_POSTGRESQL = (
    _RUNS
    | {f"{t}_append_only" for t in _APPEND_ONLY}
    | {f"{t}_no_truncate" for t in (*_APPEND_ONLY, "runs", "checks", "targets")}
)
"""The triggers that the migrations create."""

_HEAD = {
    table: sa.select(table.__table__.c.seq, table.__table__.c.chain)
    .where(table.__table__.c.seq.is_not(None))
    .order_by(table.__table__.c.seq.desc())
    .limit(1)
    for table in COLUMNS
}
_RESUME = sa.select(Prune.through, Prune.resume).order_by(Prune.seq.desc()).limit(1)
_APPEND = {table: sa.insert(table) for table in COLUMNS}
_RUNNING = sa.select(Run.__table__).where(Run.id == sa.bindparam("run"), Run.state == "running")
_END = sa.update(Run).where(Run.id == sa.bindparam("run"))
_CHECKS = sa.insert(CheckRow)

CHECK_COLUMNS = ("position", "name", "state", "detail", "meaning", "clause", "demotes")


def link(
    previous: bytes, table: type[Base], row: Mapping[str, Any], checks: Sequence[Sequence[Any]] = ()
) -> bytes:
    """The chain value of a row that follows one with the value `previous`."""
    names = COLUMNS[table]
    names = names[:-1] if _ADDED.get(table) == names[-1] and row[names[-1]] is None else names
    values = [row[c].hex() if isinstance(row[c], bytes) else row[c] for c in names]
    document = [table.__tablename__, values, [list(c) for c in checks]]
    return hashlib.sha256(previous + msgspec.json.encode(document)).digest()


def value(stored: object) -> bytes:
    """A stored chain value. If somebody removed it, the start value, which no later row fits."""
    return stored if isinstance(stored, bytes) else START


def head(connection: Connection, table: type[Base]) -> tuple[int, bytes]:
    """Number and chain value of the newest chained row. For a pruned chain, the values it resumes from."""
    row = connection.execute(_HEAD[table]).first()
    if row is None and table is Run:
        row = connection.execute(_RESUME).first()
    return (row[0], value(row[1])) if row else (0, START)


def append(database: Database, connection: Connection, table: type[Base], values: dict[str, Any]) -> int:
    """Insert one row at the end of its chain; returns its number."""
    database.serialise(connection)
    return add(connection, table, values)


def add(connection: Connection, table: type[Base], values: dict[str, Any]) -> int:
    """As `append`, for a caller that holds `serialise`."""
    seq, previous = head(connection, table)
    row = {**values, "seq": seq + 1}
    connection.execute(_APPEND[table], {**row, "chain": link(previous, table, row)})
    return seq + 1


def end_run(
    database: Database,
    connection: Connection,
    run_id: int,
    values: dict[str, Any],
    checks: Sequence[dict[str, Any]] = (),
) -> tuple[int, bytes]:
    """End a running run: its checks, its values and its place in the chain; returns its number and chain.

    If the run has ended already, nothing is written and the number is 0.
    """
    database.serialise(connection)
    running = connection.execute(_RUNNING, {"run": run_id}).mappings().first()
    if running is None:
        return 0, START
    if checks:
        connection.execute(_CHECKS, [{**c, "run_id": run_id} for c in checks])
    seq, previous = head(connection, Run)
    row = {**running, **values, "seq": seq + 1}
    chain = link(previous, Run, row, [[c[n] for n in CHECK_COLUMNS] for c in checks])
    connection.execute(_END, {**values, "run": run_id, "seq": seq + 1, "chain": chain})
    return seq + 1, chain
