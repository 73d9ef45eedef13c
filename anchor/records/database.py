# SPDX-License-Identifier: Apache-2.0
"""Opens the records database (SQLite or PostgreSQL) and brings its schema up to date.

Decides how transactions begin and end, and whether the database is still the one that was opened. It does not
know what is stored.
"""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, Engine, make_url

from anchor.errors import AnchorError, Misuse, Unavailable, Unsupported, without_secrets
from anchor.records.database_errors import errors

SCHEMA = "0010"
"""The newest migration; a database at this version is opened without loading Alembic."""

ROOM = 64 << 10
"""Free bytes without which a run may not be taken."""
BUSY_MS = 30_000
"""How long a writer waits for another one before it gives up."""

_LOCK = 0x616E63686F72
"""The advisory lock of PostgreSQL under which chained rows are appended and migrations run ("anchor")."""


class Database:
    """An open database; `read()` and `write()` are its only transactions."""

    def __init__(self, engine: Engine, name: str, *, file: Path | None = None, create: bool = True) -> None:
        self._engine = engine
        self.name = name
        """The URL without its secrets, for messages."""
        self.dialect = engine.dialect.name
        self._file = file
        """SQLite's file, where it has one."""
        self._identity: tuple[int, int] | None = None
        self._create = create
        self._trouble: AnchorError | None = None

    def open(self) -> None:
        """Make the file if need be, and bring the schema up to date; what is there now is this database."""
        self._identity = self._trouble = None
        try:
            if self._file is not None and self._create:
                _make_private(self._file)
            _migrate(self, create=self._create)
        except AnchorError as e:
            self._trouble = e
            raise
        self._identity = _identity(self._file)

    def reopened(self) -> bool:
        """Open what is there now, where the file was deleted or replaced, or was not opened; whether so."""
        if self._trouble is None and not self._replaced():
            return False
        self._engine.dispose()
        self.open()
        return True

    def _replaced(self) -> bool:
        return self._identity is not None and _identity(self._file) != self._identity

    def _check(self) -> None:
        """What is written to a file that has no name any more is lost, and nothing else says so."""
        if self._trouble is not None:
            raise self._trouble.with_traceback(None)
        if self._replaced():
            raise Unavailable(
                "the records were deleted or replaced under this process",
                where=self.name,
                remedy="they are opened again with the next cycle",
            )

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; nothing written here is kept."""
        self._check()
        with errors(self.name), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or nothing."""
        self._check()
        with errors(self.name), self._engine.connect() as connection:
            writing = connection.execution_options(anchor_write=True)
            with writing.begin():
                yield writing
        self._check()

    def room(self) -> bool:
        """Whether a run can still be written down: False when the disk of SQLite's file is full."""
        try:
            found = os.statvfs(self._file.parent) if self._file is not None else None
        except OSError:
            return True
        if found is None:
            return True
        blocks = found.f_bfree if os.geteuid() == 0 else found.f_bavail
        return blocks * found.f_frsize >= ROOM

    def serialise(self, connection: Connection) -> None:
        """Wait until no other transaction appends chained rows. SQLite's one writer is alone already."""
        if self.dialect == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))

    def close(self) -> None:
        self._engine.dispose()


def _identity(file: Path | None) -> tuple[int, int] | None:
    """Device and number of a file; None when there is none."""
    try:
        found = file.stat() if file is not None else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None


def open_database(url: str, *, create: bool = True, patient: bool = False) -> Database:
    """The database at a SQLAlchemy URL, its schema at `SCHEMA`.

    `create` False opens for reading: nothing is created or migrated. Raises Misuse (URL, permissions, no
    database), Unavailable (locked, full, no connection), Unsupported (written by a newer program). `patient`
    has every read and write raise Unavailable instead, until `reopened`.
    """
    parsed = _parse(url)
    name = without_secrets(parsed.render_as_string(hide_password=True))
    sqlite = parsed.get_backend_name() == "sqlite"
    file = _file(parsed) if sqlite else None
    if file is not None and not create and not file.is_file():
        raise Misuse("there are no records here", where=str(file), remedy="run 'anchor reverify' first")
    with errors(name):
        engine = _sqlite(parsed, writable=create) if sqlite else _postgresql(parsed)
    database = Database(engine, name, file=file, create=create)
    try:
        database.open()
    except BaseException as e:
        if patient and isinstance(e, Unavailable):
            return database
        database.close()
        if isinstance(e, Misuse) and file is not None and not create and _unchanging(file):
            return _opened_unchanging(parsed, name, file)
        raise
    return database


def _unchanging(file: Path) -> bool:
    """Whether the file lies where nothing can be written, so that SQLite cannot make the files by which it is
    shared, and there is no log beside it that it could not be read without."""
    log = file.with_name(f"{file.name}-wal")
    return not os.access(file.parent, os.W_OK) and not (log.exists() and log.stat().st_size)


def _opened_unchanging(url: URL, name: str, file: Path) -> Database:
    database = Database(_sqlite(url, writable=False, unchanging=True), name, file=file, create=False)
    try:
        database.open()
    except BaseException:
        database.close()
        raise
    return database


def _file(url: URL) -> Path | None:
    """SQLite's file; None in memory, and where the name is a URI of SQLite's own."""
    named = url.database and url.database != ":memory:" and "uri" not in url.query
    return Path(url.database) if named and url.database else None


def _parse(url: str) -> URL:
    try:
        url.encode()  # a path in it that is not UTF-8 is none either
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
        full = e.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room and run it again" if full else "check the path"
        raise (Unavailable if full else Misuse)(
            f"cannot write: {e.strerror}", where=str(path), remedy=remedy
        ) from None


def _sqlite(url: URL, *, writable: bool, unchanging: bool = False) -> Engine:
    file = _file(url)
    if not writable and file is not None:
        read_only = f"file:{_quoted(file)}"
        mode = {"mode": "ro", "uri": "true"} | ({"immutable": "1"} if unchanging else {})
        url = url.set(database=read_only, query=mode)
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


def _quoted(path: Path) -> str:
    return path.resolve().as_posix().replace("%", "%25").replace("?", "%3f").replace("#", "%23")


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
