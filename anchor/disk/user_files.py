# SPDX-License-Identifier: Apache-2.0
"""Files that the user named on the command line.

Our own files are regular files, and are replaced as a whole (`disk.files`). The user may name a pipe, a
terminal, a device or a link: `-o /dev/null` must not replace the device by a file.
"""

import contextlib
import functools
import io
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from anchor.disk import files
from anchor.errors import Misuse, Unavailable

STDIN = Path("/dev/stdin")
"""The meaning of `-` for a file that is read: descriptor 0 of this process."""
STDOUT = Path("/dev/stdout")
"""The meaning of `-` for a file that is written: descriptor 1."""
_STANDARD = {STDIN: 0, STDOUT: 1, Path("/dev/stderr"): 2}
_MAX_LINKS = 40


@contextlib.contextmanager
def opened(path: Path, *, limit: int) -> Iterator[BinaryIO]:
    """A file, pipe or device opened for reading, once and in order. Raises `Misuse` beyond `limit` bytes:
    of a regular file at once, of anything else when so much was read."""
    if "\0" in str(path):
        raise Misuse("a name with a NUL", where=repr(str(path)))
    try:
        with open(path, "rb", opener=_open) as f:
            info = os.fstat(f.fileno())
            if not stat.S_ISREG(info.st_mode):
                yield io.BufferedReader(_Capped(f, limit, path))
                return
            if info.st_size > limit:
                raise Misuse(f"{info.st_size} bytes, more than the {limit} that are read", where=str(path))
            yield f
    except OSError as e:
        raise files.os_error(e, path, "read") from None


def read(path: Path, *, limit: int) -> bytes:
    """All its bytes, at most `limit`. Those of a pipe are remembered, because it can be read only once."""
    if is_stream(path):
        return _read_pipe(path, limit)
    return files.read(path, limit=limit)


@functools.cache
def _read_pipe(path: Path, limit: int) -> bytes:
    with opened(path, limit=limit) as f:
        return f.read()


def forget_pipes() -> None:
    """Forget the bytes of all pipes. Called at the start of a command."""
    _read_pipe.cache_clear()


def is_stream(path: Path) -> bool:
    """True if the file can be read only once, such as a pipe: it is neither a regular file nor a folder."""
    try:
        mode = os.fstat(0).st_mode if path == STDIN else path.stat().st_mode
    except (OSError, ValueError):  # who opens it says what is wrong
        return False
    return path == STDIN or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def base(path: Path) -> Path:
    """The folder to which paths in this file are relative: that of the file; for a pipe the current one."""
    return Path() if is_stream(path) else path.parent


def write(path: Path, data: bytes, *, wait: bool = True) -> None:
    """Write to the file that the name leads to.

    A regular file is replaced as a whole, and keeps its mode and owner. Links are followed and stay. Anything
    else, such as a device or a pipe, is opened and written to. `wait`: wait for a reader of a named pipe;
    otherwise a pipe without a reader is `Misuse`.
    """
    try:
        target = _follow(path)
        if isinstance(target, int):
            _write_all(os.dup(target), data)
            return
        try:
            found = os.lstat(target)
        except FileNotFoundError:
            files.replace(target, data, mode=None)
            return
        if stat.S_ISREG(found.st_mode):
            files.replace(target, data, mode=stat.S_IMODE(found.st_mode), owner=(found.st_uid, found.st_gid))
            return
        if stat.S_ISBLK(found.st_mode):
            raise Misuse("is a disk, which would be overwritten", where=str(path), remedy="name a file")
        _write_all(os.open(target, os.O_WRONLY | (0 if wait else os.O_NONBLOCK)), data)
    except BrokenPipeError:
        raise Unavailable(
            "nobody reads it any more", where=str(path), remedy="run it again with a reader"
        ) from None
    except OSError as e:
        raise files.os_error(e, path, "write") from None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A stream into a file, pipe or device that the user names. A regular file appears whole when the block
    ends well, or not at all; any other has what was written until then."""
    try:
        target = _follow(path)
        if isinstance(target, int) or (os.path.lexists(target) and not target.is_file()):
            if not isinstance(target, int) and target.is_block_device():
                raise Misuse("is a disk, which would be overwritten", where=str(path), remedy="name a file")
            sys.stdout.flush()
            opened = os.dup(target) if isinstance(target, int) else os.open(target, os.O_WRONLY)
            os.set_blocking(opened, True)
            with os.fdopen(opened, "wb") as f:
                yield f
            return
        files.make_folder(target.parent, mode=files.PUBLIC)
        half = target.parent / f".{target.name}.{os.urandom(4).hex()}.tmp"
        try:
            with half.open("xb") as f:
                yield f
                f.flush()
                if target.exists():
                    os.fchmod(f.fileno(), stat.S_IMODE(target.stat().st_mode))
                os.fsync(f.fileno())
            os.replace(half, target)
        except BaseException:
            with contextlib.suppress(OSError):
                half.unlink()
            raise
        files.sync_folder(target.parent)
    except BrokenPipeError:
        raise Unavailable(
            "nobody reads it any more", where=str(path), remedy="run it again with a reader"
        ) from None
    except OSError as e:
        raise files.os_error(e, path, "write") from None


def regular(path: Path) -> Path:
    """The regular file that a name leads to, which need not exist yet. Raises `Misuse` for anything else."""
    try:
        target = _follow(path)
    except OSError as e:
        raise files.os_error(e, path, "write") from None
    if isinstance(target, int) or (os.path.lexists(target) and not target.is_file()):
        raise Misuse("is not a regular file", where=str(path), remedy="name a regular file")
    return target


def _follow(path: Path) -> Path | int:
    """The target of a path, links followed; a number if it is an open descriptor of this process.

    `/dev/stdout` is a descriptor even if it leads to a regular file: the shell that redirected it has that
    file open, and would not see a file that replaces it.
    """
    at = path
    for _ in range(_MAX_LINKS):
        if at in _STANDARD:
            return _STANDARD[at]
        folder = at.parent.resolve()
        if folder in (Path("/dev/fd"), Path(f"/proc/{os.getpid()}/fd")) and at.name.isdecimal():
            return int(at.name)
        at = folder / at.name
        if not at.is_symlink():
            return at
        at = folder / at.readlink()
    raise Misuse("a loop of links", where=str(path), remedy="name another file")


def _write_all(descriptor: int, data: bytes) -> None:
    """Write it all to an open descriptor, which is closed then."""
    sys.stdout.flush()  # what was printed before comes before, should both be one terminal
    os.set_blocking(descriptor, True)
    with open(descriptor, "wb", buffering=0) as f:
        rest = memoryview(data)
        while rest:
            rest = rest[f.write(rest) :]


def _open(path: str, flags: int) -> int:
    """`-` is the descriptor itself: its name cannot always be opened, as when it is a socket."""
    return os.dup(0) if path == str(STDIN) else os.open(path, flags)


class _Capped(io.RawIOBase):
    """The bytes of a stream. Raises `Misuse` after more than `limit` bytes."""

    def __init__(self, source: BinaryIO, limit: int, path: Path) -> None:
        self._source = source
        self._left = limit
        self._limit = limit
        self._path = path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the buffer of a reader
        data = os.read(self._source.fileno(), min(len(buffer), self._left + 1))
        if len(data) > self._left:
            raise Misuse(f"more than the {self._limit} bytes that are read", where=str(self._path))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)
