# SPDX-License-Identifier: Apache-2.0
"""The cost of an index: its time against the hashing of its leaves alone, and its memory.

Run: python -m tests.bench.bench_index [--facts 1000000]. Both sides of a ratio come from one process, on the
same facts; memory is the growth of a process of its own from the first fact on.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from anchor import limits
from anchor.format.index import IndexBuilder
from anchor.merkle.sparse_hashing import KeyLeaf

CHUNK = 1024
COLUMNS = ("key", "value")


def chunks(facts: int, *, keys: int) -> Iterator[tuple[list[tuple[str, str]], list[bytes]]]:
    """Facts with this many different keys, and a leaf hash for each."""
    for start in range(0, facts, CHUNK):
        rows = [(f"key {i % keys}", "") for i in range(start, min(start + CHUNK, facts))]
        yield rows, [sha256(b"%d" % i).digest() for i in range(start, start + len(rows))]


@dataclass(frozen=True)
class Figures:
    """Seconds for the hashes of the leaves of an index alone, and for the whole index."""

    leaves: float
    index: float

    @property
    def ratio(self) -> float:
        return self.index / self.leaves


def measure(facts: int) -> Figures:
    """An index over as many keys as facts."""
    given = list(chunks(facts, keys=facts))
    builder = IndexBuilder(COLUMNS[:1], COLUMNS)
    start = time.process_time()
    for rows, hashes in given:
        builder.extend(rows, hashes)
    index = builder.index()
    whole = time.process_time() - start
    assert index.keys == facts
    leaves = list(builder.leaves())
    return Figures(hashing(leaves), whole)


def hashing(leaves: list[KeyLeaf]) -> float:
    """Seconds to hash the leaves, with nothing around it."""
    data = [b"\x02" + leaf.key_hash + leaf.n.to_bytes(8, "big") + leaf.inner for leaf in leaves]
    start = time.process_time()
    for one in data:
        sha256(one).digest()
    return time.process_time() - start


def growth(facts: int, keys: int, *, held: int = limits.INDEX_HELD) -> int:
    """Bytes by which a process grows that makes an index, its temporary file not counted."""
    words = [sys.executable, "-m", "tests.bench.bench_index", "--peak", str(facts), str(keys), str(held)]
    found = subprocess.run(words, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return int(found.stdout) * 1024


def _peak(facts: int, keys: int, held: int) -> int:
    import tempfile

    limits_before = _high_water_mark()
    with tempfile.TemporaryFile() as file:
        builder = IndexBuilder(COLUMNS[:1], COLUMNS, spool=lambda: file, held=held)
        for rows, hashes in chunks(facts, keys=keys):
            builder.extend(rows, hashes)
        builder.index()
    return _high_water_mark() - limits_before


def _high_water_mark() -> int:
    """Kilobytes. Not ru_maxrss: a child begins with what its parent had when it was made."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM")))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=10**6)
    parser.add_argument("--peak", type=int, nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        print(_peak(*arguments.peak))
        return
    found = measure(arguments.facts)
    print(f"{arguments.facts} keys: leaves alone {found.leaves:.2f} s, index {found.index:.2f} s")
    print(f"ratio {found.ratio:.1f}")
    for keys in (arguments.facts, 1):
        for held in (limits.INDEX_HELD, 1 << 16):
            grown = growth(arguments.facts, keys, held=held)
            print(f"{keys} keys, {held} facts held: {grown / arguments.facts:.0f} bytes a fact")


if __name__ == "__main__":
    main()
