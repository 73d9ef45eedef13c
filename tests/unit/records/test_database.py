# SPDX-License-Identifier: Apache-2.0
"""A failure of the database is one line of ours, of the right class, without a password."""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from anchor.errors import AnchorError, Misuse, Unavailable, Unsupported
from anchor.records import database as databases
from anchor.records import queue, store
from anchor.records.database import Database, open_database
from anchor.records.migrations import chains_0013
from anchor.records.tables import Base
from tests.support.process.anchor_cli import anchor
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW, opened
from tests.support.releases import samples

BEFORE_DECISIONS = "0005"
"""The schema of records whose runs have no stored decision."""


def _table(name: str, row: dict[str, object]) -> sa.TableClause:
    """A table of an older schema."""
    return sa.table(name, *(sa.column(column) for column in row))


def _empty(request: pytest.FixtureRequest, folder: Path, engine: str) -> str:
    """The URL of an empty database."""
    from tests.support.records import postgres

    if engine == "sqlite":
        return f"sqlite:///{folder}/older.db"
    return postgres.new_database(request.getfixturevalue("postgresql"))


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_changes_nothing(database: Database, url: str) -> None:
    queue.watch(database, "a", now=NOW)
    with opened(url) as again:
        assert queue.targets(again) == ["a"]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_records_of_a_much_older_schema_are_taken_over(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    """Releases, bundles and targets that were there before the journal, with characters that need care."""
    fresh = _empty(request, tmp_path, engine)
    old = databases.Database(sa.create_engine(fresh), fresh)
    databases.upgrade(old, "0003")
    strange = 'prix "\u00e9\u2028\x1f\x01\n\x7f/\\'
    release = {"ledger": strange, "number": 1, "version": "1.0.0", "root": samples.HEX, "size": 3}
    release |= {"statement": b"{}", "statement_sha256": _sha256(b"{}"), "seen_ms": 1}
    anchor = {"release_id": 1, "origin": "o", "log_key": "k", "log_index": 7, "bundle": b"b"}
    anchor |= {"bundle_sha256": _sha256(b"b"), "time": "", "seen_ms": 1}
    claim = {"target": "a", "active": 1, "added_ms": 1, "due_ms": 1, "failing_runs": 0, "told": "OK"}
    claim |= {"release_id": 1}
    with old.write() as connection:
        for table, row in (("releases", release), ("anchors", anchor), ("claims", claim)):
            connection.execute(sa.insert(_table(table, row)), row)
        connection.execute(
            sa.text(
                "INSERT INTO runs (claim_id, slot_ms, worker, state, started_ms) "
                "VALUES (1, 1, 'w', 'running', 1)"
            )
        )
    old.close()
    with opened(fresh) as database:
        queue.watch(database, "b", now=NOW)
        assert outcomes.changed(database) == []
        with database.read() as connection:
            shown = connection.execute(
                sa.text(
                    "SELECT targets.target, releases.ledger, anchors.log_index FROM targets "
                    "JOIN releases ON releases.id = targets.release_id "
                    "JOIN anchors ON anchors.release_id = releases.id"
                )
            ).all()
        assert shown == [("a", strange, 7)]
        assert queue.targets(database) == ["a", "b"]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_records_from_before_decisions_were_stored_accuse_nobody_and_recover(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    """A decision of an older program by an unknown rule is not judged. Its notifications are remembered."""
    fresh = _empty(request, tmp_path, engine)
    old = databases.Database(sa.create_engine(fresh), fresh)
    databases.upgrade(old, BEFORE_DECISIONS)
    far = round(1000 * NOW) + 10**12
    claim = {"target": "a", "active": 1, "added_ms": 1, "due_ms": far, "failing_runs": 0}
    claim |= {"told": "INVALID", "last_class": "INVALID", "last_run_ms": 9}
    run = {"claim_id": 1, "slot_ms": 1, "worker": "w", "state": "running", "started_ms": 1}
    end = {"state": "finished", "ended_ms": 9, "verdict": "INVALID", "duration_ms": 1, "requests": 0}
    end |= {"facts": "{}", "notes": "[]", "seq": 1}
    columns = [n for n in chains_0013.CHAINS["runs"] if n != "decided"]
    row = {**dict.fromkeys(columns), "id": 1, **run, **end}
    copy = [1, "a", 1, None, 1]
    with old.write() as connection:
        connection.execute(sa.insert(_table("claims", claim)), claim)
        connection.execute(sa.insert(_table("runs", run)), run)
        ended = {**end, "chain": _chained("runs", [row[n] for n in columns])}
        runs = sa.table("runs", sa.column("id"), *(sa.column(n) for n in ended))
        connection.execute(sa.update(runs).where(runs.c.id == 1), ended)
        entry = {"seq": 1, "kind": "claims", "row_id": 1, "value": json.dumps(copy, separators=(",", ":"))}
        entry |= {"at_ms": 1}
        entry |= {"chain": _chained("journal", [*entry.values()])}
        connection.execute(sa.insert(_table("journal", entry)), entry)
    old.close()
    with opened(fresh) as database:
        assert outcomes.changed(database) == []
        lease = outcomes.taken(database, "a")
        found = outcomes.outcome(target="a")
        kept = store.save_run(database, lease, found, now=NOW, rules=store.RunRules())
        assert kept.message is not None  # people were told INVALID, and it is over
        assert outcomes.changed(database) == []


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _chained(table: str, values: list[object]) -> bytes:
    """The chain value of the first row of a table of version 0.1."""
    return hashlib.sha256(bytes(32) + msgspec.json.encode([table, values, []])).digest()


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
    assert kept.index == 2  # after the first event and the watched target: nothing of the failed run is there


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
