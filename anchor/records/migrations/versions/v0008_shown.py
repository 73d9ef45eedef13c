# SPDX-License-Identifier: Apache-2.0
"""Adds the releases that were verified at each target, and the numbers that a person accepted. They stay when
runs are pruned, so a release is compared with the highest of all, not only with the last one."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEYS = {"shown": ("id", "claim_id,epoch,release_id"), "accepted": ("id", "claim_id,epoch")}


def upgrade() -> None:
    shown = op.create_table(
        "shown",
        sa.Column("id", _ID, nullable=False),
        sa.Column("claim_id", _ID, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("release_id", _ID, nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shown")),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_shown_claim_id_claims")),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name=op.f("fk_shown_release_id_releases")),
        sa.UniqueConstraint(
            "claim_id", "epoch", "release_id", name=op.f("uq_shown_claim_id_epoch_release_id")
        ),
    )
    op.create_table(
        "accepted",
        sa.Column("id", _ID, nullable=False),
        sa.Column("claim_id", _ID, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("ledger", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accepted")),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_accepted_claim_id_claims")),
        sa.UniqueConstraint("claim_id", "epoch", name=op.f("uq_accepted_claim_id_epoch")),
    )
    _write_down(shown)
    for table in _KEYS:
        _append_only(table)


def _append_only(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        refused = [(f"no_{verb.lower()}", verb, "1") for verb in ("UPDATE", "DELETE")]
        for number, key in enumerate(_KEYS[table]):
            same = " AND ".join(f"{c} = NEW.{c}" for c in key.split(","))
            found = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 - names of ours
            refused.append((f"no_replace_{number}", "INSERT", found))
        for name, event, when in refused:
            op.execute(
                f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} WHEN {when} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    for name, event, each in (
        ("append_only", "UPDATE OR DELETE", "ROW"),
        ("no_truncate", "TRUNCATE", "STATEMENT"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION anchor_refuse()"
        )


def _write_down(shown: sa.Table) -> None:
    """Copy the releases of the stored runs into the table and into the journal."""
    bind = op.get_bind()
    query = (
        "SELECT claim_id, release_id, MIN(ended_ms) AS seen_ms FROM runs "
        "WHERE state = 'finished' AND release_id IS NOT NULL GROUP BY claim_id, release_id "
        "ORDER BY claim_id, release_id"
    )
    found = [[n, c, 0, r, at or 0] for n, (c, r, at) in enumerate(bind.execute(sa.text(query)).all(), 1)]
    last = bind.execute(sa.text("SELECT seq, chain FROM journal ORDER BY seq DESC LIMIT 1")).first()
    seq, previous = (last[0], bytes(last[1])) if last else (0, bytes(32))
    rows: list[dict[str, Any]] = []
    for value in found:
        seq += 1
        values: list[Any] = [seq, "shown", value[0], _json(value), 0]
        previous = hashlib.sha256(previous + _json(["journal", values, []]).encode()).digest()
        names = ("seq", "kind", "row_id", "value", "at_ms", "chain")
        rows.append(dict(zip(names, [*values, previous], strict=True)))
    if not found:
        return
    columns = ("id", "claim_id", "epoch", "release_id", "seen_ms")
    op.bulk_insert(shown, [dict(zip(columns, value, strict=True)) for value in found])
    journal = sa.table(
        "journal",
        *(sa.column(n) for n in ("seq", "kind", "row_id", "value", "at_ms")),
        sa.column("chain", sa.LargeBinary()),
    )
    op.bulk_insert(journal, rows)
    if bind.dialect.name == "postgresql":
        op.execute("SELECT setval(pg_get_serial_sequence('shown', 'id'), (SELECT MAX(id) FROM shown))")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
