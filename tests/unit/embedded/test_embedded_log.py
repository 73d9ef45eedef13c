# SPDX-License-Identifier: Apache-2.0
"""The embedded log: every entry proven and kept, one writer, no entry twice, damage told in one line."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor import merkle
from anchor.embedded.log import Log
from anchor.errors import AnchorError, Refused, Unavailable
from anchor.instance import Duplicate
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note, tiles
from anchor.tlog.source import Missing
from tests.support.embedded import check_entry, entry_request

ORIGIN = "0123456789abcdef.anchor-embedded.invalid"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def opened(folder: Path) -> Log:
    return Log(folder, origin=ORIGIN, key=KEY)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with Log.create(tmp_path / "log", origin=ORIGIN, key=KEY) as made:
        yield made


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 258 entries, closed: one full tile, a second level, two bundles."""
    folder = tmp_path_factory.mktemp("full") / "log"
    with Log.create(folder, origin=ORIGIN, key=KEY) as made:
        for i in range(258):
            made.append(entry_request(f"entry {i}"))
    return folder


@pytest.fixture
def copy(full: Path, tmp_path: Path) -> Path:
    shutil.copytree(full, tmp_path / "copy")
    return tmp_path / "copy"


def check_whole(log: Log, size: int) -> None:
    """Tiles, bundles and checkpoint of a log fit together, recomputed the plain way."""
    head = checkpoints.verify(log.checkpoint(), checkpoints.Log(ORIGIN, log.key))
    assert head.size == size
    leaves: list[bytes] = []
    for index in range((size + 255) // 256):
        width = tiles.width_at(size, 0, index)
        found = merkle.leaf_hashes(tiles.parse_bundle(log.entries(index, width), width))
        assert b"".join(found) == log.tile(0, index, width)
        leaves += found
    assert len(set(leaves)) == size
    assert merkle.root(leaves) == head.root
    for index in range(size // 256):
        tile = log.tile(1, index // 256, tiles.width_at(size, 1, index // 256))
        assert merkle.root(leaves[index * 256 : index * 256 + 256]) == tile[index % 256 * 32 :][:32]


def test_each_entry_is_proven_under_a_checkpoint_of_exactly_its_tree(log: Log) -> None:
    for i in range(20):
        answer = log.append(entry_request(str(i)))
        assert check_entry(answer, origin=ORIGIN, key=log.key, index=i) == i
        assert log.size() == i + 1
    check_whole(log, 20)


def test_tiles_fill_up_and_a_second_level_begins(copy: Path) -> None:
    with opened(copy) as log:
        check_whole(log, 258)
        for i in range(258):
            check_entry(log.entry(i), origin=ORIGIN, key=log.key, index=i)
        for i in range(258, 515):
            answer = log.append(entry_request(f"entry {i}"))
            check_entry(answer, origin=ORIGIN, key=log.key, index=i)
        check_whole(log, 515)


def test_one_file_a_tile_and_a_bundle(copy: Path) -> None:
    files = {str(p.relative_to(copy)) for p in copy.rglob("*") if p.is_file()}
    assert {f for f in files if "index.sqlite" not in f} == {
        "checkpoint",
        "tile/0/000",
        "tile/0/001",
        "tile/1/000",
        "tile/entries/000",
        "tile/entries/001",
    }


def test_an_empty_log_has_a_signed_checkpoint_and_nothing_else(log: Log) -> None:
    head = checkpoints.verify(log.checkpoint(), checkpoints.Log(ORIGIN, log.key))
    assert (head.size, head.root) == (0, merkle.EMPTY_ROOT)
    with pytest.raises(Missing):
        log.tile(0, 0, 1)
    with pytest.raises(Missing):
        log.entries(0, 1)
    with pytest.raises(Missing):
        log.entry(0)


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(0, 1, 3), (0, 2, 1), (1, 0, 2), (2, 0, 1), (0, 0, 257), (0, 0, 0), (0, 0, -1), (0, -1, 1), (-1, 0, 1),
     (64, 0, 1), (0, 2**70, 1)],
)  # fmt: skip
def test_nothing_beyond_the_checkpoint_is_served(copy: Path, level: int, index: int, width: int) -> None:
    for path in ("tile/0/001", "tile/1/000", "tile/0/002"):
        with (copy / path).open("ab") as f:
            f.write(bytes(9000))
    with opened(copy) as log, pytest.raises(Missing):
        log.tile(level, index, width)


# Duplicates


def test_the_same_entry_is_not_recorded_twice(log: Log) -> None:
    log.append(entry_request("a"))
    first = log.append(entry_request("b"))
    with pytest.raises(Duplicate) as caught:
        log.append(entry_request("b"))
    assert (caught.value.index, log.size()) == (1, 2)
    assert log.find(entry_request("b")) == first
    assert log.find(entry_request("b"), 2) is None
    assert log.find(entry_request("c")) is None


def lose_index(folder: Path) -> None:
    for path in folder.glob("index.sqlite*"):
        path.unlink()


def garble_index(folder: Path) -> None:
    (folder / "index.sqlite").write_bytes(b"garbage" * 1000)


def lag_index(folder: Path) -> None:
    with sqlite3.connect(folder / "index.sqlite") as db:
        db.execute("DELETE FROM entry WHERE position > 100")
        db.execute("UPDATE upto SET size = 101")
    db.close()


def mislead_index(folder: Path) -> None:
    with sqlite3.connect(folder / "index.sqlite") as db:
        db.execute("UPDATE entry SET position = (position + 1) % 257 WHERE position < 257")
    db.close()


def outrun_index(folder: Path) -> None:
    with sqlite3.connect(folder / "index.sqlite") as db:
        db.execute("UPDATE upto SET size = 1000")
    db.close()


def foreign_index(folder: Path) -> None:
    with sqlite3.connect(folder / "index.sqlite") as db:
        db.execute("DROP TABLE entry")
        db.execute("CREATE TABLE entry (other TEXT)")
    db.close()


@pytest.mark.parametrize(
    "harm",
    [lambda _: None, lose_index, garble_index, lag_index, mislead_index, outrun_index, foreign_index],
    ids=["unharmed", "lost", "garbled", "lagging", "misleading", "ahead", "foreign"],
)
def test_a_duplicate_is_known_after_a_restart_whatever_became_of_the_index(
    copy: Path, harm: Callable[[Path], None]
) -> None:
    harm(copy)
    with opened(copy) as log:
        for i in (257, 0, 99, 200):
            with pytest.raises(Duplicate) as caught:
                log.append(entry_request(f"entry {i}"))
            assert caught.value.index == i
        check_entry(log.append(entry_request("new")), origin=ORIGIN, key=log.key, index=258)


# One writer


def test_a_second_writer_is_told_so_and_a_reader_is_not_hindered(log: Log) -> None:
    log.append(entry_request("a"))
    second = opened(log.folder)
    with pytest.raises(Unavailable, match="another process is writing"):
        second.append(entry_request("b"))
    assert second.size() == 1
    check_whole(second, 1)
    log.close()
    second.append(entry_request("b"))
    second.close()


def test_reading_takes_no_lock(log: Log) -> None:
    check_whole(log, 0)
    with opened(log.folder) as second:
        second.append(entry_request("a"))
    check_whole(log, 1)


# A disk that fails


class FailingDisk:
    """The system calls of an append; the `at`-th fails, before or after it has done its work."""

    CALLS = ("pwrite", "ftruncate", "fdatasync", "fsync", "replace")

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.at = -1
        self.kept = False
        for name in self.CALLS:
            patch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any) -> Any:
            self.at -= 1
            if self.at == 0 and not self.kept:
                raise OSError(errno.ENOSPC, "No space left on device")
            result = call(*args)
            if self.at == 0:
                raise OSError(errno.EIO, "Input/output error")
            return result

        return wrapper


