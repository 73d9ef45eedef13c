# SPDX-License-Identifier: Apache-2.0
"""Keys that sign notes: their names, ids and written form (vkey), and the bare signature algorithms.

Decides which keys exist and what their id is. What a signature covers is decided by `note` and `cosignature`.
A key id is a hint for finding a key, never security: keys are configured and compared whole.
"""

import enum
import functools
import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from anchor import regex
from anchor.encoding import to_base64, unbase64, unhex
from anchor.errors import Misuse, Refused, Unsupported

MAX_NAME = 1024
MAX_VKEY = 8192
"""Characters; an ML-DSA-44 key takes 1752 of base64."""

_NO_NAME = regex.expression(r"[+\s\x00-\x1f]")
_SURROGATE = regex.expression("[\ud800-\udfff]")
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey | mldsa.MLDSA44PublicKey


class Algorithm(enum.IntEnum):
    """Signature types of C2SP signed-note."""

    ED25519 = 0x01
    ECDSA = 0x02
    COSIGNATURE_V1 = 0x04
    """Timestamped Ed25519 cosignature of a checkpoint."""
    SUBTREE_V1 = 0x06
    """Timestamped ML-DSA-44 cosignature of a checkpoint."""


COSIGNATURES = frozenset({Algorithm.COSIGNATURE_V1, Algorithm.SUBTREE_V1})
LOG_KEYS = frozenset({Algorithm.ED25519, Algorithm.ECDSA, Algorithm.SUBTREE_V1})
"""The types of keys that logs sign checkpoints with."""


class VerifierKey(msgspec.Struct, frozen=True, eq=False, dict=True):
    """A key under a name. `public_key`: 32 raw bytes for Ed25519, 1312 for ML-DSA-44, SPKI DER for ECDSA.

    Raises Refused for a name or key that cannot be. Equal only if name, algorithm and the whole key are.
    """

    name: str
    algorithm: Algorithm
    public_key: bytes
    hash_name: str = "sha256"
    """The hash of an ECDSA key. A written key always uses SHA-256; a trusted root can name another."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifierKey) and self._compared() == other._compared()

    def __ne__(self, other: object) -> bool:
        return not self == other  # a Struct has one of its own, which compares nothing

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[str, Algorithm, bytes]:
        return self.name, self.algorithm, self.public_key

    def __post_init__(self) -> None:
        check_name(self.name)
        _load(self.algorithm, self.public_key)

    @functools.cached_property
    def full_id(self) -> bytes:
        """The 32 bytes whose first four are the key id; a Rekor log's `logId`."""
        if self.algorithm is Algorithm.ECDSA:  # the exception that signed-note makes for type 0x02
            return hashlib.sha256(self.public_key).digest()
        typed = bytes([self.algorithm]) + self.public_key
        return hashlib.sha256(self.name.encode() + b"\n" + typed).digest()

    @property
    def key_id(self) -> bytes:
        """The four bytes before a signature."""
        return self.full_id[:4]

    @property
    def vkey(self) -> str:
        """The written form: name, hex key id and base64 of type and key, joined by plus."""
        key = bytes([self.algorithm]) + self.public_key
        return f"{self.name}+{self.key_id.hex()}+{to_base64(key)}"

    def signed(self, message: bytes, signature: bytes) -> bool:
        """True if this key made the bare signature over exactly `message`."""
        key = _load(self.algorithm, self.public_key)
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, message, ec.ECDSA(_HASHES[self.hash_name]))
            else:
                key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def check_name(name: str, where: str = "") -> None:
    """Refuse a key name that is empty, overlong, or has a space (Unicode's) or a plus."""
    if not name or len(name) > MAX_NAME:
        raise Refused(f"a key name of {len(name)} characters", where=where)
    if _NO_NAME.search(name):
        raise Refused("a key name has a space, a plus or a control character", where=where)
    if not name.isascii() and _SURROGATE.search(name):
        raise Refused("a key name is not valid Unicode", where=where)


def parse_vkey(text: str, *, where: str = "") -> VerifierKey:
    """A key from its written form `name+hash+base64`; its id is computed and compared.

    Raises Refused for a malformed key, Unsupported for a signature type that is not known here.
    """
    if len(text) > MAX_VKEY:
        raise Refused(f"a key of {len(text)} characters", where=where)
    name, plus, rest = text.partition("+")
    digest, plus2, encoded = rest.partition("+")
    if not plus or not plus2:
        raise Refused("a key is written name+hash+base64", where=where)
    check_name(name, where)
    key_id = unhex(digest, size=4, where=where)
    data = unbase64(encoded, where=where)
    if len(data) < 2:
        raise Refused("a key without key material", where=where)
    try:
        algorithm = Algorithm(data[0])
    except ValueError:
        raise Unsupported(f"signature type 0x{data[0]:02x} is not known", where=where) from None
    try:
        key = VerifierKey(name, algorithm, data[1:])
    except Refused as e:
        raise e.at(where) from None
    if key.key_id != key_id:
        raise Refused(f"the key's id is {key.key_id.hex()}, not {digest}", where=where)
    return key


def parse_own_vkey(text: str, *, where: str) -> VerifierKey:
    """As `parse_vkey`, for a key that the user wrote: a malformed one is Misuse."""
    try:
        return parse_vkey(text, where=where)
    except Refused as e:
        raise Misuse(e.problem, where=e.where) from None


def key_from_spki(name: str, spki: bytes, *, hash_name: str = "sha256") -> VerifierKey:
    """A log's key under its signature name from SubjectPublicKeyInfo DER: Ed25519 (0x01) or ECDSA (0x02).

    `hash_name`: the hash of an ECDSA key, where a trusted root names it.
    """
    try:
        public = serialization.load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused("not a public key in SPKI DER", where=name) from None
    return key_from_public(name, public, spki, hash_name=hash_name)


def key_from_public(name: str, public: object, spki: bytes, *, hash_name: str = "sha256") -> VerifierKey:
    """The same for a key that was read already; `spki` is its SubjectPublicKeyInfo DER."""
    if isinstance(public, Ed25519PublicKey):
        return VerifierKey(name, Algorithm.ED25519, public.public_bytes_raw())
    if isinstance(public, ec.EllipticCurvePublicKey):
        return VerifierKey(name, Algorithm.ECDSA, spki, hash_name=hash_name)
    raise Unsupported(f"notes signed by a {type(public).__name__} are not known", where=name)


@functools.lru_cache(maxsize=256)
def _load(algorithm: Algorithm, data: bytes) -> PublicKey:
    try:
        if algorithm is Algorithm.ECDSA:
            return _ecdsa(data)
        if algorithm is Algorithm.SUBTREE_V1:
            return mldsa.MLDSA44PublicKey.from_public_bytes(data)
        return Ed25519PublicKey.from_public_bytes(data)
    except UnsupportedAlgorithm:
        raise Unsupported(f"{algorithm.name} needs a newer OpenSSL", where="key") from None
    except (ValueError, TypeError):
        raise Refused(f"{len(data)} bytes that are no key of type {algorithm.name}", where="key") from None


def _ecdsa(data: bytes) -> ec.EllipticCurvePublicKey:
    key = serialization.load_der_public_key(data)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Refused("not an ECDSA key", where="key")
    if not isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)):
        raise Refused(f"curve {key.curve.name} is not one of P-256, P-384, P-521", where="key")
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_bytes(*form) != data:  # else one key would have two ids
        raise Refused("the key is not in its canonical DER form", where="key")
    return key
