# SPDX-License-Identifier: Apache-2.0
"""`anchor chain`: verify every release of a ledger, back to number 1."""

from pathlib import Path
from typing import Any

import click

from anchor.cli import chains, homes, options
from anchor.cli.kept_evidence import keep_evidence
from anchor.cli.output import out, print_json
from anchor.cli.progress import Counter


@click.command(epilog="Example: anchor chain https://example.org/ledger/release.json --policy policy.toml")
@click.argument("release", type=options.ReleaseName())
@options.policy_options
@click.option(
    "--against",
    multiple=True,
    type=options.ReleaseName(),
    help="Another copy of the site to compare with, such as a mirror or your own; may be repeated.",
)
@chains.within_option
@options.home_option
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.json_option
def command(
    *,
    release: str,
    against: tuple[str, ...],
    within: str,
    home: Path | None,
    offline: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Verify RELEASE and each release before it, as 'anchor verify' does, back to number 1.

    Each statement names the digest of the one before. Two verified statements that disagree about a number
    are EQUIVOCATION (6), and the evidence is kept in the folder 'evidence' of the home of your records.
    Nothing else is remembered: 'anchor watch' also compares with what it saw before.
    """
    from anchor.app import other_copies

    opened = chains.open_trust(release, within, offline=offline, **given)
    counter = Counter("verifying", "releases")
    found = other_copies.read(
        release,
        against,
        trust=opened.trust,
        budget=opened.budget,
        offline=offline,
        notes=opened.notes,
        progress=counter,
    )
    counter.close()
    notes = keep_evidence(found.evidence, homes.evidence_home(home)) if found.evidence else []
    verdict = chains.with_notes(found.verdict, notes)
    if as_json:
        print_json(verdict)
        return verdict.exit_code
    for line in chains.table(found.links):
        out(line)
    return chains.conclude(verdict)
