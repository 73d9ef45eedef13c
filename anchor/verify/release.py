# SPDX-License-Identifier: Apache-2.0
"""Verification of a published release. The steps, in this order; each is one check of the verdict:

1. release-json     release.json is in its one form                              (FORMAT.md section 8)
2. statement        the statement has the digest named, is canonical, says the same  (FORMAT.md section 6)
3. facts            the ledger, read again, gives the signed root and size        (RFC 9162 section 2.1)
4. ledger-json      ledger.json is what the ledger gives                          (FORMAT.md section 5)
5. anchor <log> ... each bundle, strictly (`verify.bundle`); then the claims of release.json about it, the
   opinion of the reference client, and whether the release's copy of the trusted root verifies the same
6. trusted-root     the copy in the release has the digest named, and agrees with the verifier's own roots
7. policy-...       ledger, number, signer, number of logs, age, as the verifier's policy demands

Nothing here reads a file, a socket or a clock: bytes come through `Files`, and the time is an argument. The
verdict's facts hold only values that a passed check bound.
"""

import shlex
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import msgspec

from anchor import limits
from anchor.encoding import toml_string
from anchor.errors import Incomplete, Refused, Unavailable
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.release import File, Release
from anchor.format.statement import Statement
from anchor.verdict import Check, Class, Verdict, below_policy, failed, judge, passed
from anchor.verify import anchors, ledger_checks, steps
from anchor.verify.anchors import AnchorReport, ReferenceClient, Trust, VerifiedAnchor
from anchor.verify.effort import Effort
from anchor.verify.policy import Policy
from anchor.verify.release_files import COPYING, Files
from anchor.verify.steps import Checks

EMBEDDED = (
    "the log is embedded: run by the publisher, so it is evidence against everyone but its own operator and "
    "no independent evidence"
)
SKEW = timedelta(minutes=5)
"""The difference that two honest clocks may have."""

__all__ = [
    "EMBEDDED",
    "ReferenceClient",
    "ReleaseResult",
    "Trust",
    "VerifiedAnchor",
    "examine_release",
    "verify_release",
]

_BOUND = (Class.OK, Class.STALE, Class.PENDING)


class ReleaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of examining a release: the verdict, and the values that were read.

    `release` and `statement` (the exact signed bytes) agree with each other if they are set. They are the
    publisher's only if `bound` is true. `anchors` are those whose bundles the verifier's own trust verifies,
    in the order of release.json.
    """

    verdict: Verdict
    release: Release | None = None
    statement: bytes = b""
    ledger: File | None = None
    """The file of `release` that the statement names as the ledger itself."""
    anchors: tuple[VerifiedAnchor, ...] = ()

    @property
    def bound(self) -> bool:
        """True if the verdict binds the release to an accepted signer."""
        return self.verdict.verdict in _BOUND and self.release is not None and bool(self.anchors)

    @property
    def counted(self) -> int:
        """The number of anchors that count."""
        return sum(a.counts for a in self.anchors)


def verify_release(
    target: str,
    data: bytes,
    files: Files,
    *,
    trust: Trust | None,
    now: datetime,
    reference_client: ReferenceClient | None = None,
    progress: Callable[[int], object] | None = None,
    effort: Effort | None = None,
) -> Verdict:
    """The verdict of `examine_release`, which takes the same arguments."""
    return examine_release(
        target,
        data,
        files,
        trust=trust,
        now=now,
        reference_client=reference_client,
        progress=progress,
        effort=effort,
    ).verdict


def examine_release(
    target: str,
    data: bytes,
    files: Files,
    *,
    trust: Trust | None,
    now: datetime,
    reference_client: ReferenceClient | None = None,
    progress: Callable[[int], object] | None = None,
    effort: Effort | None = None,
) -> ReleaseResult:
    """Verify a release.json (`data`) and every file that it names.

    `trust`: None if no policy is given; then the signer is only claimed, and the class is USAGE at best.
    `now` is aware. `effort`: the limit of work for the anchors; by default only their signatures are counted.
    Raises none of our errors: each becomes a check.
    """
    checks = Checks()
    release = checks.run(steps.RELEASE_JSON, _load, data)
    read = checks.run(steps.RELEASE_STATEMENT, _read_statement, release, files) if release else None
    if release is None or read is None:
        return ReleaseResult(verdict=_verdict(target, checks.checks))
    payload, statement = read
    # The anchors come before the ledger, whose size nobody vouches for until a bundle does.
    reports, copy_checks = anchors.verify_all(
        release,
        payload,
        files,
        trust=trust,
        now=now,
        reference_client=reference_client,
        effort=effort or Effort(),
    )
    verified = tuple(v for report in reports if (v := report.verified) is not None)
    ledger = ledger_checks.ledger_file(release, statement)
    if trust is not None and not verified and ledger is not None and ledger.size > limits.UNSIGNED:
        line = f"nobody whom you trust signed this, and {ledger.size} bytes are too many to read in vain"
        checks.skip(steps.FACTS, line)
        checks.skip(steps.LEDGER_JSON, line)
    elif checks.run(steps.FACTS, ledger_checks.recompute, release, statement, files, progress):
        checks.run(steps.LEDGER_JSON, ledger_checks.compare_ours, release, files)
    else:
        checks.skip(steps.LEDGER_JSON, "the ledger itself did not verify")
    checks.extend([c for report in reports for c in report.checks] + copy_checks)
    return ReleaseResult(
        verdict=_conclude(target, release, reports, checks, trust, now),
        release=release,
        statement=payload,
        ledger=ledger,
        anchors=verified,
    )


def _conclude(
    target: str,
    release: Release,
    reports: Sequence[AnchorReport],
    checks: Checks,
    trust: Trust | None,
    now: datetime,
) -> Verdict:
    """The verdict of a release whose statement and anchors were read, under the policy if there is one."""
    notes: list[str] = []
    if trust is None:
        notes += anchors.claimed(reports)
        signers = {(r.bundle.identity, r.bundle.issuer) for r in reports if r.bundle is not None}
        if signers and not any(c.demotes for c in checks.checks):
            notes.append(_accepting(release, target, sorted(signers)))
        line = "no policy was given, so nobody said whose signature counts"
        checks.skip(steps.POLICY, line, demotes=Class.USAGE)
    else:
        checks.extend([*trust.checks, *_check_policy(reports, release, trust.policy, now)])
    if any(r.embedded for r in reports):
        notes.append(EMBEDDED)
    good = not any(c.demotes for c in checks.checks)
    return _verdict(target, checks.checks, facts=_facts(release, reports) if good else {}, notes=notes)


def _verdict(
    target: str, checks: Sequence[Check], *, facts: dict[str, Any] | None = None, notes: Sequence[str] = ()
) -> Verdict:
    return Verdict(
        kind="release",
        target=target,
        verdict=judge(checks),
        checks=tuple(checks),
        facts=facts or {},
        notes=tuple(notes),
    )


def _load(data: bytes) -> tuple[str, Release]:
    try:
        release = release_file.load(data)
    except Refused as e:
        if not release_file.is_torn(data):
            raise
        problem = f"no whole release.json: {e.problem}"
        raise Incomplete(problem, where=e.where, remedy=COPYING) from None
    return "written again from what it says, release.json has the same bytes", release


def _read_statement(release: Release, files: Files) -> tuple[str, tuple[bytes, Statement]]:
    payload = ledger_checks.read_statement(release, files)
    statement = statements.decode(payload)
    return ledger_checks.compare(release, statement), (payload, statement)


def _accepting(release: Release, target: str, signers: Sequence[tuple[str, str]]) -> str:
    """The command that would accept the claimed signers, for a person who has checked who they are.

    Called only if nothing in the release was refused. The signers are those of its bundles.
    """
    folder = target.rpartition("/")[0] if target.endswith(".json") else target.rstrip("/")
    root = f"{folder}/{release.trusted_root.path}" if folder else release.trusted_root.path
    first = ""
    if "://" in target:
        url = urljoin(target, release.trusted_root.path)
        first, root = f"save {url} as trusted_root.json, then ", "trusted_root.json"
    name = release.ledger.name
    if len(signers) == 1:
        ((identity, issuer),) = signers
        flags = {"--ledger": name, "--identity": identity, "--issuer": issuer, "--trusted-root": root}
        command = shlex.join(["anchor", "verify", target, *(w for pair in flags.items() for w in pair)])
    else:  # options name one signer, a policy any number
        pairs = ", ".join(f"{{identity = {toml_string(i)}, issuer = {toml_string(s)}}}" for i, s in signers)
        lines = (
            f"ledger = {toml_string(name)}",
            f"trusted_root = [{{path = {toml_string(root)}}}]",
            f"signer = [{pairs}]",
        )
        command = shlex.join(["printf", "%s\\n", *lines]) + " > policy.toml && "
        command += shlex.join(["anchor", "verify", target, "--policy", "policy.toml"])
    return (
        f"to accept this signer: {first}{command}, once you know from elsewhere that the signer is right "
        f"and that the trusted root has SHA-256 {release.trusted_root.sha256}"
    )


def _facts(release: Release, reports: Sequence[AnchorReport]) -> dict[str, Any]:
    """The values that the passed checks bound."""
    return {
        "ledger": release.ledger.name,
        "number": release.ledger.number,
        "version": release.ledger.version,
        "root": release.tree.root,
        "size": release.tree.size,
        "statement": release.statement.sha256,
        "files": {f.name: f.sha256 for f in release.files},
        "anchors": [r.facts() for r in reports if r.counts],
    }


def _check_policy(
    reports: Sequence[AnchorReport], release: Release, policy: Policy, now: datetime
) -> list[Check]:
    """The policy's demands on the release as a whole: ledger, number, logs, age (docs/policy.md)."""
    return [
        _check_name(release, policy),
        _check_number(release, policy),
        _check_anchors(reports, policy),
        *_check_age(reports, policy, now),
    ]


