# SPDX-License-Identifier: Apache-2.0
"""An edited database is noticed, whatever was edited; retention takes runs and nothing else."""

from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from anchor.app import records
from anchor.errors import Misuse
from anchor.format.statement import encode
from anchor.monitor import alarm
from anchor.monitor.run_record import RunRecord
from anchor.records import check, hash_chain, high_water_mark, intervals, retention, state, store
from anchor.records.database import Database
from anchor.records.tables import Checkpoint, CheckRow, EvidenceRow, Run, Target
from anchor.tlog import evidence as evidences
from anchor.tlog.checkpoint import Checkpoint as Head
from anchor.verdict import Class
from tests.support.logs.simlog import SimLog
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW
from tests.support.releases import samples

DAY = 86400.0
FIRST = encode(samples.statement())


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


@pytest.mark.parametrize(
    ("edit", "by"),
    [
        ("UPDATE checkpoints SET seen_ms = seen_ms - 1 WHERE seq = 2", "checkpoint-chain"),
        ("UPDATE checkpoints SET size = size + 1 WHERE seq = 2", "checkpoints"),
        (
            "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE seq = 1) WHERE seq = 2",
            "checkpoints",
        ),
        ("DELETE FROM checkpoints WHERE seq = 2", "checkpoint-chain"),
        ("UPDATE proofs SET new_size = new_size + 1 WHERE id = 2", "proofs"),
        ("UPDATE runs SET verdict = 'OK' WHERE verdict = 'INVALID'", "run-chain"),
        ("UPDATE runs SET ended_ms = ended_ms + 1 WHERE seq = 3", "run-chain"),
        ("UPDATE runs SET verdict = 'FINE' WHERE seq = 3", "claims"),
        ("UPDATE runs SET facts = '[' WHERE seq = 3", "claims"),
        ("UPDATE runs SET ended_ms = NULL WHERE seq = 3", "run-chain"),
        ("UPDATE runs SET chain = NULL WHERE seq = 3", "run-chain"),
        ("UPDATE checks SET detail = 'fine'", "run-chain"),
        ("DELETE FROM checks WHERE run_id = 1", "run-chain"),
        ("UPDATE targets SET last_class = 'PENDING'", "claims"),
        ("UPDATE targets SET last_good_ms = last_good_ms + 1000", "claims"),
        ("UPDATE targets SET notified = 'INVALID'", "claims"),
        ("UPDATE targets SET due_ms = due_ms + 604800000", "claims"),
        ("UPDATE targets SET due_ms = due_ms + 1", "claims"),
        ("UPDATE targets SET alarm = '{}'", "claims"),
        ("UPDATE targets SET alarm = NULL", "claims"),
        ("UPDATE targets SET failing_runs = 1", "claims"),
        ("UPDATE runs SET decided = NULL WHERE seq = 5", "run-chain"),
        ("UPDATE runs SET decided = '{}' WHERE seq = 5", "run-chain"),
        ("DELETE FROM deliveries; DELETE FROM notifications WHERE id = 1", "claims"),
        ("UPDATE targets SET active = 0", "journal"),
        ("UPDATE targets SET interval_s = 604800", "journal"),
        ("UPDATE releases SET seen_ms = 1", "journal"),
        ("UPDATE anchors SET log_index = 8", "journal"),
        ("DELETE FROM anchors", "journal"),
        ("DELETE FROM journal WHERE seq = 1", "journal-chain"),
        ("UPDATE journal SET value = '[1]' WHERE seq = 1", "journal-chain"),
        ("UPDATE trust SET document = '{}'", "releases"),
    ],
)
def test_an_edit_is_noticed(database: Database, edit: str, by: str) -> None:
    filled(database)
    unlocked(database, *edit.split("; "))
    assert by in refused(database)


def test_a_chain_whose_end_was_taken_out_goes_on_and_is_noticed(database: Database) -> None:
    """A run after the edit is kept, so that it can be told."""
    filled(database)
    unlocked(database, "UPDATE runs SET chain = NULL WHERE seq = 5")
    at = NOW + 10 * DAY
    store.save_run(
        database, outcomes.taken(database, now=at), outcomes.outcome(), now=at, rules=store.RunRules()
    )
    assert "run-chain" in refused(database)


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
    assert refused(database) == {"claims"}


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
    unlocked(database, "UPDATE targets SET due_ms = due_ms + 1")
    assert refused(database) == {"claims"}


def test_a_run_that_was_put_off_further_than_its_own_rule_is_noticed(database: Database) -> None:
    """Whoever writes the whole chain again must still keep to the rule that he writes down."""
    store.save_run(database, outcomes.taken(database), outcomes.outcome(), now=NOW, rules=store.RunRules())
    with database.read() as connection:
        run = dict(connection.execute(sa.select(Run.__table__)).mappings().one())
        (row,) = connection.execute(sa.select(CheckRow.__table__)).mappings().all()
    far = msgspec.json.decode(run["decided"])
    far["due_ms"] += round(1000 * 30 * DAY)
    run["decided"] = msgspec.json.encode(far).decode()
    link = hash_chain.link(hash_chain.START, Run, run, [[row[c] for c in hash_chain.CHECK_COLUMNS]])
    text = run["decided"].replace(":", "\\:")
    changed = f"UPDATE runs SET decided = '{text}', chain = "
    changed += f"X'{link.hex()}'" if database.dialect == "sqlite" else f"decode('{link.hex()}', 'hex')"
    unlocked(database, changed, f"UPDATE targets SET due_ms = {far['due_ms']}")
    assert refused(database) == {"claims"}


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


