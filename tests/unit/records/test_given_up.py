# SPDX-License-Identifier: Apache-2.0
"""A run that is over holds no claim, however it ended and whatever the records took."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from anchor.disk import worker_id
from anchor.errors import AnchorError, Refused, Unavailable
from anchor.monitor import alarm
from anchor.monitor.run_record import RunRecord
from anchor.records import high_water_mark, queue, store
from anchor.records.database import Database, open_database
from anchor.records.queue import Held, Lease
from anchor.records.side_files import NoSideFiles
from anchor.records.tables import Notification
from anchor.report.status import status
from anchor.verdict import Class
from anchor.watch import worker
from anchor.watch.worker import WorkerConfig
from tests.support.process.need import need
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW, SLOW_ON_POSTGRESQL
from tests.support.records.reverified import TARGET, WatchedRelease, WatchHost


class Watch(WatchHost):
    """A worker of this process over a world, which does something in the middle of a run."""

    def __init__(self, database: Database, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__(WatchedRelease(database, meanwhile=meanwhile))
        self.told: list[str] = []
        self.side_files = NoSideFiles()
        queue.watch(database, TARGET, now=NOW)
        self.worker = worker.Worker(
            database,
            self,
            WorkerConfig(name=worker_id.name(), rules=store.RunRules(alarm_rule=alarm.Rule(1, 0))),
            side_files=self.side_files,
        )

    def cycle(self) -> list[worker.RunResult]:
        done = []
        for result in self.worker.cycle():
            done.append(result)
            if result.message is not None:
                self.notify(result.message)
        return done

    def notify(self, message: alarm.Message) -> None:
        self.told.append(message.title)


def free(database: Database) -> bool:
    """True if another process that asks for the target is given it at once."""
    found = queue.acquire(database, worker="another", now=NOW + 3600, target=TARGET, alive=worker_id.alive)
    if isinstance(found, Lease):
        queue.abandon_run(database, found, now=NOW + 3600)
    return isinstance(found, Lease)


def soon(done: Callable[[], object]) -> None:
    limit = time.monotonic() + 60
    while not done():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.05)


def said(database: Database) -> Class:
    return status(database, now=NOW + 1, alive=worker_id.alive).verdict


@contextlib.contextmanager
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    done = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    need(done, "run as root, with mount allowed")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_disk_that_is_full_between_claiming_and_keeping_silences_nothing_when_there_is_room(
    tmp_path: Path,
) -> None:
    with small(tmp_path) as disk, outcomes.opened(f"sqlite:///{disk}/home/records.db") as database:
        filler = disk / "filler"

        def fill() -> None:
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass

        watch = Watch(database)
        assert watch.cycle()[0].saved is not None
        assert said(database) is Class.OK
        watch.world.now = NOW + 2 * 86400
        watch.world.meanwhile = fill
        (done,) = watch.cycle()
        assert (done.saved, done.record.verdict.verdict) == (None, Class.UNAVAILABLE)
        assert said(database) is Class.UNAVAILABLE  # the last run was good, and nothing more is recorded
        with pytest.raises(Unavailable, match="full"):
            free(database)  # and nobody is said to be at work
        filler.unlink()
        soon(lambda: free(database))  # by itself, before the next cycle
        watch.world.meanwhile = lambda: None
        watch.world.broken[TARGET] = Unavailable("no answer")
        watch.world.now += 86400
        (done,) = watch.cycle()
        assert done.saved is not None
        watch.worker.close()


def refuse(database: Database) -> None:
    """From now on the records take no change of a claim, whoever makes it."""
    with database.write() as connection:
        if database.dialect == "sqlite":
            when = "CREATE TRIGGER no_room BEFORE UPDATE ON work BEGIN SELECT RAISE(ABORT, 'no room'); END"
            connection.exec_driver_sql(when)
            return
        body = "BEGIN RAISE EXCEPTION 'no room'; END"
        connection.exec_driver_sql(
            f"CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
        )
        each = "FOR EACH ROW EXECUTE FUNCTION no_room()"
        connection.exec_driver_sql(f"CREATE TRIGGER no_room BEFORE UPDATE ON work {each}")


def take_again(database: Database) -> None:
    with database.write() as connection:
        on = "" if database.dialect == "sqlite" else " ON work"
        connection.exec_driver_sql(f"DROP TRIGGER no_room{on}")


def test_records_that_take_nothing_for_a_while_get_the_claim_back_afterwards(database: Database) -> None:
    watch = Watch(database, lambda: refuse(database))
    (done,) = watch.cycle()
    assert done.saved is None
    assert not isinstance(done.record, Held)
    take_again(database)
    soon(lambda: free(database))
    with database.read() as connection:
        states = connection.execute(sa.text("SELECT state FROM runs ORDER BY id")).scalars().all()
    assert states[0] == "interrupted"
    watch.worker.close()


def test_the_next_cycle_takes_its_own_claim_back_before_it_looks_for_what_is_due(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "AGAIN", 3600.0)
    watch = Watch(database, lambda: refuse(database))
    assert watch.cycle()[0].saved is None
    take_again(database)
    watch.world.meanwhile = lambda: None
    watch.world.now += 60
    (done,) = watch.cycle()
    assert done.saved is not None
    watch.worker.close()


def test_a_run_that_the_records_do_not_take_is_not_made_again_and_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk with room for a little takes the claim back and not the run; others are verified."""
    watch = Watch(database)
    queue.watch(database, "other", now=NOW)
    keep = store.save_run

    def little(database: Database, lease: Lease, *more: object, **named: object) -> store.SavedRun:
        if lease.target == TARGET:
            raise Unavailable("no room", where="records")
        return keep(database, lease, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "save_run", little)
    done = watch.cycle()
    assert [(d.record.verdict.target, d.saved is not None) for d in done] == [
        (TARGET, False),
        ("other", True),
    ]
    runs = 0
    for _ in range(60):
        watch.world.now += 60
        runs += len([d for d in watch.cycle() if d.saved is None])
    assert 10 <= runs <= 20  # every four minutes
    monkeypatch.undo()
    watch.world.now += worker.LATEST
    assert [d.saved is not None for d in watch.cycle() if d.record.verdict.target == TARGET] == [True]
    assert watch.worker.failure is None


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("broken")


