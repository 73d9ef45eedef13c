# SPDX-License-Identifier: Apache-2.0
"""Commands that verify, as whole processes, against cosign on the same bundle.

Run: python -m tests.bench.bench_start [--rounds 15]. The commands take turns within one run, and each ratio
is that of the medians: of the CPU time that the kernel counts, and of the time that passes. `anchor verify`
reads the 681 facts of the release 1.0.0 of this repository and rebuilds their tree; cosign verifies its one
bundle.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.support.forge.client_verdicts import cosign_path

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "release" / "1.0.0"
TARGET = 3.5
"""The CPU time of either command, over that of cosign."""


class Cost(msgspec.Struct, frozen=True):
    """Median seconds of a command, and both over cosign's."""

    name: str
    cpu: float
    wall: float
    cpu_ratio: float
    wall_ratio: float


def commands(cosign: str) -> dict[str, list[str]]:
    """Each command by its name; cosign first."""
    (bundle,) = RELEASE.glob("*.sigstore.json")
    origin = bundle.name.removesuffix(".sigstore.json")
    who = ("--certificate-identity", f"publisher@{origin}")
    issuer = ("--certificate-oidc-issuer", f"https://{origin}/oauth")
    given = (
        "--bundle", str(bundle), "--trusted-root", str(RELEASE / "trusted_root.json"), *who, *issuer,
    )  # fmt: skip
    ledger, anchor = str(RELEASE / "ledger.md"), str(Path(sys.executable).parent / "anchor")
    kind = ("--type", "urn:ledger-anchor:commitment:v1", "--use-signed-timestamps")
    return {
        "cosign verify-blob-attestation": [cosign, "verify-blob-attestation", *given, *kind, ledger],
        "python -c pass": [sys.executable, "-c", "pass"],
        "anchor --version": [anchor, "--version"],
        "anchor verify-bundle": [anchor, "verify-bundle", *given, ledger],
        "anchor verify": [anchor, "verify", "release/1.0.0/release.json", "--policy", "release/policy.toml"],
    }


def once(command: Sequence[str]) -> tuple[float, float]:
    """CPU seconds and seconds of one process that must succeed. Its modules are compiled before."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    passed = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return used.ru_utime + used.ru_stime, passed


def measure(cosign: str, rounds: int) -> list[Cost]:
    """The cost of each command, after one run of each that does not count."""
    every = commands(cosign)
    for command in every.values():
        once(command)
    runs = [{name: once(command) for name, command in every.items()} for _ in range(rounds)]
    medians = {name: [statistics.median(run[name][i] for run in runs) for i in (0, 1)] for name in every}
    cpu, wall = next(iter(medians.values()))
    return [Cost(name, c, w, c / cpu, w / wall) for name, (c, w) in medians.items()]


def main() -> int:
    """Print the figures; 1 where a command misses the target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds, cosign = parser.parse_args().rounds, cosign_path()
    if cosign is None:
        print("install cosign 3, or run python -m tests.interop.stack --build", file=sys.stderr)
        return 2
    costs = measure(cosign, rounds)
    print(f"{'':32} CPU ms  ratio   wall ms  ratio")
    for c in costs:
        print(f"{c.name:32} {1000 * c.cpu:6.0f} {c.cpu_ratio:6.2f} {1000 * c.wall:9.0f} {c.wall_ratio:6.2f}")
    return int(max(c.cpu_ratio for c in costs) > TARGET)


if __name__ == "__main__":
    sys.exit(main())
