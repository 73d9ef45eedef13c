# SPDX-License-Identifier: Apache-2.0
"""The result of a run is kept as a whole or not at all, and read back as it was."""

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Refused, Unavailable, Unsupported
from anchor.format.history_events import RunEnded
from anchor.format.statement import Statement, encode, link
from anchor.monitor.run_record import ConsistencyProof, ObservedRelease, PriorRun, SignedCheckpoint
from anchor.records import event_log, new_records, queue, state, store
from anchor.records.database import Database
from anchor.records.tables import (
    Blob,
    Checkpoint,
    Delivery,
    EventRow,
    EvidenceRow,
    Notification,
    Run,
    Target,
    TileRow,
    Work,
)
from anchor.verdict import Class
from tests.support.logs.simlog import SimLog
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW
from tests.support.releases import samples

RULES = store.RunRules(receivers=("aa",))


def count(database: Database, table: type) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_what_is_kept_is_remembered(database: Database) -> None:
    log = SimLog().grow(3)
    first = outcomes.signed(log)
    last = outcomes.signed(log.grow(4))
    proof = ConsistencyProof(
        origin=log.origin,
        old_size=3,
        old_root=first.root,
        new_size=7,
        new_root=last.root,
        hashes=(bytes(32),),
    )
    found = outcomes.outcome(
        release=outcomes.release(),
        checkpoints=(first, last),
        proofs=(proof,),
        trust={"policy": "1"},
        max_run_age=7,
    )
    store.save_run(database, outcomes.taken(database), found, now=NOW, rules=RULES)
    remembered = state.HeldState(database, now=NOW)
    held = remembered.held(log.key.vkey, log.origin, 7)
    assert [(h.checkpoint, h.seen) for h in held] == [(first, NOW), (last, NOW)]
    assert remembered.knows(log.origin, 3, first.root)
    assert not remembered.knows(log.origin, 3, last.root)
    assert not remembered.knows(log.origin, 4, first.root)
    assert [log.origin for log in remembered.logs_of("a/release.json")] == ["log.example"]
    before = remembered.before("a/release.json")
    assert before.trust == {"policy": "1"}
    assert before.last_run == NOW
    seen = before.release
    assert seen is not None
    assert (seen.ledger, seen.number, seen.statement) == ("prices", 1, b"{}")
    assert [*remembered.conflicting(seen)] == []


def test_nothing_is_remembered_of_nothing(database: Database) -> None:
    remembered = state.HeldState(database, now=NOW)
    assert remembered.held("k", "o", 1) == []
    assert remembered.logs_of("x") == []
    assert remembered.contradictions("o") == []
    assert remembered.before("x") == PriorRun()


def test_one_row_for_one_origin_size_and_root(database: Database) -> None:
    log = SimLog().grow(3)
    seen = outcomes.signed(log)
    for n in range(3):
        lease = outcomes.taken(database, now=NOW + n)
        found = outcomes.outcome(checkpoints=(seen, seen))
        store.save_run(database, lease, found, now=NOW + n, rules=RULES)
    assert count(database, Checkpoint) == 1


def test_both_sides_of_a_fork_are_kept(database: Database) -> None:
    log = SimLog().grow(5)
    pair = (outcomes.signed(log), outcomes.signed(log.fork(2)))
    store.preserve(database, pair, (outcomes.evidence(),), now=NOW)
    store.preserve(database, pair, (outcomes.evidence(),), now=NOW)
    assert count(database, Checkpoint) == 2
    assert count(database, EvidenceRow) == 1
    assert state.HeldState(database, now=NOW).contradictions("log.example") == [outcomes.evidence()]


def conflicting(held: state.HeldState, release: ObservedRelease) -> list[ObservedRelease]:
    return list(held.conflicting(release))


