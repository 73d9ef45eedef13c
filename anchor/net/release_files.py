# SPDX-License-Identifier: Apache-2.0
"""The files of a release, in a folder or below an https URL. No path leads out of the folder."""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from anchor import limits
from anchor.disk import files
from anchor.disk.files import temporary
from anchor.errors import Incomplete, Misuse, Refused, Unavailable
from anchor.format.release import MAX_RELEASE
from anchor.net.budget import Budget
from anchor.net.service_errors import HttpError, ServiceError
from anchor.net.urls import check_url
from anchor.verify.release_files import COPYING, check_size

if TYPE_CHECKING:
    from anchor.net.http import Response

_READ = (
    4 * MAX_RELEASE
)  # more than `release.load` takes: a file that is a little too long is evidence, and refused
MAX_DOWNLOAD = limits.DOWNLOAD
"""Bytes of any one file fetched over the network."""
SERVICE = "release"


class Folder:
    """A release in a local folder. Links are followed only while they stay below the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = files.ConfinedFolder(folder)

    def spool(self) -> AbstractContextManager[BinaryIO]:
        return temporary()

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[BinaryIO]:
        full = self._folder.path(path)
        try:
            # Non-blocking, so that a FIFO put in the place of a file cannot hang the verifier.
            fd = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise Incomplete("named by the release, but missing", where=path, remedy=COPYING) from None
        except OSError as e:
            raise files.os_error(e, full, "read") from None
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                raise Refused("not a regular file", where=path)
            check_size(info.st_size, size, where=path)
            if info.st_size != size:
                raise Refused(f"has {info.st_size} bytes where {size} are promised", where=path)
            with os.fdopen(fd, "rb", closefd=False) as stream:
                yield stream
        except OSError as e:
            raise files.os_error(e, full, "read") from None
        finally:
            os.close(fd)


class Remote:
    """A release below an https URL; each file is fetched whole, at most its promised size."""

    def __init__(self, url: str, budget: Budget) -> None:
        self._url = url
        self._budget = budget

    def spool(self) -> AbstractContextManager[BinaryIO]:
        return temporary()

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[BinaryIO]:
        if size > MAX_DOWNLOAD:
            raise Misuse(f"{size} bytes are too many to fetch", where=path, remedy="verify a local copy")
        # Onto the disk: how long a file may be is said by release.json, which nobody has signed.
        with temporary() as stream:
            self._fetch(path, size, stream)
            check_size(stream.seek(0, os.SEEK_END), size, where=path)
            stream.seek(0)
            yield stream

    def _fetch(self, path: str, size: int, into: BinaryIO) -> None:
        try:
            fetch(urljoin(self._url, quote(path)), self._budget, limit=size, into=into)
        except ServiceError as e:
            if not e.too_large:
                raise
            if e.web_page:
                raise Incomplete("a web page came instead", where=path, remedy="try later") from None
            raise Refused(f"has more than the {size} bytes that are promised", where=path) from None


def fetch(url: str, budget: Budget, *, limit: int, into: BinaryIO | None = None) -> "Response":
    """One file of a release. What a server does not give is UNAVAILABLE: it proves nothing."""
    from anchor.net import http  # its import takes 0.2 s, which a release in a folder does not need

    try:
        return http.get(SERVICE, url, budget=budget, limit=limit, into=into)
    except HttpError as e:
        if e.status in (404, 410):
            raise Unavailable(
                "the server does not have it", where=url, remedy="check the address, or try later"
            ) from None
        raise


def is_url(target: str) -> bool:
    """True if the target is a URL."""
    return "://" in target


def _document(url: str) -> str:
    """The URL of a release.json; one that ends in a slash, or names a host alone, is of its folder."""
    check_url(url, where=SERVICE)
    parts = urlsplit(url)
    folder = parts.path == "" or parts.path.endswith("/")
    return urlunsplit(parts._replace(path=(parts.path or "/") + "release.json")) if folder else url


def load(target: str, budget: Budget, *, offline: bool = False) -> tuple[bytes, Folder | Remote]:
    """The bytes of a release.json, and where the files that it names are."""
    if is_url(target):
        if offline:
            raise Misuse("a URL cannot be read offline", where=target, remedy="name a local copy")
        found = fetch(_document(target), budget, limit=_READ)
        return found.body, Remote(found.url, budget)  # after redirects, as RFC 3986 section 5.1.3 has it
    if not target:
        raise Misuse("an empty name", where="release.json", remedy="name a release.json, its folder or URL")
    path = Path(target)
    if path.is_dir():
        path = path / "release.json"
    return files.read(path, limit=_READ), Folder(path.parent)
