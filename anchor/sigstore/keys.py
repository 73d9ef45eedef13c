# SPDX-License-Identifier: Apache-2.0
"""Signature keys by Sigstore's algorithm registry (`PublicKeyDetails` of protobuf-specs).

Decides with which algorithm a key signs, and whether a signature is valid. It does not decide which key is
trusted. The details of a key name one algorithm; we never try several.
"""

import re

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from anchor import limits, regex
from anchor.encoding import to_base64, unbase64
from anchor.errors import Refused, Unsupported
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.x509 import reading

Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
HASH_NAMES = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}
"""Our name of a hash and the one of `HashAlgorithm` in protobuf-specs."""
_PEM = regex.expression(
    rb"\s*-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END PUBLIC KEY-----\s*", re.ASCII
)
MAX_RSA_BITS = 8192
MAX_KEY = limits.PUBLIC_KEY
_RSASSA_PSS = bytes.fromhex("06092a864886f70d01010a")
"""The DER of id-RSASSA-PSS: an RSA key that may sign by PSS alone (RFC 4055)."""


class Scheme(msgspec.Struct, frozen=True):
    """The way in which a key signs. `hash`: of the signed bytes, and of the digest that a log records."""

    details: str
    kind: str
    hash: str
    size: int = 0
    """Bits of the curve or of the RSA modulus; 0 for any."""


_SCHEMES = {
    s.details: s
    for s in (
        Scheme("PKIX_ECDSA_P256_SHA_256", "ecdsa", "sha256", 256),
        Scheme("PKIX_ECDSA_P384_SHA_384", "ecdsa", "sha384", 384),
        Scheme("PKIX_ECDSA_P521_SHA_512", "ecdsa", "sha512", 521),
        Scheme("PKIX_ECDSA_P384_SHA_256", "ecdsa", "sha256", 384),
        Scheme("PKIX_ECDSA_P521_SHA_256", "ecdsa", "sha256", 521),
        Scheme("PKIX_ED25519", "ed25519", "sha256"),
        Scheme("PKIX_ED25519_PH", "ed25519ph", "sha512"),
        Scheme("PKIX_RSA_PKCS1V15_2048_SHA256", "pkcs1v15", "sha256", 2048),
        Scheme("PKIX_RSA_PKCS1V15_3072_SHA256", "pkcs1v15", "sha256", 3072),
        Scheme("PKIX_RSA_PKCS1V15_4096_SHA256", "pkcs1v15", "sha256", 4096),
        Scheme("PKIX_RSA_PSS_2048_SHA256", "pss", "sha256", 2048),
        Scheme("PKIX_RSA_PSS_3072_SHA256", "pss", "sha256", 3072),
        Scheme("PKIX_RSA_PSS_4096_SHA256", "pss", "sha256", 4096),
        Scheme("PKIX_RSA_PKCS1V5", "pkcs1v15", "sha256"),
        Scheme("PKIX_RSA_PSS", "pss", "sha256"),
        Scheme("PKCS1_RSA_PKCS1V5", "pkcs1v15", "sha256"),
        Scheme("PKCS1_RSA_PSS", "pss", "sha256"),
    )
}
_DEFAULT_CURVES = {
    256: "PKIX_ECDSA_P256_SHA_256",
    384: "PKIX_ECDSA_P384_SHA_384",
    521: "PKIX_ECDSA_P521_SHA_512",
}


class Key(msgspec.Struct, frozen=True, eq=False):
    """A public key with its one scheme. `spki` is its SubjectPublicKeyInfo DER."""

    public: Public
    spki: bytes
    scheme: Scheme
    pss_only: bool = False

    def __eq__(self, other: object) -> bool:
        """`public` is not compared: it is the same as `spki`, and of a type that cannot be hashed."""
        return isinstance(other, Key) and self._compared() == other._compared()

    def __ne__(self, other: object) -> bool:
        return not self == other  # a Struct has one of its own, which compares nothing

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[bytes, Scheme, bool]:
        return self.spki, self.scheme, self.pss_only

    def verify(self, signature: bytes, signed: Artifact, *, where: str = "signature") -> None:
        """Return if the signature over `signed` is by this key; raises Refused."""
        whole = self.scheme.kind == "ed25519"
        self.check(signature, signed.content() if whole else signed.digest(self.scheme.hash), where=where)

    def check(self, signature: bytes, covered: bytes, *, where: str = "signature") -> None:
        """The same for the covered bytes: a digest by `scheme.hash`; for Ed25519 all bytes."""
        try:
            good = self._holds(signature, covered)
        except (InvalidSignature, ValueError):
            good = False
        if not good:
            raise Refused(f"not a {self.scheme.details} signature of this key over these bytes", where=where)

    def _holds(self, signature: bytes, covered: bytes) -> bool:
        public, scheme = self.public, self.scheme
        if scheme.kind == "ed25519ph":
            # It computes a point of the curve when it is imported, and few keys are of this kind.
            from anchor.sigstore import ed25519ph

            assert isinstance(public, ed25519.Ed25519PublicKey)
            return ed25519ph.verify(public.public_bytes_raw(), signature, covered)
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, covered)
            return True
        algorithm = _HASHES[scheme.hash]
        prehashed = Prehashed(algorithm)
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, covered, ec.ECDSA(prehashed))
        elif scheme.kind == "pss":
            pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
            public.verify(signature, covered, pss, prehashed)
        else:
            public.verify(signature, covered, padding.PKCS1v15(), prehashed)
        return True

    def using(self, details: str, *, where: str = "keyDetails") -> "Key":
        """The same key with other details; Refused if such a key cannot have them."""
        scheme = scheme_of(details, where=where)
        _check_fits(self.public, scheme, pss_only=self.pss_only, where=where)
        return Key(self.public, self.spki, scheme, self.pss_only)


