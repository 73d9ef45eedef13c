# SPDX-License-Identifier: Apache-2.0
"""Adds the policy of each target: an OK run under one policy never ends what another policy found."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("claims", sa.Column("policy_path", sa.Text(), nullable=True))
    op.add_column("claims", sa.Column("policy_sha256", sa.Text(), nullable=True))
