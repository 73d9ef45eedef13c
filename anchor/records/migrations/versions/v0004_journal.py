# SPDX-License-Identifier: Apache-2.0
"""Adds a chained journal of releases, anchors and claims. Existing rows are copied into it as they are."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WRITTEN = {
    "releases": "id, ledger, number, version, root, size, statement_sha256, seen_ms",
    "anchors": "id, release_id, origin, log_key, log_index, bundle_sha256, time, seen_ms",
    "claims": "id, target, active, interval_s, added_ms",
}
"""As `anchor.records.audit_log` had them when this was written."""


def upgrade() -> None:
    table = op.create_table(
        "journal",
        sa.Column("seq", _ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_journal")),
    )
    _write_down(table)
    if op.get_bind().dialect.name == "sqlite":
        for name, event, when in (
            ("no_update", "UPDATE", "1"),
            ("no_delete", "DELETE", "1"),
            ("no_replace_0", "INSERT", "EXISTS (SELECT 1 FROM journal WHERE seq = NEW.seq)"),
        ):
            op.execute(
                f"CREATE TRIGGER journal_{name} BEFORE {event} ON journal WHEN {when} "
                "BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END"
            )
        return
    for name, event, each in (
        ("append_only", "UPDATE OR DELETE", "ROW"),
        ("no_truncate", "TRUNCATE", "STATEMENT"),
    ):
        op.execute(
            f"CREATE TRIGGER journal_{name} BEFORE {event} ON journal "
            f"FOR EACH {each} EXECUTE FUNCTION anchor_refuse()"
        )


def _write_down(journal: sa.Table) -> None:
    rows: list[dict[str, Any]] = []
    bind, previous = op.get_bind(), bytes(32)
    for kind, columns in _WRITTEN.items():
        query = f"SELECT {columns} FROM {kind} ORDER BY id"  # noqa: S608 - names of ours
        for row in bind.execute(sa.text(query)).all():
            values: list[Any] = [len(rows) + 1, kind, row[0], _json(list(row)), 0]
            previous = hashlib.sha256(previous + _json(["journal", values, []]).encode()).digest()
            names = ("seq", "kind", "row_id", "value", "at_ms", "chain")
            rows.append(dict(zip(names, [*values, previous], strict=True)))
    if rows:
        op.bulk_insert(journal, rows)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
