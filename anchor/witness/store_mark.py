# SPDX-License-Identifier: Apache-2.0
"""The mark beside the store of a witness: how many trees the store has taken.

The store is written first, then the mark, and then the answer leaves. So a store whose number is below that
of its mark was rolled back: it is an older copy. A mark that is put back together with the store reveals
nothing. It has two records that are written in turn, so that a torn write spoils one of them only.
"""

import hashlib
import os
from pathlib import Path

from anchor.disk import files
from anchor.errors import Misuse

_RECORD = 64
_DIGEST = 32


def _record(number: int) -> bytes:
    text = b"%020d" % number
    digest = hashlib.sha256(text).hexdigest()[:_DIGEST].encode()
    return (text + b" " + digest).ljust(_RECORD - 1) + b"\n"


def create(path: Path, number: int) -> None:
    """A new mark, in place of one that may be there."""
    files.write(path, _record(number) * 2, mode=0o600)


def read(path: Path) -> int:
    """The number of a mark. Raises `Misuse` if it is not there or says nothing."""
    data = files.read(path, limit=2 * _RECORD)
    numbers = []
    for at in range(0, len(data), _RECORD):
        text = data[at : at + 20]
        if text.isdigit() and data[at : at + _RECORD] == _record(int(text)):
            numbers.append(int(text))
    if not numbers:
        raise Misuse("says no number", where=str(path))
    return max(numbers)


class Mark:
    """A mark that is open for writing. One thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = read(path)
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as e:
            raise files.os_error(e, path, "write") from None

    def raise_to(self, number: int) -> None:
        """Write the number if it is larger; it is on the disk when this returns."""
        if number <= self._number:
            return
        try:
            os.pwrite(self._fd, _record(number), number % 2 * _RECORD)
            os.fdatasync(self._fd)
        except OSError as e:
            raise files.os_error(e, self._path, "write") from None
        self._number = number

    def close(self) -> None:
        """Close it, once: its number may be another file's soon."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
