# SPDX-License-Identifier: Apache-2.0
"""Sigstore bundles v0.1 to v0.3: from JSON to exactly the fields that a check can bind.

Decides which documents are bundles, field by field, and which fields a version demands. A parsed bundle is
not verified: `verify` does that. protobuf-specs, sigstore_bundle.proto and sigstore_rekor.proto.
"""

from typing import Any, Final

import msgspec

from anchor import limits
from anchor.encoding import parse_json
from anchor.errors import Refused, Unsupported
from anchor.sigstore.protojson import Message, to_bytes

MAX_SIZE = limits.BUNDLE
"""Bytes of a bundle. Large DSSE payloads are inside."""
MAX_ENTRIES = 32
MAX_TIMESTAMPS = limits.TIMESTAMPS
MAX_CERTIFICATES = limits.CERTIFICATES
MAX_HASHES = limits.HASHES

IN_TOTO: Final = "application/vnd.in-toto+json"
"""The type of a DSSE payload that is an in-toto statement."""
MEDIA_TYPES = {
    "application/vnd.dev.sigstore.bundle+json;version=0.1": (0, 1),
    "application/vnd.dev.sigstore.bundle+json;version=0.2": (0, 2),
    "application/vnd.dev.sigstore.bundle+json;version=0.3": (0, 3),
    "application/vnd.dev.sigstore.bundle.v0.3+json": (0, 3),
}
_BUNDLE = ("mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope")
_MATERIAL = ("publicKey", "x509CertificateChain", "certificate", "tlogEntries", "timestampVerificationData")
_ENTRY = (
    "logIndex",
    "logId",
    "kindVersion",
    "integratedTime",
    "inclusionPromise",
    "inclusionProof",
    "canonicalizedBody",
)
_PROOF = ("logIndex", "rootHash", "treeSize", "hashes", "checkpoint")


class InclusionProof(msgspec.Struct, frozen=True):
    """A proof; `checkpoint` is the signed note, None only in a v0.1 bundle."""

    log_index: int
    tree_size: int
    root_hash: bytes
    hashes: tuple[bytes, ...]
    checkpoint: bytes | None


class LogEntry(msgspec.Struct, frozen=True):
    """A transparency log entry. `integrated_time` counts only together with a verified `promise`."""

    log_index: int
    log_id: bytes
    kind: str
    version: str
    integrated_time: int
    promise: bytes | None
    proof: InclusionProof | None
    body: bytes


