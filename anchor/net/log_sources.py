# SPDX-License-Identifier: Apache-2.0
"""Sources of logs: a folder, or a URL; and a folder that caches verified tiles.

All of them are `anchor.tlog.source.Source`s or caches: they fetch bytes and tell missing from unreachable.
None decides whether the bytes are true.
"""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from anchor.disk import files
from anchor.errors import AnchorError, Misuse, Refused, Unavailable
from anchor.merkle.hashing import HASH_SIZE
from anchor.net import http
from anchor.net.budget import Budget
from anchor.net.service_errors import HttpError
from anchor.net.urls import check_url
from anchor.tlog import tiles
from anchor.tlog.note import MAX_NOTE
from anchor.tlog.source import Missing
from anchor.tlog.tiles import Tile

CACHE_BYTES = 256 << 20
_GONE = frozenset({404, 410})
_SLACK = 1024  # hashes do not compress: gzip makes them longer


class FolderSource:
    """A log as static files: `checkpoint` and `tile/...` below a folder. Nothing outside it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def checkpoint(self) -> bytes:
        """The file `checkpoint`. Raises Missing or Unavailable."""
        return self._read("checkpoint", MAX_NOTE)

    def tile(self, level: int, index: int, width: int) -> bytes:
        """A tile. A full tile whose file still grows may come back shorter."""
        return self._read(Tile(level, index, width).path, width * HASH_SIZE)

    def entries(self, index: int, width: int) -> bytes:
        """An entry bundle."""
        return self._read(tiles.entries_path(index, width), width * (2 + tiles.MAX_ENTRY))

    def _read(self, path: str, limit: int) -> bytes:
        try:
            full = files.inside(self.folder, path)
            if not full.exists():
                raise Missing("not there", where=f"{self.folder}/{path}")
            return files.read(full, limit=limit)
        except (Misuse, Refused) as e:  # the contents of a published folder are not the reader's fault
            raise Unavailable(e.problem, where=f"{self.folder}/{path}", remedy="read it elsewhere") from None
        except OSError as e:
            raise Unavailable(e.strerror or "unreadable", where=f"{self.folder}/{path}") from None


class HttpSource:
    """A tiled log under a URL prefix, which for a Rekor v2 shard is its base URL and `/api/v2`.

    Each request has the time that `budget` has left; `asked` counts them.
    """

    def __init__(self, prefix: str, *, budget: Budget, service: str = "log") -> None:
        check_url(prefix, where=service)
        self.prefix = prefix.rstrip("/")
        self.asked = 0
        self._budget = budget
        self._service = service

    def checkpoint(self) -> bytes:
        """The current note, past any cache. Raises Missing or Unavailable."""
        return self._get("checkpoint", MAX_NOTE, {"Cache-Control": "no-cache"})

    def tile(self, level: int, index: int, width: int) -> bytes:
        """A tile."""
        return self._get(Tile(level, index, width).path, width * HASH_SIZE, {})

    def entries(self, index: int, width: int) -> bytes:
        """An entry bundle."""
        return self._get(tiles.entries_path(index, width), width * (2 + tiles.MAX_ENTRY), {})

    def _get(self, path: str, limit: int, headers: dict[str, str]) -> bytes:
        self.asked += 1
        try:
            answer = http.get(
                self._service,
                f"{self.prefix}/{path}",
                budget=self._budget,
                limit=limit + _SLACK,
                headers={"Accept-Encoding": "gzip, identity", **headers},
            )
        except HttpError as e:
            if e.status in _GONE:
                raise Missing(e.problem, where=e.where, remedy=e.remedy) from None
            raise
        return answer.body


class FolderCache:
    """A cache of verified tiles of one log, below a folder. Each tile is hashed again before use.

    The cache raises no errors: a tile that cannot be read or written is fetched again. At `limit` bytes the
    older half is removed.
    """

    def __init__(self, folder: Path, origin: str, *, limit: int = CACHE_BYTES) -> None:
        self.folder = folder / hashlib.sha256(origin.encode("utf-8", "surrogatepass")).hexdigest()
        self._below = files.ConfinedFolder(self.folder)
        self._limit = limit
        self._bytes: int | None = None

    def get(self, path: str) -> bytes | None:
        """A cached tile, or None."""
        try:
            return files.read(self._below.path(path), limit=tiles.FULL * HASH_SIZE)
        except (AnchorError, OSError):
            return None

    def put(self, path: str, data: bytes) -> None:
        """Cache a verified tile, whole or not at all. It is not synced to the disk."""
        with contextlib.suppress(AnchorError, OSError):
            target = self._below.path(path)
            files.make_folder(target.parent, mode=files.PRIVATE)
            handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=target.parent)
            try:
                with os.fdopen(handle, "wb") as f:
                    f.write(data)
                os.replace(name, target)
            except OSError:
                os.unlink(name)
                raise
            self._added(len(data))

    def _added(self, size: int) -> None:
        if self._bytes is None:
            self._bytes = sum(f.stat().st_size for f in self._files())
        else:
            self._bytes += size
        if self._bytes > self._limit:
            self._prune()

    def _files(self) -> list[Path]:
        return [f for f in self.folder.rglob("*") if f.is_file() and not f.is_symlink()]

    def _prune(self) -> None:
        kept = sorted(((f.stat().st_mtime_ns, f.stat().st_size, f) for f in self._files()), reverse=True)
        self._bytes = 0
        for _, size, path in kept:
            if self._bytes + size > self._limit // 2:
                path.unlink(missing_ok=True)
            else:
                self._bytes += size
