# SPDX-License-Identifier: Apache-2.0
"""The files of the embedded log, damaged in every way: told in one line, and nothing is appended to them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.errors import AnchorError, Unavailable
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import note
from tests.support.forge.embedded_signer import entry_request
from tests.support.logs.embedded_log import KEY, ORIGIN, opened


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
