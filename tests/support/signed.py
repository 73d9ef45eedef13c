# SPDX-License-Identifier: Apache-2.0
"""Bundles signed on purpose: any statement, by any embedded instance, in any name."""

from datetime import UTC, datetime

from anchor import trusted_root
from anchor.edge import signing, stamping
from anchor.embedded.instance import Instance
from anchor.embedded.tokens import Tokens
from anchor.publish import documents
from anchor.publish.documents import Anchored
from anchor.release import Anchor
from anchor.verify.bundle import verify_bundle


def sign(instance: Instance, statement: bytes, *, identity: str | None = None, stamps: int = 1) -> bytes:
    """A bundle of this instance over these bytes; every call makes an entry."""
    root = trusted_root.parse(instance.trusted_root())
    steps = signing.Steps(
        authority=instance.authority,
        signed=lambda prepared: None,
        stamps=(lambda signature: stamping.stamp(instance.timestamps, signature, root),) * stamps,
        append=lambda prepared: instance.log.append(prepared.request),
    )
    return signing.sign(
        statement,
        steps=steps,
        trusted_root=instance.trusted_root(),
        token=instance.mint(identity),
        log_version=2,
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
    return documents.anchor(Anchored(path=path, bundle=bundle, report=report))
