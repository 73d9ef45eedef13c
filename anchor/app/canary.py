# SPDX-License-Identifier: Apache-2.0
"""The canary: a copy of the verified bytes of a release, with one bit of the ledger changed.

Nothing is fetched again. Otherwise the server under test would decide the result of the self-test.
"""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from anchor.errors import Refused, Unavailable
from anchor.format.readers.reader import Stream
from anchor.monitor.observed import HeldRelease
from anchor.verify.release_files import HashedStream


class Corrupted:
    """The held files of a release. The lowest bit of the middle byte of the ledger is changed."""

    def __init__(self, held: HeldRelease) -> None:
        self._held = held

    def spool(self) -> AbstractContextManager[BinaryIO]:
        """As `Files.spool`."""
        return self._held.files.spool()

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[Stream]:
        """As `Files.open`."""
        with self._held.files.reopen(path, size=size) as stream:
            yield _Flipped(stream, at=size // 2) if path == self._held.ledger.path else stream

    def read_up_to(self, path: str, *, limit: int) -> bytes:
        """As `Files.read_up_to`."""
        return self._held.files.read_up_to(path, limit=limit)


def check(held: HeldRelease) -> None:
    """Raise Unavailable unless the held ledger has the digest of release.json."""
    ledger = held.ledger
    try:
        with held.files.reopen(ledger.path, size=ledger.size) as stream:
            HashedStream(stream).finish(size=ledger.size, sha256=ledger.sha256, where=ledger.path)
    except Refused as e:
        raise Unavailable(f"changed since it was verified: {e.problem}", where=ledger.path) from None


class _Flipped:
    """The part of a binary stream that readers use, with one bit changed."""

    def __init__(self, stream: Stream, *, at: int) -> None:
        self._stream = stream
        self._at = at
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        return self._seen(self._stream.read(size))

    def readline(self, limit: int = -1, /) -> bytes:
        return self._seen(self._stream.readline(limit))

    def _seen(self, data: bytes) -> bytes:
        start, self._position = self._position, self._position + len(data)
        if not start <= self._at < self._position:
            return data
        changed = bytearray(data)
        changed[self._at - start] ^= 1
        return bytes(changed)
