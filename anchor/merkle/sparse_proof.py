# SPDX-License-Identifier: Apache-2.0
"""The checker of paths in the index `csmt-sha256-v1`, on hashes and numbers that an attacker chose.

It shares only the hash functions with the prover. FORMAT.md section 21.
"""

from collections.abc import Sequence

from anchor.errors import Refused
from anchor.merkle.hashing import check_hash
from anchor.merkle.sparse_hashing import DEPTH, EMPTY, KeyLeaf, branch_hash, check_leaf


def root_of_present(leaf: KeyLeaf, siblings: Sequence[bytes | None]) -> bytes:
    """The root (32 bytes) of an index in which a path leads to this leaf; to be compared with a signed one.

    `siblings`: item d is the other half of the subtree at depth d, None for an empty one. Raises `Refused`
    for anything that is not a path, whatever its type.
    """
    check_leaf(leaf, "leaf")
    return _root(leaf.key_hash, leaf.hash(), _checked(siblings))


def root_of_absent(key_hash: bytes, siblings: Sequence[bytes | None], other: KeyLeaf | None) -> bytes:
    """The root (32 bytes) of an index that has no leaf of this key, to be compared with a signed one.

    The path (`siblings` as in `root_of_present`) ends in an empty subtree, or in `other`: the leaf of another
    key whose hash has the same first bits, as many as the path is long. Raises `Refused` for anything else.
    """
    check_hash(key_hash, "key hash")
    path = _checked(siblings)
    if other is None:
        if not path:
            raise Refused("a path without a sibling ends in the leaf of a key", where="path")
        return _root(key_hash, EMPTY, path)
    check_leaf(other, "other")
    if other.key_hash == key_hash:
        raise Refused("the leaf is that of the key itself, so the key is there", where="other")
    if _shared_bits(key_hash, other.key_hash) < len(path):
        raise Refused("the leaf of another key is not where the path ends", where="other")
    return _root(key_hash, other.hash(), path)


def _root(key_hash: bytes, end: bytes, path: list[bytes | None]) -> bytes:
    """The root over the hash in which a path ends."""
    for depth in range(len(path) - 1, -1, -1):
        sibling = path[depth] or EMPTY
        right = key_hash[depth // 8] >> (7 - depth % 8) & 1
        end = branch_hash(sibling, end) if right else branch_hash(end, sibling)
    return end


def _shared_bits(one: bytes, other: bytes) -> int:
    """The number of first bits that two key hashes have in common."""
    return DEPTH - (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_length()


def _checked(siblings: object) -> list[bytes | None]:
    """The siblings of a path, its length looked at before its items."""
    if type(siblings) is not list and type(siblings) is not tuple:
        raise Refused(f"a path is a list or a tuple, not {type(siblings).__name__}", where="path")
    if len(siblings) > DEPTH:
        raise Refused(f"{len(siblings)} siblings, and a key hash has {DEPTH} bits", where="path")
    for depth, sibling in enumerate(siblings):
        if sibling is not None and check_hash(sibling, f"path[{depth}]") == EMPTY:
            raise Refused("the hash of an empty subtree, where null stands for it", where=f"path[{depth}]")
    if siblings and siblings[-1] is None:
        problem = "the last sibling is empty: a subtree with one key is its leaf, and needs no path"
        raise Refused(problem, where=f"path[{len(siblings) - 1}]")
    return list(siblings)
