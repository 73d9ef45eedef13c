# SPDX-License-Identifier: Apache-2.0
"""The default home of a publisher: one for each ledger, by its name, or a home of version 0.1.

Version 0.1 named a home by the path of the root. The home of a ledger is that of this root, or the one that
signed the newest release of the root before the root was moved.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from anchor import limits
from anchor.disk import files, lock, user_homes
from anchor.disk.private_keys import MAX_FILE
from anchor.embedded.instance import FOLDER as INSTANCE
from anchor.embedded.instance import Instance
from anchor.encoding import parse_json
from anchor.errors import AnchorError
from anchor.format import names
from anchor.format import release as release_file
from anchor.format.names import RELEASE
from anchor.format.release import Release
from anchor.publish import interrupted, journal, release_secrets, signing_history
from anchor.publish.signing_history import SignedStatements


def is_used(home: Path) -> bool:
    """True if something is in a home that a publisher must not lose."""
    kept = (INSTANCE, signing_history.FILE, signing_history.FOLDER)
    if any(os.path.lexists(home / name) for name in kept):
        return True
    return any(any((home / name).glob("*")) for name in (interrupted.FOLDER, release_secrets.FOLDER))


def find(root: Path, ledger: str) -> Path:
    """The home of a ledger that is published in a root; where there is none yet, the place of a new one.

    Raises `Misuse` if two folders could be it, or if a home that was adopted is gone.
    """
    place = user_homes.of_ledger(ledger)
    used = is_used(place)
    home = user_homes.followed(place)  # after that look: another process may have made the link between them
    candidates = [home] if used else _with_signer_of(root, ledger)
    old = user_homes.of_root(root)
    if is_used(old) and _may_be_of(old, ledger) and _may_hold(root, ledger):
        candidates.append(old)
    what = f"the ledger {names.shown(ledger)}"
    remedy = (
        "give --home with the one that signed the newest release; or move the other one out of "
        f"{home.parent} if you do not need it"
    )
    return user_homes.only(candidates, what, remedy) or home


def adopt(root: Path, ledger: str) -> tuple[Path, bool]:
    """The home of a ledger, which is found from now on whatever the root is, and whether it is a home of
    version 0.1 that was adopted just now.

    Raises as `find`; and `Misuse` or `Unavailable` if the link cannot be made.
    """
    place, home = user_homes.of_ledger(ledger), find(root, ledger)
    if home == user_homes.followed(place):
        return home, False
    with user_homes.adopting(place):
        home = find(root, ledger)
        adopted = home != user_homes.followed(place)  # else another process did so, or made a home there
        if adopted:
            if place.is_dir():
                remove_unused(place)
            user_homes.link(place, home)
    return find(root, ledger), adopted


def all_homes() -> list[Path]:
    """The homes of this user in which something was published, begun, or made for it. The keys in the home of
    the records sign heads of the history only."""
    return [h for h in user_homes.all_folders() if is_used(h) and h != user_homes.of_records()]


def only_home() -> Path | None:
    """The one home of this user, or None without one. Raises `Misuse` with all paths if there are several."""
    return user_homes.only(all_homes(), "the ledger", "give --ledger with its name, or --home")


def embedded() -> Iterator[tuple[Path, str]]:
    """Each home of this user that has an embedded instance, once, with the origin of its log (claimed)."""
    yield from _origins(user_homes.all_folders())


def embedded_anywhere(*more: Path) -> Iterator[tuple[Path, str]]:
    """The same, with the homes that were restored outside of the state folder, and with `more` folders."""
    yield from _origins(dict.fromkeys((*user_homes.all_folders(), *user_homes.outside(), *more)))


def _origins(homes: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    for home in homes:
        path = home / INSTANCE / "instance.json"
        with contextlib.suppress(AnchorError, KeyError, TypeError):
            about = parse_json(files.read(path, limit=MAX_FILE), where=str(path))
            if isinstance(about["origin"], str):
                yield home, about["origin"]


def release_in(root: Path) -> Release | None:
    """The release.json of a folder; None if there is none that can be read."""
    with contextlib.suppress(AnchorError):
        return release_file.load(files.read(root / RELEASE, limit=limits.RELEASE))
    return None


def _may_hold(root: Path, ledger: str) -> bool:
    """False if another ledger is published in a root: nothing else is published there."""
    release = release_in(root)
    return release is None or release.ledger.name == ledger


def _with_signer_of(root: Path, ledger: str) -> list[Path]:
    """The homes that signed the newest release of a root, wherever the root was then."""
    release = release_in(root)
    if release is None or release.ledger.name != ledger:
        return []
    origins = {anchor.log.origin for anchor in release.anchors}
    return [home for home, origin in embedded() if origin in origins and _may_be_of(home, ledger)]


def _may_be_of(home: Path, ledger: str) -> bool:
    """False if a home has signed for other ledgers only. A home of version 0.1 does not know for which."""
    try:
        known = {line.ledger for line in SignedStatements(home).lines() if not line.events}
    except AnchorError:  # a damaged list: whoever publishes with this home is told so
        return True
    known |= {o.ledger.name for o in interrupted.interrupted(home) if o.ledger and not o.events}
    return not known or ledger in known


def remove_unused(place: Path) -> None:
    """Remove a home that a publication made before it failed: nothing is in it. Raises `OSError`."""
    journal = place / interrupted.FOLDER
    with contextlib.ExitStack() as held:
        if journal.is_dir():
            held.enter_context(lock.exclusive(journal, doing="publishing with this home"))
            journal.rmdir()
        place.rmdir()


@contextlib.contextmanager
def made(home: Path) -> Iterator[None]:
    """Make a home for a publication.

    If the publication fails and nothing was signed, a home that this made is removed, and so are the folders
    above it that this made. Raises as `journal.check_home`.
    """
    missing = [folder for folder in (home, *home.parents) if not os.path.lexists(folder)]
    try:
        journal.check_home(home)
        yield
    except BaseException:
        with contextlib.suppress(OSError, AnchorError):  # what cannot be removed stays
            if home in missing:
                _remove_unsigned(home)
            for folder in missing[1:]:
                folder.rmdir()
        raise


def _remove_unsigned(home: Path) -> None:
    """Remove a home with which nothing was signed. Raises `OSError` if another process uses it."""
    begun = home / interrupted.FOLDER
    if begun.is_dir():
        with lock.exclusive(begun, doing="publishing with this home"):
            if _has_signed(home):
                return
            for found in home.iterdir():
                if found != begun:
                    shutil.rmtree(found) if found.is_dir() else found.unlink()
            begun.rmdir()
    home.rmdir()


def _has_signed(home: Path) -> bool:
    """True if a statement may have been signed with a home. Each is noted in a journal before it is sent."""
    signed = SignedStatements(home)
    if any((home / interrupted.FOLDER).iterdir()) or os.path.lexists(home / signing_history.FOLDER):
        return True
    if any(line.step != "published" for line in signed.lines()):  # those are of the folder's releases
        return True
    if not (home / INSTANCE).exists():
        return False
    with contextlib.closing(Instance.open(home / INSTANCE, create=False)) as instance:
        return instance.log.size() > 0
