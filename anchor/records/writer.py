# SPDX-License-Identifier: Apache-2.0
"""Writes the records: an event, and the rows of the projections that follow from it, in one transaction.

This is the only way in which the history and its projections change, apart from `replay.rebuild`.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Refused, Unsupported
from anchor.format import history_events
from anchor.format.history_events import AnyEvent
from anchor.records import event_log, fold
from anchor.records.database import Database
from anchor.records.tables import (
    PROJECTIONS,
    Accepted,
    Base,
    Notification,
    Release,
    Run,
    StatusRow,
    Target,
    Trust,
)

# Statements are built once, with named parameters: building one costs eight times as much as running it.
_ADD: Mapping[type[Base], sa.Insert] = {table: sa.insert(table) for table in PROJECTIONS}
_CHANGE = sa.update(Target).where(Target.id == sa.bindparam("target_id"))
_REMOVE = sa.delete(Run).where(Run.id >= sa.bindparam("first"), Run.id <= sa.bindparam("last"))
_TARGET = sa.select(Target.id).where(Target.target == sa.bindparam("name"))
_RELEASE = sa.select(Release.id).where(Release.statement_sha256 == sa.bindparam("name"))
_STATUS = sa.select(StatusRow.id).where(StatusRow.statement_sha256 == sa.bindparam("name"))
_TRUST = sa.select(Trust.id).where(Trust.digest == sa.bindparam("name"))
_MESSAGE = sa.select(Notification.id).where(Notification.uid == sa.bindparam("name"))
_BY_NAME: Mapping[type[Base], tuple[sa.Select[Any], str]] = {
    Target: (_TARGET, "target"),
    Release: (_RELEASE, "statement_sha256"),
    StatusRow: (_STATUS, "statement_sha256"),
    Trust: (_TRUST, "digest"),
    Notification: (_MESSAGE, "uid"),
}
"""How rows are found that events name, and by which column."""
_EPOCH = sa.select(sa.func.count()).select_from(Accepted).where(Accepted.claim_id == sa.bindparam("name"))


class Stored:
    """`fold.Known` in the tables. What was found is not looked for again in this transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: dict[tuple[int, str], int] = {}

    def target(self, target: str) -> int | None:
        return self._id(_TARGET, target)

    def release(self, statement: str) -> int | None:
        return self._id(_RELEASE, statement)

    def status(self, statement: str) -> int | None:
        return self._id(_STATUS, statement)

    def trust(self, document: str) -> int | None:
        return self._id(_TRUST, document)

    def message(self, uid: str) -> int | None:
        return self._id(_MESSAGE, uid)

    def epoch(self, target_id: int) -> int:
        return int(self._connection.execute(_EPOCH, {"name": target_id}).scalar_one())

    def learn(self, step: fold.Step) -> None:
        """Remember the row that a step made, if events name such rows."""
        if isinstance(step, fold.Add) and step.table in _BY_NAME:
            query, column = _BY_NAME[step.table]
            self._found[id(query), step.row[column]] = step.row["id"]

    def found(self, target: str, target_id: int) -> None:
        """Remember a target that the caller has found."""
        self._found[id(_TARGET), target] = target_id

    def _id(self, query: sa.Select[Any], name: str) -> int | None:
        key = (id(query), name)
        if key not in self._found:
            found = self._connection.execute(query, {"name": name}).scalar()
            if found is None:
                return None
            self._found[key] = int(found)
        return self._found[key]


class Writer:
    """Writes events at one time (ms since 1970), in a transaction that holds `Database.serialise`."""

    def __init__(self, connection: Connection, at_ms: int) -> None:
        self.connection = connection
        self.at_ms = at_ms
        self.known = Stored(connection)
        self._log = event_log.Appender(connection)

    def add(self, kind: type[AnyEvent], *, at_ms: int | None = None, **members: Any) -> int:
        """Append an event of this kind with these members; returns its index, the id of its rows.

        Numbers of the members may be any size. `at_ms`: another time than that of the writer. Raises
        Unsupported for members that no event can have.
        """
        at = self.at_ms if at_ms is None else at_ms
        try:
            written = kind(**event_log.common(at), **members)
            body = history_events.encode(written)
            event = history_events.decode(body)  # the rows follow from what anybody reads in the bytes
        except Refused as e:
            raise Unsupported(
                f"the records cannot hold this value: {e.problem}", where=e.where, remedy=e.remedy
            ) from None
        index = self._log.append(body, kind=history_events.kind(event), at_ms=at)
        for step in fold.steps(event, index, at, self.known):
            apply(self.connection, step)
            self.known.learn(step)
        return index

    def blob(self, data: bytes) -> str:
        """Store a document; returns its SHA-256 in hex."""
        return event_log.keep(self.connection, data)

    def close(self) -> None:
        """Bring the tree up to date. Without it the transaction must not be committed."""
        self._log.close()


def apply(connection: Connection, step: fold.Step) -> None:
    """Make one step in the tables."""
    if isinstance(step, fold.Add):
        connection.execute(_ADD[step.table], step.row)
    elif isinstance(step, fold.Change):
        connection.execute(_CHANGE, {"target_id": step.target_id, **step.values})
    else:
        for first, last in step.runs:
            connection.execute(_REMOVE, {"first": first, "last": last})


@contextlib.contextmanager
def writing(database: Database, at_ms: int) -> Iterator[Writer]:
    """One transaction that writes the records, as a whole or not at all."""
    with database.write() as connection:
        database.serialise(connection)
        writer = Writer(connection, at_ms)
        yield writer
        writer.close()
