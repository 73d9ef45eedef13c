# SPDX-License-Identifier: Apache-2.0
"""`anchor publish`: seal, sign, record, verify from disk, put in place."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anchor.app.schema import check as check_schema
from anchor.cli import dry_run, homes, options
from anchor.cli.key_options import index_option
from anchor.cli.ledger_options import (
    check_blind,
    evidence_option,
    ledger_options,
    opened_option,
    schema_options,
)
from anchor.cli.output import document, print_json, say, say_folded, say_note
from anchor.cli.progress import Counter
from anchor.cli.signing_options import BUDGET, in_stages, own_policy, signing_options
from anchor.disk import files, policy_file, user_files, user_homes
from anchor.disk.ledger_file import LedgerFile, SchemaFile
from anchor.disk.ledger_input import with_ledger
from anchor.errors import Misuse
from anchor.format import names
from anchor.format.names import RELEASE
from anchor.format.release import Release
from anchor.format.source_evidence import listed
from anchor.intake.choice import Choice
from anchor.log_kinds.short_names import ShortNames
from anchor.net.budget import Budget
from anchor.net.release_files import newest
from anchor.publish import online
from anchor.publish.online import Online
from anchor.publish.policy_text import policy_text
from anchor.publish.sealing import PublishRequest
from anchor.verdict import Class
from anchor.words import several

if TYPE_CHECKING:
    from anchor.publish.run import Published

EXAMPLE = "anchor publish ledger.md --name my-ledger --version 1.0.0 --root site --policy-out policy.toml"


@click.command(epilog=f"Example: {EXAMPLE}")
@ledger_options
@schema_options
@evidence_option
@click.option("--name", required=True, help="The ledger's name; the same for all of its releases.")
@click.option("--version", required=True, help="Your name for this release; never used twice.")
@index_option
@click.option(
    "--blind/--no-blind",
    default=None,
    help="Publish leaf hashes, and no facts. Their secret stays in the home.",
)
@opened_option
@signing_options
@click.option(
    online.OPTION,
    "online_copy",
    type=options.ReleaseName(),
    envvar="ANCHOR_ONLINE",
    help="URL or path of the site as it is online: refuse to sign if it is ahead of --root, or has another "
    "release of a number.",
)
@options.root_option
@options.home_option
@click.option("--dry-run", is_flag=True, help="Show everything that would be signed; send nothing.")
@click.option("--resume", is_flag=True, help="Complete an interrupted or pending publication; start none.")
@click.option("--abandon", is_flag=True, help="Give up an interrupted publication that blocks this one.")
@click.option(
    "--policy-out",
    type=options.OutputFile(),
    help="Write the policy that others need to this file, once the release is in place.",
)
@click.option("--new-signer", is_flag=True, help="Allow another signer than that of the previous release.")
@options.json_option
def command(
    *,
    as_json: bool,
    home: Path | None,
    ledger: tuple[Path, ...],
    choice: Choice,
    schema: SchemaFile | None,
    schema_unchecked: bool,
    **given: Any,
) -> int:
    """Publish LEDGER as a version of a ledger, in the folder --root. Several files are one ledger, in order.

    It shows how the ledger was read before anything is signed. stdout gets the policy that others need to
    verify the release, stderr everything else. --policy-out writes it to a file instead: whole, only if the
    release is in place, and never over a policy that somebody edited.
    """
    check_blind(given, ledger)
    root = files.check_utf8(given["root"].resolve(), "--root")
    names.check_arguments(given["name"], given["version"])
    find = homes.publisher_home if given["dry_run"] else homes.adopted_home
    home = find(root, home, given["name"])
    if given["policy"]:
        files.check_utf8(given["policy"], "--policy")
    if given["policy_out"] is not None:
        if as_json and given["policy_out"].path == user_files.STDOUT:
            problem = "the document of --json has the policy"
            raise Misuse(problem, where="--policy-out", remedy="name a file, or leave --policy-out out")
        _check_policy(given["policy_out"])

    def published(found: tuple[LedgerFile, ...]) -> int:
        if line := check_schema(found, schema, unchecked=schema_unchecked):
            say(line)
        named: dict[str, Any] = {
            option: given[option] for option in ("name", "version", "index", "evidence", "blind")
        }
        named |= {"ledger": found, "schema": schema}
        if given["evidence"]:
            say_folded(f"evidence: {listed([*map(str, given['evidence'])])}")
        budget = Budget(BUDGET)
        if (site := given["online_copy"]) is not None:
            named["online"] = Online(site, newest(site, budget))
        if given["dry_run"]:
            request = PublishRequest(**named, root=root, home=home)
            from anchor.app import signers_before

            own = own_policy(given, budget, root)
            signer = signers_before.signer_before(
                root, home, request.version, accepted=given["new_signer"], own=own
            )
            names = (given["instance"], *given["also"])
            return dry_run.show(request, names, signer=signer, as_json=as_json)
        return _publish(named, root, home, budget, given, as_json=as_json)

    return with_ledger(ledger, choice, published)


def _publish(
    named: dict[str, Any], root: Path, home: Path, budget: Budget, given: dict[str, Any], *, as_json: bool
) -> int:
    # The client is imported only by those who sign.
    from anchor.app import pinned_roots, publisher_homes
    from anchor.app.opening import write_opening
    from anchor.publish.signing_history import SignedStatements

    counter, first = Counter("reading"), not SignedStatements(home).exists()
    request = PublishRequest(
        **named,
        root=root,
        home=home,
        abandon=given["abandon"],
        new_signer=given["new_signer"],
        progress=counter,
    )
    with publisher_homes.made(home):
        published, others = _signed(request, given, budget)
    counter.close()
    for note in pinned_roots.keep_published(root / "release" / request.version, published.release):
        say_note(note)
    code = _report(published, request, as_json=as_json)
    if given["policy_out"] is None and not as_json:
        document(policy_text(published.release))
    for other in others:
        say_note(
            f"{other} did not sign from this home, and the policy accepts him: give it to nobody unless you "
            "know him: with --policy, whom your own policy does not accept is refused. "
            "A new --version has the signatures of this home alone."
        )
    if given["policy_out"] is not None:
        _write_policy(given["policy_out"], published.release)
    if first:
        _say_home(home, request.name)
    if given["opened_out"] is not None:
        say(write_opening(request, published.release, given["opened_out"].path))
    return code


def _signed(
    request: PublishRequest, given: dict[str, Any], budget: Budget
) -> "tuple[Published, Sequence[str]]":
    """The publication, and the signers of another home that its policy will accept."""
    from anchor.app import other_signers, signers_before
    from anchor.publish import run

    root, home = request.root, request.home
    if given["resume"] and not run.resumable(request):
        where = f"{request.name} {request.version}"
        raise Misuse("nothing is interrupted or pending", where=where, remedy="leave --resume out")
    own = own_policy(given, budget, root)
    signer = signers_before.signer_before(root, home, request.version, accepted=request.new_signer, own=own)
    others = other_signers.of_version(root, home, request.version) if own is None else []
    return in_stages(run.publish, request, given, budget=budget, signer=signer, own=own), others


def _check_policy(output: options.Output) -> bytes:
    """The policy that is in its place already. Raises `Misuse` if somebody edited it."""
    return policy_file.check(output.path, force=False, remedy="name another file, or move that one away")


def _write_policy(output: options.Output, release: Release) -> None:
    """Write the policy of a published release. One that somebody edited meanwhile stays."""
    data = policy_file.marked(policy_text(release))
    if _check_policy(output) == data:
        return
    output.write(data)
    if output.path == user_files.STDOUT:
        return
    say_folded(f"policy     {output.path}: give it to whoever is to verify this ledger")


def _say_home(home: Path, ledger: str) -> None:
    """Say where the home is, once: whoever loses it is another signer."""
    found = user_homes.followed(user_homes.of_ledger(ledger)) == home
    way = f"--ledger {shlex.quote(ledger)}" if found else f"--home {shlex.quote(str(home))}"
    say("home       your keys, and the list of what they signed: back this up")
    say(f"           {home}")
    say(f"           anchor instance backup FOLDER {way}")


def _report(published: "Published", request: PublishRequest, *, as_json: bool) -> int:
    if as_json:
        verdict = published.verdict
        print_json(
            {
                "verdict": verdict.verdict,
                "exit_code": verdict_code(published),
                "release": str(request.root / RELEASE),
                "new": published.new,
                "missing": published.missing,
                "witnesses": [asked.facts() for asked in published.asked],
                "facts": verdict.facts,
                "reading": published.reading,
                "changes": published.changes,
                "checks": verdict.checks,
                "notes": verdict.notes,
                "policy": policy_text(published.release),
            },
            "published",
        )
        return verdict_code(published)
    release = published.release
    done = "published" if published.new else "is published already, and verifies:"
    say_folded(f"{release.ledger.name} {release.ledger.version} {done} {several(release.tree.size, 'fact')}")
    say(f"root {release.tree.root}")
    shown = ShortNames(f"{anchor.log.origin} {anchor.identity}" for anchor in release.anchors)
    for anchor in release.anchors:
        entry = f"entry {anchor.log.index} of {anchor.log.origin}, {anchor.time}, signed by {anchor.identity}"
        say_folded(shown(entry))
    for note in published.verdict.notes:
        say_note(shown(note))
    for line in published.missing:
        say_folded(f"PENDING: {line}")
    return verdict_code(published)


def verdict_code(published: "Published") -> int:
    """0, or 5 while a log is missing."""
    return Class.PENDING.exit_code if published.missing else published.verdict.exit_code
