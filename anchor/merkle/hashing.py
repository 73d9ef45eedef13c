# SPDX-License-Identifier: Apache-2.0
"""The two hash functions of RFC 9162 section 2.1.1 and the checks of hashes, sizes and indices.

All that the prover (`tree`) and the checker (`proof`) have in common is here.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from hashlib import sha256
from typing import Final

from anchor.errors import Refused

ALGORITHM: Final = "rfc9162-sha256"
HASH_SIZE = 32
MAX_SIZE = 2**63 - 1
"""The largest tree: what a signed 64-bit integer holds, as in C2SP checkpoints."""

EMPTY_ROOT = sha256(b"").digest()
"""The root of no leaves at all."""

LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"

_LEAF = sha256(LEAF_PREFIX)
_NODE = sha256(NODE_PREFIX)


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data), 32 bytes, of a leaf's bytes. RFC 9162 section 2.1.1."""
    if type(data) is not bytes:
        raise Refused(f"a leaf is bytes, not {type(data).__name__}", where="leaf")
    state = _LEAF.copy()  # already prefixed: a concatenation would copy the data
    state.update(data)
    return state.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), 32 bytes, of two 32-byte hashes. RFC 9162 section 2.1.1."""
    check_hash(left, "left")
    check_hash(right, "right")
    return sha256(NODE_PREFIX + left + right).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """The leaf hash of each of `leaves`, in order; a copied, already prefixed state saves a concatenation."""
    batch = list(ordered(leaves, "leaves"))
    if set(map(type, batch)) - {bytes}:
        wrong = next(i for i, data in enumerate(batch) if type(data) is not bytes)
        raise Refused(f"a leaf is bytes, not {type(batch[wrong]).__name__}", where=f"leaf {wrong}")
    copy = _LEAF.copy
    hashes: list[bytes] = []
    append = hashes.append
    for data in batch:
        state = copy()
        state.update(data)
        append(state.digest())
    return hashes


def reduce_pairs(level: list[bytes]) -> list[bytes]:
    """The level above: neighbours hashed in pairs, an odd last node goes up unchanged. No checks."""
    copy = _NODE.copy
    above: list[bytes] = []
    append = above.append
    even = len(level) & ~1
    for i in range(0, even, 2):
        state = copy()
        state.update(level[i] + level[i + 1])
        append(state.digest())
    if even < len(level):
        append(level[-1])
    return above


def check_hash(value: object, where: str) -> bytes:
    """`value`, if it is a 32-byte hash."""
    if type(value) is not bytes:
        raise Refused(f"a hash is bytes, not {type(value).__name__}", where=where)
    if len(value) != HASH_SIZE:
        raise Refused(f"{len(value)} bytes where a hash has {HASH_SIZE}", where=where)
    return value


def check_hashes(values: list[bytes], where: str, start: int = 0) -> list[bytes]:
    """`values`, if each is a 32-byte hash; `start` is the index of the first, for the message."""
    if set(map(type, values)) - {bytes} or set(map(len, values)) - {HASH_SIZE}:
        for i, value in enumerate(values):
            check_hash(value, f"{where} {start + i}")
    return values


def check_number(value: object, where: str, *, least: int, most: int = MAX_SIZE) -> int:
    """`value`, if it is an integer (no bool) from `least` to `most`."""
    if type(value) is not int:
        raise Refused(f"a number is an int, not {type(value).__name__}", where=where)
    if not least <= value <= most:
        shown = str(value) if -MAX_SIZE <= value <= MAX_SIZE else f"a number of {value.bit_length()} bits"
        raise Refused(f"{shown} is not from {least} to {most}", where=where)
    return value


def ordered(values: Iterable[bytes], where: str) -> Iterator[bytes]:
    """An iterator over `values`, unless they have no order or are one string."""
    if isinstance(values, (str, bytes, bytearray, memoryview, Mapping, Set)) or not isinstance(
        values, Iterable
    ):
        raise Refused(f"wanted a sequence of bytes, not {type(values).__name__}", where=where)
    return iter(values)
