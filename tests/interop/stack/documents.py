# SPDX-License-Identifier: Apache-2.0
"""The instance's documents: trusted root, signing config, and both in one ClientTrustConfig."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from tests.interop.stack.keys import Pki, Public, log_id, spki

Json = dict[str, Any]


@dataclass(frozen=True)
class LogFacts:
    """The facts of a log that clients must know. `url` takes requests and, for version 2, serves tiles."""

    origin: str
    key: Public
    url: str
    version: int


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def trusted_root(pki: Pki, logs: Sequence[LogFacts]) -> Json:
    """A trusted root with these logs. A log's base URL has its origin as host: the Go client wants it so."""
    start = pki.start.strftime("%Y-%m-%dT%H:%M:%SZ")

    def log(url: str, key: Public, key_id: bytes) -> Json:
        details = "PKIX_ED25519" if isinstance(key, ed25519.Ed25519PublicKey) else "PKIX_ECDSA_P256_SHA_256"
        public = {"rawBytes": b64(spki(key)), "keyDetails": details, "validFor": {"start": start}}
        return {
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "logId": {"keyId": b64(key_id)},
            "publicKey": public,
        }

    def authority(chain: Sequence[x509.Certificate], name: str, uri: str) -> Json:
        certificates = [{"rawBytes": b64(c.public_bytes(Encoding.DER))} for c in chain]
        return {
            "subject": {"organization": "stack", "commonName": name},
            "uri": uri,
            "validFor": {"start": start},
            "certChain": {"certificates": certificates},
        }

    tlogs = []
    for known in logs:
        key_id = log_id(known.origin, known.key)
        entry = log(f"https://{known.origin}", known.key, key_id)
        if known.version == 2:
            entry["checkpointKeyId"] = {"keyId": b64(key_id)}
        tlogs.append(entry)
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": tlogs,
        "certificateAuthorities": [authority(pki.authority, "stack root", "https://fulcio.stack.internal")],
        "ctlogs": [log("https://ct.stack.internal", pki.ct, log_id("ct.stack.internal", pki.ct))],
        "timestampAuthorities": [authority(pki.stamping, "stack tsa", "https://tsa.stack.internal")],
    }


def signing_config(pki: Pki, *, ca: str, oidc: str, tsa: str, log: LogFacts) -> Json:
    start = pki.start.strftime("%Y-%m-%dT%H:%M:%SZ")

    def service(url: str, version: int = 1) -> list[Json]:
        return [{"url": url, "majorApiVersion": version, "validFor": {"start": start}, "operator": "stack"}]

    return {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": service(ca),
        "oidcUrls": service(oidc),
        "rekorTlogUrls": service(log.url, log.version),
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": service(tsa),
        "tsaConfig": {"selector": "ANY"},
    }


def client_trust_config(root: Json, config: Json) -> Json:
    media = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
    return {"mediaType": media, "trustedRoot": root, "signingConfig": config}


def write(path: Path, document: Json) -> Path:
    path.write_text(json.dumps(document, indent=1))
    return path
