# SPDX-License-Identifier: Apache-2.0
"""A re-verification against logs that misbehave: the class, what is stored, and that it stays so."""

import pytest
import sqlalchemy as sa

from anchor.monitor import entries
from anchor.monitor.interfaces import LogLocation
from anchor.records import store
from anchor.records.state import HeldState
from anchor.records.tables import Checkpoint, EvidenceRow, Proof
from anchor.tlog import evidence as evidences
from anchor.verdict import Class
from tests.support.logs.simlog import SimLog
from tests.support.records import outcomes
from tests.support.records.reverified import TARGET, WatchedRelease, detail


def rows(world: WatchedRelease, table: type) -> int:
    with world.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_an_honest_log_is_ok_again_and_again(world: WatchedRelease) -> None:
    assert world.found() is Class.OK
    world.log.grow(300)
    grown = world.run()
    assert grown.verdict.verdict is Class.OK
    assert "grown from 9 to 309, consistent with 9" in detail(grown, "log")
    assert world.found() is Class.OK
    assert (rows(world, Checkpoint), rows(world, Proof)) == (2, 2)  # one from the empty tree


def test_the_first_run_keeps_the_bundles_checkpoint_and_proves_it(world: WatchedRelease) -> None:
    world.log.grow(20)
    first = world.run()
    assert "size 9 of the bundle is the beginning of size 29" in detail(first, "history")
    assert (rows(world, Checkpoint), rows(world, Proof)) == (2, 2)  # one from the empty tree


def test_a_fork_at_equal_size_is_equivocation_for_ever(world: WatchedRelease) -> None:
    world.run()
    honest, world.log = world.log, world.log.fork(7)
    assert world.found() is Class.EQUIVOCATION
    kept = HeldState(world.database, now=world.now).contradictions(world.log.origin)
    assert len(kept) == 1
    assert evidences.check(kept[0].document, log=world.log.log).kind == evidences.EQUAL_SIZE
    assert rows(world, Checkpoint) == 2
    world.log = honest
    again = world.run()
    assert again.verdict.verdict is Class.EQUIVOCATION
    assert "is kept" in detail(again, "log")


def test_a_fork_with_growth_is_equivocation(world: WatchedRelease) -> None:
    world.run()
    world.log = world.log.fork(7, size=700)
    world.then = None
    assert world.found() is Class.EQUIVOCATION
    kept = HeldState(world.database, now=world.now).contradictions(world.log.origin)
    assert evidences.check(kept[0].document).kind == evidences.GROWTH


def test_a_fork_before_the_first_run_is_found_by_the_bundles_checkpoint(world: WatchedRelease) -> None:
    world.log = world.log.fork(3, size=40)
    found = world.run()
    assert found.verdict.verdict is Class.EQUIVOCATION
    assert rows(world, EvidenceRow) == 1


def test_evidence_is_kept_although_the_run_dies(world: WatchedRelease) -> None:
    world.run()
    world.log = world.log.fork(7)
    world.cycle().run(TARGET)  # never kept
    assert rows(world, EvidenceRow) == 1
    assert rows(world, Checkpoint) == 2


def test_a_rewound_log_is_an_old_head_and_no_equivocation(world: WatchedRelease) -> None:
    world.run()
    world.log.grow(300)
    world.run()
    world.log = world.log.rewind(9)
    found = world.run()
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "old head served" in detail(found, "log")
    assert found.services == ("sim",)


def test_an_old_checkpoint_with_todays_tiles_is_an_old_head_that_is_proven(world: WatchedRelease) -> None:
    world.log.grow(300)
    world.run()
    world.log.show(200)
    found = world.run()
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "consistent with it" in detail(found, "log")


def test_a_frozen_log_is_said_to_be_frozen(world: WatchedRelease) -> None:
    world.run()
    world.now += 10 * 86400
    found = world.run()
    assert found.verdict.verdict is Class.OK
    assert "frozen for 10 days" in detail(found, "log")


def test_a_log_that_freezes_is_found_by_another_view(world: WatchedRelease) -> None:
    world.log.grow(50)
    mirror = world.log.clone().grow(300)
    world.views = [("mirror", mirror)]
    found = world.run()
    assert found.verdict.verdict is Class.OK
    assert "size 359, newer, one history with size 59" in detail(found, "view mirror")


def test_two_faces_to_two_watchers_are_equivocation(world: WatchedRelease) -> None:
    world.views = [("mirror", world.log.fork(7))]
    found = world.run()
    assert found.verdict.verdict is Class.EQUIVOCATION
    assert "refused" in detail(found, "view mirror")
    assert rows(world, EvidenceRow) == 1


@pytest.mark.parametrize("size", [8, 9, 200])
def test_a_view_with_another_history_of_any_size_is_equivocation(world: WatchedRelease, size: int) -> None:
    world.views = [("mirror", world.log.fork(5, size=size))]
    world.then = None
    assert world.found() is Class.EQUIVOCATION


def test_a_witness_without_tiles_is_compared_from_the_logs_own(world: WatchedRelease) -> None:
    witness = world.log.clone()
    world.log.grow(100)
    witness.withhold("tile/0/000.p/9", "tile/entries/000.p/9")
    world.views = [("witness", witness)]
    found = world.run()
    assert found.verdict.verdict is Class.OK
    assert "size 9, older" in detail(found, "view witness")


def test_a_view_of_another_key_is_a_doubt_not_an_alarm(world: WatchedRelease) -> None:
    other = SimLog(seed=2).grow(9)
    world.views = [("mirror", other)]
    assert world.found() is Class.UNAVAILABLE


