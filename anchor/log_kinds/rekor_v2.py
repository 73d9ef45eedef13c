# SPDX-License-Identifier: Apache-2.0
"""Rekor v2: one form of entry (Rekor v2 specification, section 4.3), no promises, a tree as static tiles."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from anchor.encoding import jcs, parse_json, to_base64
from anchor.errors import Misuse, Refused, Unsupported
from anchor.log_kinds.kind import Body, Form, Signed, Unlogged, unknown_form
from anchor.log_kinds.tiled import TiledLog
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.bundle import LogEntry
from anchor.sigstore.keys import HASH_NAMES, scheme_of
from anchor.sigstore.trusted_root import LogKey

HASHEDREKORD = ("hashedrekord", "0.0.2")
DSSE = ("dsse", "0.0.2")
"""Written by early versions of Rekor v2, and not rebuilt here."""


class RekorV2(TiledLog):
    """One shard. Its API serves the tiles under `/api/v2`."""

    name: ClassVar[str] = "rekor-v2"
    title: ClassVar[str] = "Rekor v2"
    forms: ClassVar[tuple[Form, ...]] = (HASHEDREKORD, DSSE)
    api_version: ClassVar[int | None] = 2
    sharded: ClassVar[bool] = True

    def rebuild(self, entry: LogEntry, signed: Signed, where: str) -> list[Body]:
        """The digest of what was signed; for an envelope that is its PAE."""
        if (entry.kind, entry.version) != HASHEDREKORD:
            raise unknown_form(entry, where, ": hashedrekord is the only kind of Rekor v2")
        algorithm = signed.key.scheme.hash
        data = {"algorithm": HASH_NAMES[algorithm], "digest": to_base64(signed.message.digest(algorithm))}
        return [{"hashedRekordV002": {"data": data, "signature": s}} for s in _signatures(signed)]

    def stated_details(self, entry: LogEntry) -> str:
        try:
            node = parse_json(entry.body)["spec"]
            if (entry.kind, entry.version) == HASHEDREKORD:
                verifier = node["hashedRekordV002"]["signature"]["verifier"]
            else:
                verifier = node["dsseV002"]["signatures"][0]["verifier"]
            details = verifier.get("keyDetails", "")
        except (Refused, LookupError, TypeError, AttributeError):
            return ""
        return details if isinstance(details, str) else ""

    def signs_with(self, key: LogKey) -> bool:
        return isinstance(key.key.public, Ed25519PublicKey)

    def request(self, unlogged: Unlogged) -> Body:
        """A CreateEntryRequest over the SHA-256 of the PAE."""
        verifier = {
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "x509Certificate": {"rawBytes": to_base64(unlogged.certificate)},
        }
        signature = {"content": to_base64(unlogged.signature), "verifier": verifier}
        digest = to_base64(Artifact(unlogged.pae).digest("sha256"))
        return {"hashedRekordRequestV002": {"digest": digest, "signature": signature}}

    def requested_body(self, request: bytes) -> bytes:
        """JCS of the entry's protobuf JSON."""
        try:
            asked = parse_json(request, where="request")["hashedRekordRequestV002"]
            scheme = scheme_of(asked["signature"]["verifier"]["keyDetails"])
            return entry_body(HASH_NAMES[scheme.hash], asked["digest"], asked["signature"])
        except (Refused, Unsupported, KeyError, TypeError):
            raise Misuse("not a hashedrekord 0.0.2 request", where="request") from None


REKOR_V2 = RekorV2()


def _signatures(signed: Signed) -> list[Body]:
    """The signature as Rekor v2 keeps it. ProtoJSON leaves key details out that are not specified."""
    content, verifier = to_base64(signed.bundle.signature), _verifier(signed)
    found = [{"content": content, "verifier": verifier}]
    if signed.certificate is None:
        bare = {k: v for k, v in verifier.items() if k != "keyDetails"}
        found.append({"content": content, "verifier": bare})
    return found


def _verifier(signed: Signed) -> dict[str, Any]:
    if signed.certificate is not None:
        who: dict[str, Any] = {"x509Certificate": {"rawBytes": to_base64(signed.certificate)}}
    else:
        who = {"publicKey": {"rawBytes": to_base64(signed.key.spki)}}
    return {"keyDetails": signed.key.scheme.details, **who}


# Written once, for the embedded log and for the client that looks whether a log has an entry. `rebuild` above
# shares nothing with it.


def entry_body(algorithm: str, digest: str, signature: object) -> bytes:
    """The entry: JCS of its protobuf JSON. `algorithm` is a HashAlgorithm of protobuf-specs (`SHA2_256`),
    `digest` base64, `signature` a Signature message as JSON. Raises Refused for what JCS cannot hold."""
    spec = {"data": {"algorithm": algorithm, "digest": digest}, "signature": signature}
    return jcs(
        {"apiVersion": HASHEDREKORD[1], "kind": HASHEDREKORD[0], "spec": {"hashedRekordV002": spec}},
        where="log entry",
    )


def entry_digest(body: bytes) -> str:
    """The digest that an entry of `entry_body` records, base64. Raises Refused for another body."""
    try:
        return str(parse_json(body, where="log entry")["spec"]["hashedRekordV002"]["data"]["digest"])
    except (LookupError, TypeError):
        raise Refused("no hashedrekord 0.0.2", where="log entry") from None


def log_entry(
    body: bytes,
    *,
    index: int,
    size: int,
    root: bytes,
    proof: Sequence[bytes],
    checkpoint: bytes,
    log_id: bytes,
) -> bytes:
    """The TransparencyLogEntry of a body as protobuf JSON: int64 as strings, bytes as base64, no time of the
    log's own. Hashes and the log id are 32 bytes, the checkpoint is the signed note."""
    message: dict[str, Any] = {
        "logIndex": str(index),
        "logId": {"keyId": to_base64(log_id)},
        "kindVersion": dict(zip(("kind", "version"), HASHEDREKORD, strict=True)),
        "integratedTime": "0",
        "inclusionPromise": None,
        "inclusionProof": {
            "logIndex": str(index),
            "rootHash": to_base64(root),
            "treeSize": str(size),
            "hashes": [to_base64(h) for h in proof],
            "checkpoint": {"envelope": checkpoint.decode()},
        },
        "canonicalizedBody": to_base64(body),
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
