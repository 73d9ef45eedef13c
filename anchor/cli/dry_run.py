# SPDX-License-Identifier: Apache-2.0
"""`--dry-run` of `publish`, `withdraw` and `renew`: what would be signed, by whom and in which log.

The statement itself is in the document of `--json` alone. Nothing is sent or written.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from anchor.app import planned_signing, signers_before
from anchor.app.planned_signing import PlannedSigning
from anchor.cli.output import print_json, say
from anchor.format import ledger_status
from anchor.intake.reading import as_text
from anchor.log_kinds.short_names import ShortNames
from anchor.publish import online, release_secrets, sealing, since_before, statement_guard
from anchor.publish.same_signer import SameSigner
from anchor.publish.sealing import PublishRequest
from anchor.words import several

if TYPE_CHECKING:
    from anchor.publish.status_run import StatusRequest
    from anchor.verify.anchors import Trust


def show(request: PublishRequest, instances: Sequence[str], *, signer: SameSigner, as_json: bool) -> int:
    """Print what a publication would sign. `instances`: the names on the command line. `signer`: who signed
    the release before."""
    found = sealing.dry_run(request)
    if request.online is not None:
        say(online.check(request.online, found.plan, found.digest))
    if found.plan.existing is None:
        statement_guard.check(request.home, found.statement, found.digest)
        _check_signer(instances, request.home, signer)
    reading, differing = found.sealed.reading, since_before.changes(found, request)
    signing = planned_signing.planned(instances, request.home)
    statement = found.statement
    if as_json:
        shown = {
            "statement": found.data.decode(),
            "sent": False,
            "sha256": found.digest,
            "ledger": statement.ledger,
            "tree": statement.tree,
            "signing": [msgspec.to_builtins(one) for one in signing],
            "reading": reading,
            "changes": differing,
        }
        print_json(shown, "dry-run")
        return 0
    for line in (*as_text(reading), *since_before.as_text(differing)):
        say(line)
    for index in statement.index:
        say(index.line)
    ledger = statement.ledger
    say(
        f"release    {ledger.name} {ledger.version} (release {ledger.number}), "
        f"{several(statement.tree.size, 'fact')}"
    )
    say(f"root       {statement.tree.root}")
    _say_statement(found.digest)
    if found.plan.existing is None:
        _say_signing(signing)
    else:
        say("published  already, with this statement: publishing adds what it lacks")
    if found.draft is not None and not release_secrets.path(request.home, found.digest).exists():
        say("note: this root is of a secret that is not kept: publishing makes another one")
    say(_NOTHING_SENT)
    return 0


def show_status(
    request: "StatusRequest",
    instances: Sequence[str],
    *,
    own: "Trust | None",
    signer: SameSigner,
    as_json: bool,
) -> int:
    """Print the status that would be signed. `instances`: the names on the command line. `own`: the
    publisher's own policy. `signer`: who signed the newest release."""
    from anchor.publish import status_run
    from anchor.publish.checks import Checks

    data = status_run.dry_run(request, Checks(own), say)
    if data is None:
        if as_json:
            print_json({"statement": None, "sent": False}, "dry-run")
        else:
            young = "" if request.older_than is None else ", and is young enough"
            say(f"the status in place says so already{young}; nothing would be signed")
        return 0
    _check_signer(instances, request.home, signer)
    digest, signing = hashlib.sha256(data).hexdigest(), planned_signing.planned(instances, request.home)
    if as_json:
        shown = {
            "statement": data.decode(),
            "sent": False,
            "sha256": digest,
            "signing": [msgspec.to_builtins(one) for one in signing],
        }
        print_json(shown, "dry-run")
        return 0
    status = ledger_status.decode(data)
    say(f"status     {status.sequence} of {status.ledger}, {several(len(status.withdrawn), 'entry')}")
    for entry in status.withdrawn:
        say(f"entry      {ledger_status.sentence(entry)}")
    say(f"newest     {status.newest.version} (release {status.newest.number})")
    _say_statement(digest)
    _say_signing(signing)
    say(_NOTHING_SENT)
    return 0


def _check_signer(instances: Sequence[str], home: Path, signer: SameSigner) -> None:
    """Raise `Misuse` where the publication would be refused for its signer. Who signs with another instance
    than the embedded one is known only when somebody logs in."""
    if {*instances} == {planned_signing.EMBEDDED}:
        signers_before.check_embedded(home, signer)


_NOTHING_SENT = "this is what would be signed; nothing was sent or written"


def _say_statement(digest: str) -> None:
    """`digest`: SHA-256 (hex) of the bytes that would be signed."""
    say(f"statement  SHA-256 {digest}, shown by --json")


def _say_signing(signing: Sequence[PlannedSigning]) -> None:
    """Who would sign, and in which log, for each instance."""
    shorter = ShortNames(one.log for one in signing)
    for one in signing:
        say(f"signed by  {shorter(one.signed_by)}")
        say(f"log        {shorter(one.recorded_in)}")
