# SPDX-License-Identifier: Apache-2.0
"""Adds what was read of the logs that are read whole, and the entries there that nothing explained."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEYS = {
    "name_scans": ("id", "origin,log_key,watch,start_index,end_index"),
    "named_entries": ("id", "origin,log_key,watch,log_index"),
}


def upgrade() -> None:
    of_log = (("origin", sa.Text()), ("log_key", sa.Text()), ("watch", sa.Text()))
    _create(
        "name_scans",
        *of_log,
        ("start_index", sa.BigInteger()),
        ("end_index", sa.BigInteger()),
        ("size", sa.BigInteger()),
        ("claimed", sa.BigInteger()),
        ("surplus", sa.BigInteger()),
        ("unreadable", sa.BigInteger()),
        ("seen_ms", sa.BigInteger()),
    )
    _create(
        "named_entries",
        *of_log,
        ("log_index", sa.BigInteger()),
        ("digest", sa.Text()),
        ("certified", sa.Integer()),
        ("identity", sa.Text()),
        ("issuer", sa.Text()),
        ("body_sha256", sa.Text()),
        ("body", sa.LargeBinary()),
        ("seen_ms", sa.BigInteger()),
    )
    op.create_table(
        "scan_budgets",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("log_key", sa.Text(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "log_key", name=op.f("pk_scan_budgets")),
    )


def _create(table: str, *columns: tuple[str, Any]) -> None:
    key = _KEYS[table][1]
    op.create_table(
        table,
        sa.Column("id", _ID, nullable=False),
        *(sa.Column(name, kind, nullable=False) for name, kind in columns),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint(*key.split(","), name=op.f(f"uq_{table}_{key.replace(',', '_')}")),
    )
    if op.get_bind().dialect.name == "sqlite":
        refused = [(f"no_{verb.lower()}", verb, "1") for verb in ("UPDATE", "DELETE")]
        for number, columns_of in enumerate(_KEYS[table]):
            same = " AND ".join(f"{c} = NEW.{c}" for c in columns_of.split(","))
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
