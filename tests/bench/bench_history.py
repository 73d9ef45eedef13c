# SPDX-License-Identifier: Apache-2.0
"""The cost of a history of verification: `records check` over very many events, and the size of a year.

Run: python -m tests.bench.bench_history [--events 1000000] [--releases 100].
The history is that of daily runs of so many releases in a few logs that grow every day: a run has 30 checks,
as a real one has, and each day each log gives a checkpoint and a consistency proof. The events are written by
the program's own encoder, tiles and fold, many in one transaction. `records check` is the command, in a
process of its own: its CPU and its memory are what the kernel says of it.
"""

import argparse
import contextlib
import hashlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from anchor.format import history_events as events
from anchor.monitor import alarm as alarms
from anchor.records import event_log, replay
from anchor.records.database import open_database
from anchor.records.intervals import Intervals
from anchor.records.tables import Blob
from tests.support.logs.simlog import SimLog
from tests.support.records import outcomes
from tests.support.releases import samples

ROOT = Path(__file__).resolve().parents[2]
DAY_MS = 86_400_000
START_MS = 1_800_000_000_000
LOGS = 3
BATCH = 2000

CHECKS = [
    events.CheckResult(
        name=f"check-{n}",
        state="passed",
        detail=f"what was found in step {n} of this run, with the words of a sentence",
        meaning="what it would mean if this were not so",
        clause="FORMAT.md section 7",
    )
    for n in range(30)
]


def statement(number: int) -> tuple[bytes, dict[str, Any]]:
    """A statement of a release and what its event says."""
    from anchor.format.statement import decode, encode

    data = encode(samples.statement())
    made = json.loads(data)
    made["predicate"]["ledger"]["name"] = f"ledger {number}"
    from anchor.encoding import jcs

    data = jcs(made)
    said = decode(data)
    about = {"ledger": said.ledger.name, "number": said.ledger.number, "version": said.ledger.version}
    return data, {**about, "root": said.tree.root, "size": said.tree.size}


def history(releases: int) -> Iterator[tuple[events.AnyEvent, int, bytes | None]]:
    """Events without end, each with its time and the document that it names first."""
    at = START_MS
    digests = []
    for n in range(releases):
        data, about = statement(n)
        digests.append(hashlib.sha256(data).hexdigest())
        yield events.ReleaseSeen(**event_log.common(at), statement=digests[-1], **about), at, data
        yield (
            events.TargetWatched(**event_log.common(at), target=f"https://e.example/{n}/release.json"),
            at,
            None,
        )
    logs = [SimLog(origin=f"log{n}.example").grow(4) for n in range(LOGS)]
    day = 0
    while True:
        day += 1
        at = START_MS + day * DAY_MS
        for log in logs:
            old = log.size
            log.grow(1)
            head = outcomes.signed(log)
            note = hashlib.sha256(head.note).hexdigest()
            about = {
                "origin": head.origin,
                "log_key": head.log_key,
                "size": head.size,
                "root": head.root.hex(),
            }
            yield events.CheckpointSeen(**event_log.common(at), note=note, **about), at, head.note
            if day > 1:
                proof = outcomes.consistency(log, old, log.size)
                between: dict[str, Any] = {
                    "old_size": old,
                    "old_root": proof.old_root.hex(),
                    "new_size": log.size,
                }
                hashes = [one.hex() for one in proof.hashes]
                said = {**between, "new_root": proof.new_root.hex(), "hashes": hashes}
                yield events.ConsistencyProven(**event_log.common(at), origin=log.origin, **said), at, None
        for n in range(releases):
            yield run(n, digests[n], at + n * 1000, day), at + n * 1000, None


def run(number: int, digest: str, at: int, day: int) -> events.RunEnded:
    """A daily run with 30 checks."""
    rule = {"interval": None, "pace": vars(Intervals()), "alarm": msgspec.to_builtins(alarms.Rule())}
    alarm = "{}"
    decided = {
        "rule": rule,
        "furthest_ms": 10**8,
        "due_ms": at + DAY_MS,
        "told": "OK",
        "failing_runs": 0,
        "failing_since_ms": None,
        "alarm": hashlib.sha256(alarm.encode()).hexdigest(),
        "message": None,
        "policy": "/etc/ledger-anchor/policy.toml",
    }
    return events.RunEnded(
        **event_log.common(at),
        target=f"https://e.example/{number}/release.json",
        worker="host/1234/5678",
        state="finished",
        slot=events.time(at - 5000),
        started=events.time(at - 900),
        verdict="OK",
        statement=digest,
        duration_ms=900 + day % 97,
        requests=7,
        facts={"size": 681, "entries": [{"origin": "log0.example", "index": day, "time": events.time(at)}]},
        checks=CHECKS,
        decided=decided,
        alarm=alarm,
        policy="/etc/ledger-anchor/policy.toml",
        policy_sha256="ab" * 32,
    )


def fill(url: str, count: int, releases: int) -> None:
    """Write so many events."""
    database = open_database(url)
    stream = history(releases)
    left = count
    while left > 0:
        with database.write() as connection:
            database.serialise(connection)
            log = event_log.Appender(connection)
            blobs = []
            for _ in range(min(left, BATCH)):
                event, at, document = next(stream)
                log.append(events.encode(event), kind=events.kind(event), at_ms=at)
                if document is not None:
                    blobs.append({"sha256": hashlib.sha256(document).hexdigest(), "data": document})
            if blobs:
                connection.execute(sa.insert(Blob), blobs)
            log.close()
        left -= BATCH
    with database.write() as connection:
        replay.rebuild(connection)
    database.close()


_WITH_PEAK = (
    "import sys; from anchor.cli.main import run; code = run(sys.argv[1:]); "
    "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0], file=sys.stderr); "
    "sys.exit(code)"
)


def checked(folder: Path) -> tuple[float, float]:
    """CPU seconds and MiB of `anchor records check`, which must find nothing.

    The memory is the most that the process itself had: the figure of the kernel for children begins with what
    their parent had.

    Its compiled modules are kept beside the homes, as they are where the program is installed.
    """
    command = [sys.executable, "-c", _WITH_PEAK, "records", "check", "--home", str(folder)]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(folder.parent / "compiled")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, int(done.stderr.split()[-1]) / 1024


def loop(file: Path) -> int:
    """Read, decompress, hash and parse each event with the standard library alone; returns how many."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        count = 0
        for (stored,) in db.execute("SELECT body FROM events ORDER BY leaf_index"):
            body = zlib.decompress(stored)
            hashlib.sha256(b"\0" + body).digest()
            json.loads(body)
            count += 1
        return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--releases", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        homes = [Path(name) / "empty", Path(name) / "full"]
        for home in homes:
            home.mkdir()
        open_database(f"sqlite:///{homes[0]}/records.db").close()
        file = homes[1] / "records.db"
        began = time.process_time()
        fill(f"sqlite:///{file}", given.events, given.releases)
        size = file.stat().st_size / 2**20
        year = 365 * (given.releases + 2 * LOGS)
        print(f"{given.events} events written and folded in {time.process_time() - began:.0f} s of CPU")
        of_year = size * year / given.events
        print(f"{size:.0f} MiB; a year of daily runs of {given.releases} releases: {of_year:.0f} MiB")
        checked(homes[0])
        start, _ = checked(homes[0])
        cpu, memory = checked(homes[1])
        print(f"records check: {cpu:.1f} s of CPU, {memory:.0f} MiB; {start:.2f} s of them to start")
        print(f"a million events: {start + (cpu - start) * 1e6 / given.events:.1f} s of CPU")


if __name__ == "__main__":
    main()
