# SPDX-License-Identifier: Apache-2.0
"""Log entry bodies: rebuilt from the bundle and the artifact, and compared byte by byte.

Decides whether the log recorded this signature, by this key, over this file. Every field of a body is
rebuilt; only the envelope hash of Rekor v1's `dsse` and `intoto` entries, made over JSON text that nobody
keeps, is taken from the body itself (its form is checked), and so are the line breaks of an `intoto` PEM.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from anchor.encoding import parse_json, to_base64, unbase64
from anchor.errors import Refused, Unsupported
from anchor.sigstore import keys
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.bundle import Bundle, Envelope, LogEntry
from anchor.sigstore.keys import HASH_NAMES, Key

_PEM = re.compile(rb"\s*-----BEGIN ([A-Z ]+)-----\s([A-Za-z0-9+/=\s]+)\s-----END \1-----\s*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Signed:
    """Who signed what: what an entry is rebuilt from. `certificate` is DER, None for a managed key."""

    bundle: Bundle
    key: Key
    certificate: bytes | None
    message: Artifact
    """The bytes that the signature covers: the artifact, or the envelope's PAE."""

    def pem(self) -> str:
        """Base64 of the PEM of certificate or key, as Rekor v1 keeps it."""
        if self.certificate is not None:
            return to_base64(keys.pem_of(self.certificate, "CERTIFICATE"))
        return to_base64(keys.pem_of(self.key.spki, "PUBLIC KEY"))

    def verifier(self) -> dict[str, Any]:
        """Certificate or key as Rekor v2 keeps it."""
        if self.certificate is not None:
            who: dict[str, Any] = {"x509Certificate": {"rawBytes": to_base64(self.certificate)}}
        else:
            who = {"publicKey": {"rawBytes": to_base64(self.key.spki)}}
        return {"keyDetails": self.key.scheme.details, **who}


Body = dict[str, Any]
_canonical = msgspec.json.Encoder(order="sorted").encode
"""RFC 8785 for what is rebuilt here: strings and ASCII names, no numbers."""


def check(entry: LogEntry, signed: Signed, *, where: str) -> str:
    """What was compared, if the entry's body is the one that this signature gives; raises Refused."""
    rebuild = _KINDS.get((entry.kind, entry.version))
    if rebuild is None:
        problem = f"an entry of kind {entry.kind[:40]!r} {entry.version[:20]!r}"
        if entry.v2:
            problem += ": hashedrekord is the only kind of Rekor v2"
        raise Unsupported(problem, where=where)
    body = {} if entry.kind == "hashedrekord" else _parse(entry, where)
    specs = rebuild(body, signed, where)
    wanted = [{"apiVersion": entry.version, "kind": entry.kind, "spec": spec} for spec in specs]
    if entry.body not in map(_canonical, wanted):
        difference = _difference(_parse(entry, where), wanted[0])
        raise Refused(f"its body is not this bundle's: {difference}", where=where)
    kind = f"{entry.kind} {entry.version}"
    return f"the {kind} body is the one made again from file, signature and signer, byte for byte"


def stated_details(entry: LogEntry) -> str:
    """The key details that a v2 body states, "" if none; nothing is true of them before `check`."""
    if not entry.v2:
        return ""
    try:
        node = parse_json(entry.body)["spec"]
        node = node["hashedRekordV002"] if entry.kind == "hashedrekord" else node["dsseV002"]
        verifier = (node["signature"] if entry.kind == "hashedrekord" else node["signatures"][0])["verifier"]
        details = verifier.get("keyDetails", "")
    except (Refused, LookupError, TypeError, AttributeError):
        return ""
    return details if isinstance(details, str) else ""


def _parse(entry: LogEntry, where: str) -> Body:
    body = parse_json(entry.body, where=f"{where} body")
    if not isinstance(body, dict):
        raise Refused("its body is not a JSON object", where=where)
    said = (body.get("kind"), body.get("apiVersion"))
    if said != (entry.kind, entry.version):
        kinds = f"{said[0]!r} {said[1]!r}, the entry {entry.kind!r} {entry.version!r}"
        raise Refused(f"its body says {kinds}"[:200], where=where)
    return body


