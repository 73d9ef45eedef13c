# SPDX-License-Identifier: Apache-2.0
"""What was decided with a run, and by which rule; and the causes that people were told of.

Runs that are there already have neither: what was decided with them is not judged.
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
