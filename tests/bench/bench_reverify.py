# SPDX-License-Identifier: Apache-2.0
"""The cost of re-verification: requests to the log, CPU a release, tile reads after growth, memory for years.

Run: python -m tests.bench.bench_reverify [--releases 1000] [--others 999] [--growth 100000] [--runs 10000].
The releases lie `others` entries apart in one log on loopback, so that each is in an entry bundle of its own:
the worst case for requests. The program under test is the command, in processes of its own: requests are
counted by the server, CPU is what the kernel says of the process, start included.
"""

import argparse
import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.logs.many_releases import Many, publish_many
from tests.support.servers.log_server import LogServer, serve_logs

ROOT = Path(__file__).resolve().parents[2]
PAGE = resource.getpagesize()


@dataclass(frozen=True)
class Cycle:
    """One `anchor reverify` of so many releases: requests to the log by kind, and CPU seconds."""

    releases: int
    requests: Counter[str]
    cpu: float

    @property
    def total(self) -> int:
        return self.requests.total()

    @property
    def cpu_each(self) -> float:
        """Milliseconds of CPU for one release."""
        return 1000 * self.cpu / self.releases


@dataclass
class ManyReleases:
    """Many releases, the server of their log, and a watcher's home."""

    many: Many
    server: LogServer
    folder: Path

    def command(self, *words: object) -> list[str]:
        policy = self.many.policy(self.server.log_url("log"))
        given = ("--policy", policy, "--home", self.folder / "watcher")
        return [sys.executable, "-m", "anchor", *map(str, (*words, *given))]

    def cycle(self, *targets: Path) -> Cycle:
        """Re-verify these releases in one process, or all that are watched; every one must be OK."""
        self.server.since()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            self.command("reverify", *targets, "--quiet"), env=_env(), capture_output=True, text=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert (done.returncode, done.stdout) == (0, ""), (done.stdout[-2000:], done.stderr[-2000:])
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cycle(len(targets) or len(self.many.targets), self.server.since(), cpu)

    def runs(self) -> int:
        """Finished runs in the watcher's records."""
        name = self.folder / "watcher" / "records.db"
        if not name.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{name}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT COUNT(*) FROM runs WHERE state = 'finished'").fetchone()[0])


@contextlib.contextmanager
def world(folder: Path, releases: int, others: int) -> Iterator[ManyReleases]:
    """Publish the releases and serve their log."""
    many = publish_many(folder, releases, others=others)
    with serve_logs(log=many.log) as server:
        yield ManyReleases(many, server, folder)


def measure_growth(found: ManyReleases, growth: int, *, cold: bool) -> Cycle:
    """Re-verify one release after the log has grown; `cold` without the cache of tiles."""
    found.many.log.grow(growth, tag="grown")
    if cold:
        subprocess.run(["rm", "-rf", str(found.folder / "watcher" / "tiles")], check=True)
    return found.cycle(found.many.targets[0])


@dataclass(frozen=True)
class Memory:
    """Resident bytes of `anchor watch` by the number of runs that it has made."""

    samples: list[tuple[int, int]]

    @property
    def slope(self) -> float:
        """Bytes a run over the second half, by least squares: the first half fills caches and pools."""
        half = self.samples[len(self.samples) // 2 :]
        mean_x = sum(x for x, _ in half) / len(half)
        mean_y = sum(y for _, y in half) / len(half)
        spread = sum((x - mean_x) ** 2 for x, _ in half)
        return sum((x - mean_x) * (y - mean_y) for x, y in half) / spread


def measure_watch(found: ManyReleases, runs: int) -> Memory:
    """Let `anchor watch` make so many runs as fast as it can, and look at its memory on the way."""
    found.cycle(*found.many.targets)
    start, samples = found.runs(), []
    command = found.command("watch", *found.many.targets, "--interval", "1s", "--every", "1s")
    with subprocess.Popen(command, env=_env(), stdout=subprocess.DEVNULL) as process:
        try:
            while (made := found.runs() - start) < runs:
                assert process.poll() is None, "the watch ended"
                samples.append((made, _resident(process.pid)))
                time.sleep(1)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    return Memory(samples)


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}


def _told(what: str, found: Cycle) -> None:
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(found.requests.items()))
    print(f"{what:34} {found.total:6} requests ({kinds}), {found.cpu_each:.1f} ms CPU a release")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=1000)
    parser.add_argument("--others", type=int, default=999)
    parser.add_argument("--growth", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, world(Path(name), given.releases, given.others) as found:
        print(f"{given.releases} releases in a log of {found.many.log.size} entries")
        _told("first sight", found.cycle(*found.many.targets))
        _told("nothing changed", found.cycle())
        _told("nothing changed, again", found.cycle())
        _told("grown, one release, warm cache", measure_growth(found, given.growth, cold=False))
        _told("grown, one release, cold cache", measure_growth(found, given.growth, cold=True))
        _told("grown, all releases", found.cycle())
    if given.runs:
        with tempfile.TemporaryDirectory() as name, world(Path(name), 50, 0) as found:
            seen = measure_watch(found, given.runs)
            first, last = seen.samples[len(seen.samples) // 4], seen.samples[-1]
            print(f"watch: {first[1] >> 20} MiB after {first[0]} runs, {last[1] >> 20} MiB after {last[0]}")
            print(f"watch: {seen.slope:.0f} bytes a run over the second half of {last[0]} runs")


if __name__ == "__main__":
    main()
