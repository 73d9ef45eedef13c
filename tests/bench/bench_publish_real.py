# SPDX-License-Identifier: Apache-2.0
"""From command to published on the real servers, against `sigstore attest` there: whole processes, in pairs.

Run: python -m tests.bench.bench_publish_real [--rounds 7] [--rekor-v1]. The log answers a write about once a
second. `anchor publish` seals 681 facts, signs, stamps, records, verifies from disk (strictly, and with the
stock client) and puts in place; `sigstore attest` signs, stamps and records. The order within a pair
alternates, the ratio is that of the medians.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.bench_cli import ran
from tests.interop.stack import builds, netns
from tests.interop.stack.stack import Log, Stack

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LEDGER = ROOT / "release" / "1.0.0" / "ledger.md"
MOST = 1.3
PREDICATE = {
    "buildDefinition": {"buildType": "urn:x", "externalParameters": {}},
    "runDetails": {"builder": {"id": "urn:y"}},
}


def timed(command: Sequence[object], *, folder: Path, **env: str) -> float:
    """Seconds of a process that must succeed. It waits for the log, so the clock on the wall counts."""
    start = time.perf_counter()
    ran(command, folder=folder, **env)
    return time.perf_counter() - start


def pair(stack: Stack, log: Log, folder: Path, number: int) -> tuple[float, float]:
    """Seconds of one publication and of one attestation of the same ledger in the same log."""
    config = stack.instance(log, name=f"bench-{log.origin}")
    name = f"{log.origin}-{number}"
    token = stack.oidc.token()

    def ours() -> float:
        command = (
            sys.executable, "-m", "anchor", "publish", LEDGER, "--name", "bench", "--version", "1.0.0",
            "--root", name, "--home", f"home-{name}", "--instance", config,
        )  # fmt: skip
        return timed(command, folder=folder, ANCHOR_IDENTITY_TOKEN=token)

    def theirs() -> float:
        command = (
            BIN / "sigstore", "--trust-config", config, "attest", "--predicate", "predicate.json",
            "--predicate-type", "https://slsa.dev/provenance/v1", "--bundle", f"{name}.sigstore.json", LEDGER,
        )  # fmt: skip
        return timed(command, folder=folder, SIGSTORE_IDENTITY_TOKEN=token)

    calls: list[Callable[[], float]] = [ours, theirs]
    order = calls if number % 2 else calls[::-1]
    seconds = {call: call() for call in order}
    return seconds[ours], seconds[theirs]


def measure(stack: Stack, log: Log, folder: Path, rounds: int) -> float:
    """Ratio of the medians over so many pairs, after one that is not counted; prints them."""
    (folder / "predicate.json").write_text(json.dumps(PREDICATE))
    pairs = [pair(stack, log, folder, number) for number in range(rounds + 1)][1:]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio: float = ours / theirs
    spread = ", ".join(f"{a / b:.2f}" for a, b in pairs)
    print(f"{log.origin}: publish {ours:.2f} s, attest {theirs:.2f} s, ratio {ratio:.2f} (pairs: {spread})")
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rekor-v1", action="store_true", help="measure on Rekor v1 as well")
    args = parser.parse_args()
    try:
        netns.enter_for_good()
    except OSError as e:
        print(f"no network namespace of its own: {e}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as work, Stack(Path(work) / "stack", builds.cache()) as stack:
        folder = Path(work) / "runs"
        folder.mkdir()
        logs: list[Log] = [stack.log, *([stack.rekor_v1()] if args.rekor_v1 else [])]
        worst = max(measure(stack, log, folder, args.rounds) for log in logs)
    return 0 if worst <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
