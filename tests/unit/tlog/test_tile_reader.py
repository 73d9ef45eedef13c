# SPDX-License-Identifier: Apache-2.0
"""Reading from a source that is not trusted: nothing is believed or kept before it hashes up to the root."""

import pytest

from anchor import merkle
from anchor.errors import Misuse, Refused, Unavailable
from anchor.tlog import checkpoint, tile_reader, tiles
from anchor.tlog.source import Missing
from anchor.tlog.tile_reader import TileReader
from tests.support.logs.simlog import SimLog
from tests.support.second import needed_tiles

SIZES = [1, 2, 3, 255, 256, 257, 300, 511, 512, 600, 1_000]
LOG = SimLog().grow(70_000)


class Memory:
    """A cache that remembers, and can lie."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, path: str) -> bytes | None:
        return self.kept.get(path)

    def put(self, path: str, data: bytes) -> None:
        self.kept[path] = data


def reading(log: SimLog, size: int | None = None, cache: Memory | None = None) -> TileReader:
    return TileReader(log, log.head(size), cache=cache)


@pytest.mark.parametrize("size", SIZES)
def test_proofs_from_tiles_are_those_of_the_prover(size: int) -> None:
    log = SimLog().grow(size)
    tile_reader, leaves = reading(log), log.tree.levels[0]
    for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
        assert tile_reader.inclusion_proof(index) == merkle.inclusion_proof(leaves, index)
        assert tile_reader.leaf_hash(index) == leaves[index]
        assert tile_reader.entry(index) == log.stored[index]
    for old in {1, size // 2, size - 1, size} & set(range(1, size + 1)):
        assert tile_reader.consistency_proof(old) == merkle.consistency_proof(leaves, old)
        assert tile_reader.root_at(old) == log.tree.root(old)
    assert list(tile_reader.leaf_hashes(0, size)) == leaves


def test_an_older_checkpoint_reads_the_older_tree() -> None:
    log = SimLog().grow(1_000)
    for size in (1, 255, 256, 300, 999):
        proof = reading(log, size).inclusion_proof(size - 1)
        merkle.verify_inclusion(log.tree.levels[0][size - 1], size - 1, size, proof, log.tree.root(size))


def test_nothing_is_read_under_a_checkpoint_that_is_not_verified() -> None:
    with pytest.raises(Misuse):
        TileReader(LOG, checkpoint.parse(LOG.sign()))


@pytest.mark.parametrize("index", [-1, 70_000, 2**63])
def test_what_the_tree_does_not_have_is_refused_without_a_read(index: int) -> None:
    tile_reader, before = reading(LOG), LOG.reads.total()
    for call in (tile_reader.inclusion_proof, tile_reader.leaf_hash, tile_reader.entry, tile_reader.root_at):
        if (index, call) != (70_000, tile_reader.root_at):
            with pytest.raises(Refused):
                call(index)
    for start, end in ((0, 70_001), (-1, 3), (5, 4)):
        with pytest.raises(Refused):
            list(tile_reader.leaf_hashes(start, end))
    assert LOG.reads.total() == before


def test_the_empty_tree_is_read_from_nothing() -> None:
    log = SimLog()
    tile_reader = reading(log)
    tile_reader.authenticate()
    assert list(tile_reader.leaf_hashes(0, 0)) == []
    assert not log.reads
    with pytest.raises(Refused):
        tile_reader.inclusion_proof(0)


# -- damage -------------------------------------------------------------------------------------------------

USED = sorted(t.path for t in needed_tiles.for_inclusion(12_345, 70_000))


@pytest.mark.parametrize("path", USED)
@pytest.mark.parametrize("at", [0, 31, -1])
def test_one_flipped_bit_in_any_tile_that_is_used_is_a_damaged_source(path: str, at: int) -> None:
    with pytest.raises(Unavailable, match="damaged source") as caught:
        reading(LOG.clone().corrupt(path, at)).inclusion_proof(12_345)
    assert path in caught.value.where


def test_a_tile_that_is_not_used_may_be_broken() -> None:
    assert "tile/0/200" not in USED
    assert reading(LOG.clone().corrupt("tile/0/200")).inclusion_proof(12_345)


@pytest.mark.parametrize("path", USED)
@pytest.mark.parametrize("by", [1, 32])
def test_a_truncated_tile_is_a_damaged_source(path: str, by: int) -> None:
    with pytest.raises(Unavailable, match="damaged source"):
        reading(LOG.clone().truncate(path, by)).inclusion_proof(12_345)


def test_a_tile_that_is_too_long_is_a_damaged_source() -> None:
    for path in USED:
        level, index, width = tiles.parse_path(path)
        assert level is not None
        for more in (1, 32, 1 << 20):
            log = LOG.clone()
            log.tampered[path] = log.tile(level, index, width) + bytes(more)
            with pytest.raises(Unavailable, match="damaged source"):
                reading(log).inclusion_proof(12_345)


def test_a_full_resource_that_is_too_long_is_not_cut() -> None:
    for path in ("tile/0/273", "tile/entries/273"):
        log = LOG.clone().withhold(path + ".p/112")
        honest = LOG.tile(0, 273, 112) if path == "tile/0/273" else LOG.entries(273, 112)
        log.tampered[path] = honest + bytes(tiles.MAX_BUNDLE)
        with pytest.raises(Unavailable, match="damaged source"):
            reading(log).entry(69_999)


def test_a_withheld_full_tile_is_missing_and_nobodys_fault() -> None:
    with pytest.raises(Missing):
        reading(LOG.clone().withhold("tile/0/048")).inclusion_proof(12_345)


def test_a_whole_other_tree_does_not_rebuild_the_root() -> None:
    fork = LOG.fork(100, 70_000)
    with pytest.raises(Unavailable, match="do not rebuild the root"):
        TileReader(fork, LOG.head()).inclusion_proof(5)


def test_tiles_of_another_subtree_are_not_taken_for_these() -> None:
    log = LOG.clone()
    log.tampered["tile/0/048"] = log.tile(0, 47, 256)
    with pytest.raises(Unavailable, match="tile above"):
        reading(log).inclusion_proof(12_345)


def test_a_swapped_entry_is_named() -> None:
    log = LOG.clone().swap(12_345, b"another")
    with pytest.raises(Unavailable, match="entry 12345 does not hash to its leaf"):
        reading(log).entry(12_345)
    with pytest.raises(Unavailable, match="entry 12345"):
        reading(log).entry(12_346)
    assert reading(log).entry(0) == LOG.stored[0]


def test_a_swapped_entry_at_the_right_edge_is_named() -> None:
    with pytest.raises(Unavailable, match="entry 69999 does not hash"):
        reading(LOG.clone().swap(69_999, b"another")).entry(69_998)


@pytest.mark.parametrize("index", [0, 69_999])
def test_a_bundle_that_is_no_bundle_is_a_damaged_source(index: int) -> None:
    path = tiles.entries_path(index // 256, tiles.width_at(70_000, 0, index // 256))
    for data in (b"", b"\0", bytes(tiles.MAX_BUNDLE + 1)):
        log = LOG.clone()
        log.tampered[path] = data
        with pytest.raises(Unavailable, match="damaged source"):
            reading(log).entry(index)


def test_a_withheld_bundle_is_missing() -> None:
    with pytest.raises(Missing):
        reading(LOG.clone().withhold("tile/entries/000")).entry(3)


# -- partial tiles ------------------------------------------------------------------------------------------


def test_a_partial_tile_that_is_gone_is_cut_from_the_full_one() -> None:
    log = SimLog().grow(70_000)
    head = log.head()
    log.grow(600)  # the level-0 tile of the old edge is full now, and its partials are deleted
    log.withhold("tile/0/273.p/112", "tile/entries/273.p/112")
    tile_reader = TileReader(log, head)
    assert tile_reader.entry(69_999) == log.stored[69_999]
    assert tile_reader.inclusion_proof(69_999) == merkle.inclusion_proof(log.tree.levels[0], 69_999, 70_000)
    assert "tile/0/273" in log.paths
    assert "tile/entries/273" in log.paths


def test_a_full_tile_that_lies_is_no_substitute() -> None:
    log = SimLog().grow(70_000)
    head = log.head()
    log.grow(600).withhold("tile/0/273.p/112").corrupt("tile/0/273", 5)
    with pytest.raises(Unavailable, match="do not rebuild"):
        TileReader(log, head).authenticate()


def test_a_growing_file_serves_as_the_full_tile() -> None:
    log = SimLog().grow(300)
    head = log.head()
    log.grow(30)
    log.withhold("tile/0/001.p/44", "tile/entries/001.p/44")
    log.tampered["tile/0/001"] = log.tile(0, 1, 74)
    log.tampered["tile/entries/001"] = log.entries(1, 74)
    tile_reader = TileReader(log, head)
    assert tile_reader.entry(299) == log.stored[299]
    assert tile_reader.root_at(300) == head.root


def test_when_both_are_gone_it_is_missing() -> None:
    with pytest.raises(Missing):
        reading(LOG.clone().withhold("tile/0/273.p/112", "tile/0/273")).authenticate()


def test_only_partials_that_the_checkpoint_implies_are_asked_for() -> None:
    log = SimLog().grow(70_000)
    tile_reader = reading(log)
    tile_reader.inclusion_proof(12_345)
    tile_reader.consistency_proof(54_321)
    tile_reader.entry(69_999)
    assert {p for p in log.paths if ".p/" in p} == {
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
        "tile/entries/273.p/112",
    }


# -- economy ------------------------------------------------------------------------------------------------


def test_a_thousand_proofs_in_one_tile_cost_one_read_of_it() -> None:
    log = SimLog().grow(1_000)
    tile_reader = reading(log)
    for index in range(1_000):
        assert tile_reader.entry(index) == log.stored[index]
        tile_reader.inclusion_proof(index)
    assert log.reads == {"tile": 2, "entries": 4}


def test_a_bundle_read_first_saves_its_tile() -> None:
    log = SimLog().grow(70_000)
    tile_reader = reading(log)
    tile_reader.entry(12_345)
    tile_reader.inclusion_proof(12_345)
    assert log.reads == {"tile": 4, "entries": 1}
    assert "tile/0/048" not in log.paths


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tile_reader, "MAX_TILES", 2)
    monkeypatch.setattr(tile_reader, "MAX_ENTRY_BYTES", 4_000)
    reader = reading(LOG)
    for index in range(0, 70_000, 7_000):
        assert reader.entry(index) == LOG.stored[index]
        merkle.verify_inclusion(
            reader.leaf_hash(index), index, 70_000, reader.inclusion_proof(index), LOG.head().root
        )
    assert len(reader._tiles) == 2
    assert reader._entry_bytes <= 4_000 or len(reader._entries) == 1


# -- the cache ----------------------------------------------------------------------------------------------


def test_only_verified_tiles_are_cached() -> None:
    cache = Memory()
    with pytest.raises(Unavailable):
        reading(LOG.clone().corrupt("tile/0/048"), cache=cache).inclusion_proof(12_345)
    assert "tile/0/048" not in cache.kept
    with pytest.raises(Unavailable):
        reading(LOG.clone().corrupt("tile/2/000.p/1"), cache=Memory()).authenticate()


def test_a_cache_that_was_edited_is_not_believed() -> None:
    cache = Memory()
    wanted = reading(LOG, cache=cache).inclusion_proof(12_345)
    assert len(cache.kept) == len(USED)
    for path in list(cache.kept):
        for bad in (b"", cache.kept[path][:-1], bytes(len(cache.kept[path]))):
            lying = Memory()
            lying.kept = {**cache.kept, path: bad}
            assert reading(LOG, cache=lying).inclusion_proof(12_345) == wanted
            assert lying.kept == cache.kept  # mended


def test_a_warm_cache_needs_no_source() -> None:
    cache = Memory()
    wanted = reading(LOG, cache=cache).inclusion_proof(12_345)
    log = SimLog().grow(1)
    assert TileReader(log, LOG.head(), cache=cache).inclusion_proof(12_345) == wanted
    assert not log.reads
