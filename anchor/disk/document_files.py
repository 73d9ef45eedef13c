# SPDX-License-Identifier: Apache-2.0
"""The files of source documents: of a publisher's list, and of a folder that a verifier has at hand."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from anchor import limits
from anchor.disk import files, user_files
from anchor.errors import Missing, Misuse
from anchor.format.source_evidence import Descriptor
from anchor.sources import manifest
from anchor.sources.manifest import SourceDocument

_BUFFER = 1 << 20


def read_list(path: Path) -> tuple[SourceDocument, ...]:
    """The documents of an `evidence.toml`. Raises `Misuse`."""
    return manifest.parse(user_files.read(path, limit=limits.EVIDENCE_LIST), where=str(path))


def descriptors(path: Path) -> tuple[Descriptor, ...]:
    """The descriptors of the documents of an `evidence.toml`, whose files are read and hashed.

    Raises `Misuse` for a file that is missing, that is a link or behind one, or that has not the `sha256` of
    the list.
    """
    folder = user_files.base(path)
    return manifest.describe({one: digest(folder, one) for one in read_list(path)})


def digest(folder: Path, document: SourceDocument) -> str:
    """SHA-256 (hex) of the file of a document. Raises `Misuse` as `descriptors`."""
    found = hashlib.sha256()
    with opened(folder, document, limit=limits.FILE_2) as f:
        before = os.fstat(f.fileno())
        while data := f.read(_BUFFER):
            found.update(data)
        after = os.fstat(f.fileno())
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        problem = "changed while it was read"
        raise Misuse(problem, where=_where(folder, document), remedy="run it again when nothing writes it")
    check_digest(folder, document, found.hexdigest())
    return found.hexdigest()


def check_digest(folder: Path, document: SourceDocument, sha256: str) -> None:
    """Raise `Misuse` if the list has another digest for a document than its file has (hex)."""
    if document.sha256 not in ("", sha256):
        raise Misuse(
            f"changed: its SHA-256 is {sha256}, and the list has {document.sha256}",
            where=_where(folder, document),
            remedy="put the document back, or name the new digest in the list",
        )


@contextmanager
def opened(folder: Path, document: SourceDocument, *, limit: int) -> Iterator[BinaryIO]:
    """The file of a document. Raises `Misuse`, also for one of more than `limit` bytes."""
    path = folder / document.file
    parts = document.file.split("/")
    for count in range(1, len(parts) + 1):
        part = folder.joinpath(*parts[:count])
        try:
            mode = os.lstat(part).st_mode
        except (OSError, ValueError):
            mode = 0
        if stat.S_ISLNK(mode):
            problem = "a link, which says of one file what is true of another"
            raise Misuse(
                problem, where=f"{document.where}: {part}", remedy="put the file itself in its place"
            )
    try:
        with files.open_input(path, limit=limit) as f:
            yield f
    except Misuse as e:
        remedy = "put the document itself there, or take it out of the list"
        raise type(e)(e.problem, where=f"{document.where}: {path}", remedy=remedy) from None


def _where(folder: Path, document: SourceDocument) -> str:
    return f"{document.where}: {folder / document.file}"


def digests_at_hand(folder: Path, wanted: Sequence[Descriptor]) -> dict[str, str]:
    """SHA-256 (hex) of each of these documents that a folder has, by name. Raises `Misuse`.

    The names are a stranger's. None leads out of the folder.
    """
    if not folder.is_dir():
        raise Missing("no such folder", where=str(folder), remedy="name the folder with the documents")
    confined = files.ConfinedFolder(folder)
    found = {}
    for one in wanted:
        path = confined.path(one.name)
        if not path.exists():
            continue
        hashed = hashlib.sha256()
        with files.open_input(path, limit=limits.FILE_2) as f:
            while data := f.read(_BUFFER):
                hashed.update(data)
        found[one.name] = hashed.hexdigest()
    return found
