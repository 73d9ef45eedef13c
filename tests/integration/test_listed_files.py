# SPDX-License-Identifier: Apache-2.0
"""Files published as they are: `anchor files`, `publish`, and later `verify --files`."""

import shutil
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import Ran, anchor


class Published:
    """A folder of files, and the release that lists them."""

    def __init__(self, base: Path, listed: Path, *words: str) -> None:
        self.base = base
        ran = anchor(
            *("publish", listed, "--name", "data", "--version", "1", *words),
            *("--root", base / "site", "--home", base / "home"),
        )
        assert ran.code == 0, ran.err
        (base / "policy.toml").write_text(ran.out)

    def verify(self, folder: Path, *words: object) -> Ran:
        policy = ("--policy", self.base / "policy.toml")
        return anchor("verify", "-v", self.base / "site", *(words or policy), "--files", folder)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Published, Path]:
    base = tmp_path_factory.mktemp("listed")
    data = base / "data"
    (data / "deep").mkdir(parents=True)
    for name in ("a.bin", "b,c.txt", "deep/é"):
        (data / name).write_bytes(name.encode() * 3)
    (data / "left-out.tmp").write_text("x")
    (data / ".anchorignore").write_text("*.tmp\n")
    assert anchor("files", data, "-o", base / "files.csv").code == 0
    return Published(base, base / "files.csv", "--reader", "files-v1"), data


@pytest.fixture
def copy(original: tuple[Published, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(original[1], tmp_path / "copy"))


def test_files_that_are_as_published(original: tuple[Published, Path], copy: Path) -> None:
    ran = original[0].verify(copy)
    assert ran.code == 0
    assert "listed-files: 4 files are as published" in ran.out


def test_a_changed_file_is_named(original: tuple[Published, Path], copy: Path) -> None:
    (copy / "b,c.txt").write_bytes(b"B,c.txtb,c.txtb,c.txt")
    (copy / "a.bin").unlink()
    ran = original[0].verify(copy)
    assert ran.code == 8
    assert "changed: b,c.txt; missing: a.bin" in ran.line


def test_a_missing_file_contradicts_nothing(original: tuple[Published, Path], copy: Path) -> None:
    (copy / "deep" / "é").unlink()
    ran = original[0].verify(copy)
    assert ran.code == 3
    assert "missing: deep/é" in ran.line


def test_a_new_file_is_told(original: tuple[Published, Path], copy: Path) -> None:
    (copy / "new").write_text("")
    ran = original[0].verify(copy)
    assert ran.code == 0
    assert "note: new, and not in the list: new" in ran.out


def test_a_link_to_the_same_bytes_is_a_change(original: tuple[Published, Path], copy: Path) -> None:
    (copy / "a.bin").rename(copy.parent / "elsewhere")
    (copy / "a.bin").symlink_to(copy.parent / "elsewhere")
    ran = original[0].verify(copy)
    assert ran.code == 8
    assert "changed: a.bin" in ran.line


def test_rules_that_were_not_published_hide_nothing(original: tuple[Published, Path], copy: Path) -> None:
    (copy / ".anchorignore").write_text("*.tmp\nevil\na.bin\n")
    (copy / "evil").write_text("")
    (copy / "a.bin").write_text("")
    ran = original[0].verify(copy)
    assert ran.code == 8
    assert "changed: .anchorignore, a.bin" in ran.line
    for new in ("evil", "left-out.tmp"):
        assert f"not in the list: {new}" in ran.out


def test_without_a_policy_the_list_says_nothing(original: tuple[Published, Path], copy: Path) -> None:
    ran = original[0].verify(copy, "--offline")
    assert ran.code == 2
    assert "listed-files: the list itself did not verify" in ran.out


def test_another_ledger_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").write_text("path,size\na,1\n")
    ran = Published(tmp_path, tmp_path / "ledger.csv").verify(tmp_path)
    assert ran.code == 2
    assert "the release is no list of files" in ran.line
    assert anchor("verify", tmp_path / "site", "--files", "").code == 2
