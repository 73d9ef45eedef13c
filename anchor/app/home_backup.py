# SPDX-License-Identifier: Apache-2.0
"""Copies of the home of a publisher, and the way back from one.

A copy is made while nobody publishes with the home, so its keys, log, list, journals and secrets belong
together. The danger is a copy that is older than what the keys have signed since: the next entry would fork
the log, and a second statement of a release could be signed. Nothing in the copy shows its age. So it is
compared with the published site before it is put in place, or the publisher says that it is the newest.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from anchor import limits
from anchor.app import publisher_homes
from anchor.disk import files, lock, private_copy, user_folders, user_homes
from anchor.disk.new_folder import new_folder
from anchor.embedded import export, log_files
from anchor.embedded.instance import FOLDER as INSTANCE
from anchor.embedded.instance import Instance
from anchor.encoding import rfc3339
from anchor.errors import AnchorError, Misuse
from anchor.format import names
from anchor.format import release as release_file
from anchor.format.names import RELEASE
from anchor.format.release import Release
from anchor.net import release_files
from anchor.net.budget import Budget
from anchor.publish import interrupted, release_secrets, signing_history, statement_guard
from anchor.publish.signing_history import SignedStatements
from anchor.words import several

FILE: Final = "backup.json"
_KEPT = (
    INSTANCE,
    interrupted.FOLDER,
    signing_history.FILE,
    signing_history.FOLDER,
    release_secrets.FOLDER,
)
_OLDER = (
    "restore a newer copy; without one, these keys must not sign again: publish as another signer, with a "
    "home that is new (--home FOLDER --new-signer), and hand out the new policy"
)


class Backup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file `backup.json` of a copy."""

    format: Literal["urn:ledger-anchor:backup:v1"] = "urn:ledger-anchor:backup:v1"
    created: str
    """RFC 3339, UTC."""
    home: str
    """The folder that was copied, for people."""
    ledgers: list[str]
    """The ledgers that this home has signed for."""
    origin: str
    """The origin of the embedded log; empty without one."""
    size: int
    """Entries of that log."""
    files: dict[str, str]
    """The SHA-256 (hex) of each file, by its path in the copy."""


@dataclass(frozen=True)
class Restored:
    """A home that was made from a copy, and one line for each site that it was compared with."""

    home: Path
    backup: Backup
    compared: tuple[str, ...]
    note: str = ""


def back_up(home: Path, target: Path, *, ledger: str | None = None) -> Backup:
    """Copy a home to a folder that does not exist yet, while nothing else writes in the home.

    `ledger`: the name that led to this home, if any. Raises `Misuse`; `Unavailable` while the home is in use.
    """
    if not publisher_homes.is_used(home):
        raise Misuse(
            "there is nothing to copy: no publication was begun with this home",
            where=str(home),
            remedy="name the home with --home, or its ledger with --ledger",
        )
    for place in (target.resolve(), *target.resolve().parents):
        if place == home.resolve():
            raise Misuse("is inside of the home that is copied", where=str(target), remedy=_ELSEWHERE)
        if place == user_folders.state().resolve():
            problem = "is inside of your state folder, where homes are looked for"
            raise Misuse(problem, where=str(target), remedy=_ELSEWHERE)
        if (place / RELEASE).exists():
            problem = f"is inside of {place}, which is published"
            raise Misuse(problem, where=str(target), remedy=_ELSEWHERE)
    with (
        _nobody_publishes(home),
        _log_of(home) as instance,
        new_folder(target, doing="copying a home", remedy=_ELSEWHERE) as made,
    ):
        if instance is not None and not _is_whole(instance):
            problem = "its tiles do not have the root of its checkpoint"
            raise log_files.damaged(problem, home / INSTANCE / "log")
        copied = private_copy.copy_tree(home, made, _wanted)
        known = _ledgers(home)
        about = Backup(
            created=rfc3339(datetime.now(UTC)),
            home=str(home),
            ledgers=sorted(known | {ledger} if ledger else known),
            origin=instance.origin if instance else "",
            size=instance.log.size() if instance else 0,
            files=copied,
        )
        files.write(made / FILE, msgspec.json.format(msgspec.json.encode(about)) + b"\n", mode=0o600)
    return about


