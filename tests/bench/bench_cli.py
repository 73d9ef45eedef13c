# SPDX-License-Identifier: Apache-2.0
"""The cost of `anchor` as a whole process, against the stock `sigstore` command on the same evidence.

Run: python -m tests.bench.bench_cli [--rounds 7]. Both sides take turns within one run; a ratio is that of
the medians. `anchor verify` does more than `sigstore verify identity`: it reads the ledger again, rebuilds
the tree, and checks the bundle strictly. `anchor publish` seals 681 facts, signs,
stamps, records and verifies from disk, on an instance that is there already; `sigstore attest` signs, stamps
and records through that same instance, served on loopback.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LEDGER = ROOT / "release" / "1.0.0" / "ledger.md"
ANCHOR = (sys.executable, "-m", "anchor")
NAMED = ("--name", "bench", "--version", "1.0.0")
PREDICATE = {
    "buildDefinition": {"buildType": "urn:x", "externalParameters": {}},
    "runDetails": {"builder": {"id": "urn:y"}},
}


@dataclass(frozen=True)
class Pair:
    """Median seconds of both sides, and ours over theirs."""

    what: str
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


def timed(command: Sequence[object], *, folder: Path, **env: str) -> float:
    """Seconds of a process that must succeed."""
    start = time.perf_counter()
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", **env},
        capture_output=True,
        text=True,
    )
    spent = time.perf_counter() - start
    assert done.returncode == 0, done.stdout + done.stderr
    return spent


def publish(folder: Path, name: str) -> float:
    """Publish the ledger into a new root, with the one home of this folder."""
    command = (*ANCHOR, "publish", LEDGER, *NAMED, "--root", name, "--home", "home", "--json")
    return timed(command, folder=folder)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """The instance of this folder's home on loopback; what it says of itself."""
    command = [*ANCHOR, "instance", "serve", "--home", "home", "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        text = ""
        while (line := process.stdout.readline()) != "}\n":
            assert line, "the instance did not start"
            text += line
        try:
            yield json.loads(text + "}")
        finally:
            process.send_signal(signal.SIGTERM)


def attest(folder: Path, about: dict[str, str], number: int) -> float:
    """The stock client attests the ledger file on the served instance."""
    token = Path(about["identity_token_file"]).read_text()
    target = folder / f"ledger-{number}.md"
    target.write_bytes(LEDGER.read_bytes())
    command = (BIN / "sigstore", "--trust-config", about["trust_config"], "attest", "--predicate", "p.json")
    kind = ("--predicate-type", "https://slsa.dev/provenance/v1")
    return timed((*command, *kind, target.name), folder=folder, SIGSTORE_IDENTITY_TOKEN=token)


def measure_publish(folder: Path, rounds: int) -> Pair:
    """`anchor publish` and `sigstore attest` in turns."""
    publish(folder, "warm")
    (folder / "p.json").write_text(json.dumps(PREDICATE))
    ours, theirs = [], []
    for number in range(rounds):
        with served(folder) as about:
            theirs.append(attest(folder, about, number))
        ours.append(publish(folder, f"site-{number}"))
    return Pair("publish / sigstore attest", statistics.median(ours), statistics.median(theirs))


def measure_verify(folder: Path, rounds: int) -> Pair:
    """`anchor verify` and `sigstore verify identity` of one bundle in turns."""
    publish(folder, "site")
    policy = json.loads(
        subprocess.run(
            [*ANCHOR, "publish", LEDGER, *NAMED, "--root", "site", "--home", "home", "--json"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
        ).stdout
    )["policy"]
    (folder / "policy.toml").write_text(policy)
    timed((*ANCHOR, "instance", "export", "--home", "home", "-o", "exported"), folder=folder)
    (bundle,) = (folder / "site" / "release" / "1.0.0").glob("*.sigstore.json")
    signer = tomllib.loads(policy)["signer"][0]
    stock = (BIN / "sigstore", "--trust-config", "exported/client_trust_config.json", "verify", "identity")
    who = ("--cert-identity", signer["identity"], "--cert-oidc-issuer", signer["issuer"])
    theirs_command = (*stock, "--offline", "--bundle", bundle, *who, LEDGER)
    ours_command = (*ANCHOR, "verify", "site/release.json", "--policy", "policy.toml")
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(timed(ours_command, folder=folder))
        theirs.append(timed(theirs_command, folder=folder))
    return Pair("verify / sigstore verify identity", statistics.median(ours), statistics.median(theirs))


def main() -> None:
    """Print both pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(f"{'':36} ours s  theirs s   ratio")
    for measure in (measure_verify, measure_publish):
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder), rounds)
        print(f"{found.what:36} {found.ours:6.3f} {found.theirs:9.3f} {found.ratio:7.2f}")


if __name__ == "__main__":
    main()
