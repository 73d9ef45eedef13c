# SPDX-License-Identifier: Apache-2.0
"""The places of homes in the user's state folder, and the link by which a home of version 0.1 is adopted.

Version 0.1 had one home for each root, by its path: keys, journal and records. Such a home stays where it is,
and a link with the new name leads to it. One system call makes the link, so a process that is killed leaves
the link or no link. A home is never copied, since a second folder with the same keys would fork the log, and
never renamed, since its records know their own path.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from anchor.disk import files, lock, user_folders
from anchor.errors import Misuse

RECORDS = "records"
"""The home of the records of a user, in the state folder. No home of a ledger or a root has this name."""
OUTSIDE = "outside"
"""The folder of links to the homes that were restored elsewhere, in the state folder."""
_READABLE = 40
"""Characters of the ledger's name that a person finds in the name of its home."""
_PATIENCE = 10.0
"""Seconds to wait for another process that adopts a home: it makes one link."""


def of_ledger(ledger: str) -> Path:
    """The place of a ledger's home. Names that differ in case alone have two homes, on any file system."""
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", ledger)[:_READABLE].lstrip(".")
    digest = hashlib.sha256(b"ledger\0" + ledger.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return user_folders.state() / f"{readable}-{digest}"


def of_root(root: Path) -> Path:
    """The place where version 0.1 had the home of a root."""
    base = root.resolve()
    digest = hashlib.sha256(os.fsencode(base)).hexdigest()[:16]
    name = base.name.encode(errors="ignore").decode() or "root"
    return user_folders.state() / f"{name}-{digest}"


def of_records() -> Path:
    """The place of the records of this user."""
    return user_folders.state() / RECORDS


def note_outside(home: Path) -> None:
    """Remember a home that is about to be made outside of the state folder. Raises `OSError`."""
    folder, whole = user_folders.state() / OUTSIDE, home.resolve()
    link = folder / hashlib.sha256(os.fsencode(whole)).hexdigest()[:16]
    files.make_folder(folder, mode=files.PRIVATE)
    if not link.is_symlink():
        link.symlink_to(whole)
        files.sync_folder(folder)


def outside() -> list[Path]:
    """The homes that were restored outside of the state folder, and that are still there."""
    links = sorted((user_folders.state() / OUTSIDE).glob("*"))
    return [link.readlink() for link in links if link.is_symlink() and link.exists()]


def followed(place: Path) -> Path:
    """The home itself, where a link is in its place. Raises `Misuse` for a link to nothing."""
    if not place.is_symlink():
        return place
    if not place.exists():
        raise Misuse(
            f"the home that this link names is gone: {place.readlink()}",
            where=str(place),
            remedy="put that folder back, or restore a copy with 'anchor instance restore'",
        )
    return place.parent / place.readlink()


def all_folders() -> list[Path]:
    """Every folder in the state folder, once, links followed. A folder that is being made is left out."""
    found = {
        followed(place)
        for place in user_folders.state().glob("*")
        if place.is_dir() and not (place.name.startswith(".") and place.name.endswith(".tmp"))
    }
    return sorted(found)


def only(candidates: Sequence[Path], what: str, remedy: str) -> Path | None:
    """The one home, or None without one. Raises `Misuse` with all paths if there are several."""
    several = list(dict.fromkeys(candidates))
    if len(several) > 1:
        raise Misuse(
            f"{len(several)} folders could be the home of {what}: {' and '.join(map(str, several))}",
            where="--home",
            remedy=remedy,
        )
    return several[0] if several else None


@contextlib.contextmanager
def adopting(place: Path) -> Iterator[None]:
    """Hold the lock of the state folder, to look for a home and to make a link to it in this place.

    Raises `Misuse` or `Unavailable`, also for an `OSError` of what is done meanwhile.
    """
    try:
        with lock.exclusive(place.parent, doing="adopting a home", patience=_PATIENCE):
            yield
    except OSError as e:
        raise files.os_error(e, place, "adopt the home of version 0.1") from None


def link(place: Path, home: Path) -> None:
    """Make the link to a home. Raises `OSError`."""
    place.symlink_to(home.name)
    files.sync_folder(place.parent)
