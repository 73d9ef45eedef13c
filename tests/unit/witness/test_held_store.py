# SPDX-License-Identifier: Apache-2.0
"""The store of a witness: compared and stored in one step, only growing, noticed where it was rolled back."""

import contextlib
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.tlog.witnessing import Held
from anchor.witness import held_store, store_mark
from anchor.witness.held_store import FILE, MARK, WAL, Store
from tests.support.logs.simlog import ORIGIN, SimLog

IDENTITY = "ab"
LOG = SimLog().grow(40)
OTHER = SimLog(origin="log.sim.invalid/b", seed=2).grow(9)


def held(size: int, log: SimLog = LOG, time: int = 5) -> Held:
    return Held(size, log.tree.root(size), log.sign(size), b"lines", time)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    Store.create(tmp_path, IDENTITY)
    with contextlib.closing(Store.open(tmp_path, IDENTITY)) as found:
        yield found


def test_a_tree_is_stored_once_and_read_back(store: Store, tmp_path: Path) -> None:
    assert store.get(ORIGIN) is None
    assert store.replace(ORIGIN, None, held(3))
    assert not store.replace(ORIGIN, None, held(3)), "somebody was faster"
    assert store.get(ORIGIN) == held(3)
    store.close()
    again = Store.open(tmp_path, IDENTITY)
    assert list(again.all()) == [(ORIGIN, held(3))]
    again.close()


def test_a_tree_is_replaced_only_where_the_same_one_is_held(store: Store) -> None:
    store.replace(ORIGIN, None, held(3))
    assert store.replace(ORIGIN, held(3), held(5))
    assert not store.replace(ORIGIN, held(3), held(4))
    assert not store.replace(ORIGIN, held(5, LOG.fork(2)), held(6))
    assert store.get(ORIGIN) == held(5)
    assert store.replace(ORIGIN, held(5), held(5, time=9))
    assert store.get(ORIGIN) == held(5, time=9)


def test_the_database_itself_refuses_a_smaller_tree_another_root_and_to_forget(
    store: Store, tmp_path: Path
) -> None:
    store.replace(ORIGIN, None, held(5))
    for worse in (held(4), held(5, LOG.fork(2))):
        with pytest.raises(Unavailable, match="a tree only grows"):
            store.replace(ORIGIN, held(5), worse)
    with (
        contextlib.closing(sqlite3.connect(tmp_path / FILE)) as database,
        pytest.raises(sqlite3.IntegrityError, match="never forgotten"),
    ):
        database.execute("DELETE FROM held")
    assert store.get(ORIGIN) == held(5)


def test_all_of_many_logs(store: Store) -> None:
    for n in range(250):
        store.replace(f"log-{n:03}", None, held(1))
    assert [origin for origin, _ in store.all()] == [f"log-{n:03}" for n in range(250)]


