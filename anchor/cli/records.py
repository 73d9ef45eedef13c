# SPDX-License-Identifier: Apache-2.0
"""`anchor records`: export, prune and check the records, anchor their head, and accept a rollback."""

import time
from pathlib import Path
from typing import Any

import click

from anchor.app import records, records_check
from anchor.app.log_locations import public_key
from anchor.app.reverify import TrustOptions
from anchor.cli import homes, options, records_anchor, records_prove
from anchor.cli.output import document, out, print_json, tell
from anchor.disk import files, user_files, worker_id
from anchor.errors import Misuse
from anchor.net.budget import Budget
from anchor.records import export as exporting
from anchor.records import retention
from anchor.words import several


@click.group(epilog="Example: anchor records check")
def command() -> None:
    """Export, prune, check, anchor or prove the records, or accept a rollback."""


@command.command("export", epilog="Example: anchor records export --evidence -o evidence/")
@options.root_option
@options.home_option
@options.database_option
@click.option("--evidence", is_flag=True, help="Only evidence: one file each, for anchor verify-evidence.")
@click.option("--checkpoints", is_flag=True, help="Only the signed notes, one file each.")
@click.option("-o", "--output", type=options.OutputFile(), help="File (JSON Lines), or folder for files.")
@options.json_option
def export(
    *,
    root: Path,
    home: Path | None,
    database: str | None,
    evidence: bool,
    checkpoints: bool,
    output: options.Output | None,
    as_json: bool,
) -> int:
    """Export the records as JSON Lines: each event with its index and leaf hash, then each document."""
    if (evidence or checkpoints) and (output is None or output.path == user_files.STDOUT):
        raise Misuse("files need a folder", where="-o", remedy="name a folder with -o")
    with records.opened(homes.records_home(root, home), database, create=False) as opened:
        if evidence or checkpoints:
            assert output is not None
            folder = output.path
            documents = [*(exporting.evidence(opened) if evidence else ())]
            documents += [*(exporting.notes(opened) if checkpoints else ())]
            for name, data in documents:
                files.write(folder / name, data)
                if not as_json:
                    out(str(folder / name))
            if as_json:
                print_json({"files": [str(folder / name) for name, _ in documents]}, "exported")
        elif output is None or output.path == user_files.STDOUT:
            for line in exporting.rows(opened):
                document(f"{line}\n")
        else:
            output.write("".join(f"{line}\n" for line in exporting.rows(opened)).encode())
            if as_json:
                print_json({"files": [str(output.path)]}, "exported")
    return 0


@command.command("prune", epilog="Example: anchor records prune --older-than 400d")
@options.root_option
@options.home_option
@options.database_option
@click.option("--older-than", required=True, help="Remove runs that ended longer ago than this (400d).")
@click.option("--dry-run", is_flag=True, help="Only say how many.")
@options.json_option
def prune(
    *,
    root: Path,
    home: Path | None,
    database: str | None,
    older_than: str,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Remove old runs and their checks. Signed checkpoints, proofs, evidence and releases always stay."""
    age = options.seconds(older_than, "--older-than") or 0
    now = time.time()
    home_path = homes.records_home(root, home)
    with records.opened(home_path, database, create=False):
        pass  # pruning creates no records
    with records.opened(home_path, database, create=True) as opened:
        count = retention.prune(opened, before=now - age, now=now, dry_run=dry_run)
    if as_json:
        print_json({"pruned": 0 if dry_run else count, "old": count}, "pruned")
    else:
        out(f"{several(count, 'run')} {'would be removed' if dry_run else 'removed'}")
    return 0


@command.command("check", epilog="Example: anchor records check --policy policy.toml")
@options.policy_options
@options.root_option
@options.home_option
@options.database_option
@options.verdict_options
def check(
    *,
    root: Path,
    home: Path | None,
    database: str | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **given: Any,
) -> int:
    """Verify the history again: each event under the tree, every note, proof and piece of evidence.

    An edited database is INVALID (8). Stored statements that contradict each other are EQUIVOCATION (6). With
    a policy, checkpoints under keys that its trusted roots do not name are INVALID too.
    """
    home_path = homes.records_home(root, home)
    verdict = records_check.lost(home_path, database)
    if verdict is None:
        with records.opened(home_path, database, create=False) as opened:
            verdict = records_check.check(home_path, opened, log_keys=_known(given))
    return tell(
        verdict,
        as_json=as_json,
        verbose=verbose,
        quiet=quiet,
        export=homes.export_command(home_path, database),
    )


@command.command(
    "forget-log",
    epilog='Example: anchor records forget-log release.json log.example --reason "shut down by its operator"',
)
@click.argument("target", type=options.ReleaseName(), metavar="TARGET")
@click.argument("origin", metavar="ORIGIN")
@options.root_option
@options.home_option
@options.database_option
@click.option("--reason", required=True, help="The reason. It is kept for ever, with the time and your name.")
@options.json_option
def forget_log(
    *,
    target: str,
    origin: str,
    root: Path,
    home: Path | None,
    database: str | None,
    reason: str,
    as_json: bool,
) -> int:
    """Stop following a log for TARGET. An anchor of TARGET counted in that log before.

    The log is still followed as long as the release has an anchor there that counts.
    """
    home_path = homes.records_home(root, home)
    with records.opened(home_path, database, create=False):
        pass  # this command creates no records
    (named,) = records.absolute([target])
    who = worker_id.person()
    with records.opened(home_path, database, create=True) as opened:
        records.forget_log(home_path, opened, named, origin, who=who, reason=reason, now=time.time())
    if as_json:
        print_json({"target": named, "origin": origin, "who": who, "reason": reason}, "forgotten-log")
    else:
        out(f"{origin} is not followed any more for {named}, decided by {who}")
    return 0


@command.command(
    "accept",
    epilog='Example: anchor records accept release.json --number 1 --reason "withdrawn: a wrong table"',
)
@click.argument("target", type=options.ReleaseName(), metavar="TARGET")
@options.root_option
@options.home_option
@options.database_option
@click.option("--number", type=click.IntRange(min=1), required=True, help="The number that is served now.")
@click.option("--reason", required=True, help="The reason. It is kept for ever, with the time and your name.")
@options.json_option
def accept(
    *,
    target: str,
    root: Path,
    home: Path | None,
    database: str | None,
    number: int,
    reason: str,
    as_json: bool,
) -> int:
    """Accept that TARGET went back to an older release on purpose.

    Later releases there are compared with this number. A release with a lower number is a rollback again.
    """
    home_path = homes.records_home(root, home)
    with records.opened(home_path, database, create=False):
        pass  # accepting creates no records
    (named,) = records.absolute([target])
    decision: dict[str, Any] = {"number": number, "who": worker_id.person(), "reason": reason}
    with records.opened(home_path, database, create=True) as opened:
        ledger, before = records.accept(home_path, opened, named, **decision, now=time.time())
    if as_json:
        print_json({"target": named, "ledger": ledger, "before": before, **decision}, "accepted-number")
    else:
        accepted = f"release {number} of {ledger} is accepted at {named}, decided by {decision['who']}"
        out(f"{accepted}; the number before was {before}")
    return 0


command.add_command(records_anchor.command)
command.add_command(records_prove.prove)


def _known(given: dict[str, Any]) -> set[bytes] | None:
    """The log keys of the policy's trusted roots; None without a policy."""
    if not any(given.values()):
        return None
    trust = TrustOptions(**given).load("", budget=Budget(60), offline=False)
    return {public_key(key) for key in trust.root.tlogs}
