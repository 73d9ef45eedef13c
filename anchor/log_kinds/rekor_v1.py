# SPDX-License-Identifier: Apache-2.0
"""Rekor v1: entries with promises, in a log of several trees that proves online.

Every field of an entry is rebuilt. Two things are taken from the body itself, since nobody keeps what they
were made of: the envelope hash of `dsse` and `intoto` entries (its form is checked), and the line breaks of
the PEM in an `intoto` entry.
"""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from anchor import regex
from anchor.encoding import jcs, parse_json, to_base64, unbase64
from anchor.errors import Misuse, Refused
from anchor.log_kinds.kind import (
    Body,
    Form,
    LogKind,
    Signed,
    Unlogged,
    names_of,
    note_key,
    parse_body,
    unknown_form,
)
from anchor.sigstore import keys
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.bundle import Envelope, LogEntry
from anchor.sigstore.trusted_root import LogKey
from anchor.tlog.checkpoint import Log
from anchor.tlog.keys import Algorithm, key_from_spki

MAX_JSON_INTEGER = 2**53 - 1
HASHEDREKORD = ("hashedrekord", "0.0.1")
DSSE = ("dsse", "0.0.1")
INTOTO = ("intoto", "0.0.2")
_ORIGIN = regex.expression(r"(?P<name>.+) - (?P<tree>[0-9]{1,20})", re.ASCII)
_PEM = regex.expression(rb"\s*-----BEGIN ([A-Z ]+)-----\s([A-Za-z0-9+/=\s]+)\s-----END \1-----\s*", re.ASCII)
_SHA256 = regex.expression(r"[0-9a-f]{64}", re.ASCII)


class RekorV1(LogKind):
    """Its name is the host of its URL, with the id of a tree behind it in the origin of that tree."""

    name: ClassVar[str] = "rekor-v1"
    title: ClassVar[str] = "Rekor v1"
    forms: ClassVar[tuple[Form, ...]] = (HASHEDREKORD, DSSE, INTOTO)
    api_version: ClassVar[int | None] = 1
    promises: ClassVar[bool] = True
    one_tree: ClassVar[bool] = False

    def rebuild(self, entry: LogEntry, signed: Signed, where: str) -> list[Body]:
        form = (entry.kind, entry.version)
        if form == HASHEDREKORD:
            return [_hashedrekord(signed)]
        if form == DSSE:
            return [_dsse(parse_body(entry, where), signed, where)]
        if form == INTOTO:
            return [_intoto(parse_body(entry, where), signed, where)]
        raise unknown_form(entry, where)

    def prehashed(self, entry: LogEntry) -> bool:
        """A `hashedrekord` keeps only the SHA-512 of what Ed25519 signs."""
        return (entry.kind, entry.version) == HASHEDREKORD

    def promised_time(self, entry: LogEntry, key: LogKey, where: str) -> datetime:
        """The signature is over the canonical JSON of body, time, log id and log-wide index."""
        assert entry.promise is not None
        if not 0 < entry.integrated_time <= MAX_JSON_INTEGER or entry.log_index > MAX_JSON_INTEGER:
            raise Refused("a time or index that no promise can carry", where=where)
        signed = b'{"body":"%s","integratedTime":%d,"logID":"%s","logIndex":%d}' % (
            to_base64(entry.body).encode(),
            entry.integrated_time,
            entry.log_id.hex().encode(),
            entry.log_index,
        )
        key.key.verify(entry.promise, Artifact(signed), where=f"{where} promise")
        try:
            return datetime.fromtimestamp(entry.integrated_time, UTC)
        except (OverflowError, ValueError, OSError):
            raise Refused("a time that no calendar holds", where=where) from None

    def log_of(self, key: LogKey, origin: str, where: str) -> Log:
        """By default the name is the bare name of the log's machine, which no URL says."""
        names = names_of(key, where)
        tree = _ORIGIN.fullmatch(origin)
        name = tree["name"] if tree else origin
        if name not in names and ("." in name or ":" in name):
            raise Refused(f"origin {origin!r} is not of {key.base_url}", where=where)
        return Log(name, note_key(name, key), shards=tree is not None)

    def has_origin(self, origin: str) -> bool:
        return _ORIGIN.fullmatch(origin) is not None

    def log_name(self, origin: str) -> str:
        found = _ORIGIN.fullmatch(origin)
        return found["name"] if found else origin

    def tree(self, origin: str) -> str:
        """The id of the tree in an origin, in decimal; empty if it names none."""
        found = _ORIGIN.fullmatch(origin)
        return found["tree"] if found else ""

    def log(self, name: str, spki: bytes, *, hash_name: str = "sha256") -> Log:
        """The key id is SHA-256(SPKI)[:4]."""
        key = key_from_spki(name, spki, hash_name=hash_name)
        if key.algorithm is not Algorithm.ECDSA:
            raise Refused("a Rekor v1 log with a key that is not ECDSA", where=name)
        return Log(name, key, shards=True)

    def signs_with(self, key: LogKey) -> bool:
        return not isinstance(key.key.public, Ed25519PublicKey)

    def known_log(self, key: LogKey) -> Log:
        return self.log(key.netloc, key.key.spki, hash_name=key.key.scheme.hash)

    def request(self, unlogged: Unlogged) -> Body:
        """A proposed entry of the form `dsse` 0.0.1."""
        pem = keys.pem_of(unlogged.certificate, "CERTIFICATE")
        proposed = {"envelope": unlogged.envelope, "verifiers": [to_base64(pem)]}
        return {"apiVersion": DSSE[1], "kind": DSSE[0], "spec": {"proposedContent": proposed}}

    def requested_body(self, request: bytes) -> bytes:
        """JCS: hashes of the envelope and its payload, and each signature with its verifier."""
        try:
            asked = parse_json(request, where="request")
            if (asked["kind"], asked["apiVersion"]) != DSSE:
                raise KeyError
            proposed = asked["spec"]["proposedContent"]
            envelope = parse_json(proposed["envelope"].encode(), where="envelope")
            payload = base64.b64decode(envelope["payload"], validate=True)
            pairs = zip(envelope["signatures"], proposed["verifiers"], strict=True)
            signatures = [{"signature": s["sig"], "verifier": v} for s, v in pairs]
            spec = {
                "envelopeHash": _sha256(proposed["envelope"].encode()),
                "payloadHash": _sha256(payload),
                "signatures": signatures,
            }
            return jcs({"apiVersion": DSSE[1], "kind": DSSE[0], "spec": spec}, where="request")
        except (Refused, KeyError, TypeError, ValueError, AttributeError):
            raise Misuse("not a dsse 0.0.1 proposed entry", where="request") from None

    def within(self, entry: bytes, end: datetime) -> bytes:
        """Rekor v1 queues requests, and promises the time at which it comes to one. That may be after the end
        of the certificate, and every time in a bundle must be before it."""
        found = parse_json(entry, where="log entry")
        if not found.get("inclusionPromise"):
            return entry
        try:
            if int(found["integratedTime"]) <= end.timestamp():
                return entry
        except (KeyError, TypeError, ValueError):  # not an entry; the check of the bundle says so
            return entry
        found |= {"inclusionPromise": None, "integratedTime": "0"}
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


