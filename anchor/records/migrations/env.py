# SPDX-License-Identifier: Apache-2.0
"""The entry point for Alembic. It uses the connection and the transaction of `anchor.records.database`."""

from alembic import context

from anchor.records.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
