# SPDX-License-Identifier: Apache-2.0
"""The files of a release, stored when they are first read, so that they need not be fetched again.

They are stored in one temporary file without a name, mostly on disk. A file that is too large for that is
opened again; only a local file can be so large.
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
    """The same files. `open` stores the bytes that it reads, and `reopen` returns them."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._all: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - `close`
        self._end = 0
        self._ranges: dict[str, tuple[int, int]] = {}
        self._small: dict[str, bytes] = {}

    def spool(self) -> AbstractContextManager[BinaryIO]:
        """As `Files.spool`."""
        return self._files.spool()

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[Stream]:
        """Like `Files.open`; the bytes are stored as well."""
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

    def read_up_to(self, path: str, *, limit: int) -> bytes:
        """As `Files.read_up_to`; read once."""
        if path not in self._small:
            self._small[path] = self._files.read_up_to(path, limit=limit)
        return self._small[path]

    def close(self) -> None:
        """Remove the stored bytes."""
        self._ranges.clear()
        self._all.close()

    def _hold(self, path: str, stream: Stream, size: int) -> None:
        """Copy at most one byte more than is promised, so that the reader sees that there are more."""
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