def test_a_hidden_entry_cannot_be_told(world: WatchedRelease) -> None:
    world.run()
    world.log.withhold("tile/entries/000.p/9", "tile/entries/000")
    assert world.found() is Class.UNAVAILABLE


def test_a_swapped_entry_under_the_same_tiles_is_a_damaged_source(world: WatchedRelease) -> None:
    world.log.swap(5, b"other")
    found = world.run()
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "does not hash to its leaf" in detail(found, "entry")


def test_another_entry_at_the_index_is_invalid(world: WatchedRelease) -> None:
    world.index, world.then = 4, None
    assert world.found() is Class.INVALID


def test_a_corrupted_tile_is_a_damaged_source(world: WatchedRelease) -> None:
    world.run()
    world.log.grow(4).corrupt("tile/0/000.p/13", 40)
    found = world.run()
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "damaged" in detail(found, "log") or "rebuild" in detail(found, "log")
    assert rows(world, EvidenceRow) == 0


def test_a_signed_head_that_could_not_be_proven_is_held_against_the_log(world: WatchedRelease) -> None:
    world.run()
    honest = world.log
    world.log = honest.fork(7, size=40).withhold("tile/0/000.p/40", "tile/0/000")
    assert world.found() is Class.UNAVAILABLE  # a fork without tiles shows nothing yet
    world.log = honest.grow(60)
    assert world.found() is Class.EQUIVOCATION


def test_a_checkpoint_of_another_key_or_origin_is_no_statement_of_the_log(world: WatchedRelease) -> None:
    world.run()
    for other in (SimLog(seed=3).grow(20), SimLog(origin="other.invalid").grow(20)):
        world.log.shown = other.sign()
        assert world.found() is Class.UNAVAILABLE
    assert rows(world, Checkpoint) == 1


def test_a_silent_log_cannot_be_told_even_if_the_files_are_good(world: WatchedRelease) -> None:
    world.run()
    world.log.withhold("checkpoint")
    found = world.run()
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert found.services == ("sim",)


def test_a_retired_log_may_be_silent_once_its_last_head_is_held(world: WatchedRelease) -> None:
    world.ended = world.now - 10
    world.run()
    world.log.withhold("checkpoint")
    found = world.run()
    assert found.verdict.verdict is Class.OK
    assert "retired and no longer served" in detail(found, "log")


def test_a_retired_log_whose_last_head_was_never_seen_may_not_be_silent(world: WatchedRelease) -> None:
    world.run()
    world.ended = world.now - 10
    world.log.withhold("checkpoint")
    assert world.found() is Class.UNAVAILABLE


def test_growth_after_the_end_is_a_finding(world: WatchedRelease) -> None:
    world.ended = world.now - 10
    assert world.found() is Class.OK
    world.log.grow(1)
    found = world.run()
    assert found.verdict.verdict is Class.INVALID
    assert "after its end" in detail(found, "log")


def test_growth_up_to_the_end_is_none(world: WatchedRelease) -> None:
    assert world.found() is Class.OK
    world.ended = world.now - 10
    world.log.grow(40)
    assert world.found() is Class.OK


def test_a_clock_that_jumped_past_the_end_makes_no_growth_after_it(world: WatchedRelease) -> None:
    """The end is announced; a run by a clock that is ahead sees the log after it; then the clock is right."""
    start = world.now
    world.ended = start + 30 * 86400
    assert world.found() is Class.OK
    world.now = start + 60 * 86400
    assert world.found() is Class.OK
    world.now = start + 86400
    world.log.grow(5)
    assert world.found() is Class.UNAVAILABLE  # the clock is behind the last run, once
    assert world.found() is Class.OK
    for day in (29, 31, 59, 62):
        world.now = start + day * 86400
        assert world.found() is Class.OK, day
    world.log.grow(1)
    assert "after its end" in detail(world.run(), "log")


def test_growth_that_was_seen_before_the_end_is_none_after_it(world: WatchedRelease) -> None:
    start = world.now
    world.ended = start + 30 * 86400
    world.run()
    world.now = start + 60 * 86400
    world.run()
    world.now = start + 86400
    world.log.grow(5)
    world.run()
    world.now = start + 62 * 86400
    assert world.found() is Class.OK


def test_more_bundles_than_are_read_again_are_proven_and_not_fetched(world: WatchedRelease) -> None:
    """Releases spread over a large log: first sight reads each bundle, an unchanged head only a few."""
    world.log = SimLog().grow(20 * 256 + 3)
    world.then = None

    def cycle() -> tuple[int, set[Class]]:
        before, found = sum(world.log.reads.values()), set()
        claimed = world.cycle()
        for n in range(20):
            world.index, world.body = n * 256 + 7, b"e-%d" % (n * 256 + 7)
            lease = outcomes.taken(world.database, f"{n}/release.json", now=world.now)
            outcome = claimed.run(f"{n}/release.json")
            store.save_run(world.database, lease, outcome, now=world.now, rules=store.RunRules())
            found.add(outcome.verdict.verdict)
        return sum(world.log.reads.values()) - before, found

    cache: dict[str, bytes] = {}
    world.place = LogLocation(log=world.log.log, name="sim", reader=world.log, cache=_Dict(cache))
    assert cycle() == (1 + 2 + 20, {Class.OK})
    assert cycle() == (1 + entries.REREAD, {Class.OK})
    world.log.withhold(*(f"tile/entries/{n:03}" for n in range(20)))
    assert cycle()[1] == {Class.OK, Class.UNAVAILABLE}


class _Dict:
    def __init__(self, kept: dict[str, bytes]) -> None:
        self._kept = kept

    def get(self, path: str) -> bytes | None:
        return self._kept.get(path)

    def put(self, path: str, data: bytes) -> None:
        self._kept[path] = data
