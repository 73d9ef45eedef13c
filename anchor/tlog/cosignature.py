# SPDX-License-Identifier: Apache-2.0
"""Cosignatures of checkpoints (C2SP tlog-cosignature): a witness's "as of this time I saw this tree".

Ed25519 (`cosignature/v1`) covers the time and the whole note text, extension lines included, but not the
cosigner's name: one key is one cosigner. ML-DSA-44 (`subtree/v1`) covers name, time, origin, size and root,
but no extension lines. Decides whether one cosignature holds; quorums are `policy`'s.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from anchor.encoding import decimal, unbase64
from anchor.errors import Refused
from anchor.tlog.keys import COSIGNATURES, Algorithm, VerifierKey

MAX_TIME = 2**63 - 1
_TIME_SIZE = 8


def verify(key: VerifierKey, text: bytes, payload: bytes) -> int:
    """The POSIX time in seconds at which `key` cosigned the checkpoint text.

    `payload` is what follows the key id in the signature line: a big-endian uint64 time and the signature.
    Raises Refused. A time of 0 of an ML-DSA-44 cosignature states no freshness.
    """
    if key.algorithm not in COSIGNATURES:
        raise Refused("the key is not a cosigner's", where=key.name)
    time = int.from_bytes(payload[:_TIME_SIZE], "big")
    signature = payload[_TIME_SIZE:]
    if not signature or time > MAX_TIME:
        raise Refused("a cosignature is a time of at most 2^63-1 and a signature", where=key.name)
    if not key.signed(_message(key, text, time), signature):
        raise Refused("the cosignature does not verify", where=key.name)
    return time


def cosign(
    text: bytes, name: str, private: Ed25519PrivateKey | MLDSA44PrivateKey, time: int
) -> tuple[VerifierKey, bytes]:
    """The cosigner's key, and the payload of its signature line for a checkpoint text at a POSIX time."""
    key = cosigner(name, private.public_key())
    if not 0 <= time <= MAX_TIME:
        raise Refused("a cosignature's time is from 0 to 2^63-1", where=name)
    return key, time.to_bytes(_TIME_SIZE, "big") + private.sign(_message(key, text, time))


def cosigner(name: str, public: Ed25519PublicKey | MLDSA44PublicKey) -> VerifierKey:
    """The key of a cosigner under its name."""
    ed25519 = isinstance(public, Ed25519PublicKey)
    algorithm = Algorithm.COSIGNATURE_V1 if ed25519 else Algorithm.SUBTREE_V1
    return VerifierKey(name, algorithm, public.public_bytes_raw())


def _message(key: VerifierKey, text: bytes, time: int) -> bytes:
    if key.algorithm is Algorithm.COSIGNATURE_V1:
        return b"cosignature/v1\ntime %d\n" % time + text
    origin, size, root = (*text.split(b"\n", 3), b"", b"")[:3]
    name = key.name.encode()
    if not 0 < len(name) < 256 or not 0 < len(origin) < 256:
        raise Refused("a name or origin of no or more than 255 bytes cannot be cosigned", where=key.name)
    end = decimal(size.decode("ascii", "replace"), where="tree size")
    start = 0
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(name)]) + name,
            time.to_bytes(8, "big"),
            bytes([len(origin)]) + origin,
            start.to_bytes(8, "big"),
            end.to_bytes(8, "big"),
            unbase64(root, size=32, where="root"),
        )
    )
