# SPDX-License-Identifier: Apache-2.0
"""Adds the decision of each run with its rule, and the causes that people were notified of.

Existing runs have no decision, so theirs is not judged.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("decided", sa.Text(), nullable=True))
    op.add_column("claims", sa.Column("alarm", sa.Text(), nullable=True))
