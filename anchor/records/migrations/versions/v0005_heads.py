# SPDX-License-Identifier: Apache-2.0
"""Adds an index to find the newest head of a proven history, and counts heads that are not kept."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_proofs_new", "proofs", ["origin", "new_size"])
    op.create_table(
        "surplus",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("log_key", sa.Text(), nullable=False),
        sa.Column("heads", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "log_key", name=op.f("pk_surplus")),
    )
