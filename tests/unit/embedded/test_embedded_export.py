# SPDX-License-Identifier: Apache-2.0
"""The exported log: what readers of static tiles need, only ever added to, never gone back on."""

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor import merkle
from anchor.disk import files
from anchor.embedded import export as exporting
from anchor.embedded.log import Log
from anchor.errors import Misuse, Refused, Unavailable
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note, tiles
from anchor.tlog.keys import parse_vkey
from tests.support.forge.embedded_signer import entry_request

ORIGIN = "0123456789abcdef.anchor-embedded.invalid"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def grow(log: Log, size: int) -> None:
    for i in range(log.size(), size):
        log.append(entry_request(f"entry {i}"))


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.create(tmp_path / "log", origin=ORIGIN, key=KEY)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full") / "log"
    with Log.create(folder, origin=ORIGIN, key=KEY) as made:
        grow(made, 254)
    return folder


@pytest.fixture
def copy(full: Path, tmp_path: Path) -> Log:
    shutil.copytree(full, tmp_path / "copy")
    return Log(tmp_path / "copy", origin=ORIGIN, key=KEY)


def listing(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def check(folder: Path, size: int) -> None:
    """Everything C2SP tlog-tiles asks for is there, fits the signed root, and nothing else is there."""
    key = parse_vkey((folder / "vkey").read_text().strip())
    head = checkpoints.verify((folder / "checkpoint").read_bytes(), checkpoints.Log(ORIGIN, key))
    assert head.size == size
    wanted = {"vkey", "checkpoint"}
    leaves: list[bytes] = []
    for level in range(2):
        for index in range(((size >> 8 * level) + 255) // 256):
            width = tiles.width_at(size, level, index)
            wanted.add(tiles.Tile(level, index, width).path)
            if level == 0:
                path = tiles.entries_path(index, width)
                wanted.add(path)
                leaves += merkle.leaf_hashes(tiles.parse_bundle((folder / path).read_bytes(), width))
    assert set(listing(folder)) == wanted
    assert merkle.root(leaves) == head.root
    for path in wanted - {"vkey", "checkpoint"}:
        found, index, width = tiles.parse_path(path)
        if found == 0:
            assert (folder / path).read_bytes() == b"".join(leaves[index * 256 : index * 256 + width])
        if found == 1:
            assert (folder / path).read_bytes() == merkle.root(leaves[:256])


def test_partials_give_way_as_the_log_grows(copy: Log, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for size in (254, 255, 256, 257):
        grow(copy, size)
        exporting.export(copy, out)
        check(out, size)


def test_an_empty_log_is_exported_with_its_checkpoint(log: Log, tmp_path: Path) -> None:
    exporting.export(log, tmp_path / "out")
    check(tmp_path / "out", 0)


def test_exporting_again_writes_nothing(copy: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(copy, 257)
    exporting.export(copy, tmp_path / "out")
    before = listing(tmp_path / "out")
    monkeypatch.setattr(files, "write", None)
    exporting.export(copy, tmp_path / "out")
    assert listing(tmp_path / "out") == before


def test_a_damaged_export_is_made_good(copy: Log, tmp_path: Path) -> None:
    grow(copy, 257)
    out = tmp_path / "out"
    exporting.export(copy, out)
    (out / "tile/0/000").write_bytes(b"junk")
    (out / "tile/1/000.p/1").unlink()
    (out / "tile/entries/001.p/1").write_bytes(b"")
    exporting.export(copy, out)
    check(out, 257)


def test_the_checkpoint_comes_last(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between any two writes leaves an old checkpoint whose files are all there."""
    out = tmp_path / "out"
    grow(log, 3)
    exporting.export(log, out)
    grow(log, 5)
    write = files.write
    for allowed, fails in ((0, True), (1, True), (1, True), (1, False)):  # each adds one file
        left = [allowed]

        def failing(path: Path, data: bytes, *, mode: int = 0o644, left: list[int] = left) -> None:
            if not left[0]:
                raise Unavailable("No space left on device")
            left[0] -= 1
            write(path, data, mode=mode)

        monkeypatch.setattr(files, "write", failing)
        if fails:
            with pytest.raises(Unavailable):
                exporting.export(log, out)
            assert b"\n3\n" in (out / "checkpoint").read_bytes()
            assert (out / "tile/0/000.p/3").exists()
            assert (out / "tile/entries/000.p/3").exists()
        else:
            exporting.export(log, out)
    check(out, 5)


def test_an_older_copy_of_the_home_does_not_overwrite_what_is_published(
    copy: Log, full: Path, tmp_path: Path
) -> None:
    grow(copy, 256)
    exporting.export(copy, tmp_path / "out")
    before = listing(tmp_path / "out")
    old = Log(full, origin=ORIGIN, key=KEY)
    with pytest.raises(Misuse, match="256 entries are published and this home has 254"):
        exporting.export(old, tmp_path / "out")
    assert listing(tmp_path / "out") == before


def test_a_fork_is_refused_at_equal_and_at_larger_size(log: Log, tmp_path: Path) -> None:
    grow(log, 3)
    exporting.export(log, tmp_path / "out")
    fork = Log.create(tmp_path / "fork", origin=ORIGIN, key=KEY)
    for i in range(6):
        fork.append(entry_request(f"other {i}"))
        if i >= 2:
            with pytest.raises(Refused, match="contradicts"):
                exporting.export(fork, tmp_path / "out")
    check(tmp_path / "out", 3)


@pytest.mark.parametrize(
    "checkpoint",
    [
        b"",
        b"junk",
        note.sign(checkpoints.body("other.invalid", 0, merkle.EMPTY_ROOT), "other.invalid", KEY),
        note.sign(checkpoints.body(ORIGIN, 0, merkle.EMPTY_ROOT), ORIGIN, Ed25519PrivateKey.generate()),
    ],
)
def test_the_folder_of_another_log_is_left_alone(log: Log, tmp_path: Path, checkpoint: bytes) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "checkpoint").write_bytes(checkpoint)
    with pytest.raises(Misuse, match="holds no checkpoint of"):
        exporting.export(log, tmp_path / "out")
    assert listing(tmp_path / "out") == {"checkpoint": checkpoint}


@pytest.mark.parametrize("path", ["tile/0/000", "tile/entries/000", "tile/1/000"])
def test_a_damaged_log_is_not_exported(copy: Log, tmp_path: Path, path: str) -> None:
    grow(copy, 257)
    copy.close()
    data = bytearray((copy.folder / path).read_bytes())
    data[17] ^= 1
    (copy.folder / path).write_bytes(data)
    with pytest.raises(Unavailable, match="damaged"):
        exporting.export(copy, tmp_path / "out")
    assert not (tmp_path / "out" / "checkpoint").exists()
