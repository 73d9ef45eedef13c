# SPDX-License-Identifier: Apache-2.0
"""A log as static files that grew: what an older checkpoint needed alone is removed."""

from pathlib import Path

from anchor.disk.log_folder import remove_old_partials

OURS = {
    "tile/0/000",
    "tile/0/001.p/5",
    "tile/1/000.p/1",
    "tile/entries/000",
    "tile/entries/001.p/5",
    "checkpoint",
}
OLD = {"tile/0/001.p/3", "tile/entries/001.p/3", "tile/0/000.p/200", "tile/1/001.p/1"}


def test_old_partial_tiles_go(tmp_path: Path) -> None:
    for path in OURS | OLD:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"data")
    remove_old_partials(tmp_path, 256 + 5)
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()} == OURS
    assert not (tmp_path / "tile/0/000.p").exists()
