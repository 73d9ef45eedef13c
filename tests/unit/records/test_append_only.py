# SPDX-License-Identifier: Apache-2.0
"""The history cannot be changed or removed by SQL, as long as nobody takes its triggers off."""

import pytest
import sqlalchemy as sa

from anchor.errors import Misuse
from anchor.monitor.run_record import RunRecord
from anchor.records import store
from anchor.records.database import Database
from anchor.verdict import Class
from tests.support.logs.simlog import SimLog
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW

KEPT = {"events": "leaf_index", "blobs": "sha256"}


def filled(database: Database) -> None:
    log = SimLog().grow(3)
    first, log = outcomes.signed(log), log.grow(2)
    found: RunRecord = outcomes.outcome(
        Class.INVALID,
        release=outcomes.release(),
        checkpoints=(first, outcomes.signed(log)),
        proofs=(outcomes.consistency(log, 3, 5),),
        evidence=(outcomes.evidence(),),
        trust={"policy": "1"},
    )
    store.save_run(database, outcomes.taken(database), found, now=NOW, rules=store.RunRules())


def refused(database: Database, statement: str) -> None:
    with pytest.raises(Misuse, match="append-only"), database.write() as connection:
        connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM events",
        "DELETE FROM events WHERE leaf_index = 3",
        "UPDATE events SET body = body",
        "UPDATE events SET body = NULL WHERE kind <> 'run-ended'",
        "UPDATE events SET kind = 'run-ended'",
        "UPDATE events SET at_ms = at_ms + 1",
        "UPDATE events SET leaf_index = leaf_index + 1000",
        "UPDATE events SET body = NULL, at_ms = 1 WHERE kind = 'run-ended'",
        "DELETE FROM blobs",
        "UPDATE blobs SET data = data",
    ],
)
def test_the_history_cannot_be_changed_or_removed(database: Database, attack: str) -> None:
    filled(database)
    refused(database, attack)
    with database.read() as connection:
        for table in KEPT:
            assert connection.execute(sa.text(f"SELECT COUNT(*) FROM {table}")).scalar_one() > 0


@pytest.mark.parametrize("table", KEPT)
def test_insert_or_replace_does_not_slip_past_the_delete_trigger(sqlite: str, table: str) -> None:
    """PostgreSQL has no REPLACE; ON CONFLICT DO UPDATE is an UPDATE there."""
    with outcomes.opened(sqlite) as database:
        filled(database)
        refused(database, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")


@pytest.mark.parametrize("table", KEPT)
def test_truncate_is_refused(postgresql: str, table: str) -> None:
    """SQLite has no TRUNCATE."""
    from tests.support.records import postgres

    with outcomes.opened(postgres.new_database(postgresql)) as database:
        filled(database)
        refused(database, f"TRUNCATE {table}")
