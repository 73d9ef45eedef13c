# SPDX-License-Identifier: Apache-2.0
"""Several workers on one database: each due release is taken by exactly one, whoever is killed when."""

import contextlib
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa

from anchor.disk import worker_id
from anchor.errors import Unavailable
from anchor.records import check, queue, store
from anchor.records.database import Database
from anchor.records.tables import Checkpoint, Run, Work
from anchor.records.writer import writing
from anchor.verdict import Class
from anchor.watch import worker
from tests.support.process import crash
from tests.support.records import fleet, outcomes
from tests.support.records.outcomes import (
    NOW,
    database,
    empty,
    lender,
    like,
    on_both,
    postgresql,
    sqlite,
    url,
)

__all__ = ["database", "empty", "lender", "like", "postgresql", "sqlite", "url"]


def targets(database: Database, count: int) -> None:
    queue.watch_all(database, [f"t{n}/release.json" for n in range(count)], now=time.time() - 60)


def held(database: Database) -> queue.Lease:
    """A target that this process has. The workers wait for it, so they do not end before it is given up: they
    may have done all others before this process looks at them."""
    lease = queue.acquire(database, worker=worker_id.name(), now=time.time())
    assert isinstance(lease, queue.Lease)
    return lease


class Fleet:
    """Worker processes that are killed at random and started again."""

    def __init__(self, url: str, size: int) -> None:
        self.url = url
        self.kills = 0
        self.running = [self._start() for _ in range(size)]

    def _start(self) -> crash.Forked:
        return crash.start(partial(fleet.main, self.url))

    def kill_one(self, dice: random.Random) -> None:
        place = dice.randrange(len(self.running))
        victim = self.running[place]
        if not victim.ended():
            os.kill(victim.pid, signal.SIGKILL)
            self.kills += 1
            victim.result()
            self.running[place] = self._start()

    def ended(self) -> bool:
        return all(p.ended() for p in self.running)

    def finish(self) -> None:
        """Raises the error of a worker that did not end by itself."""
        for p in self.running:
            p.result()


@pytest.fixture
def dice() -> random.Random:
    seed = int(os.environ.get("ANCHOR_SEED", str(time.time_ns() % 10**6)))
    print(f"ANCHOR_SEED={seed}")
    return random.Random(seed)


