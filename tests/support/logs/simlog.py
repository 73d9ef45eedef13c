# SPDX-License-Identifier: Apache-2.0
"""A transparency log in memory that can misbehave: it forks, rewinds, withholds, corrupts, hides and swaps.

It serves `anchor.tlog.source.Source`, signs on demand and counts what is read. Every misdeed is one method.
"""

from collections import Counter
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor import merkle
from anchor.tlog import checkpoint, cosignature, note, tiles
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.keys import VerifierKey
from anchor.tlog.source import Missing

ORIGIN = "log.sim.invalid/a"


def key(seed: int) -> Ed25519PrivateKey:
    """A private key that is the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))


class Tree:
    """Leaf hashes and all perfect nodes above them, so that a tile is read and not computed."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.levels: list[list[bytes]] = [[]]
        self.extend(leaves)

    def extend(self, leaves: Iterable[bytes]) -> None:
        self.levels[0].extend(leaves)
        level = 0
        while len(self.levels[level]) > 1:
            if level + 1 == len(self.levels):
                self.levels.append([])
            below, above = self.levels[level], self.levels[level + 1]
            for i in range(len(above), len(below) // 2):
                above.append(merkle.node_hash(below[2 * i], below[2 * i + 1]))
            level += 1

    @property
    def size(self) -> int:
        return len(self.levels[0])

    def node(self, node: merkle.Node) -> bytes:
        return self.levels[node.level][node.position]

    def root(self, size: int) -> bytes:
        if not size:
            return merkle.EMPTY_ROOT
        return merkle.range_hash(merkle.Range(0, size), self.node)

    def copy(self) -> "Tree":
        new = Tree()
        new.levels = [list(level) for level in self.levels]
        return new


class SimLog:
    """An honest log until one of its methods is called."""

    def __init__(
        self, entries: Iterable[bytes] = (), *, origin: str = ORIGIN, seed: int = 1, name: str | None = None
    ) -> None:
        self.origin = origin
        self.name = name or origin
        self.private = key(seed)
        self.stored: list[bytes] = []
        self.tree = Tree()
        self.shown: bytes | None = None  # a note that is served instead of the current one
        self.extensions: tuple[str, ...] = ()
        self.cosigners: list[tuple[str, Ed25519PrivateKey, int]] = []
        self.gone: set[str] = set()
        self.no_partials = False
        self.tampered: dict[str, bytes] = {}
        self.reads: Counter[str] = Counter()
        self.paths: list[str] = []
        self.append(*entries)

    # -- honest ---------------------------------------------------------------------------------------------

    def append(self, *entries: bytes) -> "SimLog":
        self.stored.extend(entries)
        self.tree.extend(merkle.leaf_hash(e) for e in entries)
        return self

    def grow(self, count: int, tag: str = "e") -> "SimLog":
        start = len(self.stored)
        return self.append(*(b"%s-%d" % (tag.encode(), start + i) for i in range(count)))

    @property
    def size(self) -> int:
        return self.tree.size

    @property
    def log(self) -> Log:
        return Log(self.origin, self.key)

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(self.name, note.Algorithm.ED25519, self.private.public_key().public_bytes_raw())

    def sign(self, size: int | None = None, *, root: bytes | None = None) -> bytes:
        """A signed checkpoint of any size it has, or of any root."""
        size = self.size if size is None else size
        root = root or self.tree.root(size)
        text = checkpoint.body(self.origin, size, root, self.extensions)
        raw = note.sign(text, self.name, self.private)
        for name, private, time in self.cosigners:
            cosigner, payload = cosignature.cosign(text, name, private, time)
            raw = note.add(raw, note.line(name, cosigner.key_id, payload))
        return raw

    def head(self, size: int | None = None) -> Checkpoint:
        """A verified checkpoint."""
        return checkpoint.verify(self.sign(size), self.log)

    # -- Source ---------------------------------------------------------------------------------------------

    def checkpoint(self) -> bytes:
        self._count("checkpoint", "checkpoint")
        return self.shown if self.shown is not None else self.sign()

    def tile(self, level: int, index: int, width: int) -> bytes:
        path = tiles.Tile(level, index, width).path
        self._count("tile", path)
        if path in self.tampered:
            return self.tampered[path]
        hashes = self.tree.levels[8 * level] if 8 * level < len(self.tree.levels) else []
        found = hashes[index * 256 : index * 256 + width]
        self._there(path, len(found), width)
        return b"".join(found)

    def entries(self, index: int, width: int) -> bytes:
        path = tiles.entries_path(index, width)
        self._count("entries", path)
        if path in self.tampered:
            return self.tampered[path]
        found = self.stored[index * 256 : index * 256 + width]
        self._there(path, len(found), width)
        return tiles.dump_bundle(found)

    def _count(self, kind: str, path: str) -> None:
        self.reads[kind] += 1
        self.paths.append(path)
        if path in self.gone:
            raise Missing("404", where=path)

    def _there(self, path: str, found: int, width: int) -> None:
        if found < width or (self.no_partials and width < 256):
            raise Missing("404", where=path)

    # -- misdeeds -------------------------------------------------------------------------------------------

    def clone(self) -> "SimLog":
        """The same log with the same key, to be led astray."""
        new = SimLog(origin=self.origin, name=self.name)
        new.private, new.stored, new.tree = self.private, list(self.stored), self.tree.copy()
        new.extensions, new.cosigners = self.extensions, list(self.cosigners)
        return new

    def fork(self, at: int, size: int | None = None) -> "SimLog":
        """Another history from entry `at` on, of equal size or of `size`."""
        new = SimLog(self.stored[:at], origin=self.origin, name=self.name)
        new.private = self.private
        return new.grow((self.size if size is None else size) - at, tag="forked")

    def rewind(self, size: int) -> "SimLog":
        """Storage wiped back to `size`: later tiles are gone."""
        new = SimLog(self.stored[:size], origin=self.origin, name=self.name)
        new.private = self.private
        return new

    def show(self, size: int) -> "SimLog":
        """Serve an old checkpoint and everything else of today."""
        self.shown = self.sign(size)
        return self

    def withhold(self, *paths: str) -> "SimLog":
        """Answer 404 for these paths."""
        self.gone.update(paths)
        return self

    def truncate(self, path: str, by: int = 1) -> "SimLog":
        """Serve a resource without its last bytes."""
        self.tampered[path] = self._honest(path)[:-by]
        return self

    def corrupt(self, path: str, at: int = 0) -> "SimLog":
        """Flip a bit of one byte of one tile or bundle."""
        data = bytearray(self._honest(path))
        data[at] ^= 1
        self.tampered[path] = bytes(data)
        return self

    def swap(self, index: int, entry: bytes) -> "SimLog":
        """Serve another entry in the place of one, the tiles unchanged."""
        self.stored[index] = entry
        return self

    def _honest(self, path: str) -> bytes:
        level, index, width = tiles.parse_path(path)
        before, self.reads, self.paths = (self.reads, self.paths), Counter(), []
        try:
            return self.entries(index, width) if level is None else self.tile(level, index, width)
        finally:
            self.reads, self.paths = before


class UniformLog(SimLog):
    """A log of any size whose entries are all the same: each level has one hash, nothing is stored."""

    def __init__(self, size: int, *, entry: bytes = b"e") -> None:
        super().__init__()
        self.entry, self.count = entry, size
        self.hashes = [merkle.leaf_hash(entry)]
        for _ in range(63):
            self.hashes.append(merkle.node_hash(self.hashes[-1], self.hashes[-1]))

    @property
    def size(self) -> int:
        return self.count

    def sign(self, size: int | None = None, *, root: bytes | None = None) -> bytes:
        size = self.count if size is None else size
        return super().sign(size, root=root or self.root(size))

    def root(self, size: int) -> bytes:
        return merkle.range_hash(merkle.Range(0, size), lambda node: self.hashes[node.level])

    def tile(self, level: int, index: int, width: int) -> bytes:
        path = tiles.Tile(level, index, width).path
        self._count("tile", path)
        self._there(path, tiles.width_at(self.count, level, index), width)
        return self.hashes[8 * level] * width

    def entries(self, index: int, width: int) -> bytes:
        path = tiles.entries_path(index, width)
        self._count("entries", path)
        self._there(path, tiles.width_at(self.count, 0, index), width)
        return tiles.dump_bundle([self.entry] * width)
