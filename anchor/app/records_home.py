# SPDX-License-Identifier: Apache-2.0
"""The default home of the records: one for the user, or the home of version 0.1 that has them.

Version 0.1 had records for each root. They are never begun anew where some are known: a watch would forget
which releases and heads it has seen.
"""

from pathlib import Path

from anchor.disk import user_homes
from anchor.errors import Misuse, Unavailable


def find(root: Path) -> Path:
    """The home of this user's records, for a command in this root.

    A root that has records of version 0.1 goes on with them. Elsewhere it is the user's one home; or, while
    there is none, the only home of version 0.1 with records, which is adopted. Raises `Misuse` if there are
    several of these.
    """
    old, place = user_homes.of_root(root), user_homes.of_records()
    if _has_records(old):
        return old
    if place.is_symlink() or _has_records(place):
        return user_homes.followed(place)  # after that look: another process may just have made the link
    found = _only_old()
    if found is None:
        return user_homes.followed(place)
    try:
        _adopt(place)
    except (
        Misuse,
        Unavailable,
    ):  # a read-only state folder, or evidence is in the place: found without a link
        return found
    return user_homes.followed(place)


def _adopt(place: Path) -> None:
    """Make a link in this place to the only old home, unless another process did so before."""
    with user_homes.adopting(place):
        home = _only_old()
        if home is None or home == user_homes.followed(place):
            return
        if place.is_dir():
            place.rmdir()
        user_homes.link(place, home)


def for_evidence(root: Path) -> Path:
    """The same for evidence that a command without records has found: it is always kept somewhere."""
    try:
        return find(root)
    except Misuse:
        return user_homes.of_records()


def _only_old() -> Path | None:
    """The one home of version 0.1 that has records, if there is one."""
    found = [home for home in user_homes.all_folders() if _has_records(home)]
    remedy = (
        "give --home with one of them, or run the command in the folder for which it was made; "
        f"--home {user_homes.of_records()} begins others, which are used from then on"
    )
    return user_homes.only([home for home in found if home.name != user_homes.RECORDS], "the records", remedy)


def _has_records(home: Path) -> bool:
    return any(home.glob("records*"))
