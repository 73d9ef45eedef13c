# SPDX-License-Identifier: Apache-2.0
"""A failure of the database is one line of ours, of the right class, without a password."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from anchor.errors import AnchorError, Misuse, Unavailable, Unsupported
from anchor.records import audit_log, hash_chain, queue, store
from anchor.records import database as databases
from anchor.records.check import check
from anchor.records.database import Database, open_database
from anchor.records.tables import Anchor, Base, Release, Run, Target
from tests.support.process.anchor_cli import anchor
from tests.support.records import outcomes, quick
from tests.support.records.outcomes import NOW, opened
from tests.support.releases import samples

BEFORE_DECISIONS = "0005"
"""The schema of records whose runs have no stored decision."""


def _claims(row: dict[str, object]) -> sa.TableClause:
    """The table of targets, as schemas before 0010 name it."""
    return sa.table("claims", *(sa.column(name) for name in row))


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_the_records_of_the_tests_have_the_schema_that_the_migrations_make(tmp_path: Path) -> None:
    dumps = []
    for name, upgrade in (("migrated", quick.migrated), ("quick", quick.upgrade)):
        file = tmp_path / f"{name}.db"
        made = databases.Database(sa.create_engine(f"sqlite:///{file}"), name)
        upgrade(made)
        made.close()
        with contextlib.closing(sqlite3.connect(file)) as read:
            dumps.append(list(read.iterdump()))
    assert dumps[0] == dumps[1]


def test_opening_again_changes_nothing(database: Database, url: str) -> None:
    queue.watch(database, "a", now=NOW)
    with opened(url) as again:
        assert queue.targets(again) == ["a"]


def test_records_of_the_schema_before_are_brought_up_to_date(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Releases, anchors and claims that are there already are written down in the journal as they stand."""
    from tests.support.records import postgres

    for fresh in (
        f"sqlite:///{tmp_path}/new.db",
        postgres.new_database(request.getfixturevalue("postgresql")),
    ):
        old = databases.Database(sa.create_engine(fresh), fresh)
        databases.upgrade(old, "0003")
        strange = 'prix "\u00e9\u2028\x1f\x01\n\x7f/\\'
        release = {"ledger": strange, "number": 1, "version": "1.0.0", "root": samples.HEX, "size": 3}
        release |= {"statement": b"{}", "statement_sha256": "00", "seen_ms": 1}
        anchor = {"release_id": 1, "origin": "o", "log_key": "k", "log_index": 7, "bundle": b"b"}
        anchor |= {"bundle_sha256": "00", "time": "", "seen_ms": 1}
        claim = {"target": "a", "active": 1, "added_ms": 1, "due_ms": 1, "failing_runs": 0, "told": "OK"}
        run = {"claim_id": 1, "slot_ms": 1, "worker": "w", "state": "running", "started_ms": 1}
        ended = "UPDATE runs SET state = 'finished', seq = id, ended_ms = id, release_id = 1, chain = :c"
        with old.write() as connection:
            for table, row in (
                (Release, release),
                (Anchor, anchor),
                (_claims(claim), claim),
                (Run, run),
                (Run, {**run, "slot_ms": 2}),
            ):
                connection.execute(sa.insert(table), row)
            connection.execute(sa.text(ended), {"c": bytes(32)})
        old.close()
        with opened(fresh) as database:
            queue.watch(database, "b", now=NOW)
            found = {c.name: c.state for c in check(database).checks}
            assert found["journal-chain"] == found["journal"] == "passed"
            with database.read() as connection:
                assert connection.execute(sa.text("SELECT id, release_id, seen_ms FROM shown")).all() == [
                    (1, 1, 1)
                ]


