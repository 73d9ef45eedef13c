# SPDX-License-Identifier: Apache-2.0
"""The cost of recording one run, beside that of the program of version 0.1, which had five hash chains.

Run: python -m tests.bench.bench_append [--runs 300]. Each program is in a process of its own, and writes the
same daily run of one release, with 30 checks, into SQLite. Only the call that saves the run is measured, in
CPU seconds of its process. The two take turns.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.process import program_0_1
from tests.support.process.anchor_cli import ROOT

RUNS = 100
"""Runs of one turn."""
OURS = """
from anchor.monitor.run_record import ObservedAnchor as Anchor, ObservedRelease as Release
from anchor.monitor.run_record import RunRecord as Record
from anchor.records.database import open_database
from anchor.records.queue import acquire, watch
from anchor.records.store import RunRules, save_run

def save(database, lease, record, now):
    save_run(database, lease, record, now=now, rules=RunRules())
"""
BEFORE = """
from anchor.outcome import Outcome as Record, SeenRelease as Release, SeenAnchor as Anchor
from anchor.records.claims import add as watch, take as acquire
from anchor.records.engine import open_database
from anchor.records.store import Terms, keep

def save(database, lease, record, now):
    keep(database, lease, record, now=now, terms=Terms())
"""
_LOOP = """
import gc, sys, time
from anchor.verdict import Check, Class, Verdict

def check(n):
    said = f"what was found in step {n} of this run, with the words of a sentence"
    means = "what it would mean if this were not so"
    return Check(name=f"check-{n}", state="passed", detail=said, meaning=means, clause="FORMAT.md section 7")

checks = tuple(map(check, range(30)))
verdict = Verdict(kind="run", target="t", verdict=Class.OK, checks=checks, facts={"size": 681})
anchor = Anchor(origin="log.example", log_key="k", log_index=7, bundle=b"bundle")
about = {"ledger": "prices", "number": 1, "version": "1", "root": "ab" * 32, "size": 681}
release = Release(statement=b"{}", anchors=(anchor,), **about)
record = Record(verdict=verdict, release=release, duration=0.25, requests=7)
now = 1_800_000_000.0
database = open_database(f"sqlite:///{sys.argv[1]}")
watch(database, "t", now=now)
gc.collect()
gc.freeze()
for line in sys.stdin:
    spent = []
    for _ in range(int(line)):
        now += 86400
        lease = acquire(database, worker="w", now=now, target="t")
        began = time.process_time()
        save(database, lease, record, now)
        spent.append(time.process_time() - began)
    print(min(spent), flush=True)
"""


class Recorder:
    """A program that saves runs when it is told to."""

    def __init__(self, code: str, package: Path, file: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code + _LOOP, str(file)],
            cwd=file.parent,
            env={**os.environ, "PYTHONPATH": str(package)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def save(self, runs: int = RUNS) -> float:
        """CPU seconds of the cheapest one of so many further runs."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{runs}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate(timeout=60)


@contextlib.contextmanager
def recorders(folder: Path) -> Iterator[tuple[Recorder, Recorder]]:
    """This program and that of version 0.1, each with new records."""
    (folder / "0.1").mkdir()
    old = program_0_1.extracted(folder / "0.1")
    both = Recorder(OURS, ROOT, folder / "records.db"), Recorder(BEFORE, old, folder / "records-0.1.db")
    try:
        yield both
    finally:
        for one in both:
            one.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, recorders(Path(name)) as both:
        for _ in range(3):
            ours, before = (one.save(given.runs) for one in both)
            print(f"{1e3 * ours:.2f} ms, version 0.1 {1e3 * before:.2f} ms: {ours / before:.2f}")


if __name__ == "__main__":
    main()
