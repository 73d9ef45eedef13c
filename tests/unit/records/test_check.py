# SPDX-License-Identifier: Apache-2.0
"""An edited database is noticed, whatever was edited; retention takes runs and nothing else."""

import shutil
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from anchor.app import records
from anchor.errors import Misuse, Refused
from anchor.format.history_events import AnyEvent, CheckpointSeen, RecordsBegan, RunEnded
from anchor.format.statement import encode
from anchor.monitor import alarm
from anchor.monitor.run_record import RunRecord
from anchor.records import check, fold, high_water_mark, intervals, retention, state, store
from anchor.records.database import Database
from anchor.records.tables import PROJECTIONS, Checkpoint, EvidenceRow, Run
from anchor.tlog import evidence as evidences
from anchor.tlog.checkpoint import Checkpoint as Head
from anchor.verdict import Class
from tests.support.logs.simlog import SimLog
from tests.support.records import outcomes, rewritten
from tests.support.records.outcomes import NOW, SLOW_ON_POSTGRESQL, on_both
from tests.support.releases import samples

DAY = 86400.0
FIRST = encode(samples.statement())
HEAD = high_water_mark.Head(origin="o", size=7, root="ab" * 32)


def filled(database: Database, runs: int = 5) -> SimLog:
    """Runs over a log that grows, with a proof each."""
    log = SimLog().grow(3)
    for n in range(runs):
        old = log.size
        seen = outcomes.signed(log)
        log.grow(4)
        found = outcomes.outcome(
            Class.OK if n % 3 else Class.INVALID,
            checkpoints=(seen, outcomes.signed(log)),
            proofs=(outcomes.consistency(log, old, log.size),),
            trust={"policy": "1"},
            release=outcomes.release(1, FIRST, "sample-ledger", version="1.0.0", root=samples.HEX),
        )
        at = NOW + n * DAY
        store.save_run(database, outcomes.taken(database, now=at), found, now=at, rules=store.RunRules())
    return log


