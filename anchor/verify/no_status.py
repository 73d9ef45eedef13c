# SPDX-License-Identifier: Apache-2.0
"""The checks of a release without a status, or without one that counts. FORMAT.md section 23.

They stand apart from `status_checks`, so that such a release is verified without all that reads a status.
"""

from anchor.format.members import KnownStatus
from anchor.verdict import Check, Class, below_policy, skipped
from anchor.verify import steps
from anchor.verify.policy import Policy

UNKNOWN = "no status was given: it is not known whether something was withdrawn since"
KNEW = "this release knew of status"
"""The words about a status to which the statement of a release commits."""


def missing(committed: KnownStatus | None) -> Check:
    """The check of a release beside which no status is shown."""
    line = "no status is named here, so that nobody can tell whether something was withdrawn"
    if committed is not None:
        line += f"; {KNEW} {committed.sequence}, which its publisher's folder has"
    return skipped(steps.WITHDRAWN, line)


def no_age(policy: Policy) -> list[Check]:
    """If the policy limits the age of a status, the answer without one is STALE as well (rule 5)."""
    if policy.max_status_age is None:
        return []
    return [below_policy(steps.POLICY_STATUS_AGE, f"no status that counts; {UNKNOWN}", Class.STALE)]