def test_two_statements_with_one_number_contradict_each_other(database: Database) -> None:
    one, two = outcomes.release(statement=b"{}"), outcomes.release(statement=b"[]")
    found = outcomes.outcome(release=one)
    store.save_run(database, outcomes.taken(database), found, now=NOW, rules=RULES)
    assert conflicting(state.HeldState(database, now=NOW), two) == [
        one
    ]  # with its anchors: both sides can be exported
    assert conflicting(state.HeldState(database, now=NOW), outcomes.release(3, statement=b"[]")) == []


def test_a_release_of_another_chain_contradicts_its_neighbours(database: Database) -> None:
    a, b = (encode(samples.statement(version=v)) for v in ("1.0", "1.0b"))
    one, other = outcomes.release(1, a), outcomes.release(1, b)
    two = outcomes.release(2, encode(samples.statement(number=2, version="2.0", previous=link(b))))
    spoilt = msgspec.structs.replace(link(b), version="1.0c")
    renamed = outcomes.release(2, encode(samples.statement(number=2, version="2.0", previous=spoilt)))
    store.save_run(database, outcomes.taken(database), outcomes.outcome(release=one), now=NOW, rules=RULES)
    assert conflicting(state.HeldState(database, now=NOW), two) == [one]
    store.save_run(
        database, outcomes.taken(database, "b"), outcomes.outcome(release=two), now=NOW, rules=RULES
    )
    assert conflicting(state.HeldState(database, now=NOW), one) == [two]
    with_chain = state.HeldState(database, now=NOW)
    assert conflicting(with_chain, outcomes.release(3, encode(third(two)))) == []
    assert conflicting(with_chain, renamed) != []
    assert conflicting(with_chain, other)[0] == one


def third(two: ObservedRelease) -> Statement:
    return samples.statement(number=3, version="3.0", previous=link(two.statement))


def test_a_run_that_was_taken_over_keeps_nothing(database: Database) -> None:
    lease = outcomes.taken(database)
    late = NOW + queue.LEASE + 1
    other = queue.acquire(database, worker="w2", now=late)
    assert isinstance(other, queue.Lease)
    with pytest.raises(Unavailable, match="taken this run over"):
        store.save_run(
            database, lease, outcomes.outcome(evidence=(outcomes.evidence(),)), now=late, rules=RULES
        )
    assert count(database, EvidenceRow) == 0
    store.save_run(database, other, outcomes.outcome(), now=late, rules=RULES)
    with database.read() as connection:
        states = connection.execute(sa.select(Run.state).order_by(Run.id)).scalars().all()
    assert states == ["interrupted", "finished"]


def test_a_failure_in_the_middle_keeps_nothing(database: Database) -> None:
    lease = outcomes.taken(database)
    broken = SignedCheckpoint(origin="o", log_key="k", size=2**63, root=b"", note=b"")  # no engine takes this
    found = outcomes.outcome(Class.INVALID, evidence=(outcomes.evidence(),), checkpoints=(broken,))
    with pytest.raises((Unsupported, OverflowError)):
        store.save_run(database, lease, found, now=NOW, rules=RULES)
    assert [count(database, t) for t in (EvidenceRow, Checkpoint, Notification, Delivery)] == [0, 0, 0, 0]
    store.save_run(database, lease, outcomes.outcome(), now=NOW, rules=RULES)


def test_a_run_is_kept_once(database: Database) -> None:
    lease = outcomes.taken(database)
    store.save_run(database, lease, outcomes.outcome(), now=NOW, rules=RULES)
    with pytest.raises(Unavailable):
        store.save_run(database, lease, outcomes.outcome(), now=NOW, rules=RULES)
    assert count(database, Run) == 1


def test_a_killed_run_is_visible_as_interrupted_when_its_worker_is_known_to_be_dead(
    database: Database,
) -> None:
    outcomes.taken(database, worker="dead")
    again = queue.acquire(
        database, worker="w2", now=NOW + 1, target="a/release.json", alive=lambda w: w != "dead"
    )
    assert isinstance(again, queue.Lease)
    with database.read() as connection:
        rows = connection.execute(sa.select(Run.worker, Run.state)).all()
        held = connection.execute(sa.select(Work.worker, Work.run)).all()
    assert [tuple(r) for r in rows] == [("dead", "interrupted")]
    assert [tuple(r) for r in held] == [("w2", again.run)]


