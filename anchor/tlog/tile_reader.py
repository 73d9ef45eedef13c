# SPDX-License-Identifier: Apache-2.0
"""Hashes, proofs and entries of one tree, from tiles that are hashed up to its checkpoint before use.

Decides whether what a source serves belongs to the tree that a verified checkpoint names. It never says who
is to blame: bytes that do not hash up are a damaged source, `Unavailable`, and are neither believed nor kept.

Order of trust: the partial tiles of the right edge fold to the checkpoint's root; the hash of every full tile
is in the tile above it; every entry hashes to its place in a level-0 tile.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from anchor.errors import Misuse, Refused
from anchor.merkle.hashing import HASH_SIZE, leaf_hashes, reduce_pairs
from anchor.merkle.ranges import (
    Node,
    Range,
    consistency_ranges,
    inclusion_ranges,
    range_hash,
)
from anchor.tlog import tiles
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.source import Damaged, Missing, Source, TileCache
from anchor.tlog.tiles import FULL, Tile
from anchor.words import are

MAX_TILES = 4096
"""Verified tiles kept in memory, at most 32 MiB."""
MAX_NODES = 1 << 15
"""Nodes kept in memory: the proofs of many entries of one tree share most of theirs."""
MAX_ENTRY_BYTES = 32 << 20
"""Verified entries kept in memory."""


class TileReader:
    """Reads the tree of one verified checkpoint from a source that is not trusted.

    Every method raises Unavailable for a source that fails or is damaged (with the tile), and Refused for an
    index or size that the tree does not have.
    """

    def __init__(self, source: Source, checkpoint: Checkpoint, *, cache: TileCache | None = None) -> None:
        if not checkpoint.signers:
            raise Misuse("tiles are only read under a verified checkpoint", where=checkpoint.origin)
        self.checkpoint = checkpoint
        self._source = source
        self._cache = cache
        self._tiles: OrderedDict[Tile, bytes] = OrderedDict()
        self._entries: OrderedDict[int, list[bytes]] = OrderedDict()
        self._entry_bytes = 0
        self._edge: dict[Tile, bytes] = {}
        self._nodes: dict[Node, bytes] = {}

    @property
    def size(self) -> int:
        """Leaves of the tree."""
        return self.checkpoint.size

    def authenticate(self) -> None:
        """Rebuild the checkpoint's root from the right edge's tiles; the empty tree needs none."""
        if not self._edge and self.size:
            self._edge = self._read_edge()

    def leaf_hash(self, index: int) -> bytes:
        """The hash of leaf `index`."""
        return self._range(Range(index, index + 1))

    def leaf_hashes(self, start: int, end: int) -> Iterator[bytes]:
        """The hashes of leaves `start` up to, not including, `end`; one tile at a time."""
        if not 0 <= start <= end <= self.size:
            raise Refused(f"leaves {start} to {end} of a tree of {self.size}", where="range")
        while start < end:
            index, first = divmod(start, FULL)
            stop = min(FULL, end - index * FULL)
            data = self.tile(Tile(0, index, tiles.width_at(self.size, 0, index)))
            yield from tiles.split(data[first * HASH_SIZE : stop * HASH_SIZE], stop - first)
            start += stop - first

    def root_at(self, size: int) -> bytes:
        """The root that this tree had at an earlier size of at least 1."""
        return self._range(Range(0, size))

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Leaf to root, RFC 9162 section 2.1.3.1."""
        return [self._range(part) for part in inclusion_ranges(index, self.size)]

    def consistency_proof(self, old: int) -> list[bytes]:
        """From an earlier size of at least 1 to this one, RFC 9162 section 2.1.4.1."""
        return [self._range(part) for part in consistency_ranges(old, self.size)]

    def consistency_path(self, old: int) -> list[bytes]:
        """The consistency proof with its first node always written out, also when it is the older root.

        From it alone both roots follow, so it can show that an older root was another one.
        """
        proof = self.consistency_proof(old)
        return [self.root_at(old), *proof] if old & (old - 1) == 0 and old < self.size else proof

    def entry(self, index: int) -> bytes:
        """The bytes of entry `index`, which hash to its leaf.

        Read before the leaf's proof it saves a request: a full bundle's hashes are the level-0 tile.
        """
        if not 0 <= index < self.size:
            raise Refused(f"entry {index} of a tree of {self.size}", where="index")
        bundle, offset = divmod(index, FULL)
        return self._bundle(bundle)[offset]

    def bundle(self, index: int) -> list[bytes]:
        """All entries of one bundle, which hash to their place in the tree, for whoever reads a whole log.

        Nothing new is kept, and no level-0 tile is read for a full bundle: the tile above has its hash.
        """
        if (kept := self._entries.get(index)) is not None:
            return kept
        width = tiles.width_at(self.size, 0, index)
        if not width:
            raise Refused(f"bundle {index} of a tree of {self.size}", where="index")
        path = tiles.entries_path(index, width)
        found = self._fetch_bundle(index, width, path)
        hashes = b"".join(leaf_hashes(found))
        if width == FULL:
            same = _hash_of(hashes, 0, FULL) == self._node(Node(tiles.HEIGHT, index))
        else:
            same = hashes == self.tile(Tile(0, index, width))
        if not same:
            raise _damaged("does not hash to its place in the tree", path)
        return found

    def tile(self, tile: Tile) -> bytes:
        """A tile of this tree, as wide as the tree has it: its hashes, which lead up to the root."""
        self.authenticate()
        if tile.width < FULL:
            return self._edge[tile]
        if (kept := self._tiles.get(tile)) is not None:
            self._tiles.move_to_end(tile)
            return kept
        above = tiles.parent(tile, self.size)
        wanted = _hash_of(self.tile(above.tile), above.start, above.end)
        return self._believe(tile, self._full(tile, wanted))

    def _range(self, part: Range) -> bytes:
        if not 0 <= part.start < part.end <= self.size:
            raise Refused(f"leaves {part.start} to {part.end} of a tree of {self.size}", where="range")
        return range_hash(part, self._node)

    def _node(self, node: Node) -> bytes:
        if (kept := self._nodes.get(node)) is not None:
            return kept
        found = tiles.place(node, self.size)
        data = _hash_of(self.tile(found.tile), found.start, found.end)
        if len(self._nodes) >= MAX_NODES:
            self._nodes.clear()
        self._nodes[node] = data
        return data

    def _believe(self, tile: Tile, data: bytes) -> bytes:
        """Keep a full tile that was hashed up to the root."""
        self._tiles[tile] = data
        if len(self._tiles) > MAX_TILES:
            self._tiles.popitem(last=False)
        return data

    def _full(self, tile: Tile, wanted: bytes) -> bytes:
        cached = self._cached(tile)
        if cached is not None and _hash_of(cached, 0, FULL) == wanted:
            return cached
        data = self._fetch(tile)
        if _hash_of(data, 0, FULL) != wanted:
            raise _damaged("does not hash to its place in the tile above", tile.path)
        if self._cache is not None:
            self._cache.put(tile.path, data)
        return data

    def _read_edge(self) -> dict[Tile, bytes]:
        edge = tiles.right_edge(self.size)
        cached = {t: data for t in edge if (data := self._cached(t)) is not None}
        if len(cached) == len(edge) and self._rebuilds(cached):
            return cached
        found = {t: self._fetch(t) for t in edge}
        if not self._rebuilds(found):
            paths = ", ".join(t.path for t in edge)
            raise _damaged(f"do not rebuild the root of the checkpoint of size {self.size}", paths)
        if self._cache is not None:
            for tile, data in found.items():
                self._cache.put(tile.path, data)
        return found

    def _rebuilds(self, edge: dict[Tile, bytes]) -> bool:
        def node(name: Node) -> bytes:
            found = tiles.place(name, self.size)
            return _hash_of(edge[found.tile], found.start, found.end)

        return range_hash(Range(0, self.size), node) == self.checkpoint.root

    def _cached(self, tile: Tile) -> bytes | None:
        data = self._cache.get(tile.path) if self._cache is not None else None
        return data if data is not None and len(data) == tile.width * HASH_SIZE else None

    def _fetch(self, tile: Tile) -> bytes:
        """A tile of the right length; a partial one that is gone is cut from the full one (tlog-tiles).

        A log kept as static files may have one growing file for each tile, so the full one may be short.
        """
        wanted = tile.width * HASH_SIZE
        most = wanted
        try:
            data = self._source.tile(tile.level, tile.index, tile.width)
        except Missing:
            if tile.width == FULL:
                raise
            most = FULL * HASH_SIZE
            data = self._source.tile(tile.level, tile.index, FULL)
        if not wanted <= len(data) <= most:
            raise _damaged(f"{len(data)} bytes where {are(tile.width, 'hash')} wanted", tile.path)
        return data[:wanted]

    def _bundle(self, index: int) -> list[bytes]:
        if (kept := self._entries.get(index)) is not None:
            self._entries.move_to_end(index)
            return kept
        tile = Tile(0, index, tiles.width_at(self.size, 0, index))
        path = tiles.entries_path(index, tile.width)
        found = self._fetch_bundle(index, tile.width, path)
        hashes = leaf_hashes(found)
        if b"".join(hashes) != self._level0(tile, hashes):
            wanted = self.leaf_hashes(index * FULL, index * FULL + tile.width)
            wrong = next(i for i, (got, want) in enumerate(zip(hashes, wanted, strict=True)) if got != want)
            raise _damaged(f"entry {index * FULL + wrong} does not hash to its leaf", path)
        self._keep(index, found)
        return found

    def _level0(self, tile: Tile, hashes: list[bytes]) -> bytes:
        """The level-0 tile of a bundle. The bundle's own hashes are the tile if they hash to its place in the
        tile above: then the tile need not be read."""
        if tile.width == FULL and tile not in self._tiles:
            self.authenticate()
            above = tiles.parent(tile, self.size)
            data = b"".join(hashes)
            if _hash_of(data, 0, FULL) == _hash_of(self.tile(above.tile), above.start, above.end):
                self._believe(tile, data)
                if self._cache is not None:
                    self._cache.put(tile.path, data)
        return self.tile(tile)

    def _fetch_bundle(self, index: int, width: int, path: str) -> list[bytes]:
        whole = True
        try:
            data = self._source.entries(index, width)
        except Missing:
            if width == FULL:
                raise
            whole = False
            data = self._source.entries(index, FULL)
        if len(data) > tiles.MAX_BUNDLE:
            raise _damaged(f"{len(data)} bytes, more than any entry bundle has", path)
        try:
            return tiles.parse_bundle(data, width, rest=not whole)
        except Refused as e:
            raise _damaged(e.problem, path) from None

    def _keep(self, index: int, entries: Sequence[bytes]) -> None:
        self._entries[index] = list(entries)
        self._entry_bytes += sum(map(len, entries))
        while self._entry_bytes > MAX_ENTRY_BYTES and len(self._entries) > 1:
            _, gone = self._entries.popitem(last=False)
            self._entry_bytes -= sum(map(len, gone))


def _hash_of(data: bytes, start: int, end: int) -> bytes:
    """The node over hashes `start` to `end` of a tile; a power of two of them."""
    level = [data[i * HASH_SIZE : (i + 1) * HASH_SIZE] for i in range(start, end)]
    while len(level) > 1:
        level = reduce_pairs(level)
    return level[0]


def _damaged(problem: str, path: str) -> Damaged:
    return Damaged(f"damaged source: {problem}", where=path, remedy="read the log from another place")
