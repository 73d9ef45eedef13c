# SPDX-License-Identifier: Apache-2.0
"""Statuses and releases that were verified at a target are events, once each, and come back as they were."""

import pytest
import sqlalchemy as sa

from anchor.errors import Refused
from anchor.format import ledger_status as statuses
from anchor.format.statement import Previous
from anchor.monitor.run_record import ObservedStatus
from anchor.records import observed_releases, observed_statuses, queue, replay, store
from anchor.records.check import check
from anchor.records.database import Database
from anchor.records.tables import EventRow, ShownStatus, StatusRow
from anchor.records.writer import writing
from anchor.verdict import Class
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW

ONE, TWO = "/one/release.json", "/two/release.json"
NEWEST = Previous(number=1, version="1", statement="cd" * 32)
FIRST = statuses.encode(statuses.first("prices", NEWEST))
SECOND = statuses.encode(statuses.following(FIRST, NEWEST))
OTHER = statuses.encode(statuses.following(SECOND, NEWEST)).replace(b"prices", b"pricez")


def status(sequence: int, statement: bytes, ledger: str = "prices") -> ObservedStatus:
    bundles = (b"bundle of " + statement, b"the same")
    return ObservedStatus(
        ledger=ledger, sequence=sequence, statement=statement, bundles=bundles, time="2027-01-15T08:00:00Z"
    )


@pytest.fixture
def seen(database: Database) -> Database:
    """Two statuses at one target, and the second one at another too; each run was made twice."""
    queue.watch_all(database, [ONE, TWO], now=NOW)
    for target, one in [(ONE, status(1, FIRST)), (ONE, status(2, SECOND)), (TWO, status(2, SECOND))] * 2:
        with writing(database, 1000) as writer:
            observed_statuses.write(writer, target, one)
    return database


def kinds(database: Database, *wanted: str) -> list[int]:
    with database.read() as connection:
        found = connection.execute(sa.select(EventRow.kind)).scalars().all()
    return [found.count(kind) for kind in wanted]


def test_each_status_is_one_event_and_comes_back_with_its_bundles(seen: Database) -> None:
    assert kinds(seen, "status-seen", "status-shown") == [2, 3]
    with seen.read() as connection:
        assert observed_statuses.of_target(connection, ONE, "prices").statuses == [
            status(2, SECOND),
            status(1, FIRST),
        ]
        assert observed_statuses.of_target(connection, TWO, "prices").statuses == [status(2, SECOND)]
        assert observed_statuses.of_target(connection, TWO, "other").statuses == []
        assert observed_statuses.beside(connection, status(2, b"{}")) == [status(2, SECOND), status(1, FIRST)]
    assert outcomes.changed(seen) == []


def test_a_sequence_of_the_mark_is_restored_once_and_only_where_it_is_higher(seen: Database) -> None:
    for _ in range(2):
        wanted = {ONE: ("prices", 7), TWO: ("prices", 1), "/unknown/release.json": ("prices", 9)}
        observed_statuses.recall(seen, wanted, now=NOW)
    assert kinds(seen, "status-shown") == [4]
    with seen.read() as connection:
        assert observed_statuses.of_target(connection, ONE, "prices").marked == 7
        assert observed_statuses.of_target(connection, TWO, "prices").marked is None
    assert outcomes.changed(seen) == []


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        ("UPDATE statuses SET sequence = 3 WHERE sequence = 2", "not what its columns say"),
        ("UPDATE statuses SET ledger = 'x', sequence = sequence + 5", "not what its columns say"),
        ("UPDATE statuses SET bundles = '[\"00\"]'", "is gone"),
        ("UPDATE statuses SET bundles = '['", "status"),
        ("UPDATE blobs SET data = :other WHERE data = :statement", "not what its digest says"),
        ("DELETE FROM blobs WHERE data = :statement", "is gone"),
        ("UPDATE blobs SET data = :other WHERE data = :bundle", "not what its digest says"),
    ],
)
def test_an_edited_status_is_refused_and_found(seen: Database, edit: str, word: str) -> None:
    values = {"other": OTHER, "statement": SECOND, "bundle": b"bundle of " + SECOND}
    with seen.write() as connection:
        outcomes.unlock(connection)
        statement = sa.text(edit)
        assert connection.execute(statement, {n: v for n, v in values.items() if f":{n}" in edit}).rowcount
    with seen.read() as connection:
        rows = connection.execute(sa.select(StatusRow.__table__)).mappings().all()
        with pytest.raises(Refused, match=word):
            _ = [observed_statuses.observed(connection, dict(row)) for row in rows]
        if "ledger" not in edit:
            with pytest.raises(Refused):
                observed_statuses.of_target(connection, ONE, "prices")
    assert Class.INVALID in {c.demotes for c in check(seen).checks}


def test_a_status_that_is_taken_out_of_its_table_is_made_again_from_the_history(seen: Database) -> None:
    with seen.write() as connection:
        connection.execute(sa.delete(ShownStatus))
        connection.execute(sa.delete(StatusRow))
    assert [one.split(":")[0] for one in outcomes.changed(seen)] == ["projections"]
    with writing(seen, 0) as writer:
        replay.rebuild(writer.connection)
    assert outcomes.changed(seen) == []
    with seen.read() as connection:
        assert observed_statuses.of_target(connection, TWO, "prices").statuses == [status(2, SECOND)]


def test_a_release_is_shown_once_in_each_epoch(database: Database) -> None:
    for at in (0, 1):
        lease = outcomes.taken(database, ONE, now=NOW + at)
        record = outcomes.outcome(target=ONE, release=outcomes.release(1, b"one"))
        store.save_run(database, lease, record, now=NOW + at, rules=store.RunRules())
    assert kinds(database, "release-seen", "release-shown", "number-accepted") == [1, 1, 0]
    for at in (2, 3):
        observed_releases.accept(database, ONE, number=1, who="me@here", reason="meant", now=NOW + at)
        lease = outcomes.taken(database, ONE, now=NOW + at)
        store.save_run(database, lease, record, now=NOW + at, rules=store.RunRules())
    assert kinds(database, "release-seen", "release-shown", "number-accepted") == [1, 3, 2]
    assert outcomes.changed(database) == []
