# SPDX-License-Identifier: Apache-2.0
"""`anchor history`: past runs in the records."""

from pathlib import Path

import click

from anchor.app import records
from anchor.cli import homes, options
from anchor.cli.output import document, out
from anchor.disk import worker_id
from anchor.errors import Misuse
from anchor.records import history
from anchor.report import history as report
from anchor.verdict import Class

_PAGE = 100
_CLASSES = [str(c) for c in Class] + ["interrupted", "running"]


@click.command(epilog="Example: anchor history --class INVALID --since 30d --csv > runs.csv")
@options.root_option
@options.home_option
@options.database_option
@click.option("--release", help="Only runs of this release, by its name in anchor status.")
@click.option(
    "--class", "wanted_class", type=click.Choice(_CLASSES, case_sensitive=False), help="Only this class."
)
@click.option("--since", help="Only runs that began at or after this time, or this long ago (30d).")
@click.option("--until", help="Only runs that began before this time.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="At most this many, newest first (default: 100, all with --csv and --json).",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header.")
@options.json_option
def command(
    *,
    root: Path,
    home: Path | None,
    database: str | None,
    release: str | None,
    wanted_class: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    as_csv: bool,
    as_json: bool,
) -> int:
    """List runs, newest first; with --json, one JSON document a line. A killed run counts as interrupted."""
    if as_csv and as_json:
        raise Misuse("two output formats", where="--csv", remedy="give --csv or --json")
    wanted = history.Filter(
        target=records.absolute([release])[0] if release else None,
        verdict=wanted_class,
        since=options.moment(since, "--since"),
        until=options.moment(until, "--until"),
        limit=limit or (None if as_csv or as_json else _PAGE),
    )
    with records.opened(homes.records_home(root, home), database, create=False) as opened:
        lines = history.runs(opened, wanted, alive=worker_id.alive)
        if as_csv or as_json:
            for chunk in (report.as_csv if as_csv else report.as_json)(lines):
                document(chunk)
        else:
            for line in report.text(lines):
                out(line)
    return 0
