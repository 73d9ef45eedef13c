# SPDX-License-Identifier: Apache-2.0
"""A worker and one target that makes it stumble: the cycle goes on, and so do the others."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from anchor.app.records import HomeFiles
from anchor.records import queue
from anchor.records.database import Database
from anchor.verdict import Class
from anchor.watch.worker import Worker, WorkerConfig
from tests.support.records.outcomes import opened
from tests.support.records.reverified import WatchedRelease, WatchHost, detail


@pytest.fixture
def world(database: Database) -> WatchedRelease:
    """On both engines: what the one refuses to take, the other refuses in another way."""
    return WatchedRelease(database)


def worker(world: WatchedRelease) -> Worker:
    return Worker(world.database, WatchHost(world), WorkerConfig(name="w"))


def test_a_defect_at_one_target_ends_no_other_run_of_the_cycle(world: WatchedRelease) -> None:
    queue.watch_all(world.database, ["a", "b", "c"], now=world.now)
    world.defects["a"] = ValueError("year 10000 is out of range")
    done = [*worker(world).cycle()]
    found = {d.record.verdict.target: d.record.verdict.verdict for d in done}
    assert found == {"a": Class.ERROR, "b": Class.OK, "c": Class.OK}
    assert all(d.saved for d in done)


def test_what_the_records_cannot_hold_is_an_error_of_its_target_and_is_kept(world: WatchedRelease) -> None:
    queue.watch_all(world.database, ["a", "b"], now=world.now)
    world.indices["a"] = 2**70
    mine = worker(world)
    done = [*mine.cycle()]
    found = {d.record.verdict.target: d for d in done}
    assert len(done) == 2  # and not again and again
    assert found["a"].record.verdict.verdict is Class.ERROR
    assert "a defect of this program" in detail(found["a"].record, "records")
    assert found["a"].saved
    assert found["b"].record.verdict.verdict is Class.OK
    assert [*mine.cycle()] == []


def test_records_that_take_no_run_stop_no_verification_and_none_is_made_again_and_again(
    sqlite: str,
) -> None:
    """The claim of the first is given back, and it is due again at once."""
    with opened(sqlite) as database:
        world = WatchedRelease(database)
        queue.watch_all(database, ["a", "b", "c"], now=world.now)
        with database.write() as connection:
            connection.execute(
                sa.text("CREATE TRIGGER no BEFORE INSERT ON releases BEGIN SELECT RAISE(ABORT, 'no'); END")
            )
        mine = worker(world)
        done = [*mine.cycle()]
        assert sorted(d.record.verdict.target for d in done) == ["a", "b", "c"]
        assert all(d.saved is None for d in done)
        assert mine.failure is not None


def copied(source: object, target: object) -> None:
    """The database of a file into another file, which stays the same file."""
    with (
        contextlib.closing(sqlite3.connect(str(source))) as old,
        contextlib.closing(sqlite3.connect(str(target))) as new,
    ):
        old.backup(new)


def test_records_that_are_put_back_during_a_cycle_are_reported_by_the_next_one(
    sqlite: str, tmp_path: Path
) -> None:
    """The mark is not replaced by one of the older records: nothing would know that they were put back."""
    file, copy = make_url(sqlite).database, tmp_path / "copy"
    with opened(sqlite) as database:
        world, files = WatchedRelease(database), HomeFiles(tmp_path, database.name)
        queue.watch_all(database, ["a", "b", "c"], now=world.now)
        mine = Worker(database, WatchHost(world), WorkerConfig(name="w"), side_files=files)
        copied(file, copy)
        assert len([*mine.cycle()]) == 3
        held = files.load_mark()
        world.now += 2 * 86400

        def put_back() -> None:
            copied(copy, file)
            world.meanwhile = lambda: None

        world.meanwhile = put_back
        done = [*mine.cycle()]
        assert [bool(one.saved) for one in done] == [False, True, True]
        assert files.load_mark() == held
        world.now += 2 * 86400
        (first, *_) = mine.cycle()
        assert "were put back" in detail(first.record, "records")
        assert files.load_mark() != held
        world.now += 2 * 86400
        (first, *_) = mine.cycle()
        assert detail(first.record, "records") == "passed: hold all that this machine wrote"
