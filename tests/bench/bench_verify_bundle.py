# SPDX-License-Identifier: Apache-2.0
"""The cost of verifying a bundle in process, beside the stock `Verifier`, and what 10,000 hold in memory.

Run: python -m tests.bench.bench_verify_bundle [--count 10000]. Both sides verify the same bytes under the
same trusted root, parsed once, taking turns (`turns.paired`); a bundle is parsed from JSON each time. Memory
is that of a process of its own, which verifies distinct bundles only.
"""

import argparse
import gc
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from anchor.sigstore import trusted_root
from anchor.sigstore.artifact import Artifact
from anchor.verify.bundle import verify_bundle
from anchor.verify.policy import Signer
from tests.bench.turns import paired
from tests.support.forge.authorities import IDENTITY, ISSUER, authority
from tests.support.forge.bundles import (
    ARTIFACT,
    NOW,
    V1,
    V1_DSSE,
    V2,
    V2_DSSE,
    Recipe,
    ca_instance,
    make,
    v2_log,
)
from tests.support.forge.bundles import trusted_root as forged_root
from tests.support.forge.edits import put
from tests.support.forge.keys import Key, ecdsa


def p384(seed: str) -> Key:
    """A key on the curve that the certificate authority of the public instance uses."""
    return ecdsa(seed, "p384")


LIKE_PUBLIC = V1_DSSE.but(issued_by=authority("fulcio p384", keys=p384))
KINDS = {
    "v2-message": V2,
    "v2-dsse": V2_DSSE,
    "v1-message": V1,
    "v1-dsse": V1_DSSE,
    "v1-dsse-p384": LIKE_PUBLIC,
}


def root_of(recipe: Recipe) -> bytes:
    """The trusted root that lists the authority of the recipe."""
    listed = put("certificateAuthorities", [ca_instance(recipe.issued_by, "fulcio")])
    return json.dumps(forged_root(listed)).encode()


@dataclass(frozen=True)
class Cost:
    """The median milliseconds of CPU a bundle, and the median of the ratios of pairs."""

    ours: float
    stock: float
    ratio: float


def ours(listed: bytes) -> Callable[[bytes, bytes], None]:
    """Our verifier over one trusted root."""
    root = trusted_root.parse(listed)
    signers = [Signer(identity=IDENTITY, issuer=ISSUER)]

    def verify(bundle: bytes, artifact: bytes) -> None:
        report = verify_bundle(
            bundle, trusted_root=root, artifact=Artifact(artifact), now=NOW, signers=signers
        )
        assert report.ok, report.checks

    return verify


def stock(listed: bytes) -> Callable[[bytes, bytes], None]:
    """The stock verifier over the same."""
    from sigstore.hashes import Hashed
    from sigstore.models import Bundle
    from sigstore.verify import policy
    from sigstore_models.common.v1 import HashAlgorithm

    from tests.support.forge.client_verdicts import verifier

    client, signer = verifier(listed), policy.Identity(identity=IDENTITY, issuer=ISSUER)

    def verify(data: bytes, artifact: bytes) -> None:
        bundle = Bundle.from_json(data)
        if b'"dsseEnvelope"' in data:
            client.verify_dsse(bundle, signer)
        else:
            digest = hashlib.sha256(artifact).digest()
            client.verify_artifact(Hashed(algorithm=HashAlgorithm.SHA2_256, digest=digest), bundle, signer)

    return verify


def cost(recipe: Recipe, *, rounds: int = 60) -> Cost:
    """Both sides on one bundle, in turns."""
    data, listed = json.dumps(make(recipe)).encode(), root_of(recipe)
    one, other = (partial(side(listed), data, ARTIFACT) for side in (ours, stock))
    found = paired(one, other, rounds=rounds, runs=4)
    return Cost(1000 * found.one, 1000 * found.other, found.ratio)


def resident() -> int:
    """Bytes of memory that this process holds now."""
    with open("/proc/self/statm", encoding="ascii") as f:  # noqa: PTH123  a file of the kernel
        return int(f.read().split()[1]) * 4096


def growth(count: int) -> tuple[int, int]:
    """Bytes held after the first fifth of `count` distinct bundles, and after all of them."""
    verify, early = ours(root_of(V2)), 0
    for number in range(count):
        artifact = b"%d" % number
        recipe = (V2, V2_DSSE)[number % 2].but(artifact=artifact, log=lambda: v2_log(fill=3), after=0)
        if recipe.payload is not None:
            from tests.support.forge.entry_bodies import statement

            recipe = recipe.but(payload=statement(artifact))
        verify(json.dumps(make(recipe)).encode(), artifact)
        if number == count // 5:
            gc.collect()
            early = resident()
    gc.collect()
    return early, resident()


def growth_alone(count: int) -> tuple[int, int]:
    """`growth` in a process of its own."""
    code = f"from tests.bench.bench_verify_bundle import growth; print(*growth({count}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    early, late = done.stdout.split()
    return int(early), int(late)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    for name, recipe in KINDS.items():
        found = cost(recipe)
        print(f"{name:12} ours {found.ours:.2f} ms, stock {found.stock:.2f} ms, ratio {found.ratio:.2f}")
    early, late = growth_alone(count)
    print(f"memory after {count // 5}: {early / 2**20:.1f} MiB, after {count}: {late / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
