# SPDX-License-Identifier: Apache-2.0
"""Tiles (C2SP tlog-tiles): their paths and widths, which of them hold which hashes, and entry bundles.

Pure arithmetic on sizes and strict parsing of bytes. `tile_reader` decides whether the bytes are true.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from anchor import regex
from anchor.encoding import decimal
from anchor.errors import Refused
from anchor.merkle.hashing import HASH_SIZE, MAX_SIZE
from anchor.merkle.ranges import (
    Node,
)
from anchor.words import several

HEIGHT = 8
FULL = 256
MAX_LEVEL = 63
MAX_INDEX = MAX_SIZE // FULL
MAX_ENTRY = 0xFFFF
MAX_BUNDLE = FULL * (2 + MAX_ENTRY)
"""Bytes: 256 entries of 65535, each with its length."""

_GROUP = regex.expression(r"x?[0-9]{3}", re.ASCII)


class Tile(msgspec.Struct, frozen=True, order=True):
    """Hashes `index * 256` up to `index * 256 + width` of `level`; each covers 256**level leaves."""

    level: int
    index: int
    width: int

    @property
    def path(self) -> str:
        """`tile/<L>/<N>[.p/<W>]`."""
        _check(self.level, self.index, self.width)
        return f"tile/{self.level}/{_numbered(self.index, self.width)}"


class Place(NamedTuple):
    """Where a perfect node is: hashes `start` to `end` of a tile, folded."""

    tile: Tile
    start: int
    end: int


def entries_path(index: int, width: int) -> str:
    """`tile/entries/<N>[.p/<W>]`."""
    _check(0, index, width)
    return f"tile/entries/{_numbered(index, width)}"


def parse_path(path: str) -> tuple[int | None, int, int]:
    """(level, index, width) of a tile path, level None for an entry bundle; raises Refused."""
    parts = path.split("/")
    if len(path) > 100 or len(parts) < 3 or parts[0] != "tile":
        raise Refused("not a tile path", where=path[:100])
    level = None if parts[1] == "entries" else decimal(parts[1], limit=MAX_LEVEL, where=path)
    width = FULL
    groups = parts[2:]
    if len(groups) > 1 and groups[-2].endswith(".p"):
        width = decimal(groups[-1], limit=FULL - 1, where=path)
        groups = [*groups[:-2], groups[-2].removesuffix(".p")]
    index = 0
    for group in groups:
        if not _GROUP.fullmatch(group):
            raise Refused("not a tile index", where=path)
        index = index * 1000 + int(group[-3:])
    _check(level or 0, index, width)
    found = Tile(level, index, width).path if level is not None else entries_path(index, width)
    if found != path:
        raise Refused("not the canonical path of a tile", where=path)
    return level, index, width


def _numbered(index: int, width: int) -> str:
    groups: list[str] = []
    while True:
        index, last = divmod(index, 1000)
        groups.append(f"{'x' if groups else ''}{last:03d}")
        if not index:
            break
    return "/".join(reversed(groups)) + ("" if width == FULL else f".p/{width}")


def _check(level: int, index: int, width: int) -> None:
    if not 0 <= level <= MAX_LEVEL or not 0 <= index <= MAX_INDEX or not 1 <= width <= FULL:
        raise Refused("no such tile", where=f"level {level} index {index} width {width}")


def width_at(size: int, level: int, index: int) -> int:
    """Hashes in a tile of a tree of `size`: 256, less at the right edge, 0 where there is no tile."""
    return max(0, min(FULL, (size >> HEIGHT * level) - index * FULL))


def every_tile(size: int) -> Iterator[Tile]:
    """Every tile of a tree of `size`, level by level: full ones, and the partial one at the right edge."""
    for level in range(8):
        full, rest = divmod(size >> HEIGHT * level, FULL)
        for index in range(full):
            yield Tile(level, index, FULL)
        if rest:
            yield Tile(level, full, rest)


def right_edge(size: int) -> list[Tile]:
    """The partial tiles of a tree of `size`, bottom up: folded together they are its root.

    Width = floor(size / 256**level) mod 256; a level without a partial tile is a whole number of full ones,
    whose hashes are one level up.
    """
    edge = []
    for level in range(8):
        index, width = divmod(size >> HEIGHT * level, FULL)
        if width:
            edge.append(Tile(level, index, width))
    return edge


def partial_paths(size: int) -> frozenset[str]:
    """The paths of the partial tiles of a tree of `size`, and of its partial entry bundle."""
    paths = [tile.path for tile in right_edge(size)]
    index, width = divmod(size, FULL)
    return frozenset([*paths, entries_path(index, width)] if width else paths)


def place(node: Node, size: int) -> Place:
    """The tile of a tree of `size` that holds a perfect node, and where in it."""
    level, below = divmod(node.level, HEIGHT)
    first = node.position << below
    index, start = divmod(first, FULL)
    width = width_at(size, level, index)
    end = start + (1 << below)
    if end > width:
        raise Refused(f"node {node.level}/{node.position} is not in a tree of {size}", where="node")
    return Place(Tile(level, index, width), start, end)


def parent(tile: Tile, size: int) -> Place:
    """Where the root of a full tile is, one level up."""
    return place(Node((tile.level + 1) * HEIGHT, tile.index), size)


def split(data: bytes, width: int, *, where: str = "tile") -> list[bytes]:
    """The hashes of a tile of this width; raises Refused unless its length is exact."""
    if len(data) != width * HASH_SIZE:
        raise Refused(
            f"{len(data)} bytes where {width * HASH_SIZE} are wanted: {several(width, 'hash')}", where=where
        )
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


def parse_bundle(data: bytes, width: int, *, rest: bool = False, where: str = "entries") -> list[bytes]:
    """The first `width` entries of a bundle, big-endian uint16 lengths; raises Refused for fewer.

    Also for more, unless `rest` says that a partial bundle is being cut from a longer one.
    """
    entries: list[bytes] = []
    at = 0
    while len(entries) < width:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise Refused(f"ends within entry {len(entries)} of {width}", where=where)
        entries.append(data[at + 2 : end])
        at = end
    if at != len(data) and not rest:
        raise Refused(f"{len(data) - at} bytes after the last of {several(width, 'entry')}", where=where)
    return entries


def dump_bundle(entries: Iterable[bytes]) -> bytes:
    """A bundle of entries of at most 65535 bytes each."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise Refused(f"an entry of {len(entry)} bytes, more than {MAX_ENTRY}", where="entry")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)
