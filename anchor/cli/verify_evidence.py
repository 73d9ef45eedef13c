# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-evidence`: check a file of evidence against a log or a publisher, without a database."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from anchor.app.log_locations import public_key
from anchor.app.reverify import TrustOptions
from anchor.cli import options
from anchor.cli.output import emit
from anchor.disk import user_files
from anchor.errors import AnchorError, Misuse, Refused
from anchor.monitor import conflicting_statements
from anchor.net.budget import Budget
from anchor.tlog import evidence
from anchor.tlog.keys import VerifierKey, parse_vkey
from anchor.verdict import Check, Verdict, contradiction, failed, judge, passed, skipped


@click.command(
    epilog="Example: anchor verify-evidence evidence.json --log-key example.org/log+abcd1234+AXYZ..."
)
@click.argument("file", type=options.InputFile())
@options.policy_options
@click.option("--log-key", help="The verifier key (C2SP vkey) by which you know the log.")
@click.option("--offline", is_flag=True, help="Make no connection at all.")
@options.json_option
def command(
    *,
    file: Path,
    log_key: str | None,
    as_json: bool,
    offline: bool,
    **given: Any,
) -> int:
    """Check that FILE proves that a log signed two histories, or a publisher two contradicting statements.

    Evidence that holds is EQUIVOCATION (6); a file that proves nothing is INVALID (8). Name the log's key
    with --log-key or a policy. Without either, the key is printed, and you compare it yourself.
    """
    data = user_files.read(file, limit=conflicting_statements.MAX_SIZE)
    checks: list[Check] = []
    facts: dict[str, Any] = {}
    try:
        if conflicting_statements.is_two_statements(data):
            checks.append(_publisher(data, given, facts, offline=offline))
        else:
            checks += _log(data, log_key, given, facts, offline=offline)
    except AnchorError as e:
        checks.append(failed("evidence", e, meaning="this file does not show what it says"))
    verdict = Verdict(
        kind="evidence", target=str(file), verdict=judge(checks), checks=tuple(checks), facts=facts
    )
    return emit(verdict, as_json=as_json)


def _log(
    data: bytes, log_key: str | None, given: dict[str, Any], facts: dict[str, Any], *, offline: bool
) -> list[Check]:
    found = evidence.check(data)
    facts |= {
        "kind": found.kind,
        "origin": found.origin,
        "key": found.key.vkey,
        "sizes": [found.older.size, found.newer.size],
        "roots": [found.older.root.hex(), found.newer.root.hex(), found.implied.hex()],
    }
    return [_known(found.key, log_key, given, offline=offline), _holds(found.sentence)]


def _known(key: VerifierKey, log_key: str | None, given: dict[str, Any], *, offline: bool) -> Check:
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
    if any(given.values()):
        trust = TrustOptions(**given).load("", budget=Budget(60), offline=offline)
        if all(public_key(k) != key.public_key for k in trust.root.tlogs):
            raise Refused("the trusted root names no log with this key", where=name)
        return passed(name, "the trusted root names a log with this key")
    return skipped(name, f"compare it yourself: {key.vkey}")


def _publisher(data: bytes, given: dict[str, Any], facts: dict[str, Any], *, offline: bool) -> Check:
    if not any(given.values()):
        raise Misuse("two statements are checked under your trust", remedy="give --policy")
    trust = TrustOptions(**given).load("", budget=Budget(60), offline=offline)
    found = conflicting_statements.check(
        data,
        lambda bundle: trust.verify(bundle, now=datetime.now(UTC))[0],
    )
    facts |= {
        "kind": conflicting_statements.KIND,
        "ledger": found.ledger,
        "number": found.number,
        "statements": list(found.digests),
    }
    return _holds(found.sentence)


def _holds(sentence: str) -> Check:
    meaning = "both were signed and cannot both be true; the file alone shows it"
    return contradiction("evidence", sentence, meaning=meaning)