def test_records_from_before_decisions_were_stored_accuse_nobody_and_recover(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A decision of an older program by an unknown rule is not judged. Its notifications are remembered."""
    from tests.support.records import postgres

    for fresh in (
        f"sqlite:///{tmp_path}/older.db",
        postgres.new_database(request.getfixturevalue("postgresql")),
    ):
        old = databases.Database(sa.create_engine(fresh), fresh)
        databases.upgrade(old, BEFORE_DECISIONS)
        far = round(1000 * NOW) + 10**12
        claim = {"target": "a", "active": 1, "added_ms": 1, "due_ms": far, "failing_runs": 0}
        claim |= {"told": "INVALID", "last_class": "INVALID", "last_run_ms": 9}
        run = {"claim_id": 1, "slot_ms": 1, "worker": "w", "state": "running", "started_ms": 1}
        end = {"state": "finished", "ended_ms": 9, "verdict": "INVALID", "duration_ms": 1, "requests": 0}
        end |= {"facts": "{}", "notes": "[]", "seq": 1}
        row = {**dict.fromkeys(hash_chain.COLUMNS[Run]), "id": 1, **run, **end}
        with old.write() as connection:
            connection.execute(sa.insert(_claims(claim)), claim)
            connection.execute(sa.insert(Run), run)
            link = hash_chain.link(hash_chain.START, Run, row)
            connection.execute(sa.update(Run).where(Run.id == 1), {**end, "chain": link})
            audit_log.write(connection, Target, {**claim, "id": 1, "interval_s": None}, 1)
        old.close()
        with opened(fresh) as database:
            assert {c.name for c in check(database).checks if c.demotes} == set()
            kept = store.save_run(
                database,
                outcomes.taken(database, "a"),
                outcomes.outcome(target="a"),
                now=NOW,
                rules=store.RunRules(),
            )
            assert kept.message is not None  # people were told INVALID, and it is over
            assert {c.name for c in check(database).checks if c.demotes} == set()


def test_workers_that_start_together_migrate_once(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    from tests.support.records import postgres

    for fresh in (
        f"sqlite:///{tmp_path}/new.db",
        postgres.new_database(request.getfixturevalue("postgresql")),
    ):
        failures: list[BaseException] = []

        def start(fresh: str = fresh, failures: list[BaseException] = failures) -> None:
            try:
                with opened(fresh):
                    pass
            except AnchorError as e:
                failures.append(e)

        threads = [threading.Thread(target=start) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []


def test_records_of_a_newer_program_are_unsupported(database: Database, url: str) -> None:
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unsupported, match="schema 9999"):
        open_database(url)


@pytest.mark.parametrize("bad", ["", "nonsense", "mysql://h/d", "oracle://h", "sqlite+aiosqlite:///x"])
def test_a_url_that_is_none_of_ours_is_misuse(bad: str) -> None:
    with pytest.raises(Misuse):
        open_database(bad)


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("postgresql://joe:hunter2@127.0.0.1:1/d", Unavailable),
        ("postgresql://joe:hunter2@nosuch.invalid/d", Unavailable),
    ],
)
def test_a_server_that_is_not_there_is_unavailable_and_no_password_is_shown(
    where: str, kind: type[AnchorError]
) -> None:
    with pytest.raises(kind) as caught:
        open_database(where)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_does_not_exist_is_misuse(postgresql: str) -> None:
    gone = sa.make_url(postgresql).set(database="nosuch").render_as_string(hide_password=False)
    with pytest.raises(Misuse, match="no such database"):
        open_database(gone)


def test_a_read_only_server_is_misuse(database: Database) -> None:
    if database.dialect != "postgresql":
        return
    update = "SET TRANSACTION READ ONLY; UPDATE targets SET notified = notified"
    with pytest.raises(Misuse, match="read-only"), database.write() as connection:
        connection.execute(sa.text(update))


def test_a_file_that_is_no_database_is_misuse(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database, but long enough to be read as one" * 99)
    with pytest.raises(Misuse, match="not a SQLite database"):
        open_database(f"sqlite:///{tmp_path}/x.db")


def test_a_folder_in_the_place_of_the_file_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misuse):
        open_database(f"sqlite:///{tmp_path}")


def test_reading_makes_no_records(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="no records here"):
        open_database(f"sqlite:///{tmp_path}/none.db", create=False)
    assert not (tmp_path / "none.db").exists()


def test_reading_writes_nothing(sqlite: str) -> None:
    reading = open_database(sqlite, create=False)
    try:
        with pytest.raises(Misuse, match="read-only"):
            queue.watch(reading, "a", now=NOW)
    finally:
        reading.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "BUSY_MS", 50)


@pytest.mark.usefixtures("impatient")
def test_a_locked_database_is_unavailable(sqlite: str, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with opened(sqlite) as database, pytest.raises(Unavailable, match="locked"):
            queue.watch(database, "a", now=NOW)
    finally:
        other.close()


@pytest.fixture
def small(sqlite: str) -> Iterator[Database]:
    """Records whose disk is full after a few pages more."""
    with opened(sqlite) as database:
        yield database


def test_a_full_disk_is_unavailable_and_keeps_nothing(small: Database) -> None:
    lease = outcomes.taken(small)
    found = outcomes.outcome(evidence=(outcomes.evidence(b"x" * 500_000),))
    with small.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(Unavailable, match="no room"):
        store.save_run(small, lease, found, now=NOW, rules=store.RunRules())
    kept = store.save_run(small, lease, outcomes.outcome(), now=NOW, rules=store.RunRules())
    assert kept.seq == 1


def test_a_file_that_is_gone_or_another_takes_nothing_until_it_is_opened_again(
    sqlite: str, tmp_path: Path
) -> None:
    file = tmp_path / "records.db"
    with opened(sqlite) as database:
        queue.watch(database, "a", now=NOW)
        assert not database.reopened()
        file.rename(tmp_path / "old.db")
        with pytest.raises(Unavailable, match="deleted or replaced"):
            queue.watch(database, "b", now=NOW)
        file.mkdir()
        with pytest.raises(Misuse):
            database.reopened()
        with pytest.raises(Misuse):  # and nothing until that has worked
            queue.targets(database)
        file.rmdir()
        assert database.reopened()
        assert queue.targets(database) == []
        assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_is_replaced_within_a_transaction_has_not_kept_it(sqlite: str, tmp_path: Path) -> None:
    def replaced(database: Database) -> None:
        with database.write() as connection:
            connection.execute(sa.text("UPDATE targets SET notified = notified"))
            (tmp_path / "records.db").unlink()

    with opened(sqlite) as database, pytest.raises(Unavailable, match="deleted or replaced"):
        replaced(database)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/home/r.db"):
        assert (tmp_path / "home" / "r.db").stat().st_mode & 0o077 == 0
        assert (tmp_path / "home").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("command", ["status", "records check", "history"])
@pytest.mark.parametrize("secret", ["user:s3cret@127.0.0.1:9/db", "user@127.0.0.1:9/db?sslpassword=s3cret"])
def test_no_password_of_the_database_reaches_an_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, secret: str
) -> None:
    monkeypatch.setenv("ANCHOR_DATABASE_URL", f"postgresql://{secret}")
    for form in ((), ("--json",)):
        ran = anchor(*command.split(), "--home", tmp_path, *form)
        assert ran.code == 3
        assert "s3cret" not in ran.out + ran.err
        assert "127.0.0.1:9" in ran.out + ran.err
        assert ": the database cannot be reached" in ran.line


@pytest.mark.parametrize("command", ["reverify", "watch"])
def test_a_target_with_a_password_is_refused_before_it_is_written_down(tmp_path: Path, command: str) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("ledger = 'x'\n[[signer]]\nidentity = 'a'\nissuer = 'b'\n")
    words = ("https://user:s3cret@127.0.0.1:9/release.json", "--policy", policy, "--home", tmp_path / "h")
    ran = anchor(command, *words)
    assert (ran.code, "s3cret" in ran.out + ran.err) == (2, False)
    assert "a URL with a user name or password in it" in ran.line
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()]
