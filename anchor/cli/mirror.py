# SPDX-License-Identifier: Apache-2.0
"""`anchor mirror`: keep a whole ledger with its logs as static files, and bring them up to date."""

from pathlib import Path
from typing import Any

import click

from anchor.app import mirror
from anchor.app.reverify import TrustOptions
from anchor.cli import chains, homes, options
from anchor.cli.kept_evidence import keep_evidence
from anchor.cli.output import tell


@click.command(epilog="Example: anchor mirror https://example.org/ledger/ mirror --policy policy.toml")
@click.argument("release", type=options.ReleaseName())
@click.argument("folder", type=options.Folder())
@options.policy_options
@click.option(
    "--again", is_flag=True, help="Verify also what the mirror has, and look for new anchors of it."
)
@click.option("--public-logs", is_flag=True, help="Keep the tiles of logs that others run too (Rekor v2).")
@click.option(
    "--documents",
    type=options.ReleaseName(),
    metavar="PLACE",
    help="Folder or URL of the source documents that the releases commit to; they are kept in 'evidence'.",
)
@click.option(
    "--max-size",
    type=click.IntRange(1),
    default=mirror.MOST,
    show_default=True,
    metavar="BYTES",
    help="The most that one run may fetch.",
)
@click.option(
    "--within",
    default=f"{mirror.BUDGET / 60:.0f}m",
    show_default=True,
    metavar="DURATION",
    help="Time for the whole run, such as 30s, 10m or 2h.",
)
@options.home_option
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.verdict_options
def command(
    *,
    release: str,
    folder: Path,
    within: str,
    max_size: int,
    offline: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **given: Any,
) -> int:
    """Keep every release of RELEASE (path or URL of a site) in FOLDER, with its status, roots and logs.

    Everything is verified before it is kept, and a second run fetches only what is new. The mirror never goes
    back: an older release or status is UNAVAILABLE (3), another history EQUIVOCATION (6), with evidence in
    the home of your records. The mirror then keeps what it has.
    """
    home, again = given.pop("home"), given.pop("again")
    public, documents = given.pop("public_logs"), given.pop("documents")
    opened = chains.open_trust(release, within, offline=offline, **given)
    chosen = mirror.Options(
        trust=opened.trust,
        base=TrustOptions(**given).base,
        offline=offline,
        again=again,
        public_logs=public,
        documents=documents or "",
        most=max_size,
    )
    found = mirror.mirror(release, folder, chosen, opened.budget)
    kept = keep_evidence(found.evidence, homes.evidence_home(home)) if found.evidence else []
    notes = [*opened.notes, *kept]
    return tell(found.verdict, as_json=as_json, verbose=verbose, quiet=quiet, notes=notes)
