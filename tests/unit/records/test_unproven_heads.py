# SPDX-License-Identifier: Apache-2.0
"""A head that a log signed without showing its tree stays open: it is told, tried again, and stands for
nothing."""

import pytest
import sqlalchemy as sa

from anchor import merkle
from anchor.errors import Unavailable
from anchor.monitor.interfaces import EntryProof, LogLocation
from anchor.monitor.run_record import RunRecord, SignedCheckpoint
from anchor.records import check, degraded, high_water_mark, history, proven_heads, store
from anchor.records.state import HeldState
from anchor.records.tables import Checkpoint, Proof
from anchor.tlog import evidence as evidences
from anchor.tlog.follow import MAX_DOUBTS, MAX_UNPROVEN
from anchor.verdict import Class
from tests.support.logs.simlog import SimLog
from tests.support.records.outcomes import opened
from tests.support.records.reverified import WatchedRelease, detail

HUGE = 2**63 - 1
ROOT = b"r" * 32


def lie(world: WatchedRelease, size: int, root: bytes = ROOT) -> SimLog:
    """A signed head of another history, none of whose tiles is there."""
    found = world.log.rewind(0)
    found.shown = world.log.sign(size, root=root)
    return found


def tell(world: WatchedRelease, log: SimLog) -> RunRecord:
    """One run in which the log shows itself so, and is itself again afterwards."""
    honest, world.log = world.log, log
    try:
        return world.run()
    finally:
        world.log = honest


def grown(world: WatchedRelease, size: int) -> None:
    world.log.grow(size - world.log.size)
    assert world.found() is Class.OK


def named(outcome: RunRecord, name: str) -> list[str]:
    return [c.state for c in outcome.verdict.checks if c.name == name]


def open_heads(world: WatchedRelease) -> list[int]:
    memory = HeldState(world.database, now=world.now)
    return [h.size for h in memory.unproven(world.log.key.vkey, world.log.origin).heads]


def stands(world: WatchedRelease, name: str) -> str:
    (found,) = (c for c in check.check(world.database).checks if c.name == name)
    return f"{found.state}: {found.detail}"


@pytest.mark.parametrize("acts", [1, 2, 3])
def test_a_forked_head_between_two_that_are_held_is_shown_when_the_honest_tiles_are_back(
    world: WatchedRelease, acts: int
) -> None:
    world.run()
    grown(world, 3003)
    for n in range(acts):
        assert tell(world, lie(world, 1500 + n)).verdict.verdict is Class.UNAVAILABLE
    assert open_heads(world) == [1500 + n for n in range(acts)]
    assert "size 1500" in stands(world, "unproven-heads")
    again = world.run()
    assert again.verdict.verdict is Class.EQUIVOCATION
    (kept,) = HeldState(world.database, now=world.now).contradictions(world.log.origin)
    shown = evidences.check(kept.document, log=world.log.log)
    assert (shown.older.size, shown.newer.size) == (1500, 3003) or acts > 1
    assert world.found() is Class.EQUIVOCATION
    assert check.check(world.database).verdict is Class.EQUIVOCATION


def test_a_fork_that_goes_on_does_not_become_the_history_that_is_held(world: WatchedRelease) -> None:
    """The first head has no proof, while each lie is proven by the fork's own tiles."""
    world.then = None
    world.log = SimLog().grow(5).append(b"entry").grow(2997)
    world.run()
    fork = world.log.fork(100, size=1500)
    for _ in range(3):
        assert tell(world, fork).verdict.verdict is Class.UNAVAILABLE
        fork.grow(100)
    with world.database.read() as connection:
        log = {"origin": world.log.origin, "log_key": world.log.key.vkey}
        newest = proven_heads.newest(connection, log)
    assert newest is not None
    assert newest["size"] == 3003
    assert open_heads(world) == [1500, 1600, 1700]
    assert tell(world, fork.grow(2000)).verdict.verdict is Class.EQUIVOCATION


def test_a_huge_head_without_tiles_is_told_for_ever_and_stands_for_nothing(world: WatchedRelease) -> None:
    world.run()
    grown(world, 40)
    name = f"unproven heads of {world.log.origin}"
    first = tell(world, lie(world, HUGE))
    assert first.verdict.verdict is Class.UNAVAILABLE
    for size in (40, 40, 300):
        world.log.grow(size - world.log.size)
        found = world.run()
        assert found.verdict.verdict is Class.UNAVAILABLE
        assert named(found, name) == ["unknown"]
        assert str(HUGE) in detail(found, name)
        others = {c.name: c.state for c in found.verdict.checks if c.name not in (name, "names")}
        assert set(others.values()) == {"passed"}, others
    assert "grown from 40 to 300" in detail(found, "log")
    (log,) = history.logs(world.database)
    assert (log.size, log.unproven) == (300, 1)


