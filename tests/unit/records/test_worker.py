# SPDX-License-Identifier: Apache-2.0
"""A worker and one target that makes it stumble: the cycle goes on, and so do the others."""

from anchor.records import claims
from anchor.verdict import Class
from anchor.worker import Setting, Worker
from tests.support.reverified import World, detail


def worker(world: World) -> Worker:
    setting = Setting(database=world.database, name="w", parts=world.parts, clock=lambda: world.now)
    return Worker(setting)


def test_a_defect_at_one_target_ends_no_other_run_of_the_cycle(world: World) -> None:
    claims.add_all(world.database, ["a", "b", "c"], now=world.now)
    world.defects["a"] = ValueError("year 10000 is out of range")
    done = worker(world).cycle()
    found = {d.outcome.verdict.target: d.outcome.verdict.verdict for d in done}
    assert found == {"a": Class.ERROR, "b": Class.OK, "c": Class.OK}
    assert all(d.kept for d in done)


def test_what_the_records_cannot_hold_is_an_error_of_its_target_and_is_kept(world: World) -> None:
    claims.add_all(world.database, ["a", "b"], now=world.now)
    world.indices["a"] = 2**70
    mine = worker(world)
    done = mine.cycle()
    found = {d.outcome.verdict.target: d for d in done}
    assert len(done) == 2  # and not again and again
    assert found["a"].outcome.verdict.verdict is Class.ERROR
    assert "a defect of this program" in detail(found["a"].outcome, "records")
    assert found["a"].kept
    assert found["b"].outcome.verdict.verdict is Class.OK
    assert mine.cycle() == []
