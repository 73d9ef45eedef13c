# SPDX-License-Identifier: Apache-2.0
"""The folder of a mirror: what waits, what is put in place, and what leads out of it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.disk import mirror_folder
from anchor.disk.mirror_folder import STATE
from anchor.errors import Misuse, Refused, Unavailable

DATA = b"data\n"
DIGEST = hashlib.sha256(DATA).hexdigest()


def test_a_file_waits_and_is_put_in_place(tmp_path: Path) -> None:
    with mirror_folder.held(tmp_path / "m") as folder:
        assert not folder.is_waiting("a/b", size=5, sha256=DIGEST)
        folder.add("a/b", [b"da", b"ta\n"])
        assert folder.is_waiting("a/b", size=5, sha256=DIGEST)
        assert not folder.has("a/b", size=5, sha256=DIGEST)
        assert folder.put("a/b")
        assert not folder.put("a/b")
        assert folder.has("a/b", size=5, sha256=DIGEST)
        assert (tmp_path / "m" / "a" / "b").read_bytes() == DATA
        assert (tmp_path / "m" / "a" / "b").stat().st_mode & 0o777 == 0o644


def test_a_file_that_waits_survives_until_it_is_forgotten(tmp_path: Path) -> None:
    with mirror_folder.held(tmp_path / "m") as folder:
        folder.add("a", [DATA])
    with mirror_folder.held(tmp_path / "m") as folder:
        assert folder.is_waiting("a", size=5, sha256=DIGEST)
        folder.forget_waiting()
    with mirror_folder.held(tmp_path / "m") as folder:
        assert not folder.is_waiting("a", size=5, sha256=DIGEST)


def test_bytes_whose_source_fails_leave_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"da"
        raise Unavailable("down")

    with mirror_folder.held(tmp_path / "m") as folder:
        with pytest.raises(Unavailable):
            folder.add("a", failing())
        assert not folder.waiting("a").exists()


@pytest.mark.parametrize("path", ["../a", "/a", "a/../b", f"{STATE}/new/a", "a//b", ".", "a\\b", "a\0b"])
def test_no_path_leads_out(tmp_path: Path, path: str) -> None:
    with mirror_folder.held(tmp_path / "m") as folder, pytest.raises(Refused):
        folder.add(path, [DATA])
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == set()


def test_a_damaged_file_does_not_fit(tmp_path: Path) -> None:
    with mirror_folder.held(tmp_path / "m") as folder:
        folder.write("a", DATA)
        assert folder.has("a", size=5, sha256=DIGEST)
    (tmp_path / "m" / "a").write_bytes(b"dada\n")
    with mirror_folder.held(tmp_path / "m") as folder:
        assert not folder.has("a", size=5, sha256=DIGEST)


def test_a_folder_of_somebody_else_and_a_file_are_no_mirror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path, says in ((tmp_path, "not empty"), (tmp_path / "file", "no folder")):
        with pytest.raises(Misuse, match=says), mirror_folder.held(path):
            pass
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
