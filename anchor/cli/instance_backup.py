# SPDX-License-Identifier: Apache-2.0
"""`anchor instance backup` and `restore`: copies of the home of a publisher."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from anchor.cli import homes, options
from anchor.cli.output import out, print_json, say
from anchor.disk import files
from anchor.format.names import RELEASE
from anchor.log_kinds.short_names import short
from anchor.words import several

if TYPE_CHECKING:
    from anchor.app.home_backup import Backup

BUDGET = 60.0


@click.command(epilog="Example: anchor instance backup /media/safe/my-ledger --ledger my-ledger")
@click.argument("folder", type=options.Folder())
@options.ledger_name_option
@options.root_option
@options.home_option
@options.json_option
def backup(folder: Path, ledger: str | None, root: Path, home: Path | None, *, as_json: bool) -> None:
    """Copy the home of a publisher to FOLDER, which must not exist yet: keys, log, list of what was signed,
    journals, secrets, witnesses.

    Nobody can publish with the home meanwhile. Whoever has the copy can sign as you. Records are not in it.
    """
    from anchor.app import home_backup

    if home is None:
        ledger = ledger or homes.ledger_in(root)
    found = homes.existing_home(root, home, ledger)
    target = files.check_utf8(folder.absolute(), "FOLDER")
    about = home_backup.back_up(found, target, ledger=ledger)
    if as_json:
        print_json({"folder": str(target), **_facts(about)}, "copied")
        return
    out(f"copied {found} to {target}")
    out("keep it as private as the home itself")
    out(f"it has {_described(about)}")
    out("copy again after each publication: a copy that is older than the published log is not restored")


@click.command(epilog="Example: anchor instance restore /media/safe/my-ledger --root site")
@click.argument("folder", type=options.Folder())
@options.root_option
@options.home_option
@click.option(
    "--online",
    "online_copy",
    type=options.ReleaseName(),
    multiple=True,
    envvar="ANCHOR_ONLINE",
    help="URL or path of the site as it is online, which the copy is compared with; once for each ledger.",
)
@click.option("--newest", is_flag=True, help="Nothing was signed after the copy was made. You know this.")
@options.json_option
def restore(
    folder: Path, root: Path, home: Path | None, online_copy: tuple[str, ...], *, newest: bool, as_json: bool
) -> None:
    """Make the home of a publisher from the copy in FOLDER. A home that exists is never overwritten.

    With a copy that is older than the published log, the next entry would fork that log. So the copy is
    compared with the site below --root, and with each one that --online names. The other machine must not
    sign any more: two homes with one key fork the log as well.
    """
    from anchor.app import home_backup
    from anchor.net.budget import Budget

    place = None if home is None else homes.publisher_home(root, home)
    sites = [str(root)] if (root / RELEASE).exists() else []
    sites += online_copy
    done = home_backup.restore(folder.absolute(), place, sites, Budget(BUDGET), newest=newest)
    if as_json:
        print_json(
            {"home": str(done.home), "compared": done.compared, **_facts(done.backup)}, "restored-home"
        )
        return
    for line in done.compared:
        out(line)
    if done.note:
        say(f"note: {done.note}")
    out(f"restored to {done.home}: {_described(done.backup)}")
    out("next: publish from here, and no more with any other copy of this home")


def _facts(about: "Backup") -> dict[str, object]:
    return {
        "created": about.created,
        "ledgers": about.ledgers,
        "origin": about.origin,
        "size": about.size,
        "files": len(about.files),
    }


def _described(about: "Backup") -> str:
    log = f"{several(about.size, 'entry')} of {short(about.origin)}" if about.origin else "no log of its own"
    return f"{log}, {several(len(about.files), 'file')}"