@pytest.mark.parametrize("kept", [False, True], ids=["failed-and-lost", "failed-but-kept"])
@pytest.mark.parametrize("size", [0, 255, 256])
def test_a_disk_that_fails_at_any_call_loses_and_doubles_nothing(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool, size: int
) -> None:
    disk = FailingDisk(monkeypatch)
    for at in range(1, 40):
        folder = tmp_path / str(at)
        if size:
            shutil.copytree(cut(full, size, tmp_path), folder)
            log = opened(folder)
        else:
            log = Log.create(folder, origin=ORIGIN, key=KEY)
        log.lock()
        disk.at, disk.kept = at, kept
        error = None
        try:
            log.append(entry_request("new"))
        except Unavailable as e:
            error = str(e)
        disk.at = -1
        was_committed = log.size() == size + 1
        check_whole(log, size + was_committed)
        if error is None:  # fewer calls than `at`: all of them have failed once
            assert (was_committed, at > 6) == (True, True)
            log.close()
            break
        assert "\n" not in error
        if was_committed:
            with pytest.raises(Duplicate):
                log.append(entry_request("new"))
        else:
            check_entry(log.append(entry_request("new")), origin=ORIGIN, key=log.key, index=size)
        check_entry(log.append(entry_request("next")), origin=ORIGIN, key=log.key, index=size + 1)
        log.close()
        with opened(folder) as again:
            check_whole(again, size + 2)
    else:
        pytest.fail("an append without end")


