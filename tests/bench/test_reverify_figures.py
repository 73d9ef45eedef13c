# SPDX-License-Identifier: Apache-2.0
"""The figures of re-verification: requests to the log, CPU a release, memory over four thousand runs."""

import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor import merkle
from anchor.monitor.interfaces import LogLocation
from anchor.records import queue, store
from anchor.records.database import Database
from anchor.tlog import checkpoint, follow
from anchor.tlog.tile_reader import TileReader
from anchor.watch.worker import Worker, WorkerConfig
from tests.support.logs.simlog import SimLog, Tree
from tests.support.records.outcomes import NOW, opened
from tests.support.records.reverified import WatchedRelease, WatchHost

pytestmark = [pytest.mark.bench, pytest.mark.slow]

RELEASES = 1000


class Cache(dict[str, bytes]):
    """Tiles that outlive a cycle, as the folder of a watch does."""

    def put(self, path: str, data: bytes) -> None:
        self[path] = data


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(f"sqlite:///{tmp_path}/records.db") as found:
        yield found


class Fleet(WatchedRelease):
    """A thousand releases, each with an entry of its own in one log."""

    step = 1
    cpu = 0.0

    def cycle_of_all(self) -> int:
        """One cycle over all of them; returns the requests made to the log."""
        before, cycle = sum(self.log.reads.values()), self.cycle()
        began = time.process_time()
        for n in range(RELEASES):
            self.index = n * self.step
            self.body = self.log.stored[self.index]
            target = f"{n}/release.json"
            lease = queue.acquire(self.database, worker="w", now=self.now, target=target)
            assert isinstance(lease, queue.Lease)
            outcome = cycle.run(target)
            assert outcome.verdict.exit_code == 0, outcome.verdict.checks
            store.save_run(self.database, lease, outcome, now=self.now, rules=store.RunRules())
        self.cpu = (time.process_time() - began) / RELEASES
        self.now += 86400
        return sum(self.log.reads.values()) - before


@pytest.mark.parametrize("step", [1, 100])
def test_requests_and_cpu_of_a_thousand_releases_in_one_log(database: Database, step: int) -> None:
    """Beside each other, and spread so that each has an entry bundle of its own in most cases."""
    log = SimLog().grow(RELEASES * step + 7)
    fleet = Fleet(database, log=log)
    fleet.step, fleet.then = step, None
    fleet.place = LogLocation(log=log.log, name="sim", reader=log, cache=Cache())
    queue.watch_all(database, [f"{n}/release.json" for n in range(RELEASES)], now=NOW)
    first = fleet.cycle_of_all()
    again = fleet.cycle_of_all()
    print(f"step {step}: {first} requests at first, {again} then, {1000 * fleet.cpu:.1f} ms CPU a release")
    assert first <= 1.2 * RELEASES
    assert again < 20
    assert fleet.cpu < 2 * 0.020  # twice the figure: another processor may be half as fast


def test_a_log_of_a_million_grown_by_a_tenth_needs_few_tiles() -> None:
    log = SimLog()
    log.tree = Tree(merkle.leaf_hash(b"%d" % n) for n in range(1_000_000))
    held = checkpoint.verify(log.sign(), log.log)
    log.tree.extend(merkle.leaf_hash(b"%d" % n) for n in range(1_000_000, 1_100_000))
    log.reads.clear()
    found = follow.follow(log, log.log, held=[held])
    assert found.news is follow.News.GROWN
    assert isinstance(found.reader, TileReader)
    path = found.reader.inclusion_proof(765_432)
    leaf = merkle.leaf_hash(b"765432")
    merkle.verify_inclusion(leaf, 765_432, found.head.size, path, found.head.root)
    print(f"{log.reads['tile']} tiles")
    assert log.reads["tile"] <= 60


def resident() -> int:
    """Bytes of memory this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


RUNS = 4000
LOST = 1 << 10
"""Bytes that a run may leave in memory. 70 are left once the memory of the process has its size, which takes
a thousand runs and 1.5 MB."""


@pytest.mark.timeout(1800)
def test_memory_is_flat_over_four_thousand_runs(database: Database) -> None:
    """From the first fifth on, when all is imported and the caches are full."""
    world = WatchedRelease(database)
    queue.watch(database, "a/release.json", now=world.now, interval=60)
    worker = Worker(database, WatchHost(world), WorkerConfig(name="w"))
    marks = []
    for n in range(RUNS + 1):
        (done,) = worker.cycle()
        assert done.record.verdict.exit_code == 0
        world.now += 3600
        world.log.reads.clear()
        world.log.paths.clear()
        if n % (RUNS // 5) == 0:
            gc.collect()
            marks.append(resident())
    print(f"{[m >> 10 for m in marks]} KiB")
    assert marks[-1] - marks[1] < LOST * RUNS * 4 // 5
