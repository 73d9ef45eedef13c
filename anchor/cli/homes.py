# SPDX-License-Identifier: Apache-2.0
"""The home folders: where the keys and the journal of a publisher are, and where the records are."""

import contextlib
import hashlib
import os
import re
from pathlib import Path

from anchor import limits
from anchor.disk import files, user_folders
from anchor.errors import AnchorError, Misuse
from anchor.format import release as release_file


def publisher_home(root: Path, home: Path | None, ledger: str | None = None) -> Path:
    """The folder of a publisher's keys, journal and list of signed statements.

    Without `home` it is a folder for the ledger in the user's state directory. It does not depend on the path
    of the site, so a site that is moved keeps its signer. `ledger` None: the ledger of the release.json in
    the root. A home that an earlier version of Anchor made for this root is used on.
    """
    if home is not None:
        return files.check_utf8(home.resolve(), "--home")
    old = _home_of_root(root)
    name = ledger or _ledger_in(root)
    if name is None or (old / "instance").exists() or (old / "journal").exists():
        return _outside(old, root)
    short = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:40]
    digest = hashlib.sha256(b"ledger\0" + name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return _outside(user_folders.state() / f"{short}-{digest}", root)


def publisher_homes(home: Path | None) -> list[Path]:
    """The named home; else all homes of this user that have published something."""
    if home is not None:
        return [home]
    return sorted(f.parent for f in user_folders.state().glob("*/journal"))


def records_home(root: Path, home: Path | None) -> Path:
    """The folder of the records, the high-water marks and the tiles.

    Without `home` it is one folder for the user, whatever the current folder is: a command in another folder
    must know the same past. A home with records that an earlier version of Anchor made for this root is used
    on.
    """
    if home is not None:
        return files.check_utf8(home.resolve(), "--home")
    old = _home_of_root(root)
    if any(old.glob("records*")):
        return _outside(old, root)
    return _outside(user_folders.state() / "records", root)


def _home_of_root(root: Path) -> Path:
    base = root.resolve()
    digest = hashlib.sha256(os.fsencode(base)).hexdigest()[:16]
    name = base.name.encode(errors="ignore").decode() or "root"
    return user_folders.state() / f"{name}-{digest}"


def _ledger_in(root: Path) -> str | None:
    """The ledger of the release.json in a folder; None if there is no release.json that can be read."""
    with contextlib.suppress(AnchorError):
        return release_file.load(files.read(root / "release.json", limit=limits.RELEASE)).ledger.name
    return None


def _outside(home: Path, root: Path) -> Path:
    """Refuse a default home inside the root: it would be published with the root."""
    if home.resolve().is_relative_to(root.resolve()):
        raise Misuse(
            "keys and journal would lie inside the folder that is published",
            where=str(home),
            remedy="name another folder with --home",
        )
    return home
