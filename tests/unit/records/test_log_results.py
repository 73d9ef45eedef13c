# SPDX-License-Identifier: Apache-2.0
"""A question to a log returns a value. A log is known by its key and its origin."""

from dataclasses import FrozenInstanceError

import pytest
import sqlalchemy as sa

from anchor.monitor import entries, split_view
from anchor.monitor.interfaces import LogLocation
from anchor.monitor.log import LogRun, follow_log
from anchor.monitor.log_client import RequestCounter
from anchor.monitor.log_result import LogResult
from anchor.monitor.observed import Entry
from anchor.records import queue, store
from anchor.records.state import HeldState
from anchor.records.tables import Checkpoint
from anchor.tlog.checkpoint import Log
from anchor.verdict import Class
from tests.support.logs.simlog import ORIGIN, SimLog
from tests.support.records.outcomes import opened
from tests.support.records.reverified import TARGET, WatchedRelease, detail


def followed(world: WatchedRelease) -> LogRun:
    location = world.log_location(ORIGIN, TARGET, None)
    assert location is not None
    memory = HeldState(world.database, now=world.now)
    return follow_log(location, memory, now=world.now, requests=RequestCounter())


def entry(world: WatchedRelease) -> Entry:
    return Entry(origin=ORIGIN, index=world.index, body=world.body, checkpoint=world.then)


def test_what_was_found_about_a_log_cannot_be_changed(world: WatchedRelease) -> None:
    log = followed(world)
    finding = entries.prove(log, HeldState(world.database, now=world.now), entry(world))
    for value, name in ((log, "result"), (log.result, "checks"), (finding, "result")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, ())
    parts = (log.result.checks, log.result.heads, log.result.proofs, finding.result.checks)
    assert all(isinstance(part, tuple) for part in parts)


def test_a_question_to_a_log_leaves_what_was_found_before_as_it_was(world: WatchedRelease) -> None:
    world.views = [("mirror", SimLog().grow(5).append(b"entry").grow(1))]
    log, memory = followed(world), HeldState(world.database, now=world.now)
    before = log.result
    compared = split_view.compare(log, memory)
    finding = entries.prove(compared, memory, entry(world))
    assert log.result == before
    assert [c.name for c in compared.result.checks] == [f"log {ORIGIN}", "view mirror"]
    assert [h.size for h in compared.result.heads] == [9, 7]
    assert [c.state for c in finding.result.checks] == ["passed", "passed"]
    assert compared.with_entry(finding).result == compared.result  # the entry is of one release alone


def test_a_contradiction_that_one_entry_shows_belongs_to_every_release_of_the_log(
    world: WatchedRelease,
) -> None:
    world.then = world.log.fork(2).head(7)
    log, memory = followed(world), HeldState(world.database, now=world.now)
    finding = entries.prove(log, memory, entry(world))
    assert finding.for_all.evidence == finding.result.evidence != ()
    assert memory.contradictions(ORIGIN) == list(finding.result.evidence)  # kept already
    later = log.with_entry(finding)
    assert [c.demotes for c in later.result.checks] == [None, Class.EQUIVOCATION]
    assert [h.size for h in later.result.heads] == [h.size for h in log.result.heads]


def test_results_are_added_and_a_tree_is_there_once(world: WatchedRelease) -> None:
    one = followed(world).result
    both = one + one
    assert (both.heads, both.proofs) == (one.heads, one.proofs)
    assert both.checks == (*one.checks, *one.checks)
    assert LogResult() + one == one


class TwoKeys(WatchedRelease):
    """Two trusted logs have one origin and one URL. Their keys are different."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.first = self.log
        self.second = SimLog(seed=2).grow(2).append(b"entry").grow(9)

    def log_location(self, origin: str, target: str, log: Log | None) -> LogLocation | None:
        for one in (self.first, self.second):
            if log is None or one.key == log.key:
                return LogLocation(log=one.log, name="sim", reader=one)
        return None

    def show(self, log: SimLog, index: int) -> None:
        """The release of the next run has its entry in this log."""
        self.log, self.then, self.index = log, log.head(), index


def test_two_logs_with_one_origin_and_two_keys_do_not_share_a_session(sqlite: str) -> None:
    with opened(sqlite) as database:
        world = TwoKeys(database)
        cycle = world.cycle()
        for target, log, index in (("a", world.first, 5), ("b", world.second, 2), ("c", world.first, 5)):
            world.show(log, index)
            queue.watch(database, target, now=world.now)
            lease = queue.acquire(database, worker="w", now=world.now, target=target)
            assert isinstance(lease, queue.Lease)
            found = cycle.run(target)
            assert found.verdict.verdict is Class.OK, detail(found, "")
            assert {c.log_key for c in found.checkpoints} == {log.key.vkey}
            assert [c.size for c in found.checkpoints] == [log.size]
            store.save_run(database, lease, found, now=world.now, rules=store.RunRules())
        with database.read() as connection:
            kept = connection.execute(sa.select(Checkpoint.log_key, Checkpoint.size)).all()
        assert {tuple(row) for row in kept} == {
            (world.first.key.vkey, world.first.size),
            (world.second.key.vkey, world.second.size),
        }


def test_one_release_in_two_logs_of_one_origin_is_proven_in_both(sqlite: str) -> None:
    with opened(sqlite) as database:
        world = TwoKeys(database)
        one, two = (
            Entry(origin=ORIGIN, index=i, body=b"entry", anchor=n, checkpoint=log.head(), log=log.log)
            for n, (i, log) in enumerate(((5, world.first), (2, world.second)), start=1)
        )
        world.entries = (one, two)
        found = world.cycle().run(TARGET)
        assert found.verdict.verdict is Class.OK, detail(found, "")
        assert {c.log_key for c in found.checkpoints} == {world.first.key.vkey, world.second.key.vkey}
        names = [c.name for c in found.verdict.checks if c.name.startswith("entry")]
        assert names == [f"entry 5 of {ORIGIN}", f"entry 2 of {ORIGIN}"]
