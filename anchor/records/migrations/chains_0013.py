# SPDX-License-Identifier: Apache-2.0
"""The checks of records of schema 0013 and older, as version 0.1 made them. Frozen: used by migration 0014.

Those records had five hash chains, and a journal with copies of the rows of tables without a chain. The
`chain` of a row is SHA-256 of the chain value before it and of the row's own values.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Refused

START = bytes(32)
BATCH = 1000

CHAINS: Mapping[str, tuple[str, ...]] = {
    "checkpoints": ("seq", "origin", "log_key", "size", "root", "note", "source", "seen_ms"),
    "evidence": ("seq", "kind", "origin", "digest", "document", "found_ms"),
    "prunes": ("seq", "through", "resume", "counts", "pruned_ms"),
    "journal": ("seq", "kind", "row_id", "value", "at_ms"),
    "runs": (
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
"""The chained columns of each table, in the order in which they are hashed. `decided` came last: rows without
it were hashed without it."""
COPIED: Mapping[str, tuple[str, ...]] = {
    "releases": ("id", "ledger", "number", "version", "root", "size", "statement_sha256", "seen_ms"),
    "anchors": ("id", "release_id", "origin", "log_key", "log_index", "bundle_sha256", "time", "seen_ms"),
    "targets": ("id", "target", "active", "interval_s", "added_ms"),
    "followed": ("id", "claim_id", "origin", "log_key", "active", "who", "reason", "at_ms"),
    "shown": ("id", "claim_id", "epoch", "release_id", "seen_ms"),
    "accepted": ("id", "claim_id", "epoch", "ledger", "number", "who", "reason", "at_ms"),
    "statuses": ("id", "ledger", "sequence", "statement_sha256", "bundles_sha256", "time", "seen_ms"),
    "shown_statuses": ("id", "claim_id", "ledger", "sequence", "status_id", "seen_ms"),
    "name_scans": (
        "id",
        "origin",
        "log_key",
        "watch",
        "start_index",
        "end_index",
        "size",
        "claimed",
        "surplus",
        "unreadable",
        "seen_ms",
    ),
    "named_entries": (
        "id",
        "origin",
        "log_key",
        "watch",
        "log_index",
        "digest",
        "certified",
        "identity",
        "issuer",
        "body_sha256",
        "seen_ms",
    ),
}
"""The columns of each table that the journal has copies of."""
_CHECKED = ("position", "name", "state", "detail", "meaning", "clause", "demotes")
_DOCUMENTS = (
    ("releases", "statement", "statement_sha256"),
    ("anchors", "bundle", "bundle_sha256"),
    ("statuses", "bundles", "bundles_sha256"),
    ("statuses", "statement", "statement_sha256"),
    ("evidence", "document", "digest"),
    ("trust", "document", "digest"),
    ("named_entries", "body", "body_sha256"),
)
"""Table, column with a document, column with its SHA-256."""


class Old:
    """The tables of schema 0013. `prefix`: the beginning of their names in the database."""

    def __init__(self, connection: Connection, *, prefix: str = "") -> None:
        self._connection = connection
        self._tables = sa.MetaData()
        self._prefix = prefix

    def table(self, name: str) -> sa.Table:
        """A table, whose name has the prefix in the database."""
        return sa.Table(self._prefix + name, self._tables, autoload_with=self._connection)

    def rows(self, name: str, order: str = "id", **equal: Any) -> Iterator[dict[str, Any]]:
        """The rows of a table in the order of a column; `equal`: columns and their values."""
        columns = self.table(name).c
        query = sa.select(self.table(name)).order_by(columns[order])
        query = query.where(*(columns[n] == value for n, value in equal.items()))
        result = self._connection.execute(query.execution_options(yield_per=BATCH))
        for row in result.mappings():
            yield dict(row)

    def checks(self, run_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        """The checks of these runs, in their order."""
        table = self.table("checks")
        query = sa.select(table).where(table.c.run_id.in_(run_ids)).order_by(table.c.run_id, table.c.position)
        made: dict[int, list[dict[str, Any]]] = {}
        for row in self._connection.execute(query).mappings():
            made.setdefault(row["run_id"], []).append(dict(row))
        return made

    def ended(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """The runs that ended and their checks, in the order of their chain."""
        table, after = self.table("runs"), 0
        while True:
            query = sa.select(table).where(table.c.seq > after).order_by(table.c.seq).limit(BATCH)
            runs = [dict(row) for row in self._connection.execute(query).mappings()]
            if not runs:
                return
            checks = self.checks([run["id"] for run in runs])
            for run in runs:
                yield run, checks.get(run["id"], [])
            after = runs[-1]["seq"]


def verify(old: Old) -> dict[str, list[tuple[int, str]]]:
    """Check the chains, the journal and the digests.

    Returns the ends of the chains: by table, number and chain value (hex) of the newest rows, oldest first.

    Raises Refused if something was edited, removed or added.
    """
    ends = {name: _chain(old, name) for name in CHAINS if name != "runs"}
    ends["runs"] = _runs(old)
    _journal(old)
    for table, column, digest in _DOCUMENTS:
        for row in old.rows(table, "seq" if table in CHAINS else "id"):
            data = row[column].encode() if isinstance(row[column], str) else row[column]
            if hashlib.sha256(data).hexdigest() != row[digest]:
                raise _edited(f"a document of {table} is not what its digest says")
    return ends


_KEPT = 100
"""Rows at the end of each chain whose values are remembered."""


def _edited(problem: str) -> Refused:
    remedy = "the program of version 0.1 names each row that differs; restore a copy that you trust"
    return Refused(f"are not taken over, since they were changed: {problem}", where="records", remedy=remedy)


def _link(previous: bytes, name: str, row: Mapping[str, Any], checks: Sequence[Sequence[Any]] = ()) -> bytes:
    names = CHAINS[name]
    if name == "runs" and row["decided"] is None:
        names = names[:-1]
    values = [row[c].hex() if isinstance(row[c], bytes) else row[c] for c in names]
    return hashlib.sha256(previous + msgspec.json.encode([name, values, [list(c) for c in checks]])).digest()


def _chain(old: Old, name: str) -> list[tuple[int, str]]:
    previous = START
    ends: list[tuple[int, str]] = []
    for number, row in enumerate(old.rows(name, "seq"), 1):
        if row["seq"] != number or _link(previous, name, row) != row["chain"]:
            raise _edited(f"{name} {number} does not fit its chain")
        previous = row["chain"]
        ends = [*ends[-_KEPT + 1 :], (number, previous.hex())]
    return ends


def _runs(old: Old) -> list[tuple[int, str]]:
    number, previous, ends = 0, START, []
    for prune in old.rows("prunes", "seq"):
        number, previous = prune["through"], prune["resume"]
        ends = [(number, previous.hex())]
    for run, checks in old.ended():
        number += 1
        link = _link(previous, "runs", run, [[c[n] for n in _CHECKED] for c in checks])
        if run["seq"] != number or link != run["chain"]:
            raise _edited(f"run {number} or its checks do not fit the chain")
        previous = run["chain"]
        ends = [*ends[-_KEPT + 1 :], (number, previous.hex())]
    return ends


def _journal(old: Old) -> None:
    """Compare the rows without a chain with their copies in the journal."""
    names = {"claims": "targets"}  # the table was renamed, its copies were not
    last: dict[tuple[str, int], str] = {}
    for row in old.rows("journal", "seq"):
        last[(names.get(row["kind"], row["kind"]), row["row_id"])] = row["value"]
    for table, columns in COPIED.items():
        for row in old.rows(table):
            copy = msgspec.json.encode([row[n] for n in columns]).decode()
            if last.pop((table, row["id"]), None) != copy:
                raise _edited(f"{table} {row['id']} is not what was written down")
    if last:
        table, row_id = min(last)
        raise _edited(f"{table} {row_id} is gone")
