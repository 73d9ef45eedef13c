# SPDX-License-Identifier: Apache-2.0
"""Records on both engines, and outcomes to keep in them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from anchor import merkle
from anchor.monitor.run_record import (
    ConsistencyProof,
    Evidence,
    ObservedAnchor,
    ObservedRelease,
    RunRecord,
    SignedCheckpoint,
)
from anchor.records import queue
from anchor.records.database import Database, open_database
from anchor.records.queue import Lease
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


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of new, empty records on each engine."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite"))
    return postgres.new_database(request.getfixturevalue("postgresql"), like=request.getfixturevalue("like"))


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
