# SPDX-License-Identifier: Apache-2.0
"""Opens the records database (SQLite or PostgreSQL) and brings its schema up to date.

It decides how transactions begin and end, and whether the database is still the one that was opened. It does
not know what is stored.
"""

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, Engine, make_url

from anchor.errors import AnchorError, Misuse, Unavailable, Unsupported, without_secrets
from anchor.records import new_records, replay
from anchor.words import with_extra

SCHEMA = "0014"
"""The newest migration; a database at this version is opened without loading Alembic."""

ROOM = 64 << 10
"""A run may be refused if the disk has fewer free bytes."""
BUSY_MS = 30_000
"""How long a writer waits for another writer."""

_LOCK = 0x616E63686F72
"""PostgreSQL's advisory lock ("anchor"). Events are appended and migrations run under it."""
_ANCHORING = _LOCK + 1
"""The same for the process that anchors a head."""


class Database:
    """An open database; `read()` and `write()` are its only transactions."""

    def __init__(self, engine: Engine, name: str, *, file: Path | None = None, create: bool = True) -> None:
        self._engine = engine
        self.name = name
        """The URL without its secrets, for messages."""
        self.dialect = engine.dialect.name
        self._file = file
        """SQLite's file; None in memory and for PostgreSQL."""
        self._identity: tuple[int, int] | None = None
        self._create = create
        self._failure: AnchorError | None = None

    def open(self) -> None:
        """Create the file if it is missing, and bring the schema up to date."""
        self._identity = self._failure = None
        try:
            if self._file is not None and self._create:
                _make_private(self._file)
            _migrate(self, create=self._create)
        except AnchorError as e:
            self._failure = e
            raise
        self._identity = _identity(self._file)

    def reopened(self) -> bool:
        """Open the database again if its file was replaced or could not be opened. Whether it was so."""
        if self._failure is None and not self._replaced():
            return False
        self._engine.dispose()
        self.open()
        return True

    def _replaced(self) -> bool:
        return self._identity is not None and _identity(self._file) != self._identity

    def _check(self) -> None:
        """Raise if the file was deleted or replaced: a write to it would be lost without an error."""
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        if self._replaced():
            raise Unavailable(
                "the records were deleted or replaced under this process",
                where=self.name,
                remedy="they are opened again with the next cycle",
            )

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view. Nothing that is written in it is kept."""
        self._check()
        with _translate_errors(self.name), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: it is kept as a whole or not at all."""
        self._check()
        with _translate_errors(self.name), self._engine.connect() as connection:
            writing = connection.execution_options(anchor_write=True)
            with writing.begin():
                yield writing
        self._check()

    def room(self) -> bool:
        """True if a run can still be recorded, False if the disk of SQLite's file is full."""
        try:
            disk = os.statvfs(self._file.parent) if self._file is not None else None
        except OSError:
            return True
        if disk is None:
            return True
        blocks = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail
        return blocks * disk.f_frsize >= ROOM

    def serialise(self, connection: Connection) -> None:
        """Wait until no other transaction appends events. SQLite has one writer only."""
        if self.dialect == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))

    @property
    def file(self) -> Path | None:
        """SQLite's file; None in memory and for PostgreSQL."""
        return self._file

    @contextlib.contextmanager
    def anchoring(self) -> Iterator[None]:
        """Be the only one that anchors heads of this history on PostgreSQL; `Unavailable` if another process
        does. For SQLite the caller locks the folder of the file."""
        if self.dialect != "postgresql":
            yield
            return
        with _translate_errors(self.name), self._engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            if not alone.execute(sa.select(sa.func.pg_try_advisory_lock(_ANCHORING))).scalar():
                raise Unavailable(
                    "another process is anchoring a head here", where=self.name, remedy="wait until it ends"
                )
            try:
                yield
            finally:
                alone.execute(sa.select(sa.func.pg_advisory_unlock(_ANCHORING)))

    def close(self) -> None:
        self._engine.dispose()


def _identity(file: Path | None) -> tuple[int, int] | None:
    """Device and inode of a file; None if there is no file."""
    try:
        status = file.stat() if file is not None else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status is not None else None


class _Outdated(Misuse):
    """Another version of the fold made a projection."""