def _ledgers(home: Path) -> set[str]:
    """The ledgers that a home has signed for. Heads of a history have no site to be compared with."""
    return {line.ledger for line in SignedStatements(home).lines() if not line.events}


_ELSEWHERE = "name another folder"


def restore(
    source: Path, home: Path | None, sites: Sequence[str], budget: Budget, *, newest: bool
) -> Restored:
    """Make a home from a copy: in the folder `home`, or in the place for the ledgers of the copy.

    `sites`: paths or URLs of what was published. `newest`: nothing was signed after the copy was made, says
    the publisher. Raises `Misuse` if something is in the place of the home, if the copy is damaged, or if it
    is older than a site; `Refused` if a site has another history of its log.
    """
    about = load(source)
    place, links = _place(about, home)
    with _nobody_restores():
        return _restored(source, about, place, links, sites, budget, newest=newest)


@contextlib.contextmanager
def _nobody_restores() -> Iterator[None]:
    """Hold the lock of the state folder: two restores at once would see no home of each other."""
    state = user_folders.state()
    with contextlib.suppress(OSError):  # without one, a home of --home can be restored all the same
        files.make_folder(state, mode=files.PRIVATE)
    with contextlib.ExitStack() as held:
        if state.is_dir():
            held.enter_context(lock.exclusive(state, doing="restoring a home"))
        yield


def _restored(
    source: Path,
    about: Backup,
    place: Path,
    links: Sequence[Path],
    sites: Sequence[str],
    budget: Budget,
    *,
    newest: bool,
) -> Restored:
    for there, origin in publisher_homes.embedded_anywhere(*_copied(about)):
        if origin == about.origin and there.resolve() != place.resolve():
            raise Misuse(
                f"the log {origin} is in {there}: two homes with one key would fork it",
                where=str(source),
                remedy="go on with that home; or move it away first, if it is damaged",
            )
    with contextlib.suppress(OSError):
        publisher_homes.remove_unused(place)  # else `new_folder` says what is there
    with new_folder(place, doing="restoring a home", remedy=_THERE) as made:
        _copy_back(source, made, about)
        compared = _compared(made, about, sites, budget)
        missing = [ledger for ledger in about.ledgers if ledger not in compared]
        if (missing or not compared) and not newest:
            of = f"anything of {', '.join(map(names.shown, missing))} was signed after this copy was made"
            raise Misuse(
                f"nothing says whether {of}"
                if compared
                else "nothing says whether anything was signed after this copy was made",
                where=str(source),
                remedy="name each published site with --root and --online; or say --newest, if you know "
                "that nothing was",
            )
        note = _remembered(place)
        if place.is_symlink():  # to a home of version 0.1 that is gone
            place.unlink()
        for link in links:
            if not link.is_symlink():
                link.symlink_to(place.name)
    return Restored(place, about, tuple(compared.values()), note)


def _remembered(place: Path) -> str:
    """Remember a home that lies outside of the state folder; a note if that is not possible."""
    if place.resolve().parent == user_folders.state().resolve():
        return ""
    try:
        user_homes.note_outside(place)
    except OSError as e:
        return f"nothing here remembers that home, so a second one would not be noticed: {e.strerror}"
    return ""


def _copied(about: Backup) -> list[Path]:
    """The home that was copied, if --home named it. One in another state folder is of another machine."""
    home = Path(about.home)
    return [] if home.parent.name == user_folders.state().name else [home]


_THERE = "look which one has more entries in its log, before you move one away"


