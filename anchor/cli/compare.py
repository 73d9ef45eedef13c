# SPDX-License-Identifier: Apache-2.0
"""`anchor compare`: checkpoints that others hold, beside what is held and the logs as they are now."""

from pathlib import Path
from typing import Any

import click

from anchor.app import compare_heads
from anchor.app.log_locations import RunBudget
from anchor.app.reverify import TrustOptions
from anchor.app.trust import trust_for
from anchor.cli import homes, options
from anchor.cli.output import tell
from anchor.errors import Misuse, Refused
from anchor.net.release_files import is_url
from anchor.tlog.keys import VerifierKey, parse_vkey


@click.command(epilog="Example: anchor compare https://example.org/mirror/checkpoint --policy policy.toml")
@click.argument("checkpoints", nargs=-1, type=options.FileName(), metavar="CHECKPOINT...")
@options.policy_options
@click.option("--vkey", multiple=True, help="The verifier key (C2SP vkey) of a log; may be repeated.")
@click.option(
    "--log",
    "places",
    multiple=True,
    type=options.ReleaseName(),
    metavar="PLACE",
    help="Folder or URL where a log's checkpoint and tiles are read (default: as the policy, the release or "
    "the records say); may be repeated.",
)
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    metavar="URL",
    help="Prefix of a witness that is asked for the newest head of each log you know; may be repeated.",
)
@click.option(
    "--evidence",
    type=options.Folder(),
    help="Folder for evidence of a contradiction (default: 'evidence' in the home of your records).",
)
@click.option("--keep", is_flag=True, help="Have the records try again what could not be proven.")
@click.option(
    "--within",
    default=f"{compare_heads.BUDGET:.0f}s",
    show_default=True,
    metavar="DURATION",
    help="Time for everything that is fetched.",
)
@options.home_option
@options.database_option
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.verdict_options
def command(
    *,
    checkpoints: tuple[str, ...],
    vkey: tuple[str, ...],
    places: tuple[str, ...],
    witnesses: tuple[str, ...],
    evidence: Path | None,
    within: str,
    offline: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **given: Any,
) -> int:
    """Say of each CHECKPOINT whether it is of one history with what you hold of its log and with the log now.

    A CHECKPOINT is a file or URL with one or more signed notes, or - for pasted ones: of a log, a witness or
    a mirror. Bundles, receipts, a release.json and evidence have checkpoints inside. Two histories are
    EQUIVOCATION (6), with evidence; a log that withholds the proof is FINDINGS (9); without a proof it is
    UNAVAILABLE (3); a checkpoint of no log that you know is INVALID (8).
    """
    home, database, keep = (given.pop(name) for name in ("home", "database", "keep"))
    budget = RunBudget(options.seconds(within, "--within") or 0, remedy="give more with --within")
    beside = [Path(name) for name in checkpoints if not is_url(name)]
    trust, _ = trust_for(None, **given, budget=budget, offline=offline, beside=beside)
    if trust is None and not vkey:
        raise Misuse("nobody says which keys are those of logs", remedy="give --policy, or --vkey")
    chosen = compare_heads.Options(
        trust=trust,
        keys=tuple(_key(text) for text in vkey),
        base=TrustOptions(**given).base,
        places=places,
        witnesses=witnesses,
        home=homes.records_home(Path(), home),
        database=database,
        offline=offline,
        keep=keep,
    )
    found = compare_heads.compare(checkpoints, chosen, budget)
    lines = compare_heads.remember(found, chosen, evidence or chosen.home / "evidence")
    return tell(found.verdict, as_json=as_json, verbose=verbose, quiet=quiet, notes=lines)


def _key(text: str) -> VerifierKey:
    try:
        return parse_vkey(text, where="--vkey")
    except Refused as e:
        raise Misuse(
            e.problem, where="--vkey", remedy="write it as name+id+base64, as the log names it"
        ) from None
