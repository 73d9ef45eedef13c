# SPDX-License-Identifier: Apache-2.0
"""A log and where it is read, and what a session asks of the records. Values and narrow surfaces only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from anchor.merkle.hashing import EMPTY_ROOT
from anchor.monitor.run_record import ConsistencyProof, Evidence, SignedCheckpoint
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.follow import Path
from anchor.tlog.source import ProofSource, Source, TileCache
from anchor.tlog.witness_policy import WitnessPolicy

MAX_CACHED = 4096
"""Tiles kept in memory for one cycle: 32 MiB of full ones."""


@dataclass(frozen=True)
class EntryProof:
    """What a log that proves online (Rekor v1) says of an entry: its bytes, its place, the proof's own head.

    `index` counts in the tree of `checkpoint`, a raw signed note; `hashes` lead from leaf to root.
    """

    body: bytes
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


class OnlineLog(ProofSource, Protocol):
    """A log that proves online and gives entries with their proofs."""

    def entry(self, index: int) -> EntryProof:
        """The entry with this log index; raises Missing or Unavailable."""
        ...


@dataclass(frozen=True, kw_only=True)
class LogLocation:
    """A log of the policy, and where it is read: `source` for a tiled log, `online` for Rekor v1."""

    log: Log
    name: str
    """The URL or folder, for reports."""
    source: Source | None = None
    online: OnlineLog | None = None
    origin: str = ""
    """The exact origin of its checkpoints where it is not the log's own (a tree of Rekor v1)."""
    views: tuple[tuple[str, Source], ...] = ()
    """Other copies of the same log, by name: a witness's, a mirror's, another URL's."""
    ended: float | None = None
    """When this log ended as the trust root says, seconds since 1970."""
    quorum: WitnessPolicy | None = None
    cache: TileCache | None = None

    @property
    def tree(self) -> str:
        """The origin of its checkpoints."""
        return self.origin or self.log.origin

    def signed(self, head: Checkpoint, source: str) -> SignedCheckpoint:
        """A verified checkpoint of this log as it is kept."""
        return SignedCheckpoint(
            origin=head.origin,
            log_key=self.log.key.vkey,
            size=head.size,
            root=head.root,
            note=head.raw,
            source=source,
        )


@dataclass(frozen=True)
class HeldCheckpoint:
    """A signed checkpoint of the records, and when it was first and last seen (seconds since 1970)."""

    checkpoint: SignedCheckpoint
    seen: float
    last: float


@dataclass(frozen=True)
class Unproven:
    """Signed heads of a log that are held and were never proven to belong to its history."""

    heads: tuple[SignedCheckpoint, ...] = ()
    beyond: int = 0
    """How many more were shown, when as many as can be were held already."""


class LogMemory(Protocol):
    """What a session asks of the records; every method raises AnchorError only."""

    def held(self, log_key: str, origin: str, size: int) -> Sequence[HeldCheckpoint]:
        """The first and the largest checkpoint of the history that was proven, and all of this size, verified
        against the key."""
        ...

    def stood(self, log_key: str, origin: str, *, after: float, until: float) -> HeldCheckpoint | None:
        """The smallest proven head that was served as the newest one after a time, as sightings up to another
        time say (seconds since 1970)."""
        ...

    def unproven(self, log_key: str, origin: str) -> Unproven:
        """The heads without a proof to a later one, but for the largest of the proven history."""
        ...

    def knows(self, origin: str, size: int, root: bytes) -> bool:
        """Whether this checkpoint is held."""
        ...

    def contradictions(self, origin: str) -> Sequence[Evidence]:
        """Evidence kept against an origin."""
        ...

    def preserve(self, seen: Sequence[SignedCheckpoint], evidence: Sequence[Evidence]) -> None:
        """Keep signed notes and the evidence they are, at once."""
        ...


class CycleCache:
    """Verified tiles of this cycle, over the place's own cache."""

    def __init__(self, below: TileCache | None) -> None:
        self._tiles: dict[str, bytes] = {}
        self._below = below

    def get(self, path: str) -> bytes | None:
        found = self._tiles.get(path)
        return found if found is not None or self._below is None else self._below.get(path)

    def put(self, path: str, data: bytes) -> None:
        if len(self._tiles) < MAX_CACHED:
            self._tiles[path] = data
        if self._below is not None:
            self._below.put(path, data)


class Counted:
    """A source that counts each request, with its head pinned."""

    def __init__(self, source: Source, count: Callable[[], None], head: bytes) -> None:
        self._source = source
        self._count = count
        self._head = head

    def checkpoint(self) -> bytes:
        return self._head

    def tile(self, level: int, index: int, width: int) -> bytes:
        self._count()
        return self._source.tile(level, index, width)

    def entries(self, index: int, width: int) -> bytes:
        self._count()
        return self._source.entries(index, width)


class CountedOnline:
    """The same for a log that proves online."""

    def __init__(self, source: OnlineLog, count: Callable[[], None], head: bytes) -> None:
        self._source = source
        self._count = count
        self._head = head

    def checkpoint(self) -> bytes:
        return self._head

    def consistency(self, old: int, new: int) -> list[bytes]:
        self._count()
        return self._source.consistency(old, new)


def consistency(path: Path) -> ConsistencyProof:
    """A proven path between two verified checkpoints as it is kept."""
    old, new = path.older, path.newer
    return ConsistencyProof(
        origin=new.origin,
        old_size=old.size,
        old_root=old.root,
        new_size=new.size,
        new_root=new.root,
        hashes=path.nodes,
    )


def rebuilt(head: Checkpoint) -> ConsistencyProof:
    """That a first head's tree was rebuilt from its tiles: a proof from the empty tree needs no hashes."""
    return ConsistencyProof(
        origin=head.origin,
        old_size=0,
        old_root=EMPTY_ROOT,
        new_size=head.size,
        new_root=head.root,
        hashes=(),
    )
