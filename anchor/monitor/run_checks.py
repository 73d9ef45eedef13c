# SPDX-License-Identifier: Apache-2.0
"""The checks of a run that are not about a log: number, contradiction, trust, canary, completeness."""

import shlex
import traceback
from collections.abc import Mapping, Sequence

from anchor.errors import AnchorError, Unavailable
from anchor.monitor.run_record import TWO_STATEMENTS, Best, Evidence, ObservedRelease
from anchor.verdict import Check, Class, Verdict, contradiction, failed, passed, refused
from anchor.words import several


def canary(found: Verdict, target: str) -> Check:
    """A corrupted copy of the release must be INVALID. A verifier that accepts it is defective.

    The whole copy is held, so only the changed bit can be the reason of another verdict.
    """
    if found.verdict is Class.INVALID:
        bad = next(c for c in found.checks if c.demotes is Class.INVALID)
        return passed("canary", f"a corrupted copy of {target} was found bad ({bad.name})")
    return refused(
        "canary",
        f"a corrupted copy of {target} came to {found.verdict}, not INVALID",
        meaning="this verifier passes what is bad: none of its verdicts counts",
        demotes=Class.ERROR,
    )


def complete(release: ObservedRelease | None, *, looked: int, counted: int) -> Check:
    """A run that found nothing wrong must have had a release, and an entry of each anchor that counted."""
    if release is not None and looked >= max(1, counted):
        return passed("complete", f"a release, and the entries of {several(looked, 'anchor')} in their logs")
    what = (
        "no release"
        if release is None
        else f"entries of {several(looked, 'anchor')}, where {counted} counted"
    )
    return refused(
        "complete",
        f"nothing was found wrong, and the run looked at {what}",
        meaning="checks were left out: this run says nothing, and the program is at fault",
        demotes=Class.ERROR,
    )


def defect(name: str, error: Exception) -> Check:
    """The check of an exception that this program did not expect: an ERROR of one target, with the line of
    code. Too little memory is UNAVAILABLE."""
    frames = [*traceback.walk_tb(error.__traceback__)]
    # By the name of the module: a folder above it may have the name of this package, too.
    own = [one for one in frames if one[0].f_globals.get("__name__", "").startswith("anchor.")] or frames
    place = f" ({own[-1][0].f_code.co_filename.rpartition('/')[2]}:{own[-1][1]})" if own else ""
    problem = f"a defect of this program: {type(error).__name__}: {error}{place}"
    if isinstance(error, MemoryError):  # a limit of the machine
        return failed(name, Unavailable(f"not enough memory{place}", remedy="give it more memory"))
    return failed(
        name, AnchorError(problem, remedy="please report it; other releases are verified all the same")
    )


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The changes of the trust material, one phrase for each."""
    lost = [f"{k} gone (was {before[k]})" for k in sorted(before.keys() - now.keys())]
    new = [f"{k} new ({now[k]})" for k in sorted(now.keys() - before.keys())]
    other = [
        f"{k} {before[k]} -> {now[k]}" for k in sorted(before.keys() & now.keys()) if before[k] != now[k]
    ]
    return lost + new + other


def conflict(one: ObservedRelease, two: ObservedRelease, *, remark: str = "") -> Check:
    """The check of two signed statements of one ledger that say different things about one number."""
    early, late = sorted((one, two), key=lambda r: r.number)
    if early.number == late.number:
        detail = f"two signed statements for release {one.number} of {one.ledger}: {one.digest}, {two.digest}"
    else:
        detail = (
            f"release {late.number} of {late.ledger} ({late.digest}) names another release {early.number} "
            f"before it than the signed {early.digest}"
        )
    return _two_statements(detail + remark)


def number(
    now: ObservedRelease | None,
    best: Best | None,
    conflicting: Check | None,
    kept: Sequence[Evidence],
    target: str,
) -> list[Check]:
    """The checks of a release's number, compared with everything that was seen at this target before.

    `best`: the highest number of the target. `conflicting`: the check of a signed statement that contradicts
    the release. `kept`: the evidence against the ledger's publisher; no later release ends it.
    """
    accused = [e for e in kept if e.kind == TWO_STATEMENTS]
    found: list[Check] = []
    if conflicting is not None:
        found.append(conflicting)
    elif accused:
        found.append(
            _two_statements(f"evidence {accused[0].digest[:16]} is kept against {accused[0].origin}")
        )
    if now is None:
        return found
    if best is not None and now.number < best.number:
        return [*found, rolled_back(now, best, target)]
    return found or [passed("number", f"release {now.number} of {now.ledger}, none later was seen here")]


def rolled_back(now: ObservedRelease, best: Best, target: str) -> Check:
    """The check of an older release than one that was verified at this target.

    Its bytes are good, so the class is UNAVAILABLE. It does not pass by waiting, so it is refused, and people
    are notified at once.
    """
    who = "was verified before"
    if best.accepted is not None:
        who = f"was accepted by {best.accepted.who} ({best.accepted.reason})"
    remedy = (
        f"ask the publisher; if it is meant: anchor records accept {shlex.quote(target)} "
        f"--number {now.number} --reason ..."
    )
    old = f"release {now.number} is served where {best.number} {who}"
    return refused(
        "number",
        str(Unavailable(old, where=target, remedy=remedy)),
        meaning="whoever serves it shows an older state than you have seen, and may hide what came after",
        demotes=Class.UNAVAILABLE,
    )


def _two_statements(detail: str) -> Check:
    meaning = "the publisher signed statements that contradict each other; both are kept"
    return contradiction("number", detail, meaning=meaning)
