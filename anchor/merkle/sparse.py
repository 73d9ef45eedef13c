# SPDX-License-Identifier: Apache-2.0
"""The prover of the index `csmt-sha256-v1`: leaves, root, and the path of a key. FORMAT.md section 21.

`KeyEntries` takes the facts once, in order, and holds 64 bytes a fact: the hashes of its key and entry.
The process grows by 85 bytes a fact. After `limits.INDEX_HELD` facts it moves them to a temporary file, if it
was given one. They lie in `BUCKETS` parts, by the first bits of the key hash, and one part at a time is put
in order: that takes about 250 bytes for each different key in the part.

Nothing here judges a path; `sparse_proof` does.
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from anchor import limits
from anchor.errors import Refused, Unavailable
from anchor.merkle.hashing import check_hash, check_hashes, leaf_hashes
from anchor.merkle.sparse_hashing import DEPTH, EMPTY, KeyLeaf, branch_hash, entry
from anchor.merkle.tree import CHUNK, Accumulator

_BUCKET_BITS: Final = 12
BUCKETS: Final = 1 << _BUCKET_BITS
_RECORD: Final = 64
_RECORDS: Final = struct.Struct("32s32s").iter_unpack
_PIECE: Final = _RECORD << 12
"""Bytes of a part that are looked at together."""


class Path(NamedTuple):
    """The way from the root to where a key is, or would be."""

    siblings: list[bytes | None]
    """From the root on; None for an empty one."""
    end: KeyLeaf | None
    """The leaf in which it ends, of this key or of another one; None for an empty subtree."""


class KeyEntries:
    """The entries of all facts by their keys, from facts that stream by."""

    def __init__(self, spool: Callable[[], BinaryIO] | None = None, *, held: int | None = None) -> None:
        """`spool` opens an empty temporary file, which its caller closes; without it all stays in memory.

        `held`: facts in memory, by default `limits.INDEX_HELD`.
        """
        self._spool = spool
        self._most = limits.INDEX_HELD if held is None else held
        self._buckets = [bytearray() for _ in range(BUCKETS)]
        self._held = 0
        self._size = 0
        self._file: BinaryIO | None = None
        self._runs: list[array[int]] = []
        """Of each time that the buckets were moved: the offset of each, and of the end."""

    def extend(self, key_hashes: Sequence[bytes], hashes: Sequence[bytes]) -> None:
        """Take the facts that follow: the key hash of each, and its leaf hash in the main tree (32 bytes)."""
        if len(key_hashes) != len(hashes):
            raise Refused(f"keys: {len(key_hashes)}, facts: {len(hashes)}", where="index")
        check_hashes(list(key_hashes), "key hash", self._size)
        check_hashes(list(hashes), "leaf hash", self._size)
        buckets = self._buckets
        entries = leaf_hashes([entry(i, leaf) for i, leaf in enumerate(hashes, self._size)])
        for key, hashed in zip(key_hashes, entries, strict=True):
            buckets[key[0] << 4 | key[1] >> 4] += key + hashed
        self._size += len(entries)
        self._held += len(entries)
        if self._held >= self._most and self._spool is not None:
            self._move(self._spool)

    def leaves(self) -> Iterator[KeyLeaf]:
        """The leaf of each key, by rising key hash. It can be asked for again, and more facts may follow."""
        for bucket in range(BUCKETS):
            if not self._runs and not self._buckets[bucket]:
                continue
            found: dict[bytes, bytes | tuple[Accumulator, list[bytes]]] = {}
            for piece in self._pieces(bucket):
                for key, hashed in _RECORDS(piece):
                    before = found.setdefault(key, hashed)
                    if before is hashed:
                        continue
                    if isinstance(before, bytes):
                        found[key] = (Accumulator(), [before, hashed])
                        continue
                    tree, waiting = before
                    waiting.append(hashed)
                    if len(waiting) >= CHUNK:
                        tree.extend(waiting)
                        waiting.clear()
            for key in sorted(found):
                inner = found[key]
                if isinstance(inner, bytes):  # the root over one leaf is its hash
                    yield KeyLeaf(key, 1, inner)
                else:
                    tree, waiting = inner
                    tree.extend(waiting)
                    yield KeyLeaf(key, tree.size(), tree.root())

    def _pieces(self, bucket: int) -> Iterator[bytes]:
        """The records of one part, in the order of their facts; each piece has whole records."""
        for run in self._runs:
            assert self._file is not None
            at, end = run[bucket], run[bucket + 1]
            while at < end:
                self._file.seek(at)
                piece = self._file.read(min(end - at, _PIECE))
                if not piece or len(piece) % _RECORD:
                    raise Unavailable("the temporary file of the index was cut off", remedy="run it again")
                yield piece
                at += len(piece)
        held = self._buckets[bucket]
        for at in range(0, len(held), _PIECE):
            yield bytes(held[at : at + _PIECE])

    def _move(self, spool: Callable[[], BinaryIO]) -> None:
        """Write the parts to the temporary file, one after the other."""
        if self._file is None:
            self._file = spool()
        at = self._file.seek(0, 2)
        run = array("Q", [at])
        for number, held in enumerate(self._buckets):
            self._file.write(held)
            at += len(held)
            run.append(at)
            self._buckets[number] = bytearray()
        self._runs.append(run)
        self._held = 0


def keys_and_root(leaves: Iterable[KeyLeaf]) -> tuple[int, bytes]:
    """The number of different keys and the root (32 bytes), from the leaves by rising key hash."""
    tree = _Subtree(0)
    for leaf in leaves:
        tree.add(int.from_bytes(leaf.key_hash, "big"), leaf.hash())
    return tree.keys, tree.hash()


def path(leaves: Iterable[KeyLeaf], key_hash: bytes) -> Path:
    """The path of a key (its 32-byte hash) in the index with these leaves, which come by rising key hash.

    Memory grows with the depth of the tree.
    """
    wanted = int.from_bytes(check_hash(key_hash, "key hash"), "big")
    own: KeyLeaf | None = None
    others: dict[int, _Subtree] = {}
    """The keys whose hashes have the first d bits of the wanted one, and then another bit, by d."""
    last: dict[int, KeyLeaf] = {}
    for leaf in leaves:
        if leaf.key_hash == key_hash:
            own = leaf
            continue
        key = int.from_bytes(leaf.key_hash, "big")
        shared = DEPTH - (key ^ wanted).bit_length()
        if shared not in others:
            others[shared] = _Subtree(shared + 1)
        others[shared].add(key, leaf.hash())
        last[shared] = leaf
    end = own
    if own is None and others and others[deepest := max(others)].keys == 1:
        end = last[deepest]  # this key is alone in the subtree, at the depth where the others have left
        del others[deepest]
    length = max(others, default=-1) + 1
    return Path([others[d].hash() if d in others else None for d in range(length)], end)


class _Subtree:
    """The hash of one subtree, whose keys come by rising key hash."""

    def __init__(self, depth: int) -> None:
        """`depth` of its root: all its keys have this many first bits in common."""
        self.keys = 0
        self._depth = depth
        self._last = 0
        self._node = EMPTY
        self._top = 0
        """The depth of `_node`, the subtree with the last keys; 0 for a leaf: its hash is the same at any."""
        self._waiting: list[tuple[int, bytes]] = []
        """Subtrees whose right half has more keys to come: their depth, and the hash of their left half."""

    def add(self, key: int, leaf: bytes) -> None:
        """Append the leaf hash of a key (its hash as a number), which is above the key before."""
        if self.keys:
            split = DEPTH - (self._last ^ key).bit_length()
            self._waiting.append((split, self._closed(split + 1)))
        self.keys += 1
        self._last, self._node, self._top = key, leaf, 0

    def hash(self) -> bytes:
        """The hash, 32 bytes; `EMPTY` without a key. No key may follow."""
        self._node, self._top = self._closed(self._depth), self._depth
        return self._node

    def _closed(self, depth: int) -> bytes:
        """The hash of the subtree at `depth` that has the last key; the key that follows is not in it."""
        node, top, waiting = self._node, self._top, self._waiting
        while waiting and waiting[-1][0] >= depth:
            at, left = waiting.pop()
            right = node if top <= at + 1 else self._raised(node, top, at + 1)
            node, top = branch_hash(left, right), at
        return node if top <= depth else self._raised(node, top, depth)

    def _raised(self, node: bytes, top: int, depth: int) -> bytes:
        """The hash at `depth` of a subtree whose keys are all in the one at `top`, which has this hash."""
        for d in range(top - 1, depth - 1, -1):
            right = self._last >> (DEPTH - 1 - d) & 1
            node = branch_hash(EMPTY, node) if right else branch_hash(node, EMPTY)
        return node
