# SPDX-License-Identifier: Apache-2.0
"""Keys made from fixed seeds, and signatures that come out the same each time.

Test material only: whoever reads this file holds every private key of the vectors.
"""

import functools
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.forge.ed25519ph import sign_ph

Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

_CURVES: dict[str, tuple[ec.EllipticCurve, int]] = {
    # bits of a scalar that is surely below the order of the group
    "p256": (ec.SECP256R1(), 255),
    "p384": (ec.SECP384R1(), 383),
    "p521": (ec.SECP521R1(), 520),
}
_EC_DETAILS = {
    "p256": "PKIX_ECDSA_P256_SHA_256",
    "p384": "PKIX_ECDSA_P384_SHA_384",
    "p521": "PKIX_ECDSA_P521_SHA_512",
}
# distance from the seed's number to the next prime q with q-1 prime to 65537
_RSA_STEPS = {2048: (188, 204), 3072: (882, 746), 4096: (82, 460)}

HASHES: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "SHA1": ("sha1", hashes.SHA1()),
    "SHA2_256": ("sha256", hashes.SHA256()),
    "SHA2_384": ("sha384", hashes.SHA384()),
    "SHA2_512": ("sha512", hashes.SHA512()),
}


@dataclass(frozen=True)
class Key:
    """A private key and the algorithm (a PublicKeyDetails name) that it signs with."""

    private: Private
    details: str

    @property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> bytes:
        """SubjectPublicKeyInfo, PEM."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def raw32(self) -> bytes:
        """The 32 bytes of an Ed25519 public key."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def hash_name(self) -> str:
        """The HashAlgorithm name of the digest in log entries; SHA2_256 for plain Ed25519."""
        for bits in ("256", "384", "512"):
            if self.details.endswith((f"SHA_{bits}", f"SHA{bits}")):
                return f"SHA2_{bits}"
        return "SHA2_512" if self.details == "PKIX_ED25519_PH" else "SHA2_256"

    def digest(self, data: bytes) -> bytes:
        """`data` hashed with `hash_name`."""
        return hashlib.new(HASHES[self.hash_name][0], data).digest()

    def sign(self, data: bytes, *, hash_name: str | None = None) -> bytes:
        """A signature over `data`; `hash_name` overrides the algorithm's own hash."""
        name = hash_name or self.hash_name
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(data, ec.ECDSA(HASHES[name][1], deterministic_signing=True))
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            if self.details == "PKIX_ED25519_PH":
                return sign_ph(self.private.private_bytes_raw(), data)
            return self.private.sign(data)
        if "PSS" in self.details:
            return _sign_pss(self.private, data, HASHES[name][0])
        from cryptography.hazmat.primitives.asymmetric import padding

        return self.private.sign(data, padding.PKCS1v15(), HASHES[name][1])

    def using(self, details: str) -> "Key":
        """The same key under another algorithm name."""
        return Key(self.private, details)


def seeded(seed: str, size: int) -> bytes:
    """`size` bytes that depend on nothing but the seed."""
    blocks = (hashlib.sha512(f"anchor vectors {seed}/{i}".encode()).digest() for i in range(size // 64 + 1))
    return b"".join(blocks)[:size]


@functools.cache
def ecdsa(seed: str, curve: str = "p256") -> Key:
    """An ECDSA key on `p256`, `p384` or `p521`."""
    group, bits = _CURVES[curve]
    scalar = int.from_bytes(seeded(f"{curve} {seed}", 80)) >> (640 - bits) | 1
    return Key(ec.derive_private_key(scalar, group), _EC_DETAILS[curve])


@functools.cache
def ed(seed: str) -> Key:
    """An Ed25519 key that signs whole messages."""
    return Key(ed25519.Ed25519PrivateKey.from_private_bytes(seeded(f"ed25519 {seed}", 32)), "PKIX_ED25519")


@functools.cache
def rsa_key(bits: int = 2048) -> Key:
    """An RSA key of 2048, 3072 or 4096 bits for PKCS#1 v1.5 with SHA-256."""
    p, q = (_prime(bits, x, step) for x, step in zip("pq", _RSA_STEPS[bits], strict=True))
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)
    )
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)  # which takes long, and we made it
    return Key(key, f"PKIX_RSA_PKCS1V15_{bits}_SHA256")


def _prime(bits: int, letter: str, step: int) -> int:
    half = bits // 2
    blocks = half // 512 + 1
    number = int.from_bytes(seeded(f"rsa{bits} {letter}", blocks * 64)) >> (blocks * 512 - half)
    return (number | (3 << (half - 2)) | 1) + step


def _sign_pss(key: rsa.RSAPrivateKey, data: bytes, name: str) -> bytes:
    """RSASSA-PSS (RFC 8017 9.1.1) with a fixed salt of the hash's length, so that it repeats."""
    digest = hashlib.new(name, data).digest()
    size, length = len(digest), (key.key_size - 1 + 7) // 8
    salt = seeded("pss salt", size)
    inner = hashlib.new(name, bytes(8) + digest + salt).digest()
    block = bytes(length - 2 * size - 2) + b"\x01" + salt
    mask = b"".join(
        hashlib.new(name, inner + i.to_bytes(4)).digest() for i in range((len(block) + size - 1) // size)
    )
    masked = bytearray(a ^ b for a, b in zip(block, mask, strict=False))
    masked[0] &= 0xFF >> (8 * length - (key.key_size - 1))
    numbers = key.private_numbers()
    number = int.from_bytes(bytes(masked) + inner + b"\xbc")
    return pow(number, numbers.d, numbers.public_numbers.n).to_bytes(length)
