# SPDX-License-Identifier: Apache-2.0
"""A ledger on disk: one read for parsing, hashing and copying; output whole or not at all."""

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from anchor.disk.ledger_file import LedgerFile, open_ledger, seal_file
from anchor.disk.staged_folder import staged
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.format.statement import LedgerName

LEDGER = LedgerName(name="n", number=1, version="v")
TEXTS = {
    "ledger.md": "| A |\n|---|\n| 1 |\n\nafter\n",
    "x.markdown": "| A |\n|---|\n| 1 |\n",
    "x.csv": "a\n1\n",
    "x.jsonl": '{"a":1}\n',
    "x.ndjson": '{"a":1}\n',
    "x.JSON": ' \n[{"a":1}] \n',
    "ledger.json": '[{"a":1}]',
}
PUBLISHED = {
    "ledger.md": "ledger.md",
    "x.markdown": "ledger.md",
    "x.csv": "ledger.csv",
    "x.jsonl": "ledger.jsonl",
    "x.ndjson": "ledger.jsonl",
    "x.JSON": "source.json",
    "ledger.json": "source.json",
}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", TEXTS)
def test_the_bytes_that_are_published_are_the_bytes_that_were_parsed(name: str, tmp_path: Path) -> None:
    path, out = tmp_path / name, tmp_path / "out"
    path.write_text(TEXTS[name])
    out.mkdir()
    sealed = seal_file([LedgerFile(path=path)], ledger=LEDGER, folder=out)
    assert tree(out).keys() == {"ledger.json", PUBLISHED[name]}
    assert (out / PUBLISHED[name]).read_text() == TEXTS[name]
    for file in sealed.files:
        data = (out / file.name).read_bytes()
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert [f.name for f in sealed.files] == sorted(f.name for f in sealed.files)
    assert seal_file([LedgerFile(path=path)], ledger=LEDGER) == sealed


def test_our_own_ledger_json_is_told_from_an_array_and_seals_to_the_same_root(tmp_path: Path) -> None:
    path, out = tmp_path / "x.csv", tmp_path / "out"
    path.write_text("b,a\n1,2\n3,4\n")
    out.mkdir()
    first = seal_file([LedgerFile(path=path)], ledger=LEDGER, folder=out)
    again = tmp_path / "again"
    again.mkdir()
    second = seal_file([LedgerFile(path=out / "ledger.json")], ledger=LEDGER, folder=again)
    assert second.originals[0].reader == "ledger-json-v1"
    assert second.sealed == first.sealed
    assert first.ledger_json is not None
    assert first.ledger_json == second.ledger_json
    assert second.originals[0].file.sha256 == first.ledger_json.sha256
    assert tree(again).keys() == {"ledger.json", "source.json"}


def test_a_file_that_changes_while_it_is_read_is_hashed_as_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")
    with open_ledger(LedgerFile(path=path)) as found:
        rows = list(found.table)
        path.write_text("a\n2\n")
    assert rows == [(2, ("1",))]
    assert found.original().file.sha256 == hashlib.sha256(b"a\n1\n").hexdigest()


def test_a_ledger_that_is_malformed_is_local_input_not_evidence(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n1,2\n")
    with (
        pytest.raises(Misuse, match=r"x\.csv: line 3: 2 fields"),
        open_ledger(LedgerFile(path=path)) as found,
    ):
        list(found.table)
    with pytest.raises(Misuse, match="line 3"):
        seal_file([LedgerFile(path=path)], ledger=LEDGER)


@pytest.mark.parametrize("name", ["x.txt", "x", "x.xlsx.gz", ".md", "x.xlsx"])
def test_a_kind_of_file_without_a_reader_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("a\n1\n")
    if name == ".md":  # nothing but an ending is an ending
        assert "line" in refused(path)
    else:
        assert "no reader for this kind of file" in refused(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "x.md"
    folder.mkdir()
    for path in (folder, Path("/dev/full"), tmp_path / "missing.md", folder / "z.md"):
        assert refused(path)


def refused(path: Path) -> str:
    with pytest.raises(Misuse) as found:
        seal_file([LedgerFile(path=path)], ledger=LEDGER)
    assert "\n" not in str(found.value)
    return str(found.value)


class TestStage:
    """Several files into a folder: all of them, or the folder as it was."""

    def fill(self, folder: Path) -> None:
        with staged(folder) as stage:
            (stage / "a").write_text("new a")
            (stage / "b").write_text("new b")

    def fail(self, folder: Path) -> None:
        with staged(folder) as stage:
            (stage / "a").write_text("new a")
            raise RuntimeError

    @pytest.mark.parametrize("place", ["out", "deep/er/out"])
    def test_a_new_folder_appears_whole_and_readable(self, place: str, tmp_path: Path) -> None:
        self.fill(tmp_path / place)
        assert tree(tmp_path) == {f"{place}/a": b"new a", f"{place}/b": b"new b"}
        assert (tmp_path / place).stat().st_mode & 0o777 == 0o777 & ~umask()

    def test_an_existing_folder_keeps_its_other_files(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("old")
        (tmp_path / "c").write_text("c")
        self.fill(tmp_path)
        assert tree(tmp_path) == {"a": b"new a", "b": b"new b", "c": b"c"}

    def test_an_error_while_writing_leaves_nothing(self, tmp_path: Path) -> None:
        for folder in (tmp_path, tmp_path / "out", tmp_path / "deep" / "out"):
            with pytest.raises(RuntimeError):
                self.fail(folder)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("at", [1, 2, 3])
    @pytest.mark.parametrize("kept", [False, True])
    def test_an_error_between_two_renames_puts_the_old_files_back(
        self, at: int, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The rename that fails was lost, or done although it failed."""
        (tmp_path / "a").write_text("old")
        real, calls = os.replace, 0

        def failing(source: Any, target: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == at and kept:
                real(source, target)
            if calls == at:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(source, target)

        monkeypatch.setattr(os, "replace", failing)
        with pytest.raises(Unavailable, match="No space left"):
            self.fill(tmp_path)
        assert tree(tmp_path) == {"a": b"old"}

    def test_a_new_folder_that_cannot_be_named_leaves_no_parents(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def failing(source: Any, target: Any) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "replace", failing)
        with pytest.raises(AnchorError):
            self.fill(tmp_path / "deep" / "out")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("place", ["file", "file/below", "file/far/below", "dangling"])
    def test_a_place_that_is_no_folder_is_refused_also_for_root(self, place: str, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        (tmp_path / "dangling").symlink_to("nowhere")
        with pytest.raises(Misuse):
            self.fill(tmp_path / place)
        assert tree(tmp_path) == {"file": b"x"}

    def test_a_folder_in_the_place_of_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "b").mkdir()
        with pytest.raises(Misuse, match="a folder is where a file should go"):
            self.fill(tmp_path)
        assert tree(tmp_path) == {}

    def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("secret")
        out = tmp_path / "out"
        out.mkdir()
        (out / "a").symlink_to("../secret")
        self.fill(out)
        assert (tmp_path / "secret").read_text() == "secret"
        assert not (out / "a").is_symlink()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
