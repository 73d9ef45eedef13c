# SPDX-License-Identifier: Apache-2.0
"""The hash functions of the index `csmt-sha256-v1`, a compact sparse Merkle tree. FORMAT.md section 21.

All that its prover (`sparse`) and its checker (`sparse_proof`) have in common is here.
"""

from hashlib import sha256
from typing import Final, NamedTuple

from anchor.merkle.hashing import MAX_SIZE, check_hash, check_number

INDEX_ALGORITHM: Final = "csmt-sha256-v1"
DEPTH: Final = 256
"""Bits of a key hash: no path is longer."""
MAX_FACTS: Final = 2**53 - 1
"""Facts with one key, at most: all of a ledger."""

LEAF_PREFIX: Final = b"\x02"
BRANCH_PREFIX: Final = b"\x03"
EMPTY: Final = sha256(b"\x04").digest()
"""A subtree without a key."""


class KeyLeaf(NamedTuple):
    """The leaf of one key."""

    key_hash: bytes
    """32 bytes."""
    n: int
    """The number of facts with this key."""
    inner: bytes
    """The root over their entries, 32 bytes."""

    def hash(self) -> bytes:
        """SHA-256(0x02 || key hash || n as 8 bytes, big-endian || inner), 32 bytes."""
        key_hash, n, inner = self
        return sha256(b"%b%b%b%b" % (LEAF_PREFIX, key_hash, n.to_bytes(8, "big"), inner)).digest()


def branch_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x03 || left || right), 32 bytes, of two 32-byte hashes. No checks."""
    return sha256(BRANCH_PREFIX + left + right).digest()


def entry(index: int, leaf_hash: bytes) -> bytes:
    """The entry of a fact, 40 bytes: a leaf of the tree whose root is `inner`. No checks."""
    return index.to_bytes(8, "big") + leaf_hash


def check_leaf(leaf: KeyLeaf, where: str) -> KeyLeaf:
    """`leaf`, if its hashes have 32 bytes and its number is one of a ledger."""
    check_hash(leaf.key_hash, f"{where}: key hash")
    check_hash(leaf.inner, f"{where}: inner")
    check_number(leaf.n, f"{where}: n", least=1, most=min(MAX_FACTS, MAX_SIZE))
    return leaf
