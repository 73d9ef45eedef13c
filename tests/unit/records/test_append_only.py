# SPDX-License-Identifier: Apache-2.0
"""Recorded rows cannot be changed or removed by SQL."""

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

KEPT = [
    "releases",
    "anchors",
    "followed",
    "checkpoints",
    "proofs",
    "evidence",
    "trust",
    "notifications",
    "journal",
    "runs",
    "checks",
]


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


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("attack", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}"])
def test_a_kept_row_cannot_be_changed_or_removed(database: Database, table: str, attack: str) -> None:
    filled(database)
    column = {"checks": "detail", "evidence": "kind", "checkpoints": "source", "journal": "value"}.get(
        table, "id"
    )
    with pytest.raises(Misuse, match="append-only"), database.write() as connection:
        connection.execute(sa.text(attack.format(table, column)))
    with database.read() as connection:
        assert connection.execute(sa.text(f"SELECT COUNT(*) FROM {table}")).scalar_one() > 0


@pytest.mark.parametrize("table", [t for t in KEPT if t != "checks"])
def test_insert_or_replace_does_not_slip_past_the_delete_trigger(database: Database, table: str) -> None:
    if database.dialect != "sqlite":
        return  # PostgreSQL has no REPLACE; ON CONFLICT DO UPDATE is an UPDATE, tested above
    filled(database)
    with pytest.raises(Misuse, match="append-only"), database.write() as connection:
        connection.execute(sa.text(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"))


@pytest.mark.parametrize("table", [*KEPT, "targets", "prunes"])
def test_truncate_is_refused(database: Database, table: str) -> None:
    if database.dialect == "sqlite":
        return  # has no TRUNCATE
    filled(database)
    with pytest.raises(Misuse, match="append-only"), database.write() as connection:
        connection.execute(sa.text(f"TRUNCATE {table} CASCADE"))


def test_a_check_cannot_be_added_to_a_run_that_has_ended(database: Database) -> None:
    filled(database)
    with pytest.raises(Misuse, match="append-only"), database.write() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO checks (run_id, position, name, state, detail, meaning, clause) "
                "SELECT id, 99, 'x', 'passed', '', '', '' FROM runs"
            )
        )
