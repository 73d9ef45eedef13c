# SPDX-License-Identifier: Apache-2.0
"""One writer at a time, by an advisory lock that the system drops when its holder dies."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from anchor.disk import files
from anchor.errors import Unavailable


@contextlib.contextmanager
def exclusive(folder: Path, *, doing: str) -> Iterator[None]:
    """Hold the folder for this process; `Unavailable` at once when another process holds it.

    The lock is on the folder itself, so nothing is left behind, not even by kill -9.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as e:
        raise files.os_error(e, folder, "open") from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            if e.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise files.os_error(e, folder, "lock") from None
            raise Unavailable(
                f"another process is {doing} here", where=str(folder), remedy="wait until it ends"
            ) from None
        yield
    finally:
        os.close(fd)
