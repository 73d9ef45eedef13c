# SPDX-License-Identifier: Apache-2.0
"""Keys that someone manages, with no certificate: every kind, and every kind mistaken for another."""

import base64
from typing import Any

from tests.support.forge.bundles import V1, V1_DSSE, V1_INTOTO, V2_DSSE, Stamp
from tests.support.forge.edits import put
from tests.support.forge.keys import Key, ecdsa, ed, rsa_key
from tests.vectors.case import Checks, Setting

ENTRY = "verificationMaterial.tlogEntries.0"
keys = Setting(clause="anchor verify-bundle --key; sigstore algorithm registry")
P256, P384, P521 = ecdsa("managed"), ecdsa("managed", "p384"), ecdsa("managed", "p521")
ED = ed("managed")
RSA2, RSA3, RSA4 = rsa_key(2048), rsa_key(3072), rsa_key(4096)


def by(key: Key, **more: Any) -> dict[str, Any]:
    """Knobs of a bundle signed and judged by one managed key."""
    return {"managed": key, "key": key.pem, "identity": None, "issuer": None, **more}


for name, key in (
    ("p256", P256),
    ("p384", P384),
    ("p521", P521),
    ("rsa-2048", RSA2),
    ("rsa-3072", RSA3),
    ("rsa-4096", RSA4),
):
    keys.accept(f"managed-{name}", "A message signature in Rekor v2.", **by(key))
for name, key in (("p256", P256), ("p384", P384), ("p521", P521), ("rsa-2048", RSA2)):
    keys.accept(
        f"managed-{name}-dsse",
        "An envelope in Rekor v2: the PAE under the key's own hash.",
        **by(key, recipe=V2_DSSE),
    )
keys.accept(
    "managed-ed25519ph",
    "Ed25519 over SHA-512, the form that a log without the artifact can check.",
    **by(ED.using("PKIX_ED25519_PH")),
    clause="Rekor v2 CLIENTS.md: Ed25519ph in hashedrekord",
)
keys.accept("managed-ed25519-dsse-v1", "Ed25519 over the PAE, in a dsse entry.", **by(ED, recipe=V1_DSSE))
keys.accept(
    "managed-ed25519-intoto-v1", "Ed25519 over the PAE, in an intoto entry.", **by(ED, recipe=V1_INTOTO)
)
keys.accept("managed-p256-v1", "Rekor v1.", **by(P256, recipe=V1))
keys.accept("managed-p384-v1", "Rekor v1 with SHA-384.", **by(P384, recipe=V1))
keys.accept("managed-rsa-v1", "Rekor v1, RSA.", **by(RSA2, recipe=V1))
keys.accept("managed-p256-dsse-v1", "Rekor v1, envelope.", **by(P256, recipe=V1_DSSE))
keys.accept(
    "managed-rsa-pss",
    "RSA-PSS, where the log entry says so.",
    **by(RSA2.using("PKIX_RSA_PSS_2048_SHA256")),
    clause="issue: RSA PKCS#1 v1.5 and PSS where the key details say so",
)
keys.accept(
    "managed-rsa-pss-4096",
    "RSA-PSS of 4096 bits.",
    **by(RSA4.using("PKIX_RSA_PSS_4096_SHA256")),
    clause="issue: RSA PKCS#1 v1.5 and PSS where the key details say so",
)
keys.accept(
    "managed-without-time",
    "A key without a window needs no time: the log's word is enough.",
    **by(P256, stamps=()),
    clause="sigstore-conformance managed-key cases; a key has no validity of its own",
)
keys.accept(
    "managed-v1-without-promise",
    "Rekor v1, proof alone.",
    **by(P256, recipe=V1, promised=False),
    clause="sigstore-conformance intoto-canonical-log-entry",
)
keys.accept(
    "managed-hint-of-nothing",
    "The hint is no one's word: any will do.",
    edit=put("verificationMaterial.publicKey.hint", "whatever"),
    **by(P256),
)

wrong = Setting(clause="the key given is the only key")
wrong.refuse("managed-other-key", Checks.SIGNATURE, "Another key.", **by(P256, signer=ecdsa("mallory")))
wrong.refuse(
    "managed-key-of-log",
    Checks.SIGNATURE,
    "The bundle is true, of a key that was not given.",
    **by(ecdsa("mallory")) | {"key": P256.pem},
)
wrong.refuse(
    "managed-other-kind-of-key",
    Checks.MATERIAL,
    "The bundle is true, of a key of another kind.",
    **by(RSA2) | {"key": P256.pem},
)
wrong.refuse(
    "managed-identity-expected",
    Checks.MATERIAL,
    "A key where a certificate's identity is expected.",
    managed=P256,
    clause="sigstore-conformance managed-key-and-client-identity_fail",
)
wrong.refuse(
    "managed-p384-with-sha256", Checks.SIGNATURE, "P-384 signs SHA-384.", **by(P384, sign_hash="SHA2_256")
)
wrong.refuse(
    "managed-p521-with-sha256", Checks.SIGNATURE, "P-521 signs SHA-512.", **by(P521, sign_hash="SHA2_256")
)
wrong.refuse(
    "managed-p256-with-sha512", Checks.SIGNATURE, "P-256 signs SHA-256.", **by(P256, sign_hash="SHA2_512")
)
wrong.refuse(
    "managed-pss-told-as-pkcs1",
    Checks.SIGNATURE,
    "A PSS signature in an entry that says PKCS#1.",
    body=put("spec.hashedRekordV002.signature.verifier.keyDetails", "PKIX_RSA_PKCS1V15_2048_SHA256"),
    **by(RSA2.using("PKIX_RSA_PSS_2048_SHA256")),
)
wrong.refuse(
    "managed-pkcs1-told-as-pss",
    Checks.SIGNATURE,
    "The other way round.",
    body=put("spec.hashedRekordV002.signature.verifier.keyDetails", "PKIX_RSA_PSS_2048_SHA256"),
    **by(RSA2),
)
wrong.refuse(
    "managed-body-other-key",
    Checks.BODY,
    "The entry has another key.",
    body=put(
        "spec.hashedRekordV002.signature.verifier.publicKey.rawBytes",
        base64.b64encode(ecdsa("mallory").spki).decode(),
    ),
    **by(P256),
)
wrong.refuse(
    "managed-v1-window",
    Checks.WINDOW,
    "A promised time outside the log key's window.",
    root=put("tlogs.0.publicKey.validFor", {"start": "2026-03-01T12:00:04Z"}),
    **by(P256, recipe=V1),
)
keys.accept(
    "managed-stamp-of-stranger",
    "A token that nobody vouches for counts for nothing, and a managed key needs none.",
    **by(P256, stamps=(Stamp(by="mallory"),)),
    clause="a token of an unknown authority is no evidence, for or against",
)
wrong.refuse(
    "managed-outer-index",
    Checks.CHECKPOINT,
    "The outer index is forged.",
    edit=put(f"{ENTRY}.logIndex", "3"),
    **by(P256),
)
wrong.refuse(
    "managed-no-entry",
    Checks.LOG,
    "No log entry.",
    edit=put("verificationMaterial.tlogEntries", []),
    **by(P256),
)
