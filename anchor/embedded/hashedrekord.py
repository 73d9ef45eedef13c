# SPDX-License-Identifier: Apache-2.0
"""The entries of the embedded log: Rekor v2's hashedrekord 0.0.2, checked and written as Rekor v2 does.

This module decides whether a CreateEntryRequest becomes an entry. The signature must verify over the digest
with the key of the request. The owner of the key is not checked, as in Rekor.
"""

import hashlib
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from anchor.encoding import parse_json, unbase64
from anchor.errors import Refused, Unsupported
from anchor.log_kinds import rekor_v2
from anchor.sigstore.keys import HASH_NAMES, Key, Scheme, key_of, load_der, scheme_of
from anchor.tlog.tiles import MAX_ENTRY

MAX_REQUEST = 1 << 20


TAKEN = frozenset(
    {
        "PKIX_ECDSA_P256_SHA_256",
        "PKIX_ECDSA_P384_SHA_384",
        "PKIX_ECDSA_P521_SHA_512",
        "PKIX_RSA_PKCS1V15_2048_SHA256",
        "PKIX_RSA_PKCS1V15_3072_SHA256",
        "PKIX_RSA_PKCS1V15_4096_SHA256",
        "PKIX_ED25519_PH",
    }
)
"""PublicKeyDetails: those that Rekor v2 takes by default and that sign a digest."""


class _RawBytes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    raw_bytes: str


class _Verifier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    key_details: str
    x509_certificate: _RawBytes | None = None
    public_key: _RawBytes | None = None


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    content: str
    verifier: _Verifier


class _HashedRekord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    digest: str
    signature: _Signature


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hashed_rekord: _HashedRekord = msgspec.field(name="hashedRekordRequestV002")


def canonical_body(request: bytes) -> bytes:
    """The entry (JCS of the protobuf JSON) of a CreateEntryRequest whose signature verifies.

    Raises `Refused` for anything else, an entry of more than 65535 bytes included.
    """
    if len(request) > MAX_REQUEST:
        raise Refused(f"a request of more than {MAX_REQUEST} bytes", where="log entry")
    try:
        asked = msgspec.convert(parse_json(request, where="log entry"), _Request).hashed_rekord
    except msgspec.ValidationError as e:
        raise Refused(f"not a hashedrekord request: {e}", where="log entry") from None
    algorithm = HASH_NAMES[_verify(asked).hash]
    body = rekor_v2.entry_body(algorithm, asked.digest, _plain(asked.signature))
    if len(body) > MAX_ENTRY:
        raise Refused(f"an entry of {len(body)} bytes, more than {MAX_ENTRY}", where="log entry")
    return body


def _plain(signature: _Signature) -> dict[str, object]:
    verifier: dict[str, object] = {"keyDetails": signature.verifier.key_details}
    if signature.verifier.x509_certificate:
        verifier["x509Certificate"] = {"rawBytes": signature.verifier.x509_certificate.raw_bytes}
    if signature.verifier.public_key:
        verifier["publicKey"] = {"rawBytes": signature.verifier.public_key.raw_bytes}
    return {"content": signature.content, "verifier": verifier}


def _verify(asked: _HashedRekord) -> Scheme:
    verifier = asked.signature.verifier
    if verifier.key_details not in TAKEN:
        raise Refused(f"keyDetails {verifier.key_details[:64]!r} is not taken here", where="log entry")
    scheme = scheme_of(verifier.key_details)
    size = hashlib.new(scheme.hash).digest_size
    digest = unbase64(asked.digest, size=size, where="digest")
    signature = unbase64(asked.signature.content, where="signature")
    try:
        _key(verifier).check(signature, digest)
    except Unsupported as e:  # a key that Sigstore has no name for
        raise Refused(e.problem, where=e.where) from None
    return scheme


def _key(verifier: _Verifier) -> Key:
    details = verifier.key_details
    if (verifier.x509_certificate is None) == (verifier.public_key is None):
        raise Refused("exactly one of x509Certificate and publicKey is wanted", where="verifier")
    if verifier.public_key:
        return load_der(unbase64(verifier.public_key.raw_bytes, where="publicKey"), details, where="verifier")
    assert verifier.x509_certificate is not None
    der = unbase64(verifier.x509_certificate.raw_bytes, where="x509Certificate")
    try:
        public = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused("not a readable certificate in DER", where="verifier") from None
    return key_of(public, where="verifier").using(details)


def signed_at(body: bytes) -> datetime | None:
    """The start of the certificate of an entry of this log; None for an entry with a bare key."""
    verifier = parse_json(body, where="log entry")["spec"]["hashedRekordV002"]["signature"]["verifier"]
    if "x509Certificate" not in verifier:
        return None
    der = unbase64(verifier["x509Certificate"]["rawBytes"], where="x509Certificate")
    return x509.load_der_x509_certificate(der).not_valid_before_utc
