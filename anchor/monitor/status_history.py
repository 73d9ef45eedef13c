# SPDX-License-Identifier: Apache-2.0
"""Compares the status that is served with every status and release that is held of its ledger.

A status that contradicts a held one is an equivocation of the publisher. A lower sequence than one that was
seen, or no status where there was one, is an old state: whoever serves it hides what was withdrawn since.
FORMAT.md section 23.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anchor.errors import Unavailable
from anchor.format import ledger_status as statuses
from anchor.monitor import conflicting_statuses
from anchor.monitor.conflicting_statements import StatementEvidence
from anchor.monitor.interfaces import Memory, Verifier
from anchor.monitor.run_record import TWO_STATUSES, Evidence, ObservedRelease, ObservedStatus, ShownStatuses
from anchor.verdict import Check, Class, contradiction, passed, refused
from anchor.words import several

SHOWN = 10
"""New entries that are told one by one."""
NAME = "status-history"
CONTRADICTED = "the publisher signed statements that contradict each other; both are kept"


@dataclass(frozen=True, kw_only=True)
class StatusFinding:
    """The comparison of a status with what is held. `best`: the highest sequence of the target."""

    checks: tuple[Check, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[str, ...] = ()
    best: int | None = None
    rolled_back: bool = False


def compare(
    now: ObservedStatus | None,
    *,
    ledger: str,
    release: ObservedRelease | None,
    absent: bool,
    target: str,
    memory: Memory,
    verifier: Verifier,
    judgement: StatementEvidence,
) -> StatusFinding:
    """Compare the status `now` of a ledger at a target. `absent`: the verified files have none that counts.

    `release`: the verified one beside it. `judgement` says whether evidence shows something under today's
    trust. There is a note for evidence that shows nothing.
    """
    evidence, doubts = judgement.split([] if now is None else _contradictions(now, release, memory))
    evidence = evidence[:1]
    kept, more = judgement.split(e for e in memory.contradictions(ledger) if e.kind == TWO_STATUSES)
    checks, notes = [], [*doubts, *more]
    for one in evidence or kept[:1]:
        line = f"evidence {one.digest[:16]} is kept against {one.origin}"
        if evidence and now is not None:
            line = f"status {now.sequence} of {now.ledger} contradicts what its publisher signed; {line}"
        checks.append(contradiction(NAME, line, meaning=CONTRADICTED))
    shown = memory.shown_statuses(target, ledger)
    best = _best(now, shown, verifier)
    served = now.sequence if now is not None else 0
    rolled_back = best is not None and served < best and (now is not None or absent)
    if rolled_back:
        assert best is not None
        checks.append(_rolled_back(now, best, target))
    elif now is not None and not checks:
        line = f"status {now.sequence} of {now.ledger}, none later was seen here"
        checks.append(passed(NAME, line))
    if now is not None and not rolled_back:
        notes += _news(now, shown.statuses)
    return StatusFinding(
        checks=tuple(checks),
        evidence=tuple(evidence),
        notes=tuple(notes),
        best=best,
        rolled_back=rolled_back,
    )


def _contradictions(
    now: ObservedStatus, release: ObservedRelease | None, memory: Memory
) -> Iterator[Evidence]:
    """The evidence of each held status or release that contradicts a status."""
    mine = (now.statement, now.bundles)
    for other in memory.statuses_beside(now):
        if conflicting_statuses.disagree(now.statement, other.statement):
            yield conflicting_statuses.build(now.ledger, mine, (other.statement, other.bundles))
    named = dict(statuses.decode(now.statement).named())
    held = [memory.stored(h) for h in memory.numbers(now.ledger) if named.get(h.number, h.digest) != h.digest]
    for one in [*([release] if release else []), *held]:
        if conflicting_statuses.disagree(now.statement, one.statement):
            bundles = [a.bundle for a in one.anchors]
            yield conflicting_statuses.build(now.ledger, mine, (one.statement, bundles))


def _best(now: ObservedStatus | None, shown: ShownStatuses, verifier: Verifier) -> int | None:
    """The highest sequence that was ever verified at a target, by a signer whom the policy accepts today.

    A number without a status is one that only the high-water mark has.
    """
    best = now.sequence if now is not None else None
    if shown.marked is not None:
        best = max(best or 0, shown.marked)
    for one in shown.statuses:
        if best is not None and one.sequence <= best:
            break
        if verifier.accepts_status(one):
            return one.sequence
    return best


def _rolled_back(now: ObservedStatus | None, best: int, target: str) -> Check:
    served = f"status {now.sequence} is served" if now is not None else "no status that counts is served"
    old = Unavailable(
        f"{served} where status {best} was verified before", where=target, remedy="ask the publisher"
    )
    return refused(
        NAME,
        str(old),
        meaning="whoever serves it shows an older state than you have seen, and may hide what was withdrawn",
        demotes=Class.UNAVAILABLE,
    )


def _news(now: ObservedStatus, shown: Sequence[ObservedStatus]) -> list[str]:
    """The entries that no status before had at this target. None for a status that was seen."""
    if any(one.digest == now.digest for one in shown):
        return []
    before = next((one for one in shown if one.sequence < now.sequence), None)
    known = len(statuses.decode(before.statement).withdrawn) if before else 0
    new = statuses.decode(now.statement).withdrawn[known:]
    lines = [f"new in status {now.sequence}: {statuses.sentence(entry)}" for entry in new[:SHOWN]]
    if len(new) > SHOWN:
        lines.append(f"new in status {now.sequence}: {several(len(new) - SHOWN, 'more entry')}")
    return lines
