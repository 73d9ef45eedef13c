# SPDX-License-Identifier: Apache-2.0
"""The cost of a diff of two releases against the sealing of both ledgers, and its peak memory.

Run: python -m tests.bench.bench_diff [--sizes 100000,1000000]. All figures of a size come from one run on the
same facts. A diff verifies both releases, pairs all facts, and reads the values of those that differ. `few`:
one fact of a hundred is changed, one added, one removed and one moved. `all`: each one is changed. `columns`:
a column is renamed.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from anchor.app.diff import diff
from anchor.intake.choice import Choice
from tests.bench.bench_seal import ours, write_facts
from tests.support.process.anchor_cli import anchor
from tests.support.releases.published import NAME

Fact = dict[str, str]


def few(facts: list[Fact]) -> list[Fact]:
    """Four of a hundred facts differ, each in another way."""
    chance, kept = random.Random(1), []
    for at, fact in enumerate(facts):
        if at % 100 == 0:
            kept.append({**fact, "value": fact["value"] + "1"})
        elif at % 100 == 1:
            kept += [fact, {**fact, "label": fact["label"] + " new"}]
        elif at % 100 == 3:
            kept.insert(chance.randrange(max(0, len(kept) - 500), len(kept)), fact)
        elif at % 100 != 2:
            kept.append(fact)
    return kept


def every(facts: list[Fact]) -> list[Fact]:
    """Each fact has another value."""
    return [{**fact, "value": fact["value"] + "1"} for fact in facts]


def renamed(facts: list[Fact]) -> list[Fact]:
    """A column has another name, so that no leaf is the same."""
    return [{("amount" if name == "value" else name): text for name, text in fact.items()} for fact in facts]


WAYS: dict[str, Callable[[list[Fact]], list[Fact]]] = {"few": few, "all": every, "columns": renamed}


@dataclass(frozen=True)
class Figures:
    """Seconds of sealing both ledgers and of the diff; `ratio` is the second over the first."""

    sealing: float
    diff: float
    ratio: float
    differences: int


def publish_two(folder: Path, count: int, way: str) -> tuple[Path, Path]:
    """Two ledgers, each published as a release of its own below `folder`."""
    old, new = folder / "old.jsonl", folder / "new.jsonl"
    write_facts(old, count)
    facts = [json.loads(line) for line in old.read_bytes().splitlines()]
    new.write_bytes(b"".join(json.dumps(f, ensure_ascii=False).encode() + b"\n" for f in WAYS[way](facts)))
    for version, path in (("1", old), ("2", new)):
        named = ("--name", NAME, "--version", version, "--root", folder / "site", "--home", folder / "home")
        ran = anchor("publish", path, *named)
        assert ran.code == 0, ran.err
    return old, new


def differ(folder: Path) -> int:
    """The number of differences, all of which are read."""
    sides = [str(folder / "site" / "release" / version / "release.json") for version in ("1", "2")]
    trust = dict.fromkeys(("policy", "ledger", "identity", "issuer", "trusted_root"))
    with ExitStack() as stack:
        found = diff(*sides, choice=Choice(), key=(), trust=trust, stack=stack)
        found.comparison.append_only()
        return sum(1 for _ in found.comparison)


def measure(folder: Path, count: int, way: str) -> Figures:
    """The figures of one size; both are processor time of one run."""
    ledgers = publish_two(folder, count, way)
    began = time.process_time()
    for path in ledgers:
        ours(path, write=True)
    sealing = time.process_time() - began
    began = time.process_time()
    number = differ(folder)
    took = time.process_time() - began
    return Figures(sealing, took, took / sealing, number)


def peak_memory(folder: Path) -> int:
    """Peak resident bytes of a process that compares the two releases."""
    command = [sys.executable, "-m", "tests.bench.bench_diff", "--peak", str(folder)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return int(found.stdout) * 1024


def main() -> None:
    """Print the figures as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100000,1000000")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        differ(arguments.peak)
        status = Path("/proc/self/status").read_text().splitlines()
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
        return
    print("    facts      way  sealing s   diff s   ratio  differences  peak MiB")
    for size in map(int, arguments.sizes.split(",")):
        for way in arguments.ways.split(","):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                found = measure(folder, size, way)
                peak = peak_memory(folder) / 2**20
            print(
                f"{size:9} {way:>8} {found.sealing:10.2f} {found.diff:8.2f} {found.ratio:7.2f}"
                f" {found.differences:12} {peak:9.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
