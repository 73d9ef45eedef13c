# SPDX-License-Identifier: Apache-2.0
"""JSON Lines from file to root, against a plain Python loop of `json` and `hashlib` on the same file.

Run: python -m tests.bench.bench_json_lines [--facts 1000000] [--rounds 3]. One file has strings alone, the
other has numbers and words as well. The readers of both versions and the loop take turns; a ratio is that of
the best CPU times. All find the same root. Peak memory is that of a process of its own for each reader.
"""

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from anchor.format.leaves import seal
from anchor.format.readers import READERS as ALL_READERS
from anchor.format.readers import dialect_of
from anchor.format.statement import LedgerName
from tests.bench import turns
from tests.bench.bench_seal import write_facts

ROOT = Path(__file__).resolve().parents[2]
LEDGER = LedgerName(name="bench", number=1, version="1.0.0")
READERS = ("jsonl-v1", "jsonl-v2")
_WORDS = {True: "true", False: "false", None: ""}


def write_typed(path: Path, count: int) -> None:
    """Facts of three integers or words, two fractions and two strings."""
    chance = random.Random(count)
    with path.open("w", encoding="utf-8") as f:
        for i in range(count):
            fact = {
                "id": i,
                "country": chance.choice(["FR", "DE", "Côte d'Ivoire"]),
                "name": f"graduation rate {i % 97} of the registry",
                "year": 2000 + i % 27,
                "value": round(chance.random() * 1000, 3),
                "valid": chance.random() < 0.5,
                "share": chance.randrange(10**6) / 10**4,
            }
            f.write(json.dumps(fact, ensure_ascii=False) + "\n")


KINDS: dict[str, Callable[[Path, int], None]] = {"strings": write_facts, "typed": write_typed}


def ours(path: Path, reader: str, dialect: str = "null") -> bytes:
    """The root by `seal`; `dialect` is JSON."""
    kind = ALL_READERS[reader]
    settings = dialect_of(kind, json.loads(dialect), where="dialect")
    with path.open("rb") as f:
        return seal(kind(f, where=path.name, dialect=settings), ledger=LEDGER).root


def loop(path: Path) -> bytes:
    """The root as one writes it without us; numbers keep their texts, as in a ledger."""
    level = []
    with path.open(encoding="utf-8") as f:
        for line in f:
            fact = json.loads(line, parse_int=str, parse_float=str)
            said = {k: v if isinstance(v, str) else _WORDS[v] for k, v in fact.items()}
            leaf = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            level.append(hashlib.sha256(b"\x00" + leaf.encode()).digest())
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
        level = [*above, level[-1]] if len(level) % 2 else above
    return level[0]


class Figures(NamedTuple):
    """Microseconds of CPU a fact: of the loop, and of each reader."""

    loop: float
    readers: dict[str, float]

    def ratio(self, reader: str) -> float:
        return self.readers[reader] / self.loop


def measure(
    path: Path, count: int, *, rounds: int, enough: Callable[[Figures], bool] = lambda _: False
) -> Figures:
    """The best of some rounds, in which all take turns; of fewer if the figures are `enough` before."""
    sides = [partial(loop, path), *(partial(ours, path, reader) for reader in READERS)]
    assert len({side() for side in sides}) == 1

    def figures(seconds: Sequence[float]) -> Figures:
        each = [one * 1e6 / count for one in seconds]
        return Figures(each[0], dict(zip(READERS, each[1:], strict=True)))

    return figures(turns.best(*sides, rounds=rounds, runs=3, enough=lambda seconds: enough(figures(seconds))))


def peak_memory(path: Path, reader: str, dialect: str = "null") -> int:
    """Peak resident bytes of a process that reads this ledger to its root."""
    command = [
        sys.executable, "-m", "tests.bench.bench_json_lines",
        "--peak", str(path), "--reader", reader, "--dialect", dialect,
    ]  # fmt: skip
    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return int(found.stdout) * 1024


def main() -> None:
    """Print the figures as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--reader", help=argparse.SUPPRESS)
    parser.add_argument("--dialect", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        ours(given.peak, given.reader, given.dialect)
        # Not ru_maxrss: a child begins with what its parent had when it was made.
        status = Path("/proc/self/status").read_text().splitlines()
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
        return
    print(f"{'file':8} {'reader':9} {'us a fact':>9} {'loop us':>8} {'ratio':>6} {'peak MiB':>9}")
    for kind, write in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "facts.jsonl"
            write(path, given.facts)
            found = measure(path, given.facts, rounds=given.rounds)
            for reader in READERS:
                peak = peak_memory(path, reader) / 2**20
                print(
                    f"{kind:8} {reader:9} {found.readers[reader]:9.2f} {found.loop:8.2f}"
                    f" {found.ratio(reader):6.2f} {peak:9.1f}"
                )


if __name__ == "__main__":
    main()