def _envelope(signed: Signed, where: str) -> Envelope:
    content = signed.bundle.content
    if not isinstance(content, Envelope):
        raise Refused("an entry for an envelope, in a bundle with a plain signature", where=where)
    return content


def _hashedrekord_v1(_body: Body, signed: Signed, _where: str) -> list[Body]:
    """The digest of what was signed: of the file, or of an envelope's PAE."""
    signature, algorithm = signed.bundle.signature, signed.key.scheme.hash
    return [
        {
            "data": {"hash": {"algorithm": algorithm, "value": signed.message.digest(algorithm).hex()}},
            "signature": {"content": to_base64(signature), "publicKey": {"content": signed.pem()}},
        }
    ]


def _hashedrekord_v2(_body: Body, signed: Signed, _where: str) -> list[Body]:
    """Rekor v2 logs the digest of what was signed; for an envelope that is its PAE."""
    algorithm = signed.key.scheme.hash
    data = {"algorithm": HASH_NAMES[algorithm], "digest": to_base64(signed.message.digest(algorithm))}
    return [{"hashedRekordV002": {"data": data, "signature": s}} for s in _signatures(signed)]


def _signatures(signed: Signed) -> list[Body]:
    """The signature as Rekor v2 keeps it. ProtoJSON leaves key details out that are not specified."""
    content, verifier = to_base64(signed.bundle.signature), signed.verifier()
    found = [{"content": content, "verifier": verifier}]
    if signed.certificate is None:
        bare = {k: v for k, v in verifier.items() if k != "keyDetails"}
        found.append({"content": content, "verifier": bare})
    return found


def _dsse_v1(body: Body, signed: Signed, where: str) -> list[Body]:
    envelope = _envelope(signed, where)
    return [
        {
            "envelopeHash": _kept_hash(body, ("spec", "envelopeHash"), where),
            "payloadHash": _sha256(envelope.payload),
            "signatures": [{"signature": to_base64(envelope.signature), "verifier": signed.pem()}],
        }
    ]


def _intoto_v2(body: Body, signed: Signed, where: str) -> list[Body]:
    """Rekor v1's `intoto` 0.0.2. Its signature is base64 of base64; so is its payload, where it is kept."""
    envelope = _envelope(signed, where)
    first = _first(_at(body, ("spec", "content", "envelope", "signatures")))
    signature = {"publicKey": _kept_pem(first, signed, where), "sig": _twice(envelope.signature)}
    if envelope.keyid:
        signature["keyid"] = envelope.keyid
    inner: Body = {"payloadType": envelope.payload_type, "signatures": [signature]}
    if isinstance(kept := _at(body, ("spec", "content", "envelope")), dict) and "payload" in kept:
        inner["payload"] = _twice(envelope.payload)
    return [
        {
            "content": {
                "envelope": inner,
                "hash": _kept_hash(body, ("spec", "content", "hash"), where),
                "payloadHash": _sha256(envelope.payload),
            }
        }
    ]


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


_KINDS: dict[tuple[str, str], Callable[[Body, Signed, str], list[Body]]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_v1,
    ("hashedrekord", "0.0.2"): _hashedrekord_v2,
    ("dsse", "0.0.1"): _dsse_v1,
    ("intoto", "0.0.2"): _intoto_v2,
}
"""The known kinds. Rekor v2 has `hashedrekord` alone (Rekor v2 specification 4.3): its older `dsse` 0.0.2 is
of no known kind."""


def _difference(found: Any, wanted: Any, path: str = "body") -> str:
    """Where two JSON values differ first, in words."""
    if found == wanted:
        return "it is not written in canonical form"
    if isinstance(found, list) and isinstance(wanted, list):
        if len(found) != len(wanted):
            return f"{path} has {len(found)} items, not {len(wanted)}"
        found, wanted = dict(enumerate(found)), dict(enumerate(wanted))
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return f"{path} differs"
    absent = object()
    both = sorted(found.keys() | wanted.keys())
    name = next(n for n in both if found.get(n, absent) != wanted.get(n, absent))
    inner = f"{path}.{str(name)[:40]}"
    if name not in found or name not in wanted:
        return f"it {'adds' if name in found else 'lacks'} {inner}"
    return _difference(found[name], wanted[name], inner)
