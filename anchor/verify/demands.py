# SPDX-License-Identifier: Apache-2.0
"""What a policy demands of a release as a whole: ledger, number, logs, age (design section 2.5)."""

from collections.abc import Sequence
from datetime import datetime

from anchor.errors import Refused
from anchor.release import Release
from anchor.trust import Policy
from anchor.verdict import Check, Class, failed, passed
from anchor.verify.anchors import AnchorReport


def check(reports: Sequence[AnchorReport], release: Release, policy: Policy, now: datetime) -> list[Check]:
    """The policy's demands on the release as a whole."""
    return [
        _ledger(release, policy),
        *_number(release, policy),
        _anchors(reports, policy),
        *_age(reports, policy, now),
    ]


def _ledger(release: Release, policy: Policy) -> Check:
    name = release.ledger.name
    if name != policy.ledger:
        error = Refused(f"the release is of {name!r}, the policy is for {policy.ledger!r}")
        return failed("policy-ledger", error, meaning="this is another ledger, perhaps of the same signer")
    return passed("policy-ledger", f"ledger {name!r}, as the policy wants")


def _number(release: Release, policy: Policy) -> list[Check]:
    number = release.ledger.number
    if number < policy.min_number:
        line = f"release number {number}, and the policy knows of {policy.min_number}"
        return [
            Check(
                name="policy-number",
                state="refused",
                detail=line,
                meaning="an old release is shown as the newest",
                demotes=Class.STALE,
            )
        ]
    return [passed("policy-number", f"release number {number}, at least {policy.min_number}")]


def _anchors(reports: Sequence[AnchorReport], policy: Policy) -> Check:
    """Distinct log keys that count. None at all contradicts the policy; too few are PENDING."""
    logs = {r.bundle.logs[0].spki for r in reports if r.counts and r.bundle}
    line = f"anchored in {len(logs)} of at least {policy.min_anchors} logs that the policy trusts"
    if len(logs) >= policy.min_anchors:
        return passed("policy-anchors", line)
    if logs or any(c.demotes for r in reports for c in r.checks):
        return Check(name="policy-anchors", state="refused", detail=line, demotes=Class.PENDING)
    meaning = "nobody whom the policy trusts vouches for this release"
    return failed("policy-anchors", Refused(line), meaning=meaning)


def _age(reports: Sequence[AnchorReport], policy: Policy, now: datetime) -> list[Check]:
    """How long ago the earliest anchor that counts was made."""
    times = [r.bundle.earliest for r in reports if r.counts and r.bundle and r.bundle.earliest]
    if policy.max_age is None or not times:
        return []
    age = now - min(times)
    line = f"signed {age.days} days ago, and the policy allows {policy.max_age.days}"
    if age <= policy.max_age:
        return [passed("policy-age", line)]
    return [Check(name="policy-age", state="refused", detail=line, demotes=Class.STALE)]