@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit, MemoryError, RuntimeError, GeneratorExit])
def test_a_run_that_ends_in_the_middle_gives_its_claim_up(
    database: Database, ends: type[BaseException]
) -> None:
    def end() -> None:
        raise ends

    watch = Watch(database, end)
    with contextlib.suppress(ends):
        watch.cycle()
    assert free(database)


@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit, MemoryError, Unavailable("gone"), OSError()])
def test_a_run_that_cannot_be_kept_gives_its_claim_up(
    database: Database, ends: BaseException | type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(*_: object, **__: object) -> None:
        raise ends

    monkeypatch.setattr(store, "save_run", keep)
    watch = Watch(database)
    with contextlib.suppress(BaseException):
        watch.cycle()
    monkeypatch.undo()
    assert free(database)


@pytest.mark.parametrize("what", ["save_evidence", "save_mark", "notify"])
def test_a_side_file_or_a_notifier_that_fails_holds_no_claim(
    database: Database, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(database)
    watch.world.statement = b"{}"
    if what == "notify":
        monkeypatch.setattr(watch, "notify", broken)
        monkeypatch.setattr(store, "save_run", broken)
    else:
        monkeypatch.setattr(watch.side_files, what, broken)
    found = RunRecord(verdict=outcomes.verdict(Class.INVALID, TARGET), evidence=(outcomes.evidence(),))
    monkeypatch.setattr("anchor.monitor.cycle.Cycle.run", lambda _self, _target: found)
    with contextlib.suppress(RuntimeError, AnchorError):
        watch.cycle()
    monkeypatch.undo()
    assert free(database)


def test_a_claim_that_nobody_renews_is_not_ok(database: Database) -> None:
    """Its worker lives, and no run can be going on: it is over and was not recorded."""
    watch = Watch(database)
    assert watch.cycle()[0].saved is not None
    lease = queue.acquire(database, worker=worker_id.name(), now=NOW + 10, target=TARGET)
    assert isinstance(lease, Lease)
    for after, verdict in ((queue.SILENT - 1, Class.OK), (queue.SILENT + 2, Class.UNAVAILABLE)):
        found = status(database, now=NOW + 10 + after, alive=worker_id.alive)
        assert found.verdict is verdict
    assert "was not recorded" in found.targets[0].detail
    assert queue.renew(database, lease, now=NOW + 10 + queue.SILENT)
    assert status(database, now=NOW + 12 + queue.SILENT, alive=worker_id.alive).verdict is Class.OK


def test_a_worker_that_was_told_to_end_tries_once_more(database: Database) -> None:
    watch = Watch(database, lambda: refuse(database))
    assert watch.cycle()[0].saved is None
    take_again(database)
    watch.worker.close()
    assert free(database)


def test_a_database_that_is_opened_for_reading_says_whether_there_is_room(tmp_path: Path) -> None:
    with small(tmp_path) as disk:
        where = f"sqlite:///{disk}/home/records.db"
        with outcomes.opened(where):
            pass
        reading = open_database(where, create=False)
        try:
            assert reading.room()
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            assert not reading.room()
            found = status(reading, now=NOW)
            assert (found.verdict, "no room" in found.records) == (Class.UNAVAILABLE, True)
        finally:
            reading.close()


# -- what the records do not take is told past them, by the same rule ----------------------------------------


@SLOW_ON_POSTGRESQL
def test_each_cause_is_told_once_past_the_outbox_and_recovery_when_it_is_recorded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(database)

    def full(*_: object, **__: object) -> None:
        raise Unavailable("no room", where="records")

    def cycles(*found: AnchorError | None) -> list[str]:
        for one in found:
            watch.world.broken = {} if one is None else {TARGET: one}
            watch.world.now += 86400
            watch.cycle()
        said, watch.told = watch.told, []
        return [title.removeprefix("[anchor] ").split(":")[0] for title in said]

    harmless, fact = Refused("SHA-256 is aa"), Refused("SHA-256 is cc")
    with monkeypatch.context() as patched:
        patched.setattr(store, "save_run", full)
        assert cycles(harmless, harmless) == ["INVALID"]
        assert cycles(fact, fact) == ["INVALID"]  # another cause of the same class
        assert cycles(Unavailable("no answer"), fact) == []  # stands through what could not be told
        assert cycles(*([None, harmless] * 20)) != []  # it comes and goes
        assert len(cycles(*([None, harmless] * 20))) <= 41  # at most once a day
        watch.told.clear()
    assert cycles(None) == ["recovered"]
    assert cycles(None) == []


@SLOW_ON_POSTGRESQL
def test_who_puts_the_records_back_in_every_cycle_sends_eight_messages_a_day_and_the_rest_in_a_sum(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(database)
    assert watch.cycle()[0].saved is not None

    def lost() -> bytes:
        """The mark of a state that the records never had, another one each time."""
        found = high_water_mark.decode(high_water_mark.encode(database))
        assert found is not None
        assert found.history is not None
        head = msgspec.structs.replace(found.history, size=10_000 + int(watch.world.now))
        return high_water_mark.encode_mark(high_water_mark.Mark(history=head))

    monkeypatch.setattr(watch.side_files, "load_mark", lost)
    for _ in range(50):
        watch.world.now += 60
        watch.cycle()
    assert len(bodies(database)) == 8
    watch.world.now += 86400
    watch.cycle()
    *_, last = bodies(database)
    assert "put back 43 times since the last message" in last


def bodies(database: Database) -> list[str]:
    query = (
        sa.select(Notification.body).where(Notification.title.contains("put back")).order_by(Notification.id)
    )
    with database.read() as connection:
        return list(connection.execute(query).scalars())
