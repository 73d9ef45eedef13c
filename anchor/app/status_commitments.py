# SPDX-License-Identifier: Apache-2.0
"""The statuses that the earlier releases of a chain commit to, compared with the newest one.

`anchor verify` compares the status of the newest release alone. Two releases can commit to two statuses of
one sequence: only who reads the chain can tell, also where no status is served. FORMAT.md section 23, rules 3
and 4.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import msgspec

from anchor.app import earlier_releases
from anchor.app.chain import Chain, Found, whole
from anchor.errors import AnchorError, Incomplete, Missing
from anchor.format.members import KnownStatus
from anchor.monitor import conflicting_statuses
from anchor.monitor.run_record import Evidence
from anchor.verdict import Check, Class, contradiction
from anchor.verify import status_checks, steps
from anchor.verify.anchors import Trust
from anchor.verify.status_checks import CONTRADICTED, Shown, StatusResult


def compare(chain: Chain, trust: Trust, *, newest: int) -> Found:
    """Compare the accepted status of a chain with each one that a release commits to, and these with each
    other. The release with the number `newest` was compared with the status when it was verified.

    The result has the checks that did not pass, and the evidence of contradictions.
    """
    status = chain.status
    checks = _of_one_sequence(chain.committed)
    if status is None or status.status is None:
        return Found(tuple(checks))
    evidence, seen = list[Evidence](), set[tuple[int, str]]()
    for shown in chain.committed:
        known = shown.committed
        if known is None or shown.number == newest or (known.sequence, known.statement) in seen:
            continue
        seen.add((known.sequence, known.statement))
        found = status_checks.follows(status, shown, partial(_read, chain))
        for check in found.checks:
            if check.demotes is None:
                continue
            checks.append(msgspec.structs.replace(check, about=f"release {shown.number}"))
            if check.demotes is Class.EQUIVOCATION:
                evidence += _evidence(chain, status, shown, found.earlier, trust)
    return Found(tuple(checks), tuple(evidence))


def _of_one_sequence(committed: Sequence[Shown]) -> list[Check]:
    """The checks of releases that commit to two statuses of one sequence. The two releases are signed, so
    they show it; a file of evidence needs one of the two statuses."""
    first, checks = dict[int, tuple[int, str]](), list[Check]()
    for shown in committed:
        assert shown.committed is not None
        sequence, statement = shown.committed.sequence, shown.committed.statement
        number, other = first.setdefault(sequence, (shown.number, statement))
        if other != statement:
            line = (
                f"releases {shown.number} and {number} commit to two statuses {sequence}: {statement} and "
                f"{other}"
            )
            step = steps.STATUS_FOLLOWS
            found = contradiction(step.name, line, meaning=CONTRADICTED, clause=step.clause)
            checks.append(msgspec.structs.replace(found, about=f"release {shown.number}"))
    return checks


def _read(chain: Chain, known: KnownStatus) -> bytes:
    try:
        return earlier_releases.read_status(
            whole(chain.target), known.sequence, known.statement, budget=chain.budget, offline=chain.offline
        )
    except Missing as e:
        raise Incomplete("is not there", where=e.where, remedy="ask the publisher for it") from None


def _evidence(
    chain: Chain, status: StatusResult, shown: Shown, earlier: bytes, trust: Trust
) -> list[Evidence]:
    """The evidence of the status against the earlier one, or against the release that commits to another."""
    assert status.status is not None
    sides: list[tuple[bytes, Sequence[bytes]]] = []
    if earlier and shown.committed is not None:
        bundles = earlier_releases.read_status_bundles(
            whole(chain.target),
            shown.committed.sequence,
            chain.bundle_names,
            budget=chain.budget,
            offline=chain.offline,
        )
        sides.append((earlier, bundles))
    if release := chain.kept.get(shown.number):
        sides.append((release.statement, [one.bundle for one in release.anchors]))
    mine = (status.data, [one.data for one in status.bundles])
    for other in sides:
        with suppress(AnchorError):
            made = conflicting_statuses.build(status.status.ledger, mine, other)
            conflicting_statuses.check(made.document, trust, datetime.now(UTC))
            return [made]
    return []