def open_database(url: str, *, create: bool = True, patient: bool = False) -> Database:
    """The database at a SQLAlchemy URL, its schema at `SCHEMA`.

    With `create` False it is opened for reading: nothing is created or migrated. Only projections of another
    version are made again first: nobody compares them, so anybody may have edited them. Raises Misuse (URL,
    permissions, no database), Unavailable (locked, full, no connection), Unsupported (a newer program wrote
    it). With `patient`, Unavailable is raised by each read and write instead, until `reopened`.
    """
    parsed, name = _parse(url), name_of(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    file = _file(parsed) if sqlite else None
    if file is not None and not create and not file.is_file():
        remedy = "run 'anchor reverify RELEASE' first"
        raise Misuse("there are no records here", where=str(file), remedy=remedy)
    with _translate_errors(name):
        engine = _sqlite(parsed, writable=create) if sqlite else _postgresql(parsed)
    database = Database(engine, name, file=file, create=create)
    try:
        database.open()
    except BaseException as e:
        if patient and isinstance(e, Unavailable):
            return database
        database.close()
        if isinstance(e, _Outdated):
            with contextlib.suppress(Misuse):  # nobody may write here
                open_database(url).close()
                return open_database(url, create=False, patient=patient)
        if isinstance(e, Misuse) and file is not None and not create and _unchanging(file):
            return _opened_unchanging(parsed, name, file)
        raise
    return database


def name_of(url: str) -> str:
    """The URL without its secrets, for messages. Raises Misuse for another URL than `open_database` takes."""
    return without_secrets(_parse(url).render_as_string(hide_password=True))


def _unchanging(file: Path) -> bool:
    """True if nobody writes this file: SQLite cannot make its own files in the read-only folder, and there is
    no write-ahead log that must be read with it."""
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
    """SQLite's file; None in memory, and if the name is one of SQLite's own URIs."""
    named = url.database and url.database != ":memory:" and "uri" not in url.query
    return Path(url.database) if named and url.database else None


def _parse(url: str) -> URL:
    try:
        url.encode()  # a path that is not UTF-8 makes no URL
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise Misuse(
            "ANCHOR_DATABASE_URL is not a SQLAlchemy URL", remedy="e.g. sqlite:////var/lib/a.db"
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.get_driver_name() in ("", "pysqlite"):
        return parsed
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise Misuse(f"records are kept in SQLite or PostgreSQL, not {parsed.drivername}")


def _make_private(path: Path) -> None:
    """Create the folder and the file for the owner only: records may hold what is not published."""
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
        connection.isolation_level = None  # we begin transactions ourselves, below
        for pragma in ("foreign_keys=ON", f"busy_timeout={BUSY_MS}", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        if writable:
            connection.execute("PRAGMA journal_mode=WAL")

    @sa.event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # IMMEDIATE takes the write lock first, so no transaction fails half-way because it cannot get it.
        # We call the driver: through SQLAlchemy this would cost as much as a query, nine times a run.
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
        raise Misuse("the PostgreSQL driver is missing", remedy=with_extra("postgresql")) from None


def _migrate(database: Database, *, create: bool) -> None:
    with database.read() as connection:
        version = _version(connection)
        if version == SCHEMA and not replay.outdated(connection):
            return
    if version is not None and version > SCHEMA:
        raise Unsupported(
            f"the records have schema {version}, this program knows {SCHEMA}",
            where=database.name,
            remedy="install the newer program",
        )
    if not create:
        if version is None:
            remedy = "run 'anchor reverify RELEASE' first"
            raise Misuse("there are no records here", where=database.name, remedy=remedy)
        if version == SCHEMA:
            raise _Outdated(
                "another version of this program made the tables",
                where=database.name,
                remedy="run 'anchor reverify' where they can be written",
            )
        remedy = "run 'anchor reverify' first, which updates them"
        raise Misuse(f"the records have old schema {version}", where=database.name, remedy=remedy)
    if version == SCHEMA:
        _rebuild(database)
    elif version is not None or not _created(database):
        upgrade(database)


def _created(database: Database) -> bool:
    """Create the records in an empty database. False if another process did something there meanwhile."""
    with database.write() as connection:
        database.serialise(connection)
        if _version(connection) is not None:
            return False
        new_records.create(connection, at_ms=round(time.time() * 1000))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES (:version)"), {"version": SCHEMA})
    return True


def _rebuild(database: Database) -> None:
    """Make the projections again that another version of the fold made."""
    with database.write() as connection:
        database.serialise(connection)
        replay.rebuild(connection, replay.outdated(connection))


def _version(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return version


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
def _translate_errors(name: str) -> Iterator[None]:
    """Turn an error of either driver into one line of ours, of the right class, without a password."""
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
    sqlite3.SQLITE_TOOBIG: (Unsupported, "the records cannot hold this value", ""),
    sqlite3.SQLITE_MISMATCH: (Unsupported, "the records cannot hold this value", ""),
    sqlite3.SQLITE_CONSTRAINT_CHECK: (Unsupported, "the records cannot hold this value", ""),
    sqlite3.SQLITE_NOTADB: (Misuse, "not a SQLite database", "restore a copy, or move the file away"),
}
_POSTGRESQL: dict[str, tuple[type[AnchorError], str, str]] = {
    "22": (Unsupported, "the records cannot hold this value", ""),
    "23514": (Unsupported, "the records cannot hold this value", ""),
    "54": (Unsupported, "the records cannot hold this value", ""),
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
    """The SQLSTATE of a refused connection: the driver gives only text."""
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
        translation = _SQLITE.get(code) or _SQLITE.get(code & 0xFF)
    else:
        state = str(getattr(error, "sqlstate", "") or _state_of(text))
        translation = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    if translation is None:
        return Unavailable(f"the database failed: {text}", where=name, remedy=_AGAIN)
    kind, problem, remedy = translation
    if kind is Unsupported:  # the other failures do not depend on the value
        problem = f"{problem}: {text}"
    return kind(problem, where=name, remedy=remedy)
