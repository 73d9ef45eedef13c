# SPDX-License-Identifier: Apache-2.0
"""The cost of sealing JSON Lines: time a fact after parsing, against rfc8785 + recursion, and memory.

Run: python -m tests.bench.bench_seal [--sizes 1000,100000,1000000]. All figures of a size come from one run
on the same facts, the two sides taking turns; memory is the peak of a process of its own for each size.
"""

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import rfc8785

from anchor.format.facts import Fact, Table
from anchor.format.leaves import Sealed, seal
from anchor.format.statement import LedgerName
from tests.support.releases.tables import open_table

LEDGER = LedgerName(name="bench", number=1, version="1.0.0")
COLUMNS = ("label", "value", "unit", "period", "source", "source_url", "seal")
_WORDS = (
    "taux",
    "réussite",
    "students",
    "with",
    "disabilities",
    "certification",
    "élèves",
    "niveau",
    "graduation",
)


def write_facts(path: Path, count: int) -> None:
    """A JSON Lines ledger of `count` facts of about 272 bytes, the same ones every time."""
    chance = random.Random(count)
    with path.open("w", encoding="utf-8") as f:
        for i in range(count):
            words = " ".join(chance.choices(_WORDS, k=6))
            row = (
                f"{words} {i}",
                str(chance.randrange(10**6)),
                "%",
                str(2000 + i % 27),
                f"{words[:30]} - registry of everything",
                f"https://example.org/registry/{chance.getrandbits(64):x}",
                f"{chance.getrandbits(64):016x}...",
            )
            f.write(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n")


@dataclass
class Parsed:
    """A table whose parsing is timed apart from what is done with its rows."""

    table: Table
    seconds: float = field(default=0.0)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.table.columns

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        rows = iter(self.table)
        while True:
            start = time.process_time()
            chunk = list(islice(rows, 1024))
            self.seconds += time.process_time() - start
            if not chunk:
                return
            yield from chunk


def open_facts(stream: BinaryIO) -> Parsed:
    """The facts of a JSON Lines ledger."""
    return Parsed(open_table(stream, "jsonl-v1", where="bench.jsonl"))


def ours(path: Path, *, write: bool) -> tuple[Sealed, float, float]:
    """The sealed ledger, seconds of parsing, seconds of the rest, with or without ledger.json."""
    with path.open("rb") as stream, tempfile.TemporaryFile() as out:
        start = time.process_time()
        table = open_facts(stream)
        sealed = seal(table, ledger=LEDGER, ledger_json=out if write else None)
        return sealed, table.seconds, time.process_time() - start - table.seconds


def naive(path: Path) -> tuple[bytes, float]:
    """Root by rfc8785 and the recursion of RFC 9162, as one writes it first; seconds after parsing."""
    with path.open("rb") as stream:
        rows = [row for _, row in open_facts(stream)]
    start = time.process_time()
    found = recursion([rfc8785.dumps(dict(zip(COLUMNS, map(str, row), strict=True))) for row in rows])
    return found, time.process_time() - start


def recursion(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, word for word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    cut = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + recursion(leaves[:cut]) + recursion(leaves[cut:])).digest()


@dataclass(frozen=True)
class Figures:
    """Microseconds a fact; `root` is rows to root as `naive` does it, `sealing` writes ledger.json too.

    The ratio is `naive` over `root`.
    """

    facts: int
    parsing: float
    root: float
    sealing: float
    naive: float
    ratio: float


def measure(path: Path, count: int, *, rounds: int) -> Figures:
    """The best of some rounds, the two sides taking turns; both must find the same root."""
    times: list[tuple[float, float, float, float]] = []
    for _ in range(rounds):
        bare, parse, to_root = ours(path, write=False)
        sealed, _, all_of_it = ours(path, write=True)
        root, slow = naive(path)
        assert bare == sealed
        assert (sealed.root, sealed.size) == (root, count)
        times.append((parse, to_root, all_of_it, slow))
    parsing, to_root, sealing, slow = (min(column) * 1e6 / count for column in zip(*times, strict=True))
    return Figures(count, parsing, to_root, sealing, slow, slow / to_root)


def peak_memory(path: Path) -> int:
    """Peak resident bytes of a process that seals this ledger."""
    command = [sys.executable, "-m", "tests.bench.bench_seal", "--peak", str(path)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return int(found.stdout) * 1024


def main() -> None:
    """Print the figures as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,100000,1000000")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        ours(arguments.peak, write=True)
        # Not ru_maxrss: a child begins with what its parent had when it was made.
        status = Path("/proc/self/status").read_text().splitlines()
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
        return
    sizes = [int(size) for size in arguments.sizes.split(",")]
    first = 0
    print("    facts  parsing us  to root us  sealing us  rfc8785+recursion us   ratio  peak MiB  growth MiB")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / f"{size}.jsonl"
            write_facts(path, size)
            found = measure(path, size, rounds=1 if size > 10**5 else 3)
            peak = peak_memory(path)
            first = first or peak
            print(
                f"{size:9} {found.parsing:11.2f} {found.root:11.2f} {found.sealing:11.2f} {found.naive:21.2f}"
                f" {found.ratio:7.1f} {peak / 2**20:9.1f} {(peak - first) / 2**20:11.1f}"
            )


if __name__ == "__main__":
    main()
