# SPDX-License-Identifier: Apache-2.0
"""A target is watched with one policy: another one neither takes its runs nor ends what was found."""

import pytest
import sqlalchemy as sa

from anchor.errors import Misuse
from anchor.records import queue, store
from anchor.records.check import check
from anchor.records.database import Database
from anchor.records.queue import Lease, Policy
from anchor.records.tables import Target
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW

A = Policy("/etc/a.toml", "aa")
B = Policy("/etc/b.toml", "bb")
T = "t/release.json"


def take(database: Database, policy: Policy, at: float, target: str | None = None) -> Lease | None:
    found = queue.acquire(database, worker="w", now=at, target=target, policy=policy)
    assert not isinstance(found, queue.Held)
    return found


def run(database: Database, policy: Policy, at: float, target: str | None = None) -> bool:
    lease = take(database, policy, at, target)
    if lease is not None:
        store.save_run(database, lease, outcomes.outcome(), now=at, rules=store.RunRules())
    return lease is not None


def bound(database: Database) -> tuple[str | None, str | None]:
    with database.read() as connection:
        path, digest = connection.execute(sa.select(Target.policy_path, Target.policy_sha256)).one()
        return path, digest


def as_written(database: Database) -> bool:
    """The rows of the targets are as the events say."""
    return {c.name: c.state for c in check(database).checks}["projections"] == "passed"


@pytest.fixture
def watched(database: Database) -> Database:
    """A target whose last run was made with policy A."""
    queue.watch(database, T, now=NOW)
    assert run(database, A, NOW)
    assert bound(database) == ("/etc/a.toml", "aa")
    return database


@pytest.mark.parametrize(
    "policy",
    [A, Policy("/etc/a.toml", "edited"), Policy("/etc/a.toml", ""), Policy("/mnt/same.toml", "aa")],
)
def test_an_edited_or_moved_policy_is_still_the_same(watched: Database, policy: Policy) -> None:
    queue.check_policy(watched, [T], policy)
    assert run(watched, policy, NOW + 9 * 86400)
    path, digest = bound(watched)
    assert path == "/etc/a.toml"
    assert digest == (policy.digest or "aa")
    assert run(watched, A, NOW + 10 * 86400, T)


def test_another_policy_takes_nothing_and_is_refused_where_it_names_the_target(watched: Database) -> None:
    later = NOW + 9 * 86400
    assert not run(watched, B, later)
    words = r"watched with another policy.*/etc/a\.toml, not /etc/b\.toml"
    with pytest.raises(Misuse, match=words):
        queue.check_policy(watched, ["other", T], B)
    with pytest.raises(Misuse, match=words):
        take(watched, B, later, T)
    queue.check_policy(watched, ["other"], B)
    assert run(watched, A, later)  # and nothing of that held it up


def test_who_forgets_a_target_may_watch_it_with_another_policy(watched: Database) -> None:
    later = NOW + 9 * 86400
    assert queue.unwatch(watched, T, now=later)
    queue.watch(watched, T, now=later)
    lease = take(watched, B, later, T)
    assert lease is not None
    assert as_written(watched)  # while the first run with it is made
    store.save_run(watched, lease, outcomes.outcome(), now=later, rules=store.RunRules())
    assert bound(watched) == ("/etc/b.toml", "bb")
    assert as_written(watched)
    with pytest.raises(Misuse):
        queue.check_policy(watched, [T], A)


def test_a_run_that_was_not_kept_binds_nothing(database: Database) -> None:
    queue.watch(database, T, now=NOW)
    lease = take(database, A, NOW)
    assert lease is not None
    queue.abandon_run(database, lease, now=NOW)
    assert run(database, B, NOW)


@pytest.mark.parametrize("ran", [True, False])
def test_a_policy_that_somebody_edits_is_seen(database: Database, *, ran: bool) -> None:
    """It would keep every worker from the target."""
    queue.watch(database, T, now=NOW)
    if ran:
        assert run(database, A, NOW)
    with database.write() as connection:
        connection.execute(sa.update(Target).values(policy_path="/dev/null"))
    assert not as_written(database)
