# SPDX-License-Identifier: Apache-2.0
"""A log in which an anchor once counted is followed, whatever the release names later, until a person lets it
go."""

import pytest
import sqlalchemy as sa

from anchor.errors import Misuse, Unavailable
from anchor.monitor.interfaces import LogLocation
from anchor.monitor.run_record import ObservedAnchor
from anchor.records import degraded, followed_logs, high_water_mark, queue, replay, retention
from anchor.records.check import check
from anchor.records.database import Database
from anchor.records.state import HeldState
from anchor.records.tables import Followed
from anchor.records.writer import writing
from anchor.tlog.checkpoint import Log
from anchor.verdict import Class
from tests.support.logs.simlog import SimLog
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW, opened
from tests.support.records.reverified import TARGET, WatchedRelease, detail

OTHER = "log.sim.invalid/b"


class TwoLogs(WatchedRelease):
    """The release has anchors in two logs; a CDN may leave one out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.first = self.log
        self.second = SimLog(origin=OTHER, seed=2).grow(5).append(b"entry").grow(3)

    def log_location(self, origin: str, target: str, log: Log | None) -> LogLocation | None:
        for one in (self.first, self.second):
            if origin == one.origin and not self.nowhere:
                return LogLocation(log=one.log, name=one.origin, reader=one)
        return None

    def show(self, log: SimLog) -> None:
        """The release names an anchor in this log alone."""
        self.log, self.then = log, log.head()


@pytest.fixture
def two(sqlite: str):  # type: ignore[no-untyped-def]
    with opened(sqlite) as database:
        found = TwoLogs(database)
        found.show(found.second)
        assert found.found() is Class.OK
        found.show(found.first)
        yield found


def logs(world: WatchedRelease) -> list[str]:
    return [log.origin for log in HeldState(world.database, now=world.now).logs_of(TARGET)]


def test_a_log_that_is_left_out_is_followed_and_said_to_be(two: TwoLogs) -> None:
    found = two.run()
    assert found.verdict.verdict is Class.OK
    assert detail(found, f"log {OTHER}").startswith("passed")
    assert f"{OTHER} is followed, although this release names no anchor in it" in found.verdict.notes
    assert logs(two) == [OTHER, two.first.origin]


@pytest.mark.parametrize("pruned", [False, True])
def test_a_fork_of_a_log_that_is_left_out_is_found(two: TwoLogs, pruned: bool) -> None:
    for _ in range(3):
        two.run()
    if pruned:
        assert retention.prune(two.database, before=two.now, now=two.now) > 0
    two.second = two.second.fork(2, size=40)
    assert two.found() is Class.EQUIVOCATION
    assert two.found() is Class.EQUIVOCATION


def test_a_log_that_todays_trust_does_not_name_is_told_until_a_person_lets_it_go(two: TwoLogs) -> None:
    two.second = SimLog(origin="elsewhere.invalid")
    for _ in range(2):
        found = two.run()
        assert found.verdict.verdict is Class.UNAVAILABLE
        assert "today's trust names no such log" in detail(found, f"log {OTHER}")
    followed_logs.forget(two.database, TARGET, OTHER, who="me", reason=" shut down ", now=two.now)
    assert two.found() is Class.OK
    assert check(two.database).verdict in (Class.OK, Class.INVALID)
    with two.database.read() as connection:
        rows = connection.execute(sa.select(Followed.active, Followed.who, Followed.reason))
        assert rows.all()[-1] == (0, "me", "shut down")


def test_a_log_that_was_let_go_comes_back_with_a_new_anchor_and_not_with_an_old_one(two: TwoLogs) -> None:
    two.run()
    followed_logs.forget(two.database, TARGET, OTHER, who="me", reason="gone", now=two.now)
    two.show(two.second)
    assert two.found() is Class.OK  # named, so it is followed
    two.show(two.first)
    assert OTHER not in logs(two)
    two.number, two.statement = 5, b'{"another": 1}'
    two.show(two.second)
    two.run()
    two.show(two.first)
    assert OTHER in logs(two)


def test_what_does_not_count_is_not_followed(two: TwoLogs) -> None:
    """Named in the release, and not in what was verified: a CDN could name 64 logs of its own."""
    assert logs(two) == [OTHER]


def test_letting_go_wants_a_reason_and_something_to_let_go(two: TwoLogs) -> None:
    for target, origin, reason, word in (
        (TARGET, OTHER, " ", "--reason"),
        (TARGET, OTHER, "x" * 1001, "--reason"),
        ("another", OTHER, "x", "not watched"),
        (TARGET, "log.invalid", "x", f"followed for it: {OTHER}"),
    ):
        with pytest.raises(Misuse) as caught:
            followed_logs.forget(two.database, target, origin, who="me", reason=reason, now=NOW)
        assert word in str(caught.value)


def test_what_is_followed_survives_the_records(two: TwoLogs, tmp_path: object) -> None:
    two.run()
    kept = high_water_mark.decode(high_water_mark.encode(two.database))
    assert kept is not None
    assert [one[1] for one in kept.followed] == [OTHER, two.first.origin]
    blind = degraded.MarkedState((), (), kept.followed, Unavailable("gone"), two.now, bests={})
    assert [log.origin for log in blind.logs_of(TARGET)] == [OTHER, two.first.origin]
    less = high_water_mark.decode(high_water_mark.without_log(kept, TARGET, OTHER))
    assert less is not None
    assert [one[1] for one in less.followed] == [two.first.origin]
    with opened(f"sqlite:///{tmp_path}/new.db") as database:
        two.database = database
        queue.watch(database, TARGET, now=two.now)  # the mark of a test has paths that no command writes
        followed_logs.restore(database, kept.followed, now=two.now)
        assert logs(two) == [OTHER, two.first.origin]
        two.second = two.second.fork(2, size=40)
        two.run()


def test_a_log_that_is_followed_is_written_down_once_and_an_edit_is_seen(database: Database) -> None:
    anchors = (ObservedAnchor(origin="a", log_key="k", log_index=2**63 - 1, bundle=b"b"),)
    lease = outcomes.taken(database)
    for at in (5, 6):
        with writing(database, at) as writer:
            followed_logs.counted(writer, lease.target, anchors, anchors)
    assert check(database).verdict is Class.OK
    with database.read() as connection:
        assert connection.execute(sa.select(Followed.origin, Followed.at_ms)).all() == [("a", 5)]
    for edit in (
        "UPDATE followed SET active = 0",
        "UPDATE followed SET origin = 'b'",
        "DELETE FROM followed",
    ):
        with database.write() as connection:
            connection.execute(sa.text(edit))
        assert check(database).verdict is Class.INVALID
        with writing(database, 7) as writer:
            replay.rebuild(writer.connection)
        assert check(database).verdict is Class.OK
