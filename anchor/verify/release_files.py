# SPDX-License-Identifier: Apache-2.0
"""The source of a release's files, as verification sees it, and streams that hash while they read."""

import hashlib
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from anchor.errors import Incomplete, Refused
from anchor.format.readers.reader import Stream

CHUNK = 1 << 18
SHORTER = "are promised"
"""Words about a file that has fewer bytes than are named, and about no file that is missing."""
COPYING = "if it is being copied, try again when that is done"


class Files(Protocol):
    """Files by their path relative to release.json. Nothing outside its folder can be named."""

    def spool(self) -> AbstractContextManager[BinaryIO]:
        """An empty file that only this process can read and write, for readers that need a whole file."""
        ...

    def open(self, path: str, *, size: int) -> AbstractContextManager[Stream]:
        """A stream of the file, which should have `size` bytes.

        Raises `Incomplete` for a file that is missing or shorter. Raises `Refused` for a file that is longer,
        not regular, or outside of the folder. Raises `Unavailable` if the file cannot be examined.
        """
        ...

    def read_up_to(self, path: str, *, limit: int) -> bytes:
        """A small file whose size nobody names. Raises as `open`, and `Refused` above `limit` bytes."""
        ...


class HashedStream:
    """A stream that hashes and counts the bytes that are read. `finish` reads the rest and compares.

    So the parsed bytes are the hashed bytes, even if the file changes meanwhile.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._count = 0

    def read(self, size: int = -1, /) -> bytes:
        return self._counted(self._stream.read(size))

    def readline(self, limit: int = -1, /) -> bytes:
        return self._counted(self._stream.readline(limit))

    def finish(self, *, size: int, sha256: str, where: str) -> None:
        """Return if all bytes of the file have the size and digest that the release names; raises as
        `check_digest`."""
        while self.read(CHUNK):
            if self._count > size:
                break
        check_digest(size=self._count, digest=self._hash.hexdigest(), want=(size, sha256), where=where)

    def copy(self, file: BinaryIO, *, size: int) -> None:
        """Write the rest of the stream to `file`, at most one piece more than `size` bytes."""
        while self._count <= size and (data := self.read(CHUNK)):
            file.write(data)

    def check_whole(self, *, size: int, where: str) -> None:
        """Raise `Incomplete` if the file ends before this size: errors in its content then mean nothing."""
        while self._count < size and self.read(CHUNK):
            pass
        check_size(self._count, size, where=where)

    def _counted(self, data: bytes) -> bytes:
        self._hash.update(data)
        self._count += len(data)
        return data


class HashedSink:
    """Takes bytes, and keeps only their size and SHA-256."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def check_size(size: int, promised: int, *, where: str) -> None:
    """Raise `Incomplete` for fewer bytes than are promised."""
    if size < promised:
        raise Incomplete(f"has {size} bytes where {promised} {SHORTER}", where=where, remedy=COPYING)


def check_digest(*, size: int, digest: str, want: tuple[int, str], where: str) -> None:
    """Raise `Incomplete` for fewer bytes than wanted, and `Refused` for more bytes or other ones."""
    check_size(size, want[0], where=where)
    if size != want[0]:
        raise Refused(f"has {size} bytes where {want[0]} are promised", where=where)
    if digest != want[1]:
        raise Refused(f"SHA-256 is {digest} where {want[1]} is promised", where=where)


def read_whole(files: Files, path: str, *, size: int, sha256: str, limit: int) -> bytes:
    """A small file with this size and digest. Raises `Refused` for another file or one above `limit`, and
    `Incomplete` for a file that is missing or shorter."""
    if size > limit:
        raise Refused(f"{size} bytes, more than the {limit} that are read", where=path)
    with files.open(path, size=size) as stream:
        data = stream.read(size + 1)
    check_digest(size=len(data), digest=hashlib.sha256(data).hexdigest(), want=(size, sha256), where=path)
    return data
