# SPDX-License-Identifier: Apache-2.0
"""The cost of lint: its time beside that of sealing the same ledger, and its memory over its start.

Run: python -m tests.bench.bench_lint [--sizes 100000,1000000]. The two take turns in one run on the same
facts; memory is the peak of a process of its own. The ledgers are: facts with one placeholder each, facts of
which each stands there twice, a statistic with few labels, and text in other scripts.
"""

import argparse
import contextlib
import csv
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from anchor.format.facts import Table
from anchor.format.leaves import seal
from anchor.inspect.lint import lint
from tests.bench.bench_seal import LEDGER, write_facts
from tests.bench.turns import best
from tests.support.releases.tables import open_table

_WORDS = ["производство", "товаров", "доля", "учащихся", "население", "область", "показатель", "год"]


def write_placeholders(path: Path, count: int) -> None:
    """JSON Lines in which each URL is one of example.org."""
    write_facts(path, count)


def write_twice(path: Path, count: int) -> None:
    """JSON Lines in which each fact stands twice."""
    write_facts(path, count // 2)
    data = path.read_bytes()
    with path.open("ab") as f:
        f.write(data)


def write_statistic(path: Path, count: int) -> None:
    """A CSV file with many facts of each label."""
    chance = random.Random(count)
    with path.open("w", encoding="utf-8", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(["label", "region", "period", "value", "unit", "source"])
        for i in range(count):
            label = f"Production of goods no. {i // 500}: taux d’élèves"
            number = f"{chance.random() * 1000:.2f}"
            unit = ("t", "kt", "%")[i // 500 % 3]
            writer.writerow(
                [label, f"Région {i % 20}", 2000 + i // 20 % 25, number, unit, "Statistics office"]
            )


def write_cyrillic(path: Path, count: int) -> None:
    """A CSV file of text with look-alikes of Latin letters."""
    _write_words(path, count, _WORDS, "Росстат")


def write_unspaced(path: Path, count: int) -> None:
    """A CSV file of Chinese and Thai text, which has no blanks between words."""
    signs = [*map(chr, range(0x4E00, 0x5600)), *"กขคงจชซดตถทนบปผพมยรลวสหอ"]
    _write_words(path, count, ["".join(signs[i * 7 % 900 : i * 7 % 900 + 8]) for i in range(900)], "统计局")


def write_arabic(path: Path, count: int) -> None:
    """A CSV file of Arabic text."""
    _write_words(path, count, ["السكان", "المنطقة", "الإنتاج", "التعليم", "السنة", "المؤشر"], "الإحصاء")


def _write_words(path: Path, count: int, words: list[str], source: str) -> None:
    chance = random.Random(count)
    with path.open("w", encoding="utf-8", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(["label", "value", "source"])
        for i in range(count):
            writer.writerow([f"{' '.join(chance.choices(words, k=5))} {i}", i % 1000, source])


LEDGERS: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "placeholders": ("jsonl-v1", write_placeholders),
    "twice": ("jsonl-v1", write_twice),
    "statistic": ("csv-v1", write_statistic),
    "cyrillic": ("csv-v1", write_cyrillic),
    "unspaced": ("csv-v1", write_unspaced),
    "arabic": ("csv-v1", write_arabic),
}


def lint_it(path: Path, reader: str) -> None:
    """Lint a ledger, as the command does without printing."""

    @contextlib.contextmanager
    def read() -> Iterator[Table]:
        with path.open("rb") as stream:
            yield open_table(stream, reader, where="bench")

    with tempfile.TemporaryFile() as spool:
        lint(read, file="bench", reader=reader, spool=spool)


def seal_it(path: Path, reader: str) -> None:
    """Seal a ledger without writing anything."""
    with path.open("rb") as stream:
        seal(open_table(stream, reader, where="bench"), ledger=LEDGER)


def ratio(path: Path, reader: str, *, rounds: int, most: float = 0) -> float:
    """The time of lint divided by that of seal: the best of some rounds, in turns. It is done as soon as the
    ratio is at most `most`."""
    lint_time, seal_time = best(
        partial(lint_it, path, reader),
        partial(seal_it, path, reader),
        rounds=rounds,
        enough=lambda found: found[0] / found[1] <= most,
    )
    return lint_time / seal_time


def growth(path: Path, reader: str) -> int:
    """Bytes by which a process that lints this ledger grows over its start."""
    command = [sys.executable, "-m", "tests.bench.bench_lint", "--growth", str(path), reader]
    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return int(found.stdout) * 1024


def _peak() -> int:
    """The peak of this process in KiB. Not ru_maxrss: a child begins with what its parent had."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM")))


def main() -> None:
    """Print the figures as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100000,1000000")
    parser.add_argument("--growth", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.growth:
        start = _peak()
        lint_it(Path(arguments.growth[0]), arguments.growth[1])
        print(_peak() - start)
        return
    print("    facts  ledger        lint / seal  growth MiB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger"
        for size in map(int, arguments.sizes.split(",")):
            for name, (reader, write) in LEDGERS.items():
                write(path, size)
                found = ratio(path, reader, rounds=3 if size <= 10**5 else 1)
                print(f"{size:9}  {name:12} {found:12.2f} {growth(path, reader) / 2**20:11.1f}", flush=True)


if __name__ == "__main__":
    main()
