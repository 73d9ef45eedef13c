# SPDX-License-Identifier: Apache-2.0
"""`anchor records prove`: write a proof of past runs."""

from pathlib import Path

import click
import msgspec

from anchor.app import history_proof, records
from anchor.cli import homes, options
from anchor.cli.output import print_json, say
from anchor.disk import user_files
from anchor.errors import Misuse


@click.command(epilog="Example: anchor records prove --since 2027-01-01 -o runs-2027.jsonl")
@click.argument("runs", nargs=-1, type=click.IntRange(1), metavar="[RUN]...")
@click.option(
    "--since", help="Prove all runs from the last head that was anchored before this time (or 30d)."
)
@click.option("--until", help="With --since: up to the first head that was anchored at or after this time.")
@click.option("-o", "--output", type=options.OutputFile(), required=True, help="The proof.")
@options.root_option
@options.home_option
@options.database_option
@options.json_option
def prove(
    *,
    runs: tuple[int, ...],
    since: str | None,
    until: str | None,
    output: options.Output,
    root: Path,
    home: Path | None,
    database: str | None,
    as_json: bool,
) -> int:
    """Prove single past runs, or with --since that a list of them is complete.

    RUN is the number of a run, as 'anchor history --json' gives it. The proof stands on a head that
    'anchor records anchor' signed and recorded. Whoever has a policy checks it with 'anchor verify-history',
    and needs no database. Everything that these events say is in the file.
    """
    if bool(runs) == (since is not None):
        problem = "both runs and a time" if runs else "which runs?"
        raise Misuse(problem, where="RUN", remedy="give the numbers of runs, or --since")
    if until is not None and since is None:
        raise Misuse("an end without a beginning", where="--until", remedy="give --since too")
    if as_json and output.path == user_files.STDOUT:
        raise Misuse("two documents on standard output", where="--json", remedy="name a file with -o")
    with records.opened(homes.records_home(root, home), database, create=False) as opened:
        written = history_proof.write(
            opened,
            output.path,
            runs=runs,
            since=options.moment(since, "--since"),
            until=options.moment(until, "--until"),
        )
    if as_json:
        print_json({"output": str(output.path), **msgspec.to_builtins(written)}, "proof-of-runs")
        return 0
    say(f"{output.path}: {written.sentence}")
    if written.lacking:
        say(f"note: {written.lacking}")
    return 0