@pytest.fixture(scope="module")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with these runs, to be copied."""
    made = tmp_path_factory.mktemp("filled") / "records.db"
    with outcomes.opened(f"sqlite:///{made}") as database:
        filled(database)
    return made


def unlocked(database: Database, *statements: str) -> None:
    """An edit by the owner of the database: drop the triggers, edit, create them again."""
    with database.write() as connection:
        if database.dialect == "sqlite":
            names = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            triggers = connection.execute(sa.text(names)).all()
            for name, _ in triggers:
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(sa.text("SET session_replication_role = replica"))
        for statement in statements:
            assert connection.execute(sa.text(statement)).rowcount > 0
        if database.dialect == "sqlite":
            for _, sql in triggers:
                connection.exec_driver_sql(sql)
        else:
            connection.execute(sa.text("SET session_replication_role = DEFAULT"))


def refused(database: Database) -> set[str]:
    return {c.name for c in check.check(database).checks if c.demotes is Class.INVALID}


def test_records_as_they_were_written_pass(database: Database) -> None:
    assert check.check(database).verdict is Class.OK  # empty
    filled(database)
    found = check.check(database)
    assert found.verdict is Class.OK
    assert {c.state for c in found.checks} == {"passed"}
    assert not any("stand alone" in c.detail for c in found.checks)


EDITS = [
    # the history
    ("DELETE FROM events WHERE leaf_index = 7", "history"),
    ("DELETE FROM events WHERE kind = 'records-began'", "history"),
    ("UPDATE events SET body = NULL WHERE kind = 'checkpoint-seen'", "history"),
    ("UPDATE events SET body = NULL WHERE kind = 'run-ended'", "history"),
    (
        "UPDATE events SET body = (SELECT body FROM events WHERE leaf_index = 3) WHERE leaf_index = 4",
        "history",
    ),
    ("UPDATE events SET kind = 'target-dropped' WHERE kind = 'release-seen'", "history"),
    ("UPDATE events SET at_ms = at_ms + 1 WHERE kind = 'run-ended'", "history"),
    ("UPDATE events SET leaf_index = 1000 WHERE leaf_index = 7", "history"),
    ("UPDATE events SET leaf_index = 9223372036854775807 WHERE leaf_index = 7", "history"),
    ("UPDATE events SET leaf_index = -7 WHERE leaf_index = 7", "history"),
    ("DELETE FROM events WHERE leaf_index = (SELECT MAX(leaf_index) FROM events)", "history"),
    ("DELETE FROM tiles", "history"),
    ("UPDATE blobs SET data = (SELECT data FROM blobs ORDER BY sha256 LIMIT 1)", "documents"),
    ("DELETE FROM blobs WHERE sha256 IN (SELECT statement_sha256 FROM releases)", "documents"),
    ("DELETE FROM blobs WHERE sha256 IN (SELECT bundle_sha256 FROM anchors)", "documents"),
    ("DELETE FROM blobs WHERE sha256 IN (SELECT note_sha256 FROM checkpoints WHERE size = 3)", "documents"),
    ("DELETE FROM blobs WHERE sha256 IN (SELECT digest FROM trust)", "documents"),
    # what follows from it
    ("UPDATE checkpoints SET seen_ms = seen_ms - 1", "projections"),
    ("UPDATE checkpoints SET size = size + 1 WHERE size = 3", "projections"),
    ("UPDATE checkpoints SET source = 'x' WHERE size = 3", "projections"),
    ("UPDATE checkpoints SET note_sha256 = (SELECT MIN(note_sha256) FROM checkpoints)", "projections"),
    ("DELETE FROM checkpoints WHERE size = 7", "projections"),
    ("UPDATE proofs SET new_size = new_size + 1 WHERE old_size = 3", "projections"),
    ("UPDATE runs SET verdict = 'OK' WHERE verdict = 'INVALID'", "projections"),
    ("UPDATE runs SET ended_ms = ended_ms + 1", "projections"),
    ("UPDATE runs SET verdict = 'FINE'", "projections"),
    ("UPDATE runs SET detail = 'fine'", "projections"),
    ("DELETE FROM runs WHERE verdict = 'INVALID'", "projections"),
    ("UPDATE targets SET last_class = 'PENDING'", "projections"),
    ("UPDATE targets SET last_good_ms = last_good_ms + 1000", "projections"),
    ("UPDATE targets SET notified = 'INVALID'", "projections"),
    ("UPDATE targets SET decided_due_ms = decided_due_ms + 1", "projections"),
    ("UPDATE targets SET alarm = NULL", "projections"),
    ("UPDATE targets SET failing_runs = 1", "projections"),
    ("UPDATE targets SET active = 0", "projections"),
    ("UPDATE targets SET interval_s = 604800", "projections"),
    ("UPDATE targets SET policy_path = '/tmp/policy.toml'", "projections"),
    ("DELETE FROM targets", "projections"),
    ("DELETE FROM notifications", "projections"),
    ("UPDATE notifications SET body = 'x'", "projections"),
    ("UPDATE releases SET seen_ms = 1", "projections"),
    ("UPDATE releases SET number = 2", "projections"),
    ("UPDATE anchors SET log_index = 8", "projections"),
    ("DELETE FROM anchors", "projections"),
    ("UPDATE trust SET seen_ms = 1", "projections"),
    ("DELETE FROM shown", "projections"),
    ("DELETE FROM followed", "projections"),
    ("INSERT INTO followed VALUES (-5, 1, 'o', 'k', 1, '', '', 1)", "projections"),
    ("INSERT INTO shown VALUES (99999, 1, 7, 1, 1)", "projections"),
]


@pytest.mark.parametrize(("url", "edit", "by"), on_both(EDITS, one_of=10), indirect=["url"])
def test_an_edit_is_noticed(url: str, filled_file: Path, edit: str, by: str) -> None:
    if url.startswith("sqlite"):
        shutil.copyfile(filled_file, str(sa.make_url(url).database))
    with outcomes.opened(url) as database:
        if database.dialect != "sqlite":
            filled(database)
        unlocked(database, *edit.split("; "))
        assert by in refused(database)


@SLOW_ON_POSTGRESQL
def test_alarms_and_temporary_failures_are_no_edit_also_where_runs_were_pruned(database: Database) -> None:
    failures = [Class.UNAVAILABLE] * 4
    seen = [*failures, Class.OK, Class.INVALID, *failures, Class.EQUIVOCATION, Class.OK, *failures, Class.OK]
    rules = store.RunRules(alarm_rule=alarm.Rule(2, 0))
    for n, found in enumerate(seen):
        at = NOW + n * DAY
        store.save_run(
            database, outcomes.taken(database, now=at), outcomes.outcome(found), now=at, rules=rules
        )
        assert refused(database) == set(), (n, found)
    for n in range(1, len(seen)):
        retention.prune(database, before=NOW + (n - 0.5) * DAY, now=NOW + 99 * DAY)
        assert refused(database) == set(), n
    unlocked(database, "UPDATE targets SET notified = 'OK'")
    assert refused(database) == {"projections"}


def test_stored_decisions_are_judged_by_the_rule_stored_with_them(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program has other intervals and tells by another rule: that edits nothing."""
    for n, found in enumerate([Class.OK, Class.UNAVAILABLE, Class.INVALID, Class.UNAVAILABLE, Class.OK]):
        at = NOW + n * DAY
        lease = outcomes.taken(database, now=at)
        store.save_run(database, lease, outcomes.outcome(found), now=at, rules=store.RunRules())
    monkeypatch.setattr(intervals.Intervals.__init__, "__defaults__", (60, 60, 1, 1, 0.0, 1))
    assert intervals.Intervals().furthest(None) == 60
    assert check.check(database).verdict is Class.OK
    unlocked(database, "UPDATE targets SET decided_due_ms = decided_due_ms + 1")
    assert refused(database) == {"projections"}


