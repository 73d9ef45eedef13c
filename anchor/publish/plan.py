# SPDX-License-Identifier: Apache-2.0
"""The plan of a publication: the release that is in place, and the number and link that follow from it.

This module reads the published folder, and writes nothing.
"""

from dataclasses import dataclass
from pathlib import Path

from anchor.disk import files
from anchor.errors import Misuse, Refused
from anchor.format import names
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.release import Release
from anchor.format.statement import LedgerName, Previous

FOLDER = "release"
INCOMING = ".incoming-"


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

    @property
    def folder(self) -> Path:
        """The folder of the version."""
        return self.root / FOLDER / self.ledger.version

    @property
    def incoming(self) -> Path:
        """The folder in which the version is made, on the same disk."""
        return self.root / FOLDER / (INCOMING + self.ledger.version)


def plan(root: Path, *, name: str, version: str) -> Plan:
    """The number and the link of a version of a ledger in this folder.

    Raises `Misuse` for another ledger's folder, `Refused` for a published folder that contradicts itself.
    """
    names.check_arguments(name, version)
    check_links(root, version)
    path = root / "release.json"
    current = files.read(path, limit=release_file.MAX_RELEASE) if path.exists() else None
    newest = release_file.load(current) if current is not None else None
    if newest and newest.ledger.name != name:
        raise Misuse(
            f"this folder holds the ledger {names.shown(newest.ledger.name)}, not {names.shown(name)}",
            where=str(root),
            remedy="name that ledger, or another --root",
        )
    number = newest.ledger.number if newest else 0
    _check_others(root / FOLDER, version, number)
    existing = _existing(root, version)
    if existing is not None:
        return Plan(root, existing.ledger, existing.previous, current, existing, number)
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
    return Plan(root, ledger, previous, current, None, number)


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
    path = folder / "release.json"
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
    """Refuse a version that differs from another one only in case, since the folder must work on every file
    system, and refuse it while another version waits for its commit: both would get the same number."""
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
        path = entry / "release.json"
        if entry.name.startswith(INCOMING) or not path.is_file():
            continue
        if release_file.load(files.read(path, limit=release_file.MAX_RELEASE)).ledger.number > newest:
            raise Misuse(
                f"version {entry.name} was signed, but its publication was interrupted",
                where=str(entry),
                remedy="publish that version again first: it is completed, not repeated",
            )