def _check_name(release: Release, policy: Policy) -> Check:
    name = release.ledger.name
    if name != policy.ledger:
        error = Refused(f"the release is of {name!r}, the policy is for {policy.ledger!r}")
        return failed(steps.POLICY_LEDGER, error)
    return passed(steps.POLICY_LEDGER, f"the release is of {name!r}, as the policy wants")


def _check_number(release: Release, policy: Policy) -> Check:
    number = release.ledger.number
    line = f"this is release number {number}, and the policy knows of number {policy.min_number}"
    if number < policy.min_number:
        return below_policy(steps.POLICY_NUMBER, line, Class.STALE)
    return passed(steps.POLICY_NUMBER, line)


def _check_anchors(reports: Sequence[AnchorReport], policy: Policy) -> Check:
    """Count the distinct log keys of anchors that count. None is INVALID; too few are PENDING."""
    logs = {r.bundle.logs[0].spki for r in reports if r.counts and r.bundle}
    line = f"anchored in {len(logs)} of at least {policy.min_anchors} logs that the policy trusts"
    if len(logs) >= policy.min_anchors:
        return passed(steps.POLICY_ANCHORS, line)
    unread = sum(any(c.demotes is Class.UNAVAILABLE for c in r.checks) for r in reports if not r.foreign)
    if unread and len(logs) + unread >= policy.min_anchors:
        return failed(steps.POLICY_ANCHORS, Unavailable(f"{line}; of {unread} more it could not be told"))
    if logs or any(c.demotes for r in reports if not r.foreign for c in r.checks):
        return below_policy(steps.POLICY_ANCHORS, line, Class.PENDING)
    return failed(
        steps.POLICY_ANCHORS, Refused(line), meaning="nobody whom you trust vouches for this release"
    )


def _check_age(reports: Sequence[AnchorReport], policy: Policy, now: datetime) -> list[Check]:
    """The age of the earliest anchor that counts."""
    times = [r.bundle.earliest for r in reports if r.counts and r.bundle and r.bundle.earliest]
    if policy.max_age is None or not times:
        return []
    first = min(times)
    if first - now > SKEW:
        problem = (
            f"signed at {first.isoformat()}, which is {_whole(first - now)} after the time on this machine"
        )
        return [failed(steps.POLICY_AGE, Unavailable(problem, where="clock", remedy="set the clock"))]
    line = f"signed at {first.isoformat()}, {_whole(now - first)} ago; the policy allows {policy.max_age}"
    if now - first <= policy.max_age:
        return [passed(steps.POLICY_AGE, line)]
    return [below_policy(steps.POLICY_AGE, line, Class.STALE)]


def _whole(age: timedelta) -> timedelta:
    return timedelta(seconds=round(age.total_seconds()))
