# SPDX-License-Identifier: Apache-2.0
"""A stream that can be read from its beginning several times, such as standard input.

What was read of it is stored in a temporary file. No more is taken from it than is read.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import BinaryIO

from anchor.disk import files

_BUFFER = 1 << 20


class SpooledStream:
    """The bytes of a stream. `opened` gives them from the first one on."""

    def __init__(self, source: BinaryIO, store: BinaryIO) -> None:
        self._source = source
        self._store = store
        self._stored = 0

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """All bytes of the stream, in order. One reader at a time."""
        yield io.BufferedReader(_FromBeginning(self), _BUFFER)

    def read_at(self, position: int, size: int) -> bytes:
        """At most `size` bytes from a position that was reached before."""
        if position == self._stored:
            data = self._source.read(size)
            try:
                self._store.seek(position)
                self._store.write(data)
            except OSError as e:
                raise files.os_error(e, "temporary file", "write") from None
            self._stored += len(data)
            return data
        self._store.seek(position)
        return self._store.read(min(size, self._stored - position))


@contextlib.contextmanager
def spooled(source: BinaryIO) -> Iterator[SpooledStream]:
    """The stream with its store, while the block runs."""
    with files.temporary() as store:
        yield SpooledStream(source, store)


class _FromBeginning(io.RawIOBase):
    """One reading of the stream."""

    def __init__(self, stream: SpooledStream) -> None:
        self._stream = stream
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the buffer of a reader
        data = self._stream.read_at(self._position, len(buffer))
        self._position += len(data)
        buffer[: len(data)] = data
        return len(data)
