# SPDX-License-Identifier: Apache-2.0
"""Records of version 0.1 become a history once their chains were checked; changed ones are refused.

`tests/support/records/records_0013.sql` was written by the program of schema 0013: targets that were
forgotten and watched again, an open run, a pruned chain, messages, evidence, a log that was read whole.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from anchor.errors import Refused
from anchor.format.history_events import RecordsBegan, RunEnded
from anchor.records import check, event_log, high_water_mark, history_check, queue
from anchor.records import database as databases
from anchor.records.database import Database
from tests.support.process import crash
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled_in_parts
from tests.support.records import outcomes, postgres

OLD = Path(__file__).parents[2] / "support" / "records" / "records_0013.sql"
NOW = outcomes.NOW + 30 * 86400


def _rows() -> dict[str, list[dict[str, object]]]:
    """The rows of the old records, by table, in an order in which their references hold."""
    with contextlib.closing(sqlite3.connect(":memory:")) as read:
        read.row_factory = sqlite3.Row
        read.executescript("PRAGMA foreign_keys=OFF;" + OLD.read_text())
        names = [
            r[0] for r in read.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
        ]
        return {n: [dict(r) for r in read.execute(f"SELECT * FROM {n}")] for n in names}


def _fill(url: str) -> None:
    """Make records of schema 0013 with these rows, without the triggers of SQLite."""
    old = Database(sa.create_engine(url), url)
    databases.upgrade(old, "0013")
    tables = sa.MetaData()
    with old.write() as connection:
        tables.reflect(connection)
        if old.dialect == "postgresql":
            connection.execute(sa.text("SET session_replication_role = replica"))
        else:
            triggers = connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            for (trigger,) in triggers.all():
                connection.execute(sa.text(f"DROP TRIGGER {trigger}"))
        rows = _rows()
        for table in tables.sorted_tables:
            if table.name != "alembic_version" and rows[table.name]:
                connection.execute(sa.insert(table), rows[table.name])
    old.close()


@pytest.fixture(scope="module")
def old_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the old records, to be copied."""
    made = tmp_path_factory.mktemp("old") / "old.db"
    _fill(f"sqlite:///{made}")
    return made


@pytest.fixture(scope="module")
def old_database(postgresql: str) -> str:
    """The name of a database of PostgreSQL with the old records, to be copied."""
    made = postgres.new_database(postgresql)
    _fill(made)
    return str(sa.make_url(made).database)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def old_url(request: pytest.FixtureRequest, engine: str) -> str:
    """The URL of the old records on each engine."""
    if engine == "sqlite":
        copy = request.getfixturevalue("tmp_path") / "old.db"
        shutil.copyfile(request.getfixturevalue("old_file"), copy)
        return f"sqlite:///{copy}"
    like = request.getfixturevalue("old_database")
    return postgres.new_database(request.getfixturevalue("postgresql"), like=like)


def _column(database: Database, query: str) -> list[object]:
    with database.read() as connection:
        return list(connection.execute(sa.text(query)).scalars())


def test_each_row_becomes_an_event_and_the_state_stays(old_url: str) -> None:
    old = _rows()
    with outcomes.opened(old_url) as database:
        with database.read() as connection:
            found = history_check.examine(connection)
            assert {name: problems for name, (problems, _) in found.items() if problems} == {}
            began = event_log.event(connection, 0)
            runs = [
                event_log.event(connection, index)
                for index in connection.execute(
                    sa.text("SELECT leaf_index FROM events WHERE kind = 'run-ended' ORDER BY leaf_index")
                ).scalars()
            ]
            targets = connection.execute(sa.text("SELECT * FROM targets ORDER BY id")).mappings().all()
        assert isinstance(began, RecordsBegan)
        assert {name: len(ends) for name, ends in began.imported.items()} == {
            "runs": 8,
            "checkpoints": 8,
            "evidence": 1,
            "prunes": 1,
            "journal": 18,
        }
        ended = [row for row in old["runs"] if row["seq"] is not None]
        assert len(runs) == len(ended)
        for run, row in zip(runs, ended, strict=True):
            assert isinstance(run, RunEnded)
            assert (run.worker, run.state, run.verdict) == (row["worker"], row["state"], row["verdict"])
            checks = [c for c in old["checks"] if c["run_id"] == row["id"]]
            assert [(c.name, c.detail) for c in run.checks] == [(c["name"], c["detail"]) for c in checks]
        same: tuple[str, ...] = (
            "target",
            "active",
            "interval_s",
            "added_ms",
            "last_class",
            "last_run_ms",
            "last_good_ms",
        )
        same += ("failing_runs", "failing_since_ms", "notified", "alarm", "policy_path", "policy_sha256")
        assert [[t[n] for n in same] for t in targets] == [[t[n] for n in same] for t in old["targets"]]
        work = _column(database, "SELECT due_ms FROM work ORDER BY claim_id")
        assert work == [t["due_ms"] for t in old["targets"]]
        for name in ("checkpoints", "proofs", "evidence", "releases", "anchors", "statuses", "notifications"):
            assert _column(database, f"SELECT count(*) FROM {name}") == [len(old[name])]
        assert queue.watched(database)