@pytest.mark.parametrize("change", ["note_sha256", "root", "size", "log_key", "source", "seen_ms"])
def test_an_edited_checkpoint_is_not_believed(database: Database, change: str) -> None:
    log = SimLog().grow(3)
    store.preserve(database, (outcomes.signed(log),), (), now=NOW)
    value: object = {"size": 2, "seen_ms": 1}.get(change, "ab")
    with database.write() as connection:
        connection.execute(sa.update(Checkpoint), {change: value})
    remembered = state.HeldState(database, now=NOW)
    with database.read() as connection:
        key = connection.execute(sa.select(Checkpoint.log_key)).scalar_one()
    with pytest.raises(Refused, match="records"):
        remembered.held(key, log.origin, 3)


@pytest.mark.parametrize("change", ["note", "no note", "body", "other body", "no body", "event", "tile"])
def test_a_checkpoint_is_not_believed_if_its_note_or_its_event_is_edited(
    database: Database, change: str
) -> None:
    log = SimLog().grow(3)
    store.preserve(database, (outcomes.signed(log),), (), now=NOW)
    with database.write() as connection:
        without_triggers(database, connection)
        index = connection.execute(sa.select(Checkpoint.id)).scalar_one()
        body = connection.execute(sa.select(EventRow.body).where(EventRow.leaf_index == index)).scalar_one()
        of_event = sa.update(EventRow).where(EventRow.leaf_index == index)
        other = event_log.packed(event_log.unpacked(body or b"", where="").replace(b"sim", b"sin"))
        edit = {
            "note": sa.update(Blob).values(data=log.fork(1).sign()),
            "no note": sa.delete(Blob),
            "body": of_event.values(body=b"x"),
            "other body": of_event.values(body=other),
            "no body": of_event.values(body=None),
            "event": sa.delete(EventRow).where(EventRow.leaf_index == index),
            "tile": sa.update(TileRow).values(hashes=bytes(32 * (index + 1))),
        }
        connection.execute(edit[change])
    with pytest.raises(Refused, match=r"records|damaged"):
        state.HeldState(database, now=NOW).held(log.key.vkey, log.origin, 3)


def without_triggers(database: Database, connection: Connection) -> None:
    for name in new_records.TRIGGERS[database.dialect]:
        table = "" if database.dialect == "sqlite" else f" ON {name.partition('_')[0]}"
        connection.execute(sa.text(f"DROP TRIGGER {name}{table}"))


def test_the_state_of_a_target_is_what_its_last_run_found(database: Database) -> None:
    for n, found in enumerate([Class.OK, Class.UNAVAILABLE, Class.UNAVAILABLE]):
        lease = outcomes.taken(database, now=NOW + n)
        store.save_run(database, lease, outcomes.outcome(found), now=NOW + n, rules=RULES)
    with database.read() as connection:
        target = connection.execute(sa.select(Target.__table__)).mappings().one()
    assert (target["last_class"], target["failing_runs"], target["notified"]) == ("UNAVAILABLE", 2, "OK")
    assert target["last_good_ms"] == queue.ms(NOW)
    assert target["failing_since_ms"] == queue.ms(NOW + 1)


def test_facts_notes_and_checks_are_kept_in_the_event(database: Database) -> None:
    store.save_run(database, outcomes.taken(database), outcomes.outcome(), now=NOW, rules=RULES)
    with database.read() as connection:
        index = connection.execute(sa.select(Run.id)).scalar_one()
        event = event_log.event(connection, index)
    assert isinstance(event, RunEnded)
    assert (event.facts, event.notes) == ({"size": 3}, [])
    assert [(c.name, c.state, c.detail) for c in event.checks] == [("root", "passed", "as it was")]
