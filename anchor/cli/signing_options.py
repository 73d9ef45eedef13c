# SPDX-License-Identifier: Apache-2.0
"""The options of the commands that sign: where it is recorded, with whose token, under which own policy."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from anchor import limits
from anchor.cli import options
from anchor.cli.output import Stages
from anchor.disk import user_files
from anchor.errors import Misuse, printable
from anchor.net.budget import Budget

if TYPE_CHECKING:
    from anchor.app.publish import NamedInstances
    from anchor.publish.same_signer import SameSigner
    from anchor.verify.anchors import Trust

F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P")
BUDGET = 180.0
"""Seconds for all calls to all services of one publication."""


def signing_options(function: F) -> F:
    """The options that `instances` and `own_policy` read."""
    for option in reversed(
        (
            click.option(
                "--instance",
                default="embedded",
                type=options.FileName(),
                show_default=True,
                help="The Sigstore instance: embedded, public, staging, or a ClientTrustConfig file.",
            ),
            click.option(
                "--also",
                multiple=True,
                type=options.FileName(),
                help="A further instance to record the same statement in.",
            ),
            click.option(
                "--rekor",
                type=click.Choice(["1", "2"]),
                help="Use the instance's Rekor of this version (default: as its signing config says).",
            ),
            click.option(
                "--identity-token-file",
                type=options.InputFile(),
                envvar="ANCHOR_IDENTITY_TOKEN_FILE",
                help="File with the identity token (else: ANCHOR_IDENTITY_TOKEN, the CI system, the "
                "browser).",
            ),
            click.option(
                "--policy",
                type=options.InputFile(),
                help="Your own trust policy: the result must pass it, witness quorum included. With its "
                "min_signers, a release is PENDING until the last signer has published it too.",
            ),
            click.option(
                "--witness-policy",
                type=options.InputFile(),
                help="File with other witnesses of the embedded log and their quorum (C2SP tlog-policy).",
            ),
            click.option(
                "--no-browser", is_flag=True, help="Print the URL for the log-in, and ask for the code."
            ),
            click.option("--yes", is_flag=True, help="Do not ask before the first entry in a public log."),
        )
    ):
        function = option(function)
    return function


def own_policy(given: dict[str, Any], budget: Budget, root: Path) -> "Trust | None":
    """The publisher's own policy, if there is one. `root`: the folder that is published, whose release has
    copies of trusted roots."""
    from anchor.app import trust

    if not given["policy"]:
        return None
    return trust.load(given["policy"], budget=budget, offline=False, release=str(root))


def instances(
    given: dict[str, Any],
    *,
    root: Path,
    home: Path,
    budget: Budget,
    signer: "SameSigner",
    say: Callable[[str], None],
) -> "NamedInstances":
    """The instances of the command line, which sign as `signer` allows."""
    from anchor.app import publish, signers_before  # the client is imported only by those who sign
    from anchor.signing.tokens import Consent, TokenSource

    source = TokenSource(
        file=given["identity_token_file"], browser=not given["no_browser"], interactive=sys.stdin.isatty()
    )
    signing = publish.SigningOptions(
        home=home,
        budget=budget,
        tokens=source,
        rekor=int(given["rekor"] or 0),
        consent=None if given["yes"] else Consent(confirm=_confirm, known=signers_before.recorded(root)),
        signer=signer,
        witness_policy=_read(given["witness_policy"]),
        chosen=bool(given["also"]) or not options.is_default("instance"),
    )
    return publish.NamedInstances((given["instance"], *given["also"]), signing, say)


def in_stages(
    publish: "Callable[..., P]",
    request: Any,
    given: dict[str, Any],
    *,
    budget: Budget,
    signer: "SameSigner",
    own: "Trust | None",
) -> "P":
    """Publish what a request asks for, and print each stage. An interrupt says that the command goes on.

    `publish`: `publish` of `publish/run.py`, or `publish_status` of `publish/status_run.py`.
    """
    from anchor.publish import interrupted
    from anchor.publish.checks import Checks

    stages, home = Stages(), request.home
    with stages.kept_if_pending(), interrupted.resumed_by_itself(home):
        published = publish(
            request,
            instances=instances(
                given, root=request.root, home=home, budget=budget, signer=signer, say=stages
            ),
            checks=Checks(own),
            say=stages,
        )
    stages.close()
    return published


def _read(path: Path | None) -> bytes | None:
    return user_files.read(path, limit=limits.WITNESS_POLICY) if path is not None else None


def _confirm(question: str) -> bool:
    """Ask a person. Without a terminal nobody can answer, so nothing is sent."""
    if not sys.stdin.isatty():
        raise Misuse(f"{question} Nobody is here to answer", remedy="give --yes to agree")
    return click.confirm(printable(question), err=True)
