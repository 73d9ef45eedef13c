# SPDX-License-Identifier: Apache-2.0
"""Which files the releases of a mirror may name together, and bytes that are not those that were promised."""

import contextlib
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from anchor.app.mirror_files import MirrorFiles, Promised, Traffic, blobs
from anchor.disk import mirror_folder
from anchor.errors import AnchorError, Incomplete, Refused, Unavailable
from anchor.format import release as release_file
from anchor.format.release import Release
from tests.support.process.anchor_cli import ROOT

OWN = release_file.load((ROOT / "release/1.0.0/release.json").read_bytes())
NEWEST = release_file.load((ROOT / "release.json").read_bytes())


def with_path(path: str) -> Release:
    """The release with its first file at another path."""
    first, *rest = OWN.files
    return msgspec.structs.replace(OWN, files=(msgspec.structs.replace(first, path=path), *rest))


def test_releases_of_one_site_fit_together() -> None:
    promised = Promised()
    promised.add(NEWEST, "")
    promised.add(OWN, "release/1.0.0/")
    promised.add(OWN, "release/1.0.0/")  # the same again
    for blob in blobs(OWN):
        assert promised.of(f"release/1.0.0/{blob.path}") == (blob.size, blob.sha256)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("release.json", "something else in this place"),
        ("x/Release.json", "something else in this place"),
        ("release/log/x/checkpoint", "something else in this place"),
        ("release/log", "something else in this place"),
        ("release/1.1.0/statement.json", "with other bytes"),
        ("release/1.1.0/Statement.json", "only in case"),
        ("release/1.1.0", "a file and a folder"),
        ("release/1.1.0/statement.json/x", "a file and a folder"),
    ],
)
def test_a_path_that_would_replace_something_is_refused(path: str, says: str) -> None:
    promised = Promised()
    promised.add(NEWEST, "")
    with pytest.raises(Refused, match=says):
        promised.add(with_path(path), "")


class Served:
    """A source that gives these bytes for every file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def spool(self) -> contextlib.AbstractContextManager[BinaryIO]:
        raise NotImplementedError("a mirror spools to a file of its own, never to its source's")

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[BinaryIO]:
        yield io.BytesIO(self.data)

    def read_up_to(self, path: str, *, limit: int) -> bytes:
        return self.data


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda data: data[:-1], Incomplete),
        (lambda data: data + b"x", Refused),
        (lambda data: b"x" + data[1:], Refused),
        (lambda data: data * 1000, Refused),
        (lambda data: data, Unavailable),  # more than the run may fetch
    ],
)
def test_bytes_that_are_not_those_promised_are_not_taken(
    tmp_path: Path, change: object, error: type[AnchorError]
) -> None:
    (one,) = (f for f in OWN.files if f.name == "ledger.md")
    data = (ROOT / "release/1.0.0/ledger.md").read_bytes()
    assert hashlib.sha256(data).hexdigest() == one.sha256
    promised = Promised()
    promised.add(OWN, "a/")
    most = 100 if error is Unavailable else 1 << 30
    assert callable(change)
    with mirror_folder.held(tmp_path / "m") as folder:
        files = MirrorFiles(folder, Served(change(data)), promised, "a/", Traffic(most))
        with pytest.raises(error):
            files.fetch("ledger.md")
        assert not folder.waiting("a/ledger.md").exists()


def test_a_file_is_fetched_once(tmp_path: Path) -> None:
    data = (ROOT / "release/1.0.0/ledger.md").read_bytes()
    promised, traffic = Promised(), Traffic(1 << 30)
    promised.add(OWN, "a/")
    with mirror_folder.held(tmp_path / "m") as folder:
        files = MirrorFiles(folder, Served(data), promised, "a/", traffic)
        for _ in range(3):
            with files.open("ledger.md", size=len(data)) as stream:
                assert stream.read() == data
        folder.put("a/ledger.md")
        with files.open("ledger.md", size=len(data)) as stream:
            assert stream.read() == data
    assert traffic.size == len(data)
