# SPDX-License-Identifier: Apache-2.0
"""The files below a folder: what is listed, what is left out, what is refused."""

import hashlib
import os
import subprocess
import unicodedata
from pathlib import Path

import pytest

from anchor.disk.file_tree import FileTree, rules_of
from anchor.errors import Misuse


def make(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    return folder


def test_files_are_listed_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    make(tmp_path, "b", "a/z", "a-", "Z", ".hidden", "é")
    found = FileTree(tmp_path).files()
    assert [f.path for f in found] == [".hidden", "Z", "a-", "a/z", "b", "é"]
    assert (found[4].size, found[4].sha256) == (1, hashlib.sha256(b"b").hexdigest())


def test_rules_leave_out_what_they_match(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "a.tmp", "build/x", "keep/build.txt")
    (tmp_path / ".anchorignore").write_text("*.tmp\n/build/\n")
    tree = FileTree(tmp_path, rules=(*rules_of(tmp_path), ".anchorignore"))
    assert [f.path for f in tree.files()] == ["a.txt", "keep/build.txt"]
    assert tree.ignored == 3


def test_the_list_itself_is_not_listed(tmp_path: Path) -> None:
    make(tmp_path, "a", "files.csv")
    assert [f.path for f in FileTree(tmp_path, without=tmp_path / "files.csv").files()] == ["a"]


@pytest.mark.parametrize("target", ["a", "missing", ".."])
def test_a_link_is_refused_and_the_message_leaves_it_out(tmp_path: Path, target: str) -> None:
    (make(tmp_path, "a") / "link").symlink_to(target)
    with pytest.raises(Misuse, match="is a link") as found:
        FileTree(tmp_path).files()
    rule = str(found.value).partition("--ignore '")[2].rstrip("'")
    assert [f.path for f in FileTree(tmp_path, rules=(rule,)).files()] == ["a"]


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Misuse, match="neither a file nor a folder"):
        FileTree(tmp_path).files()


def test_two_names_that_are_one_in_form_nfc_are_refused(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "é")).write_text(form)
    with pytest.raises(Misuse, match="form NFC"):
        FileTree(tmp_path).files()


@pytest.mark.parametrize("name", [b"a\nb", b"a\\b", b"\xff"])
def test_a_name_that_a_list_cannot_hold_is_refused(tmp_path: Path, name: bytes) -> None:
    with open(os.fsencode(tmp_path) + b"/" + name, "wb"):  # noqa: PTH123  a path of bytes
        pass
    with pytest.raises(Misuse, match="rename the file"):
        FileTree(tmp_path).files()


def test_folders_may_be_nested_deeply(tmp_path: Path) -> None:
    top = deep = tmp_path / "d"
    for _ in range(1200):
        deep.mkdir()
        deep /= "d"
    deep.write_text("")
    try:
        (found,) = FileTree(tmp_path).files()
        assert found.path == "/".join(["d"] * 1201)
    finally:
        subprocess.run(["rm", "-r", top], check=True)  # Python cannot remove so deep a folder
