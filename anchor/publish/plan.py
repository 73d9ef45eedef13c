# SPDX-License-Identifier: Apache-2.0
"""The plan of a publication: the release that is in place, and the number and link that follow from it.

This module reads the published folder, and writes nothing.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from anchor.disk import files
from anchor.errors import Misuse, Refused
from anchor.format import ledger_status as statuses
from anchor.format import names
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.names import RELEASE
from anchor.format.release import Release, StatusFiles
from anchor.format.statement import KnownStatus, LedgerName, Previous

FOLDER = "release"
INCOMING = ".incoming-"


@dataclass(frozen=True)
class StatusInPlace:
    """The status that the root release.json names, and its statement's bytes, which fit each other."""

    files: StatusFiles
    data: bytes

    @property
    def names(self) -> list[str]:
        """The file names of its bundles."""
        return [blob.path.rpartition("/")[2] for blob in self.files.bundles]

    @property
    def known(self) -> KnownStatus:
        """The member of the statement of a release that is made now."""
        return KnownStatus(sequence=self.files.sequence, statement=self.files.statement.sha256)


@dataclass(frozen=True)
class Plan:
    """The number of a release, and the state of the folder when it was planned."""

    root: Path
    ledger: LedgerName
    previous: Previous | None
    current: bytes | None
    """The root release.json as read; another one at the commit means that somebody published meanwhile."""
    existing: Release | None
    """The release.json of this very version, when it is published already."""
    newest: int = 0
    """The number of the release that the root release.json names."""
    status: StatusInPlace | None = None
    known: KnownStatus | None = None
    """The status that the statement of this version commits to."""

    @property
    def folder(self) -> Path:
        """The folder of the version."""
        return self.root / FOLDER / self.ledger.version

    @property
    def incoming(self) -> Path:
        """The folder in which the version is made, on the same disk."""
        return self.root / FOLDER / (INCOMING + self.ledger.version)

    def check_unchanged(self) -> None:
        """Raise `Refused` if somebody published here since the plan was made, perhaps on another machine."""
        if root_release(self.root) != self.current:
            raise Refused(
                "another release was published here meanwhile",
                where=str(self.root / RELEASE),
                remedy="get the newest state of this folder and publish the next version",
            )


def root_release(root: Path) -> bytes | None:
    """The root release.json; None if there is none."""
    path = root / RELEASE
    return files.read(path, limit=release_file.MAX_RELEASE) if path.exists() else None


def plan(root: Path, *, name: str, version: str) -> Plan:
    """The number and the link of a version of a ledger in this folder.

    Raises `Misuse` for another ledger's folder, `Refused` for a published folder that contradicts itself.
    """
    names.check_arguments(name, version)
    check_links(root, version)
    current = root_release(root)
    newest = release_file.load(current) if current is not None else None
    if newest and newest.ledger.name != name:
        raise Misuse(
            f"this folder holds the ledger {names.shown(newest.ledger.name)}, not {names.shown(name)}",
            where=str(root),
            remedy="name that ledger, or another --root",
        )
    number = newest.ledger.number if newest else 0
    _check_others(root / FOLDER, version, number)
    status = _status(root, newest) if newest else None
    existing = _existing(root, version)
    if existing is not None:
        known = _known(root / FOLDER / version, existing)
        return Plan(root, existing.ledger, existing.previous, current, existing, number, status, known)
    if newest is None:
        return Plan(root, LedgerName(name=name, number=1, version=version), None, None, None)
    statement = files.read(files.inside(root, newest.statement.path), limit=statements.MAX_STATEMENT)
    previous = statements.link(statement)
    if previous.statement != newest.statement.sha256:
        raise Refused(
            "is not the statement that release.json names",
            where=newest.statement.path,
            remedy="run anchor verify on this folder",
        )
    ledger = LedgerName(name=name, number=number + 1, version=version)
    return Plan(root, ledger, previous, current, None, number, status, status.known if status else None)


def _status(root: Path, newest: Release) -> StatusInPlace | None:
    """The status that the root release.json names. Raises `Refused` if it is another one."""
    named = newest.status
    if named is None:
        return None
    data = files.read(files.inside(root, named.statement.path), limit=statuses.MAX_STATUS)
    remedy = "run anchor verify on this folder"
    if hashlib.sha256(data).hexdigest() != named.statement.sha256:
        problem = "is not the status that release.json names"
        raise Refused(problem, where=named.statement.path, remedy=remedy)
    said = statuses.decode(data)
    if (said.ledger, said.sequence) != (newest.ledger.name, named.sequence):
        problem = f"is status {said.sequence} of {names.shown(said.ledger)}"
        raise Refused(problem, where=named.statement.path, remedy=remedy)
    return StatusInPlace(named, data)


def _known(folder: Path, existing: Release) -> KnownStatus | None:
    """The status that a version in place commits to."""
    if existing.version == 1:
        return None
    data = files.read(files.inside(folder, existing.statement.path), limit=statements.MAX_STATEMENT)
    return statements.decode(data).status


def check_links(root: Path, version: str) -> None:
    """Raise `Misuse` for a link that leads out of the published folder. No verifier follows it."""
    for path in (root / FOLDER, root / FOLDER / "log", root / FOLDER / version):
        try:
            inside = path.resolve().is_relative_to(root.resolve())
        except (OSError, RuntimeError):  # a loop of links
            inside = False
        if not inside:
            raise Misuse(
                "a link that leads out of the folder, which no verification follows",
                where=str(path),
                remedy="put the folder itself in its place",
            )


def _existing(root: Path, version: str) -> Release | None:
    """The release.json of the version. A folder without one was not made by publishing."""
    folder = root / FOLDER / version
    path = folder / RELEASE
    if not folder.exists():
        return None
    if not path.exists():
        raise Misuse(
            "a folder that was not made by publishing is where the release should go",
            where=str(folder),
            remedy="move it away, or choose another --version",
        )
    return release_file.load(files.read(path, limit=release_file.MAX_RELEASE))


def _folded(version: str) -> str:
    """The name as a file system has it that folds case and drops dots at the end."""
    return version.lower().rstrip(".")


def _check_others(folder: Path, version: str, newest: int) -> None:
    """Refuse a version that differs from another one only in case: the folder must work on every file system.

    Refuse it also while another version waits for its commit: both would get the same number.
    """
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.name == version:
            continue
        if _folded(entry.name) == _folded(version):
            raise Misuse(
                f"{version!r} differs from the published version {entry.name!r} only in case or final dots",
                where="--version",
                remedy="choose another one",
            )
        path = entry / RELEASE
        if entry.name.startswith(INCOMING) or not path.is_file():
            continue
        if release_file.load(files.read(path, limit=release_file.MAX_RELEASE)).ledger.number > newest:
            raise Misuse(
                f"version {entry.name} was signed, but its publication was interrupted",
                where=str(entry),
                remedy="publish that version again first: it is completed, not repeated",
            )
