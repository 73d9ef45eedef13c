# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-history`: check a proof of past runs against a trust policy, without a database."""

from pathlib import Path
from typing import Any

import click

from anchor.app import verify_history as app
from anchor.app.verify_receipt import open_trust
from anchor.cli import options
from anchor.cli.output import tell


@click.command(
    "verify-history",
    cls=options.ReadingCommand,
    epilog="Example: anchor verify-history runs-2027.jsonl --policy policy.toml",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=options.InputFile())
@options.policy_options
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.verdict_options
def command(
    *,
    files: tuple[Path, ...],
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **given: Any,
) -> int:
    """Verify each FILE, a proof of past runs that 'anchor records prove' made.

    The policy says whose signature on a history counts: name whoever ran the re-verifications. No database is
    needed, and no connection is made, except for the trusted root of the public instances, if the policy
    names it.

    The runs are counted by target and release. If the proof is complete, no event between its two heads is
    missing. The times of runs are the operator's word; those of the heads are verified. Heads of several
    FILEs that contradict each other are EQUIVOCATION (6).
    """
    trust, notes = open_trust(**given, receipts=files)
    verdict = app.verify_files(files, trust)
    return tell(verdict, as_json=as_json, verbose=verbose, quiet=quiet, notes=notes)
