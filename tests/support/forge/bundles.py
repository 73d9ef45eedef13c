# SPDX-License-Identifier: Apache-2.0
"""A tiny Sigstore made of seeds: it makes any bundle, honest or forged, and the same bytes each time.

A `Recipe` says what to make; its defaults are an honest Rekor v2 bundle. Its services sign lies when told
to, because the attacker of a vector holds whatever key the vector says.
"""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from tests.support.forge import entry_bodies as bodies
from tests.support.forge.authorities import EPOCH, SIGNED, Authority, Leaf, authority, der, tsa
from tests.support.forge.der import Token
from tests.support.forge.keys import Key, ecdsa
from tests.support.forge.logs import V1_OFFSET, Checkpoint, Json, Log, Promise, b64, v1_log, v2_log

__all__ = [
    "ARTIFACT",
    "IN_TOTO",
    "MEDIA",
    "NOW",
    "TRUSTED_ROOT",
    "V1",
    "V1_DSSE",
    "V1_INTOTO",
    "V2",
    "V2_DSSE",
    "Edit",
    "Json",
    "Recipe",
    "Stamp",
    "b64",
    "ca_instance",
    "ct_instance",
    "iso",
    "log_entry",
    "log_instance",
    "make",
    "stamp",
    "trusted_root",
    "v1_log",
    "v2_log",
    "window",
]

ARTIFACT = b"The ledger of a test: one fact, no comma.\n"
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
MEDIA = {
    "0.1": "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "0.2": "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "0.3-alt": "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "0.3": "application/vnd.dev.sigstore.bundle.v0.3+json",
}
TRUSTED_ROOT = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
IN_TOTO = "application/vnd.in-toto+json"
Edit = Callable[[Json], Any]


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Knobs of one time stamp; see `Token` for the ones it is handed on to."""

    by: str = "tsa"
    time: dt.datetime = SIGNED + dt.timedelta(seconds=2)
    over: bytes | None = None
    """The bytes that are stamped instead of the signature."""
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The recipe of a bundle."""

    version: str = "0.3"
    artifact: bytes = ARTIFACT
    payload: bytes | None = None
    """For a DSSE envelope; None signs the artifact itself."""
    payload_type: str = IN_TOTO
    kind: str = "v2"
    """The log's kind of entry: v2, hashedrekord, dsse, intoto-0.0.1, intoto-0.0.2."""
    leaf: Leaf = field(default_factory=Leaf)
    issued_by: Authority = field(default_factory=lambda: authority("fulcio"))
    certificate: x509.Certificate | None = None
    """A ready certificate in place of the leaf's."""
    managed: Key | None = None
    """A key without a certificate."""
    signer: Key | None = None
    """Who really signs, when it is not the holder of the certificate or key."""
    sign_hash: str | None = None
    stamps: tuple[Stamp, ...] | None = None
    """None: one for Rekor v2, none for v1."""
    head: Checkpoint = field(default_factory=Checkpoint)
    promise: Promise | None = None
    """None: an honest one for Rekor v1, none for v2."""
    promised: bool = True
    proven: bool = True
    time: dt.datetime = SIGNED + dt.timedelta(seconds=3)
    """integratedTime of a Rekor v1 entry."""
    log: Callable[[], Log] | None = None
    after: int = 4
    """Entries of others behind ours."""
    body: Edit | None = None
    """Changes the body before the log writes it."""
    raw_body: bytes | None = None
    entry: Edit | None = None
    """Changes the entry after the log has signed."""
    edit: Edit | None = None
    """Changes the bundle at the end."""

    def but(self, **changes: Any) -> "Recipe":
        """The same recipe with other knobs."""
        return dataclasses.replace(self, **changes)

    @property
    def v1(self) -> bool:
        return self.kind != "v2"


V2 = Recipe()
V2_DSSE = Recipe(payload=bodies.statement(ARTIFACT))
V1 = Recipe(kind="hashedrekord")
V1_DSSE = Recipe(kind="dsse", payload=bodies.statement(ARTIFACT))
V1_INTOTO = Recipe(kind="intoto-0.0.2", payload=bodies.statement(ARTIFACT))


def make(recipe: Recipe) -> Json:
    """The bundle of a recipe, as a JSON value."""
    key = recipe.managed or recipe.leaf.key
    certificate = None if recipe.managed else recipe.certificate or recipe.leaf.issue(recipe.issued_by)
    content, signed, signature = _content(recipe, key)
    body = _body(recipe, key, certificate, content, signed, signature)
    material = _identity(recipe, key, certificate)
    material["tlogEntries"] = [log_entry(recipe, body)]
    stamps = recipe.stamps if recipe.stamps is not None else (() if recipe.v1 else (Stamp(),))
    if stamps:
        tokens = [{"signedTimestamp": b64(stamp(s, signature))} for s in stamps]
        material["timestampVerificationData"] = {"rfc3161Timestamps": tokens}
    bundle: Json = {"mediaType": MEDIA[recipe.version], "verificationMaterial": material, **content}
    if recipe.edit:
        recipe.edit(bundle)
    return bundle


