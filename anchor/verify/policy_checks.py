# SPDX-License-Identifier: Apache-2.0
"""The demands of a trust policy on a release as a whole: which ledger, which number, how many logs and
signers, how old.

Decides on verified evidence, wherever it came from: a published release or a receipt.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from anchor.errors import Refused, Unavailable
from anchor.format.members import LedgerName
from anchor.verdict import Check, Class, Step, below_policy, failed, passed
from anchor.verify import steps
from anchor.verify.policy import Policy
from anchor.verify.report import BundleReport
from anchor.words import of_at_least, span

SKEW = timedelta(minutes=5)
"""The difference that two honest clocks may have."""


class Evidence(Protocol):
    """An anchor of a release, as its verification found it."""

    @property
    def bundle(self) -> BundleReport | None:
        """Set if every strict check of the bundle passed."""

    @property
    def checks(self) -> Sequence[Check]:
        """All checks of the anchor."""

    @property
    def counts(self) -> bool:
        """True if everything that the verifier demands holds."""

    @property
    def foreign(self) -> bool:
        """True if the policy's trusted roots do not name the log or the authority."""


def check_policy(
    evidence: Sequence[Evidence], ledger: LedgerName, policy: Policy, now: datetime
) -> list[Check]:
    """The policy's demands on a release as a whole: ledger, number, logs, signers, age (docs/policy.md).

    `evidence`: its anchors; `ledger`: the name that its signed statement has.
    """
    return [*check_lasting(evidence, ledger, policy), *check_age(evidence, policy, now)]


def check_lasting(evidence: Sequence[Evidence], ledger: LedgerName, policy: Policy) -> list[Check]:
    """The demands of `check_policy` that no time changes."""
    return [
        _check_name(ledger, policy),
        _check_number(ledger, policy),
        *check_signed(evidence, policy),
    ]


def check_signed(evidence: Sequence[Evidence], policy: Policy) -> list[Check]:
    """The policy's demands on logs and signers."""
    return [_check_anchors(evidence, policy), *_check_signers(evidence, policy)]


def _check_name(ledger: LedgerName, policy: Policy) -> Check:
    name = ledger.name
    if name != policy.ledger:
        error = Refused(f"the release is of {name!r}, the policy is for {policy.ledger!r}")
        return failed(steps.POLICY_LEDGER, error)
    return passed(steps.POLICY_LEDGER, f"the release is of {name!r}, as the policy wants")


def _check_number(ledger: LedgerName, policy: Policy) -> Check:
    number = ledger.number
    line = f"this is release number {number}, and the policy knows of number {policy.min_number}"
    if number < policy.min_number:
        return below_policy(steps.POLICY_NUMBER, line, Class.STALE)
    return passed(steps.POLICY_NUMBER, line)


def _check_anchors(reports: Sequence[Evidence], policy: Policy) -> Check:
    """Count the distinct log keys of anchors that count."""
    logs = {r.bundle.logs[0].spki for r in reports if r.counts and r.bundle}
    line = f"anchored in {of_at_least(len(logs), policy.min_anchors, 'log')} that the policy trusts"
    return _enough(steps.POLICY_ANCHORS, reports, line, have=len(logs), wanted=policy.min_anchors)


def _check_signers(reports: Sequence[Evidence], policy: Policy) -> list[Check]:
    """Count the distinct signers of anchors that count, if the policy wants several."""
    if policy.min_signers == 1:
        return []
    signed = [r.bundle for r in reports if r.counts and r.bundle]
    have = count_signers(signed, policy)
    who = ", ".join(dict.fromkeys(f"{b.identity} (issuer {b.issuer})" for b in signed)) or "nobody"
    line = f"signed by {of_at_least(have, policy.min_signers, 'signer')} that the policy names: {who}"
    return [_enough(steps.POLICY_SIGNERS, reports, line, have=have, wanted=policy.min_signers)]


def _enough(step: Step, reports: Sequence[Evidence], line: str, *, have: int, wanted: int) -> Check:
    """The check of a number. None is INVALID; too few are PENDING, or UNAVAILABLE if it could not be told."""
    if have >= wanted:
        return passed(step, line)
    unread = sum(any(c.demotes is Class.UNAVAILABLE for c in r.checks) for r in reports if not r.foreign)
    if unread and have + unread >= wanted:
        return failed(step, Unavailable(f"{line}; of {unread} more it could not be told"))
    if have or any(c.demotes for r in reports if not r.foreign for c in r.checks):
        return below_policy(step, line, Class.PENDING)
    return failed(step, Refused(line), meaning="nobody whom you trust vouches for this release")


def count_signers(signed: Sequence[BundleReport], policy: Policy) -> int:
    """The number of distinct signers of verified bundles: the most that can be told apart.

    One identity counts once, under whatever issuer and in whatever case: one person may have accounts at two
    issuers. One signer of the policy counts once, too: whoever matches an `identity_regex` can often choose
    what stands in the identity, as a CI system puts the branch there.
    """
    import unicodedata  # only for a policy that wants several signers

    accepted: dict[str, set[int]] = {}
    for bundle in signed:
        tables = {
            place
            for place, signer in enumerate(policy.signers)
            if signer.accepts(bundle.identity, bundle.issuer) and signer.under(bundle.root_label)
        }
        name = unicodedata.normalize("NFKC", bundle.identity).casefold()
        accepted.setdefault(name, set()).update(tables)
    # The maximum matching of identities and signers, by augmenting paths (Kuhn).
    taken: dict[int, str] = {}
    return sum(_takes(name, accepted, taken, set()) for name in accepted)


def _takes(name: str, accepted: dict[str, set[int]], taken: dict[int, str], tried: set[int]) -> bool:
    """True if an identity gets a signer of its own, perhaps after another identity gave it up."""
    for place in accepted[name]:
        if place in tried:
            continue
        tried.add(place)
        if place not in taken or _takes(taken[place], accepted, taken, tried):
            taken[place] = name
            return True
    return False


def check_age(reports: Sequence[Evidence], policy: Policy, now: datetime) -> list[Check]:
    """The age of the earliest anchor that counts."""
    times = [r.bundle.earliest for r in reports if r.counts and r.bundle and r.bundle.earliest]
    if policy.max_age is None or not times:
        return []
    first = min(times)
    if first - now > SKEW:
        problem = (
            f"signed at {first.isoformat()}, which is {span(first - now)} after the time on this machine"
        )
        return [failed(steps.POLICY_AGE, Unavailable(problem, where="clock", remedy="set the clock"))]
    line = f"signed at {first.isoformat()}, {span(now - first)} ago; the policy allows {span(policy.max_age)}"
    if now - first <= policy.max_age:
        return [passed(steps.POLICY_AGE, line)]
    return [below_policy(steps.POLICY_AGE, line, Class.STALE)]
