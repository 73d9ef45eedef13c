# SPDX-License-Identifier: Apache-2.0
"""The parts of a log that were read stay in the records, for each watch, and are not changed unseen."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
import sqlalchemy as sa

from anchor.errors import Misuse, Unavailable
from anchor.monitor.run_record import NameScan, RunRecord, ScannedRange
from anchor.records import check, event_log, export, queue, replay, store
from anchor.records.database import Database
from anchor.records.state import HeldState
from anchor.records.store import RunRules
from anchor.records.writer import writing
from anchor.verdict import Class
from anchor.verify.named_entry import NamedEntry
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW, outcome

ENTRY = NamedEntry(index=4, digest="ab" * 32, certified=True, identity="a@b", issuer="https://i", body=b"{}")
SCAN = NameScan(
    origin="log",
    log_key="key",
    watch="ww",
    size=12,
    ranges=(ScannedRange(start=0, end=10, claimed=2), ScannedRange(start=11, end=12)),
    named=(ENTRY,),
    requests=7,
)


def save(database: Database, *scans: NameScan, now: float = NOW, target: str = "t") -> None:
    queue.watch(database, target, now=now)
    lease = queue.acquire(database, worker="w", now=now, target=target)
    assert isinstance(lease, queue.Lease)
    record: RunRecord = replace(outcome(), scans=scans)
    store.save_run(database, lease, record, now=now, rules=RunRules())


def test_what_was_read_comes_back(database: Database) -> None:
    save(database, SCAN)
    before = HeldState(database, now=NOW).read_before("key", "log", "ww")
    assert (before.ranges, before.size, before.requests) == (SCAN.ranges, 12, 7)
    assert before.named == (
        NamedEntry(index=4, digest="ab" * 32, certified=True, identity="a@b", issuer="https://i"),
    )
    assert HeldState(database, now=NOW).read_before("key", "log", "other").ranges == ()
    assert HeldState(database, now=NOW).read_before("other", "log", "ww").ranges == ()


def test_what_another_watch_certified_comes_back_and_its_claims_do_not(database: Database) -> None:
    claim = NamedEntry(index=5, digest="cd" * 32, certified=False)
    save(database, replace(SCAN, named=(ENTRY, claim)))
    for key, watch in (("key", "other"), ("other", "ww")):  # as after a change of the policy, or of the key
        before = HeldState(database, now=NOW).read_before(key, "log", watch)
        assert [e.index for e in before.named] == [4]
    assert [e.index for e in HeldState(database, now=NOW).certified("log")] == [4]
    assert HeldState(database, now=NOW).certified("another") == ()
    save(database, replace(SCAN, watch="other"))
    assert len(HeldState(database, now=NOW).certified("log")) == 1


def test_requests_are_counted_within_the_hour(database: Database) -> None:
    save(database, SCAN)
    save(database, replace(SCAN, requests=5))
    assert HeldState(database, now=NOW).read_before("key", "log", "ww").requests == 12
    assert HeldState(database, now=NOW + 3600).read_before("key", "log", "ww").requests == 0
    save(database, replace(SCAN, requests=1), now=NOW + 3600)
    assert HeldState(database, now=NOW + 3600).read_before("key", "log", "ww").requests == 1


def test_a_later_reading_goes_further_and_the_same_adds_nothing(database: Database) -> None:
    save(database, SCAN)
    save(database, SCAN)
    further = replace(SCAN, size=20, ranges=(ScannedRange(start=0, end=20, claimed=3),), named=())
    save(database, further)
    before = HeldState(database, now=NOW).read_before("key", "log", "ww")
    assert ScannedRange(start=0, end=20, claimed=3) in before.ranges
    assert before.size == 20
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT COUNT(*) FROM name_scans")).scalar() == 3
        assert connection.execute(sa.text("SELECT COUNT(*) FROM named_entries")).scalar() == 1


def test_a_run_that_was_taken_over_keeps_nothing(database: Database) -> None:
    queue.watch(database, "t", now=NOW)
    lease = queue.acquire(database, worker="w", now=NOW, target="t")
    assert isinstance(lease, queue.Lease)
    queue.abandon_run(database, lease, now=NOW)
    with pytest.raises(Unavailable):
        store.save_run(database, lease, replace(outcome(), scans=(SCAN,)), now=NOW, rules=RunRules())
    assert HeldState(database, now=NOW).read_before("key", "log", "ww").ranges == ()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM named_entries",
        "UPDATE named_entries SET digest = 'x'",
        "UPDATE named_entries SET body_sha256 = 'x'",
        "UPDATE name_scans SET end_index = 99",
        "DELETE FROM name_scans",
    ],
)
def test_a_change_of_rows_is_seen_and_the_history_has_them_still(database: Database, statement: str) -> None:
    save(database, SCAN)
    before = HeldState(database, now=NOW).read_before("key", "log", "ww")
    assert check.check(database).verdict is Class.OK
    with database.write() as connection:
        connection.execute(sa.text(statement))
    assert check.check(database).verdict is Class.INVALID
    with writing(database, 0) as writer:
        replay.rebuild(writer.connection)
    assert HeldState(database, now=NOW).read_before("key", "log", "ww") == before
    assert check.check(database).verdict is Class.OK


def test_the_bytes_of_an_entry_are_held_and_not_changed_unseen(database: Database) -> None:
    save(database, SCAN)
    with database.read() as connection:
        assert event_log.blob(connection, sha256(ENTRY.body).hexdigest()) == ENTRY.body
    change = sa.text("UPDATE blobs SET data = :new WHERE data = :old")
    for gone in (change, sa.text("DELETE FROM blobs WHERE data = :old")):
        with pytest.raises(Misuse, match="append-only"), database.write() as connection:
            connection.execute(gone, {"old": ENTRY.body, "new": b"[]"})
    with database.write() as connection:
        outcomes.unlock(connection)
        connection.execute(change, {"old": ENTRY.body, "new": b"[]"})
    assert check.check(database).verdict is Class.INVALID


def test_an_export_has_the_entry_and_not_the_requests(database: Database) -> None:
    save(database, SCAN)
    lines = [json.loads(line) for line in export.rows(database)]
    (found,) = (one["event"] for one in lines if one.get("event", {}).get("kind") == "entry-found")
    assert (found["log_index"], found["body"]) == (4, sha256(ENTRY.body).hexdigest())
    assert {"e30="} == {one["document"] for one in lines if one.get("sha256") == found["body"]}
    outcomes.lose_working_state(database)
    assert [json.loads(line) for line in export.rows(database)] == lines


def test_targets_without_a_run_are_named(database: Database) -> None:
    save(database, target="one")
    queue.watch(database, "two", now=NOW)
    assert HeldState(database, now=NOW).never_run("one") == ["two"]
    assert HeldState(database, now=NOW).never_run("two") == []