@pytest.mark.parametrize(
    ("engine", "count"),
    [
        ("postgresql", 20),
        ("sqlite", 60),
        pytest.param("postgresql", 1000, marks=pytest.mark.slow),
        pytest.param("sqlite", 250, marks=pytest.mark.slow),
    ],
)
def test_no_run_is_lost_or_doubled_when_workers_are_killed_at_random(
    engine: str, count: int, request: pytest.FixtureRequest, dice: random.Random
) -> None:
    if engine == "sqlite":
        where = request.getfixturevalue("sqlite")
    else:
        from tests.support.records import postgres

        where = postgres.new_database(
            request.getfixturevalue("postgresql"), like=request.getfixturevalue("like")
        )
    with outcomes.opened(where) as opened:
        targets(opened, count)
        wanted = min(12, count // 20)
        lease: queue.Lease | None = held(opened)
        workers = Fleet(where, 4)
        limit = time.monotonic() + 240
        while not workers.ended() and time.monotonic() < limit:
            time.sleep(dice.uniform(0.1, 0.6) * min(1, count / 1000))  # few runs end soon
            if workers.kills < wanted:
                workers.kill_one(dice)
            elif lease is not None:
                queue.abandon_run(opened, lease, now=time.time())
                lease = None
        workers.finish()
        with opened.read() as connection:
            finished = sa.select(Run.claim_id, sa.func.count()).where(Run.state == "finished")
            per_target = connection.execute(finished.group_by(Run.claim_id)).all()
            open_runs = connection.execute(sa.select(Work.claim_id).where(Work.run.is_not(None))).all()
            states = dict(connection.execute(sa.select(Run.state, sa.func.count()).group_by(Run.state)).all())
            stored = connection.execute(sa.select(sa.func.count()).select_from(Checkpoint)).scalar_one()
        assert workers.kills == wanted
        assert len(per_target) == count  # none lost
        assert {n for _, n in per_target} == {1}  # none doubled
        assert states.keys() <= {"finished", "interrupted"}
        assert open_runs == []
        assert stored == 1
        verdict = check.check(opened)
        assert {c.name for c in verdict.checks if c.demotes} == {"releases"}  # simulated statements


@pytest.mark.parametrize(
    ("engine", "count"),
    [("sqlite", 60), ("postgresql", 12), pytest.param("postgresql", 200, marks=pytest.mark.slow)],
)
def test_no_run_is_lost_or_doubled_when_all_working_state_is_lost_again_and_again(
    engine: str,
    count: int,
    request: pytest.FixtureRequest,
    dice: random.Random,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Leases and due times go while workers hold them; whoever holds one then saves nothing."""
    if engine == "sqlite":
        where = request.getfixturevalue("sqlite")
    else:
        from tests.support.records import postgres

        where = postgres.new_database(
            request.getfixturevalue("postgresql"), like=request.getfixturevalue("like")
        )
    with outcomes.opened(where) as opened:
        targets(opened, count)
        monkeypatch.setattr(worker, "SOONEST", 0.1)  # also in the processes, which are forked
        held(opened)  # until it is lost too
        workers, losses = Fleet(where, 4), 0
        limit = time.monotonic() + 240
        while not workers.ended() and time.monotonic() < limit:
            time.sleep(dice.uniform(0.01, 0.1))
            if losses < 8:
                with contextlib.suppress(Unavailable):  # PostgreSQL may end one of two that wait
                    outcomes.lose_working_state(opened)
                    losses += 1
        workers.finish()
        with opened.read() as connection:
            runs = connection.execute(
                sa.select(Run.claim_id, Run.slot_ms).where(Run.state == "finished")
            ).all()
        assert losses > 0
        assert len({target for target, _ in runs}) == len(runs) == count
        assert outcomes.changed(opened) == []
        assert not outcomes.overdue(opened, now=time.time())


def test_a_dead_workers_claim_returns_when_its_lease_is_over(database: Database) -> None:
    queue.watch(database, "a", now=NOW)
    first = queue.acquire(database, worker="elsewhere", now=NOW)
    assert isinstance(first, queue.Lease)
    assert queue.acquire(database, worker="w2", now=NOW + queue.LEASE - 1) is None
    again = queue.acquire(database, worker="w2", now=NOW + queue.LEASE + 1)
    assert isinstance(again, queue.Lease)
    assert again.target_id == first.target_id


def test_a_lease_that_is_renewed_does_not_end(database: Database) -> None:
    queue.watch(database, "a", now=NOW)
    lease = queue.acquire(database, worker="w1", now=NOW)
    assert isinstance(lease, queue.Lease)
    assert queue.renew(database, lease, now=NOW + queue.LEASE - 1)
    assert queue.acquire(database, worker="w2", now=NOW + queue.LEASE + 1) is None
    late = NOW + 3 * queue.LEASE
    assert isinstance(queue.acquire(database, worker="w2", now=late), queue.Lease)
    assert not queue.renew(database, lease, now=late)


def test_a_lease_from_a_clock_that_was_years_ahead_does_not_hold_for_years(database: Database) -> None:
    queue.watch(database, "a", now=NOW)
    assert isinstance(queue.acquire(database, worker="w1", now=NOW + 9 * 365 * 86400), queue.Lease)
    assert isinstance(queue.acquire(database, worker="w2", now=NOW), queue.Lease)


def test_a_target_due_years_ahead_by_a_wrong_clock_is_due_now(database: Database) -> None:
    lease = outcomes.taken(database, now=NOW + 9 * 365 * 86400)
    store.save_run(database, lease, outcomes.outcome(), now=NOW + 9 * 365 * 86400, rules=store.RunRules())
    assert outcomes.due(database, now=NOW) == ["a/release.json"]


HOUR = 3600


@pytest.mark.parametrize(
    ("url", "found", "interval", "blip"),
    on_both(
        [
            (found, interval, blip)
            for found in (Class.OK, Class.UNAVAILABLE)
            for interval in (None, 1, HOUR, 400 * 86400)
            for blip in (1, 20, 40, 24 * 365 * 9)
        ],
        one_of=5,
    ),
    indirect=["url"],
)
def test_a_clock_that_was_ahead_for_a_run_holds_up_nothing(
    database: Database, blip: int, interval: int | None, found: Class
) -> None:
    queue.watch(database, "a/release.json", now=NOW, interval=interval)
    ahead = NOW + blip * HOUR
    store.save_run(
        database,
        outcomes.taken(database, now=ahead),
        outcomes.outcome(found),
        now=ahead,
        rules=store.RunRules(),
    )
    assert outcomes.due(database, now=NOW) == ["a/release.json"]


def test_a_target_that_was_added_by_a_clock_ahead_is_due(database: Database) -> None:
    queue.watch(database, "a", now=NOW + 40 * HOUR, interval=HOUR)
    assert outcomes.due(database, now=NOW) == ["a"]


@pytest.mark.parametrize(
    ("url", "failing", "interval"),
    on_both(
        [(failing, interval) for failing in (0, 1, 9) for interval in (None, 1, 60, HOUR, 400 * 86400)],
        one_of=4,
    ),
    indirect=["url"],
)
def test_no_wait_that_is_meant_is_taken_for_a_wrong_clock(
    database: Database, interval: int | None, failing: int
) -> None:
    """A short interval that backs off is due later than its interval, and not at once again and again."""
    queue.watch(database, "a/release.json", now=NOW, interval=interval)
    at = NOW
    for _ in range(failing + 1):
        at += 7 * HOUR
        found = Class.UNAVAILABLE if failing else Class.OK
        lease = outcomes.taken(database, now=at)
        kept = store.save_run(database, lease, outcomes.outcome(found), now=at, rules=store.RunRules())
        assert outcomes.due(database, now=at) == []
        assert outcomes.due(database, now=kept.due - 0.1) == []
    assert outcomes.due(database, now=kept.due + 0.1) == ["a/release.json"]


def test_a_shorter_interval_counts_from_now_on(database: Database) -> None:
    store.save_run(database, outcomes.taken(database), outcomes.outcome(), now=NOW, rules=store.RunRules())
    queue.watch(database, "a/release.json", now=NOW + 1, interval=60)
    assert outcomes.due(database, now=NOW + 60) == []
    assert outcomes.due(database, now=NOW + 61) == ["a/release.json"]


def test_after_a_long_sleep_each_target_is_due_once(database: Database) -> None:
    store.save_run(database, outcomes.taken(database), outcomes.outcome(), now=NOW, rules=store.RunRules())
    later = NOW + 30 * 86400
    assert outcomes.due(database, now=later) == ["a/release.json"]
    lease = queue.acquire(database, worker="w", now=later)
    assert isinstance(lease, queue.Lease)
    store.save_run(database, lease, outcomes.outcome(), now=later, rules=store.RunRules())
    assert outcomes.due(database, now=later) == []


def test_the_newest_release_of_a_ledger_is_hourly_and_the_others_daily(database: Database) -> None:
    for number in (1, 2):
        found = outcomes.outcome(release=outcomes.release(number, b"[%d]" % number))
        lease = outcomes.taken(database, f"v{number}/release.json")
        kept = store.save_run(database, lease, found, now=NOW, rules=store.RunRules())
        assert 3600 <= kept.due - NOW <= 3960
    lease = outcomes.taken(database, "v1/release.json")
    found = outcomes.outcome(release=outcomes.release(1, b"[1]"))
    kept = store.save_run(database, lease, found, now=NOW, rules=store.RunRules())
    assert 86400 <= kept.due - NOW <= 95040


def test_a_target_that_is_dropped_keeps_its_records_and_is_not_due(database: Database) -> None:
    store.save_run(database, outcomes.taken(database), outcomes.outcome(), now=NOW, rules=store.RunRules())
    assert queue.unwatch(database, "a/release.json", now=NOW)
    assert not queue.unwatch(database, "a/release.json", now=NOW)
    assert queue.targets(database) == []
    assert outcomes.due(database, now=NOW + 9 * 86400) == []
    with database.read() as connection:
        assert connection.execute(sa.select(Run.verdict)).scalar_one() == Class.OK


ROUNDS = 40


def alive(worker: str) -> bool:
    return worker != "dead"


def taken_over(database: Database, number: int) -> None:
    """A worker that takes over what dead ones left, and saves it."""
    for _ in range(ROUNDS):
        lease = queue.acquire(database, worker=f"w{number}", now=NOW, alive=alive)
        if isinstance(lease, queue.Lease):
            queue.renew(database, lease, now=NOW)
            found = outcomes.outcome(target=lease.target)
            store.save_run(database, lease, found, now=NOW, rules=store.RunRules())


def left(database: Database, number: int) -> None:
    """A worker that dies in each run."""
    for n in range(ROUNDS):
        target = f"t{(n + number) % 3}/release.json"
        queue.acquire(database, worker="dead", now=NOW, target=target, alive=alive)


def changed(database: Database, number: int) -> None:
    """A person who changes intervals and makes all due, while workers are at work."""
    for n in range(ROUNDS):
        queue.watch_all(database, [f"t{m}/release.json" for m in range(3)], now=NOW, interval=60 + n + number)
        with writing(database, queue.ms(NOW)) as writer:
            queue.make_all_due(writer.connection, now=NOW)


def test_nobody_waits_for_somebody_who_waits_for_him(database: Database) -> None:
    """PostgreSQL ends such a wait with an error for one of them."""
    queue.watch_all(database, [f"t{n}/release.json" for n in range(3)], now=NOW)
    with ThreadPoolExecutor(9) as pool:
        at_work = [pool.submit(one, database, n) for one in (taken_over, left, changed) for n in range(3)]
        for one in at_work:
            one.result()
    assert outcomes.changed(database) == []
    with database.read() as connection:
        slots = connection.execute(sa.select(Run.claim_id, Run.slot_ms).where(Run.state == "finished")).all()
    assert len(slots) == len(set(slots)) > 0
