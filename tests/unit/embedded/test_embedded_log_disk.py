# SPDX-License-Identifier: Apache-2.0
"""The embedded log on a disk that fails or kills its writer: nothing is lost, nothing is recorded twice."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor.embedded.log import Log
from anchor.errors import Unavailable
from anchor.sigstore.services import Duplicate
from tests.support.forge.embedded_signer import check_entry, entry_request
from tests.support.logs.embedded_log import KEY, ORIGIN, check_whole, cut, opened


class FailingDisk:
    """The system calls of an append; the `at`-th fails, before or after it has done its work."""

    CALLS = ("pwrite", "ftruncate", "fdatasync", "fsync", "replace")

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.at = -1
        self.kept = False
        for name in self.CALLS:
            patch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any) -> Any:
            self.at -= 1
            if self.at == 0 and not self.kept:
                raise OSError(errno.ENOSPC, "No space left on device")
            result = call(*args)
            if self.at == 0:
                raise OSError(errno.EIO, "Input/output error")
            return result

        return wrapper


@pytest.mark.parametrize("kept", [False, True], ids=["failed-and-lost", "failed-but-kept"])
@pytest.mark.parametrize("size", [0, pytest.param(255, marks=pytest.mark.slow), 256])
def test_a_disk_that_fails_at_any_call_loses_and_doubles_nothing(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool, size: int
) -> None:
    begun = cut(full, size, tmp_path) if size else None
    disk = FailingDisk(monkeypatch)
    for at in range(1, 40):
        folder = tmp_path / str(at)
        if begun:
            shutil.copytree(begun, folder)
            log = opened(folder)
        else:
            log = Log.create(folder, origin=ORIGIN, key=KEY)
        log.lock()
        disk.at, disk.kept = at, kept
        error = None
        try:
            log.append(entry_request("new"))
        except Unavailable as e:
            error = str(e)
        disk.at = -1
        was_committed = log.size() == size + 1
        check_whole(log, size + was_committed)
        if error is None:  # fewer calls than `at`: all of them have failed once
            assert (was_committed, at > 6) == (True, True)
            log.close()
            break
        assert "\n" not in error
        if was_committed:
            with pytest.raises(Duplicate):
                log.append(entry_request("new"))
        else:
            check_entry(log.append(entry_request("new")), origin=ORIGIN, key=log.key, index=size)
        check_entry(log.append(entry_request("next")), origin=ORIGIN, key=log.key, index=size + 1)
        log.close()
        with opened(folder) as again:
            check_whole(again, size + 2)
    else:
        pytest.fail("an append without end")


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257])
def test_what_a_killed_writer_left_beyond_the_checkpoint_is_overwritten(
    full: Path, tmp_path: Path, size: int
) -> None:
    with opened(cut(full, size, tmp_path)) as log:
        check_entry(log.append(entry_request("other")), origin=ORIGIN, key=log.key, index=size)
        check_whole(log, size + 1)


def test_an_index_that_cannot_be_written_does_not_lose_the_entry(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.lock()
    assert log._index

    def failing(*_: object) -> None:
        raise Unavailable("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(log._index, "add", failing)
        with pytest.raises(Unavailable):
            log.append(entry_request("a"))
    with pytest.raises(Duplicate):
        log.append(entry_request("a"))
    check_whole(log, 1)
