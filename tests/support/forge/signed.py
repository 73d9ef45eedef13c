# SPDX-License-Identifier: Apache-2.0
"""Bundles signed on purpose: any statement, by any embedded instance, in any name."""

from dataclasses import dataclass
from datetime import UTC, datetime

from anchor.embedded.identity_tokens import Tokens
from anchor.embedded.instance import Instance
from anchor.embedded.log import Log
from anchor.format.release import Anchor
from anchor.log_kinds.rekor_v2 import REKOR_V2
from anchor.publish import release_json
from anchor.publish.release_json import Anchored
from anchor.signing import signer
from anchor.signing.unlogged_signature import Prepared
from anchor.sigstore import trusted_root
from anchor.verify.bundle import verify_bundle


@dataclass(frozen=True)
class Logged:
    """Every signature goes into this log at once, and nothing is kept of it (`signer.Recorder`)."""

    log: Log

    def signed(self, prepared: Prepared) -> None:
        pass

    def append(self, prepared: Prepared) -> bytes:
        return self.log.append(prepared.request)


def sign(instance: Instance, statement: bytes, *, identity: str | None = None, stamps: int = 1) -> bytes:
    """A bundle of this instance over these bytes; every call makes an entry."""
    return signer.sign(
        statement,
        authority=instance.authority,
        timestamps=(instance.timestamps,) * stamps,
        log=Logged(instance.log),
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
    return release_json.anchor(Anchored(path=path, bundle=bundle, report=report, root=root))
