# SPDX-License-Identifier: Apache-2.0
"""The trees that a witness holds, one for each log, in SQLite.

A tree is replaced only where the store still holds what the decision was made on, in one transaction that is
on the disk when `replace` returns. So two requests at once, or a process that is killed, cannot make the
witness cosign two histories. A trigger refuses a smaller tree, and another root of the same size.

A store that was rolled back is behind its mark. One whose files are of two states is noticed by a sum over
its trees: an old file of SQLite and a newer log of it (`-wal`) give old trees with a new number.
"""

import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from anchor.disk.files import os_error
from anchor.errors import AnchorError, Misuse, Refused, Unavailable
from anchor.tlog import checkpoint
from anchor.tlog.witnessing import Held
from anchor.witness import store_mark
from anchor.witness.store_mark import Mark

FILE = "store.sqlite"
WAL = f"{FILE}-wal"
"""The newest trees, until SQLite has moved them into the file. A process that was killed leaves it."""
MARK = "store.mark"
FORMAT = "urn:ledger-anchor:witness-store:v1"
KEPT_EACH = 8
"""Notes of a log that did not fit, and of those that show a rollback. The oldest is dropped."""
MAX_KEPT = 16 << 10
"""Bytes of such a note. A longer one is not kept."""
NEW_WITNESS = "a witness with new keys ('anchor witness init') can cosign nothing that contradicts this one"

_SCHEMA = """
CREATE TABLE witness (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  format TEXT NOT NULL, identity TEXT NOT NULL, generation INTEGER NOT NULL, sum BLOB NOT NULL
);
CREATE TABLE held (
  origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL, lines BLOB NOT NULL,
  time INTEGER NOT NULL
);
CREATE TRIGGER held_grows BEFORE UPDATE ON held
WHEN NEW.size < OLD.size OR NEW.size = OLD.size AND NEW.root <> OLD.root OR NEW.origin <> OLD.origin
BEGIN SELECT RAISE(ABORT, 'a tree only grows'); END;
CREATE TRIGGER held_stays BEFORE DELETE ON held BEGIN SELECT RAISE(ABORT, 'a tree is never forgotten'); END;
CREATE TABLE refused (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  origin TEXT NOT NULL, note BLOB NOT NULL, UNIQUE (origin, note)
);
CREATE TABLE returned (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  origin TEXT NOT NULL, note BLOB NOT NULL, UNIQUE (origin, note)
);
"""
_NoteTable = Literal["refused", "returned"]
"""The two tables of notes, which have the same columns."""
_ONE = "SELECT size, root, note, lines, time FROM held WHERE origin = ?"
_SUM_OF = 1 << 256
_NO_TREES = bytes(32)
_NEXT = "SELECT origin, size, root, note, lines, time FROM held WHERE origin > ? ORDER BY origin LIMIT 100"


