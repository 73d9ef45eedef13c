# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of every parser and of the whole verifier, for a machine that has time.

Run: `pip install atheris`, then `python -m tests.bench.fuzz_verifier [seconds] [target]`. Targets: bundle,
root, note, policy, proof, key, token. The hypothesis tests in `tests/laws/test_fuzz_*.py` hold the same laws
and need nothing; this finds what they do not think of. Anything but an `AnchorError` is a finding.
"""

import dataclasses
import functools
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from anchor.errors import AnchorError
from anchor.sigstore import bundle as bundles
from anchor.sigstore import keys, timestamp_response, trusted_root
from anchor.tlog import checkpoint, tlog_proof, witness_policy
from anchor.verify import timestamp
from tests.support.forge.our_verdict import judge
from tests.vectors import make
from tests.vectors.c2sp import LOG_CASES
from tests.vectors.case import CASES

assert make.GROUPS  # importing it registers the cases
BASE = CASES["v2-message"]
FOUND = tempfile.gettempdir()
"""Where an input that breaks a law is kept."""


def gist(data: bytes) -> tuple[object, ...]:
    """The values of an accepted bundle, without those that no check binds."""
    found = bundles.parse(data)
    return found.signature, found.certificate, tuple((e.log_id, e.body) for e in found.entries)


@functools.cache
def honest() -> frozenset[tuple[object, ...]]:
    """The values of the accepted vectors."""
    return frozenset(gist(c.bundle) for c in CASES.values() if c.expect == "OK")


def whole(data: bytes) -> None:
    """The verifier; whatever is accepted must say what an honest bundle says."""
    if judge(dataclasses.replace(BASE, bundle=data)).accepted:
        assert gist(data) in honest()


TARGETS: dict[str, Callable[[bytes], object]] = {
    "bundle": whole,
    "root": lambda data: judge(dataclasses.replace(BASE, root=data)),
    "note": checkpoint.parse,
    "policy": witness_policy.parse,
    "proof": tlog_proof.parse,
    "key": keys.load_pem,
    "token": lambda data: timestamp.check_signing_certificate(
        timestamp_response.read(data, "token"), b"", where="token"
    ),
    "trusted-root": trusted_root.parse,
}


def seeds(target: str) -> list[bytes]:
    """Honest and forged inputs to begin with."""
    if target in ("bundle", "token"):
        return [c.bundle for c in CASES.values()]
    if target in ("root", "trusted-root"):
        return list({c.root for c in CASES.values()})
    if target == "key":
        return list({c.key for c in CASES.values() if c.key})
    kinds = {"note": ("note", "checkpoint", "cosigned"), "policy": ("policy",), "proof": ("proof",)}[target]
    return [c.data for c in LOG_CASES.values() if c.kind in kinds]


def one(target: str, data: bytes) -> None:
    """One input; returns if the outcome is ours."""
    try:
        TARGETS[target](data)
    except AnchorError:
        return


def main() -> None:
    """Fuzz until the time is over."""
    import atheris

    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    target = sys.argv[2] if len(sys.argv) > 2 else "bundle"
    warnings.simplefilter("ignore")
    atheris.instrument_all()
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds(target)):
            (Path(folder) / str(number)).write_bytes(seed)
        options = [
            sys.argv[0],
            f"-max_total_time={seconds}",
            "-max_len=20000",
            f"-artifact_prefix={FOUND}/",
            folder,
        ]
        atheris.Setup(options, lambda data: one(target, data))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
