# SPDX-License-Identifier: Apache-2.0
"""Several workers on one database: each due release is taken by exactly one, whoever is killed when."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from anchor.records import check, queue, store
from anchor.records.database import Database
from anchor.records.tables import Checkpoint, Run, Target
from anchor.verdict import Class
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW, database, empty, like, postgresql, sqlite, url

__all__ = ["database", "empty", "like", "postgresql", "sqlite", "url"]

ROOT = Path(__file__).resolve().parents[2]


def targets(database: Database, count: int) -> None:
    at = queue.ms(time.time() - 60)
    row = {"active": 1, "added_ms": at, "due_ms": at, "failing_runs": 0, "notified": "OK"}
    with database.write() as connection:
        connection.execute(sa.insert(Target), [{**row, "target": f"t{n}/release.json"} for n in range(count)])


class Fleet:
    """Worker processes that are killed at random and started again."""

    def __init__(self, url: str, size: int) -> None:
        self.url = url
        self.kills = 0
        self.running = [self._start() for _ in range(size)]

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.support.records.fleet", self.url]
        return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)

    def kill_one(self, dice: random.Random) -> None:
        place = dice.randrange(len(self.running))
        victim = self.running[place]
        if victim.poll() is None:
            os.kill(victim.pid, signal.SIGKILL)
            self.kills += 1
            victim.communicate()
            self.running[place] = self._start()

    def ended(self) -> bool:
        return all(p.poll() is not None for p in self.running)

    def finish(self) -> list[str]:
        """The errors of the workers that ended by themselves."""
        said = [p.communicate(timeout=60)[1].decode() for p in self.running]
        return [s for s, p in zip(said, self.running, strict=True) if p.returncode != 0]


@pytest.fixture
def dice() -> random.Random:
    seed = int(os.environ.get("ANCHOR_SEED", str(time.time_ns() % 10**6)))
    print(f"ANCHOR_SEED={seed}")
    return random.Random(seed)


@pytest.mark.parametrize(
    ("engine", "count"),
    [
        ("postgresql", 120),
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
        fleet = Fleet(where, 4)
        limit = time.monotonic() + 240
        while not fleet.ended() and time.monotonic() < limit:
            time.sleep(dice.uniform(0.1, 0.6))
            if fleet.kills < min(12, count // 20) and outcomes.overdue(opened, now=time.time()):
                fleet.kill_one(dice)
        assert fleet.finish() == []
        with opened.read() as connection:
            finished = sa.select(Run.claim_id, sa.func.count()).where(Run.state == "finished")
            per_target = connection.execute(finished.group_by(Run.claim_id)).all()
            states = dict(connection.execute(sa.select(Run.state, sa.func.count()).group_by(Run.state)).all())
            stored = connection.execute(sa.select(sa.func.count()).select_from(Checkpoint)).scalar_one()
        assert fleet.kills > 0
        assert len(per_target) == count  # none lost
        assert {n for _, n in per_target} == {1}  # none doubled
        assert "running" not in states
        assert stored == 1
        verdict = check.check(opened)
        assert all(c.state == "passed" for c in verdict.checks if c.name.endswith("chain"))


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


@pytest.mark.parametrize("blip", [1, 20, 40, 24 * 365 * 9])
@pytest.mark.parametrize("interval", [None, 1, HOUR, 400 * 86400])
@pytest.mark.parametrize("found", [Class.OK, Class.UNAVAILABLE])
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


@pytest.mark.parametrize("interval", [None, 1, 60, HOUR, 400 * 86400])
@pytest.mark.parametrize("failing", [0, 1, 9])
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