def scheme_of(details: str, *, where: str = "keyDetails") -> Scheme:
    """The scheme that key details name; Unsupported for unknown details."""
    scheme = _SCHEMES.get(details)
    if scheme is None:
        raise Unsupported(f"key details {details[:60]!r} are not known", where=where)
    return scheme


def key_of(public: object, *, pss_only: bool = False, where: str = "key") -> Key:
    """A key with the default details of its kind in the registry."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        named = isinstance(public.curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))
        if not named:
            raise Unsupported(f"curve {public.curve.name} is not known", where=where)
        details = _DEFAULT_CURVES[public.curve.key_size]
    elif isinstance(public, ed25519.Ed25519PublicKey):
        details = "PKIX_ED25519"
    elif isinstance(public, rsa.RSAPublicKey):
        form = "PSS" if pss_only else "PKCS1V15"
        details = f"PKIX_RSA_{form}_{public.key_size}_SHA256"
        if details not in _SCHEMES:
            details = "PKIX_RSA_PSS" if pss_only else "PKIX_RSA_PKCS1V5"
    else:
        raise Unsupported(f"{type(public).__name__} is not a known kind of signing key", where=where)
    assert isinstance(public, (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, rsa.RSAPublicKey))
    scheme = _SCHEMES[details]
    _check_fits(public, scheme, pss_only=pss_only, where=where)
    return Key(public, spki_of(public), scheme, pss_only)


def load_der(raw: bytes, details: str, *, where: str = "key") -> Key:
    """A key from its DER under the details that a trusted root gives it."""
    scheme = scheme_of(details, where=where)
    if len(raw) > MAX_KEY:
        raise Refused(f"a key of {len(raw)} bytes", where=where)
    return _load(raw, where).using(scheme.details, where=where)


def load_pem(data: bytes, *, where: str = "key") -> Key:
    """A managed key from one PEM block `PUBLIC KEY` (RFC 7468); raises Refused or Unsupported."""
    if len(data) > MAX_KEY:
        raise Refused(f"a key of {len(data)} bytes", where=where)
    match = _PEM.fullmatch(data)
    if match is None:
        raise Refused("not one public key in PEM", where=where, remedy="'openssl pkey -pubout' writes one")
    raw = unbase64(b"".join(match.group(1).split()), where=where)
    return _load(raw, where)


def spki_of(public: Public) -> bytes:
    """SubjectPublicKeyInfo DER."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.DER, form)


def pem_of(der: bytes, label: str) -> bytes:
    """The PEM in a Rekor entry (`PUBLIC KEY`, `CERTIFICATE`): 64 columns, and a newline at the end."""
    text = to_base64(der)
    lines = "\n".join(text[i : i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


def _load(raw: bytes, where: str) -> Key:
    """A key from DER: SubjectPublicKeyInfo, or RSAPublicKey of PKCS#1, which OpenSSL reads too."""
    with reading("a public key", where):
        public = serialization.load_der_public_key(raw)
    key = key_of(public, pss_only=_RSASSA_PSS in raw[:32], where=where)
    # The SPKI of an RSA-PSS key changes when it is encoded again, so we keep the bytes.
    return Key(key.public, raw if key.pss_only else key.spki, key.scheme, key.pss_only)


def _check_fits(public: Public, scheme: Scheme, *, pss_only: bool, where: str) -> None:
    if isinstance(public, ec.EllipticCurvePublicKey):
        fits = scheme.kind == "ecdsa" and scheme.size == public.curve.key_size
    elif isinstance(public, ed25519.Ed25519PublicKey):
        fits = scheme.kind in ("ed25519", "ed25519ph")
    else:
        bits = public.key_size
        if not 2048 <= bits <= MAX_RSA_BITS:
            raise Unsupported(f"an RSA key of {bits} bits", where=where)
        fits = scheme.kind in ("pss",) if pss_only else scheme.kind in ("pkcs1v15", "pss")
        fits = fits and scheme.size in (0, bits)
    if not fits:
        raise Refused(f"a {type(public).__name__} does not sign by {scheme.details}", where=where)
