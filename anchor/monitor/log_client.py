# SPDX-License-Identifier: Apache-2.0
"""Reads one log during one cycle: every request is counted, and verified tiles are kept.

How a head is proven is decided by `anchor.tlog.follow`. What a head means is decided by `anchor.monitor.log`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from anchor.errors import Refused, Unavailable
from anchor.monitor.interfaces import EntryProof, LogLocation, OnlineLog
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.follow import Followed, follow, follow_proofs
from anchor.tlog.source import Source, TileCache

MAX_CACHED = 4096
"""Tiles kept in memory for one cycle: 32 MiB of full ones."""


@dataclass
class RequestCounter:
    """The requests that one cycle made to logs."""

    total: int = 0

    def add(self) -> None:
        self.total += 1


class CycleCache:
    """Verified tiles of this cycle, in front of the log's own cache."""

    def __init__(self, below: TileCache | None) -> None:
        self._tiles: dict[str, bytes] = {}
        self._below = below

    def get(self, path: str) -> bytes | None:
        tile = self._tiles.get(path)
        return tile if tile is not None or self._below is None else self._below.get(path)

    def put(self, path: str, data: bytes) -> None:
        if len(self._tiles) < MAX_CACHED:
            self._tiles[path] = data
        if self._below is not None:
            self._below.put(path, data)


class LogClient:
    """One log, read from its location: followed by its tiles, or by the proofs that it makes online."""

    def __init__(self, location: LogLocation, requests: RequestCounter) -> None:
        self.location = location
        self._requests = requests
        self._cache = CycleCache(location.cache)

    def head(self) -> Checkpoint:
        """The head that the log serves. Raises Unavailable where that is not a checkpoint of this log."""
        location = self.location
        head = self.head_of(location.reader, where=location.name)
        if head.origin != location.tree:
            raise Unavailable(f"serves a head of {head.origin}, another tree", where=location.name)
        return head

    def head_of(self, source: Source | OnlineLog, *, where: str = "") -> Checkpoint:
        """The head of this log that a source serves, verified under the log's key."""
        self._requests.add()
        try:
            return checkpoints.verify(source.checkpoint(), self.location.log)
        except Refused as e:
            raise Unavailable(f"serves no checkpoint of this log: {e}", where=where) from e

    def follow(
        self,
        olds: Sequence[Checkpoint],
        head: Checkpoint,
        *,
        unproven: Sequence[Checkpoint] = (),
        known: Followed | None = None,
    ) -> Followed:
        """Prove `olds`, and as many of `unproven` as possible, against a verified `head`.

        `known`: what an earlier call found about a head. Its tiles are used again where the head is the same.
        """
        location = self.location
        cosigners = location.quorum.cosigners if location.quorum else ()
        if isinstance(location.reader, OnlineLog):
            online = _PinnedOnline(location.reader, self._requests, head.raw)
            return follow_proofs(online, location.log, held=olds, unproven=unproven, cosigners=cosigners)
        return follow(
            _Pinned(location.reader, self._requests, head.raw),
            location.log,
            held=olds,
            unproven=unproven,
            cosigners=cosigners,
            cache=self._cache,
            reader=known.reader if known is not None and known.head == head else None,
        )

    def follow_view(self, view: Source, head: Checkpoint, olds: Sequence[Checkpoint]) -> Followed:
        """Prove `olds` against a verified `head` by the tiles of another copy of the log."""
        return follow(_Pinned(view, self._requests, head.raw), self.location.log, held=olds)

    def entry(self, index: int) -> EntryProof:
        """The entry with this index, from a log that proves online."""
        assert isinstance(self.location.reader, OnlineLog)
        self._requests.add()
        return self.location.reader.entry(index)


@dataclass(frozen=True)
class _Pinned:
    """A source whose head is given. Each request for a tile or an entry bundle is counted."""

    source: Source
    requests: RequestCounter
    head: bytes = field(repr=False)

    def checkpoint(self) -> bytes:
        return self.head

    def tile(self, level: int, index: int, width: int) -> bytes:
        self.requests.add()
        return self.source.tile(level, index, width)

    def entries(self, index: int, width: int) -> bytes:
        self.requests.add()
        return self.source.entries(index, width)


@dataclass(frozen=True)
class _PinnedOnline:
    """The same for a log that proves online."""

    source: OnlineLog
    requests: RequestCounter
    head: bytes = field(repr=False)

    def checkpoint(self) -> bytes:
        return self.head

    def consistency(self, old: int, new: int) -> list[bytes]:
        self.requests.add()
        return self.source.consistency(old, new)
