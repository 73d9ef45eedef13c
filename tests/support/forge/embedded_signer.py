# SPDX-License-Identifier: Apache-2.0
"""A signer at the byte-level seams of an embedded instance, without any Sigstore client."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anchor import merkle
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.keys import VerifierKey

KEY = ec.generate_private_key(ec.SECP256R1())
"""Making a key costs more than a signature; tests that do not care share this one."""


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def spki(key: Any) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    data: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return data


def csr(key: Any = KEY) -> x509.CertificateSigningRequest:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256())


def csr_request(request: x509.CertificateSigningRequest | None = None) -> bytes:
    pem = (request or csr()).public_bytes(Encoding.PEM)
    return json.dumps({"certificateSigningRequest": b64(pem)}).encode()


def chain_of(answer: bytes) -> list[x509.Certificate]:
    pems = json.loads(answer)["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    return [x509.load_pem_x509_certificate(p.encode()) for p in pems]


def entry_fields(text: str | bytes, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, Any]:
    """The hashedRekordRequestV002 of a text, signed with a bare P-256 key."""
    data = text.encode() if isinstance(text, str) else text
    digest = hashlib.sha256(data).digest()
    signature = key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True))
    verifier = {
        "publicKey": {"rawBytes": b64(spki(key.public_key()))},
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
    }
    return {"digest": b64(digest), "signature": {"content": b64(signature), "verifier": verifier}}


def entry_request(text: str | bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    """A CreateEntryRequest; the same text gives the same bytes."""
    return json.dumps({"hashedRekordRequestV002": entry_fields(text, key)}).encode()


def wrapped(fields: dict[str, Any]) -> bytes:
    return json.dumps({"hashedRekordRequestV002": fields}).encode()


def certificate(key: Any = KEY, *, padding_bytes: int = 0) -> bytes:
    name = x509.Name([])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=1))
    )
    if padding_bytes:
        filler = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), bytes(padding_bytes))
        builder = builder.add_extension(filler, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def with_certificate(der: bytes) -> dict[str, Any]:
    fields = entry_fields("x")
    fields["signature"]["verifier"] = {
        "x509Certificate": {"rawBytes": b64(der)},
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
    }
    return fields


def fields_of(key: Any, details: str, algorithm: str = "sha256") -> dict[str, Any]:
    digest = hashlib.new(algorithm, b"x").digest()
    prehashed = Prehashed({32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}[len(digest)])
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(digest, padding.PKCS1v15(), prehashed)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(digest, ec.ECDSA(prehashed))
    else:
        signature = key.sign(digest)
    verifier = {"publicKey": {"rawBytes": b64(spki(key.public_key()))}, "keyDetails": details}
    return {"digest": b64(digest), "signature": {"content": b64(signature), "verifier": verifier}}


def check_entry(answer: bytes, *, origin: str, key: VerifierKey, index: int | None = None) -> int:
    """A TransparencyLogEntry proves itself under a checkpoint of this log, of exactly its tree; its index."""
    entry = json.loads(answer)
    proof = entry["inclusionProof"]
    head = checkpoints.verify(proof["checkpoint"]["envelope"].encode(), checkpoints.Log(origin, key))
    found = int(entry["logIndex"])
    assert entry["logId"]["keyId"] == b64(key.full_id)
    assert entry["kindVersion"] == {"kind": "hashedrekord", "version": "0.0.2"}
    assert (entry["integratedTime"], entry["inclusionPromise"]) == ("0", None)
    assert proof["logIndex"] == entry["logIndex"]
    assert (proof["treeSize"], proof["rootHash"]) == (str(head.size), b64(head.root))
    assert index is None or found == index
    leaf = merkle.leaf_hash(base64.b64decode(entry["canonicalizedBody"]))
    hashes_ = [base64.b64decode(h) for h in proof["hashes"]]
    merkle.verify_inclusion(leaf, found, head.size, hashes_, head.root)
    return found
