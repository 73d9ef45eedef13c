# SPDX-License-Identifier: Apache-2.0
"""The log of the embedded instance: Rekor v2's write API and the read side of C2SP tlog-tiles, on one folder.

It decides what becomes an entry, once each, and signs a checkpoint for every one of them. It is run by
whoever publishes, with a key that lies beside it: it can rewrite itself, so it is no independent evidence
without witnesses.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.disk import files
from anchor.disk.lock import exclusive
from anchor.embedded.hashedrekord import canonical_body
from anchor.embedded.leaf_index import Index
from anchor.embedded.log_files import Store, Tail, damaged
from anchor.errors import Refused
from anchor.log_kinds import rekor_v2
from anchor.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    Node,
    Range,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    range_hash,
    root,
)
from anchor.sigstore.services import Duplicate
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note, tiles
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.keys import Algorithm, VerifierKey
from anchor.tlog.source import Missing
from anchor.tlog.tiles import FULL, Tile


class Log:
    """One folder, one origin, one Ed25519 key. Readers need no lock; the first append takes it and keeps it.

    It is also a `Source`. Safe to use from several threads.
    """

    def __init__(self, folder: Path, *, origin: str, key: Ed25519PrivateKey) -> None:
        self.folder = folder
        self.origin = origin
        self.key = VerifierKey(origin, Algorithm.ED25519, key.public_key().public_bytes_raw())
        self._private = key
        self._store = Store(folder)
        self._mutex = threading.RLock()
        self._held = contextlib.ExitStack()
        self._index: Index | None = None
        self._tail: Tail | None = None
        self._head: Checkpoint | None = None

    @classmethod
    def create(cls, folder: Path, *, origin: str, key: Ed25519PrivateKey) -> "Log":
        """A new, empty log: a folder with the checkpoint of size 0."""
        log = cls(folder, origin=origin, key=key)
        files.make_folder(folder, mode=files.PRIVATE, exist_ok=False)
        log._store.write_checkpoint(log._sign(0, EMPTY_ROOT))
        return log

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock back."""
        with self._mutex:
            self._held.close()
            self._index = self._tail = None

    # The read side

    def checkpoint(self) -> bytes:
        """The current signed note, verified with the log's own key. Raises `Unavailable`."""
        return self.head().raw

    def head(self) -> Checkpoint:
        """The current checkpoint. Raises `Unavailable` when the disk holds none of this log's."""
        raw = self._store.checkpoint()
        head = self._head
        if head is None or head.raw != raw:
            try:
                head = checkpoints.verify(raw, checkpoints.Log(self.origin, self.key))
            except Refused as e:
                raise damaged(str(e), self.folder / "checkpoint") from None
            self._head = head
        return head

    def size(self) -> int:
        """Entries in the log now."""
        return self.head().size

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile. Raises `Missing` beyond the current checkpoint."""
        self._check_width(level, index, width)
        return self._store.tile(Tile(level, index, width))

    def entries(self, index: int, width: int) -> bytes:
        """The first `width` entries of a bundle. Raises `Missing` beyond the current checkpoint."""
        self._check_width(0, index, width)
        return self._store.entries(index, width)

    def _check_width(self, level: int, index: int, width: int) -> None:
        have = tiles.width_at(self.size(), level, index) if level in range(8) and index >= 0 else 0
        if not 1 <= width <= have:
            raise Missing("no such tile", where=f"level {level} index {index} width {width}")

    def entry(self, index: int, under: Checkpoint | None = None) -> bytes:
        """The TransparencyLogEntry (protobuf JSON) of an entry under a checkpoint of this log, by default the
        current one."""
        head = under or self.head()
        if not 0 <= index < head.size:
            raise Missing(f"no entry {index} in a log of {head.size}", where=self.origin)
        bundle, position = divmod(index, FULL)
        width = tiles.width_at(head.size, 0, bundle)
        body = tiles.parse_bundle(self._store.entries(bundle, width), width)[position]
        return self._proven(body, index, head, None)

    def bodies(self, first: int = 0) -> Iterator[bytes]:
        """Every entry from index `first` on, as the log wrote it. Raises `Unavailable`."""
        size = self.size()
        for number in range(first // FULL, -(-size // FULL)):
            width = tiles.width_at(size, 0, number)
            bundle = tiles.parse_bundle(self._store.entries(number, width), width)
            yield from bundle[max(0, first - number * FULL) :]

    def root_at(self, size: int) -> bytes:
        """The root that the log had at an earlier size, from its tiles of now. Raises `Missing`."""
        now = self.size()
        if not 0 <= size <= now:
            raise Missing(f"no tree of {size} in a log of {now}", where=self.origin)
        return range_hash(Range(0, size), lambda n: self._node(n, now, None)) if size else EMPTY_ROOT

    def consistency(self, size: int, head: Checkpoint) -> tuple[bytes, ...]:
        """The consistency proof from a smaller size, at least 1, to that of a checkpoint of this log."""
        if size in (0, head.size):
            return ()
        return tuple(
            range_hash(part, lambda n: self._node(n, head.size, None))
            for part in consistency_ranges(size, head.size)
        )

    # The write side

    def append(self, request: bytes) -> bytes:
        """Rekor v2 CreateEntryRequest JSON in, TransparencyLogEntry JSON out; durable when it returns.

        The proof is under a checkpoint for exactly the tree that ends in this entry. Raises `Refused` for a
        request that Rekor would not take, `Duplicate` for an entry that is there, `Unavailable` when another
        process writes here, when the disk is full or the storage is damaged.
        """
        body = canonical_body(request)
        leaf = leaf_hash(body)
        with self._mutex:
            tail = self._writer()
            found = self._lookup(leaf, tail.size)
            if found is not None:
                raise Duplicate(found, where=self.origin)
            self._tail = None  # until it has succeeded, the disk alone knows how far it came
            step = self._store.plan(tail, body, leaf)
            self._store.perform(step)
            size = step.tail.size
            self._store.write_checkpoint(self._sign(size, self._root(step.tail)))
            assert self._index is not None
            self._index.add([leaf], tail.size)
            self._tail = step.tail
            return self._proven(body, tail.size, self.head(), step.tail)

    def find(self, request: bytes, since: int = 0) -> bytes | None:
        """The TransparencyLogEntry of this very request at index `since` or later; None when absent."""
        leaf = leaf_hash(canonical_body(request))
        with self._mutex:
            found = self._lookup(leaf, self._writer().size)
            return None if found is None or found < since else self.entry(found)

    def cosigned(self, head: Checkpoint, lines: Sequence[bytes], keys: Sequence[VerifierKey]) -> Checkpoint:
        """A checkpoint of this log with verified signature lines in the place of all that these keys have.
        It is kept while it is the current one. Raises `Unavailable`."""
        with self._mutex:
            self._writer()
            now = self.head()
            newest = now if now.note.text == head.note.text else head
            raw = with_lines(newest.note, lines, keys)
            made = checkpoints.verify(raw, checkpoints.Log(self.origin, self.key))
            if newest is now and made.raw != now.raw:
                self._store.write_checkpoint(made.raw)
            return made

    def lock(self) -> None:
        """Become the one writer now, not at the first append. Raises `Unavailable` when there is another."""
        with self._mutex:
            self._writer()

    def _writer(self) -> Tail:
        """The right edge. The first call locks, removes files of a killed writer, and opens the index."""
        if self._index is None:
            self._held.enter_context(exclusive(self.folder, doing="writing to the embedded log"))
            try:
                self._store.clean()
                self._index = Index(self.folder / "index.sqlite")
                self._held.callback(self._index.close)
            except BaseException:
                self._held.close()
                raise
        if self._tail is None:
            head = self.head()
            tail = self._store.load_tail(head.size)
            if self._root(tail) != head.root:
                raise damaged("tiles do not have the root of the checkpoint", self.folder)
            self._catch_up(self._index, head.size)
            self._tail = tail
        return self._tail

    def _root(self, tail: Tail) -> bytes:
        if tail.size == 0:
            return EMPTY_ROOT
        return range_hash(Range(0, tail.size), lambda n: self._node(n, tail.size, tail))

    def _catch_up(self, index: Index, size: int) -> None:
        """Add what the index lacks; make it again when it is of another log or of a later state."""
        have = index.size()
        if have > size or (have and index.find(self._leaf(have - 1, size)) != have - 1):
            index.clear()
            have = 0
        while have < size:
            number, skip = divmod(have, FULL)
            width = tiles.width_at(size, 0, number)
            hashes = tiles.split(self._store.tile(Tile(0, number, width)), width)
            index.add(hashes[skip:], have)
            have = number * FULL + width

    def _lookup(self, leaf: bytes, size: int) -> int | None:
        """Where the log has a leaf; what the index says is compared with the tile."""
        assert self._index is not None
        found = self._index.find(leaf)
        if found is not None and not (0 <= found < size and self._leaf(found, size) == leaf):
            self._index.clear()
            self._catch_up(self._index, size)
            found = self._index.find(leaf)
        return found

    def _leaf(self, index: int, size: int) -> bytes:
        number, position = divmod(index, FULL)
        data = self._store.tile(Tile(0, number, tiles.width_at(size, 0, number)))
        return data[position * HASH_SIZE : (position + 1) * HASH_SIZE]

    def _node(self, node: Node, size: int, tail: Tail | None) -> bytes:
        """A perfect node of the tree of `size`, from the right edge in memory or from its tile."""
        place = tiles.place(node, size)
        if tail is not None and place.tile.width < FULL:
            return root(tail.levels[place.tile.level][place.start : place.end])
        hashes = tiles.split(self._store.tile(place.tile), place.tile.width)
        return root(hashes[place.start : place.end])

    def _sign(self, size: int, root_hash: bytes) -> bytes:
        return note.sign(checkpoints.body(self.origin, size, root_hash), self.origin, self._private)

    def _proven(self, body: bytes, index: int, head: Checkpoint, tail: Tail | None) -> bytes:
        proof = [
            range_hash(part, lambda n: self._node(n, head.size, tail))
            for part in inclusion_ranges(index, head.size)
        ]
        return rekor_v2.log_entry(
            body,
            index=index,
            size=head.size,
            root=head.root,
            proof=proof,
            checkpoint=head.raw,
            log_id=self.key.full_id,
        )


def with_lines(signed: note.Note, lines: Sequence[bytes], keys: Sequence[VerifierKey]) -> bytes:
    """A note with these signature lines at the end, and no other lines of the keys."""
    gone = {(key.name, key.key_id) for key in keys}
    kept = (s for s in signed.signatures if (s.name, s.key_id) not in gone)
    own = [note.line(s.name, s.key_id, s.payload) for s in kept]
    return note.parse(signed.text + b"\n" + b"".join((*own, *lines))).raw
