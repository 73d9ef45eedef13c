# SPDX-License-Identifier: Apache-2.0
"""The time that witnesses add to a publication, beyond the slowest of them: in pairs, with and without.

Run: python -m tests.bench.bench_witness [--rounds 7] [--witnesses 8] [--slowest 0.5]. Each witness takes
another part of the slowest one's seconds, and all of them are a quorum. The order within a pair alternates;
the figure is the difference of the medians, without the seconds of the slowest.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.releases.published import LEDGER, Site
from tests.support.releases.witnessed import with_witnesses
from tests.support.servers.witness_server import Reply, Witness, serving

MOST = 0.2
"""Seconds beyond the slowest witness."""


def thinking(seconds: float) -> Callable[[Witness, bytes], Reply | None]:
    """A witness that answers honestly, after so many seconds."""

    def wait(_witness: Witness, _body: bytes) -> None:
        time.sleep(seconds)

    return wait


def seconds(site: Site, number: int) -> float:
    """The wall-clock time of one more release."""
    began = time.perf_counter()
    ran = site.publish(f"{LEDGER}| N | {number} |\n", f"1.0.{number}")
    assert ran.code == 0, ran.err
    return time.perf_counter() - began


def measure(folder: Path, *, witnesses: int, slowest: float, rounds: int) -> float:
    """Seconds that so many witnesses add beyond the slowest; prints what it measured."""
    asked = [Witness(f"w{i}.example") for i in range(witnesses)]
    for number, witness in enumerate(asked, 1):
        witness.lie = thinking(slowest * number / witnesses)
    with serving(*asked) as served:
        sites = with_witnesses(folder / "with", served, "all"), with_witnesses(folder / "without", ())
        for site in sites:
            seconds(site, 0)
        found: dict[Site, list[float]] = {site: [] for site in sites}
        for number in range(1, rounds + 1):
            for site in sites if number % 2 else sites[::-1]:
                found[site].append(seconds(site, number))
    with_them, without = (statistics.median(found[site]) for site in sites)
    added = with_them - without - slowest
    print(
        f"{witnesses} witnesses, the slowest {slowest:.2f} s: {with_them:.3f} s with, {without:.3f} without, "
        f"{added:+.3f} s beyond the slowest (at most {MOST})"
    )
    return added


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--witnesses", type=int, default=8)
    parser.add_argument("--slowest", type=float, default=0.5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        added = measure(Path(folder), witnesses=given.witnesses, slowest=given.slowest, rounds=given.rounds)
    return int(added > MOST)


if __name__ == "__main__":
    sys.exit(main())
