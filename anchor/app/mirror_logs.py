# SPDX-License-Identifier: Apache-2.0
"""The logs of a mirrored ledger, as static tiles: read from the source, hashed up, and proven to go on.

A log that shows another history than the mirror has is evidence, and nothing of the source is kept. A log
that shows an older head, or that cannot be read, is not replaced.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anchor import log_kinds
from anchor.app.log_locations import public_key
from anchor.app.mirror_files import RESERVED, Traffic
from anchor.disk.log_folder import remove_old_partials
from anchor.disk.mirror_folder import MirrorFolder
from anchor.errors import AnchorError, Refused, Unavailable
from anchor.format import names
from anchor.log_kinds import EMBEDDED
from anchor.merkle.hashing import leaf_hashes
from anchor.monitor.interfaces import OnlineLog
from anchor.monitor.log_result import CLAUSE, equivocation
from anchor.monitor.run_record import TWO_HISTORIES, Evidence
from anchor.net import logs
from anchor.net.budget import Budget
from anchor.net.logs.network import Reach, ReadLog
from anchor.sigstore.trusted_root import LogKey
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import tiles
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.follow import Followed, News, follow
from anchor.tlog.note import MAX_NOTE
from anchor.tlog.source import Source
from anchor.tlog.tile_reader import TileReader
from anchor.tlog.tiles import FULL, Tile
from anchor.verdict import Check, failed, passed, skipped
from anchor.verify.policy import LogSource

_HEAD, _VKEY = "checkpoint", "vkey"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The logs to be mirrored. `tlogs`: their keys; `heads`: verified checkpoints of bundles, by origin."""

    target: str
    tlogs: Sequence[LogKey]
    places: Sequence[LogSource]
    """Where the policy says that logs are read."""
    base: Path
    heads: dict[str, list[Checkpoint]]
    public: bool = False
    """Mirror the tiled logs of others too, not only the embedded ones."""
    again: bool = False
    """Hash also the tiles that the mirror has."""


@dataclass(kw_only=True)
class MirroredLog:
    """A log in the mirror. `folder`: its place; `paths`: new files that wait, below it; the head is last."""

    origin: str
    folder: str
    checks: list[Check] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    size: int | None = None
    """Entries of the head that the mirror has from now on; None if it has none."""


def mirror(
    origins: Sequence[str],
    wanted: Wanted,
    folder: MirrorFolder,
    *,
    budget: Budget,
    offline: bool,
    traffic: Traffic,
) -> Iterator[MirroredLog]:
    """Read each log as far as it grew. Its new files wait in the mirror."""
    for origin in origins:
        kind = log_kinds.of_origin(origin)
        place = f"{RESERVED}/{names.log_file_stem(origin)}"
        found = MirroredLog(origin=origin, folder=place)
        reach = Reach(base=wanted.base, budget=budget, offline=offline)
        if kind is EMBEDDED and place != f"{RESERVED}/{origin}":
            error = Refused("an origin that is no name of a folder", where=origin)
            found.checks.append(failed(f"log {origin}", error, clause="FORMAT.md section 9"))
        elif kind is not EMBEDDED and not (wanted.public and kind.one_tree):
            line = "not mirrored: it is not run by the publisher; --public-logs has its tiles too"
            found.checks.append(skipped(f"log {origin}", line if kind.one_tree else "it has no static tiles"))
        else:
            _One(found, wanted, folder, reach, traffic).run()
        yield found