def test_records_of_version_0_1_go_on_under_their_mark(old_url: str) -> None:
    """The mark of that version has the ends of the chains, which the first event remembers."""
    old = _rows()
    names = {"runs": "runs", "checkpoints": "checkpoints", "evidence": "evidence", "prunes": "prunes"}
    ends = {}
    for name, table in {**names, "journal": "journal"}.items():
        row = max((r for r in old[table] if r["seq"] is not None), key=lambda r: int(str(r["seq"])))
        ends[name] = (row["seq"], bytes(row["chain"]).hex())  # type: ignore[call-overload]
    mark = high_water_mark.Mark(format="urn:ledger-anchor:mark:v1", ends=ends)  # type: ignore[arg-type]
    with outcomes.opened(old_url) as database:
        assert high_water_mark.compare(database, mark).demotes is None
        number, value = ends["runs"]
        lost = {**ends, "runs": (int(str(number)) + 1, value)}
        later = high_water_mark.Mark(format="urn:ledger-anchor:mark:v1", ends=lost)  # type: ignore[arg-type]
        assert "runs end at" in high_water_mark.compare(database, later).detail
        other = {**ends, "runs": (number, "ab" * 32)}
        edited = high_water_mark.Mark(format="urn:ledger-anchor:mark:v1", ends=other)  # type: ignore[arg-type]
        assert "is not the one" in high_water_mark.compare(database, edited).detail


def _upgraded(url: str) -> list[list[object]]:
    """Open the records: the kinds of all events, and the due times."""
    with outcomes.opened(url) as database, database.read() as connection:
        rows: list[list[object]] = [[row.kind] for row in event_log.stored(connection)]
        kept = connection.execute(sa.text("SELECT claim_id, due_ms FROM work ORDER BY claim_id")).all()
        return [*rows, *map(list, kept)]


@sampled_in_parts(100, 6)
def test_killed_anywhere_the_upgrade_is_made_as_a_whole_by_the_next_command(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path, every: int, part: slice
) -> None:
    def old(number: int) -> str:
        if engine == "postgresql":
            like = request.getfixturevalue("old_database")
            return postgres.new_database(request.getfixturevalue("postgresql"), like=like)
        shutil.copyfile(request.getfixturevalue("old_file"), tmp_path / f"{number}.db")
        return f"sqlite:///{tmp_path}/{number}.db"

    counted = Killer()
    wanted = crash.forked(partial(_upgraded, old(0)), killer=counted)
    points = crash.points(counted)[::-every]
    assert len(points) > 2
    points = points[part]
    for number, torn in points:
        url = old(number)
        assert crash.forked(partial(_upgraded, url), killer=Killer(at=number, torn=torn)) is None
        with contextlib.closing(Database(sa.create_engine(url), url)) as left, left.read() as connection:
            version = sa.text("SELECT version_num FROM alembic_version")
            assert connection.execute(version).scalar_one() == "0013"
        assert crash.forked(partial(_upgraded, url)) == wanted, number


def test_two_processes_that_find_older_records_at_once_upgrade_them_once(old_url: str) -> None:
    both = [crash.start(partial(_upgraded, old_url)) for _ in range(2)]
    first, second = [one.result() for one in both]
    assert first == second
    assert len(first) > 1


