# SPDX-License-Identifier: Apache-2.0
"""A promise alone verifies as a v0.1 bundle, and is no anchor of a release."""

import json

import pytest

from anchor.errors import Refused
from anchor.publish import release_json
from anchor.publish.release_json import Anchored
from anchor.sigstore import trusted_root
from anchor.verify import anchors
from anchor.verify.bundle import verify_bundle
from tests.support.forge import bundles
from tests.support.forge.whole import WHO

ROOT = trusted_root.parse(json.dumps(bundles.trusted_root()).encode())


@pytest.mark.parametrize("proven", [True, False])
def test_a_bundle_relabelled_v0_1_with_its_proof_cut_off_is_no_anchor(proven: bool) -> None:
    bundle = json.dumps(bundles.make(bundles.V1_DSSE.but(version="0.1", proven=proven))).encode()
    report = verify_bundle(bundle, trusted_root=ROOT, artifact=None, signers=WHO, now=bundles.NOW)
    assert report.ok  # as a bundle: sigstore_bundle.proto lets v0.1 do with the promise
    anchor = release_json.anchor(Anchored(path="log.sigstore.json", bundle=bundle, report=report, root=b""))
    if proven:
        assert anchors.check_claims(anchor, report, report.payload)
    else:
        with pytest.raises(Refused, match="checkpoint"):
            anchors.check_claims(anchor, report, report.payload)
