# SPDX-License-Identifier: Apache-2.0
"""The index of each entry by its leaf hash, in SQLite.

The table may be lost: it is rebuilt from the tiles of level 0, and a hit counts only after it was compared
with them. WAL without a sync per commit keeps a whole prefix through a power cut; the rest is
added again when the log is opened.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from anchor.disk.files import os_error
from anchor.errors import Unavailable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (leaf BLOB PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS upto (size INTEGER NOT NULL);
"""


class Index:
    """One writer at a time, the holder of the log's lock. Raises `Unavailable` when it cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = self._open()
        except sqlite3.DatabaseError:  # damaged, or not ours: it can be made again
            self._db = self._fresh()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(_SCHEMA)
            if db.execute("SELECT count(*) FROM upto").fetchone() == (0,):
                db.execute("INSERT INTO upto VALUES (0)")
            db.execute("SELECT leaf, position FROM entry LIMIT 1").fetchall()
        except BaseException:
            db.close()
            raise
        return db

    def size(self) -> int:
        """Entries it knows: those with an index below this."""
        try:
            found: int = self._db.execute("SELECT size FROM upto").fetchone()[0]
        except (sqlite3.Error, TypeError):
            return self._again()
        return found

    def find(self, leaf: bytes) -> int | None:
        """The index of a leaf hash, unverified."""
        try:
            row = self._db.execute("SELECT position FROM entry WHERE leaf = ?", (leaf,)).fetchone()
        except sqlite3.Error as e:
            raise Unavailable(f"cannot read: {e}", where=str(self._path)) from None
        return row[0] if row else None

    def add(self, leaves: Iterable[bytes], start: int) -> None:
        """Leaves from index `start` on, which is the size so far."""
        rows = [(leaf, start + i) for i, leaf in enumerate(leaves)]
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR IGNORE INTO entry VALUES (?, ?)", rows)
            self._db.execute("UPDATE upto SET size = ?", (start + len(rows),))
            self._db.execute("COMMIT")
        except sqlite3.Error as e:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise Unavailable(f"cannot write: {e}", where=str(self._path)) from None

    def clear(self) -> None:
        """Forget everything."""
        self._again()

    def _again(self) -> int:
        self._db.close()
        self._db = self._fresh()
        return 0

    def _fresh(self) -> sqlite3.Connection:
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            return self._open()
        except OSError as e:
            raise os_error(e, self._path, "write") from None
        except sqlite3.Error as e:
            raise Unavailable(f"cannot write: {e}", where=str(self._path)) from None

    def close(self) -> None:
        self._db.close()
