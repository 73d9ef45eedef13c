# SPDX-License-Identifier: Apache-2.0
"""Adds the statuses that were verified at each target. They stay when runs are pruned, so that a status is
compared with the highest of all."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEYS = {
    "statuses": ("id", "ledger,sequence,statement_sha256"),
    "shown_statuses": ("id", "claim_id,status_id"),
}


def upgrade() -> None:
    op.create_table(
        "statuses",
        sa.Column("id", _ID, nullable=False),
        sa.Column("ledger", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("statement_sha256", sa.Text(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("bundles_sha256", sa.Text(), nullable=False),
        sa.Column("bundles", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statuses")),
        sa.UniqueConstraint(
            "ledger",
            "sequence",
            "statement_sha256",
            name=op.f("uq_statuses_ledger_sequence_statement_sha256"),
        ),
    )
    op.create_table(
        "shown_statuses",
        sa.Column("id", _ID, nullable=False),
        sa.Column("claim_id", _ID, nullable=False),
        sa.Column("ledger", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("status_id", _ID, nullable=True),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shown_statuses")),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["targets.id"], name=op.f("fk_shown_statuses_claim_id_targets")
        ),
        sa.ForeignKeyConstraint(
            ["status_id"], ["statuses.id"], name=op.f("fk_shown_statuses_status_id_statuses")
        ),
        sa.UniqueConstraint("claim_id", "status_id", name=op.f("uq_shown_statuses_claim_id_status_id")),
    )
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
