# SPDX-License-Identifier: Apache-2.0
"""The home folders: where the keys and the journal of a publisher are, and where the records are."""

import os
import shlex
from pathlib import Path

from anchor.cli.output import say
from anchor.disk import files, user_homes
from anchor.errors import Misuse, without_secrets
from anchor.format import names


def publisher_home(root: Path, home: Path | None, ledger: str | None = None) -> Path:
    """The folder of a publisher's keys, journal and list of signed statements; nothing is written.

    Without `home` it is the home of the ledger, or a home of version 0.1. It does not depend on the path of
    the site, so a site that is moved keeps its signer. `ledger` None: the ledger of the release.json in the
    root; without one, the home is named by the root until something is published from it.
    """
    if home is not None:
        return files.check_utf8(home.resolve(), "--home")
    from anchor.app import publisher_homes

    name = ledger or ledger_in(root)
    return _outside(publisher_homes.find(root, name) if name else user_homes.of_root(root), root)


def adopted_home(root: Path, home: Path | None, ledger: str) -> Path:
    """The same for a command that signs: a home of version 0.1 is that of the ledger from then on."""
    from anchor.app import publisher_homes

    found = publisher_home(root, home, ledger)
    if home is not None:
        return found
    found, adopted = publisher_homes.adopt(root, ledger)
    if adopted:
        say(f"note: the home {found} is that of {names.shown(ledger)} from now on, wherever the site is")
    return found


def existing_home(root: Path, home: Path | None, ledger: str | None) -> Path:
    """The same for a command that makes no home and publishes nothing. It may run in any folder.

    Without a name, and without a release.json in the root, it is the only home of this user. Raises `Misuse`
    if there are several.
    """
    from anchor.app import publisher_homes

    if home is not None:
        return files.check_utf8(home.resolve(), "--home")
    name = ledger or ledger_in(root)
    if name is not None:
        return publisher_homes.find(root, name)
    return publisher_homes.only_home() or user_homes.of_root(root)


def publisher_homes(home: Path | None) -> list[Path]:
    """The named home; else all homes of this user that have published something."""
    if home is not None:
        return [home]
    from anchor.app import publisher_homes as known

    return known.all_homes()


def records_home(root: Path, home: Path | None) -> Path:
    """The folder of the records, the high-water marks and the tiles.

    Without `home` it is one folder for the user, whatever the current folder is: a command in another folder
    must know the same past. It may lie below the current folder, as in $HOME: nothing publishes that folder.
    """
    if home is not None:
        return files.check_utf8(home.resolve(), "--home")
    from anchor.app import records_home as known

    return known.find(root)


def evidence_home(home: Path | None) -> Path:
    """The folder for evidence that `chain` and `mirror` find. It is that of the records, if there is one."""
    if home is not None:
        return files.check_utf8(home.resolve(), "--home")
    from anchor.app import records_home as known

    return known.for_evidence(Path())


def export_command(home: Path, database: str | None) -> str:
    """The command that writes the evidence of the records in a home into files, as a person types it."""
    given = () if database is None else ("--database", without_secrets(database))
    here = Path(os.path.relpath(home))
    shown = home if ".." in here.parts else here
    words = ("anchor", "records", "export", "--evidence", "--home", str(shown), *given)
    return shlex.join((*words, "-o", "evidence"))


def ledger_in(root: Path) -> str | None:
    """The ledger of the release.json in a folder; None if there is no release.json that can be read."""
    from anchor.app import publisher_homes

    release = publisher_homes.release_in(root)
    return release.ledger.name if release else None


def _outside(home: Path, root: Path) -> Path:
    """Refuse a default home inside the root: it would be published with the root."""
    if home.resolve().is_relative_to(root.resolve()):
        raise Misuse(
            "keys and journal would lie inside the folder that is published",
            where=str(home),
            remedy="name another folder with --home",
        )
    return home
