# SPDX-License-Identifier: Apache-2.0
"""Alembic's entry: runs on the connection that `anchor.records.database` hands over, in its transaction."""

from alembic import context

from anchor.records.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
