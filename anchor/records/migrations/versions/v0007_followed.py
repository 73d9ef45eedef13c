# SPDX-License-Identifier: Apache-2.0
"""Adds the logs that are followed for each target, in a table and in the journal. A log stays there when a
release no longer names it, or when a person ends it."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COLUMNS = ("id", "claim_id", "origin", "log_key", "active", "who", "reason", "at_ms")


def upgrade() -> None:
    table = op.create_table(
        "followed",
        sa.Column("id", _ID, nullable=False),
        sa.Column("claim_id", _ID, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("log_key", sa.Text(), nullable=False),
        sa.Column("active", sa.Integer(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_followed")),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_followed_claim_id_claims")),
    )
    op.create_index("ix_followed_claim_id_origin", "followed", ["claim_id", "origin"])
    _write_down(table)
    if op.get_bind().dialect.name == "sqlite":
        for name, event, when in (
            ("no_update", "UPDATE", "1"),
            ("no_delete", "DELETE", "1"),
            ("no_replace_0", "INSERT", "EXISTS (SELECT 1 FROM followed WHERE id = NEW.id)"),
        ):
            op.execute(
                f"CREATE TRIGGER followed_{name} BEFORE {event} ON followed WHEN {when} "
                "BEGIN SELECT RAISE(ABORT, 'followed is append-only'); END"
            )
        return
    for name, event, each in (
        ("append_only", "UPDATE OR DELETE", "ROW"),
        ("no_truncate", "TRUNCATE", "STATEMENT"),
    ):
        op.execute(
            f"CREATE TRIGGER followed_{name} BEFORE {event} ON followed "
            f"FOR EACH {each} EXECUTE FUNCTION anchor_refuse()"
        )


def _write_down(followed: sa.Table) -> None:
    """The logs of all releases that the runs which are still there, or the claims, found at each target."""
    bind = op.get_bind()
    query = (
        "SELECT f.claim_id, a.origin, MAX(a.log_key), MIN(a.seen_ms) FROM anchors a JOIN ("
        "SELECT claim_id, release_id FROM runs WHERE state = 'finished' "
        "UNION SELECT id, release_id FROM claims) f ON f.release_id = a.release_id "
        "GROUP BY f.claim_id, a.origin ORDER BY f.claim_id, a.origin"
    )
    last = bind.execute(sa.text("SELECT seq, chain FROM journal ORDER BY seq DESC LIMIT 1")).first()
    seq, previous = (last[0], bytes(last[1])) if last else (0, bytes(32))
    rows: list[dict[str, Any]] = []
    written: list[dict[str, Any]] = []
    for number, (claim, origin, key, at) in enumerate(bind.execute(sa.text(query)).all(), 1):
        row = [number, claim, origin, key, 1, "", "", at]
        value: list[Any] = [seq + number, "followed", number, _json(row), 0]
        previous = hashlib.sha256(previous + _json(["journal", value, []]).encode()).digest()
        rows.append(dict(zip(_COLUMNS, row, strict=True)))
        names = ("seq", "kind", "row_id", "value", "at_ms", "chain")
        written.append(dict(zip(names, [*value, previous], strict=True)))
    if not rows:
        return
    op.bulk_insert(followed, rows)
    columns: list[Any] = [sa.column(n) for n in ("seq", "kind", "row_id", "value", "at_ms")]
    op.bulk_insert(sa.table("journal", *columns, sa.column("chain", sa.LargeBinary())), written)
    if bind.dialect.name == "postgresql":
        op.execute("SELECT setval(pg_get_serial_sequence('followed', 'id'), (SELECT MAX(id) FROM followed))")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