_CUTS: dict[int, Path] = {}


def cut(full: Path, size: int, scratch: Path) -> Path:
    """The full log as it was at an earlier size: a new checkpoint, with later data still on the disk."""
    if size not in _CUTS or not _CUTS[size].exists():
        folder = scratch / f"cut-{size}"
        shutil.copytree(full, folder)
        with opened(folder) as log:
            text = checkpoints.body(ORIGIN, size, log.root_at(size))
        (folder / "checkpoint").write_bytes(note.sign(text, ORIGIN, KEY))
        lose_index(folder)
        _CUTS[size] = folder
    return _CUTS[size]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257])
def test_what_a_killed_writer_left_beyond_the_checkpoint_is_overwritten(
    full: Path, tmp_path: Path, size: int
) -> None:
    with opened(cut(full, size, tmp_path)) as log:
        check_entry(log.append(entry_request("other")), origin=ORIGIN, key=log.key, index=size)
        check_whole(log, size + 1)


def test_an_index_that_cannot_be_written_does_not_lose_the_entry(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.lock()
    assert log._index

    def failing(*_: object) -> None:
        raise Unavailable("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(log._index, "add", failing)
        with pytest.raises(Unavailable):
            log.append(entry_request("a"))
    with pytest.raises(Duplicate):
        log.append(entry_request("a"))
    check_whole(log, 1)


# Damage


def truncate(path: str, by: int) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / path, (folder / path).stat().st_size - by)


def remove(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def flip(path: str, at: int) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        data = bytearray((folder / path).read_bytes())
        data[at] ^= 1
        (folder / path).write_bytes(data)

    return harm


def put(path: str, data: bytes) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / path).write_bytes(data)

    return harm


def signed(origin: str, size: int, key: Ed25519PrivateKey = KEY, root: bytes = bytes(32)) -> bytes:
    return note.sign(checkpoints.body(origin, size, root), origin, key)


@pytest.mark.parametrize(
    "harm",
    [
        remove("checkpoint"),
        put("checkpoint", b""),
        put("checkpoint", b"junk" * 100_000),
        flip("checkpoint", 50),
        put("checkpoint", signed("other.anchor-embedded.invalid", 258)),
        put("checkpoint", signed(ORIGIN, 258, Ed25519PrivateKey.generate())),
        put("checkpoint", signed(ORIGIN, 258)),
        put("checkpoint", signed(ORIGIN, 259)),
        put("checkpoint", signed(ORIGIN, 2**40)),
        remove("tile/0/001"),
        truncate("tile/0/001", 1),
        flip("tile/0/001", 40),
        remove("tile/1/000"),
        truncate("tile/1/000", 32),
        flip("tile/1/000", 3),
        remove("tile/entries/001"),
        truncate("tile/entries/001", 1),
        flip("tile/entries/001", 0),
        flip("tile/entries/001", 100),
    ],
)
def test_damage_is_told_in_one_line_and_nothing_is_appended(copy: Path, harm: Callable[[Path], None]) -> None:
    harm(copy)
    before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file() and "index" not in p.name}
    with opened(copy) as log, pytest.raises(Unavailable) as caught:
        log.append(entry_request("new"))
    assert "storage of the embedded log is damaged" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {p: p.read_bytes() for p in before if p.exists()} == before


def test_a_damaged_log_can_be_opened_again_once_it_is_repaired(copy: Path) -> None:
    data = (copy / "tile/0/001").read_bytes()
    with opened(copy) as log:
        (copy / "tile/0/001").write_bytes(data[:10])
        with pytest.raises(Unavailable):
            log.append(entry_request("new"))
        (copy / "tile/0/001").write_bytes(data)
        log.append(entry_request("new"))


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(AnchorError, match="nowhere"):
        opened(tmp_path / "nowhere").append(entry_request("x"))
    with pytest.raises(Unavailable, match="no checkpoint"):
        opened(tmp_path / "nowhere").size()


def test_a_refused_request_takes_no_lock_and_writes_nothing(log: Log) -> None:
    with pytest.raises(Refused):
        log.append(b"{}")
    with opened(log.folder) as second:
        second.lock()
    check_whole(log, 0)
