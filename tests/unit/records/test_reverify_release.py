# SPDX-License-Identifier: Apache-2.0
"""A re-verification beside its logs: published files, numbers, clock, trust, canary, records."""

import pytest
import sqlalchemy as sa

from anchor.errors import Refused, Unavailable
from anchor.statement import encode, link
from anchor.verdict import Class
from tests.support import samples
from tests.support.reverified import TARGET, World, detail


def test_the_logs_are_followed_although_the_files_are_hidden(world: World) -> None:
    world.run()
    world.broken[TARGET] = Unavailable("404", where="cdn")
    world.log = world.log.fork(7)
    assert world.found() is Class.EQUIVOCATION


@pytest.mark.parametrize(
    ("error", "found"), [(Unavailable("404"), Class.UNAVAILABLE), (Refused("edited"), Class.INVALID)]
)
def test_what_the_files_come_to_is_the_verdict(world: World, error: Refused, found: Class) -> None:
    world.run()
    world.broken[TARGET] = error
    assert world.found() is found


def test_an_older_release_than_before_is_a_lagging_source(world: World) -> None:
    first = encode(samples.statement())
    world.number = 2
    world.statement = encode(samples.statement(number=2, version="2", previous=link(first)))
    world.run()
    world.number, world.statement = 1, first
    found = world.run()
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "release 1 is served where 2 was verified" in detail(found, "number")


def test_two_statements_with_one_number_are_equivocation_and_both_are_kept(world: World) -> None:
    world.run()
    world.statement = b"[]"
    found = world.run()
    assert found.verdict.verdict is Class.EQUIVOCATION
    assert [e.document for e in found.evidence] == [b"{}\n[]"]
    world.statement = b"{}"
    assert world.found() is Class.EQUIVOCATION  # whichever of the two is served


def test_a_verifier_that_passes_everything_is_an_error(world: World) -> None:
    world.blind = True
    found = world.run()
    assert found.verdict.verdict is Class.ERROR
    assert "came to OK" in detail(found, "canary")


@pytest.mark.parametrize("missing", ["release", "entry"])
def test_a_good_run_without_a_release_or_an_entry_is_an_error(world: World, missing: str) -> None:
    """Whatever made it skip what it should look at."""
    world.run()
    world.nameless, world.entryless = missing == "release", missing == "entry"
    found = world.run()
    assert found.verdict.verdict is Class.ERROR
    assert "refused: nothing was found wrong" in detail(found, "complete")
    world.nameless = world.entryless = False
    assert world.found() is Class.OK


def test_a_log_that_is_read_nowhere_is_no_coverage(world: World) -> None:
    world.nowhere = True
    assert world.found() is Class.UNAVAILABLE


def test_a_clock_that_went_back_is_said_once(world: World) -> None:
    world.run()
    world.now -= 400 * 86400
    found = world.run()
    assert found.verdict.verdict is Class.UNAVAILABLE
    assert "before the last recorded run" in detail(found, "clock")
    assert world.found() is Class.OK


def test_trust_drift_is_shown_and_not_judged(world: World) -> None:
    world.run()
    world.trust = {"policy": "bb", "tuf": "13"}
    found = world.run()
    assert found.verdict.verdict is Class.OK
    assert found.verdict.notes == (
        "trust material changed: log gone (was k1); tuf new (13); policy aa -> bb",
    )
    assert world.run().verdict.notes == ()


def test_a_cycle_reads_each_log_once(world: World) -> None:
    cycle = world.cycle()
    for n in range(20):
        assert cycle.run(f"{n}/release.json").verdict.verdict is Class.OK
    assert world.log.reads["checkpoint"] == 1
    assert sum(world.log.reads.values()) <= 4


def test_edited_records_are_never_believed(world: World) -> None:
    world.run()
    with world.database.write() as connection:
        connection.execute(sa.text("DROP TRIGGER checkpoints_no_update"))
        connection.execute(sa.text("UPDATE checkpoints SET size = 3"))
    found = world.run()
    assert found.verdict.verdict is Class.INVALID
    assert "does not fit its chain" in detail(found, "records")
