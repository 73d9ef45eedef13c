# SPDX-License-Identifier: Apache-2.0
"""Adds the content of each message for programs: its severity, its kind, and what it is about."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notifications", sa.Column("details", sa.Text(), nullable=True))
