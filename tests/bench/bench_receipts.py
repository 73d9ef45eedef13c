# SPDX-License-Identifier: Apache-2.0
"""The cost of receipts: the proofs of all facts beside their tree, and a verification beside its bundle's.

Run: python -m tests.bench.bench_receipts [--facts 1000000]. The two sides of a ratio take turns in one
process, and only its own time is counted. The memory of `prove --all` is that of a process of its own.
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anchor import merkle
from anchor.format import receipt as receipts
from anchor.merkle.every_proof import EveryProof
from anchor.merkle.multiproof import CHUNK
from anchor.sigstore import trusted_root
from anchor.verify.anchors import Trust
from anchor.verify.bundle import verify_bundle
from anchor.verify.policy import Policy, Signer
from anchor.verify.receipt import examine_receipt
from tests.bench.turns import best
from tests.receipt_vectors.case import ROOT
from tests.receipt_vectors.cases_status import entry, status, with_status
from tests.receipt_vectors.signed_ledgers import PLAIN, TWO_LOGS, Ledger
from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.forge.bundles import NOW


@dataclass(frozen=True)
class Proofs:
    """Seconds for the tree over facts, and for the proofs of all of them: with the whole tree in memory, and
    in two passes, of which the second one joins the leaves again."""

    tree: float
    held: float
    streamed: float


@dataclass(frozen=True)
class Verification:
    """The least milliseconds: all bundles alone, those of a status too; the first receipt; a further one of
    the same release."""

    bundles: float
    first: float
    further: float


def leaves(size: int) -> list[bytes]:
    """Leaf bytes as a ledger has them."""
    form = b'{"label":"Learners %d","period":"2025-Q%d","source":"Report","unit":"persons","value":"%d"}'
    return [form % (i % 9973, i % 4 + 1, i) for i in range(size)]


def proofs(size: int) -> Proofs:
    """The tree over `size` facts from their leaf bytes, and the proof of each. Objects are counted as the
    command counts them (`cli/main.py`)."""
    gc.set_threshold(100_000, 50, 100)
    facts = leaves(size)
    began = time.process_time()
    tree = merkle.Accumulator()
    hashes = merkle.leaf_hashes(facts)
    tree.extend(hashes)
    root = tree.root()
    built = time.process_time() - began
    found = merkle.all_inclusion_proofs(hashes)  # the tree again: its time is above
    began = time.process_time()
    assert sum(1 for _ in found) == size
    held = time.process_time() - began
    every = EveryProof()
    chunks = [hashes[start : start + CHUNK] for start in range(0, size, CHUNK)]
    for chunk in chunks:
        every.add(chunk)
    assert every.root() == root
    began = time.process_time()
    count = sum(len(every.proofs(n, chunk, list)) for n, chunk in enumerate(chunks))
    assert count == size
    return Proofs(built, held, time.process_time() - began)


def trust() -> Trust:
    """The trust of the vectors."""
    policy = Policy(ledger=PLAIN.name, signers=(Signer(identity=IDENTITY, issuer=ISSUER),))
    return Trust(policy=policy, raw=[ROOT], root=trusted_root.parse(ROOT))


def verification(
    ledger: Ledger = PLAIN,
    *,
    rounds: int = 100,
    staple: bool = False,
    enough: Callable[[Verification], bool] = lambda _: False,
) -> Verification:
    """One receipt beside its bundles. `staple`: with a status, which withdraws another fact of `PLAIN`. It is
    done as soon as the figures are `enough`."""
    mine, now = trust(), NOW
    value = with_status(status(entry(fact=1))) if staple else ledger.receipt(1)
    data = receipts.dump(receipts.load(json.dumps(value).encode()))
    bundles = [json.dumps(bundle).encode() for bundle in value["bundles"]]
    bundles += [json.dumps(bundle).encode() for bundle in value.get("status", {}).get("bundles", ())]
    evidence = examine_receipt("a", data, trust=mine, now=now).evidence

    def alone() -> None:
        for bundle in bundles:
            report = verify_bundle(
                bundle, trusted_root=mine.root, artifact=None, now=now, signers=mine.policy.signers
            )
            assert report.ok, report.checks

    def first() -> None:
        assert examine_receipt("a", data, trust=mine, now=now).verdict.exit_code == 0

    def further() -> None:
        found = examine_receipt("a", data, trust=mine, now=now, evidence=evidence)
        assert found.verdict.exit_code == 0

    def figures(seconds: Sequence[float]) -> Verification:
        return Verification(*(1000 * one for one in seconds))

    # Receipts of one release follow each other: the second of a turn finds the caches as the first left them.
    seconds = best(alone, first, further, rounds=rounds, enough=lambda s: enough(figures(s)), runs=3)
    return figures(seconds)


def publish(size: int, folder: Path) -> None:
    """Publish `size` facts."""
    from tests.support.process.anchor_cli import anchor

    file = folder / "facts.jsonl"
    file.write_bytes(b"".join(leaf + b"\n" for leaf in leaves(size)))
    named = ("--name", "bench", "--version", "1", "--root", folder / "site", "--home", folder / "home")
    assert anchor("publish", file, *named).code == 0


def memory(size: int) -> tuple[int, int, float]:
    """Peaks of memory in bytes of `verify` and of `prove --all` over `size` facts, and the seconds of the
    second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        publish(size, folder)
        release = str(folder / "site/release.json")
        peaks, spent = [], 0.0
        for words in (("verify", release), ("prove", release, "--all", "-o", str(folder / "all"))):
            code = (  # not ru_maxrss: a child begins with what its parent had when it was made
                "import sys; from anchor.cli.main import run; run(sys.argv[1:]); "
                "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0], file=sys.stderr)"
            )
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(
                [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            peaks.append(int(done.stderr.split()[-1]) * 1024)
        assert (folder / "all/receipts.jsonl").stat().st_size > size
    return peaks[0], peaks[1], spent


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--facts", type=int, default=1_000_000)
    size = parser.parse_args().facts
    found = proofs(size)
    print(f"{size} facts: tree {found.tree:.2f} s")
    for name, spent in (("in memory", found.held), ("in two passes", found.streamed)):
        print(f"    all proofs {name} {spent:.2f} s, {spent / found.tree:.2f} times")
    costs = {
        "one bundle": verification(PLAIN),
        "two bundles": verification(TWO_LOGS),
        "one bundle and a status": verification(PLAIN, staple=True),
    }
    for name, cost in costs.items():
        first, further = cost.first / cost.bundles, cost.further / cost.first
        print(f"{name}: alone {cost.bundles:.2f} ms; receipt {cost.first:.2f} ms, {first:.2f} times")
        print(f"    a further receipt {cost.further:.3f} ms, {further:.3f} times the first")
    verify, prove, spent = memory(size)
    print(f"{size} facts: verify {verify >> 20} MB; prove --all {prove >> 20} MB and {spent:.1f} s")


if __name__ == "__main__":
    main()
