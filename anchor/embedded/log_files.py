# SPDX-License-Identifier: Apache-2.0
"""The log's files: one growing file for each tile and each entry bundle, and the checkpoint that bounds them.

A partial tile is the beginning of its file, so no file is written twice. Bytes beyond the checkpoint are not
part of the log: they are the rest of an append that was killed, and the next append overwrites them.
Everything that an entry needs is on the disk before the checkpoint that covers it. The rename of the
checkpoint is the commit.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from anchor import limits
from anchor.disk import files
from anchor.errors import AnchorError, Unavailable
from anchor.merkle import HASH_SIZE, leaf_hashes, root
from anchor.tlog import tiles
from anchor.tlog.tiles import FULL, MAX_BUNDLE, Tile
from anchor.words import several

CHECKPOINT = "checkpoint"
MAX_CHECKPOINT = limits.NOTE


@dataclass(frozen=True)
class Tail:
    """The start of the next append: the hashes of each level's partial tile, and the bundle's length."""

    size: int
    levels: tuple[tuple[bytes, ...], ...]
    offset: int


@dataclass
class Step:
    """An append that is on its way to the disk: (path, offset, data) of each write."""

    tail: Tail
    writes: list[tuple[str, int, bytes]] = field(default_factory=list)


def damaged(problem: str, where: Path | str) -> Unavailable:
    """The storage contradicts its own checkpoint."""
    return Unavailable(
        f"the storage of the embedded log is damaged: {problem}",
        where=str(where),
        remedy="restore the folder from a backup",
    )


class Store:
    """The files below one folder. Reads are cut to the width that is asked for; the caller knows the size."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def checkpoint(self) -> bytes:
        """The raw note. Raises `Unavailable`."""
        path = self.folder / CHECKPOINT
        try:
            return files.read(path, limit=MAX_CHECKPOINT)
        except AnchorError as e:
            raise damaged(f"no checkpoint ({e.problem})", path) from None

    def tile(self, tile: Tile) -> bytes:
        """The hashes of a tile, `width` * 32 bytes. Raises `Unavailable`."""
        path = self._path(Tile(tile.level, tile.index, FULL).path)
        data = self._read(path, tile.width * HASH_SIZE)
        if len(data) != tile.width * HASH_SIZE:
            raise damaged(f"there are {len(data) // HASH_SIZE} of {several(tile.width, 'hash')}", path)
        return data

    def entries(self, index: int, width: int) -> bytes:
        """The first `width` entries of a bundle, with their lengths. Raises `Unavailable`."""
        path = self._path(tiles.entries_path(index, FULL))
        data = self._read(path, MAX_BUNDLE)
        at = 0
        for number in range(width):
            at += 2 + int.from_bytes(data[at : at + 2], "big") if at + 2 <= len(data) else MAX_BUNDLE
            if at > len(data):
                raise damaged(f"there are {number} of {several(width, 'entry')}", path)
        return data[:at]

    def write_checkpoint(self, note: bytes) -> None:
        """Commit: the note takes the place of the one before."""
        files.write(self.folder / CHECKPOINT, note, mode=0o600)

    def load_tail(self, size: int) -> Tail:
        """The right edge of a log of `size`, read from the disk; entries compared with their hashes."""
        levels = []
        for level in range(8):
            index, width = divmod(size >> tiles.HEIGHT * level, FULL)
            data = self.tile(Tile(level, index, width)) if width else b""
            levels.append(tuple(data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)))
        index, width = divmod(size, FULL)
        bundle = self.entries(index, width) if width else b""
        if tuple(leaf_hashes(tiles.parse_bundle(bundle, width))) != levels[0]:
            raise damaged(
                "entries do not have the hashes of their tile", self._path(tiles.entries_path(index, FULL))
            )
        return Tail(size, tuple(levels), len(bundle))

    def plan(self, tail: Tail, body: bytes, leaf: bytes) -> Step:
        """The writes of one more entry, and the right edge after it."""
        index, width = divmod(tail.size, FULL)
        record = len(body).to_bytes(2, "big") + body
        writes = [(tiles.entries_path(index, FULL), tail.offset, record)]
        levels = [list(level) for level in tail.levels]
        node = leaf
        for level, hashes in enumerate(levels):
            index = tail.size >> tiles.HEIGHT * (level + 1)
            writes.append((Tile(level, index, FULL).path, len(hashes) * HASH_SIZE, node))
            hashes.append(node)
            if len(hashes) < FULL:
                break
            node = root(hashes)
            hashes.clear()
        offset = 0 if width == FULL - 1 else tail.offset + len(record)
        return Step(Tail(tail.size + 1, tuple(map(tuple, levels)), offset), writes)

    def perform(self, step: Step) -> None:
        """Put the writes of a step on the disk. They count only once a checkpoint covers them."""
        for path, offset, data in step.writes:
            self._write(self._path(path), offset, data)

    def clean(self) -> None:
        """Remove a checkpoint that a killed writer did not rename."""
        for path in self.folder.glob(f".{CHECKPOINT}.*.tmp"):
            path.unlink(missing_ok=True)

    def _path(self, relative: str) -> Path:
        return self.folder / relative

    def _read(self, path: Path, limit: int) -> bytes:
        try:
            with path.open("rb") as f:
                return f.read(limit)
        except FileNotFoundError:
            raise damaged("a file is missing", path) from None
        except OSError as e:
            raise damaged(f"cannot be read ({e.strerror})", path) from None

    def _write(self, path: Path, offset: int, data: bytes) -> None:
        with _disk_errors(path):
            if offset == 0:
                files.make_folder(path.parent, mode=files.PRIVATE)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.pwrite(fd, data, offset) != len(data):
                    raise Unavailable("the disk took only a part", where=str(path), remedy="make room")
                os.ftruncate(fd, offset + len(data))
                os.fdatasync(fd)
            finally:
                os.close(fd)
            if offset == 0:  # a new file, perhaps in new folders: their names must be on the disk too
                for folder in path.parents:
                    files.sync_folder(folder)
                    if folder == self.folder:
                        break


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise files.os_error(e, path, "write") from None
