# SPDX-License-Identifier: Apache-2.0
"""The index `csmt-sha256-v1`, written only from section 21 of FORMAT.md: recursive and slow."""

from typing import NamedTuple

from tests.support.second.leaves2 import Fact, jcs, leaf_hash, sha256
from tests.support.second.merkle import mth
from tests.support.second.readers import must

EMPTY = sha256(b"\x04")


class Entry(NamedTuple):
    """A leaf of the index: a key hash, how many facts have the key, and the root over them."""

    key_hash: bytes
    n: int
    inner: bytes

    def hash(self) -> bytes:
        return sha256(b"\x02" + self.key_hash + self.n.to_bytes(8, "big") + self.inner)


def key_hash(key: list[str | None]) -> bytes:
    return sha256(jcs(key))


def key_of(fact: Fact, columns: list[str]) -> list[str | None]:
    return [fact.get(c) for c in columns]


def entry(key: list[str | None], facts: list[tuple[int, bytes]]) -> Entry:
    """`facts`: the index and the leaf hash of each, by rising index."""
    return Entry(
        key_hash(key), len(facts), mth([leaf_hash(i.to_bytes(8, "big") + leaf) for i, leaf in facts])
    )


def entries(columns: list[str], facts: list[Fact], leaves: list[bytes]) -> list[Entry]:
    keys = [key_of(fact, columns) for fact in facts]
    different = [key for n, key in enumerate(keys) if key not in keys[:n]]
    return [entry(key, [(i, leaves[i]) for i, k in enumerate(keys) if k == key]) for key in different]


def bit(key: bytes, depth: int) -> int:
    return key[depth // 8] >> (7 - depth % 8) & 1


def root(found: list[Entry], depth: int = 0) -> bytes:
    if not found:
        return EMPTY
    if len(found) == 1:
        return found[0].hash()
    halves = [[e for e in found if bit(e.key_hash, depth) == side] for side in (0, 1)]
    return node(root(halves[0], depth + 1), root(halves[1], depth + 1))


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x03" + left + right)


def path(found: list[Entry], key: bytes, depth: int = 0) -> tuple[list[bytes], Entry | None]:
    """The siblings from depth 0 down, and the leaf where the path ends: None for `empty`."""
    if len(found) < 2:
        return [], (found[0] if found else None)
    side = bit(key, depth)
    mine = [e for e in found if bit(e.key_hash, depth) == side]
    others = [e for e in found if bit(e.key_hash, depth) != side]
    below, end = path(mine, key, depth + 1)
    return [root(others, depth + 1), *below], end


def root_of_path(key: bytes, siblings: list[bytes], end: Entry | None) -> bytes:
    must(len(siblings) <= 256 and (not siblings or siblings[-1] != EMPTY), "path")
    must(siblings or end, "an empty index")
    for depth in range(len(siblings) if end else 0):
        must(bit(end.key_hash, depth) == bit(key, depth), "a leaf at another place")  # type: ignore[union-attr]
    value = end.hash() if end else EMPTY
    for depth in reversed(range(len(siblings))):
        pair = (siblings[depth], value) if bit(key, depth) else (value, siblings[depth])
        value = node(*pair)
    return value
