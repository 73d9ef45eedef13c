# SPDX-License-Identifier: Apache-2.0
"""`anchor publish`: seal, sign, record, verify from disk, put in place."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anchor.cli import homes, options
from anchor.cli.output import Counter, Stages, document, print_json, say
from anchor.disk import files
from anchor.errors import Misuse, printable
from anchor.format.readers import READERS
from anchor.net.budget import Budget
from anchor.publish import sealing, statement_guard
from anchor.publish.policy_text import policy_text
from anchor.publish.sealing import PublishRequest
from anchor.verdict import Class

if TYPE_CHECKING:
    from anchor.publish.run import Published

BUDGET = 180.0
"""Seconds for all calls to all services of one publication."""
EXAMPLE = "anchor publish ledger.md --name my-ledger --version 1.0.0 --root site > policy.toml"


@click.command(epilog=f"Example: {EXAMPLE}")
@click.argument("ledger", type=options.InputFile())
@click.option("--name", required=True, help="The ledger's name; the same for all of its releases.")
@click.option("--version", required=True, help="Your name for this release; never used twice.")
@click.option("--reader", type=click.Choice(list(READERS)), help="Format of the ledger (default: by name).")
@click.option(
    "--instance",
    default="embedded",
    type=options.FileName(),
    show_default=True,
    help="The Sigstore instance: embedded, public, staging, or a ClientTrustConfig file.",
)
@click.option(
    "--also",
    multiple=True,
    type=options.FileName(),
    help="A further instance to record the same statement in.",
)
@click.option(
    "--rekor",
    type=click.Choice(["1", "2"]),
    help="Use the instance's Rekor of this version (default: as its signing config says).",
)
@click.option(
    "--identity-token-file",
    type=options.InputFile(),
    envvar="ANCHOR_IDENTITY_TOKEN_FILE",
    help="File with the identity token (else: ANCHOR_IDENTITY_TOKEN, the CI system, the browser).",
)
@click.option(
    "--policy",
    type=options.InputFile(),
    help="Your own trust policy: the result must pass it, witness quorum included.",
)
@click.option("--no-browser", is_flag=True, help="Print the URL for the log-in, and ask for the code.")
@options.root_option
@options.home_option
@click.option("--dry-run", is_flag=True, help="Show everything that would be signed; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before the first entry in a public log.")
@click.option("--resume", is_flag=True, help="Complete an interrupted or pending publication; start none.")
@click.option("--abandon", is_flag=True, help="Give up an interrupted publication that blocks this one.")
@click.option("--new-signer", is_flag=True, help="Allow another signer than that of the previous release.")
@options.json_option
def command(as_json: bool, home: Path | None, **given: Any) -> int:  # noqa: FBT001  click passes by keyword
    """Publish LEDGER as a version of a ledger, in the folder --root.

    stdout gets the policy that others need to verify the release, stderr everything else.
    """
    root = files.check_utf8(given["root"].resolve(), "--root")
    named = {key: given[key] for key in ("ledger", "name", "version", "reader")}
    home = homes.publisher_home(root, home, given["name"])
    if given["dry_run"]:
        return _dry_run(PublishRequest(**named, root=root, home=home), as_json=as_json)
    if given["policy"]:
        files.check_utf8(given["policy"], "--policy")
    # The client is imported only by those who sign.
    from anchor.app import publish, trust
    from anchor.publish import journal, run
    from anchor.publish.checks import Checks
    from anchor.signing.tokens import Consent, TokenSource

    counter = Counter()
    request = PublishRequest(
        **named,
        root=root,
        home=home,
        abandon=given["abandon"],
        new_signer=given["new_signer"],
        progress=counter,
    )
    journal.check_home(request.home)
    if given["resume"] and not run.resumable(request):
        where = f"{request.name} {request.version}"
        raise Misuse("nothing is interrupted or pending", where=where, remedy="leave --resume out")
    source = TokenSource(
        file=given["identity_token_file"], browser=not given["no_browser"], interactive=sys.stdin.isatty()
    )
    budget = Budget(BUDGET)
    own = trust.load(given["policy"], budget=budget, offline=False) if given["policy"] else None
    signing = publish.SigningOptions(
        home=request.home,
        budget=budget,
        tokens=source,
        rekor=int(given["rekor"] or 0),
        consent=None if given["yes"] else Consent(confirm=_confirm, known=publish.recorded(root)),
        signer=publish.signer_before(
            root, request.home, request.version, accepted=request.new_signer, own=own
        ),
        chosen=bool(given["also"]) or not options.is_default("instance"),
    )
    stages = Stages()
    published = run.publish(
        request,
        instances=publish.NamedInstances((given["instance"], *given["also"]), signing, stages),
        checks=Checks(own),
        say=stages,
    )
    counter.close()
    stages.close()
    return _report(published, request, as_json=as_json)


def _confirm(question: str) -> bool:
    """Ask a person. Without a terminal nobody can answer, so nothing is sent."""
    if not sys.stdin.isatty():
        raise Misuse(f"{question} Nobody is here to answer", remedy="give --yes to agree")
    return click.confirm(printable(question), err=True)


def _dry_run(request: PublishRequest, *, as_json: bool) -> int:
    found = sealing.dry_run(request)
    if found.plan.existing is None:
        statement_guard.check(request.home, found.statement, found.digest)
    if as_json:
        print_json({"statement": found.data.decode(), "sent": False})
    else:
        document(f"{found.data.decode()}\n")
        say("this is what would be signed; nothing was sent or written")
    return 0


def _report(published: "Published", request: PublishRequest, *, as_json: bool) -> int:
    root = request.root / "release" / request.version / published.release.trusted_root.path
    policy = policy_text(published.release, str(root))
    if as_json:
        verdict = published.verdict
        print_json(
            {
                "verdict": verdict.verdict,
                "release": str(request.root / "release.json"),
                "new": published.new,
                "missing": published.missing,
                "facts": verdict.facts,
                "checks": verdict.checks,
                "notes": verdict.notes,
                "policy": policy,
            }
        )
        return verdict_code(published)
    release = published.release
    done = "published" if published.new else "is published already, and verifies:"
    say(f"{release.ledger.name} {release.ledger.version} {done} {release.tree.size} facts")
    say(f"root {release.tree.root}")
    for anchor in release.anchors:
        say(f"entry {anchor.log.index} of {anchor.log.origin}, {anchor.time}, signed by {anchor.identity}")
    for note in published.verdict.notes:
        say(f"note: {note}")
    for line in published.missing:
        say(f"PENDING: {line}")
    document(policy)
    return verdict_code(published)


def verdict_code(published: "Published") -> int:
    """0, or 5 while a log is missing."""
    return Class.PENDING.exit_code if published.missing else published.verdict.exit_code
