# SPDX-License-Identifier: Apache-2.0
"""The policy that a target is watched with: what one policy found is never ended by a good run of another."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("claims", sa.Column("policy_path", sa.Text(), nullable=True))
    op.add_column("claims", sa.Column("policy_sha256", sa.Text(), nullable=True))
