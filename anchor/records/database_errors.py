# SPDX-License-Identifier: Apache-2.0
"""The troubles of both engines as errors of ours: one line, the right class, no password."""

import contextlib
import sqlite3
from collections.abc import Iterator

from sqlalchemy import exc

from anchor.errors import AnchorError, Misuse, Unavailable, Unsupported


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
        found = _SQLITE.get(code) or _SQLITE.get(code & 0xFF)
    else:
        state = str(getattr(error, "sqlstate", "") or _state_of(text))
        found = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    if found is None:
        return Unavailable(f"the database failed: {text}", where=name, remedy=_AGAIN)
    kind, problem, remedy = found
    if kind is Unsupported:  # whatever else fails, fails for every value
        problem = f"{problem}: {text}"
    return kind(problem, where=name, remedy=remedy)
