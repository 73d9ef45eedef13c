# SPDX-License-Identifier: Apache-2.0
"""The export is the records, on both engines. Its views give the current state."""

import base64
import csv
import hashlib
import io
import json
from typing import Any

import pytest
import sqlalchemy as sa

from anchor.encoding import jcs
from anchor.merkle import leaf_hash, root
from anchor.records import event_log, export, history, retention, store
from anchor.records.database import Database
from anchor.records.tables import Notification
from anchor.report import history as lines
from anchor.report import metrics
from anchor.report.status import status, text
from anchor.verdict import Class
from tests.support.logs.simlog import SimLog
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW

HOUR = 3600.0


def kept(database: Database, *classes: Class, target: str = "a/release.json", **more: object) -> None:
    for n, found in enumerate(classes):
        at = NOW + n * HOUR
        lease = outcomes.taken(database, target, now=at)
        outcome = outcomes.outcome(found, target, **more)
        store.save_run(database, lease, outcome, now=at, rules=store.RunRules())


def test_the_export_is_the_whole_history(database: Database) -> None:
    """Whoever has it can compute the root, and has each document that an event names."""
    log = SimLog().grow(3)
    more: dict[str, Any] = {
        "checkpoints": (outcomes.signed(log),),
        "evidence": (outcomes.evidence(),),
        "trust": {"a": "b"},
    }
    kept(database, Class.INVALID, release=outcomes.release(), **more)
    found = [json.loads(line) for line in export.rows(database)]
    exported = [row for row in found if "index" in row]
    assert [row["index"] for row in exported] == list(range(len(exported)))
    assert {row["event"]["kind"] for row in exported} == {
        "records-began",
        "target-watched",
        "release-seen",
        "bundle-seen",
        "release-shown",
        "log-followed",
        "checkpoint-seen",
        "evidence-found",
        "trust-changed",
        "message-owed",
        "message-addressed",
        "run-ended",
    }
    leaves = [jcs(row["event"]) for row in exported]
    assert [row["hash"] for row in exported] == [leaf_hash(leaf).hex() for leaf in leaves]
    with database.read() as connection:
        assert event_log.tree(connection).root() == root([leaf_hash(leaf) for leaf in leaves])
    documents = {row["sha256"]: base64.b64decode(row["document"]) for row in found if "sha256" in row}
    assert all(hashlib.sha256(data).hexdigest() == digest for digest, data in documents.items())
    (note,) = [row["event"]["note"] for row in exported if row["event"]["kind"] == "checkpoint-seen"]
    assert documents[note] == log.sign()
    assert [data for _, data in export.evidence(database)] == [b"two notes"]
    assert [data for _, data in export.notes(database)] == [log.sign()]


def test_a_pruned_event_is_exported_with_its_hash(database: Database) -> None:
    kept(database, *[Class.OK] * 3, release=outcomes.release())
    before = [json.loads(line) for line in export.rows(database)]
    assert retention.prune(database, before=NOW + 9 * HOUR, now=NOW + 9 * HOUR) == 2
    after = [json.loads(line) for line in export.rows(database)]
    gone = [row for row in after if "index" in row and row["event"] is None]
    assert len(gone) == 2
    assert [before[row["index"]]["hash"] for row in gone] == [row["hash"] for row in gone]


def stands(database: Database, hours: float, max_age: int | None = None) -> Class:
    return status(database, now=NOW + hours * HOUR, max_age=max_age).verdict


def test_nothing_watched_and_nothing_run_are_never_ok(database: Database) -> None:
    assert stands(database, 0) is Class.UNAVAILABLE
    outcomes.taken(database)
    assert stands(database, 0) is Class.STALE


def test_a_watch_that_died_is_stale_by_the_policys_age(database: Database) -> None:
    kept(database, Class.OK, max_run_age=7200)
    assert stands(database, 1.9) is Class.OK
    assert stands(database, 2.1) is Class.STALE
    assert stands(database, 2.1, max_age=90 * 3600) is Class.OK


def test_without_a_policys_age_three_days_are_too_old(database: Database) -> None:
    kept(database, Class.OK)
    assert stands(database, 71) is Class.OK
    assert stands(database, 73) is Class.STALE


