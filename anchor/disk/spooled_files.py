# SPDX-License-Identifier: Apache-2.0
"""Files of a release that are read once and held, so that they can be read again without asking for them.

In one temporary file without a name, most of it on disk. A file that is too large to be held, as only a local
one can be, is opened again.
"""

import contextlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import IO, Any, BinaryIO

from anchor.format.readers.reader import Stream
from anchor.verify.release_files import CHUNK, Files

MAX_HELD = 1 << 30
"""Bytes that are held of one release: as much as is ever fetched of one file."""
IN_MEMORY = 1 << 22


class SpooledFiles:
    """The same files; each that is opened is held, and `reopen` gives what was read then."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._all: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - `close`
        self._end = 0
        self._ranges: dict[str, tuple[int, int]] = {}

    def spool(self) -> AbstractContextManager[BinaryIO]:
        """As `Files.spool`."""
        return self._files.spool()

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[Stream]:
        """As `Files.open`."""
        self._ranges.pop(path, None)
        if self._end + size < MAX_HELD:
            with self._files.open(path, size=size) as stream:
                self._hold(path, stream, size)
        with self.reopen(path, size=size) as found:
            yield found

    @contextlib.contextmanager
    def reopen(self, path: str, *, size: int) -> Iterator[Stream]:
        """The bytes that `open` gave the last time."""
        if path in self._ranges:
            yield io.BufferedReader(_Slice(self._all, *self._ranges[path]), CHUNK)
            return
        with self._files.open(path, size=size) as stream:
            yield stream

    def close(self) -> None:
        """Hold nothing any more."""
        self._ranges.clear()
        self._all.close()

    def _hold(self, path: str, stream: Stream, size: int) -> None:
        """Copy at most one byte more than is promised: whoever reads must see that there are more."""
        left, end = size + 1, self._end
        while left and (data := stream.read(min(CHUNK, left))):
            try:
                self._all.seek(end)
                self._all.write(data)
            except OSError:  # no room: it is opened again instead
                return
            left, end = left - len(data), end + len(data)
        self._ranges[path], self._end = (self._end, end - self._end), end


class _Slice(io.RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, whole: IO[bytes], start: int, size: int) -> None:
        self._whole = whole
        self._start = self._at = start
        self._end = start + size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: self._start, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = min(max(base + offset, self._start), self._end)
        return self._at - self._start

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        self._whole.seek(self._at)
        data = self._whole.read(min(len(view), self._end - self._at))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
