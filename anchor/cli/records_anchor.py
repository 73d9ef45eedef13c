# SPDX-License-Identifier: Apache-2.0
"""`anchor records anchor`: sign the head of the records, and record it in a log."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from anchor.app import records
from anchor.cli import homes, options
from anchor.cli.output import Stages, out, print_json
from anchor.words import several

if TYPE_CHECKING:
    from anchor.app.history_anchor import HeadOptions, Outcome

F = TypeVar("F", bound=Callable[..., Any])


def instance_options(prefix: str) -> Callable[[F], F]:
    """The options that `head_options` reads. `prefix`: before the name of `--instance`."""

    def added(function: F) -> F:
        for option in reversed(
            (
                click.option(
                    f"--{prefix}instance",
                    "head_instances",
                    multiple=True,
                    default=("embedded",),
                    type=options.FileName(),
                    show_default="embedded",
                    help="Where the head is recorded: embedded, public, staging, or a ClientTrustConfig "
                    "file. May be repeated.",
                ),
                click.option(
                    "--public-history",
                    is_flag=True,
                    help="Allow public and staging: each head is public for ever. Needs the identity of a CI "
                    "system.",
                ),
            )
        ):
            function = option(function)
        return function

    return added


def head_options(given: dict[str, Any]) -> "HeadOptions":
    """The options of `instance_options`, which are removed from `given`."""
    from anchor.app.history_anchor import HeadOptions

    return HeadOptions(
        instances=tuple(dict.fromkeys(given.pop("head_instances"))),
        public=given.pop("public_history"),
        token_file=given.pop("identity_token_file", None),
        abandon=given.pop("abandon", False),
    )


@click.command("anchor", epilog="Example: anchor records anchor")
@instance_options("")
@click.option(
    "--identity-token-file",
    type=options.InputFile(),
    envvar="ANCHOR_IDENTITY_TOKEN_FILE",
    help="File with the identity token for an instance of your own (else: ANCHOR_IDENTITY_TOKEN, the CI "
    "system).",
)
@click.option("--abandon", is_flag=True, help="Give up what was sent and can no longer be completed.")
@options.root_option
@options.home_option
@options.database_option
@options.json_option
def command(*, root: Path, home: Path | None, database: str | None, as_json: bool, **given: Any) -> int:
    """Sign the head of the records: how many events they have, and the root over them.

    Whoever has the head can check later that the records were not changed before it. Keys, journal and list
    of what was signed are in the home of the records. After an interruption the same command completes it.
    """
    from anchor.app import history_anchor
    from anchor.net.budget import Budget
    from anchor.publish import interrupted

    wanted = head_options(given)
    home_path = homes.records_home(root, home)
    with records.opened(home_path, database, create=False):
        pass  # anchoring creates no records
    stages = Stages()
    with (
        records.opened(home_path, database, create=True) as opened,
        stages.kept_if_pending(),
        interrupted.resumed_by_itself(home_path),
    ):
        done = history_anchor.anchor(
            opened, home_path, wanted, budget=Budget(history_anchor.BUDGET), say=stages
        )
    stages.close()
    if as_json:
        print_json(done.facts(), "anchored-head")
        return 0
    for line in lines(done):
        out(line)
    return 0


def lines(done: "Outcome") -> list[str]:
    """The outcome for a person."""
    head = f"head of {several(done.size, 'event')} of {done.origin}, root {done.root}"
    if not done.new:
        return [f"nothing is new since the {head}, anchored at {done.at}: nothing was signed"]
    found = [f"anchored: {head}"]
    for one in done.places:
        when = f" at {one.time}" if one.time else ""
        found.append(f"in {one.log} as entry {one.index}{when}, signed by {one.identity}")
        found.append(one.independence.sentence)
    if done.resumed:
        found.append("it was interrupted before; what is new since then comes with the next head")
    return found
