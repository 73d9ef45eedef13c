# SPDX-License-Identifier: Apache-2.0
"""Copies of files that hold private keys: for this user alone, and on the disk when the call returns."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from anchor.disk import files
from anchor.errors import Misuse

_CHUNK = 1 << 20


def copy_file(source: Path, target: Path) -> str:
    """Copy one file to a place where nothing is, with mode 0600, durably. Returns its SHA-256, hex.

    Raises `OSError`, which names the source if that cannot be read; and `Misuse` for a source that is no
    regular file.
    """
    digest = hashlib.sha256()
    with open(source, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as whole:
        if not stat.S_ISREG(os.fstat(whole.fileno()).st_mode):
            raise Misuse("not a regular file", where=str(source))
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as copy:
            while chunk := _read(whole, source):
                digest.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
    return digest.hexdigest()


def _read(stream: BinaryIO, source: Path) -> bytes:
    """The next part of a source. The error of the system names no file; ours does."""
    try:
        return stream.read(_CHUNK)
    except OSError as e:
        e.filename = str(source)
        raise


def copy_tree(source: Path, target: Path, wanted: Callable[[str], bool]) -> dict[str, str]:
    """Copy the files below a folder for whose relative path `wanted` is true. Returns their SHA-256 in hex.

    The target exists. Links are followed: a key may lie on another disk. Raises as `copy_file`.
    """
    copied: dict[str, str] = {}
    for folder, names, here in os.walk(source, followlinks=True):
        below = Path(folder).relative_to(source)
        names[:] = sorted(name for name in names if wanted(str(below / name)))
        for name in sorted(here):
            path = below / name
            if wanted(str(path)):
                make_folders(target, path.parent)
                copied[str(path)] = copy_file(source / path, target / path)
    sync_tree(target)
    return copied


def make_folders(target: Path, relative: Path) -> None:
    """Make the folders of a relative path below the target, private to this user. Raises `OSError`."""
    files.make_folder(target / relative, mode=files.PRIVATE)


def sync_tree(folder: Path) -> None:
    """Make the names of all files and folders below a folder durable. Raises `OSError`."""
    for path in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
        files.sync_folder(path)
