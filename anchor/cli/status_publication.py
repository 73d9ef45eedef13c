# SPDX-License-Identifier: Apache-2.0
"""The part that `anchor withdraw` and `anchor renew` share: sign a status, and say what it says."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from anchor.cli import homes, options
from anchor.cli.output import print_json, say
from anchor.cli.signing_options import BUDGET, in_stages, own_policy, signing_options
from anchor.disk import files
from anchor.format.names import RELEASE
from anchor.net.budget import Budget
from anchor.publish import online
from anchor.words import several

if TYPE_CHECKING:
    from anchor.publish.status_run import PublishedStatus

F = TypeVar("F", bound=Callable[..., Any])


def status_options(function: F) -> F:
    """The options that `publish` reads, but those of its entry and its age."""
    for option in reversed(
        (
            signing_options,
            options.home_option,
            click.option(
                online.OPTION,
                "online_copy",
                type=options.ReleaseName(),
                envvar="ANCHOR_ONLINE",
                help="URL or path of the site as it is online: refuse to sign if it is ahead of FOLDER.",
            ),
            click.option(
                "--dry-run", is_flag=True, help="Show everything that would be signed; send nothing."
            ),
            click.option(
                "--abandon", is_flag=True, help="Give up what was sent and can no longer be completed."
            ),
            options.json_option,
        )
    ):
        function = option(function)
    return function


def publish(
    folder: Path, about: dict[str, Any] | None, given: dict[str, Any], *, older_than: int | None = None
) -> int:
    """Publish a status with one more entry, or the same again. Returns the exit code.

    `about`: the arguments of `status_entry.entry`. `older_than`: seconds.
    """
    from anchor.app import publisher_homes, signers_before, status_entry
    from anchor.cli import dry_run
    from anchor.net import release_files
    from anchor.publish import status_run
    from anchor.publish.online import Online

    root, budget = files.check_utf8(folder.resolve(), "FOLDER"), Budget(BUDGET)
    newest = status_run.newest_release(root)
    find = homes.publisher_home if given["dry_run"] else homes.adopted_home
    home = find(root, given["home"], newest.ledger.name)
    site = given["online_copy"]
    request = status_run.StatusRequest(
        root=root,
        home=home,
        entries=(status_entry.entry(root, **about),) if about else (),
        older_than=None if older_than is None else timedelta(seconds=older_than),
        abandon=given["abandon"],
        online=Online(site, release_files.newest(site, budget)) if site else None,
    )
    if given["dry_run"]:
        names, own = (given["instance"], *given["also"]), own_policy(given, budget, root)
        signer = signers_before.signer_of_newest(root, home, own=own)
        return dry_run.show_status(request, names, own=own, signer=signer, as_json=given["as_json"])
    with publisher_homes.made(home):
        own = own_policy(given, budget, root)
        signer = signers_before.signer_of_newest(root, home, own=own)
        done = in_stages(status_run.publish_status, request, given, budget=budget, signer=signer, own=own)
    return _report(done, root, as_json=given["as_json"], quiet=older_than is not None)


def _report(done: "PublishedStatus", root: Path, *, as_json: bool, quiet: bool) -> int:
    status = done.status
    if as_json:
        print_json(
            {
                "sequence": status.sequence,
                "new": done.new,
                "release": str(root / RELEASE),
                "newest": status.newest,
                "withdrawn": status.withdrawn,
                "time": done.result.time,
                "identities": done.result.signers,
                "witnesses": [asked.facts() for asked in done.asked],
            },
            "published-status",
        )
    elif done.new or not quiet:
        words = "is in place" if done.new else "was in place, and nothing new was signed"
        say(f"{done.result.says}, {words}: {several(len(status.withdrawn), 'entry')}")
        say(f"the newest release is {status.newest.version} (number {status.newest.number})")
    return 0
