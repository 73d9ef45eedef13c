# SPDX-License-Identifier: Apache-2.0
"""From file to root, against a plain loop of `csv` or `json` and `hashlib` over the same file.

Run: python -m tests.bench.bench_files [--facts 1000000] [--rounds 3]. Both sides of a ratio take turns in one
run, and the best time of each counts, in seconds of this process. Memory is the peak of a process of its own.
"""

import argparse
import csv
import hashlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anchor.format.leaves import seal
from anchor.format.readers import READERS, dialect_of
from anchor.format.statement import LedgerName
from tests.bench import turns

LEDGER = LedgerName(name="bench", number=1, version="1.0.0")
COLUMNS = ("label", "value", "unit", "period", "source", "source_url", "seal", "note")
_WORDS = ("taux", "réussite", "students", "with", "niveau", "graduation", "rate")


@dataclass(frozen=True)
class Kind:
    """A kind of file: its reader and dialect, and how it is written. A dialect costs a ratio of its base."""

    name: str
    reader: str
    dialect: dict[str, Any] = field(default_factory=dict)
    codec: str = "utf-8"
    quoting: int = csv.QUOTE_MINIMAL
    commas: bool = False
    """A label has commas and quotes in it, so that it is quoted."""
    typed: bool = False
    """JSON values are numbers and booleans where they can be."""
    base: str = ""


KINDS = (
    Kind("csv", "csv-v1"),
    Kind("csv with quotes", "csv-v1", commas=True),
    Kind("csv, all quoted", "csv-v1", quoting=csv.QUOTE_ALL),
    Kind("; cp1252", "delimited-v2", {"delimiter": ";", "encoding": "windows-1252"}, "cp1252", base="csv"),
    Kind("TAB", "delimited-v2", {"delimiter": "\t"}, base="csv"),
    Kind("null", "delimited-v2", {"null": ""}, base="csv"),
    Kind("utf-16", "delimited-v2", {"encoding": "utf-16"}, "utf-16", base="csv"),
    Kind(
        "; cp1252 null, with quotes",
        "delimited-v2",
        {"delimiter": ";", "encoding": "windows-1252", "null": ""},
        "cp1252",
        commas=True,
        base="csv with quotes",
    ),
    Kind("jsonl of strings", "jsonl-v1"),
    Kind("jsonl typed", "jsonl-v1", typed=True),
)


def facts(kind: Kind, count: int) -> Iterable[list[str]]:
    """Facts of eight columns and about 110 bytes as CSV, the same ones every time."""
    chance = random.Random(count)
    for i in range(count):
        words = " ".join(chance.choices(_WORDS, k=3))
        yield [
            f'{words}, "{i}"; all' if kind.commas else f"{words} {i}",
            str(chance.randrange(10**6)),
            "%",
            str(2000 + i % 27),
            f"{words[:10]} registry",
            f"https://example.org/{chance.getrandbits(32):x}",
            f"{chance.getrandbits(64):016x}",
            "",
        ]


def write(kind: Kind, path: Path, count: int) -> None:
    """A file of this kind."""
    with path.open("w", encoding=kind.codec, newline="") as f:
        if kind.reader.startswith("jsonl"):
            for row in facts(kind, count):
                fact: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
                if kind.typed:
                    fact |= {"value": int(row[1]) / 100, "period": int(row[3]), "note": int(row[3]) % 2 == 0}
                f.write(json.dumps(fact, ensure_ascii=False) + "\n")
            return
        delimiter: str = kind.dialect.get("delimiter", ",")
        quoting: Any = kind.quoting
        writer = csv.writer(f, delimiter=delimiter, quoting=quoting, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(facts(kind, count))


def ours(kind: Kind, path: Path) -> bytes:
    """The root by the reader of this kind."""
    reader = READERS[kind.reader]
    with path.open("rb") as stream:
        table = reader(stream, where="bench", dialect=dialect_of(reader, kind.dialect or None, where="bench"))
        return seal(table, ledger=LEDGER).root


_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
"""Made once: `json.dumps` makes one for each fact, and takes twice as long."""


def plain_loop(kind: Kind, path: Path) -> bytes:
    """The root as one writes it first with the standard library."""
    with path.open(encoding=kind.codec, newline="") as f:
        found: Iterable[dict[str, Any]]
        if kind.reader.startswith("jsonl"):
            found = map(json.JSONDecoder(parse_int=str, parse_float=str).decode, f)
        else:
            rows = csv.reader(f, delimiter=kind.dialect.get("delimiter", ","))
            names = next(rows)
            found = (dict(zip(names, row, strict=True)) for row in rows)
        null = kind.dialect.get("null")
        if null is not None:
            found = ({k: None if v == null else v for k, v in fact.items()} for fact in found)
        if kind.typed:
            words = {True: "true", False: "false"}
            found = ({k: words[v] if isinstance(v, bool) else v for k, v in fact.items()} for fact in found)
        level = [hashlib.sha256(b"\0" + _encode(fact).encode()).digest() for fact in found]
    while len(level) > 1:
        above = [
            hashlib.sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)
        ]
        level = above + level[len(level) & ~1 :]
    return level[0]


@dataclass(frozen=True)
class Figures:
    """Microseconds a fact."""

    ours: float
    loop: float
    base: float
    """The path without the dialect, or 0."""

    @property
    def ratio(self) -> float:
        return self.ours / self.loop

    @property
    def dialect(self) -> float:
        """The cost of the dialect, as a ratio of the path without it."""
        return self.ours / self.base if self.base else 0


def measure(
    kind: Kind,
    folder: Path,
    count: int,
    *,
    rounds: int,
    enough: Callable[[Figures], bool] = lambda _: False,
) -> Figures:
    """The best of some rounds in which both sides, and the path without the dialect, take turns; of fewer
    rounds if the figures are `enough` before."""
    base = next((k for k in KINDS if k.name == kind.base), None)
    path, plain = folder / f"{KINDS.index(kind)}.data", folder / "base.data"
    write(kind, path, count)
    sides: list[Callable[[], bytes]] = [lambda: ours(kind, path), lambda: plain_loop(kind, path)]
    if base:
        write(base, plain, count)
        sides.append(lambda: ours(base, plain))
    assert sides[0]() == sides[1]()

    def figures(seconds: Sequence[float]) -> Figures:
        each = [one * 1e6 / count for one in seconds]
        return Figures(each[0], each[1], each[2] if base else 0)

    found = turns.best(*sides, rounds=rounds, runs=3, enough=lambda seconds: enough(figures(seconds)))
    path.unlink()
    return figures(found)


def peak_memory(kind: Kind, path: Path) -> int:
    """Peak resident bytes of a process that reads this file."""
    command = [sys.executable, "-m", "tests.bench.bench_files", "--peak", kind.name, str(path)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return int(found.stdout) * 1024


def main() -> None:
    """Print the figures as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=10**6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        name, path = arguments.peak
        ours(next(k for k in KINDS if k.name == name), Path(path))
        # Not ru_maxrss: a child begins with what its parent had when it was made.
        status = Path("/proc/self/status").read_text().splitlines()
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
        return
    print("file                         us a fact   loop   ratio   of the plain path   peak MiB")
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            found = measure(kind, Path(folder), arguments.facts, rounds=arguments.rounds)
            path = Path(folder) / "peak.data"
            write(kind, path, arguments.facts)
            peak = peak_memory(kind, path) / 2**20
            of_plain = f"{found.dialect:.2f}" if found.base else ""
            print(
                f"{kind.name:28} {found.ours:9.2f} {found.loop:6.2f} {found.ratio:7.2f} {of_plain:>19}"
                f" {peak:10.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