def test_a_release_that_is_gone_leaves_references(database: Database) -> None:
    if database.dialect == "sqlite":
        return  # refuses it where foreign keys are on; see tests/attacks
    filled(database)
    unlocked(database, "DELETE FROM anchors", "DELETE FROM releases")
    assert refused(database) >= {"journal", "references"}


def test_a_run_taken_out_of_the_middle_is_noticed(database: Database) -> None:
    filled(database)
    unlocked(database, "DELETE FROM checks WHERE run_id = 2", "DELETE FROM runs WHERE id = 2")
    assert "run-chain" in refused(database)


def test_a_trigger_that_is_gone_is_noticed(database: Database) -> None:
    filled(database)
    with database.write() as connection:
        on = "" if database.dialect == "sqlite" else " ON runs"
        connection.execute(sa.text(f"DROP TRIGGER runs_end_once{on}"))
    assert refused(database) == {"schema"}


def test_a_chain_that_was_written_again_is_noticed_by_the_logs_signature(database: Database) -> None:
    """The editor recomputes every hash of ours; the log's signature he cannot."""
    filled(database)
    with database.read() as connection:
        rows = [dict(r) for r in connection.execute(sa.select(Checkpoint.__table__)).mappings()]
    rows[1]["size"] += 1
    previous = hash_chain.START
    for row in rows:
        previous = row["chain"] = hash_chain.link(previous, Checkpoint, row)
    with database.write() as connection:
        off = "DROP TRIGGER checkpoints_no_update"
        if database.dialect != "sqlite":
            off = "ALTER TABLE checkpoints DISABLE TRIGGER ALL"
        connection.execute(sa.text(off))
        for row in rows:
            connection.execute(sa.update(Checkpoint).where(Checkpoint.seq == row["seq"]), row)
    assert "checkpoint-chain" not in refused(database)
    assert "checkpoints" in refused(database)


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
        connection.execute(sa.text("DELETE FROM checks"))


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
    with database.write() as connection:  # as if none of it had ever been
        off = ["DROP TRIGGER checkpoints_no_delete"]
        if database.dialect != "sqlite":
            off = ["ALTER TABLE checkpoints DISABLE TRIGGER ALL"]
        for statement in [*off, "DELETE FROM checkpoints WHERE seq > 1"]:
            connection.execute(sa.text(statement))
    found = high_water_mark.compare(database, kept)
    assert found.demotes is Class.UNAVAILABLE
    assert "checkpoints end at 1, 6 were written" in found.detail
    assert len(high_water_mark.notes(kept)) == 1
    high_water_mark.restore(database, kept, now=NOW)
    held = state.HeldState(database, now=NOW).held(log.key.vkey, log.origin, 0)
    assert [h.checkpoint.size for h in held] == [3, 23]


def test_a_forged_note_in_a_mark_is_dropped(database: Database) -> None:
    log = SimLog().grow(4)
    forged = log.sign().decode().replace("\n4\n", "\n9\n")
    bad = high_water_mark.Mark(ends={}, notes=[(log.key.vkey, forged), ("no key", "no note")])
    assert high_water_mark.notes(bad) == []
    high_water_mark.restore(database, bad, now=NOW)
    assert counts(database, Checkpoint) == [0]


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"ends":{},"x":1}', b'{"format":"other","ends":{}}', b"\xff"]
)
def test_a_damaged_mark_is_no_mark(data: bytes) -> None:
    assert high_water_mark.decode(data) is None


def test_a_log_with_huge_notes_costs_neither_the_notes_of_the_others_nor_what_is_watched() -> None:
    """A mark that is larger than it is read was USAGE for ever, for every ledger of the home."""
    small = [(f"key {i}", f"note {i}") for i in range(5)]
    huge = [(f"huge {i}", "\n" * (1 << 20)) for i in range(9)]
    watched: list[tuple[str, int | None]] = [(f"https://example.org/{i}", 900) for i in range(50)]
    data = high_water_mark.encode_mark(
        high_water_mark.Mark(ends={"runs": (7, "ab")}, notes=[*huge, *small], watched=watched)
    )
    found = high_water_mark.decode(data)
    assert found is not None
    assert len(data) <= high_water_mark.MAX_MARK
    assert set(small) < set(found.notes)
    assert 0 < len([n for n in found.notes if n in huge]) < len(huge)
    assert (found.ends, found.watched) == ({"runs": (7, "ab")}, watched)
    many = [("https://example.org/" + "x" * 2000, None)] * 9000
    assert (
        len(high_water_mark.encode_mark(high_water_mark.Mark(ends={}, notes=small, watched=[*many])))
        <= high_water_mark.MAX_MARK
    )


@pytest.mark.parametrize("spoil", ["huge", "folder"])
def test_a_mark_that_cannot_be_read_is_only_a_mark_less(
    database: Database, tmp_path: Path, spoil: str
) -> None:
    path = records.mark_path(tmp_path, database)
    if spoil == "folder":
        path.mkdir()
    else:
        path.write_bytes(high_water_mark.encode(database) + b" " * high_water_mark.MAX_MARK)
    assert records.HomeFiles(tmp_path, database).read_mark() is None
    assert records.watched(tmp_path, database) == []


def test_claims_of_another_class_than_their_runs_are_told(database: Database) -> None:
    filled(database)
    with database.write() as connection:
        connection.execute(sa.update(Target), {"last_class": "PENDING"})
    assert refused(database) == {"claims"}
