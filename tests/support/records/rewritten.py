# SPDX-License-Identifier: Apache-2.0
"""A history that the owner of the database writes again, with every hash of ours computed anew."""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.format import history_events
from anchor.format.history_events import AnyEvent
from anchor.records import event_log, replay
from anchor.records.database import Database
from anchor.records.tables import EventRow, TileRow


def rewrite(database: Database, change: Callable[[AnyEvent], AnyEvent], *, until: int | None = None) -> None:
    """Write each event again as `change` gives it, up to `until` of them, with its tree and projections."""
    with database.write() as connection:
        rows = [(row.leaf_index, row.at_ms, row.body) for row in event_log.stored(connection)][:until]
        with _Unlocked(connection):
            connection.execute(sa.delete(EventRow))
            connection.execute(sa.delete(TileRow))
            log = event_log.Appender(connection)
            for index, at_ms, stored in rows:
                assert stored is not None
                event = change(history_events.decode(event_log.unpacked(stored, where=f"event {index}")))
                log.append(history_events.encode(event), kind=history_events.kind(event), at_ms=at_ms)
            log.close()
            replay.rebuild(connection)


class _Unlocked:
    """The triggers are taken off and put back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._triggers: list[str] = []

    def __enter__(self) -> None:
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.text("SET session_replication_role = replica"))
            return
        rows = self._connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
        for name, sql in rows.all():
            self._triggers.append(sql)
            self._connection.execute(sa.text(f"DROP TRIGGER {name}"))

    def __exit__(self, *_: object) -> None:
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.text("SET session_replication_role = DEFAULT"))
        for sql in self._triggers:
            self._connection.exec_driver_sql(sql)
