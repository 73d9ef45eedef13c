# SPDX-License-Identifier: Apache-2.0
"""The entry body records exactly what was signed, for each kind."""

import base64
import json

from tests.support.forge import entry_bodies as bodies
from tests.support.forge.authorities import Leaf
from tests.support.forge.bundles import ARTIFACT, V1, V1_DSSE, V1_INTOTO, V2_DSSE, Recipe, b64, make
from tests.support.forge.edits import drop, put
from tests.support.forge.keys import ecdsa
from tests.vectors.case import ENTRY, Checks, Setting, entry

OTHER = ARTIFACT.replace(b"one", b"two")
MORE = "dsseEnvelope.signatures"
body = Setting(clause="GHSA-whqx-f9j3-ch6m, CVE-2022-36056: the entry is rebuilt and must be byte-equal")
V2_SPEC = "spec.hashedRekordV002"
body.refuse(
    "body-of-another-bundle",
    Checks.BODY,
    "A true entry, of another artifact.",
    raw_body=bodies.canonical(
        bodies.v2_body(
            ecdsa("x").digest(OTHER),
            ecdsa("signer").sign(OTHER),
            ecdsa("signer"),
            Leaf().issue(Recipe().issued_by),
        )
    ),
)
body.refuse(
    "body-digest",
    Checks.BODY,
    "The entry has another digest.",
    body=put(f"{V2_SPEC}.data.digest", b64(bytes(32))),
)
body.refuse(
    "body-algorithm",
    Checks.BODY,
    "The entry names another hash.",
    body=put(f"{V2_SPEC}.data.algorithm", "SHA2_512"),
)
body.refuse(
    "body-signature",
    Checks.BODY,
    "The entry has another signature.",
    body=put(f"{V2_SPEC}.signature.content", b64(ecdsa("mallory").sign(ARTIFACT))),
)
body.refuse(
    "body-certificate",
    Checks.BODY,
    "The entry has another certificate of the same signer.",
    body=put(f"{V2_SPEC}.signature.verifier.x509Certificate.rawBytes", b64(b"0" * 300)),
)
body.refuse(
    "body-public-key",
    Checks.BODY,
    "The entry has the bare key in place of the certificate.",
    body=put(
        f"{V2_SPEC}.signature.verifier",
        {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": {"rawBytes": b64(ecdsa("signer").spki)}},
    ),
)
body.refuse(
    "body-key-details",
    Checks.MATERIAL,
    "The entry names another key algorithm.",
    body=put(f"{V2_SPEC}.signature.verifier.keyDetails", "PKIX_ECDSA_P384_SHA_384"),
)
body.refuse(
    "body-dsse-payload-digest",
    Checks.BODY,
    "SHA-256 of the payload in place of its PAE.",
    recipe=V2_DSSE,
    body=put(f"{V2_SPEC}.data.digest", b64(ecdsa("x").digest(V2_DSSE.payload or b""))),
)
body.refuse("body-more", Checks.BODY, "One member more.", body=put("spec.more", 1))
body.refuse(
    "body-kind", Checks.BODY, "kindVersion says hashedrekord, the body rekord.", body=put("kind", "rekord")
)
body.refuse(
    "body-version", Checks.BODY, "kindVersion says 0.0.2, the body 0.0.1.", body=put("apiVersion", "0.0.1")
)
body.refuse(
    "body-white-space",
    Checks.BODY,
    "The same JSON with a space: not what was logged.",
    raw_body=b" " + bodies.canonical({"kind": "hashedrekord"}),
)
body.refuse("body-not-json", Checks.BODY, "A body that is no JSON.", raw_body=b"body")
body.refuse("body-empty", Checks.FORMAT, "An empty body.", raw_body=b"")
body.refuse(
    "body-edited-after",
    Checks.INCLUSION,
    "The body was changed after the log hashed it.",
    edit=lambda b: put(
        f"{ENTRY}.canonicalizedBody", b64(base64.b64decode(entry(b)["canonicalizedBody"]) + b" ")
    )(b),
)
body.refuse(
    "body-swapped-v1",
    Checks.BODY,
    "A true v1 entry, of another artifact.",
    recipe=V1,
    raw_body=bodies.canonical(
        bodies.hashedrekord(
            ecdsa("x").digest(OTHER),
            ecdsa("signer").sign(OTHER),
            ecdsa("signer"),
            Leaf().issue(Recipe().issued_by),
        )
    ),
)
body.refuse(
    "body-v1-digest",
    Checks.BODY,
    "v1: another digest.",
    recipe=V1,
    body=put("spec.data.hash.value", "00" * 32),
)
body.refuse(
    "body-v1-certificate",
    Checks.BODY,
    "v1: another key.",
    recipe=V1,
    body=put("spec.signature.publicKey.content", b64(ecdsa("signer").pem)),
)
body.refuse(
    "body-v1-more",
    Checks.BODY,
    "v1: one member more.",
    recipe=V1,
    body=put("spec.data.url", "https://vectors.example/artifact"),
)

dsse = Setting(
    clause="Rekor v1 dsse 0.0.1: envelopeHash cannot be rebuilt, every other field is compared",
    recipe=V1_DSSE,
)
dsse.accept(
    "body-dsse-envelope-hash",
    "The envelope's hash is of a spelling that is lost: not bound, and not shown.",
    body=put("spec.envelopeHash.value", "00" * 32),
)
dsse.refuse(
    "body-dsse-payload-hash",
    Checks.BODY,
    "Another payload's hash.",
    body=put("spec.payloadHash.value", "00" * 32),
)
dsse.refuse(
    "body-dsse-payload-hash-algorithm",
    Checks.BODY,
    "Another hash.",
    body=put("spec.payloadHash.algorithm", "sha512"),
)
dsse.refuse(
    "body-dsse-signature",
    Checks.BODY,
    "Another signature.",
    body=put("spec.signatures.0.signature", b64(b"x" * 70)),
)
dsse.refuse(
    "body-dsse-verifier",
    Checks.BODY,
    "Another verifier.",
    body=put("spec.signatures.0.verifier", b64(ecdsa("signer").pem)),
)
dsse.refuse(
    "body-dsse-two-signatures",
    Checks.BODY,
    "The log wrote two signatures.",
    body=lambda b: b["spec"]["signatures"].append(b["spec"]["signatures"][0]),
)
dsse.refuse("body-dsse-no-signature", Checks.BODY, "The log wrote none.", body=put("spec.signatures", []))
dsse.refuse(
    "body-dsse-proposed",
    Checks.BODY,
    "A member that belongs to a proposal, not to an entry.",
    body=put("spec.proposedContent", {"envelope": "{}", "verifiers": []}),
)
dsse.refuse(
    "body-dsse-envelope-hash-missing",
    Checks.BODY,
    "The hash that cannot be rebuilt is missing.",
    body=drop("spec.envelopeHash"),
)

intoto = Setting(
    clause="Rekor v1 intoto 0.0.2: every field but the envelope's hash is compared", recipe=V1_INTOTO
)
intoto.refuse(
    "body-intoto-payload-hash",
    Checks.BODY,
    "Another payload's hash.",
    body=put("spec.content.payloadHash.value", "00" * 32),
)
intoto.refuse(
    "body-intoto-payload-type",
    Checks.BODY,
    "Another payload type.",
    body=put("spec.content.envelope.payloadType", "text/plain"),
)
intoto.refuse(
    "body-intoto-signature",
    Checks.BODY,
    "Another signature.",
    body=put("spec.content.envelope.signatures.0.sig", b64(b64(b"x" * 70).encode())),
)
intoto.refuse(
    "body-intoto-key",
    Checks.BODY,
    "Another key.",
    body=put("spec.content.envelope.signatures.0.publicKey", b64(ecdsa("signer").pem)),
)
intoto.refuse(
    "body-intoto-two-signatures",
    Checks.BODY,
    "The log wrote two signatures.",
    body=lambda b: b["spec"]["content"]["envelope"]["signatures"].append(
        b["spec"]["content"]["envelope"]["signatures"][0]
    ),
)

kind = Setting(clause="Rekor v2 CLIENTS.md: MUST fail gracefully on unknown kinds and versions")
kind.refuse(
    "kind-unknown",
    Checks.BODY,
    "A kind of the future.",
    expect="UNSUPPORTED",
    edit=put(f"{ENTRY}.kindVersion", {"kind": "ledgerrekord", "version": "0.0.1"}),
)
kind.refuse(
    "kind-unknown-version",
    Checks.BODY,
    "A version of the future.",
    expect="UNSUPPORTED",
    edit=put(f"{ENTRY}.kindVersion.version", "0.0.3"),
)
kind.refuse(
    "kind-of-v1-in-v2-body",
    Checks.BODY,
    "kindVersion says 0.0.1, the body is 0.0.2.",
    edit=put(f"{ENTRY}.kindVersion.version", "0.0.1"),
)
kind.refuse(
    "kind-dsse-for-message",
    Checks.BODY,
    "kindVersion says dsse, the bundle has a message signature.",
    recipe=V1,
    edit=put(f"{ENTRY}.kindVersion.kind", "dsse"),
)
kind.refuse("kind-missing", Checks.FORMAT, "No kindVersion.", edit=drop(f"{ENTRY}.kindVersion"))
kind.accept(
    "kind-hashedrekord-0.0.1-for-dsse",
    "An envelope, logged in Rekor v1 as a hashedrekord of its PAE.",
    recipe=V1.but(payload=V2_DSSE.payload),
    clause="sigstore client spec, bundle content and entry kind; sigstore-conformance dsse-with-hashedrekord",
)
kind.refuse(
    "kind-hashedrekord-0.0.1-of-payload",
    Checks.BODY,
    "The same, with SHA-256 of the payload in place of its PAE.",
    recipe=V1.but(payload=V2_DSSE.payload),
    body=put("spec.data.hash.value", bodies.hex256(V2_DSSE.payload or b"")),
)


def as_dsse(recipe: Recipe) -> Recipe:
    """The recipe with an entry of kind dsse 0.0.2, which Rekor v2 wrote before its specification."""
    made = make(recipe)["verificationMaterial"]["tlogEntries"][0]
    raw = bodies.dsse_v2(recipe.payload or b"", json.loads(base64.b64decode(made["canonicalizedBody"])))
    kind = {"kind": "dsse", "version": "0.0.2"}
    return recipe.but(raw_body=raw, entry=lambda e: e.update(kindVersion=kind))


for name, recipe, managed in (
    ("kind-dsse-0.0.2", V2_DSSE, {}),
    ("kind-dsse-0.0.2-managed", V2_DSSE.but(managed=ecdsa("old")), {"key": ecdsa("old").pem}),
):
    body.refuse(
        name,
        Checks.BODY,
        "An entry of kind dsse 0.0.2 in Rekor v2; its signatures hold.",
        expect="UNSUPPORTED",
        recipe=as_dsse(recipe),
        clause="Rekor v2 specification 4.3: HashedRekord is the only entry type in v2",
        **managed,
    )
