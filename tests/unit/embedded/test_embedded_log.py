# SPDX-License-Identifier: Apache-2.0
"""The embedded log: every entry proven and kept, one writer, no entry twice."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from anchor import merkle
from anchor.embedded.log import Log
from anchor.errors import Refused, Unavailable
from anchor.sigstore.services import Duplicate
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.source import Missing
from tests.support.forge.embedded_signer import check_entry, entry_request
from tests.support.logs.embedded_log import ORIGIN, check_whole, lose_index, opened


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


def test_a_refused_request_takes_no_lock_and_writes_nothing(log: Log) -> None:
    with pytest.raises(Refused):
        log.append(b"{}")
    with opened(log.folder) as second:
        second.lock()
    check_whole(log, 0)
