# SPDX-License-Identifier: Apache-2.0
"""The log wrote exactly what was signed: artifact, signature, envelope, entry body."""

from tests.support.forge import entry_bodies as bodies
from tests.support.forge.bundles import ARTIFACT, V1, V1_DSSE, V2_DSSE, Recipe, b64, make
from tests.support.forge.edits import drop, put
from tests.support.forge.keys import ecdsa
from tests.vectors.case import Checks, Setting

OTHER = ARTIFACT.replace(b"one", b"two")
MORE = "dsseEnvelope.signatures"
signed = Setting(
    clause="sigstore client spec: the signature verifies over the artifact with the certificate's key"
)
signed.refuse("artifact-other", Checks.ARTIFACT, "Another artifact.", given=OTHER)
signed.refuse(
    "artifact-other-digest",
    Checks.ARTIFACT,
    "The digest of another artifact.",
    given=OTHER,
    by_digest="sha256",
)
signed.refuse("artifact-other-v1", Checks.ARTIFACT, "Another artifact, Rekor v1.", recipe=V1, given=OTHER)
signed.refuse(
    "artifact-no-subject",
    Checks.STATEMENT,
    "The artifact is no subject of the statement.",
    recipe=V2_DSSE,
    given=OTHER,
)
signed.refuse(
    "artifact-no-subject-by-digest",
    Checks.STATEMENT,
    "Nor is its digest.",
    recipe=V2_DSSE,
    given=OTHER,
    by_digest="sha256",
)
signed.refuse("artifact-no-subject-v1", Checks.STATEMENT, "Nor in Rekor v1.", recipe=V1_DSSE, given=OTHER)
signed.refuse(
    "signature-of-other-artifact",
    Checks.SIGNATURE,
    "The digest is right, the signature is over something else.",
    edit=put("messageSignature.signature", b64(ecdsa("signer").sign(OTHER))),
)
signed.refuse(
    "signature-by-other-key",
    Checks.SIGNATURE,
    "Signed with a key that the certificate does not name.",
    signer=ecdsa("mallory"),
)
signed.refuse(
    "signature-dsse-by-other-key",
    Checks.SIGNATURE,
    "The same for an envelope.",
    recipe=V2_DSSE,
    signer=ecdsa("mallory"),
)
signed.refuse(
    "signature-v1-by-other-key", Checks.SIGNATURE, "The same in Rekor v1.", recipe=V1, signer=ecdsa("mallory")
)
signed.refuse(
    "signature-empty", Checks.FORMAT, "An empty signature.", edit=put("messageSignature.signature", "")
)
signed.refuse(
    "signature-over-payload",
    Checks.SIGNATURE,
    "The payload was signed, not its PAE.",
    recipe=V2_DSSE,
    edit=put(f"{MORE}.0.sig", b64(ecdsa("signer").sign(V2_DSSE.payload or b""))),
    clause="DSSE v1: the signature is over PAE(payloadType, payload)",
)
signed.refuse(
    "digest-other",
    Checks.ARTIFACT,
    "messageDigest is of something else; the signature is right.",
    edit=put("messageSignature.messageDigest.digest", b64(bytes(32))),
)
signed.refuse(
    "digest-other-algorithm",
    Checks.ARTIFACT,
    "messageDigest claims SHA-512.",
    edit=put("messageSignature.messageDigest.algorithm", "SHA2_512"),
)
signed.refuse(
    "digest-no-algorithm",
    Checks.FORMAT,
    "messageDigest without an algorithm: a digest that nobody would compare.",
    edit=put("messageSignature.messageDigest", {"algorithm": "", "digest": b64(bytes(32))}),
)
signed.accept(
    "digest-absent",
    "messageDigest is a hint for people: the signature binds the artifact.",
    edit=drop("messageSignature.messageDigest"),
    clause="sigstore_common.proto, MessageSignature: message_digest is not authenticated",
)
signed.refuse(
    "digest-unknown-algorithm",
    Checks.ARTIFACT,
    "messageDigest of an algorithm that is not known here: it was compared with nothing.",
    expect="UNSUPPORTED",
    edit=put("messageSignature.messageDigest.algorithm", "SHA9_999"),
)

