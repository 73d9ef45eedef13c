# SPDX-License-Identifier: Apache-2.0
"""Tile paths, widths, the tiles a proof needs, and entry bundles, against C2SP tlog-tiles."""

import time

import pytest

from anchor.errors import Refused
from anchor.merkle import Node
from anchor.tlog import tiles
from anchor.tlog.tiles import Tile
from tests.support.second import needed_tiles


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0, 256), "tile/0/000"),
        (Tile(0, 999, 256), "tile/0/999"),
        (Tile(0, 1000, 256), "tile/0/x001/000"),
        (Tile(0, 1234067, 256), "tile/0/x001/x234/067"),
        (Tile(3, 1234067, 7), "tile/3/x001/x234/067.p/7"),
        (Tile(63, 5, 255), "tile/63/005.p/255"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tiles.parse_path(path) == (tile.level, tile.index, tile.width)


def test_entry_bundles_have_their_own_paths() -> None:
    assert tiles.entries_path(1234067, 256) == "tile/entries/x001/x234/067"
    assert tiles.parse_path("tile/entries/000.p/3") == (None, 0, 3)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/00/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/x/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x00/000",
        "tile/0/000/x001",
        "tile/0/x000/001",
        "tile/0/000/001",
        "tile/0/x001",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/2",
        "tile/0/x001.p/000",
        "tile/0/٠٠٠",
        "tile/0/../000",
        "tile/0/" + "x001/" * 12 + "000",
        "tile/0/" + "x999/" * 6 + "999",
        "tile/entries/0",
        "tile/data/000",
        "file/0/000",
        "tile/0/000\n",
    ],
)
def test_any_other_path_is_refused(path: str) -> None:
    with pytest.raises(Refused):
        tiles.parse_path(path)


@pytest.mark.parametrize("tile", [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**60, 1), (0, 0, 0), (0, 0, 257)])
def test_a_tile_that_cannot_be_has_no_path(tile: tuple[int, int, int]) -> None:
    with pytest.raises(Refused):
        _ = Tile(*tile).path


def test_the_specifications_tree_of_70000_has_its_partial_tiles() -> None:
    assert tiles.right_edge(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert tiles.width_at(70_000, 0, 272) == 256
    assert tiles.width_at(70_000, 1, 0) == 256
    assert tiles.width_at(70_000, 0, 274) == 0


def test_a_tree_of_256_is_a_full_tile_and_one_hash_above() -> None:
    assert tiles.right_edge(256) == [Tile(1, 0, 1)]
    assert tiles.right_edge(0) == []
    assert tiles.right_edge(1) == [Tile(0, 0, 1)]
    assert len(tiles.right_edge(2**63 - 1)) == 8


def test_every_tile_of_a_tree_is_named_once_and_the_partial_ones_as_paths() -> None:
    assert list(tiles.every_tile(256 + 5)) == [Tile(0, 0, 256), Tile(0, 1, 5), Tile(1, 0, 1)]
    assert list(tiles.every_tile(0)) == []
    assert tiles.partial_paths(256 + 5) == {"tile/0/001.p/5", "tile/1/000.p/1", "tile/entries/001.p/5"}
    assert tiles.partial_paths(256) == {"tile/1/000.p/1"}


def test_a_node_beyond_the_tree_has_no_place() -> None:
    assert tiles.place(Node(0, 99), 100).tile == Tile(0, 0, 100)
    for node in (Node(0, 100), Node(2, 25), Node(8, 0)):
        with pytest.raises(Refused):
            tiles.place(node, 100)


def test_what_a_proof_needs_is_small_and_starts_at_the_edge() -> None:
    size = 1_100_000
    needed = set(needed_tiles.for_consistency(1_000_000, size)) | set(
        needed_tiles.for_inclusion(12_345, size)
    )
    edge = tiles.right_edge(size)
    assert needed_tiles.for_inclusion(12_345, size)[: len(edge)] == edge
    assert len(needed) <= 10
    assert all(t.width in (256, tiles.width_at(size, t.level, t.index)) for t in needed)


def test_every_needed_full_tile_comes_after_the_one_above_it() -> None:
    for size in (1, 255, 256, 257, 65_535, 65_536, 70_000, 2**40 + 12_345):
        order = needed_tiles.for_inclusion(size // 3, size)
        for tile in order:
            if tile.width == 256:
                assert order.index(tiles.parent(tile, size).tile) < order.index(tile)


def test_a_bundle_round_trips_and_can_be_cut() -> None:
    entries = [b"", b"a", b"b" * 65_535]
    data = tiles.dump_bundle(entries)
    assert data[:5] == b"\0\0\0\1a"
    assert tiles.parse_bundle(data, 3) == entries
    assert tiles.parse_bundle(data, 2, rest=True) == entries[:2]


@pytest.mark.parametrize(
    ("data", "width"),
    [
        (b"", 1),
        (b"\0", 1),
        (b"\0\1", 1),
        (b"\0\1ab", 1),
        (b"\0\0\0", 1),
        (b"\0\0", 2),
        (b"\xff\xff" + b"a" * 65_534, 1),
    ],
)
def test_a_bundle_of_another_length_is_refused(data: bytes, width: int) -> None:
    with pytest.raises(Refused):
        tiles.parse_bundle(data, width)


def test_an_entry_that_is_too_long_is_never_written() -> None:
    with pytest.raises(Refused):
        tiles.dump_bundle([b"a" * 65_536])


def test_a_bundle_of_millions_of_empty_entries_costs_no_more_than_its_width() -> None:
    start = time.process_time()
    with pytest.raises(Refused):
        tiles.parse_bundle(bytes(16 << 20), 256)
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65, 96])
def test_a_tile_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(Refused):
        tiles.split(bytes(length), 2)
