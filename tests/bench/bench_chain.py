# SPDX-License-Identifier: Apache-2.0
"""The cost of a chain beside that of verifying its releases one by one, and of finding a fact in it.

Run: python -m tests.bench.bench_chain [--releases 200] [--facts 200000]. Times are CPU of this process, both
sides taking turns; memory is that of processes of their own.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from anchor.app import search
from anchor.app.chain import Chain
from anchor.app.trust import load
from anchor.compare.wanted import by_values
from anchor.net.budget import Budget
from anchor.net.release_files import Folder
from anchor.verdict import Class
from anchor.verify.anchors import Trust
from tests.bench.turns import best
from tests.support.logs.many_releases import publish_many
from tests.support.process.anchor_cli import ROOT
from tests.support.releases.chained import link_of, put
from tests.support.releases.published import Site, published

BUDGET = 3600.0


def trust_of(policy: Path) -> Trust:
    return load(policy, budget=Budget(60), offline=True)


def chain_of(target: Path, trust: Trust) -> Chain:
    return Chain(str(target), trust=trust, budget=Budget(BUDGET), offline=True, keep=True)


def walk(target: Path, trust: Trust) -> int:
    """Verify a chain; the number of its releases."""
    found = [step.link.verdict for step in chain_of(target, trust).steps()]
    assert set(found) == {Class.OK}
    return len(found)


def one_by_one(targets: list[Path], trust: Trust) -> None:
    """Verify each release by itself, under the same trust, as the chain does."""
    verifier = chain_of(targets[0], trust)
    for target in targets:
        result = verifier.examine(str(target), target.read_bytes(), Folder(target.parent), trust)
        assert result.verdict.verdict is Class.OK


def find(target: Path, trust: Trust) -> None:
    answer = search.search(chain_of(target, trust), by_values(["label=fact 7"]))
    assert (answer.verdict.verdict, answer.found) == (Class.OK, True)


def small(folder: Path, releases: int) -> tuple[list[Path], Path]:
    """Releases of two facts, oldest first, and their policy."""
    many = publish_many(folder, releases)
    return list(many.targets), many.policy()


def large(folder: Path, facts: int, releases: int = 2) -> Site:
    """Releases of many facts, no two of them with the same tree."""
    rows = "".join(f"| fact {i} | {i * 7919} |\n" for i in range(facts))
    site = published(folder, f"| Label | Value |\n|---|---|\n{rows}", "1")
    for number in range(2, releases + 1):
        ledger = f"| Label | Value |\n|---|---|\n| more | {number} |\n{rows}"
        put(site, str(number), number, link_of(site, str(number - 1)), ledger=ledger, newest=True)
    return site


def peak_memory(what: str, target: Path, policy: Path) -> int:
    """Peak resident bytes of a process that walks a chain, or finds a fact in it."""
    words = [sys.executable, "-m", "tests.bench.bench_chain", "--peak", what, str(target), str(policy)]
    found = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT)
    return int(found.stdout) * 1024


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=200)
    parser.add_argument("--facts", type=int, default=200_000)
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        what, target, policy = given.peak
        (find if what == "find" else walk)(Path(target), trust_of(Path(policy)))
        status = Path("/proc/self/status").read_text().splitlines()
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
        return
    with tempfile.TemporaryDirectory() as folder:
        targets, policy = small(Path(folder), given.releases)
        trust = trust_of(policy)
        chain, single = best(lambda: walk(targets[-1], trust), lambda: one_by_one(targets, trust), rounds=3)
        peak = peak_memory("chain", targets[-1], policy) / 2**20
        per, ratio = 1000 * chain / given.releases, chain / single
        print(f"chain of {given.releases}: {per:.2f} ms a release, {ratio:.2f} of one by one, {peak:.0f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        site = large(Path(folder), given.facts)
        trust = trust_of(site.policy)
        verified, found = best(lambda: walk(site.release, trust), lambda: find(site.release, trust), rounds=3)
        peak = peak_memory("find", site.release, site.policy) / 2**20
        per, ratio = 1e6 * found / given.facts / 2, found / verified
        print(f"find in 2 x {given.facts}: {per:.2f} us a fact, {ratio:.2f} of the chain, {peak:.0f} MiB")


if __name__ == "__main__":
    main()