class _One:
    """One log."""

    def __init__(
        self, found: MirroredLog, wanted: Wanted, folder: MirrorFolder, reach: Reach, traffic: Traffic
    ) -> None:
        self._found = found
        self._wanted = wanted
        self._folder = folder
        self._reach = reach
        self._traffic = traffic
        self._name = f"log {found.origin}"

    def run(self) -> None:
        try:
            source, log, served = self._served()
            kept = self._kept(log)
            self._found.size = kept.size if kept else None
            followed = self._follow(source, log, served, kept)
        except AnchorError as e:
            error = (
                e if isinstance(e, Unavailable) else Unavailable(e.problem, where=e.where, remedy=e.remedy)
            )
            meaning = "the mirror has no newer head of this log"
            self._found.checks.append(failed(self._name, error, meaning=meaning))
            return
        if followed.evidence is not None:
            shown = Evidence(kind=TWO_HISTORIES, origin=self._found.origin, document=followed.evidence)
            self._found.evidence.append(shown)
            self._found.checks.append(equivocation(self._name, followed.detail))
        elif followed.news is News.OLD_HEAD or followed.unproven:
            detail = followed.detail if followed.news is News.OLD_HEAD else followed.unproven[0][1]
            error = Unavailable(f"{detail}; the mirror keeps what it has", where=self._found.origin)
            self._found.checks.append(failed(self._name, error))
        else:
            self._take(followed, log, kept)

    def _served(self) -> "tuple[_Counted, Log, Checkpoint]":
        """Where the log is read, and its head: beside the source, else where the policy says."""
        origin = self._found.origin
        kind = log_kinds.of_origin(origin)
        url = next((k.base_url for k in self._wanted.tlogs if kind.log_name(origin) in k.names), "")
        named = [place for place in self._wanted.places if place.origin == origin]
        error: AnchorError | None = None
        for place in (None, *named) if kind is EMBEDDED else (*named, None):
            asked = ReadLog(origin=origin, url=url, target=self._wanted.target, named=place)
            try:
                _, reader = logs.of(kind).reader(asked, self._reach)
                if isinstance(reader, OnlineLog):
                    raise Unavailable("it has no static tiles", where=origin)
                source = _Counted(reader, self._traffic)
                return source, *self._head(source)
            except Unavailable as e:
                error = error or e
        assert error is not None
        raise error

    def _head(self, source: "_Counted") -> tuple[Log, Checkpoint]:
        """The head that the source serves, under the one key of the trusted roots that signed it."""
        origin = self._found.origin
        kind = log_kinds.of_origin(origin)
        keys = {public_key(k): k for k in self._wanted.tlogs if kind.log_name(origin) in k.names}
        if not keys:
            raise Unavailable("no trusted root names this log", where=origin)
        raw = source.checkpoint()
        error: AnchorError | None = None
        for key in keys.values():
            log = kind.log(kind.log_name(origin), key.key.spki, hash_name=key.key.scheme.hash)
            try:
                return log, checkpoints.verify(raw, log)
            except Refused as e:
                error = e
        raise Unavailable(f"the source serves no checkpoint of this log: {error}", where=origin)

    def _kept(self, log: Log) -> Checkpoint | None:
        raw = self._folder.read(f"{self._found.folder}/{_HEAD}", limit=MAX_NOTE)
        try:
            return checkpoints.verify(raw, log) if raw is not None else None
        except Refused as e:
            where = f"{self._found.folder}/{_HEAD}"
            remedy = "move the folder of this log out of the mirror, and it is fetched anew"
            raise Unavailable(f"the mirror's own head is damaged: {e}", where=where, remedy=remedy) from None

    def _follow(self, source: "_Counted", log: Log, served: Checkpoint, kept: Checkpoint | None) -> Followed:
        """Prove that the head goes on from the one that is kept, and from those of the bundles."""
        cache = _Kept(self._folder, self._found)
        heads = [
            h for h in self._wanted.heads.get(self._found.origin, []) if log.key in {s.key for s in h.signers}
        ]
        pinned = _Pinned(source, served.raw)
        own = _Own(self._folder, self._found.folder)
        return follow(
            pinned,
            log,
            held=[kept] if kept else [],
            unproven=list({(h.size, h.root): h for h in heads}.values()),
            cache=cache,
            memory=own,
        )

    def _take(self, followed: Followed, log: Log, kept: Checkpoint | None) -> None:
        """Have every tile and entry of the head, hashed up to it. The checkpoint is the last file."""
        found, head, reader = self._found, followed.head, followed.reader
        assert reader is not None
        size = head.size
        old = kept.size if kept else 0
        try:
            for tile in tiles.every_tile(size):
                self._tile(reader, tile, old)
            self._add(_VKEY, log.key.vkey.encode() + b"\n")
            if kept is None or kept.raw != self._newer(kept, head).raw:
                self._add(_HEAD, head.raw)
        except AnchorError as e:
            found.paths.clear()
            meaning = "the mirror has no newer head of this log"
            found.checks.append(failed(self._name, e, meaning=meaning))
            return
        found.size = size
        grown = f"grown from {old}" if kept and old < size else "new here"
        detail = f"size {size}, {grown}: every new tile and entry hashes up to the signed root"
        if kept is not None and old == size:
            detail = f"size {size}, no news"
        found.checks.append(passed(self._name, detail, clause=CLAUSE))

    @staticmethod
    def _newer(kept: Checkpoint, head: Checkpoint) -> Checkpoint:
        """Of two notes of one tree the one with more signatures: a cosignature that was there stays."""
        if kept.size == head.size and set(kept.note.signatures) - set(head.note.signatures):
            return kept
        return head

    def _tile(self, reader: TileReader, tile: Tile, old: int) -> None:
        """A tile, and the entries beside one of level 0. One that the mirror has already stays."""
        had = tiles.width_at(old, tile.level, tile.index) == tile.width and not self._wanted.again
        paths = [tile.path, *([tiles.entries_path(tile.index, tile.width)] if tile.level == 0 else [])]
        base = self._found.folder
        if had and all(self._folder.kept(f"{base}/{path}").is_file() for path in paths):
            return
        if tile.level:
            self._add(tile.path, reader.tile(tile))
            return
        entries = reader.bundle(tile.index)
        self._add(paths[1], tiles.dump_bundle(entries))
        self._add(tile.path, b"".join(leaf_hashes(entries)))  # known from its entries: it is not fetched

    def _add(self, path: str, data: bytes) -> None:
        full = f"{self._found.folder}/{path}"
        if self._folder.read(full, limit=len(data)) != data:
            self._folder.add(full, [data])
            self._found.paths.append(path)


