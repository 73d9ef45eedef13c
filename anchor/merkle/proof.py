# SPDX-License-Identifier: Apache-2.0
"""The checker: inclusion and consistency proofs of RFC 9162, and multiproofs, on hashes and numbers that an
attacker chose.

It shares only the hash functions with the prover. A root does not bind its size: two sizes that give
a leaf the same path give the same root, so take root and size together from one signed checkpoint.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from anchor.errors import Refused
from anchor.merkle.hashing import MAX_SIZE, check_hash, check_hashes, check_number, node_hash

MAX_PROOF = 64
"""More hashes than any proof in a tree of 2**63 - 1 leaves has (inclusion 63, consistency 64)."""


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return if the leaf is number `index` (from 0) of the tree of `size` leaves with this root.

    Hashes are 32 bytes, `proof` is a list or tuple of them from the leaf's sibling to the root's child.
    Raises `Refused` for anything else, whatever its type. RFC 9162 section 2.1.3.2.
    """
    check_hash(root, "root")
    if root_from_inclusion(leaf_hash, index, size, proof) != root:
        raise Refused("the inclusion proof leads to another root", where="proof")


def root_from_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The 32-byte root that an inclusion proof leads to; to be compared with one that is trusted."""
    node = check_hash(leaf_hash, "leaf hash")
    check_number(size, "size", least=1)
    check_number(index, "index", least=0)
    if index >= size:
        raise Refused(f"leaf {index} of a tree of {size}", where="index")
    fn, sn = index, size - 1
    for sibling in _checked(proof):
        if sn == 0:
            raise Refused("the proof has a hash too many", where="proof")
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:  # a right edge without siblings: this node went up unchanged
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise Refused("the proof ends below the root", where="proof")
    return node


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Return if the tree (size1, root1) is the beginning of the tree (size2, root2).

    Equal sizes need an empty proof and equal roots; size 0 is refused, since any tree is consistent with it.
    Raises `Refused` for anything else, whatever its type. RFC 9162 section 2.1.4.2.
    """
    check_hash(root1, "root1")
    check_hash(root2, "root2")
    check_number(size1, "size1", least=1)
    check_number(size2, "size2", least=1)
    path = _checked(proof)
    if size1 > size2:
        raise Refused(f"a tree of {size2} is smaller than the older one of {size1}", where="size2")
    if size1 == size2:
        if path:
            raise Refused("trees of equal size need no proof", where="proof")
        if root1 != root2:
            raise Refused("two roots for one size", where="root2")
        return
    if size1 & (size1 - 1) == 0:
        path = [root1, *path]
    if not path:
        raise Refused("the proof is empty", where="proof")
    older, newer = _roots_from_consistency(size1, size2, path)
    if older != root1:
        raise Refused("the consistency proof leads to another older root", where="proof")
    if newer != root2:
        raise Refused("the consistency proof leads to another newer root", where="proof")


