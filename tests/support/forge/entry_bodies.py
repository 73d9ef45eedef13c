# SPDX-License-Identifier: Apache-2.0
"""The bodies that Rekor logs write for an artifact or an envelope, kind by kind."""

import base64
import hashlib
import json
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.forge.keys import Key
from tests.support.forge.logs import Json, b64


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def hex256(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def statement(artifact: bytes, name: str = "artifact", **more: Any) -> bytes:
    """An in-toto Statement v1 about one artifact."""
    value: Json = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": hex256(artifact)}}],
        "predicateType": "https://vectors.example/predicate/v1",
        "predicate": {"note": "made for a test"},
    }
    return json.dumps(value | more, separators=(",", ":")).encode()


def v2_body(digest: bytes, signature: bytes, key: Key, certificate: x509.Certificate | None) -> Json:
    """hashedrekord 0.0.2 of Rekor v2."""
    verifier: Json = {"keyDetails": key.details}
    if certificate:
        verifier["x509Certificate"] = {"rawBytes": b64(certificate.public_bytes(Encoding.DER))}
    else:
        verifier["publicKey"] = {"rawBytes": b64(key.spki)}
    return {
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {
            "hashedRekordV002": {
                "data": {"algorithm": key.hash_name, "digest": b64(digest)},
                "signature": {"content": b64(signature), "verifier": verifier},
            }
        },
    }


def dsse_v2(payload: bytes, body: Json) -> bytes:
    """dsse 0.0.2, as Rekor v2 logged envelopes before it took their PAE as hashedrekord; from that body."""
    signature = body["spec"]["hashedRekordV002"]["signature"]
    digest = b64(hashlib.sha256(payload).digest())
    spec = {"payloadHash": {"algorithm": "SHA2_256", "digest": digest}, "signatures": [signature]}
    return canonical({"apiVersion": "0.0.2", "kind": "dsse", "spec": {"dsseV002": spec}})


def _pem(key: Key, certificate: x509.Certificate | None) -> str:
    return b64(certificate.public_bytes(Encoding.PEM) if certificate else key.pem)


def _sha256(data: bytes) -> Json:
    return {"algorithm": "sha256", "value": hex256(data)}


def hashedrekord(digest: bytes, signature: bytes, key: Key, certificate: x509.Certificate | None) -> Json:
    """hashedrekord 0.0.1 of Rekor v1."""
    algorithm = {32: "sha256", 48: "sha384", 64: "sha512"}[len(digest)]
    return {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": algorithm, "value": digest.hex()}},
            "signature": {"content": b64(signature), "publicKey": {"content": _pem(key, certificate)}},
        },
    }


def dsse(envelope: Json, key: Key, certificate: x509.Certificate | None) -> Json:
    """dsse 0.0.1 of Rekor v1."""
    payload = base64.b64decode(envelope["payload"])
    signatures = [{"signature": s["sig"], "verifier": _pem(key, certificate)} for s in envelope["signatures"]]
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": _sha256(json.dumps(envelope).encode()),
            "payloadHash": _sha256(payload),
            "signatures": signatures,
        },
    }


def intoto(envelope: Json, key: Key, certificate: x509.Certificate | None, version: str = "0.0.2") -> Json:
    """intoto 0.0.1 or 0.0.2 of Rekor v1; 0.0.2 writes each signature in base64 twice."""
    payload = base64.b64decode(envelope["payload"])
    content: Json = {"hash": _sha256(json.dumps(envelope).encode()), "payloadHash": _sha256(payload)}
    spec: Json = {"content": content}
    if version == "0.0.1":
        spec["publicKey"] = _pem(key, certificate)
    else:
        content["envelope"] = {
            "payloadType": envelope["payloadType"],
            "signatures": [
                {"publicKey": _pem(key, certificate), "sig": b64(s["sig"].encode())}
                for s in envelope["signatures"]
            ],
        }
    return {"apiVersion": version, "kind": "intoto", "spec": spec}


def canonical(body: Json) -> bytes:
    """The bytes that a log hashes."""
    return rfc8785.dumps(body)
