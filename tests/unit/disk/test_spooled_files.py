# SPDX-License-Identifier: Apache-2.0
"""Files that are read once and held: what is read again is what was read, whatever is served by then."""

import hashlib
import io
from collections.abc import Iterator

import pytest

from anchor.app import canary
from anchor.disk import spooled_files
from anchor.disk.spooled_files import SpooledFiles
from anchor.errors import Unavailable
from anchor.format.release import File
from anchor.monitor.observed import HeldRelease
from tests.support.releases.in_memory import Memory

GOOD = b"".join(b"line %d\n" % n for n in range(200_000))


@pytest.fixture
def served() -> dict[str, bytes]:
    return {"a": GOOD, "b": b"small"}


@pytest.fixture
def held(served: dict[str, bytes]) -> Iterator[SpooledFiles]:
    found = SpooledFiles(Memory(served))
    yield found
    found.close()


def read(files: SpooledFiles, path: str, size: int) -> bytes:
    with files.open(path, size=size) as stream:
        return stream.readline() + stream.read(5) + stream.read()


def again(files: SpooledFiles, path: str, size: int) -> bytes:
    with files.reopen(path, size=size) as stream:
        return stream.read()


def test_what_was_read_is_read_again_after_the_source_has_changed(
    held: SpooledFiles, served: dict[str, bytes]
) -> None:
    assert read(held, "a", len(GOOD)) == GOOD
    assert read(held, "b", 5) == b"small"
    served["a"] = served["b"] = b"other"
    assert again(held, "a", len(GOOD)) == GOOD
    assert again(held, "b", 5) == b"small"
    with held.reopen("a", size=len(GOOD)) as stream:
        assert isinstance(stream, io.BufferedReader)
        assert stream.read(4) == GOOD[:4]
        assert stream.tell() == 4
        stream.seek(0)
        assert stream.readline() == b"line 0\n"
        assert stream.seek(-3, 2) == len(GOOD) - 3
        assert stream.read() == GOOD[-3:]
    assert read(held, "b", 5) == b"other"  # opened anew, it is asked for anew
    assert again(held, "b", 5) == b"other"


def test_what_is_too_large_is_opened_again_and_must_be_the_same(
    held: SpooledFiles, served: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_files, "MAX_HELD", 1 << 16)
    assert read(held, "a", len(GOOD)) == GOOD
    ledger = File(name="ledger.md", path="a", size=len(GOOD), sha256=hashlib.sha256(GOOD).hexdigest())
    release = HeldRelease(data=b"", ledger=ledger, files=held)
    canary.check(release)
    served["a"] = GOOD[:-1] + b"x"
    with pytest.raises(Unavailable, match="changed since it was verified"):
        canary.check(release)


def test_one_bit_of_the_ledger_is_changed_and_nothing_else(held: SpooledFiles) -> None:
    read(held, "a", len(GOOD))
    read(held, "b", 5)
    ledger = File(name="ledger.md", path="a", size=len(GOOD), sha256="ab" * 32)
    files = canary.Corrupted(HeldRelease(data=b"", ledger=ledger, files=held))
    with files.open("a", size=len(GOOD)) as stream:
        changed = stream.read()
    at = len(GOOD) // 2
    assert changed[at] == GOOD[at] ^ 1
    assert changed[:at] + changed[at + 1 :] == GOOD[:at] + GOOD[at + 1 :]
    with files.open("b", size=5) as stream:
        assert stream.read() == b"small"
