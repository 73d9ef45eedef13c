# SPDX-License-Identifier: Apache-2.0
"""The owner of the database edits it and takes the triggers off: who notices, the run or `records check`."""

import sqlite3

import pytest

from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.process.anchor_cli import anchor


def edited(attacked: Attacked, *statements: str) -> None:
    """Edit the database as its owner: triggers are dropped first, and put back."""
    with sqlite3.connect(attacked.home / "records.db") as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert db.execute(statement).rowcount
        for _, sql in triggers:
            db.execute(sql)
    db.close()


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE blobs SET data = X'7b7d' WHERE sha256 IN (SELECT digest FROM evidence)",
        "UPDATE events SET body = X'00' WHERE kind = 'evidence-found'",
        "UPDATE evidence SET origin = 'x'",
        "UPDATE evidence SET kind = 'x'",
        "UPDATE evidence SET digest = lower(hex(zeroblob(32)))",
        "UPDATE evidence SET found_ms = 1",
    ],
)
def test_edited_evidence_is_invalid_and_no_recovery(attacked: Attacked, edit: str) -> None:
    attacked.serve(attacked.log.fork(1))
    assert attacked.found() is Class.EQUIVOCATION
    attacked.serve(attacked.log)
    edited(attacked, edit)
    assert attacked.found() is Class.INVALID
    assert attacked.found() is Class.INVALID
    assert attacked.told() == ["EQUIVOCATION", "INVALID"]
    assert attacked.check() is Class.EQUIVOCATION
    assert anchor("status", "--home", attacked.home).code == 6


def test_evidence_that_was_taken_out_comes_back_from_its_file(attacked: Attacked) -> None:
    attacked.serve(attacked.log.fork(1))
    assert attacked.found() is Class.EQUIVOCATION
    attacked.serve(attacked.log)
    edited(attacked, "DELETE FROM evidence")
    assert attacked.found() is Class.EQUIVOCATION
    assert "recovered" not in attacked.told()


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE checkpoints SET size = 2",
        "UPDATE blobs SET data = X'00' WHERE sha256 IN (SELECT note_sha256 FROM checkpoints)",
        "DELETE FROM blobs WHERE sha256 IN (SELECT note_sha256 FROM checkpoints)",
        "UPDATE events SET body = X'00' WHERE kind = 'checkpoint-seen'",
        "UPDATE checkpoints SET root = lower(hex(zeroblob(32)))",
        "UPDATE checkpoints SET seen_ms = 1",
    ],
)
def test_edited_records_are_invalid_for_check_and_for_the_run(attacked: Attacked, edit: str) -> None:
    edited(attacked, edit)
    assert attacked.check() is Class.INVALID
    assert attacked.found() is Class.INVALID
    assert attacked.told() == ["INVALID"]


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE runs SET verdict = 'INVALID'",
        "UPDATE runs SET detail = 'x'",
        "UPDATE targets SET last_class = 'STALE'",
        "UPDATE targets SET active = 0",
        "UPDATE targets SET notified = 'INVALID'",
        "UPDATE targets SET notified = 'UNAVAILABLE'",
        "UPDATE targets SET decided_due_ms = decided_due_ms + 604800000",
        "UPDATE targets SET interval_s = 604800",
        "UPDATE targets SET max_run_age_s = 31536000",
        "UPDATE targets SET failing_runs = 1",
        "UPDATE targets SET release_id = NULL",
        "UPDATE releases SET seen_ms = 1",
        "UPDATE anchors SET time = 'x'",
        "UPDATE trust SET digest = 'x'",
        "UPDATE blobs SET data = X'7b7d' WHERE sha256 IN (SELECT digest FROM trust)",
        "DELETE FROM anchors",
        "DELETE FROM targets",
        "DELETE FROM runs",
        "DELETE FROM events WHERE kind = 'target-watched'",
        "DELETE FROM events WHERE leaf_index = (SELECT MAX(leaf_index) FROM events)",
        "DELETE FROM events WHERE leaf_index = 0",
        "UPDATE events SET at_ms = 1",
        "UPDATE events SET kind = 'release-seen' WHERE kind = 'bundle-seen'",
        "UPDATE events SET body = NULL WHERE kind = 'run-ended'",
        "UPDATE events SET body = (SELECT body FROM events WHERE leaf_index = 1) WHERE leaf_index = 2",
        "INSERT INTO events SELECT MAX(leaf_index) + 1, kind, at_ms, body FROM events",
        "UPDATE tiles SET hashes = zeroblob(length(hashes))",
        "DELETE FROM tiles",
    ],
)
def test_edited_history_is_invalid_for_check(attacked: Attacked, edit: str) -> None:
    edited(attacked, edit)
    assert attacked.check() is Class.INVALID


@pytest.mark.parametrize("index", [1000, 2**53, 2**63 - 1])
def test_an_index_that_was_moved_far_away_is_invalid_and_ends_nothing_in_a_defect(
    attacked: Attacked, index: int
) -> None:
    """Nothing counts up to it, and no engine is asked for the number after the largest one."""
    edited(attacked, f"UPDATE events SET leaf_index = {index} WHERE leaf_index = 3")
    assert attacked.check() is Class.INVALID
    assert attacked.found() is Class.INVALID


def test_a_release_that_was_taken_out_is_invalid_for_check_and_for_the_run(attacked: Attacked) -> None:
    taken_out = ("DELETE FROM anchors", "DELETE FROM releases", "UPDATE targets SET release_id = NULL")
    edited(attacked, *taken_out)
    assert attacked.check() is Class.INVALID
    for _ in range(2):
        assert attacked.found() is Class.INVALID
    assert attacked.told() == ["INVALID"]


def test_a_message_that_was_taken_out_is_invalid_for_check(attacked: Attacked) -> None:
    release = attacked.site.release
    release.write_bytes(release.read_bytes() + b" ")
    assert attacked.found() is Class.INVALID
    assert attacked.check() is Class.OK
    edited(attacked, "DELETE FROM told", "DELETE FROM addressed", "DELETE FROM notifications")
    assert attacked.check() is Class.INVALID


def test_what_the_user_does_is_no_edit(attacked: Attacked) -> None:
    given = ("--policy", attacked.folder / "watched.toml", "--home", attacked.home)
    assert anchor("reverify", attacked.target, *given, "--interval", "7d").code == 0
    assert anchor("reverify", attacked.target, *given, "--interval", "1h").code == 0
    assert attacked.check() is Class.OK
    assert anchor("reverify", "--forget", attacked.target, "--home", attacked.home).code == 0
    assert attacked.check() is Class.OK
    assert attacked.found() is Class.OK
    assert attacked.check() is Class.OK