REKOR_V1 = RekorV1()


def _pem(signed: Signed) -> str:
    """Base64 of the PEM of certificate or key, as Rekor v1 keeps it."""
    if signed.certificate is not None:
        return to_base64(keys.pem_of(signed.certificate, "CERTIFICATE"))
    return to_base64(keys.pem_of(signed.key.spki, "PUBLIC KEY"))


def _envelope(signed: Signed, where: str) -> Envelope:
    content = signed.bundle.content
    if not isinstance(content, Envelope):
        raise Refused("an entry for an envelope, in a bundle with a plain signature", where=where)
    return content


def _hashedrekord(signed: Signed) -> Body:
    """The digest of what was signed: of the file, or of an envelope's PAE."""
    signature, algorithm = signed.bundle.signature, signed.key.scheme.hash
    return {
        "data": {"hash": {"algorithm": algorithm, "value": signed.message.digest(algorithm).hex()}},
        "signature": {"content": to_base64(signature), "publicKey": {"content": _pem(signed)}},
    }


def _dsse(body: Body, signed: Signed, where: str) -> Body:
    envelope = _envelope(signed, where)
    return {
        "envelopeHash": _kept_hash(body, ("spec", "envelopeHash"), where),
        "payloadHash": _sha256(envelope.payload),
        "signatures": [{"signature": to_base64(envelope.signature), "verifier": _pem(signed)}],
    }


def _intoto(body: Body, signed: Signed, where: str) -> Body:
    """Its signature is base64 of base64; so is its payload, where it is kept."""
    envelope = _envelope(signed, where)
    first = _first(_at(body, ("spec", "content", "envelope", "signatures")))
    signature = {"publicKey": _kept_pem(first, signed, where), "sig": _twice(envelope.signature)}
    if envelope.keyid:
        signature["keyid"] = envelope.keyid
    inner: Body = {"payloadType": envelope.payload_type, "signatures": [signature]}
    if isinstance(kept := _at(body, ("spec", "content", "envelope")), dict) and "payload" in kept:
        inner["payload"] = _twice(envelope.payload)
    return {
        "content": {
            "envelope": inner,
            "hash": _kept_hash(body, ("spec", "content", "hash"), where),
            "payloadHash": _sha256(envelope.payload),
        }
    }


def _first(found: Any) -> Any:
    return found[0] if isinstance(found, list) and found else None


def _kept_pem(signature: Any, signed: Signed, where: str) -> str:
    """The signer's PEM as the body has it, with the client's own line breaks, if it is of the right DER."""
    kept = _at(signature, ("publicKey",))
    if isinstance(kept, str):
        label, der = (
            ("CERTIFICATE", signed.certificate) if signed.certificate else ("PUBLIC KEY", signed.key.spki)
        )
        found = _PEM.fullmatch(unbase64(kept, where=f"{where} body publicKey"))
        if found and found[1] == label.encode() and unbase64(b"".join(found[2].split()), where=where) == der:
            return kept
    raise Refused("its body is not this bundle's: publicKey is another signer's", where=where)


def _sha256(data: bytes) -> Body:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _twice(data: bytes) -> str:
    return to_base64(to_base64(data).encode())


def _at(body: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _kept_hash(body: Body, path: tuple[str, ...], where: str) -> Body:
    """A SHA-256 that cannot be rebuilt, as the body has it, if it has the form of one."""
    kept = _at(body, path)
    value = kept.get("value") if isinstance(kept, dict) else None
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise Refused(f"its body has no SHA-256 at {'.'.join(path)}", where=where)
    return {"algorithm": "sha256", "value": value}