def test_growth_after_a_logs_end_is_found_although_a_huge_head_is_held(world: WatchedRelease) -> None:
    world.run()
    tell(world, lie(world, HUGE))
    world.ended = world.now - 10
    assert world.found() is Class.UNAVAILABLE
    world.log.grow(1)
    assert world.found() is Class.INVALID


def test_a_huge_head_that_came_first_stands_for_nothing_once_the_log_grows(world: WatchedRelease) -> None:
    assert tell(world, lie(world, HUGE)).verdict.verdict is Class.UNAVAILABLE
    world.run()
    world.log.grow(20)
    world.run()
    found = world.run()
    assert open_heads(world) == [HUGE]
    assert "no news: size 29" in detail(found, "log")
    assert found.verdict.verdict is Class.UNAVAILABLE


def test_an_honest_head_whose_tiles_come_years_later_is_proven_then(world: WatchedRelease) -> None:
    world.run()
    later = world.log.clone().grow(400)
    early = world.log.rewind(0)
    early.shown = later.sign()
    tell(world, early)
    assert open_heads(world) == [409]
    assert world.found() is Class.UNAVAILABLE
    world.now += 5 * 365 * 86400
    world.log.grow(500)
    found = world.run()
    assert found.verdict.verdict is Class.OK
    assert "consistent with 9, 409" in detail(found, "log")
    assert open_heads(world) == []
    assert stands(world, "unproven-heads").startswith("passed")


def test_an_old_head_that_is_proven_leaves_nothing_open(world: WatchedRelease) -> None:
    grown(world, 300)
    world.log.show(200)
    assert world.found() is Class.UNAVAILABLE
    world.log.shown = None
    assert world.found() is Class.OK
    assert open_heads(world) == []


def test_a_larger_head_whose_tiles_come_before_the_log_shows_it_again_is_the_newest(
    world: WatchedRelease,
) -> None:
    world.run()
    later = world.log.clone().grow(400)
    early = world.log.rewind(0)
    early.shown = later.sign()
    tell(world, early)
    later.show(9)
    found = tell(world, later)
    assert "old head served: size 9, but 409 is held; consistent with it" in detail(found, "log")
    assert open_heads(world) == []


def full(world: WatchedRelease, count: int = MAX_UNPROVEN) -> None:
    """So many unproven heads, by default as many as are held of a log."""
    lies = [
        SignedCheckpoint(
            origin=world.log.origin,
            log_key=world.log.key.vkey,
            size=10**6 + n,
            root=ROOT,
            note=world.log.sign(10**6 + n, root=ROOT),
        )
        for n in range(count)
    ]
    store.preserve(world.database, lies, (), now=world.now)


@pytest.mark.slow
def test_beyond_a_thousand_open_heads_lies_are_counted_and_honest_heads_kept(world: WatchedRelease) -> None:
    world.run()
    full(world)
    assert len(open_heads(world)) == MAX_UNPROVEN
    for n in range(2):
        tell(world, lie(world, 2 * 10**6 + n))
    assert len(open_heads(world)) == MAX_UNPROVEN
    before = world.log.reads.total()
    world.log.grow(300)
    found = world.run()
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "1000 signed heads without a proof" in detail(found, "unproven heads")
    assert "2 more were shown and not kept" in detail(found, "unproven heads")
    assert "grown from 9 to 309" in detail(found, "log")
    assert world.log.reads.total() - before < 3 * MAX_DOUBTS
    assert "2 more were shown" in stands(world, "unproven-heads")
    with world.database.read() as connection:
        sizes = connection.execute(sa.select(Checkpoint.size).order_by(Checkpoint.id.desc()).limit(1))
        assert sizes.scalar_one() == 309