def _content(recipe: Recipe, key: Key) -> tuple[Json, bytes, bytes]:
    """The signed part of the bundle, the bytes under the signature, the signature."""
    signer = (recipe.signer or key).using(key.details)
    if recipe.payload is None:
        signature = signer.sign(recipe.artifact, hash_name=recipe.sign_hash)
        digest = {"algorithm": key.hash_name, "digest": b64(key.digest(recipe.artifact))}
        message = {"messageDigest": digest, "signature": b64(signature)}
        return {"messageSignature": message}, recipe.artifact, signature
    signed = bodies.pae(recipe.payload_type, recipe.payload)
    signature = signer.sign(signed, hash_name=recipe.sign_hash)
    envelope = {
        "payload": b64(recipe.payload),
        "payloadType": recipe.payload_type,
        "signatures": [{"sig": b64(signature)}],
    }
    return {"dsseEnvelope": envelope}, signed, signature


def _body(
    recipe: Recipe, key: Key, cert: x509.Certificate | None, content: Json, signed: bytes, signature: bytes
) -> bytes:
    if recipe.raw_body is not None:
        return recipe.raw_body
    envelope = content.get("dsseEnvelope", {})
    if recipe.kind == "v2":
        body = bodies.v2_body(key.digest(signed), signature, key, cert)
    elif recipe.kind == "hashedrekord":
        body = bodies.hashedrekord(key.digest(signed), signature, key, cert)
    elif recipe.kind == "dsse":
        body = bodies.dsse(envelope, key, cert)
    else:
        body = bodies.intoto(envelope, key, cert, recipe.kind.removeprefix("intoto-"))
    if recipe.body:
        recipe.body(body)
    return bodies.canonical(body)


def _identity(recipe: Recipe, key: Key, certificate: x509.Certificate | None) -> Json:
    if certificate is None:
        return {"publicKey": {"hint": b64(hashlib.sha256(key.spki).digest())}}
    raw = {"rawBytes": b64(der(certificate))}
    if recipe.version in ("0.1", "0.2"):
        return {"x509CertificateChain": {"certificates": [raw]}}
    return {"certificate": raw}


_KIND_VERSION = {
    "v2": ("hashedrekord", "0.0.2"),
    "hashedrekord": ("hashedrekord", "0.0.1"),
    "dsse": ("dsse", "0.0.1"),
    "intoto-0.0.1": ("intoto", "0.0.1"),
    "intoto-0.0.2": ("intoto", "0.0.2"),
}


def log_entry(recipe: Recipe, body: bytes) -> Json:
    """The entry that the recipe's log returns for a body."""
    log = recipe.log() if recipe.log else (v1_log() if recipe.v1 else v2_log())
    index = log.append(body)
    log.fill(recipe.after)
    kind, version = _KIND_VERSION[recipe.kind]
    entry: Json = {
        "logIndex": str(index + (V1_OFFSET if recipe.v1 else 0)),
        "logId": {"keyId": b64(log.id)},
        "kindVersion": {"kind": kind, "version": version},
        "canonicalizedBody": b64(body),
    }
    if recipe.v1:
        entry["integratedTime"] = str(int(recipe.time.timestamp()))
    if recipe.promised and (recipe.v1 or recipe.promise):
        promise = (recipe.promise or Promise()).sign(log, {"integratedTime": "0", **entry})
        entry["inclusionPromise"] = {"signedEntryTimestamp": promise}
    if recipe.proven:
        entry["inclusionProof"] = log.proof(index, recipe.head)
    if recipe.entry:
        recipe.entry(entry)
    return entry


def stamp(knobs: Stamp, signature: bytes) -> bytes:
    """An RFC 3161 response of the named authority."""
    chosen = tsa(knobs.by)
    token = Token(**{"time": knobs.time, "key": chosen.key, "certificate": chosen.chain[0], **knobs.more})
    return token.respond(signature if knobs.over is None else knobs.over)


def iso(when: dt.datetime) -> str:
    """RFC 3339 in UTC."""
    return when.isoformat().replace("+00:00", "Z")


def window(start: dt.datetime | None = EPOCH, end: dt.datetime | None = None) -> Json:
    """A validFor."""
    found = {"start": iso(start)} if start else {}
    return found | ({"end": iso(end)} if end else {})


def log_instance(log: Log, valid: Json | None = None) -> Json:
    """A trusted root's line for a log."""
    key_id = {"keyId": b64(log.id)}
    found: Json = {
        "baseUrl": f"https://{log.host}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(log.key.spki),
            "keyDetails": log.key.details,
            "validFor": valid or window(),
        },
        "logId": key_id,
    }
    return found | ({"checkpointKeyId": key_id} if log.key.details == "PKIX_ED25519" else {})


def ct_instance(key: Key, valid: Json | None = None) -> Json:
    """A trusted root's line for a certificate transparency log."""
    log = Log("ct", "ct.vectors.example", key, hashlib.sha256(key.spki).digest())
    return log_instance(log, valid)


def ca_instance(chosen: Authority, host: str, valid: Json | None = None) -> Json:
    """A trusted root's line for a certificate or time-stamping authority."""
    return {
        "subject": {"organization": "vectors.example", "commonName": host},
        "uri": f"https://{host}.vectors.example",
        "certChain": {"certificates": [{"rawBytes": b64(der(c))} for c in chosen.chain]},
        "validFor": valid or window(),
    }


def trusted_root(edit: Edit | None = None) -> Json:
    """The trusted root of all honest services; `edit` changes it in place."""
    found: Json = {
        "mediaType": TRUSTED_ROOT,
        "tlogs": [log_instance(v1_log()), log_instance(v2_log())],
        "certificateAuthorities": [ca_instance(authority("fulcio"), "fulcio")],
        "ctlogs": [ct_instance(ecdsa("ct"))],
        "timestampAuthorities": [ca_instance(tsa("tsa"), "tsa")],
    }
    if edit:
        edit(found)
    return found