envelope = Setting(clause="DSSE v1 and in-toto Statement v1", recipe=V2_DSSE)
envelope.refuse(
    "dsse-payload-other",
    Checks.SIGNATURE,
    "Another payload under the signature.",
    edit=put("dsseEnvelope.payload", b64(bodies.statement(OTHER))),
    given=OTHER,
)
envelope.refuse(
    "dsse-payload-type-other",
    Checks.SIGNATURE,
    "Another payload type under the signature.",
    edit=put("dsseEnvelope.payloadType", "application/vnd.in-toto+jsonl"),
)
envelope.refuse(
    "dsse-payload-type-text",
    Checks.STATEMENT,
    "A signed text is no statement about an artifact.",
    expect="UNSUPPORTED",
    payload_type="text/plain",
)
envelope.refuse(
    "dsse-two-signatures",
    Checks.FORMAT,
    "Two signatures: which one was logged?",
    edit=lambda b: b["dsseEnvelope"]["signatures"].append({"sig": b64(b"x" * 70)}),
    clause="sigstore_bundle.proto: the envelope MUST have exactly one signature",
)
envelope.refuse(
    "dsse-same-signature-twice",
    Checks.FORMAT,
    "The same signature twice.",
    edit=lambda b: b["dsseEnvelope"]["signatures"].append(b["dsseEnvelope"]["signatures"][0]),
    clause="sigstore_bundle.proto: the envelope MUST have exactly one signature",
)
envelope.refuse(
    "dsse-two-signatures-v1",
    Checks.FORMAT,
    "Two signatures in Rekor v1.",
    recipe=V1_DSSE,
    edit=lambda b: b["dsseEnvelope"]["signatures"].append(b["dsseEnvelope"]["signatures"][0]),
    clause="sigstore_bundle.proto: the envelope MUST have exactly one signature",
)
envelope.refuse("dsse-no-signature", Checks.FORMAT, "No signature.", edit=put(MORE, []))
envelope.refuse(
    "content-both",
    Checks.FORMAT,
    "A message signature and an envelope.",
    edit=lambda b: b.update(messageSignature=make(Recipe())["messageSignature"]),
)
envelope.refuse("content-none", Checks.FORMAT, "Neither.", edit=drop("dsseEnvelope"))
for name, why, payload in (
    ("not-json", "A payload that is no JSON.", b"not json"),
    ("no-type", "A statement without _type.", bodies.statement(ARTIFACT).replace(b'"_type"', b'"type"')),
    (
        "unknown-type",
        "A statement of an unknown _type.",
        bodies.statement(ARTIFACT, _type="https://in-toto.io/Statement/v9"),
    ),
    ("no-subject", "A statement without subjects.", bodies.statement(ARTIFACT, subject=[])),
    (
        "subject-without-digest",
        "A subject without a digest.",
        bodies.statement(ARTIFACT, subject=[{"name": "artifact", "digest": {}}]),
    ),
    (
        "subject-sha512-only",
        "A subject with another digest only.",
        bodies.statement(ARTIFACT, subject=[{"name": "artifact", "digest": {"sha512": "00" * 64}}]),
    ),
    (
        "subject-digests-differ",
        "A subject whose SHA-256 is the artifact's and whose SHA-512 is not: one of them lies.",
        bodies.statement(
            ARTIFACT,
            subject=[{"name": "x", "digest": {"sha256": bodies.hex256(ARTIFACT), "sha512": "00" * 64}}],
        ),
    ),
    (
        "digest-in-capitals",
        "A subject's digest in capitals.",
        bodies.statement(
            ARTIFACT, subject=[{"name": "artifact", "digest": {"sha256": bodies.hex256(ARTIFACT).upper()}}]
        ),
    ),
    (
        "duplicate-subject-key",
        "A statement with two members subject: readers differ in which they see.",
        bodies.statement(ARTIFACT).replace(b'"subject":', b'"subject":[],"subject":', 1),
    ),
    ("array", "A payload that is an array.", b"[]"),
):
    envelope.refuse(f"statement-{name}", Checks.STATEMENT, why, payload=payload)


def predicate(text: bytes) -> bytes:
    """A statement about the artifact with this predicate."""
    return bodies.statement(ARTIFACT, predicate={"n": 0}).replace(b'{"n":0}', text)


others = Setting(
    clause="in-toto attestation Statement v1: the predicate is its reader's question", recipe=V2_DSSE
)
others.accept(
    "statement-predicate-numbers",
    "Numbers of other people's predicates: long, with fractions, out of every range.",
    payload=predicate(b'{"n":[-12345678901234567890,123456789012345678901234567890,1.50,1e400]}'),
)
others.refuse(
    "statement-predicate-nested",
    Checks.STATEMENT,
    "A predicate that is nested deeper than is read here: not wrong, not known.",
    expect="UNSUPPORTED",
    payload=predicate(b'{"n":' + b"[" * 64 + b"]" * 64 + b"}"),
)
others.refuse(
    "statement-digest-is-a-number",
    Checks.STATEMENT,
    "A digest that reads as hex, and is a number.",
    payload=bodies.statement(ARTIFACT, subject=[{"name": "a", "digest": {"sha256": "N"}}]).replace(
        b'"N"', b"1e" + b"1" * 62
    ),
)
