# SPDX-License-Identifier: Apache-2.0
"""Makes hundreds of small databases of records cheap in one process, with the same behaviour.

A command makes its records once and compiles each SQL statement once. A test process would do both hundreds
of times. So the statements that were compiled for one database serve the next, and new SQLite records get
their tables from the statements that made the first ones.
"""

import functools
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Connection
from sqlalchemy.util import LRUCache

from anchor.records import new_records

made = new_records.tables
"""Makes the tables and triggers itself."""


def install() -> None:
    """From now on, in this process."""
    if new_records.tables is made:
        new_records.tables = tables
        share_compiled(SQLiteDialect_pysqlite)
        share_compiled(PGDialect_psycopg)


def tables(connection: Connection) -> None:
    """Make the tables and triggers; in SQLite by the statements of the first time."""
    if connection.dialect.name != "sqlite":
        made(connection)
        return
    for statement in statements():
        connection.exec_driver_sql(statement)


@functools.cache
def statements() -> tuple[str, ...]:
    """The statements that make the tables and triggers in SQLite."""
    with sa.create_engine("sqlite://").begin() as connection:
        made(connection)
        found = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
        )
        return tuple(row[0] for row in found)


def share_compiled(kind: Any) -> None:
    """One cache of compiled statements for all engines of a dialect, which is a part of its keys."""
    compiled: LRUCache[Any, Any] = LRUCache(2000)
    kind.__eq__ = lambda self, other: type(self) is type(other)
    kind.__hash__ = lambda self: hash(type(self))
    kind.engine_created = staticmethod(lambda engine: setattr(engine, "_compiled_cache", compiled))
