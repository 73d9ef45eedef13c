# SPDX-License-Identifier: Apache-2.0
"""A whole bundle verified as a caller would, and which checks refused it."""

import json
from typing import Any

import msgspec

from anchor.sigstore import keys, trusted_root
from anchor.sigstore.artifact import Artifact
from anchor.verify.bundle import BundleReport, verify_bundle
from anchor.verify.policy import Signer
from tests.support.forge import bundles
from tests.support.forge import keys as forge_keys
from tests.support.forge.authorities import IDENTITY, ISSUER

Json = dict[str, Any]
WHO = (Signer(identity=IDENTITY, issuer=ISSUER),)


def verified(
    bundle: Json,
    *,
    root: Json | None = None,
    artifact: Artifact | None = None,
    signers: tuple[Signer, ...] | None = WHO,
    key: forge_keys.Key | None = None,
    doubt: str = "",
) -> BundleReport:
    believed = trusted_root.parse(json.dumps(root or bundles.trusted_root()).encode())
    return verify_bundle(
        json.dumps(bundle).encode(),
        trusted_root=msgspec.structs.replace(believed, doubt=doubt),
        artifact=artifact or Artifact(bundles.ARTIFACT),
        now=bundles.NOW,
        signers=None if key else signers,
        key=keys.load_pem(key.pem) if key else None,
    )


def failed(report: BundleReport) -> list[str]:
    return [c.name for c in report.checks if c.demotes]
