# SPDX-License-Identifier: Apache-2.0
"""Creates the tables and triggers of new records, and their first event.

The migration of older records (`migrations/versions/v0014_history.py`) creates the same tables and triggers.
"""

import secrets

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.format import history_events
from anchor.records import event_log, replay
from anchor.records.tables import Base

ORIGIN = "ledger-anchor.invalid/history/"
"""The beginning of the origin of each history; 16 random hex digits follow."""

_SQLITE = {
    "events_no_delete": "BEFORE DELETE ON events",
    "events_no_update": "BEFORE UPDATE ON events WHEN NEW.leaf_index <> OLD.leaf_index "
    "OR NEW.kind <> OLD.kind OR NEW.at_ms <> OLD.at_ms OR NEW.body IS NOT NULL OR OLD.kind <> 'run-ended'",
    "events_no_replace": "BEFORE INSERT ON events WHEN EXISTS "
    "(SELECT 1 FROM events WHERE leaf_index = NEW.leaf_index)",
    "blobs_no_delete": "BEFORE DELETE ON blobs",
    "blobs_no_update": "BEFORE UPDATE ON blobs",
    "blobs_no_replace": "BEFORE INSERT ON blobs WHEN EXISTS (SELECT 1 FROM blobs WHERE sha256 = NEW.sha256)",
}
_POSTGRESQL = {
    "events_no_delete": "BEFORE DELETE ON events FOR EACH ROW",
    "events_no_update": "BEFORE UPDATE ON events FOR EACH ROW WHEN (NEW.leaf_index <> OLD.leaf_index "
    "OR NEW.kind <> OLD.kind OR NEW.at_ms <> OLD.at_ms OR NEW.body IS NOT NULL OR OLD.kind <> 'run-ended')",
    "events_no_truncate": "BEFORE TRUNCATE ON events FOR EACH STATEMENT",
    "blobs_append_only": "BEFORE UPDATE OR DELETE ON blobs FOR EACH ROW",
    "blobs_no_truncate": "BEFORE TRUNCATE ON blobs FOR EACH STATEMENT",
}
TRIGGERS = {"sqlite": frozenset(_SQLITE), "postgresql": frozenset(_POSTGRESQL)}
"""The names of the triggers that make the history append-only, by dialect."""


def create(connection: Connection, *, at_ms: int) -> None:
    """Create all tables and triggers in an empty database, and begin the history."""
    tables(connection)
    begin(connection, at_ms=at_ms)
    replay.rebuild(connection)
    connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))


def tables(connection: Connection) -> None:
    """Create the tables and triggers."""
    Base.metadata.create_all(connection)
    if connection.dialect.name == "sqlite":
        for name, when in _SQLITE.items():
            table = name.split("_")[0]
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    connection.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION anchor_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$"
    )
    for name, when in _POSTGRESQL.items():
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION anchor_refuse()")


def begin(
    connection: Connection, *, at_ms: int, imported: dict[str, list[tuple[int, str]]] | None = None
) -> None:
    """Write the first event of a history."""
    origin = ORIGIN + secrets.token_hex(8)
    event = history_events.RecordsBegan(**event_log.common(at_ms), origin=origin, imported=imported or {})
    log = event_log.Appender(connection)
    log.append(history_events.encode(event), kind=history_events.kind(event), at_ms=at_ms)
    log.close()
