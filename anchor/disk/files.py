# SPDX-License-Identifier: Apache-2.0
"""Files: capped reads, reads that cannot leave a folder, and writes that are whole or not there at all."""

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from anchor.errors import AnchorError, Missing, Misuse, Refused, Unavailable

_TRANSIENT = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EINTR),
    *(errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}
_REMEDIES = {errno.ENOMEM: "give it more memory and run it again"}
_NOT_FOUND = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}


def os_error(error: OSError, where: str | Path, doing: str) -> AnchorError:
    """Our error for one of the system: UNAVAILABLE if it may pass by itself, otherwise USAGE."""
    reason = error.strerror or str(error)
    if error.errno in _TRANSIENT:
        remedy = _REMEDIES.get(error.errno, "make room and run it again")
        return Unavailable(f"cannot {doing}: {reason}", where=str(where), remedy=remedy)
    kind = Missing if error.errno in _NOT_FOUND else Misuse
    return kind(f"cannot {doing}: {reason}", where=str(where), remedy="check the path and its permissions")


def read(path: Path, *, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes."""
    with open_input(path, limit=limit) as f:
        data = f.read(limit + 1)
    if len(data) > limit:
        raise Misuse(f"larger than {limit} bytes", where=str(path))
    return data


def _open_nonblocking(path: str, flags: int) -> int:
    """Open without waiting. If a FIFO is in the place of a file, a plain open would wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)


@contextlib.contextmanager
def open_input(path: Path, *, limit: int) -> Iterator[BinaryIO]:
    """A regular file opened for reading; refused when it is larger than `limit` bytes or no file."""
    if "\0" in str(path):
        raise Misuse("a name with a NUL", where=repr(str(path)))
    try:
        with open(path, "rb", opener=_open_nonblocking) as f:
            info = os.fstat(f.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise Misuse("not a regular file", where=str(path))
            if info.st_size > limit:
                raise Misuse(f"{info.st_size} bytes, more than the {limit} that are read", where=str(path))
            yield f
    except OSError as e:
        raise os_error(e, path, "read") from None


class ConfinedFolder:
    """A folder that no path leads out of. Its own path is resolved once, for the first file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @functools.cached_property
    def _base(self) -> Path:
        return self._folder.resolve()

    def path(self, relative: str) -> Path:
        """The path of `relative` below the folder, links resolved; refused when it leads out of it."""
        parts = relative.split("/")
        if relative.startswith("/") or "\\" in relative or any(p in ("", ".", "..") for p in parts):
            raise Refused("a path must be relative and without '..'", where=relative)
        if "\0" in relative:
            raise Refused("a path with a NUL", where=repr(relative))
        try:
            full = self._base / relative
            # The folder is resolved already: only a link below it can still lead elsewhere.
            below = (self._base.joinpath(*parts[:n]) for n in range(1, len(parts) + 1))
            if any(os.path.islink(path) for path in below):  # noqa: PTH114 - errors are left to who opens it
                full = full.resolve()
        except (OSError, RuntimeError) as e:  # a loop of links, a name that is too long
            raise Refused(f"leads nowhere: {e}", where=relative) from None
        if not full.is_relative_to(self._base):
            raise Refused("leads out of the folder", where=relative)
        return full


def inside(folder: Path, relative: str) -> Path:
    """The path of one file below a folder, as `ConfinedFolder` gives it."""
    return ConfinedFolder(folder).path(relative)


def write(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file of our own, durably. Refused if something else, such as a device, is in its place.

    A file that the user named is written by `user_files.write`.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(path).st_mode
            if not (stat.S_ISREG(found) or stat.S_ISLNK(found)):
                raise Misuse("something that is no file is in its place", where=str(path), remedy="move it")
        replace(path, data, mode=mode)
    except OSError as e:
        raise os_error(e, path, "write") from None


def replace(path: Path, data: bytes, *, mode: int | None, owner: tuple[int, int] | None = None) -> None:
    """Put a file in this place whole and durably: temporary file, fsync, rename, fsync of the folder.

    The file has exactly this mode, whatever the umask; None means 644 minus the umask. The owner is changed
    if this user has the right to do so.
    """
    make_folder(path.parent, mode=PRIVATE if mode is not None and not mode & 0o044 else PUBLIC)
    name = path.parent / f".{path.name}.{os.urandom(4).hex()}.tmp"
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644 if mode is None else 0o600)
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(data)
            f.flush()
            if owner is not None:
                with contextlib.suppress(PermissionError):
                    os.fchown(f.fileno(), *owner)
            if mode is not None:
                os.fchmod(f.fileno(), mode)
            os.fsync(f.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(path.parent)


PUBLIC, PRIVATE = 0o755, 0o700
"""The modes of folders: of what is published, and of what is the user's alone."""


def make_folder(path: Path, *, mode: int, exist_ok: bool = True) -> None:
    """Make a folder, and those above it that are missing, with this mode whatever the umask. Raises OSError.

    A umask of 077 makes a site that no web server can read, one of 000 a home that everybody can write.
    """
    try:
        path.mkdir(mode=mode)
    except FileNotFoundError:
        make_folder(path.parent, mode=mode)
        path.mkdir(mode=mode)
    except FileExistsError:
        if not exist_ok or not path.is_dir():
            raise
        return
    path.chmod(mode | path.stat().st_mode & 0o2000)  # a group that folders below get stays


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def check_utf8(path: Path, where: str) -> Path:
    """The path, if it is UTF-8, as policies, records and JSON need it. Raises Misuse."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise Misuse(
            "a name that is not UTF-8, which no policy and no records can hold",
            where=where,
            remedy="rename the folder",
        ) from None
    return path


def temporary() -> AbstractContextManager[BinaryIO]:
    """An empty file without a name, on the disk."""
    import tempfile  # it takes 10 ms, which most commands do not need

    return tempfile.TemporaryFile()
