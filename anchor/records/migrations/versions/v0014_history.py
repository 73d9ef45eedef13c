# SPDX-License-Identifier: Apache-2.0
"""Makes the records one append-only history: an event for each row, and all other tables follow from them.

The chains and the journal of the older records are checked first. Records that were changed are refused, and
stay as they are.
"""

import time

import sqlalchemy as sa
from alembic import op

from anchor.records import fold, new_records
from anchor.records.migrations.chains_0013 import Old, verify
from anchor.records.migrations.history_of_0013 import Import
from anchor.records.tables import FoldRow
from anchor.records.writer import Writer

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OLD = "v0013_"
"""The beginning of the names of the old tables while their rows are read."""
_FUNCTIONS = ("anchor_run_ends", "anchor_run_pruned", "anchor_check_pruned", "anchor_check_open")


def upgrade() -> None:
    connection = op.get_bind()
    ends = verify(Old(connection))
    at_ms = round(time.time() * 1000)
    names = [n for n in sa.inspect(connection).get_table_names() if n != "alembic_version"]
    _set_aside(connection, names)
    new_records.tables(connection)
    new_records.begin(connection, at_ms=at_ms, imported=ends)
    writer = Writer(connection, at_ms)
    Import(Old(connection, prefix=_OLD), writer).run()
    writer.close()
    made = [{"name": name, "version": version} for name, version in fold.VERSIONS.items()]
    connection.execute(sa.insert(FoldRow), made)
    for name in _dependents_first(connection, names):
        op.execute(f'DROP TABLE "{_OLD}{name}"')
    if connection.dialect.name == "postgresql":
        for name in _FUNCTIONS:
            op.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")


def _set_aside(connection: sa.engine.Connection, names: list[str]) -> None:
    """Rename the old tables, without their triggers, indexes and constraints: the new ones take the names."""
    if connection.dialect.name == "sqlite":
        triggers = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).scalars()
        for name in triggers.all():
            op.execute(f'DROP TRIGGER "{name}"')
        kept = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        for name in connection.exec_driver_sql(kept).scalars().all():
            op.execute(f'DROP INDEX "{name}"')
        for name in names:
            op.rename_table(name, _OLD + name)
        return
    for name in names:
        op.execute(f'DROP TRIGGER IF EXISTS "{name}_append_only" ON "{name}"')
        op.rename_table(name, _OLD + name)
        for kind, found in connection.execute(_NAMES, {"table": _OLD + name}).all():
            if kind == "constraint":
                op.execute(f'ALTER TABLE "{_OLD}{name}" RENAME CONSTRAINT "{found}" TO "{_OLD}{found}"')
            elif kind == "index":
                op.execute(f'ALTER INDEX "{found}" RENAME TO "{_OLD}{found}"')


_NAMES = sa.text(
    "SELECT 'constraint', conname FROM pg_constraint WHERE conrelid = CAST(:table AS regclass) "
    "UNION ALL SELECT 'index', c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "WHERE i.indrelid = CAST(:table AS regclass) "
    "AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)"
)
"""The names of a table's constraints, and of its other indexes."""


def _dependents_first(connection: sa.engine.Connection, names: list[str]) -> list[str]:
    """The old tables in an order in which they can be dropped: whoever refers to another one first."""
    old = sa.MetaData()
    for name in names:
        sa.Table(_OLD + name, old, autoload_with=connection)
    return [t.name.removeprefix(_OLD) for t in reversed(old.sorted_tables)]