def test_a_run_that_was_put_off_further_than_its_own_rule_is_noticed(database: Database) -> None:
    """Whoever writes the whole history again must still keep to the rule that he writes down."""
    store.save_run(database, outcomes.taken(database), outcomes.outcome(), now=NOW, rules=store.RunRules())

    def later(event: AnyEvent) -> AnyEvent:
        if not isinstance(event, RunEnded) or event.decided is None:
            return event
        far = {**event.decided, "due_ms": event.decided["due_ms"] + round(1000 * 30 * DAY)}
        return msgspec.structs.replace(event, decided=far)

    rewritten.rewrite(database, later)
    assert refused(database) == {"decisions"}


@pytest.mark.parametrize("name", [t.__tablename__ for t in PROJECTIONS])
def test_a_projection_of_another_fold_is_made_again_and_accuses_nobody(
    sqlite: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer program makes other rows of the same events: nobody has changed anything."""
    with outcomes.opened(sqlite) as database:
        filled(database)
        with database.write() as connection:
            connection.execute(sa.text(f"DELETE FROM {name}"))  # as an older program would have made it
        monkeypatch.setitem(fold.VERSIONS, name, 2)
        found = check.check(database)
        assert found.verdict is not Class.INVALID
        assert "projections" in {c.name for c in found.checks if not c.demotes}
    with outcomes.opened(sqlite) as again:
        found = check.check(again)
        assert (found.verdict, [c for c in found.checks if c.demotes]) == (Class.OK, [])
        assert "to be made again" not in str(found)


def test_a_message_of_a_cause_that_stands_is_not_repeated_over_restarts(database: Database, url: str) -> None:
    """The records hold what people were notified of. Each change of it is found as an edit."""
    told = []
    for n, detail in enumerate(["aa", "aa", "cc", "aa", "cc"]):
        at = NOW + n * DAY
        verdict = outcomes.verdict(Class.INVALID, detail=f"SHA-256 is {detail}")
        with outcomes.opened(url) as again:
            found = RunRecord(verdict=verdict, evidence=(outcomes.evidence(),) if n == 1 else ())
            told.append(
                store.save_run(
                    again, outcomes.taken(again, now=at), found, now=at, rules=store.RunRules()
                ).message
            )
            assert refused(again) == set(), n
    assert [t is not None for t in told[:3]] == [True, True, True]  # the check, the evidence, other bytes


@pytest.mark.parametrize("table", ["anchors", "releases", "checkpoints", "proofs", "trust", "shown"])
def test_a_row_that_was_taken_out_and_seen_again_is_noticed_and_can_be_made_again(
    sqlite: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same is then in two events. The first one counts."""
    with outcomes.opened(sqlite) as database:
        filled(database, runs=1)
        unlocked(database, f"DELETE FROM {table}")
        filled(database, runs=1)
        assert "projections" in refused(database)
        monkeypatch.setattr(fold, "VERSIONS", dict.fromkeys(fold.VERSIONS, 2))
    with outcomes.opened(sqlite) as again:
        assert refused(again) == set()


def test_a_trigger_that_is_gone_is_noticed(database: Database) -> None:
    filled(database)
    with database.write() as connection:
        on = "" if database.dialect == "sqlite" else " ON events"
        connection.execute(sa.text(f"DROP TRIGGER events_no_update{on}"))
    assert refused(database) == {"schema"}


def test_a_history_that_was_written_again_is_noticed_by_the_logs_signature(database: Database) -> None:
    """The editor computes every hash of ours again; the log's signature he cannot make."""
    filled(database)
    before = marked(database)

    def larger(event: AnyEvent) -> AnyEvent:
        if not isinstance(event, CheckpointSeen) or event.size != 7:
            return event
        return msgspec.structs.replace(event, size=8)

    rewritten.rewrite(database, larger)
    assert refused(database) == {"checkpoints", "proofs"}
    assert "are not those that were written" in high_water_mark.compare(database, before).detail


@pytest.mark.parametrize("decided", [{}, {"due_ms": None}, {"due_ms": "soon"}])
def test_a_decision_that_no_program_wrote_is_refused_and_not_an_error(
    sqlite: str, decided: dict[str, object]
) -> None:
    def change(event: AnyEvent) -> AnyEvent:
        return msgspec.structs.replace(event, decided=decided) if isinstance(event, RunEnded) else event

    with outcomes.opened(sqlite) as database:
        filled(database, runs=1)
        with pytest.raises(Refused, match="that no program wrote"):
            rewritten.rewrite(database, change)


def test_a_history_that_was_cut_off_is_noticed_by_the_mark(database: Database) -> None:
    filled(database)
    before = marked(database)
    assert before.history is not None
    rewritten.rewrite(database, lambda event: event, until=before.history.size - 1)
    assert refused(database) == set()
    found = high_water_mark.compare(database, before)
    assert found.demotes is Class.UNAVAILABLE
    assert f"events end at {before.history.size - 1}, {before.history.size} were written" in found.detail


def test_another_history_in_its_place_is_noticed_by_the_mark(database: Database) -> None:
    filled(database)
    before = marked(database)
    rewritten.rewrite(
        database, lambda e: msgspec.structs.replace(e, origin="x") if isinstance(e, RecordsBegan) else e
    )
    assert refused(database) == set()
    assert "this is another history" in high_water_mark.compare(database, before).detail


def test_a_log_key_that_you_do_not_know_is_found(database: Database) -> None:
    log = filled(database)
    assert check.check(database, log_keys={log.key.public_key}).verdict is Class.OK
    assert check.check(database, log_keys={SimLog(seed=9).key.public_key}).verdict is Class.INVALID


def test_stored_contradictions_are_equivocation(database: Database) -> None:
    log = SimLog().grow(5)
    other = log.fork(2)
    document = evidences.build(log.log, head(log), head(other))
    evidence = outcomes.evidence(document, origin=log.origin)
    store.preserve(database, (outcomes.signed(log), outcomes.signed(other)), (evidence,), now=NOW)
    found = check.check(database)
    assert found.verdict is Class.EQUIVOCATION


def head(log: SimLog) -> Head:
    return log.head()


# -- retention ----------------------------------------------------------------------------------------------


def counts(database: Database, *tables: type) -> list[int]:
    with database.read() as connection:
        return [
            int(connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one()) for t in tables
        ]


def test_retention_takes_old_runs_and_leaves_what_is_signed(database: Database) -> None:
    filled(database)
    store.preserve(database, (), (outcomes.evidence(),), now=NOW)
    before = counts(database, Checkpoint, EvidenceRow)
    assert retention.prune(database, before=NOW + 2.5 * DAY, now=NOW + 9 * DAY) == 3
    assert counts(database, Run) == [2]
    assert counts(database, Checkpoint, EvidenceRow) == before
    assert refused(database) == set()


def test_the_sums_survive_retention(database: Database) -> None:
    filled(database)
    with database.read() as connection:
        whole = retention.totals(connection)
    retention.prune(database, before=NOW + 2.5 * DAY, now=NOW + 9 * DAY)
    retention.prune(database, before=NOW + 3.5 * DAY, now=NOW + 9 * DAY)
    with database.read() as connection:
        assert retention.totals(connection).plus(retention.pruned(connection)) == whole


def test_the_newest_run_always_stays_and_the_chain_goes_on(database: Database) -> None:
    filled(database)
    assert retention.prune(database, before=NOW + 99 * DAY, now=NOW + 99 * DAY) == 4
    assert retention.prune(database, before=NOW + 99 * DAY, now=NOW + 99 * DAY) == 0
    at = NOW + 100 * DAY
    store.save_run(
        database, outcomes.taken(database, now=at), outcomes.outcome(), now=at, rules=store.RunRules()
    )
    assert check.check(database).verdict is Class.OK


def test_a_dry_run_removes_nothing(database: Database) -> None:
    filled(database)
    assert retention.prune(database, before=NOW + 99 * DAY, now=NOW, dry_run=True) == 4
    assert counts(database, Run) == [5]


def test_more_than_was_said_cannot_be_deleted(database: Database) -> None:
    filled(database)
    retention.prune(database, before=NOW + 1.5 * DAY, now=NOW + 9 * DAY)
    with pytest.raises(Misuse, match="append-only"), database.write() as connection:
        connection.execute(sa.text("UPDATE events SET body = NULL"))


# -- the mark -----------------------------------------------------------------------------------------------


def marked(database: Database) -> high_water_mark.Mark:
    found = high_water_mark.decode(high_water_mark.encode(database))
    assert found is not None
    return found


def test_a_mark_fits_its_records_and_what_they_became(database: Database) -> None:
    assert high_water_mark.compare(database, marked(database)).state == "passed"
    filled(database)
    kept = marked(database)
    assert high_water_mark.compare(database, kept).state == "passed"
    store.save_run(database, outcomes.taken(database), outcomes.outcome(), now=NOW, rules=store.RunRules())
    retention.prune(database, before=NOW + 99 * DAY, now=NOW)
    assert high_water_mark.compare(database, kept).state == "passed"


def test_records_that_were_put_back_are_a_doubt_and_get_the_notes_back(database: Database, url: str) -> None:
    log = filled(database)
    kept = marked(database)
    assert kept.history is not None
    with database.read() as connection:
        first = int(connection.execute(sa.select(sa.func.min(Checkpoint.id))).scalar_one())
    rewritten.rewrite(database, lambda event: event, until=first + 1)  # as if the rest had never been
    found = high_water_mark.compare(database, kept)
    assert found.demotes is Class.UNAVAILABLE
    assert f"events end at {first + 1}, {kept.history.size} were written" in found.detail
    assert len(high_water_mark.notes(kept)) == 1
    high_water_mark.restore(database, kept, now=NOW)
    # The proofs between them are lost too, so both heads are unproven: the next run asks the log for proofs.
    unproven = state.HeldState(database, now=NOW).unproven(log.key.vkey, log.origin)
    assert [head.size for head in unproven.heads] == [3, 23]


def test_a_forged_note_in_a_mark_is_dropped(database: Database) -> None:
    log = SimLog().grow(4)
    forged = log.sign().decode().replace("\n4\n", "\n9\n")
    bad = high_water_mark.Mark(notes=[(log.key.vkey, forged), ("no key", "no note")])
    assert high_water_mark.notes(bad) == []
    high_water_mark.restore(database, bad, now=NOW)
    assert counts(database, Checkpoint) == [0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"history":null,"x":1}',
        b'{"format":"other","history":{"origin":"x","size":1,"root":"00"}}',
        b'{"format":"urn:ledger-anchor:mark:v2","history":null}',
        b'{"format":"urn:ledger-anchor:mark:v1","ends":{}}',
        b"\xff",
    ],
)
def test_a_damaged_mark_is_no_mark(data: bytes) -> None:
    assert high_water_mark.decode(data) is None


