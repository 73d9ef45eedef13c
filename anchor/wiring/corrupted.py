# SPDX-License-Identifier: Apache-2.0
"""The files of a release as the canary of a re-verification reads them: with one bit changed."""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from anchor.verify.files import Files


class Corrupted:
    """The same files with the lowest bit of the published ledger's middle byte changed."""

    def __init__(self, files: Files) -> None:
        self._files = files

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[BinaryIO]:
        with self._files.open(path, size=size) as stream:
            name = path.rsplit("/", 1)[-1]
            if name == "source.json" or (name.startswith("ledger.") and name != "ledger.json"):
                yield cast("BinaryIO", _Flipped(stream, at=size // 2))
            else:
                yield stream


class _Flipped:
    """As much of a binary stream as readers use, with one bit changed."""

    def __init__(self, stream: BinaryIO, *, at: int) -> None:
        self._stream = stream
        self._at = at
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        return self._seen(self._stream.read(size))

    def readline(self, limit: int = -1) -> bytes:
        return self._seen(self._stream.readline(limit))

    def _seen(self, data: bytes) -> bytes:
        start, self._position = self._position, self._position + len(data)
        if not start <= self._at < self._position:
            return data
        changed = bytearray(data)
        changed[self._at - start] ^= 1
        return bytes(changed)
