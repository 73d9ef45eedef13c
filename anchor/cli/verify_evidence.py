# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-evidence`: check a file of evidence against a log or a publisher, without a database."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click

from anchor.app import wrong_kind
from anchor.app.log_locations import public_key
from anchor.app.reverify import TrustOptions
from anchor.cli import options
from anchor.cli.output import tell
from anchor.disk import user_files
from anchor.errors import AnchorError, Misuse, Refused
from anchor.monitor import conflicting_statements, conflicting_statuses
from anchor.net.budget import Budget
from anchor.tlog import evidence
from anchor.tlog.keys import VerifierKey, parse_vkey
from anchor.verdict import Check, Verdict, contradiction, failed, judge, passed, skipped
from anchor.verify.anchors import Trust


class Found(NamedTuple):
    """The checks of evidence, and the values that it shows."""

    checks: tuple[Check, ...]
    facts: dict[str, Any]


@click.command(
    epilog="Example: anchor verify-evidence evidence.json --log-key example.org/log+abcd1234+AXYZ..."
)
@click.argument("file", type=options.InputFile())
@options.policy_options
@click.option("--log-key", help="The verifier key (C2SP vkey) by which you know the log.")
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.verdict_options
def command(
    *,
    file: Path,
    log_key: str | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    offline: bool,
    **given: Any,
) -> int:
    """Check that FILE proves that a log signed two histories, or a publisher two contradicting statements.

    Evidence that holds is EQUIVOCATION (6); a file that proves nothing is INVALID (8). Name the log's key
    with --log-key or a policy. Without either, the key is printed, and you compare it yourself.
    """
    data = user_files.read(file, limit=conflicting_statements.MAX_SIZE)
    wrong_kind.check(data, str(file), wrong_kind.EVIDENCE)
    trust: Trust | None = None
    try:
        of_publisher = conflicting_statements.is_two_statements(data) or conflicting_statuses.is_two_statuses(
            data
        )
        if any(given.values()) and (log_key is None or of_publisher):
            trust = TrustOptions(**given).load("", budget=Budget(60), offline=offline, beside=(file,))
        if conflicting_statements.is_two_statements(data):
            found = _publisher(data, trust)
        elif conflicting_statuses.is_two_statuses(data):
            found = _statuses(data, trust)
        else:
            found = _log(data, log_key, trust)
    except AnchorError as e:
        found = Found((_failed(_named(e, file)),), {})
    verdict = Verdict(
        kind="evidence",
        target=str(file),
        verdict=judge(found.checks),
        checks=found.checks,
        facts=found.facts,
        notes=trust.remarks if trust is not None else (),
    )
    return tell(verdict, as_json=as_json, verbose=verbose, quiet=quiet)


def _log(data: bytes, log_key: str | None, trust: Trust | None) -> Found:
    found = evidence.check(data)
    facts = {
        "kind": found.kind,
        "origin": found.origin,
        "key": found.key.vkey,
        "sizes": [found.older.size, found.newer.size],
        "roots": [found.older.root.hex(), found.newer.root.hex(), found.implied.hex()],
    }
    try:
        return Found((_known(found.key, log_key, trust), _holds(found.sentence)), facts)
    except AnchorError as e:
        return Found((_failed(e),), facts)


def _known(key: VerifierKey, log_key: str | None, trust: Trust | None) -> Check:
    """Check that the key in the file is the log's."""
    name = "log-key"
    if log_key is not None:
        try:
            wanted = parse_vkey(log_key, where="--log-key")
        except Refused as e:
            raise Misuse(e.problem, where="--log-key") from None
        if wanted != key:
            raise Refused(f"the evidence is about the key {key.vkey}, not yours", where=name)
        return passed(name, "the key is the one you named")
    if trust is not None:
        if all(public_key(k) != key.public_key for k in trust.root.tlogs):
            raise Refused("the trusted root names no log with this key", where=name)
        return passed(name, "the trusted root names a log with this key")
    return skipped(name, f"compare it yourself: {key.vkey}")


def _publisher(data: bytes, trust: Trust | None) -> Found:
    if trust is None:
        raise Misuse("two statements are checked under your trust", remedy="give --policy")
    found = conflicting_statements.check(data, trust, datetime.now(UTC))
    facts = {
        "kind": conflicting_statements.KIND,
        "ledger": found.ledger,
        "number": found.number,
        "statements": list(found.digests),
    }
    return Found((_holds(found.sentence),), facts)


def _statuses(data: bytes, trust: Trust | None) -> Found:
    if trust is None:
        raise Misuse("two statements are checked under your trust", remedy="give --policy")
    found = conflicting_statuses.check(data, trust, datetime.now(UTC))
    kind, statements = conflicting_statuses.KIND, list(found.digests)
    facts = {"kind": kind, "ledger": found.ledger, "statements": statements}
    return Found((_holds(found.sentence),), facts)


def _named(error: AnchorError, file: Path) -> AnchorError:
    """The same error. Its place has the name of the file, where it says 'evidence'."""
    kind, colon, inner = error.where.partition(": ")
    if kind != "evidence":
        return error
    return type(error)(error.problem, where=f"{file}{colon}{inner}", remedy=error.remedy)


def _failed(error: AnchorError) -> Check:
    return failed("evidence", error, meaning="this file does not show what it says")


def _holds(sentence: str) -> Check:
    meaning = "both were signed and cannot both be true; the file alone shows it"
    return contradiction("evidence", sentence, meaning=meaning)