class Store:
    """One open store. It may be used by several threads; a lock of the home keeps other processes away."""

    def __init__(
        self, path: Path, database: sqlite3.Connection, mark: Mark | None, *, behind: bool = False
    ) -> None:
        self.behind = behind
        """True if it was rolled back, and is not accepted yet."""
        self._path = path
        self._db = database
        self._mark = mark
        self._lock = threading.Lock()

    @classmethod
    def create(cls, folder: Path, identity: str) -> None:
        """A new, empty store, with its mark, for the keys with this identity."""
        path = folder / FILE
        database = _connect(path)
        try:
            for statement in _statements(_SCHEMA):
                database.execute(statement)
            database.execute("INSERT INTO witness VALUES (1, ?, ?, 0, ?)", (FORMAT, identity, _NO_TREES))
        except sqlite3.Error as e:
            raise Unavailable(f"cannot write: {e}", where=str(path)) from None
        finally:
            database.close()
        store_mark.create(folder / MARK, 0)

    @classmethod
    def open(cls, folder: Path, identity: str, *, rolled_back: bool = False) -> "Store":
        """The store of a home that no other process has open for writing.

        Raises `Misuse` if it is not there, is another witness's, or was rolled back. `rolled_back`: open a
        store that is older than its mark, or without one. The next process refuses it again, until `accept`.
        """
        path, database = _present(folder)
        try:
            state = _state(folder, database, identity)
            if state.problem and not rolled_back:
                raise state.error(path)
            if state.problem:
                return cls(path, database, None, behind=True)
            if state.known != state.generation:  # killed between the store and the mark
                store_mark.create(folder / MARK, state.generation)
            return cls(path, database, Mark(folder / MARK))
        except BaseException:
            database.close()
            raise

    @classmethod
    def read(cls, folder: Path, identity: str) -> "Store":
        """The same only for reading, while another process may write."""
        path, database = _present(folder)
        try:
            database.execute("PRAGMA query_only=ON")
            if (state := _state(folder, database, identity)).problem:
                raise state.error(path)
            return cls(path, database, None)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        with self._lock:
            self._db.close()
            if self._mark is not None:
                self._mark.close()

    def get(self, origin: str) -> Held | None:
        """The tree that is held of a log; None if none was cosigned."""
        with self._lock, _errors(self._path):
            row = self._db.execute(_ONE, (origin,)).fetchone()
        return Held(*row) if row else None

    def all(self) -> Iterator[tuple[str, Held]]:
        """Each origin with its tree, by origin."""
        last = ""
        while True:
            with self._lock, _errors(self._path):
                rows = self._db.execute(_NEXT, (last,)).fetchall()
            for last, *columns in rows:
                yield last, Held(*columns)
            if not rows:
                return

    def accept(self) -> None:
        """Take a store that was rolled back for the newest one from now on. Every other copy is older."""
        mark = self._path.with_name(MARK)
        try:
            known = store_mark.read(mark)
        except AnchorError:
            known = 0
        with self._lock, _errors(self._path):
            with _transaction(self._db):
                (generation,) = self._db.execute("SELECT generation FROM witness").fetchone()
                number = max(known, generation) + 1
                self._db.execute("UPDATE witness SET generation = ?, sum = ?", (number, _sum_of(self._db)))
            store_mark.create(mark, number)
            self.behind = False

    def replace(self, origin: str, before: Held | None, after: Held) -> bool:
        """Hold `after` if `before` is held; False if another tree is. It is on the disk when this returns."""
        with self._lock, _errors(self._path):
            with _transaction(self._db):
                if not self._replaced(origin, before, after):
                    return False
                grown = before is None or after.size > before.size
                if grown and not self.behind:  # else it stays behind its mark
                    self._count(origin, before, after)
            (generation,) = self._db.execute("SELECT generation FROM witness").fetchone()
            if self._mark is not None:  # after the store: a store behind its mark was rolled back
                self._mark.raise_to(generation)
        return True

    def _count(self, origin: str, before: Held | None, after: Held) -> None:
        """One more tree in the number and the sum of the store."""
        (known,) = self._db.execute("SELECT sum FROM witness").fetchone()
        total = int.from_bytes(known, "big") + _term(origin, after.size, after.root)
        if before is not None:
            total -= _term(origin, before.size, before.root)
        made = (total % _SUM_OF).to_bytes(32, "big")
        self._db.execute("UPDATE witness SET generation = generation + 1, sum = ?", (made,))

    def _replaced(self, origin: str, before: Held | None, after: Held) -> bool:
        if before is None:
            sql = "INSERT INTO held VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            values = (origin, after.size, after.root, after.note, after.lines, after.time)
            return self._db.execute(sql, values).rowcount == 1
        sql = (
            "UPDATE held SET size = ?, root = ?, note = ?, lines = ?, time = ? "
            "WHERE origin = ? AND size = ? AND root = ?"
        )
        now, then = (after.size, after.root, after.note, after.lines, after.time), (before.size, before.root)
        return self._db.execute(sql, (*now, origin, *then)).rowcount == 1

    def refused(self, origin: str) -> list[bytes]:
        """The notes of a log that did not fit, the oldest first."""
        return self._notes("refused", origin)

    def keep_refused(self, origin: str, note: bytes) -> None:
        """Remember a note that did not fit: one of the same size with another root would contradict it."""
        self._keep("refused", origin, note)

    def returned(self, origin: str) -> list[bytes]:
        """The notes with a cosignature of this witness that it did not remember, the oldest first."""
        return self._notes("returned", origin)

    def keep_returned(self, origin: str, note: bytes) -> None:
        """Remember a note that shows that the store was rolled back, or that the keys are used elsewhere."""
        self._keep("returned", origin, note)

    def _notes(self, table: _NoteTable, origin: str) -> list[bytes]:
        query = f"SELECT note FROM {table} WHERE origin = ? ORDER BY number"  # noqa: S608 - names of ours
        with self._lock, _errors(self._path):
            return [note for (note,) in self._db.execute(query, (origin,))]

    def _keep(self, table: _NoteTable, origin: str, note: bytes) -> None:
        """Keep a note, and drop the oldest ones of its log beyond `KEPT_EACH`."""
        if len(note) > MAX_KEPT:
            return
        insert = f"INSERT OR IGNORE INTO {table} (origin, note) VALUES (?, ?)"  # noqa: S608 - names of ours
        newest = f"SELECT number FROM {table} WHERE origin = ? ORDER BY number DESC LIMIT ?"  # noqa: S608
        delete = f"DELETE FROM {table} WHERE origin = ? AND number NOT IN ({newest})"  # noqa: S608
        with self._lock, _errors(self._path), _transaction(self._db):
            self._db.execute(insert, (origin, note))
            self._db.execute(delete, (origin, origin, KEPT_EACH))


def copy(folder: Path, path: Path) -> None:
    """A copy of the store in a home, which another process may have open."""
    if not (folder / FILE).exists():
        raise Misuse("the store of this witness is gone", where=str(folder / FILE))
    source, target = _connect(folder / FILE), _connect(path)
    try:
        with _errors(path):
            source.backup(target)
    finally:
        source.close()
        target.close()


