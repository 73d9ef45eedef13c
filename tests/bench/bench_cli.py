# SPDX-License-Identifier: Apache-2.0
"""The cost of `anchor` as a whole process, against the stock `sigstore` command on the same evidence.

Run: python -m tests.bench.bench_cli [--rounds 7]. Both sides take turns within one run; a ratio is that of
the least CPU times. `anchor verify` does more than `sigstore verify identity`: it reads the ledger again,
rebuilds the tree, and checks the bundle strictly. `anchor publish` seals 681 facts, signs, stamps, records
and verifies from disk, on an instance that is there already; `sigstore attest` signs, stamps and records
through that same instance, served on loopback, whose work is counted too.
"""

import argparse
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench import turns

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
    """The least CPU seconds of both sides, and ours over theirs."""

    what: str
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


def ran(command: Sequence[object], *, folder: Path, **env: str) -> None:
    """Run a process that must succeed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def publish(folder: Path, name: str) -> None:
    """Publish the ledger into a new root, with the one home of this folder."""
    command = (*ANCHOR, "publish", LEDGER, *NAMED, "--root", name, "--home", "home", "--json")
    ran(command, folder=folder)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[dict[str, str], int]]:
    """The instance of this folder's home on loopback; what it says of itself, and its process."""
    command = [*ANCHOR, "instance", "serve", "--home", "home", "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        text = ""
        while (line := process.stdout.readline()) != "}\n":
            assert line, "the instance did not start"
            text += line
        try:
            yield json.loads(text + "}"), process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def attest(folder: Path, about: dict[str, str], server: int) -> float:
    """The stock client attests the ledger file on the served instance; CPU seconds of both processes."""
    token = Path(about["identity_token_file"]).read_text()
    target = folder / "ledger.md"
    target.write_bytes(LEDGER.read_bytes())
    Path(f"{target}.sigstore.json").unlink(missing_ok=True)
    command = (BIN / "sigstore", "--trust-config", about["trust_config"], "attest", "--predicate", "p.json")
    kind = ("--predicate-type", "https://slsa.dev/provenance/v1")
    before = turns.of_process(server) + turns.of_children()
    ran((*command, *kind, target.name), folder=folder, SIGSTORE_IDENTITY_TOKEN=token)
    return turns.of_process(server) + turns.of_children() - before


def measure_publish(folder: Path, rounds: int, *, most: float = 0) -> Pair:
    """`anchor publish` and `sigstore attest` in turns, until the ratio is below `most`.

    The instance is started before, and ends behind, what is measured: our command has it in its own process.
    """
    publish(folder, "warm")
    (folder / "p.json").write_text(json.dumps(PREDICATE))
    found = Pair("publish / sigstore attest", math.inf, math.inf)
    for number in range(1, rounds + 1):
        with served(folder) as (about, server):
            theirs = attest(folder, about, server)
        before = turns.of_children()
        publish(folder, f"site-{number}")
        ours = turns.of_children() - before
        found = Pair(found.what, min(found.ours, ours), min(found.theirs, theirs))
        if number >= turns.LEAST and found.ratio < most:
            break
    return found


def measure_verify(folder: Path, rounds: int, *, most: float = 0) -> Pair:
    """`anchor verify` and `sigstore verify identity` of one bundle in turns, until the ratio is below
    `most`."""
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
    ran((*ANCHOR, "instance", "export", "--home", "home", "-o", "exported"), folder=folder)
    (bundle,) = (folder / "site" / "release" / "1.0.0").glob("*.sigstore.json")
    signer = tomllib.loads(policy)["signer"][0]
    stock = (BIN / "sigstore", "--trust-config", "exported/client_trust_config.json", "verify", "identity")
    who = ("--cert-identity", signer["identity"], "--cert-oidc-issuer", signer["issuer"])
    theirs_command = (*stock, "--offline", "--bundle", bundle, *who, LEDGER)
    ours_command = (*ANCHOR, "verify", "site/release.json", "--policy", "policy.toml")
    ours, theirs = turns.best(
        partial(ran, ours_command, folder=folder),
        partial(ran, theirs_command, folder=folder),
        rounds=rounds,
        enough=lambda found: found[0] / found[1] < most,
        clock=turns.of_children,
    )
    return Pair("verify / sigstore verify identity", ours, theirs)


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