def test_open_heads_with_huge_notes_take_no_more_room_than_is_read_in_a_run(
    world: WatchedRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run reads the notes that are open: a thousand of 1 MiB would take a gigabyte of memory."""
    world.run()
    monkeypatch.setattr(proven_heads, "MAX_UNPROVEN_BYTES", 3 << 14)
    for n in range(5):
        log = lie(world, 10**6 + n)
        log.extensions = ("x" * ((1 << 14) - 500),)
        log.shown = log.sign(10**6 + n, root=ROOT)
        tell(world, log)
    assert open_heads(world) == [10**6, 10**6 + 1, 10**6 + 2]
    found = world.run()
    assert "3 signed heads without a proof" in detail(found, "unproven heads")
    assert "2 more were shown and not kept" in detail(found, "unproven heads")
    assert "no news: size 9" in detail(found, "log")
    monkeypatch.setattr(
        proven_heads, "MAX_UNPROVEN_BYTES", 2 << 14
    )  # what was kept without a limit, as evidence is
    assert open_heads(world) == [10**6, 10**6 + 1]


@pytest.mark.slow
def test_none_of_many_open_heads_hides_behind_the_others(world: WatchedRelease) -> None:
    """More fail than one run tries, and always would; one of them contradicts what the log shows now."""
    world.run()
    full(world, 4 * MAX_DOUBTS)
    tell(world, lie(world, 20))
    world.log.grow(30)
    found = {world.found() for _ in range(60)}
    assert found == {Class.UNAVAILABLE, Class.EQUIVOCATION}


def test_open_heads_come_back_from_the_mark(world: WatchedRelease, tmp_path: object) -> None:
    world.run()
    grown(world, 3003)
    tell(world, lie(world, 1500))
    kept = high_water_mark.decode(high_water_mark.encode(world.database))
    assert kept is not None
    assert [n.size for n in high_water_mark.notes(kept)] == [3003, 1500]
    with opened(f"sqlite:///{tmp_path}/new.db") as database:
        world.database = database
        high_water_mark.restore(database, kept, now=world.now)
        assert open_heads(world) == [3003, 1500]  # nothing is proven to the new records yet
        assert world.found() is Class.EQUIVOCATION


def test_open_heads_of_the_mark_count_while_the_records_cannot_be_read(world: WatchedRelease) -> None:
    world.run()
    grown(world, 3003)
    tell(world, lie(world, 1500))
    kept = high_water_mark.decode(high_water_mark.encode(world.database))
    assert kept is not None
    remembered = degraded.MarkedState(
        high_water_mark.notes(kept), (), (), Unavailable("gone"), world.now, bests={}
    )
    log = (world.log.key.vkey, world.log.origin)
    assert [h.checkpoint.size for h in remembered.held(*log, 9)] == [3003]
    assert [h.size for h in remembered.unproven(*log).heads] == [1500]


class Online:
    """A log that proves online (Rekor v1) and grows between two answers."""

    def __init__(self, log: SimLog, *, entry_under: SimLog | None = None) -> None:
        self.log = log
        self.under = entry_under or log
        self.grows = 0

    def checkpoint(self) -> bytes:
        return self.log.checkpoint()

    def consistency(self, old: int, new: int) -> list[bytes]:
        return merkle.consistency_proof(self.log.tree.levels[0][:new], old, new)

    def entry(self, index: int) -> EntryProof:
        self.log.grow(self.grows)
        hashes = merkle.inclusion_proof(self.under.tree.levels[0], index)
        return EntryProof(self.under.stored[index], index, tuple(hashes), self.under.sign())


def online(world: WatchedRelease, source: Online) -> None:
    world.place = LogLocation(log=world.log.log, name="online", reader=source)


def test_an_online_log_that_grows_between_two_answers_leaves_whole_records(world: WatchedRelease) -> None:
    source = Online(world.log)
    source.grows = 3
    online(world, source)
    for _ in range(3):
        assert world.found() is Class.OK
    assert stands(world, "proofs").startswith("passed")
    assert stands(world, "unproven-heads").startswith("passed")


def test_an_entry_under_a_smaller_head_of_another_history_is_not_proven(world: WatchedRelease) -> None:
    world.log.grow(100)
    fork = world.log.rewind(20)
    fork.append(b"another")
    online(world, Online(world.log, entry_under=fork))
    found = world.run()
    assert found.verdict.verdict in (Class.UNAVAILABLE, Class.EQUIVOCATION)
    assert 21 in open_heads(world) or found.verdict.verdict is Class.EQUIVOCATION
    with world.database.read() as connection:
        ends = connection.execute(sa.select(Proof.new_size)).scalars().all()
    assert 21 not in ends