def test_threads_that_replace_the_same_tree_store_one_of_theirs(store: Store) -> None:
    store.replace(ORIGIN, None, held(1))
    won: list[int] = []
    barrier = threading.Barrier(8)

    def replace(size: int) -> None:
        barrier.wait()
        if store.replace(ORIGIN, held(1), held(size)):
            won.append(size)

    threads = [threading.Thread(target=replace, args=(size,)) for size in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.get(ORIGIN) == held(won[0])


def test_refused_notes_are_kept_in_a_bounded_number(store: Store) -> None:
    for size in range(1, 30):
        store.keep_refused(ORIGIN, LOG.sign(size))
    store.keep_refused(ORIGIN, LOG.sign(29))
    store.keep_refused(ORIGIN, b"a" * (held_store.MAX_KEPT + 1))
    store.keep_refused("other", LOG.sign(1))
    assert store.refused(ORIGIN) == [LOG.sign(size) for size in range(22, 30)]
    assert store.refused("other") == [LOG.sign(1)]


# Rolled back


def filled(folder: Path, *sizes: int) -> None:
    with contextlib.closing(Store.open(folder, IDENTITY)) as store:
        for size in sizes:
            assert store.replace(ORIGIN, store.get(ORIGIN), held(size))


def refused_to_open(folder: Path, problem: str) -> None:
    with pytest.raises(Misuse, match=problem):
        Store.open(folder, IDENTITY)


def test_an_older_copy_is_noticed_by_its_mark(tmp_path: Path) -> None:
    Store.create(tmp_path, IDENTITY)
    filled(tmp_path, 3)
    shutil.copy(tmp_path / FILE, tmp_path / "older")
    filled(tmp_path, 5)
    shutil.copy(tmp_path / "older", tmp_path / FILE)
    refused_to_open(tmp_path, "was rolled back: it has taken 1 trees, and its mark says 2")
    refused_to_open(tmp_path, "was rolled back")
    with contextlib.closing(Store.open(tmp_path, IDENTITY, rolled_back=True)) as store:
        assert store.replace(ORIGIN, held(3), held(4))
    refused_to_open(tmp_path, "was rolled back")  # until somebody accepts it
    accept(tmp_path)
    with contextlib.closing(Store.open(tmp_path, IDENTITY)) as store:
        assert store.get(ORIGIN) == held(4)
    shutil.copy(tmp_path / "older", tmp_path / FILE)
    refused_to_open(tmp_path, "it has taken 1 trees, and its mark says 3")


def accept(folder: Path) -> None:
    with contextlib.closing(Store.open(folder, IDENTITY, rolled_back=True)) as store:
        store.accept()


def killed(folder: Path) -> None:
    """A tree of another log, by a process that is killed before SQLite has moved it into the file."""
    if pid := os.fork():
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        return
    store = Store.open(folder, IDENTITY)  # pragma: no cover - in the child
    assert store.replace(OTHER.origin, held(3, OTHER), held(6, OTHER))
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_old_file_beside_newer_trees_is_noticed(tmp_path: Path) -> None:
    """As when the file alone is put back after a crash: a new number, and an old tree."""
    Store.create(tmp_path, IDENTITY)
    with contextlib.closing(Store.open(tmp_path, IDENTITY)) as store:
        for log in (OTHER, *(SimLog(origin=f"log-{n}.example").grow(3) for n in range(40)), LOG):
            assert store.replace(log.origin, None, held(3, log))  # on many pages
    shutil.copy(tmp_path / FILE, tmp_path / "older")
    with contextlib.closing(Store.open(tmp_path, IDENTITY)) as store:
        assert store.replace(ORIGIN, held(3), held(20))
    killed(tmp_path)
    assert (tmp_path / WAL).stat().st_size
    shutil.copytree(tmp_path, tmp_path / "newest", ignore=shutil.ignore_patterns("older", "newest"))
    shutil.copy(tmp_path / "older", tmp_path / FILE)
    refused_to_open(tmp_path, "its trees are not those that it has taken")
    with pytest.raises(Misuse, match="its trees are not those that it has taken"):
        Store.read(tmp_path, IDENTITY)
    with contextlib.closing(Store.open(tmp_path / "newest", IDENTITY)) as store:
        assert store.get(ORIGIN) == held(20)
        assert store.get(OTHER.origin) == held(6, OTHER)
    accept(tmp_path)
    Store.open(tmp_path, IDENTITY).close()


def test_a_store_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    Store.create(tmp_path, IDENTITY)
    filled(tmp_path, 3)
    (tmp_path / FILE).unlink()
    refused_to_open(tmp_path, "the store of this witness is gone")
    assert not (tmp_path / FILE).exists()


def test_a_mark_that_is_gone_or_damaged_is_told(tmp_path: Path) -> None:
    Store.create(tmp_path, IDENTITY)
    (tmp_path / MARK).write_bytes(b"0" * 128)
    refused_to_open(tmp_path, "the mark of this store cannot be read: says no number")
    (tmp_path / MARK).unlink()
    refused_to_open(tmp_path, "the mark of this store cannot be read")
    accept(tmp_path)
    assert store_mark.read(tmp_path / MARK) == 1
    Store.open(tmp_path, IDENTITY).close()


def test_a_mark_behind_the_store_is_set_right(tmp_path: Path) -> None:
    """As when the process was killed between the two."""
    Store.create(tmp_path, IDENTITY)
    filled(tmp_path, 3, 4, 5)
    store_mark.create(tmp_path / MARK, 1)
    Store.open(tmp_path, IDENTITY).close()
    assert store_mark.read(tmp_path / MARK) == 3


def test_a_torn_mark_says_the_number_before(tmp_path: Path) -> None:
    path = tmp_path / MARK
    store_mark.create(path, 7)
    mark = store_mark.Mark(path)
    mark.raise_to(8)
    assert store_mark.read(path) == 8
    data = bytearray(path.read_bytes())
    mark.raise_to(9)
    mark.close()
    new = path.read_bytes()
    for cut in range(64, 128):
        path.write_bytes(new[:cut] + bytes(data[cut:]))
        assert store_mark.read(path) in (8, 9)


@pytest.mark.parametrize("data", [b"", b"not a database at all" * 99, b"SQLite format 3\0" + b"\0" * 4000])
def test_what_is_no_store_is_one_line(tmp_path: Path, data: bytes) -> None:
    Store.create(tmp_path, IDENTITY)
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises((Misuse, Unavailable)):
        Store.open(tmp_path, IDENTITY)


def test_a_store_of_other_keys_is_refused(tmp_path: Path) -> None:
    Store.create(tmp_path, "other")
    refused_to_open(tmp_path, "is the store of a witness with other keys")


def test_a_store_is_for_this_user_alone(tmp_path: Path) -> None:
    Store.create(tmp_path, IDENTITY)
    filled(tmp_path, 3)
    assert {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir()} == {FILE: 0o600, MARK: 0o600}


def test_a_tree_that_is_not_that_of_its_note_is_found(tmp_path: Path) -> None:
    Store.create(tmp_path, IDENTITY)
    filled(tmp_path, 3)
    held_store.check(tmp_path, IDENTITY)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as database:
        database.execute("UPDATE held SET size = 4")
        database.commit()
    with pytest.raises(Misuse, match="a tree is not that of its note"):
        held_store.check(tmp_path, IDENTITY)


def test_a_reader_beside_a_writer_changes_nothing_and_sees_no_rollback(tmp_path: Path) -> None:
    """As `anchor witness show` does while the witness serves, at any moment."""
    Store.create(tmp_path, IDENTITY)
    with contextlib.closing(Store.open(tmp_path, IDENTITY)) as store:
        for size in range(1, 20):
            assert store.replace(ORIGIN, store.get(ORIGIN), held(size))
            behind = (tmp_path / MARK).read_bytes()
            with contextlib.closing(Store.read(tmp_path, IDENTITY)) as reader:
                assert reader.get(ORIGIN) == held(size)
                with pytest.raises(Unavailable, match="readonly"):
                    reader.replace(ORIGIN, held(size), held(size + 1))
            assert (tmp_path / MARK).read_bytes() == behind
    assert store_mark.read(tmp_path / MARK) == 19


def test_a_reader_leaves_a_mark_that_is_behind(tmp_path: Path) -> None:
    Store.create(tmp_path, IDENTITY)
    filled(tmp_path, 3, 4, 5)
    store_mark.create(tmp_path / MARK, 1)
    inode = (tmp_path / MARK).stat().st_ino
    Store.read(tmp_path, IDENTITY).close()
    assert ((tmp_path / MARK).stat().st_ino, store_mark.read(tmp_path / MARK)) == (inode, 1)


def test_a_mark_that_could_not_be_written_is_raised_with_the_next_cosignature(tmp_path: Path) -> None:
    Store.create(tmp_path, IDENTITY)
    with contextlib.closing(Store.open(tmp_path, IDENTITY)) as store:
        assert store._mark is not None
        fd, store._mark._fd = store._mark._fd, -1
        with pytest.raises(AnchorError):
            store.replace(ORIGIN, None, held(3))
        store._mark._fd = fd
        assert store_mark.read(tmp_path / MARK) == 0
        assert store.replace(ORIGIN, held(3), held(3, time=9))
        assert store_mark.read(tmp_path / MARK) == 1
