# SPDX-License-Identifier: Apache-2.0
"""Proofs of runs out of real records, checked by the second implementation and by the command."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from anchor.app import history_proof
from anchor.errors import Misuse, Refused, Unsupported
from anchor.format.history_events import RecordsPruned
from anchor.records import event_log, export
from anchor.records.database import Database
from anchor.records.tables import EventRow
from anchor.records.writer import writing
from tests.support.process.anchor_cli import anchor
from tests.support.records.outcomes import opened, unlock
from tests.support.records.proven import BEGAN, DAY, anchored, ran, watched
from tests.support.records.signed_history import policy
from tests.support.second import history2

SECOND = BEGAN / 1000


def day(number: float) -> float:
    """Seconds since 1970."""
    return SECOND + number * DAY / 1000


@pytest.fixture
def year(database: Database) -> Database:
    """A head, ten runs, a head, and one run more."""
    watched(database)
    anchored(database, 0)
    for number in range(10):
        ran(database, number + 1, "UNAVAILABLE" if number == 4 else "OK")
    anchored(database, 11)
    ran(database, 12)
    return database


def test_a_complete_proof_has_every_event_between_two_heads(year: Database, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    written = history_proof.write(year, path, since=day(0.5))
    assert (written.complete, written.start, written.runs, written.later_runs) == (True, 3, 10, 1)
    found = history2.verify(path.read_bytes())
    assert [index for index, _ in found] == list(range(3, written.head))
    kinds = [one["kind"] for _, one in found if one is not None]
    assert kinds == ["head-anchored"] + ["run-ended"] * 10


def test_a_proof_from_before_the_first_head_begins_with_the_first_event(
    year: Database, tmp_path: Path
) -> None:
    path = tmp_path / "runs.jsonl"
    assert history_proof.write(year, path, since=day(-1), until=day(-1)).head == 3
    assert len(history2.verify(path.read_bytes())) == 3
    assert history_proof.write(year, path, since=day(-1)).start == 0


def test_single_runs_come_with_the_event_that_names_their_release(year: Database, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    assert history_proof.write(year, path, runs=[8, 6, 8]).events == 3
    found = history2.verify(path.read_bytes())
    kinds = [one["kind"] for _, one in found if one is not None]
    assert kinds == ["release-seen", "run-ended", "run-ended"]


def test_the_root_is_computed_again_from_an_export(year: Database) -> None:
    size, root = history2.root_of_export(line.encode() for line in export.rows(year))
    with year.read() as connection:
        tree = event_log.tree(connection)
        assert (size, root) == (tree.size, tree.root())


def test_what_no_head_covers_is_not_proven(year: Database, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    for runs, word in (([15], "newest anchored head"), ([1], "is no run"), ([99], "is no run")):
        with pytest.raises(Misuse, match=word):
            history_proof.write(year, path, runs=runs)
    with pytest.raises(Misuse, match="no head was anchored after"):
        history_proof.write(year, path, since=day(11.5))
    assert not path.exists()


def test_without_an_anchored_head_nothing_is_proven(database: Database, tmp_path: Path) -> None:
    watched(database)
    index = ran(database, 1)
    with pytest.raises(Misuse, match="run 'anchor records anchor'"):
        history_proof.write(database, tmp_path / "p", runs=[index])
    anchored(database, 2)
    written = history_proof.write(database, tmp_path / "p", runs=[index])
    assert (written.runs, written.lacking) == (1, "")
    ran(database, 3)
    assert "1 run ended after" in history_proof.write(database, tmp_path / "p", runs=[index]).lacking


def test_pruned_runs_are_lines_of_their_hashes(year: Database, tmp_path: Path) -> None:
    with writing(year, BEGAN + 13 * DAY) as writer:
        writer.add(RecordsPruned, runs=[(4, 6)], counts={"classes": {"OK": 3}})
        event_log.prune(writer.connection, [(4, 6)])
    path = tmp_path / "runs.jsonl"
    with pytest.raises(Misuse, match="was pruned"):
        history_proof.write(year, path, runs=[5])
    anchored(year, 14)
    written = history_proof.write(year, path, since=day(0.5))
    assert (written.runs, written.pruned) == (8, 3)
    assert [i for i, one in history2.verify(path.read_bytes()) if one is None] == [4, 5, 6]


def test_damaged_records_make_no_proof(year: Database, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    with year.write() as connection:
        unlock(connection)
        body = connection.execute(sa.select(EventRow.body).where(EventRow.leaf_index == 7)).scalar_one()
        assert body is not None
        other = event_log.packed(event_log.unpacked(body, where="").replace(b'"OK"', b'"UN"'))
        connection.execute(sa.update(EventRow).where(EventRow.leaf_index == 7).values(body=other))
    for given in ({"runs": [7]}, {"since": day(0.5)}):
        with pytest.raises(Refused, match="records check"):
            history_proof.write(year, path, **given)
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".tmp") or p == path]


def test_the_commands_prove_and_verify(sqlite: str, tmp_path: Path) -> None:
    with opened(sqlite) as database:
        watched(database)
        anchored(database, 0)
        for number in range(10):
            ran(database, number + 1, "UNAVAILABLE" if number == 4 else "OK")
        anchored(database, 11)
        ran(database, 12)
    path, given = tmp_path / "runs.jsonl", ("--database", sqlite, "--home", tmp_path)
    proven = anchor("records", "prove", "--since", "2025-01-01T12:00:00Z", "-o", path, *given)
    assert proven.code == 0, proven
    assert "10 runs among all 11 events from event 3 on" in proven.err
    assert "1 run ended after the newest anchored head" in proven.err
    assert "anchor records anchor" in proven.err
    alone = tmp_path / "one.jsonl"
    assert anchor("records", "prove", "5", "-o", alone, *given).code == 0
    own = policy(tmp_path)
    told = anchor("verify-history", alone, "--policy", own)
    assert told.code == 0, told
    assert "of 1 run of release 3 of prices in 2025, 1 OK" in " ".join(told.out.split())
    both = anchor("verify-history", path, alone, "--policy", own, "--json").document
    assert both["verdict"] == "OK"
    assert [one["complete"] for one in both["facts"]["proofs"]] == [True, False]
    assert {row["number"] for one in both["facts"]["proofs"] for row in one["runs"]} == {3}
    for words, remedy in (
        ((), "give the numbers of runs, or --since"),
        ((5, "--since", "30d"), "give the numbers of runs, or --since"),
        ((5, "--until", "1d"), "give --since too"),
        ((1,), "'anchor history --json' lists the runs with their numbers"),
    ):
        wrong = anchor("records", "prove", *words, "-o", tmp_path / "none", *given)
        assert (wrong.code, remedy in wrong.line) == (2, True), wrong
    numbers = [json.loads(line)["run"] for line in anchor("history", "--json", *given).out.splitlines()]
    assert anchor("records", "prove", *numbers[1:3], "-o", path, *given).code == 0
    assert "name a file with -o" in anchor("records", "prove", 5, "--json", "-o", "-", *given).line
    shown = anchor("records", "prove", 5, "--json", "-o", path, *given).document
    assert (shown["runs"], shown["events"], shown["complete"]) == (1, 2, False)
    (tmp_path / "other.jsonl").write_text("a text\n")
    refused = anchor("verify-history", tmp_path / "other.jsonl", "--policy", own)
    assert "give a file that 'anchor records prove' made" in refused.line


def test_too_many_single_runs_are_proven_by_a_time(
    year: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p"
    history_proof.write(year, path, runs=[4])
    most = len(path.read_bytes().partition(b"\n")[0]) + 200
    monkeypatch.setattr("anchor.format.history_proof.MAX_LINE", most)
    with pytest.raises(Unsupported, match="prove fewer runs at once, or use --since"):
        history_proof.write(year, path, runs=range(4, 14))
    assert history_proof.write(year, path, runs=[4]).runs == 1
    assert history_proof.write(year, path, since=day(-1)).runs == 10
