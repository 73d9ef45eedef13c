# SPDX-License-Identifier: Apache-2.0
"""Renames the table of watched targets to `targets`, and its column `told` to `notified`.

The columns `claim_id` are exported and the journal's kind `claims` is chained, so both keep their names.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Both engines make foreign keys follow the table. SQLite renames neither indexes nor constraints.
    op.drop_index("ix_claims_due", "claims")
    op.rename_table("claims", "targets")
    op.execute("ALTER TABLE targets RENAME COLUMN told TO notified")
    op.create_index("ix_targets_due", "targets", ["due_ms"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TRIGGER claims_no_truncate ON targets RENAME TO targets_no_truncate")
        op.execute("ALTER SEQUENCE IF EXISTS claims_id_seq RENAME TO targets_id_seq")
