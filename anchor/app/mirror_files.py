# SPDX-License-Identifier: Apache-2.0
"""The files of a release that is mirrored: those that the mirror has, and the others from the source.

A file is fetched when the verification asks for it. So a ledger is not fetched before a bundle vouches for
it. It waits in the mirror, and is put in its place later. Bytes with another digest are not taken.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from anchor.disk import files
from anchor.disk.mirror_folder import MirrorFolder
from anchor.errors import Refused, Unavailable
from anchor.format import names
from anchor.format.names import RELEASE
from anchor.format.readers.reader import Stream
from anchor.format.release import File, Release
from anchor.format.release_1 import Blob
from anchor.verify.release_files import CHUNK, Files, check_digest, check_size

RESERVED = "release/log"
"""The folder of the logs, in which no release has files of its own."""


@dataclass
class Traffic:
    """The traffic of one run. `most`: the bytes that may be fetched."""

    most: int
    size: int = 0
    """Bytes that were fetched."""

    def add(self, data: bytes) -> bytes:
        self.size += len(data)
        if self.size > self.most:
            remedy = "allow more with --max-size, if you trust what is there"
            raise Unavailable(f"more than {self.most} bytes would be fetched", remedy=remedy)
        return data


@dataclass
class Promised:
    """The size and digest of each path of the mirror, as its releases name them."""

    _files: dict[str, tuple[int, str]] = field(default_factory=dict)
    _folded: dict[str, str] = field(default_factory=dict)
    _folders: set[str] = field(default_factory=set)

    def add(self, release: Release, base: str) -> None:
        """Add the files of a release.json in the folder `base` ("" or ending in a slash).

        Raises Refused where they cannot all be kept: two files in one place, or a file in the place of a
        folder, of a log, or of a release.json.
        """
        for blob in blobs(release):
            self.add_file(base + blob.path, blob.size, blob.sha256)

    def add_file(self, path: str, size: int, sha256: str) -> None:
        """Add one file of this size and SHA-256 (hex). Raises as `add`."""
        names.require(names.path_problem(path), path, where="release.json: path")
        folded = path.lower()
        parts = folded.split("/")
        above = {"/".join(parts[:n]) for n in range(1, len(parts))}
        if parts[-1] == RELEASE or f"{folded}/".startswith(f"{RESERVED}/"):
            raise Refused("a mirror keeps something else in this place", where=path)
        if self._files.get(path, (size, sha256)) != (size, sha256):
            raise Refused("two releases name this path, with other bytes", where=path)
        if self._folded.setdefault(folded, path) != path:
            raise Refused(f"differs from {self._folded[folded]} only in case", where=path)
        if folded in self._folders or above & self._folded.keys():
            raise Refused("a file and a folder have one name", where=path)
        self._folders |= above
        self._files[path] = (size, sha256)

    def of(self, path: str) -> tuple[int, str]:
        """Size and SHA-256 (hex) of a path that a release names."""
        return self._files[path]


def blobs(release: Release) -> list[File | Blob]:
    """Every file that a release.json names."""
    status = [release.status.statement, *release.status.bundles] if release.status else []
    listed = [release.statement, *(a.bundle for a in release.anchors), *release.trusted_roots, *status]
    return [*release.files, *listed]


class MirrorFiles:
    """The files of one release.json, which lies in the folder `base` of the mirror. Implements `Files`."""

    def __init__(
        self, folder: MirrorFolder, source: Files, promised: Promised, base: str, traffic: Traffic
    ) -> None:
        self._folder = folder
        self._source = source
        self._promised = promised
        self._base = base
        self._traffic = traffic

    def spool(self) -> contextlib.AbstractContextManager[BinaryIO]:
        return files.temporary()

    @contextlib.contextmanager
    def open(self, path: str, *, size: int) -> Iterator[BinaryIO]:
        self.fetch(path)
        place = self._folder.kept(self._base + path)
        wanted, sha256 = self._promised.of(self._base + path)
        if not self._folder.has(self._base + path, size=wanted, sha256=sha256):
            place = self._folder.waiting(self._base + path)
        check_size(wanted, size, where=path)
        with files.open_input(place, limit=wanted) as stream:
            yield stream

    def read_up_to(self, path: str, *, limit: int) -> bytes:
        """A file that no release.json names, such as an earlier status. It is kept by who asks for it."""
        found = self._folder.read(self._base + path, limit=limit)
        return found if found is not None else self._traffic.add(self._source.read_up_to(path, limit=limit))

    def fetch(self, path: str) -> None:
        """Have a file of the release: kept or waiting. Raises as `Files.open`."""
        full = self._base + path
        size, sha256 = self._promised.of(full)
        if self._folder.has(full, size=size, sha256=sha256):
            return
        if self._folder.is_waiting(full, size=size, sha256=sha256):
            return
        with self._source.open(path, size=size) as stream:
            self._folder.add(full, self._checked(stream, path, size, sha256))

    def _checked(self, stream: Stream, path: str, size: int, sha256: str) -> Iterator[bytes]:
        """The bytes of a stream. It fails at the end unless they have this size and digest."""
        digest, count = hashlib.sha256(), 0
        while count <= size and (data := stream.read(CHUNK)):
            digest.update(data)
            count += len(data)
            yield self._traffic.add(data)
        check_digest(size=count, digest=digest.hexdigest(), want=(size, sha256), where=path)
