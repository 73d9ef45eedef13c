# SPDX-License-Identifier: Apache-2.0
"""What a re-verification says of things beside release and logs: canary, trust drift, rivals."""

from collections.abc import Mapping

from anchor.outcome import SeenRelease
from anchor.verdict import Check, Class, Verdict, passed, skipped


def canary(found: Verdict, target: str) -> Check:
    """A corrupted copy of the release must be INVALID; a verifier that passes it is defective."""
    if found.verdict is Class.INVALID:
        bad = next(c for c in found.checks if c.demotes is Class.INVALID)
        return passed("canary", f"a corrupted copy of {target} was found bad ({bad.name})")
    if found.verdict is Class.UNAVAILABLE:
        return skipped("canary", "the corrupted copy could not be judged", demotes=Class.UNAVAILABLE)
    return Check(
        name="canary",
        state="refused",
        detail=f"a corrupted copy of {target} came to {found.verdict}, not INVALID",
        meaning="this verifier passes what is bad: none of its verdicts counts",
        demotes=Class.ERROR,
    )


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What changed in the trust material, one phrase each."""
    lost = [f"{k} gone (was {before[k]})" for k in sorted(before.keys() - now.keys())]
    new = [f"{k} new ({now[k]})" for k in sorted(now.keys() - before.keys())]
    other = [
        f"{k} {before[k]} -> {now[k]}" for k in sorted(before.keys() & now.keys()) if before[k] != now[k]
    ]
    return lost + new + other


def rivals(one: SeenRelease, two: SeenRelease) -> Check:
    return Check(
        name="number",
        state="refused",
        detail=f"two signed statements for release {one.number} of {one.ledger}: {one.digest}, {two.digest}",
        meaning="the publisher signed two releases with one number; both are kept",
        clause="design section 3",
        demotes=Class.EQUIVOCATION,
    )
