# SPDX-License-Identifier: Apache-2.0
"""The trusted root, signing config and trust config of an embedded instance, for any Sigstore client.

This module has the shapes and the values that clients need; it decides nothing. The trusted root is written
once, when the instance is made, since people pin its digest. The other two name the ports of one run.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from anchor.encoding import rfc3339, to_base64
from anchor.errors import Misuse
from anchor.sigstore.keys import spki_of
from anchor.tlog.keys import key_from_spki

TRUSTED_ROOT = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
SIGNING_CONFIG = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
CLIENT_TRUST_CONFIG = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"

CA_VERSION, TSA_VERSION, REKOR_VERSION = 1, 1, 2
TIMESTAMP_PATH = "/api/v1/timestamp"


def trusted_root(
    *,
    origin: str,
    start: datetime,
    authority: Sequence[x509.Certificate],
    ct_key: ec.EllipticCurvePublicKey,
    timestamps: Sequence[x509.Certificate],
    log_key: Ed25519PublicKey,
) -> bytes:
    """TrustedRoot JSON. Chains are leaf-most first; every window begins at `start` and stays open.

    The log's base URL is `https://<origin>`: clients take the name of its notes from there.
    """
    base = f"https://{origin}"
    window = {"start": rfc3339(start)}
    log_id = key_from_spki(origin, spki_of(log_key)).full_id
    rekor = _log(base, spki_of(log_key), "PKIX_ED25519", log_id, window)
    ct_id = hashlib.sha256(spki_of(ct_key)).digest()
    document = {
        "mediaType": TRUSTED_ROOT,
        "tlogs": [rekor | {"checkpointKeyId": {"keyId": to_base64(log_id)}}],
        "certificateAuthorities": [_authority(authority, base, window)],
        "ctlogs": [_log(f"{base}/ct", spki_of(ct_key), "PKIX_ECDSA_P256_SHA_256", ct_id, window)],
        "timestampAuthorities": [_authority(timestamps, base + TIMESTAMP_PATH, window)],
    }
    return _dump(document)


def _log(url: str, key: bytes, details: str, key_id: bytes, window: dict[str, str]) -> dict[str, Any]:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": to_base64(key), "keyDetails": details, "validFor": window},
        "logId": {"keyId": to_base64(key_id)},
    }


def _authority(chain: Sequence[x509.Certificate], uri: str, window: dict[str, str]) -> dict[str, Any]:
    subject = chain[-1].subject

    def name(oid: x509.ObjectIdentifier) -> str:
        return str(subject.get_attributes_for_oid(oid)[0].value)

    return {
        "subject": {
            "organization": name(NameOID.ORGANIZATION_NAME),
            "commonName": name(NameOID.COMMON_NAME),
        },
        "uri": uri,
        "certChain": {"certificates": [{"rawBytes": to_base64(c.public_bytes(Encoding.DER))} for c in chain]},
        "validFor": window,
    }


def signing_config(*, origin: str, start: datetime, base_url: str) -> bytes:
    """SigningConfig v0.2 JSON for services at `base_url`: scheme, host, port; Fulcio takes no path."""
    if base_url.count("/") != 2 or "://" not in base_url:
        raise Misuse(f"{base_url!r} is not scheme://host:port", where="base URL")

    def service(url: str, version: int) -> list[dict[str, Any]]:
        window = {"start": rfc3339(start)}
        return [{"url": url, "majorApiVersion": version, "validFor": window, "operator": origin}]

    document = {
        "mediaType": SIGNING_CONFIG,
        "caUrls": service(base_url, CA_VERSION),
        "oidcUrls": [],
        "rekorTlogUrls": service(base_url, REKOR_VERSION),
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": service(base_url + TIMESTAMP_PATH, TSA_VERSION),
        "tsaConfig": {"selector": "ANY"},
    }
    return _dump(document)


def client_trust_config(root: bytes, signing: bytes) -> bytes:
    """ClientTrustConfig JSON of a trusted root and a signing config."""
    document = {
        "mediaType": CLIENT_TRUST_CONFIG,
        "trustedRoot": json.loads(root),
        "signingConfig": json.loads(signing),
    }
    return _dump(document)


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2).encode() + b"\n"
