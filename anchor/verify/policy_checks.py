# SPDX-License-Identifier: Apache-2.0
"""What a policy demands of a release as a whole: ledger, number, logs, age (docs/policy.md)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from anchor.errors import Refused, Unavailable
from anchor.format.release import Release
from anchor.verdict import Check, Class
from anchor.verify.anchors import AnchorReport
from anchor.verify.policy import Policy
from anchor.verify.release_steps import AGE, ANCHORS, LEDGER, NUMBER, broken, held, short_of

SKEW = timedelta(minutes=5)
"""By how much two honest clocks may differ."""


def check(reports: Sequence[AnchorReport], release: Release, policy: Policy, now: datetime) -> list[Check]:
    """The policy's demands on the release as a whole."""
    return [
        _ledger(release, policy),
        _number(release, policy),
        _anchors(reports, policy),
        *_age(reports, policy, now),
    ]


def _ledger(release: Release, policy: Policy) -> Check:
    name = release.ledger.name
    if name != policy.ledger:
        error = Refused(f"the release is of {name!r}, the policy is for {policy.ledger!r}")
        return broken(LEDGER, error)
    return held(LEDGER, f"the release is of {name!r}, as the policy wants")


def _number(release: Release, policy: Policy) -> Check:
    number = release.ledger.number
    line = f"this is release number {number}, and the policy knows of number {policy.min_number}"
    if number < policy.min_number:
        return short_of(NUMBER, line, Class.STALE)
    return held(NUMBER, line)


def _anchors(reports: Sequence[AnchorReport], policy: Policy) -> Check:
    """Distinct log keys that count. None at all contradicts the policy; too few are PENDING."""
    logs = {r.bundle.logs[0].spki for r in reports if r.counts and r.bundle}
    line = f"anchored in {len(logs)} of at least {policy.min_anchors} logs that the policy trusts"
    if len(logs) >= policy.min_anchors:
        return held(ANCHORS, line)
    unread = sum(any(c.demotes is Class.UNAVAILABLE for c in r.checks) for r in reports if not r.foreign)
    if unread and len(logs) + unread >= policy.min_anchors:
        return broken(ANCHORS, Unavailable(f"{line}; of {unread} more it could not be told"))
    if logs or any(c.demotes for r in reports if not r.foreign for c in r.checks):
        return short_of(ANCHORS, line, Class.PENDING)
    return broken(ANCHORS, Refused(line), meaning="nobody whom you trust vouches for this release")


def _age(reports: Sequence[AnchorReport], policy: Policy, now: datetime) -> list[Check]:
    """How long ago the earliest anchor that counts was made."""
    times = [r.bundle.earliest for r in reports if r.counts and r.bundle and r.bundle.earliest]
    if policy.max_age is None or not times:
        return []
    first = min(times)
    if first - now > SKEW:
        problem = (
            f"signed at {first.isoformat()}, which is {_whole(first - now)} after the time on this machine"
        )
        return [broken(AGE, Unavailable(problem, where="clock", remedy="set the clock"))]
    line = f"signed at {first.isoformat()}, {_whole(now - first)} ago; the policy allows {policy.max_age}"
    if now - first <= policy.max_age:
        return [held(AGE, line)]
    return [short_of(AGE, line, Class.STALE)]


def _whole(age: timedelta) -> timedelta:
    return timedelta(seconds=round(age.total_seconds()))
