# SPDX-License-Identifier: Apache-2.0
"""A release is compared with all that was ever verified at its target, never with the last run alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from anchor.errors import Misuse, Unavailable
from anchor.format.statement import encode, link
from anchor.monitor.cycle import Cycle
from anchor.monitor.run_record import Best, ObservedRelease, RunRecord
from anchor.records import degraded, high_water_mark, observed_releases, queue, retention
from anchor.records.database import Database
from anchor.verdict import Class
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW
from tests.support.records.reverified import TARGET, WatchedRelease, detail
from tests.support.releases import samples


@pytest.fixture
def world(database: Database) -> WatchedRelease:
    return WatchedRelease(database)


@pytest.fixture
def like_new(tmp_path: Path) -> Iterator[WatchedRelease]:
    """The same with records that know nothing."""
    with outcomes.opened(f"sqlite:///{tmp_path}/other.db") as found:
        yield WatchedRelease(found)


def chain(count: int) -> dict[int, bytes]:
    found = {1: encode(samples.statement())}
    for n in range(2, count + 1):
        found[n] = encode(samples.statement(number=n, version=str(n), previous=link(found[n - 1])))
    return found


CHAIN = chain(6)


def published(world: WatchedRelease, *numbers: int) -> None:
    """Releases of one chain, each verified as it is published."""
    for number in numbers:
        world.number = number
        world.statement = CHAIN[number]
        assert world.found() is Class.OK


def served(world: WatchedRelease, number: int) -> RunRecord:
    world.number, world.statement = number, CHAIN[number]
    return world.run()


def test_a_rollback_stays_one_for_as_long_as_it_lasts(world: WatchedRelease) -> None:
    published(world, 1, 2, 3)
    for number in (1, 1, 2, 1):  # whatever older one is served, and however often
        found = served(world, number)
        assert found.verdict.verdict is Class.UNAVAILABLE
        assert found.never_damp
        assert f"release {number} is served where 3 was verified before" in detail(found, "number")
    found = served(world, 3)
    assert (found.verdict.verdict, found.never_damp) == (Class.OK, False)
    assert found.verdict.facts["best"] == {"ledger": "prices", "number": 3}


def test_a_rollback_is_found_again_after_silence_and_after_the_runs_were_pruned(
    world: WatchedRelease,
) -> None:
    published(world, 1, 2)
    world.broken[TARGET] = Unavailable("404")
    assert world.found() is Class.UNAVAILABLE
    assert (
        retention.prune(world.database, before=world.now, now=world.now) == 1
    )  # the good one that is last stays
    del world.broken[TARGET]
    assert served(world, 1).never_damp


def test_an_old_release_at_its_own_place_is_no_rollback(world: WatchedRelease) -> None:
    published(world, 1, 2)
    world.number, world.statement = 1, CHAIN[1]
    for _ in range(2):
        assert world.found("site/release/1/release.json") is Class.OK


def test_what_only_another_policy_accepted_does_not_count(world: WatchedRelease) -> None:
    """Else whoever signs a number of 2^53 under it makes the honest releases rollbacks for ever."""
    published(world, 1, 2)
    served(world, 5)
    world.disowned.add(5)
    assert served(world, 2).verdict.verdict is Class.OK
    assert served(world, 1).never_damp
    world.disowned.clear()
    assert "where 5 was verified" in detail(served(world, 2), "number")


def test_only_what_is_higher_than_what_is_served_is_verified_again(world: WatchedRelease) -> None:
    published(world, 1, 2, 3)
    asked: list[int] = []

    def accepts(release: ObservedRelease) -> bool:
        asked.append(release.number)
        return True

    world.accepts = accepts  # type: ignore[method-assign]
    cycle = world.cycle()
    assert cycle.run(TARGET).verdict.verdict is Class.OK
    assert asked == []
    world.number, world.statement = 1, CHAIN[1]
    assert cycle.run(TARGET).never_damp
    assert asked == [3]


def as_written(world: WatchedRelease) -> bool:
    """The number that was shown, and the one that was accepted, are recorded."""
    return outcomes.changed(world.database) == []


def accept(world: WatchedRelease, number: int, reason: str = "a wrong table") -> tuple[str, int | None]:
    found = observed_releases.accept(
        world.database, TARGET, number=number, who="me@here", reason=reason, now=world.now
    )
    assert as_written(world)
    return found


def test_a_rollback_that_a_person_accepts_is_good_and_the_next_one_is_not(world: WatchedRelease) -> None:
    published(world, 1, 2, 3)
    served(world, 1)
    assert accept(world, 1) == ("prices", 3)
    assert outcomes.overdue(world.database, now=world.now)
    assert served(world, 1).verdict.verdict is Class.OK
    published(world, 2)  # a release that was there before the rollback counts again once it is there again
    found = served(world, 1)
    assert "release 1 is served where 2 was verified before" in detail(found, "number")
    assert served(world, 2).verdict.verdict is Class.OK
    assert served(world, 3).verdict.verdict is Class.OK


def test_less_than_what_was_accepted_is_a_rollback(world: WatchedRelease) -> None:
    published(world, 1, 2, 3)
    served(world, 2)
    accept(world, 2, "withdrawn")
    assert "where 2 was accepted by me@here (withdrawn)" in detail(served(world, 1), "number")


def test_only_what_is_served_can_be_accepted(world: WatchedRelease) -> None:
    with pytest.raises(Misuse, match="is not watched"):
        accept(world, 1)
    published(world, 1, 2)
    with pytest.raises(Misuse, match="found release 2 there, not 1"):
        accept(world, 1)
    served(world, 1)
    for reason in (" ", "x" * 1001):
        with pytest.raises(Misuse, match="--reason"):
            accept(world, 1, reason)


def test_records_that_lost_the_highest_number_get_it_back_from_the_mark(
    world: WatchedRelease, like_new: WatchedRelease
) -> None:
    published(world, 1, 2, 3)
    served(world, 1)
    found = high_water_mark.decode(high_water_mark.encode(world.database))
    assert found is not None
    assert found.best == [(TARGET, "prices", 3)]
    queue.watch(like_new.database, TARGET, now=NOW)
    high_water_mark.restore(like_new.database, found, now=NOW)
    assert "where 3 was accepted by the mark" in detail(served(like_new, 2), "number")
    assert served(like_new, 3).verdict.verdict is Class.OK
    high_water_mark.restore(like_new.database, found, now=NOW)  # what is known is not said again
    with like_new.database.read() as connection:
        assert connection.execute(sa.text("SELECT who, number FROM accepted")).all() == [("the mark", 3)]
    assert as_written(like_new)


@pytest.mark.parametrize("best", [(TARGET, "prices", 2**70), (TARGET, "a\0b", 3), (TARGET, "prices", 0)])
def test_a_mark_with_a_number_that_no_release_has_says_nothing(
    world: WatchedRelease, best: tuple[str, str, int]
) -> None:
    published(world, 1)
    high_water_mark.restore(world.database, high_water_mark.Mark(ends={}, best=[best]), now=NOW)
    assert world.found() is Class.OK


def test_a_rollback_is_found_while_the_records_cannot_be_read(world: WatchedRelease) -> None:
    error = Unavailable("the database cannot be reached")
    known = {TARGET: Best(ledger="prices", number=3)}
    memory = degraded.MarkedState([], [], [], error, world.now, bests=known)
    found = Cycle(world, memory).run(TARGET)
    assert "release 1 is served where 3 was accepted by the mark" in detail(found, "number")


def test_a_run_without_trust_does_not_have_the_mark_forget_the_highest_number(world: WatchedRelease) -> None:
    published(world, 1, 2)
    world.broken[TARGET] = Unavailable("the trust root cannot be had")
    world.untrusting = Unavailable("the trust root cannot be had")
    assert world.found() is Class.UNAVAILABLE
    found = high_water_mark.decode(high_water_mark.encode(world.database))
    assert found is not None
    assert found.best == [(TARGET, "prices", 2)]


@pytest.mark.slow
def test_strangers_releases_of_one_number_hide_no_contradicting_one(world: WatchedRelease) -> None:
    """However many: those of another policy were the only ones that were looked at."""
    for n in range(65):
        world.statement = encode(samples.statement(version=f"theirs-{n}"))
        world.run("theirs/release.json")
        world.strangers.add(world.statement)
    world.statement = CHAIN[1]
    assert world.found() is Class.OK
    world.statement = encode(samples.statement(version="another"))
    assert world.found() is Class.EQUIVOCATION