def first_mark(folder: Path, identity: str) -> None:
    """Give a copy that has no mark one of its own number: nothing tells how old it is."""
    path, database = _present(folder)
    with contextlib.closing(database):
        store_mark.create(folder / MARK, _generation(database, path, identity))


def check(folder: Path, identity: str) -> None:
    """Read every tree again. Raises `Misuse` for one that is not the tree of its own note."""
    store = Store.open(folder, identity, rolled_back=True)
    try:
        for origin, held in store.all():
            try:
                found = checkpoint.parse(held.note)
            except Refused as e:
                raise Misuse(f"damaged: {e}", where=f"{folder / FILE}: {origin}") from None
            if (found.origin, found.size, found.root) != (origin, held.size, held.root):
                raise Misuse("damaged: a tree is not that of its note", where=f"{folder / FILE}: {origin}")
    finally:
        store.close()


def _connect(path: Path) -> sqlite3.Connection:
    try:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    except sqlite3.Error as e:
        raise Unavailable(f"cannot open: {e}", where=str(path)) from None
    try:
        path.chmod(0o600)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")  # each commit is on the disk before it returns
    except OSError as e:
        database.close()
        raise os_error(e, path, "write") from None
    except sqlite3.Error as e:
        database.close()
        raise Unavailable(f"cannot read: {e}", where=str(path)) from None
    return database


def _statements(script: str) -> Iterator[str]:
    """The statements of a script: those of a trigger hold a semicolon of their own."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _generation(database: sqlite3.Connection, path: Path, identity: str) -> int:
    """The number of the trees that this store has taken. Raises `Misuse` if it is not of this witness."""
    try:
        row = database.execute("SELECT format, identity, generation FROM witness").fetchone()
        (problem,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as e:
        raise Misuse(f"is no store of a witness: {e}", where=str(path), remedy="restore a backup") from None
    if problem != "ok":
        raise Misuse(f"is damaged: {problem}", where=str(path), remedy="restore a backup")
    if row is None or row[0] != FORMAT:
        raise Misuse(f"is not of the format {FORMAT}", where=str(path))
    if row[1] != identity:
        raise Misuse(
            "is the store of a witness with other keys",
            where=str(path),
            remedy="restore keys and store together",
        )
    return int(row[2])


def _present(folder: Path) -> tuple[Path, sqlite3.Connection]:
    """The database of a store that is there."""
    path = folder / FILE
    if not path.exists():
        raise Misuse(
            "the store of this witness is gone, and with it what its keys have cosigned",
            where=str(path),
            remedy=f"restore it ('anchor witness restore'); {NEW_WITNESS}",
        )
    return path, _connect(path)


class _State(NamedTuple):
    """The numbers of a store: that of its mark, None if it cannot be read, and its own. `problem`: why it is
    not the newest one, or "" if nothing speaks against it."""

    known: int | None
    generation: int
    problem: str

    def error(self, path: Path) -> Misuse:
        remedy = "put the newest store back, or see 'anchor witness catch-up --help'; " + NEW_WITNESS
        return Misuse(self.problem, where=str(path), remedy=remedy)


def _state(folder: Path, database: sqlite3.Connection, identity: str) -> _State:
    """The numbers of a store. The mark is read first: a process that writes raises the store before it."""
    known: int | None = None
    problem = ""
    try:
        known = store_mark.read(folder / MARK)
    except AnchorError as e:
        problem = f"the mark of this store cannot be read: {e.problem}"
    generation = _generation(database, folder / FILE, identity)
    if known is not None and known > generation:
        problem = f"the store was rolled back: it has taken {generation} trees, and its mark says {known}"
    elif not problem and not _is_whole(database, folder / FILE):
        problem = (
            f"the store was rolled back: its trees are not those that it has taken, and an old {FILE} lies "
            f"beside a newer {WAL}, or the other way round"
        )
    return _State(known, generation, problem)


def _is_whole(database: sqlite3.Connection, path: Path) -> bool:
    """True if the trees are those that the store has counted."""
    with _errors(path):
        database.execute("BEGIN")  # one state for both: another process may write
        try:
            (known,) = database.execute("SELECT sum FROM witness").fetchone()
            return bool(known == _sum_of(database))
        finally:
            database.execute("ROLLBACK")


def _sum_of(database: sqlite3.Connection) -> bytes:
    """The sum over all trees, modulo 2^256. It shows accidents, not somebody who writes the store."""
    rows = database.execute("SELECT origin, size, root FROM held")
    return (sum(_term(*row) for row in rows) % _SUM_OF).to_bytes(32, "big")


def _term(origin: str, size: int, root: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"%s\n%d\n%s" % (origin.encode(), size, root)).digest(), "big")


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Everything in the block is stored, or nothing after an error."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Errors of SQLite as ours."""
    try:
        yield
    except sqlite3.Error as e:
        raise Unavailable(f"cannot be used: {e}", where=str(path)) from None