def roots_from_consistency(size1: int, size2: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The older and the newer root, 32 bytes each, that a path leads to, for 0 < size1 < size2.

    The path is a consistency proof whose first node is written out also where it is the older root itself
    (size1 a power of two). When the newer root is one that was signed, the older one is bound by it: this is
    how a contradiction is shown. Raises `Refused` for anything else, whatever its type.
    """
    check_number(size1, "size1", least=1)
    check_number(size2, "size2", least=1)
    nodes = _checked(path)
    if size1 >= size2:
        raise Refused(f"a tree of {size2} is no newer than one of {size1}", where="size2")
    if not nodes:
        raise Refused("the proof is empty", where="proof")
    return _roots_from_consistency(size1, size2, nodes)


def _roots_from_consistency(size1: int, size2: int, path: list[bytes]) -> tuple[bytes, bytes]:
    """The older and the newer root that a path leads to, for 0 < size1 < size2."""
    fn, sn = size1 - 1, size2 - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    older = newer = path[0]
    for node in path[1:]:
        if sn == 0:
            raise Refused("the proof has a hash too many", where="proof")
        if fn & 1 or fn == sn:
            older = node_hash(node, older)
            newer = node_hash(node, newer)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            newer = node_hash(newer, node)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise Refused("the proof ends below the root", where="proof")
    return older, newer


def verify_multiproof(
    leaves: Sequence[tuple[int, bytes]], size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Return if the leaves are in the tree of `size` leaves with this root, each at its index.

    `leaves`: the index (from 0) and the 32-byte hash of each, by rising index, at least one. `proof`: a list
    or tuple of 32-byte hashes in the order of the multiproof. Raises `Refused` for anything else, whatever
    its type. FORMAT.md section 22, rule 3.
    """
    check_hash(root, "root")
    if root_from_multiproof(leaves, size, proof) != root:
        raise Refused("the proof leads to another root", where="proof")


def root_from_multiproof(leaves: Sequence[tuple[int, bytes]], size: int, proof: Sequence[bytes]) -> bytes:
    """The 32-byte root that a multiproof leads to; to be compared with one that is trusted. As above."""
    check_number(size, "size", least=1)
    chosen = _checked_leaves(leaves, size)
    if type(proof) is not list and type(proof) is not tuple:
        raise Refused(f"a proof is a list or a tuple, not {type(proof).__name__}", where="proof")
    given = iter(check_hashes(list(proof), "proof"))
    root = _walk(0, size, chosen, 0, len(chosen), given)
    if next(given, None) is not None:
        raise Refused("the proof has a hash too many", where="proof")
    return root


def _walk(
    start: int, end: int, leaves: list[tuple[int, bytes]], low: int, high: int, given: Iterator[bytes]
) -> bytes:
    """The hash of the subtree over the leaves from `start` up to, not including, `end`.

    The chosen ones among them are `leaves[low:high]`. Each call without one takes a hash of the proof, so a
    proof that is too short ends the walk. Calls are nested at most 63 deep, since a half has at most the
    largest power of two below the size of the whole.
    """
    if low == high:
        hash_ = next(given, None)
        if hash_ is None:
            raise Refused("the proof ends before all subtrees are given", where="proof")
        return hash_
    if end - start == 1:
        return leaves[low][1]
    middle = start + (1 << (end - start - 1).bit_length() - 1)
    cut = _first_from(leaves, middle, low, high)
    left = _walk(start, middle, leaves, low, cut, given)
    return node_hash(left, _walk(middle, end, leaves, cut, high, given))


def _first_from(leaves: list[tuple[int, bytes]], index: int, low: int, high: int) -> int:
    """The place of the first leaf from this index on, between two places."""
    while low < high:
        middle = (low + high) // 2
        if leaves[middle][0] < index:
            low = middle + 1
        else:
            high = middle
    return low


def _checked_leaves(leaves: object, size: int) -> list[tuple[int, bytes]]:
    """The leaves, if they are by rising index, and each is in a tree of this size."""
    if type(leaves) is not list and type(leaves) is not tuple:
        raise Refused(f"leaves are a list or a tuple, not {type(leaves).__name__}", where="leaves")
    if not leaves:
        raise Refused("no leaf is chosen", where="leaves")
    found: list[tuple[int, bytes]] = []
    for i, item in enumerate(leaves):
        where = f"leaves[{i}]"
        if type(item) is not tuple or len(item) != 2:
            raise Refused("not an index and a hash", where=where)
        index = check_number(item[0], f"{where}: index", least=0, most=size - 1)
        found.append((index, check_hash(item[1], where)))
    for (before, _), (index, _) in pairwise(found):
        if index <= before:
            raise Refused(f"index {index} stands behind {before}", where="leaves")
    return found


def _checked(proof: object) -> list[bytes]:
    """The hashes of a proof, its length looked at before its items."""
    if type(proof) is not list and type(proof) is not tuple:
        raise Refused(f"a proof is a list or a tuple, not {type(proof).__name__}", where="proof")
    if len(proof) > MAX_PROOF:
        raise Refused(f"{len(proof)} hashes; no tree up to {MAX_SIZE} leaves needs so many", where="proof")
    return [check_hash(h, f"proof[{i}]") for i, h in enumerate(proof)]
