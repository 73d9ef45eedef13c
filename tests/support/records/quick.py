# SPDX-License-Identifier: Apache-2.0
"""Makes hundreds of small databases of records cheap in one process, with the same behaviour.

A command makes its records once and compiles each SQL statement once. A test process would do both hundreds
of times. So the statements that were compiled for one database serve the next, and new SQLite records get
their schema from the statements that the migrations left in the first file.
"""

import functools
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from anchor.records import database as databases

migrated = databases.upgrade
"""The migrations themselves."""


def install() -> None:
    """From now on, in this process."""
    if databases.upgrade is migrated:
        databases.upgrade = upgrade
        share_compiled(SQLiteDialect_pysqlite)
        share_compiled(PGDialect_psycopg)


def upgrade(database: databases.Database, to: str = "head") -> None:
    """The migrations, or for new SQLite records their result."""
    if database.dialect != "sqlite" or to != "head" or not copied(database):
        migrated(database, to)


def copied(database: databases.Database) -> bool:
    """True if the records were empty; they have the schema now."""
    statements = schema()
    with database.write() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        if driver.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() != (0,):
            return False
        for statement in statements:
            driver.execute(statement)
    return True


@functools.cache
def schema() -> tuple[str, ...]:
    """The statements that make the schema, read from records that were migrated."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records.db"
        first = databases.Database(sa.create_engine(f"sqlite:///{file}"), "first")
        migrated(first)
        first.close()
        with sqlite3.connect(file) as read:
            lines = tuple(read.iterdump())
        read.close()
    return tuple(line for line in lines if line not in ("BEGIN TRANSACTION;", "COMMIT;"))


def share_compiled(kind: Any) -> None:
    """One cache of compiled statements for all engines of a dialect, which is a part of its keys."""
    compiled: LRUCache[Any, Any] = LRUCache(2000)
    kind.__eq__ = lambda self, other: type(self) is type(other)
    kind.__hash__ = lambda self: hash(type(self))
    kind.engine_created = staticmethod(lambda engine: setattr(engine, "_compiled_cache", compiled))