class Envelope(msgspec.Struct, frozen=True):
    """A DSSE envelope with its one signature."""

    payload_type: str
    payload: bytes
    signature: bytes
    keyid: str

    def pae(self) -> bytes:
        """The signed bytes (DSSE v1, Pre-Authentication Encoding)."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)


class MessageSignature(msgspec.Struct, frozen=True):
    """A signature over the artifact itself. `algorithm` and `digest` say only which artifact is meant."""

    signature: bytes
    algorithm: str
    digest: bytes


class Bundle(msgspec.Struct, frozen=True):
    """A parsed bundle. Either `certificate` (DER, with untrusted `intermediates`) or `hint` is not None."""

    version: tuple[int, int]
    certificate: bytes | None
    intermediates: tuple[bytes, ...]
    hint: str | None
    entries: tuple[LogEntry, ...]
    timestamps: tuple[bytes, ...]
    content: Envelope | MessageSignature

    @property
    def signature(self) -> bytes:
        """The bytes that are logged and time-stamped."""
        return self.content.signature


def parse(data: bytes, *, where: str = "bundle") -> Bundle:
    """A bundle from its JSON bytes; raises Refused, or Unsupported for a version or member not known here."""
    if len(data) > MAX_SIZE:
        raise Refused(f"{len(data)} bytes, more than the {MAX_SIZE} of a bundle", where=where)
    raw = parse_json(data, where=where)
    if isinstance(raw, dict) and isinstance(kind := raw.get("mediaType"), str) and kind not in MEDIA_TYPES:
        raise Unsupported(f"a bundle of type {kind[:80]!r}", where=where)
    document = Message(raw, _BUNDLE, where)
    version = MEDIA_TYPES.get(document.text("mediaType"))
    if version is None:
        raise Unsupported("a bundle of an unknown type", where=where)
    material = document.message("verificationMaterial", _MATERIAL)
    certificate, intermediates, hint = _signer(material, version)
    entries = tuple(
        _entry(m, version) for m in _capped(material.messages("tlogEntries", _ENTRY), MAX_ENTRIES)
    )
    content = _content(document)
    return Bundle(version, certificate, intermediates, hint, entries, _timestamps(material), content)


def _capped(items: list[Message], limit: int) -> list[Message]:
    if len(items) > limit:
        raise Refused(f"{len(items)} items, more than {limit}", where=items[0].where)
    return items


def _signer(
    material: Message, version: tuple[int, int]
) -> tuple[bytes | None, tuple[bytes, ...], str | None]:
    """Certificate, further certificates and key hint, in exactly the one form that the version allows."""
    forms = [n for n in ("publicKey", "x509CertificateChain", "certificate") if material.has(n)]
    if len(forms) != 1:
        said = " and ".join(forms) or "neither a certificate nor a key hint"
        raise Refused(f"{said}, where one is wanted", where=material.where)
    if forms == ["publicKey"]:
        return None, (), material.message("publicKey", ("hint",)).text("hint", "")
    if forms == ["certificate"]:
        if version < (0, 3):
            raise Refused("a bundle before v0.3 carries a chain", where=material.path("certificate"))
        return material.message("certificate", ("rawBytes",)).data("rawBytes"), (), None
    if version >= (0, 3):
        raise Refused("a v0.3 bundle carries one certificate", where=material.path("x509CertificateChain"))
    chain = material.message("x509CertificateChain", ("certificates",))
    raws = [
        c.data("rawBytes") for c in _capped(chain.messages("certificates", ("rawBytes",)), MAX_CERTIFICATES)
    ]
    if not raws:
        raise Refused("an empty chain", where=chain.where)
    return raws[0], tuple(raws[1:]), None


def _timestamps(material: Message) -> tuple[bytes, ...]:
    if not material.has("timestampVerificationData"):
        return ()
    stamps = material.message("timestampVerificationData", ("rfc3161Timestamps",))
    listed = _capped(stamps.messages("rfc3161Timestamps", ("signedTimestamp",)), MAX_TIMESTAMPS)
    return tuple(m.data("signedTimestamp") for m in listed)


def _entry(entry: Message, version: tuple[int, int]) -> LogEntry:
    log_id = entry.message("logId", ("keyId",)).data("keyId")
    if len(log_id) != 32:
        raise Refused(f"{len(log_id)} bytes where 32 are wanted", where=entry.path("logId"))
    kind = entry.message("kindVersion", ("kind", "version"))
    promise = None
    if entry.has("inclusionPromise"):
        promise = entry.message("inclusionPromise", ("signedEntryTimestamp",)).data("signedEntryTimestamp")
    elif version == (0, 1):
        raise Refused("a v0.1 bundle without an inclusion promise", where=entry.where)
    proof = _proof(entry, version) if entry.has("inclusionProof") else None
    if proof is None and version > (0, 1):
        raise Refused("without an inclusion proof", where=entry.where)
    return LogEntry(
        log_index=entry.int64("logIndex"),
        log_id=log_id,
        kind=kind.text("kind"),
        version=kind.text("version"),
        integrated_time=entry.int64("integratedTime"),
        promise=promise,
        proof=proof,
        body=entry.data("canonicalizedBody"),
    )


def _proof(entry: Message, version: tuple[int, int]) -> InclusionProof:
    proof = entry.message("inclusionProof", _PROOF)
    root = proof.data("rootHash")
    hashes: list[bytes] = []
    for item, where in proof.items("hashes"):
        if len(hashes) == MAX_HASHES:
            raise Refused(f"more than {MAX_HASHES} hashes", where=proof.where)
        hashes.append(_hash(to_bytes(item, where), where))
    checkpoint = None
    if proof.has("checkpoint"):
        checkpoint = proof.message("checkpoint", ("envelope",)).text("envelope", "").encode() or None
    if checkpoint is None and version > (0, 1):
        raise Refused("without a checkpoint", where=proof.where)
    return InclusionProof(
        log_index=proof.int64("logIndex"),
        tree_size=proof.int64("treeSize"),
        root_hash=_hash(root, proof.path("rootHash")),
        hashes=tuple(hashes),
        checkpoint=checkpoint,
    )


def _hash(data: bytes, where: str) -> bytes:
    if len(data) != 32:
        raise Refused(f"{len(data)} bytes where 32 are wanted", where=where)
    return data


def _content(document: Message) -> Envelope | MessageSignature:
    """The one content: a message signature, or an envelope with exactly one signature."""
    forms = [n for n in ("messageSignature", "dsseEnvelope") if document.has(n)]
    if len(forms) != 1:
        said = " and ".join(forms) or "neither a message signature nor an envelope"
        raise Refused(f"{said}, where one is wanted", where=document.where)
    if forms == ["messageSignature"]:
        message = document.message("messageSignature", ("messageDigest", "signature"))
        algorithm, digest = "", b""
        if message.has("messageDigest"):
            said_digest = message.message("messageDigest", ("algorithm", "digest"))
            algorithm, digest = said_digest.text("algorithm"), said_digest.data("digest")
            if not algorithm:  # else the digest would be compared with nothing
                raise Refused("a digest of no algorithm", where=said_digest.where)
        return MessageSignature(message.data("signature"), algorithm, digest)
    return _envelope(document.message("dsseEnvelope", ("payload", "payloadType", "signatures")))


def _envelope(envelope: Message) -> Envelope:
    signatures = envelope.messages("signatures", ("sig", "keyid"))
    if len(signatures) != 1:
        raise Refused(f"{len(signatures)} signatures where one is wanted", where=envelope.path("signatures"))
    payload: Any = envelope.required("payload")
    return Envelope(
        payload_type=envelope.text("payloadType"),
        payload=to_bytes(payload, envelope.path("payload")),
        signature=signatures[0].data("sig"),
        keyid=signatures[0].text("keyid", ""),
    )
