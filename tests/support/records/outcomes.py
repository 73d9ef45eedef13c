# SPDX-License-Identifier: Apache-2.0
"""Records on both engines, and outcomes to keep in them."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url

from anchor import merkle
from anchor.monitor.run_record import (
    ConsistencyProof,
    Evidence,
    ObservedAnchor,
    ObservedRelease,
    RunRecord,
    SignedCheckpoint,
)
from anchor.records import new_records, queue
from anchor.records.check import check
from anchor.records.database import Database, open_database
from anchor.records.queue import Lease
from anchor.records.tables import WORKING
from anchor.verdict import Check, Class, Verdict, passed
from tests.support.logs.simlog import SimLog
from tests.support.records import postgres, quick

NOW = 1_800_000_000.0
quick.install()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def like(postgresql: str) -> str:
    """The name of a database with empty records, to be copied."""
    made = postgres.new_database(postgresql)
    with opened(made):
        return str(make_url(made).database)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with empty records, to be copied."""
    made = tmp_path_factory.mktemp("empty") / "records.db"
    with opened(f"sqlite:///{made}"):
        return made


@pytest.fixture
def sqlite(empty: Path, tmp_path: Path) -> str:
    """The URL of new, empty records in SQLite."""
    shutil.copyfile(empty, tmp_path / "records.db")
    return f"sqlite:///{tmp_path}/records.db"


@pytest.fixture(scope="session")
def lender(postgresql: str, like: str) -> postgres.Lender:
    """Who lends databases with empty records."""
    return postgres.Lender(postgresql, like=like)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of empty records on each engine."""
    if request.param == "sqlite":
        yield str(request.getfixturevalue("sqlite"))
        return
    lender: postgres.Lender = request.getfixturevalue("lender")
    with lender.lent() as found:
        yield found


SLOW_ON_POSTGRESQL = pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
"""For a test that takes long, and shows nothing on PostgreSQL that shorter ones do not show."""


def on_both(rows: Sequence[tuple[object, ...]], *, one_of: int) -> list[Any]:
    """Each row on SQLite and on PostgreSQL; there all but one of so many are slow. `url` is first."""
    found = [pytest.param("sqlite", *row) for row in rows]
    for number, row in enumerate(rows):
        marks = [pytest.mark.slow] if number % one_of else []
        found.append(pytest.param("postgresql", *row, marks=marks))
    return found


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """New records on each engine."""
    with opened(url) as found:
        yield found


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The records at a URL, closed afterwards."""
    found = open_database(url)
    try:
        yield found
    finally:
        found.close()


def changed(database: Database) -> list[str]:
    """The problems with rows and events themselves, not with what a log or a publisher did."""
    own = {"history", "projections", "proofs", "decisions", "documents"}
    return [f"{c.name}: {c.detail}" for c in check(database).checks if c.demotes and c.name in own]


def unlock(connection: Connection) -> None:
    """Remove what keeps the history from being changed, as somebody with the database's password can."""
    for name in new_records.TRIGGERS[connection.dialect.name]:
        on = "" if connection.dialect.name == "sqlite" else f" ON {name.split('_')[0]}"
        connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")


def lose_working_state(database: Database) -> None:
    """Remove every row that is not of the history and does not follow from it."""
    with database.write() as connection:
        for table in WORKING:
            connection.execute(sa.delete(table))


def taken(
    database: Database, target: str = "a/release.json", *, now: float = NOW, worker: str = "w1"
) -> Lease:
    """A claim on a target that is added if need be."""
    queue.watch(database, target, now=now)
    lease = queue.acquire(database, worker=worker, now=now, target=target)
    assert isinstance(lease, Lease)
    return lease


def due(database: Database, *, now: float) -> list[str]:
    """The targets that a worker would take now, longest due first. All are given up again."""
    leases = list(iter(lambda: queue.acquire(database, worker="who asks", now=now), None))
    for lease in leases:
        assert isinstance(lease, Lease)
        queue.abandon_run(database, lease, now=now)
    return [lease.target for lease in leases if isinstance(lease, Lease)]


def overdue(database: Database, *, now: float) -> bool:
    """True if any target is due; none is taken."""
    return any(one.due <= now for one in queue.watched(database))


def verdict(found: Class = Class.OK, target: str = "a/release.json", detail: str = "as it was") -> Verdict:
    """A verdict of this class with a check that explains it."""
    check = passed("root", detail)
    if found is not Class.OK:
        check = Check(name="root", state="unknown", detail=detail, demotes=found)
    return Verdict(kind="run", target=target, verdict=found, checks=(check,), facts={"size": 3})


def outcome(found: Class = Class.OK, target: str = "a/release.json", **more: object) -> RunRecord:
    """An outcome of this class; `more` are its other members."""
    return RunRecord(verdict=verdict(found, target), duration=0.25, requests=2, **more)  # type: ignore[arg-type]


def signed(log: SimLog, size: int | None = None) -> SignedCheckpoint:
    """A checkpoint of a simulated log as it is kept."""
    head = log.head(size)
    return SignedCheckpoint(
        origin=head.origin, log_key=log.key.vkey, size=head.size, root=head.root, note=head.raw, source="sim"
    )


def consistency(log: SimLog, old: int, new: int) -> ConsistencyProof:
    """The proof between two sizes of a simulated log."""
    hashes = merkle.consistency_proof(log.tree.levels[0][:new], old)
    if old & (old - 1) == 0:  # then the proof leaves the older root out, and the path does not
        hashes = [log.tree.root(old), *hashes]
    return ConsistencyProof(
        origin=log.origin,
        old_size=old,
        old_root=log.tree.root(old),
        new_size=new,
        new_root=log.tree.root(new),
        hashes=tuple(hashes),
    )


def release(
    number: int = 1,
    statement: bytes = b"{}",
    ledger: str = "prices",
    *,
    version: str = "",
    root: str = "ab" * 32,
) -> ObservedRelease:
    """A verified release."""
    anchor = ObservedAnchor(origin="log.example", log_key="k", log_index=7, bundle=b"bundle" + statement)
    return ObservedRelease(
        ledger=ledger,
        number=number,
        version=version or f"v{number}",
        root=root,
        size=3,
        statement=statement,
        anchors=(anchor,),
    )


def evidence(document: bytes = b"two notes", origin: str = "log.example") -> Evidence:
    return Evidence(kind="fork", origin=origin, document=document)
