# SPDX-License-Identifier: Apache-2.0
"""One writer at a time, by an advisory lock that the system drops when its holder dies."""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from anchor.disk import files
from anchor.errors import Unavailable

_PAUSE = 0.02
"""Seconds between two attempts."""


@contextlib.contextmanager
def exclusive(folder: Path, *, doing: str, patience: float = 0.0) -> Iterator[None]:
    """Hold the folder for this process; `Unavailable` if another process holds it longer than `patience` s.

    The lock is on the folder itself, so nothing is left behind, not even by kill -9. A folder that was
    removed or replaced before it was locked is `Unavailable` too.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as e:
        raise files.os_error(e, folder, "open") from None
    try:
        _lock(fd, folder, doing, time.monotonic() + patience)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, folder: Path, doing: str, until: float) -> None:
    """Lock the open folder; `until`: the monotonic time at which to give up."""
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as e:
            if e.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise files.os_error(e, folder, "lock") from None
            if time.monotonic() >= until:
                raise Unavailable(
                    f"another process is {doing} here", where=str(folder), remedy="wait until it ends"
                ) from None
        time.sleep(_PAUSE)
    if not _is_still(fd, folder):
        raise Unavailable("another process replaced it", where=str(folder), remedy="run it again")


def _is_still(fd: int, folder: Path) -> bool:
    """True if the open folder is still the one of this path."""
    try:
        return os.path.samestat(os.fstat(fd), folder.stat())
    except OSError:
        return False