def test_a_log_with_huge_notes_costs_neither_the_notes_of_the_others_nor_what_is_watched() -> None:
    """A mark that is larger than it is read was USAGE for ever, for every ledger of the home."""
    small = [(f"key {i}", f"note {i}") for i in range(5)]
    huge = [(f"huge {i}", "\n" * (1 << 20)) for i in range(9)]
    watched: list[tuple[str, int | None]] = [(f"https://example.org/{i}", 900) for i in range(50)]
    data = high_water_mark.encode_mark(
        high_water_mark.Mark(history=HEAD, notes=[*huge, *small], watched=watched)
    )
    found = high_water_mark.decode(data)
    assert found is not None
    assert len(data) <= high_water_mark.MAX_MARK
    assert set(small) < set(found.notes)
    assert 0 < len([n for n in found.notes if n in huge]) < len(huge)
    assert (found.history, found.watched) == (HEAD, watched)
    many = [("https://example.org/" + "x" * 2000, None)] * 9000
    assert (
        len(high_water_mark.encode_mark(high_water_mark.Mark(history=HEAD, notes=small, watched=[*many])))
        <= high_water_mark.MAX_MARK
    )


@pytest.mark.parametrize("spoil", ["huge", "folder"])
def test_a_mark_that_cannot_be_read_is_only_a_mark_less(
    database: Database, tmp_path: Path, spoil: str
) -> None:
    path = records.mark_path(tmp_path, database.name)
    if spoil == "folder":
        path.mkdir()
    else:
        path.write_bytes(high_water_mark.encode(database) + b" " * high_water_mark.MAX_MARK)
    assert records.HomeFiles(tmp_path, database.name).read_mark() is None
    assert records.watched(tmp_path, database) == []
