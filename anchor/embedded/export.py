# SPDX-License-Identifier: Apache-2.0
"""The public side of the embedded log as static files: C2SP tlog-tiles, and the log's verifier key.

An export never contradicts an earlier one: a folder with the checkpoint of another log, a later checkpoint
or a contradicting one is not changed. Each file is replaced whole, the checkpoint last. A reader finds
everything that its checkpoint covers at any moment, except partial tiles that became full.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from anchor.disk import files
from anchor.disk.log_folder import remove_old_partials
from anchor.embedded.log_files import CHECKPOINT, MAX_CHECKPOINT, damaged
from anchor.errors import AnchorError, Misuse, Refused
from anchor.merkle import HASH_SIZE, leaf_hashes, root
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import tiles
from anchor.tlog.tiles import FULL, Tile
from anchor.words import are

if TYPE_CHECKING:
    from anchor.embedded.log import Log

VKEY = "vkey"
NEWEST = "restore the newest copy of the home; another entry from this one would fork the log"


def export(log: "Log", folder: Path) -> None:
    """Write the current log into `folder`; a second call only adds. Raises `Misuse`, `Refused`,
    `Unavailable`."""
    check_published(log, folder)
    head = log.head()
    for tile in tiles.every_tile(head.size):
        _put_tile(log, folder, tile, head.size)
        if tile.level == 0:
            _put_entries(log, folder, tile)
    _put(folder / VKEY, log.key.vkey.encode() + b"\n")
    _put(folder / CHECKPOINT, head.raw)
    remove_old_partials(folder, head.size)


def check_published(log: "Log", folder: Path) -> None:
    """Raise if the checkpoint published in `folder` is not of the beginning of this log.

    `Misuse`: it is another log's, or of a larger tree, as after a backup was restored: a new entry would fork
    the log. `Refused`: the size is the same or smaller, and the root is another one: the log is forked.
    """
    path = folder / CHECKPOINT
    if path.exists():
        check_head(log, files.read(path, limit=MAX_CHECKPOINT), where=str(path))


def check_head(log: "Log", raw: bytes, *, where: str, remedy: str = NEWEST) -> None:
    """The same for the bytes of a checkpoint. `remedy`: what to do if this log is an older copy."""
    try:
        old = checkpoints.verify(raw, checkpoints.Log(log.origin, log.key))
    except AnchorError as e:
        raise Misuse(f"holds no checkpoint of {log.origin}: {e}", where=where) from None
    size = log.size()
    if old.size > size:
        raise Misuse(
            f"{are(old.size, 'entry')} published and this home has {size}: it is an older copy",
            where=where,
            remedy=remedy,
        )
    if log.root_at(old.size) != old.root:
        raise Refused("the published checkpoint contradicts the log of this home", where=where)


def _put_tile(log: "Log", folder: Path, tile: Tile, size: int) -> None:
    data = log.tile(tile.level, tile.index, tile.width)
    path = folder / tile.path
    if _has(path, data):
        return
    if tile.width == FULL:
        above = tiles.parent(tile, size)
        hashes = log.tile(above.tile.level, above.tile.index, above.tile.width)
        if root(tiles.split(data, FULL)) != hashes[above.start * HASH_SIZE : above.end * HASH_SIZE]:
            raise damaged("a tile does not have the hash that is above it", path)
    files.write(path, data)


def _put_entries(log: "Log", folder: Path, tile: Tile) -> None:
    path = folder / tiles.entries_path(tile.index, tile.width)
    if tile.width == FULL and path.exists():
        return  # whole since it was renamed into place, and it never changes
    data = log.entries(tile.index, tile.width)
    hashes = tiles.split(log.tile(0, tile.index, tile.width), tile.width)
    if leaf_hashes(tiles.parse_bundle(data, tile.width)) != hashes:
        raise damaged("entries do not have the hashes of their tile", path)
    _put(path, data)


def _put(path: Path, data: bytes) -> None:
    if not _has(path, data):
        files.write(path, data)


def _has(path: Path, data: bytes) -> bool:
    """True if a file has these bytes already."""
    try:
        return path.exists() and files.read(path, limit=len(data)) == data
    except AnchorError:
        return False
