# SPDX-License-Identifier: Apache-2.0
"""Opens the records database (SQLite or PostgreSQL), brings its schema up to date, and turns the troubles of
both engines into errors of ours: one line, the right class, no password.

Decides how transactions begin and end. It does not know what is stored.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, Engine, make_url

from anchor.errors import AnchorError, Misuse, Unavailable, Unsupported

SCHEMA = "0004"
"""The newest migration; a database at this version is opened without loading Alembic."""

BUSY_MS = 30_000
"""How long a writer waits for another one before it gives up."""

_LOCK = 0x616E63686F72
"""The advisory lock of PostgreSQL under which chained rows are appended and migrations run ("anchor")."""


class Database:
    """An open database; `read()` and `write()` are its only transactions."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name
        """The URL without its password, for messages."""
        self.dialect = engine.dialect.name

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; nothing written here is kept."""
        with errors(self.name), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or nothing."""
        with errors(self.name), self._engine.connect() as connection:
            writing = connection.execution_options(anchor_write=True)
            with writing.begin():
                yield writing

    def serialise(self, connection: Connection) -> None:
        """Wait until no other transaction appends chained rows. SQLite's one writer is alone already."""
        if self.dialect == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))

    def close(self) -> None:
        self._engine.dispose()


def open_database(url: str, *, create: bool = True) -> Database:
    """The database at a SQLAlchemy URL, its schema at `SCHEMA`.

    `create` False opens for reading: nothing is created or migrated. Raises Misuse (URL, permissions, no
    database), Unavailable (locked, full, no connection), Unsupported (written by a newer program).
    """
    parsed = _parse(url)
    name = parsed.render_as_string(hide_password=True)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite and parsed.database:
        named = "uri" in parsed.query  # then the name is a URI of SQLite's own, and no path
        if not create and not named and not Path(parsed.database).is_file():
            raise Misuse(
                "there are no records here", where=parsed.database, remedy="run 'anchor reverify' first"
            )
        if create and not named:
            _make_private(Path(parsed.database))
    with errors(name):
        engine = _sqlite(parsed, writable=create) if sqlite else _postgresql(parsed)
    database = Database(engine, name)
    try:
        _migrate(database, create=create)
    except BaseException:
        database.close()
        raise
    return database


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise Misuse(
            "ANCHOR_DATABASE_URL is no SQLAlchemy URL", remedy="e.g. sqlite:////var/lib/a.db"
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.get_driver_name() in ("", "pysqlite"):
        return parsed
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise Misuse(f"records are kept in SQLite or PostgreSQL, not {parsed.drivername}")


def _make_private(path: Path) -> None:
    """The file's folder, and the file readable by its owner only: it may hold what is not published."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
    except OSError as e:
        raise Misuse(f"cannot write: {e.strerror}", where=str(path), remedy="check the path") from None


def _sqlite(url: URL, *, writable: bool) -> Engine:
    if not writable and url.database and ":memory:" not in url.database and "uri" not in url.query:
        read_only = f"file:{_quoted(url.database)}"
        url = url.set(database=read_only, query={"mode": "ro", "uri": "true"})
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun by us, below
        for pragma in ("foreign_keys=ON", f"busy_timeout={BUSY_MS}", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        if writable:
            connection.execute("PRAGMA journal_mode=WAL")

    @sa.event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # IMMEDIATE takes the write lock first, so that no transaction fails half-way for want of it.
        # Given to the driver itself: through SQLAlchemy it would cost as much as a query, nine times a run.
        writing = connection.get_execution_options().get("anchor_write")
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _quoted(path: str) -> str:
    return Path(path).resolve().as_posix().replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _postgresql(url: URL) -> Engine:
    try:
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            pool_size=2,
            connect_args={
                "connect_timeout": 10,
                "options": f"-c lock_timeout={BUSY_MS} -c idle_in_transaction_session_timeout=600000",
            },
        )
    except ImportError:
        raise Misuse("the PostgreSQL driver is missing", remedy="install ledger-anchor[postgresql]") from None


def _migrate(database: Database, *, create: bool) -> None:
    with database.read() as connection:
        version = _version(connection)
    if version == SCHEMA:
        return
    if version is not None and version > SCHEMA:
        raise Unsupported(
            f"the records have schema {version}, this program knows {SCHEMA}",
            where=database.name,
            remedy="install the newer program",
        )
    if not create:
        problem = "there are no records here" if version is None else f"the records have old schema {version}"
        raise Misuse(problem, where=database.name, remedy="run 'anchor reverify' first")
    upgrade(database)


def _version(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return found


def upgrade(database: Database, to: str = "head") -> None:
    """Run the migrations inside the package up to `to`, in one transaction, one process at a time."""
    from alembic import command
    from alembic.config import Config

    with database.write() as connection:
        database.serialise(connection)
        config = Config()
        config.set_main_option(
            "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
        )
        config.attributes["connection"] = connection
        command.upgrade(config, to)


@contextlib.contextmanager
def errors(name: str) -> Iterator[None]:
    """Turn a driver's error into one of ours."""
    try:
        yield
    except exc.DBAPIError as e:
        raise _translated(e.orig, name) from None
    except exc.TimeoutError:
        raise Unavailable("no free connection", where=name, remedy="try again later") from None
    except sqlite3.Error as e:
        raise _translated(e, name) from None
    except exc.SQLAlchemyError as e:
        raise Unavailable(f"the records cannot be used: {type(e).__name__}", where=name) from None


_AGAIN = "try again later"
_SQLITE: dict[int, tuple[type[AnchorError], str, str]] = {
    sqlite3.SQLITE_BUSY: (Unavailable, "the records are locked by another process", _AGAIN),
    sqlite3.SQLITE_LOCKED: (Unavailable, "the records are locked by another process", _AGAIN),
    sqlite3.SQLITE_FULL: (Unavailable, "no room to write the records", "make room and run it again"),
    sqlite3.SQLITE_IOERR: (Unavailable, "the disk failed under the records", "check the disk"),
    sqlite3.SQLITE_READONLY: (Misuse, "the records are read-only", "check their permissions"),
    sqlite3.SQLITE_PERM: (Misuse, "the records cannot be opened", "check their permissions"),
    sqlite3.SQLITE_CANTOPEN: (Misuse, "the records cannot be opened", "check the path and its permissions"),
    sqlite3.SQLITE_CORRUPT: (Misuse, "the records are damaged", "restore a copy, or move the file away"),
    sqlite3.SQLITE_NOTADB: (Misuse, "not a SQLite database", "restore a copy, or move the file away"),
}
_POSTGRESQL: dict[str, tuple[type[AnchorError], str, str]] = {
    "25006": (Misuse, "the records are read-only", "check the server's mode"),
    "28": (Misuse, "the database refuses this user", "check the URL"),
    "3D000": (Misuse, "there is no such database", "create it, or check the URL"),
    "42501": (Misuse, "this user may not do that", "grant it, or use another user"),
    "53100": (Unavailable, "no room to write the records", "make room and run it again"),
    "53": (Unavailable, "the database is out of resources", _AGAIN),
    "55P03": (Unavailable, "the records are locked by another process", _AGAIN),
    "40": (Unavailable, "another transaction was in the way", _AGAIN),
    "57": (Unavailable, "the database is shutting down or cancelled the query", _AGAIN),
    "08": (Unavailable, "the database cannot be reached", _AGAIN),
}


def _state_of(text: str) -> str:
    """The SQLSTATE of a refused connection, which the driver gives as text alone."""
    for phrase, state in (
        ("database", "3D000"),
        ("role", "28000"),
    ):
        if f'{phrase} "' in text and "does not exist" in text:
            return state
    return "28000" if "authentication failed" in text or "no password supplied" in text else "08000"


def _translated(error: BaseException | None, name: str) -> AnchorError:
    text = " ".join(str(error).split())[:200]
    if "is append-only" in text:
        return Misuse(f"refused by the database: {text.split(' CONTEXT')[0]}", where=name)
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        found = _SQLITE.get(code & 0xFF)
    else:
        state = str(getattr(error, "sqlstate", "") or _state_of(text))
        found = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    if found is None:
        return Unavailable(f"the database failed: {text}", where=name, remedy=_AGAIN)
    kind, problem, remedy = found
    return kind(problem, where=name, remedy=remedy)
