# SPDX-License-Identifier: Apache-2.0
"""A trusted root that is pinned by its digest alone: from the user's store, else from what lies beside.

The digest is what is trusted. So it does not matter who brings the bytes, once they have that digest.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from anchor.app.own_root import own_root
from anchor.disk import files, root_store, user_files
from anchor.errors import AnchorError, RootNotHere
from anchor.format import release as release_file
from anchor.format.release import MAX_TRUSTED_ROOT, Release
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verify.release_files import Files, read_whole

MAX_BACK = 8
"""Earlier releases that are asked for a root which the newest one does not carry."""
ASK = "ask the publisher for it by another way than the release, and keep it here: anchor trust pin FILE"
VERIFY_ONCE = f"verify the release once, which keeps it here, or {ASK}"


MAX_BESIDE = 64
"""Files in one folder that are read in search of a root."""


class Source(Protocol):
    """Where the bytes of a root may be, beside the user's store."""

    def find(self, digest: bytes) -> bytes:
        """The root with this SHA-256. Raises `RootNotHere`."""


class Copies:
    """The copies of trusted roots beside a release and beside some before it.

    `opened` gives release.json and its files, if the caller reads them anyway.
    """

    def __init__(
        self,
        target: str,
        opened: Callable[[], tuple[bytes, Files]] | None,
        budget: Budget,
        *,
        offline: bool,
    ) -> None:
        self._target = target
        self._budget = budget
        self._offline = offline
        self._opened = opened

    def find(self, digest: bytes) -> bytes:
        """The root with this SHA-256. Raises `RootNotHere` if no copy has it or none can be read."""
        wanted, problem, carried = digest.hex(), "", []
        try:
            for release, beside in self._releases():
                carried.append([blob.sha256 for blob in release.trusted_roots])
                for blob in release.trusted_roots:
                    if blob.sha256 == wanted:
                        return read_whole(
                            beside, blob.path, size=blob.size, sha256=wanted, limit=MAX_TRUSTED_ROOT
                        )
        except AnchorError as e:
            problem = f", and the release cannot be asked for it: {e}"
        if carried and not problem:
            others = ", ".join(carried[0])
            problem = f"; the release carries another one, with SHA-256 {others}"
        raise RootNotHere(_said(digest) + problem, where=self._target, remedy=ASK)

    def _releases(self) -> Iterator[tuple[Release, Files]]:
        """The release and some before it, newest first. Nothing of them is verified: a digest decides."""
        data, beside = self._opened() if self._opened else self._load(self._target)
        release = release_file.load(data)
        yield release, beside
        for _ in range(MAX_BACK):
            if release.previous is None:
                return
            found = self._earlier(release.previous.version)
            if found is None:
                return
            release = found[0]
            yield found

    def _earlier(self, version: str) -> tuple[Release, Files] | None:
        from anchor.app import earlier_releases  # only for a root that the newest release does not carry

        for location in earlier_releases.locations(self._target, version):
            try:
                data, beside = self._load(location)
                return release_file.load(data), beside
            except AnchorError:
                continue
        return None

    def _load(self, location: str) -> tuple[bytes, Files]:
        return release_files.load(location, self._budget, offline=self._offline)


class Beside:
    """The files named `trusted_root*.json` in the folders of files that are verified. Nothing of them is
    trusted: a digest decides."""

    def __init__(self, verified: Sequence[Path]) -> None:
        self._folders = dict.fromkeys(path.parent for path in verified if not user_files.is_stream(path))

    def find(self, digest: bytes) -> bytes:
        """The root with this SHA-256. Raises `RootNotHere` if no file beside them has it."""
        others: dict[str, None] = {}
        for folder in self._folders:
            for path in sorted(folder.glob("trusted_root*.json"))[:MAX_BESIDE]:
                try:
                    data = files.read(path, limit=MAX_TRUSTED_ROOT)
                except AnchorError:  # a pipe, a folder, or a file that is too large
                    continue
                found = hashlib.sha256(data)
                if found.digest() == digest:
                    return data
                others[found.hexdigest()] = None
        if not others:
            raise RootNotHere(_said(digest), remedy=VERIFY_ONCE)
        first = next(iter(others))
        raise RootNotHere(f"{_said(digest)}; another one lies beside, with SHA-256 {first}", remedy=ASK)


class Pinned(NamedTuple):
    """A pinned root, and notes about the store."""

    data: bytes
    root: TrustedRoot
    notes: tuple[str, ...]


def find(digest: bytes, source: Source) -> Pinned:
    """The root with this SHA-256. It is parsed once the digest fits, and then kept.

    `source`: where to look if the store does not have it. Raises `RootNotHere` if that has none either, and
    `Misuse` if the bytes with this digest are no trusted root.
    """
    held = root_store.find(digest)
    notes = (held.problem,) if held.problem else ()
    try:
        data = held.data or source.find(digest)
    except RootNotHere as e:
        problem = "; ".join((e.problem, *notes))
        raise RootNotHere(problem, where=e.where, remedy=e.remedy) from None
    root = own_root(data, where=f"trusted root {digest.hex()}")
    return Pinned(data, root, (*notes, *keep(data)))


def keep(data: bytes) -> tuple[str, ...]:
    """Keep a pinned root for later commands, and return a note if that could not be done."""
    problem = root_store.keep(data)
    return (f"the trusted root is not kept for later commands: {problem}",) if problem else ()


def keep_published(folder: Path, release: Release) -> tuple[str, ...]:
    """Keep the trusted roots of a release that was just published. `folder`: that of its version. Returns
    notes about what could not be kept."""
    notes: tuple[str, ...] = ()
    for blob in release.trusted_roots:
        try:
            data = files.read(folder / blob.path.rpartition("/")[2], limit=MAX_TRUSTED_ROOT)
        except AnchorError as e:
            notes += (f"the trusted root is not kept for later commands: {e}",)
            continue
        if hashlib.sha256(data).hexdigest() == blob.sha256:
            notes += keep(data)
    return notes


def _said(digest: bytes) -> str:
    return f"the pinned trusted root with SHA-256 {digest.hex()} is not here"