def load(source: Path) -> Backup:
    """The description of a copy. Raises `Misuse` if the folder is no copy of a home."""
    path = source / FILE
    if not path.exists():
        raise Misuse(
            "no copy of a home is here", where=str(source), remedy="name what 'anchor instance backup' made"
        )
    try:
        about = msgspec.json.decode(files.read(path, limit=limits.HOME_BACKUP), type=Backup)
    except msgspec.DecodeError as e:
        raise _damaged(path, str(e)) from None
    for ledger in about.ledgers:
        if problem := names.name_problem(ledger):
            raise _damaged(path, f"the name of a ledger {problem}")
    if len(set(about.ledgers)) < len(about.ledgers):
        raise _damaged(path, "a ledger is named twice")
    for relative in about.files:
        try:
            files.inside(source, relative)
        except AnchorError as e:
            raise _damaged(path, str(e)) from None
    return about


def _damaged(path: Path, problem: str) -> Misuse:
    return Misuse(f"the copy is damaged: {problem}", where=str(path), remedy="restore another copy")


def _wanted(path: str) -> bool:
    """True for what a home must have; not for what is made again, runs now, or was left by a kill."""
    parts = Path(path).parts
    if parts[0] not in _KEPT or any(part.startswith(".") for part in parts):
        return False
    made_again = parts[0] == INSTANCE and (parts[1:2] == ("run",) or parts[-1].startswith("index.sqlite"))
    return not made_again


@contextlib.contextmanager
def _nobody_publishes(home: Path) -> Iterator[None]:
    """Hold the locks of a home, and change nothing in it: its disk may be read-only, since it begins to fail.

    Raises `Unavailable` if another process publishes with the home or adds to its log.
    """
    journal, log = home / interrupted.FOLDER, home / INSTANCE / "log"
    with contextlib.suppress(OSError):
        files.make_folder(journal, mode=files.PRIVATE)
    with contextlib.ExitStack() as held:
        if journal.is_dir():
            held.enter_context(lock.exclusive(journal, doing="publishing with this home"))
        if log.is_dir():
            held.enter_context(lock.exclusive(log, doing="writing to the embedded log"))
        yield


@contextlib.contextmanager
def _log_of(home: Path) -> Iterator[Instance | None]:
    """The embedded instance of a home; None without one."""
    if not (home / INSTANCE).exists():
        yield None
        return
    with contextlib.closing(Instance.open(home / INSTANCE, create=False)) as instance:
        yield instance


def _is_whole(instance: Instance) -> bool:
    """True if the tiles of a log have the root that its checkpoint has signed."""
    head = instance.log.head()
    return instance.log.root_at(head.size) == head.root


def _place(about: Backup, home: Path | None) -> tuple[Path, list[Path]]:
    """Where the home goes, and where a link to it is made for each further ledger."""
    if home is not None:
        return home, []
    if not about.ledgers:
        raise Misuse(
            "this home has signed for no ledger, so it has no place of its own",
            where=FILE,
            remedy="name the folder with --home",
        )
    place, *links = map(user_homes.of_ledger, about.ledgers)
    for there in (place, *links):
        ours = there.is_symlink() and there.readlink() == Path(place.name)  # of a restore that was killed
        if publisher_homes.is_used(there) or (there in links and os.path.lexists(there) and not ours):
            raise Misuse("is there already and is not overwritten", where=str(there), remedy=_THERE)
    return place, links


def _copy_back(source: Path, made: Path, about: Backup) -> None:
    """Copy every file that the description names, and compare it. Raises `OSError` if the new home cannot be
    written."""
    try:
        for relative, digest in sorted(about.files.items()):
            private_copy.make_folders(made, Path(relative).parent)
            if private_copy.copy_file(files.inside(source, relative), made / relative) != digest:
                raise _damaged(source / relative, "the file was changed")
        private_copy.sync_tree(made)
    except OSError as e:
        if e.filename is None or not Path(e.filename).is_relative_to(source):
            raise  # a full disk says nothing about the copy
        raise _damaged(source, f"{e.filename}: {e.strerror}") from None


