# SPDX-License-Identifier: Apache-2.0
"""`anchor status`: the present state of the records."""

import time
from pathlib import Path

import click

from anchor.app import records
from anchor.cli import homes, options
from anchor.cli.output import out, out_folded, print_json, say_folded
from anchor.disk import worker_id
from anchor.errors import Misuse
from anchor.log_kinds.short_names import ShortNames
from anchor.publish import interrupted
from anchor.report import status as report


@click.command(epilog="Example: anchor status --max-run-age 2d")
@options.root_option
@options.home_option
@options.database_option
@click.option("--max-run-age", help="STALE without a good run this young (default: the policy's, else 3d).")
@click.option("-v", "--verbose", is_flag=True, help="Show the whole name of each embedded log.")
@options.json_option
def command(
    *,
    root: Path,
    home: Path | None,
    database: str | None,
    max_run_age: str | None,
    verbose: bool,
    as_json: bool,
) -> int:
    """Show each watched release with its class, the logs that are followed, evidence that is kept, and
    publications from here that were interrupted: their signatures may be in a log without a release.

    STALE (4) when no good run is younger than the policy's age: also when nothing runs any more. The exit
    code is that of the worst class.
    """
    age = options.seconds(max_run_age, "--max-run-age")
    records_home = homes.records_home(root, home)
    begun = [str(i) for one in homes.publisher_homes(home) for i in interrupted.interrupted(one)]
    try:
        with records.opened(records_home, database, create=False) as opened:
            current = report.status(
                opened, now=time.time(), max_age=age, interrupted=begun, alive=worker_id.alive
            )
    except Misuse:  # there are no records; interrupted publications are still listed
        for line in begun:
            say_folded(f"publication  {line}")
        raise
    if as_json:
        print_json(current)
    else:
        lines = report.text(current)
        shown = str if verbose else ShortNames(lines)
        for line in lines:
            out_folded(shown(line))
        out(f"{current.verdict}: {len(current.targets)} watched")
    return current.verdict.exit_code
