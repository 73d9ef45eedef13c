# SPDX-License-Identifier: Apache-2.0
"""The verdict of our verifier on a vector."""

import functools
from dataclasses import dataclass

from anchor.app.own_root import own_root
from anchor.errors import AnchorError
from anchor.sigstore import keys
from anchor.sigstore.artifact import Artifact, DigestArtifact
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verdict import Class, class_of
from anchor.verify.bundle import BundleReport, verify_bundle
from anchor.verify.policy import Signer
from tests.vectors.case import Case


@dataclass(frozen=True)
class Outcome:
    """The class, and each check that failed with its words."""

    verdict: Class
    failed: dict[str, str]
    report: BundleReport | None = None

    @property
    def accepted(self) -> bool:
        return self.verdict is Class.OK


@functools.lru_cache(maxsize=8)
def _root(data: bytes) -> TrustedRoot:
    """Most vectors have the same trusted root."""
    return own_root(data, where="trusted root")


def judge(case: Case) -> Outcome:
    """Our verdict of a vector; anything but an `AnchorError` goes through."""
    try:
        root = _root(case.root)
    except AnchorError as e:
        return Outcome(class_of(e), {"trusted-root": str(e)})
    artifact = Artifact(case.artifact)
    if case.by_digest:
        artifact = DigestArtifact(case.by_digest, artifact.digest(case.by_digest))
    report = verify_bundle(
        case.bundle,
        trusted_root=root,
        artifact=artifact,
        now=case.now,
        signers=None if case.key else [Signer(identity=case.identity or "", issuer=case.issuer or "")],
        key=keys.load_pem(case.key) if case.key else None,
    )
    return Outcome(report.verdict, {c.name: c.detail for c in report.checks if c.demotes}, report)