def put(found: MirroredLog, folder: MirrorFolder) -> int:
    """Put the new files of a log in their places: the checkpoint last, then old partial tiles go. Returns how
    many files are new. A reader finds everything that the checkpoint covers at any moment."""
    for path in found.paths:
        folder.put(f"{found.folder}/{path}")
    if found.size is not None:  # also after a run that was killed before this
        remove_old_partials(folder.kept(found.folder), found.size)
    return len(found.paths)


@dataclass(frozen=True)
class _Pinned:
    """A source whose head is given."""

    source: Source
    head: bytes

    def checkpoint(self) -> bytes:
        return self.head

    def tile(self, level: int, index: int, width: int) -> bytes:
        return self.source.tile(level, index, width)

    def entries(self, index: int, width: int) -> bytes:
        return self.source.entries(index, width)


@dataclass(frozen=True)
class _Counted:
    """A source whose bytes are counted."""

    source: Source
    traffic: Traffic

    def checkpoint(self) -> bytes:
        return self.traffic.add(self.source.checkpoint())

    def tile(self, level: int, index: int, width: int) -> bytes:
        return self.traffic.add(self.source.tile(level, index, width))

    def entries(self, index: int, width: int) -> bytes:
        return self.traffic.add(self.source.entries(index, width))


@dataclass(frozen=True)
class _Own:
    """The tiles of the mirror, as a source: for a source that has an older head and no tiles of ours."""

    folder: MirrorFolder
    base: str

    def checkpoint(self) -> bytes:
        return self._read(_HEAD, MAX_NOTE)

    def tile(self, level: int, index: int, width: int) -> bytes:
        tile = Tile(level, index, width)
        return self._read(tile.path, tiles.FULL * 32)

    def entries(self, index: int, width: int) -> bytes:
        return self._read(tiles.entries_path(index, width), tiles.MAX_BUNDLE)

    def _read(self, path: str, limit: int) -> bytes:
        data = self.folder.read(f"{self.base}/{path}", limit=limit)
        if data is None:
            raise Unavailable("not in the mirror", where=path)
        return data


@dataclass(frozen=True)
class _Kept:
    """The tiles of the mirror, as a cache: they are hashed again before use, and none is added."""

    folder: MirrorFolder
    log: MirroredLog

    def get(self, path: str) -> bytes | None:
        try:
            return self.folder.read(f"{self.log.folder}/{path}", limit=FULL * 32)
        except AnchorError:
            return None

    def put(self, path: str, data: bytes) -> None:
        """Nothing: a tile is added when the whole head is."""
        del path, data
