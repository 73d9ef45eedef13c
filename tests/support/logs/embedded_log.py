# SPDX-License-Identifier: Apache-2.0
"""An embedded log under test: its name and key, reopened, taken back to an earlier size, checked whole."""

import shutil
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor import merkle
from anchor.embedded.log import Log
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note, tiles

ORIGIN = "0123456789abcdef.anchor-embedded.invalid"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def opened(folder: Path) -> Log:
    return Log(folder, origin=ORIGIN, key=KEY)


def leaves_of(log: Log, size: int) -> list[bytes]:
    """The leaf hashes of a log's entries; its level-0 tiles have the same, and none stands twice."""
    leaves: list[bytes] = []
    for index in range((size + 255) // 256):
        width = tiles.width_at(size, 0, index)
        found = merkle.leaf_hashes(tiles.parse_bundle(log.entries(index, width), width))
        assert b"".join(found) == log.tile(0, index, width)
        leaves += found
    assert len(set(leaves)) == size
    return leaves


def check_whole(log: Log, size: int) -> None:
    """Tiles, bundles and checkpoint of a log fit together, recomputed the plain way."""
    head = checkpoints.verify(log.checkpoint(), checkpoints.Log(ORIGIN, log.key))
    assert head.size == size
    leaves = leaves_of(log, size)
    assert merkle.root(leaves) == head.root
    for index in range(size // 256):
        tile = log.tile(1, index // 256, tiles.width_at(size, 1, index // 256))
        assert merkle.root(leaves[index * 256 : index * 256 + 256]) == tile[index % 256 * 32 :][:32]


def lose_index(folder: Path) -> None:
    for path in folder.glob("index.sqlite*"):
        path.unlink()


def cut(full: Path, size: int, scratch: Path) -> Path:
    """A full log as it was at an earlier size: a new checkpoint, with later data still on the disk."""
    folder = scratch / f"cut-{size}"
    shutil.copytree(full, folder)
    with opened(folder) as log:
        text = checkpoints.body(ORIGIN, size, log.root_at(size))
    (folder / "checkpoint").write_bytes(note.sign(text, ORIGIN, KEY))
    lose_index(folder)
    return folder
