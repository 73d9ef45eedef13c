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
from anchor.errors import Incomplete, Missing, Misuse, Refused, Unavailable
from anchor.format.names import RELEASE
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

    def read_up_to(self, path: str, *, limit: int) -> bytes:
        with self._open(path) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise Refused(f"has more than {limit} bytes", where=path)
        return data

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[BinaryIO]:
        with self._open(path) as stream:
            there = os.fstat(stream.fileno()).st_size
            check_size(there, size, where=path)
            if there != size:
                raise Refused(f"has {there} bytes where {size} are promised", where=path)
            yield stream

    @contextlib.contextmanager
    def _open(self, path: str) -> Iterator[BinaryIO]:
        full = self._folder.path(path)
        try:
            # Non-blocking, so that a FIFO put in the place of a file cannot hang the verifier.
            fd = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise Incomplete("named by the release, but missing", where=path, remedy=COPYING) from None
        except OSError as e:
            raise files.os_error(e, full, "read") from None
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise Refused("not a regular file", where=path)
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

    def read_up_to(self, path: str, *, limit: int) -> bytes:
        with temporary() as stream:
            self._fetch(path, limit, stream)
            stream.seek(0)
            return stream.read()

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
    found = _fetch_known(url, budget, limit=limit, into=into)
    if found is None:
        remedy = "check the address, or try later"
        raise Unavailable("the server does not have it", where=url, remedy=remedy)
    return found


def _fetch_known(url: str, budget: Budget, *, limit: int, into: BinaryIO | None = None) -> "Response | None":
    """The answer of a server; None if it says that it does not have this file."""
    from anchor.net import http  # its import takes 0.2 s, which a release in a folder does not need

    try:
        return http.get(SERVICE, url, budget=budget, limit=limit, into=into)
    except HttpError as e:
        if e.status in (404, 410):
            return None
        raise


def newest(target: str, budget: Budget) -> bytes | None:
    """The release.json of a site, by URL or path; None if there is no such file."""
    if is_url(target):
        found = _fetch_known(_document(target), budget, limit=_READ)
        return found.body if found else None
    try:
        return load(target, budget)[0]
    except Missing:
        return None


def beside(target: str, relative: str, budget: Budget, *, limit: int) -> bytes | None:
    """A file of the site whose release.json this URL names; None if there is no such file."""
    found = _fetch_known(urljoin(_document(target), quote(relative)), budget, limit=limit)
    return found.body if found else None


def is_url(target: str) -> bool:
    """True if the target is a URL."""
    return "://" in target


def _document(url: str) -> str:
    """The URL of a release.json; one that ends in a slash, or names a host alone, is of its folder."""
    check_url(url, where=SERVICE)
    parts = urlsplit(url)
    folder = parts.path == "" or parts.path.endswith("/")
    return urlunsplit(parts._replace(path=(parts.path or "/") + RELEASE)) if folder else url


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
        path = _inside(path)
    return files.read(path, limit=_READ), Folder(path.parent)


def _inside(folder: Path) -> Path:
    """The release.json of a folder. Raises Missing if there is none, and names one that lies below it."""
    path = folder / RELEASE
    if os.path.lexists(path):
        return path
    below = sorted(folder.glob(f"*/{RELEASE}"))[:2]
    remedy = (
        f"give {below[0]}" if len(below) == 1 else "give the folder that 'anchor publish' filled, its --root"
    )
    raise Missing(f"a folder without {RELEASE}", where=str(folder), remedy=remedy)