def _compared(made: Path, about: Backup, sites: Sequence[str], budget: Budget) -> dict[str, str]:
    """A line for each ledger whose site shows no newer state than the copy. Raises if one does."""
    if not _ledgers(made) <= set(about.ledgers):
        raise _damaged(made, f"its list has another ledger than {FILE}")
    found: dict[str, str] = {}
    with _log_of(made) as instance:
        if instance is not None:
            head = instance.log.head()
            if (instance.origin, head.size) != (about.origin, about.size):
                raise _damaged(made, "its log is not the one that was copied")
            if not _is_whole(instance):
                raise _damaged(made, "the tiles of its log do not have the root of its checkpoint")
        for site in sites:
            found |= _compare(made, about, instance, site, budget)
    return found


def _compare(
    made: Path, about: Backup, instance: Instance | None, site: str, budget: Budget
) -> dict[str, str]:
    """The ledger of a site, with a line about it; empty if it is no ledger of this home.

    Raises `Misuse` if the site is newer than the copy, or if another signer has made it: that one says
    nothing about this home.
    """
    data = release_files.newest(site, budget)
    release = release_file.load(data) if data is not None else None
    if release is None or release.ledger.name not in about.ledgers:
        return {}
    ledger, number = release.ledger.name, release.ledger.number
    ours = instance is not None and any(a.log.origin == instance.origin for a in release.anchors)
    if instance is not None:
        note = _checkpoint(site, instance.origin, budget)
        if note is not None:
            export.check_head(instance.log, note, where=site, remedy=_OLDER)
        _check_entries(instance, release, site)
    if not SignedStatements(made).exists():  # a home of version 0.1 has no list
        return {ledger: f"{site} has a log that is not ahead of this copy"} if ours else {}
    signed = _signed(made, ledger)
    known = max(signed.values(), default=0)
    if number > known:
        raise Misuse(
            f"release {number} of {names.shown(ledger)} is published, and the "
            f"list in this copy ends with {known}: it is an older copy",
            where=site,
            remedy=_OLDER,
        )
    if signed.get(release.statement.sha256) != number:
        raise Misuse(
            f"release {number} of {names.shown(ledger)} was not signed by the home that was copied",
            where=site,
            remedy="name the site that this home published; another signer's says nothing about this home",
        )
    return {ledger: f"{site} has release {number}, which this copy knows"}


def _check_entries(instance: Instance, release: Release, site: str) -> None:
    """Raise `Misuse` if a release names an entry that this copy of the log lacks."""
    size = instance.log.size()
    for anchor in release.anchors:
        if anchor.log.origin == instance.origin and anchor.log.index >= size:
            raise Misuse(
                f"release.json names entry {anchor.log.index} of {instance.origin}, and this copy of the log "
                f"has {several(size, 'entry')}: it is an older copy",
                where=site,
                remedy=_OLDER,
            )


def _signed(home: Path, ledger: str) -> dict[str, int]:
    """The releases of a ledger that a home has signed or sent: numbers by statement (SHA-256, hex)."""
    lines = statement_guard.binding(SignedStatements(home).lines())
    return {one.statement: one.number for one in lines if one.ledger == ledger and one.of_release}


def _checkpoint(site: str, origin: str, budget: Budget) -> bytes | None:
    """The checkpoint of the published copy of a log; None if the site has no such file."""
    relative = f"release/log/{names.log_file_stem(origin)}/{log_files.CHECKPOINT}"
    if release_files.is_url(site):
        return release_files.beside(site, relative, budget, limit=log_files.MAX_CHECKPOINT)
    path = Path(site)
    path = (path if path.is_dir() else path.parent) / relative
    return files.read(path, limit=log_files.MAX_CHECKPOINT) if path.exists() else None
