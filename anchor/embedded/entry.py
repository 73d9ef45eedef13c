# SPDX-License-Identifier: Apache-2.0
"""What the embedded log records: Rekor v2's hashedrekord 0.0.2, checked and written as Rekor v2 does.

It decides whether a CreateEntryRequest becomes an entry: the signature must verify over the digest with the
key that comes with it. Whose key that is, it does not ask; neither does Rekor.
"""

from dataclasses import dataclass

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from anchor import ed25519ph, rekor
from anchor.encoding import parse_json, unbase64
from anchor.errors import Refused

MAX_REQUEST = 1 << 20
MAX_BODY = 65_535
"""An entry bundle of C2SP tlog-tiles has 16 bits for an entry's length."""


@dataclass(frozen=True)
class _Algorithm:
    hash_name: str
    hash: hashes.HashAlgorithm
    curve: type[ec.EllipticCurve] | None = None
    bits: int = 0


ALGORITHMS = {
    "PKIX_ECDSA_P256_SHA_256": _Algorithm("SHA2_256", hashes.SHA256(), curve=ec.SECP256R1),
    "PKIX_ECDSA_P384_SHA_384": _Algorithm("SHA2_384", hashes.SHA384(), curve=ec.SECP384R1),
    "PKIX_ECDSA_P521_SHA_512": _Algorithm("SHA2_512", hashes.SHA512(), curve=ec.SECP521R1),
    "PKIX_RSA_PKCS1V15_2048_SHA256": _Algorithm("SHA2_256", hashes.SHA256(), bits=2048),
    "PKIX_RSA_PKCS1V15_3072_SHA256": _Algorithm("SHA2_256", hashes.SHA256(), bits=3072),
    "PKIX_RSA_PKCS1V15_4096_SHA256": _Algorithm("SHA2_256", hashes.SHA256(), bits=4096),
    "PKIX_ED25519_PH": _Algorithm("SHA2_512", hashes.SHA512()),
}
"""By PublicKeyDetails: of what Rekor v2 takes by default, all that sign a digest."""


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
    algorithm = _verify(asked)
    body = rekor.entry_body(algorithm.hash_name, asked.digest, _plain(asked.signature))
    if len(body) > MAX_BODY:
        raise Refused(f"an entry of {len(body)} bytes, more than {MAX_BODY}", where="log entry")
    return body


def _plain(signature: _Signature) -> dict[str, object]:
    verifier: dict[str, object] = {"keyDetails": signature.verifier.key_details}
    if signature.verifier.x509_certificate:
        verifier["x509Certificate"] = {"rawBytes": signature.verifier.x509_certificate.raw_bytes}
    if signature.verifier.public_key:
        verifier["publicKey"] = {"rawBytes": signature.verifier.public_key.raw_bytes}
    return {"content": signature.content, "verifier": verifier}


def _verify(asked: _HashedRekord) -> _Algorithm:
    verifier = asked.signature.verifier
    algorithm = ALGORITHMS.get(verifier.key_details)
    if algorithm is None:
        raise Refused(f"keyDetails {verifier.key_details[:64]!r} is not taken here", where="log entry")
    digest = unbase64(asked.digest, where="digest")
    if len(digest) != algorithm.hash.digest_size:
        raise Refused(
            f"{len(digest)} bytes where {algorithm.hash_name} has {algorithm.hash.digest_size}",
            where="digest",
        )
    signature = unbase64(asked.signature.content, where="signature")
    key = _key(verifier)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm.curve is type(key.curve):
            key.verify(signature, digest, ec.ECDSA(Prehashed(algorithm.hash)))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size == algorithm.bits:
            key.verify(signature, digest, padding.PKCS1v15(), Prehashed(algorithm.hash))
        elif isinstance(key, ed25519.Ed25519PublicKey) and not (algorithm.curve or algorithm.bits):
            if not ed25519ph.verify(key.public_bytes_raw(), signature, digest):
                raise InvalidSignature
        else:
            raise Refused(f"the key is none of {verifier.key_details}", where="keyDetails")
    except InvalidSignature:
        raise Refused("does not verify over the digest with this key", where="signature") from None
    return algorithm


def _key(verifier: _Verifier) -> object:
    if (verifier.x509_certificate is None) == (verifier.public_key is None):
        raise Refused("exactly one of x509Certificate and publicKey is wanted", where="verifier")
    try:
        if verifier.x509_certificate:
            der = unbase64(verifier.x509_certificate.raw_bytes, where="x509Certificate")
            return x509.load_der_x509_certificate(der).public_key()
        assert verifier.public_key is not None
        return load_der_public_key(unbase64(verifier.public_key.raw_bytes, where="publicKey"))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused("not a readable certificate or key in DER", where="verifier") from None
