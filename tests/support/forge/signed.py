# SPDX-License-Identifier: Apache-2.0
"""Bundles signed on purpose: any statement, by any embedded instance, in any name."""

from datetime import UTC, datetime

from anchor.embedded.identity_tokens import Tokens
from anchor.embedded.instance import Instance
from anchor.format.release import Anchor
from anchor.log_kinds.rekor_v2 import REKOR_V2
from anchor.publish import release_json
from anchor.publish.release_json import Anchored
from anchor.signing import request_timestamp, signer
from anchor.sigstore import trusted_root
from anchor.verify.bundle import verify_bundle


def sign(instance: Instance, statement: bytes, *, identity: str | None = None, stamps: int = 1) -> bytes:
    """A bundle of this instance over these bytes; every call makes an entry."""
    root = trusted_root.parse(instance.trusted_root())
    steps = signer.Steps(
        authority=instance.authority,
        signed=lambda prepared: None,
        stamps=(lambda signature: request_timestamp.stamp(instance.timestamps, signature, root),) * stamps,
        append=lambda prepared: instance.log.append(prepared.request),
    )
    return signer.sign(
        statement,
        steps=steps,
        trusted_root=instance.trusted_root(),
        token=instance.mint(identity),
        kind=REKOR_V2,
    )


def pose_as(instance: Instance, issuer: str) -> None:
    """The operator of an instance lets its CA vouch for identities of somebody else's issuer."""
    key = instance.tokens._key
    instance.__dict__["tokens"] = Tokens(key=key, issuer=issuer, clock=instance.clock)
    instance.__dict__.pop("authority", None)


def described(bundle: bytes, root: bytes, path: str) -> Anchor:
    """How an honest release.json would describe a bundle."""
    now = datetime.now(UTC)
    report = verify_bundle(bundle, trusted_root=trusted_root.parse(root), artifact=None, now=now)
    assert report.ok, [c for c in report.checks if c.demotes]
    return release_json.anchor(Anchored(path=path, bundle=bundle, report=report))