def test_runs_that_could_not_tell_turn_stale(database: Database) -> None:
    kept(database, Class.OK, Class.UNAVAILABLE, Class.UNAVAILABLE, max_run_age=7200)
    assert stands(database, 1.5) is Class.UNAVAILABLE
    assert stands(database, 2.1) is Class.STALE


@pytest.mark.parametrize("bad", [Class.INVALID, Class.ERROR, Class.USAGE])
def test_an_alarm_stands_through_age_and_temporary_failures_until_a_good_run(
    database: Database, bad: Class
) -> None:
    kept(database, Class.OK, bad)
    assert stands(database, 900) is bad
    kept(database, bad, Class.UNAVAILABLE)
    assert stands(database, 900) is bad
    kept(database, Class.OK)
    assert stands(database, 0) is Class.OK


def test_equivocation_stands_through_good_runs_and_other_alarms(database: Database) -> None:
    for found in (Class.EQUIVOCATION, Class.OK, Class.UNAVAILABLE, Class.OK):
        kept(database, found)
        assert stands(database, 0) is Class.EQUIVOCATION
    kept(database, Class.INVALID, Class.OK)
    assert stands(database, 0) is Class.EQUIVOCATION
    with database.read() as connection:
        told = connection.execute(sa.select(Notification.verdict).order_by(Notification.id)).scalars().all()
    assert told == ["EQUIVOCATION", "INVALID"]


def test_a_good_run_in_the_future_is_none(database: Database) -> None:
    kept(database, Class.OK)
    assert stands(database, -1) is Class.STALE


def test_the_worst_target_is_the_status(database: Database) -> None:
    kept(database, Class.OK)
    kept(database, Class.PENDING, target="b")
    found = status(database, now=NOW)
    assert found.verdict is Class.STALE  # b never had a good run
    assert [line.split()[0] for line in text(found)[:2]] == ["OK", "STALE"]


def test_history_is_filtered_and_newest_first(database: Database) -> None:
    kept(database, Class.OK, Class.INVALID, Class.OK)
    outcomes.taken(database, "b", now=NOW)

    def found(**wanted: object) -> list[str]:
        return [r.verdict or r.state for r in history.runs(database, history.Filter(**wanted))]  # type: ignore[arg-type]

    assert found() == ["running", "OK", "INVALID", "OK"]
    assert found(verdict="INVALID") == ["INVALID"]
    assert found(verdict="running") == ["running"]
    assert found(target="b") == ["running"]
    assert found(since=NOW + HOUR) == ["OK", "INVALID"]
    assert found(until=NOW + HOUR, target="a/release.json") == ["OK"]
    assert found(limit=2) == ["running", "OK"]


def test_a_spreadsheet_runs_nothing_of_a_history(database: Database) -> None:
    kept(database, Class.OK, target='=HYPERLINK("http://x")')
    header, line = "".join(lines.as_csv(history.runs(database, history.Filter()))).splitlines()
    assert header.startswith("run,target,state")
    assert '"\'=HYPERLINK(""http://x"")"' in line


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\n=", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_form_of_a_formula_begins_a_cell(database: Database, first: str) -> None:
    kept(database, Class.OK, target=f"{first}1+1")
    found = "".join(lines.as_csv(history.runs(database, history.Filter())))
    assert next(csv.DictReader(io.StringIO(found, newline="")))["target"] == f"'{first}1+1"


def test_metrics_survive_pruning_and_a_broken_database(database: Database) -> None:
    from prometheus_client import generate_latest

    kept(database, Class.OK, Class.INVALID, Class.OK)
    before = generate_latest(metrics.registry(database, clock=lambda: NOW + 3 * HOUR)).decode()
    assert 'anchor_runs_total{class="OK"} 2.0' in before
    assert 'anchor_unverified_seconds{target="a/release.json"} 3600.0' in before
    retention.prune(database, before=NOW + 9 * HOUR, now=NOW + 9 * HOUR)
    after = generate_latest(metrics.registry(database, clock=lambda: NOW + 3 * HOUR)).decode()
    assert after == before
    with database.write() as connection:
        connection.exec_driver_sql("DROP TABLE deliveries")
    assert "anchor_up 0.0" in generate_latest(metrics.registry(database)).decode()
