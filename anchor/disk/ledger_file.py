# SPDX-License-Identifier: Apache-2.0
"""The ledger file of a publisher. One read parses, hashes and copies it.

So exactly the parsed bytes are published, even if the file changes meanwhile. A malformed ledger is a mistake
in local input here (USAGE), not evidence.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from anchor.disk import files, user_files
from anchor.errors import Misuse, Refused
from anchor.format.facts import MAX_FILE, Ledger, Table
from anchor.format.leaves import Sealed, seal
from anchor.format.readers import READERS, reader_for, reader_named
from anchor.format.readers.reader import FileReader, Stream, StreamReader

_BUFFER = 1 << 20


@dataclass(frozen=True)
class FileDigest:
    """A file by its published name: size in bytes, SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class SealedFile:
    """The result of sealing a ledger file: its tree, its reader, and the two files to publish."""

    sealed: Sealed
    reader: str
    source: FileDigest
    """The ledger as received, under the name it is published by (`ledger.md`, `source.json`, ...)."""
    ledger_json: FileDigest

    @property
    def files(self) -> tuple[FileDigest, FileDigest]:
        """Both files, sorted by name."""
        first, second = sorted((self.source, self.ledger_json), key=lambda d: d.name)
        return first, second


class OpenLedger:
    """An open ledger: `table` streams its facts; `digest()` of all its bytes after the last one."""

    def __init__(self, table: Table, reader: str, tee: "_HashingReader") -> None:
        self.table = table
        self.reader = reader
        self._tee = tee

    def digest(self) -> FileDigest:
        """Name, size and SHA-256 of what was read, which is the whole file once the table is exhausted."""
        return FileDigest(READERS[self.reader].published, self._tee.size, self._tee.sha256.hexdigest())


@contextlib.contextmanager
def open_ledger(
    path: Path, *, copy: Callable[[str], BinaryIO] | None = None, reader: str | None = None
) -> Iterator[OpenLedger]:
    """A ledger file with the reader that its name and first byte call for.

    `copy` opens a file by the published name; it gets the bytes as they are read.

    Raises `Misuse` for a file that cannot be read and for a ledger that is malformed, also while iterating.
    """
    try:
        with user_files.opened(path, limit=MAX_FILE) as f:
            head = f.read(1024)
            found = reader or _reader(path, head)
            kind = reader_named(found, where=str(path))
            tee = _HashingReader(f, head, copy(kind.published) if copy else None)
            with _table(io.BufferedReader(tee, _BUFFER), kind, where=str(path)) as table:
                yield OpenLedger(table, found, tee)
    except Refused as e:
        raise Misuse(e.problem, where=e.where, remedy=e.remedy) from None


@contextlib.contextmanager
def _table(stream: Stream, reader: type[StreamReader] | type[FileReader], *, where: str) -> Iterator[Table]:
    """The facts of a stream. A reader that needs a whole file gets a copy on the disk."""
    if not issubclass(reader, FileReader):
        yield reader(stream, where=where)
        return
    with files.temporary() as file:
        with _writing("temporary file"):
            while data := stream.read(_BUFFER):
                file.write(data)
            file.seek(0)
        yield reader(file, where=where)


def _reader(path: Path, head: bytes) -> str:
    """The reader for a file; a pipe has no name that could say which."""
    try:
        return reader_for(path.name, head)
    except Misuse:
        if user_files.is_stream(path):
            raise Misuse(
                "a pipe has no name that says its format", where=str(path), remedy="give --reader"
            ) from None
        raise


def seal_file(
    path: Path,
    *,
    ledger: Ledger,
    folder: Path | None = None,
    reader: str | None = None,
    progress: Callable[[int], object] | None = None,
) -> SealedFile:
    """Seal a ledger file; with `folder`, write its copy and its ledger.json there, durably.

    The folder is the caller's: after an error its content is to be thrown away (see `staged_folder.staged`).
    """
    with contextlib.ExitStack() as stack:

        def create(name: str) -> BinaryIO:
            assert folder is not None
            return stack.enter_context(_create(folder / name))

        out = _HashingWriter(create("ledger.json") if folder else None)
        with open_ledger(path, copy=create if folder else None, reader=reader) as found:
            sealed = seal(found.table, ledger=ledger, ledger_json=out, progress=progress)
    ours = FileDigest("ledger.json", out.size, out.sha256.hexdigest())
    return SealedFile(sealed, found.reader, found.digest(), ours)


def guard_input(path: Path, folder: Path, found: tuple[FileDigest, ...]) -> None:
    """Raise `Misuse` when writing these files into `folder` would overwrite the input with other bytes."""
    for file in found:
        target = folder / file.name
        if target.exists() and target.samefile(path) and digest_of(path) != file.sha256:
            raise Misuse(
                "the output would overwrite the input", where=str(target), remedy="choose another folder"
            )


def digest_of(path: Path) -> str:
    """SHA-256 in hex of a file, read in pieces."""
    found = hashlib.sha256()
    with files.open_input(path, limit=MAX_FILE) as f:
        while data := f.read(_BUFFER):
            found.update(data)
    return found.hexdigest()


@contextlib.contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise files.os_error(e, path, "write") from None


@contextlib.contextmanager
def _create(path: Path) -> Iterator[BinaryIO]:
    """A new file for writing, on the disk when the block ends."""
    with _writing(path), path.open("xb", buffering=_BUFFER) as f:
        os.fchmod(f.fileno(), 0o644)
        yield f
        f.flush()
        os.fsync(f.fileno())


class _HashingWriter:
    """Takes bytes, counts and hashes them, and passes them on to a file, if there is one."""

    def __init__(self, target: BinaryIO | None) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256()
        self._target = target

    def write(self, data: bytes) -> int:
        self.size += len(data)
        self.sha256.update(data)
        if self._target is not None:
            with _writing(getattr(self._target, "name", "output")):
                self._target.write(data)
        return len(data)


class _HashingReader(io.RawIOBase):
    """A raw stream over `source` that hashes, counts and copies what is read through it."""

    def __init__(self, source: BinaryIO, head: bytes, copy: BinaryIO | None) -> None:
        self._source = source
        self._head = head
        """The first bytes, which were read before: a pipe cannot be read twice."""
        self._sink = _HashingWriter(copy)

    @property
    def size(self) -> int:
        return self._sink.size

    @property
    def sha256(self) -> "hashlib._Hash":
        return self._sink.sha256

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the buffer of a reader
        size = len(buffer)
        data = self._head[:size] or self._source.read(size)
        self._head = self._head[size:]
        buffer[: len(data)] = data
        self._sink.write(data)
        return len(data)
