# SPDX-License-Identifier: Apache-2.0
"""How a bundle carries its certificate."""

import base64
import datetime as dt

from tests.support.forge.authorities import Leaf
from tests.support.forge.bundles import V1, b64
from tests.support.forge.edits import drop, put
from tests.support.forge.keys import ecdsa, ed
from tests.vectors.case import Checks, Setting

S = dt.timedelta(seconds=1)
form = Setting(clause="sigstore_bundle.proto: v0.3 MUST carry the leaf alone, v0.1 and v0.2 a chain")
form.refuse(
    "certificate-chain-in-0.3",
    Checks.FORMAT,
    "A chain in v0.3.",
    edit=lambda b: b["verificationMaterial"].update(
        x509CertificateChain={"certificates": [b["verificationMaterial"].pop("certificate")]}
    ),
)
form.refuse(
    "certificate-missing",
    Checks.FORMAT,
    "No certificate and no key.",
    edit=drop("verificationMaterial.certificate"),
)
form.refuse(
    "certificate-two-forms",
    Checks.FORMAT,
    "A certificate and a key.",
    edit=put("verificationMaterial.publicKey", {"hint": "x"}),
)
form.refuse(
    "certificate-not-der",
    Checks.MATERIAL,
    "Bytes that are no certificate.",
    edit=put("verificationMaterial.certificate.rawBytes", b64(b"0" * 200)),
)
form.refuse(
    "certificate-trailing-byte",
    Checks.MATERIAL,
    "A byte behind the certificate.",
    edit=lambda b: put(
        "verificationMaterial.certificate.rawBytes",
        b64(base64.b64decode(b["verificationMaterial"]["certificate"]["rawBytes"]) + b"\0"),
    )(b),
)
form.refuse(
    "certificate-chain-empty",
    Checks.FORMAT,
    "An empty chain.",
    recipe=V1,
    version="0.2",
    edit=put("verificationMaterial.x509CertificateChain.certificates", []),
)
form.refuse(
    "certificate-expected-key-given",
    Checks.MATERIAL,
    "A certificate where a managed key is expected.",
    identity=None,
    issuer=None,
    key=ecdsa("signer").pem,
    expect="INVALID",
    clause="sigstore-conformance: a key given to the verifier stands alone",
)
form.refuse(
    "certificate-ed25519-leaf",
    Checks.MATERIAL,
    "A leaf key that its hash does not fit.",
    leaf=Leaf(key=ed("leaf").using("PKIX_ECDSA_P256_SHA_256")),
    signer=ed("mallory leaf"),
)