EDITS = [
    "UPDATE checkpoints SET seen_ms = seen_ms - 1 WHERE seq = 2",
    "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE seq = 1) WHERE seq = 2",
    "DELETE FROM checkpoints WHERE seq = 2",
    "DELETE FROM sightings; DELETE FROM checkpoints WHERE seq = 8",
    "UPDATE runs SET verdict = 'OK' WHERE verdict <> 'OK'",
    "UPDATE runs SET facts = '[' WHERE seq = 5",
    "UPDATE runs SET chain = NULL WHERE seq = 5",
    "UPDATE runs SET decided = '{}' WHERE seq = 5",
    "UPDATE checks SET detail = 'fine'",
    "DELETE FROM checks WHERE position = 0",
    "UPDATE targets SET active = 0",
    "UPDATE targets SET interval_s = 604800",
    "UPDATE releases SET seen_ms = 1",
    "UPDATE releases SET statement = 'x'",
    "UPDATE anchors SET log_index = 8",
    "UPDATE evidence SET document = 'x'",
    "DELETE FROM anchors",
    "DELETE FROM journal WHERE seq = 1",
    "UPDATE journal SET value = '[1]' WHERE seq = 1",
    "UPDATE trust SET document = '{}'",
    "UPDATE prunes SET counts = '{}'",
    "UPDATE statuses SET bundles = '[]'",
    "UPDATE named_entries SET body = 'x'",
]


@pytest.mark.parametrize("edit", EDITS)
def test_changed_records_of_version_0_1_are_refused_and_stay_as_they_are(
    tmp_path: Path, old_file: Path, edit: str
) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    shutil.copyfile(old_file, tmp_path / "old.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as owner, owner:
        for part in edit.split("; "):
            assert owner.execute(part.replace("= 'x'", "= X'78'")).rowcount > 0
    if edit == "DELETE FROM sightings; DELETE FROM checkpoints WHERE seq = 8":
        # The end of a chain that was cut off shows only in the mark.
        with outcomes.opened(url) as database:
            mark = high_water_mark.Mark(format="urn:ledger-anchor:mark:v1", ends={"checkpoints": (8, "00")})
            assert high_water_mark.compare(database, mark).demotes is not None
        return
    before = list(_dump(tmp_path / "old.db"))
    for _ in range(2):
        with pytest.raises(Refused, match="are not taken over, since they were changed"):
            databases.open_database(url)
        assert list(_dump(tmp_path / "old.db")) == before


def _dump(file: Path) -> Iterator[str]:
    with contextlib.closing(sqlite3.connect(file)) as read:
        yield from read.iterdump()


def test_new_records_and_taken_over_ones_have_one_schema(
    request: pytest.FixtureRequest, engine: str, old_url: str, tmp_path: Path
) -> None:
    """The same tables with the same columns, indexes and constraints, and the same triggers."""
    new = f"sqlite:///{tmp_path}/new.db"
    if engine == "postgresql":
        new = postgres.new_database(request.getfixturevalue("postgresql"))
    made = []
    for url in (old_url, new):
        with outcomes.opened(url) as database, database.read() as connection:
            inspector = sa.inspect(connection)
            made.append({name: _described(inspector, name) for name in sorted(inspector.get_table_names())})
            schema = {c.name: c for c in check.check(database).checks}["schema"]
            assert schema.demotes is None
    assert made[0] == made[1]


def _described(inspector: sa.Inspector, table: str) -> object:
    columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)}
    names = [str(one["name"]) for one in inspector.get_indexes(table)]
    names += [str(one["name"]) for one in inspector.get_unique_constraints(table)]
    return columns, sorted(names), inspector.get_pk_constraint(table)["constrained_columns"]


def test_no_document_that_an_event_names_can_go_or_change_unseen(tmp_path: Path, old_file: Path) -> None:
    """These records have events of each kind that names documents; only heads were not anchored then."""
    shutil.copyfile(old_file, tmp_path / "old.db")
    with outcomes.opened(f"sqlite:///{tmp_path}/old.db") as database, database.write() as connection:
        outcomes.unlock(connection)
        assert history_check.examine(connection)["documents"][0] == []
        digests = list(connection.execute(sa.text("SELECT sha256 FROM blobs")).scalars())
        assert len(digests) > 10
        for digest in digests:
            for edit in ("DELETE FROM blobs", "UPDATE blobs SET data = X'00'"):
                with connection.begin_nested() as edited:
                    connection.execute(sa.text(f"{edit} WHERE sha256 = :digest"), {"digest": digest})
                    problems, _ = history_check.examine(connection)["documents"]
                    assert digest in problems[0]
                    edited.rollback()
