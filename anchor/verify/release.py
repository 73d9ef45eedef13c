# SPDX-License-Identifier: Apache-2.0
"""Verification of a published release. The steps, in this order; each is one check of the verdict:

1. release-json     release.json is in its one form                              (FORMAT.md section 8)
2. statement        the statement has the digest named, is canonical, says the same  (FORMAT.md section 6)
3. facts            the ledger, read again, gives the signed root and size        (RFC 9162 section 2.1)
4. ledger-json      ledger.json is what the ledger gives                          (FORMAT.md section 5)
5. anchor <log> ... each bundle, strictly: see `verify.bundle`; then what release.json says of it,
   the opinion of the reference client, and whether the release's copy of the trusted root verifies the same
6. trusted-root     the copy in the release has the digest named; of all that it names, it says what the
   verifier's own roots say
7. policy-...       ledger, number, signer, number of logs, age, as the verifier's policy demands

Nothing here reads a file, a socket or a clock: bytes come through `Files`, the time is passed in. Only what a
passed check bound is put into the verdict's facts.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from anchor import limits
from anchor.encoding import toml_string
from anchor.errors import AnchorError, Incomplete, Refused
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.release import File, Release
from anchor.format.statement import Statement
from anchor.verdict import Check, Class, Verdict, judge
from anchor.verify import anchors, ledger_checks, policy_checks
from anchor.verify.anchors import AnchorReport, ReferenceClient, Trust, VerifiedAnchor
from anchor.verify.effort import Effort
from anchor.verify.files import COPYING, Files
from anchor.verify.release_steps import (
    FACTS,
    LEDGER_JSON,
    POLICY,
    RELEASE,
    STATEMENT,
    broken,
    held,
    outcome,
    unrun,
)
from anchor.verify.steps import Step

EMBEDDED = (
    "the log is embedded: run by the publisher, so it is evidence against everyone but its own operator and "
    "no independent evidence"
)

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


@dataclass(frozen=True, kw_only=True)
class ReleaseResult:
    """What examining a release came to: the verdict, and what was read on the way to it.

    `release` and `statement` (the exact signed bytes) agree with each other whenever they are there; they are
    the publisher's only where `bound` holds. `anchors` are those whose bundles are verified under the
    verifier's own trust, in the order of release.json.
    """

    verdict: Verdict
    release: Release | None = None
    statement: bytes = b""
    ledger: File | None = None
    """The file of `release` that the statement names as the ledger itself."""
    anchors: tuple[VerifiedAnchor, ...] = ()

    @property
    def bound(self) -> bool:
        """Whether the verdict binds the release to an accepted signer."""
        return self.verdict.verdict in _BOUND and self.release is not None and bool(self.anchors)

    @property
    def counted(self) -> int:
        """How many anchors count."""
        return sum(a.counts for a in self.anchors)


@dataclass
class _Run:
    """The checks so far, and what they bound."""

    checks: list[Check] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    release: Release | None = None
    statement: bytes = b""
    ledger: File | None = None
    anchors: tuple[VerifiedAnchor, ...] = ()

    def step(self, step: Step, check: Callable[[], str]) -> bool:
        """Run one check; whether it passed."""
        self.checks.append(outcome(step, check))
        return self.checks[-1].state == "passed"


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
    found = examine_release(
        target,
        data,
        files,
        trust=trust,
        now=now,
        reference_client=reference_client,
        progress=progress,
        effort=effort,
    )
    return found.verdict


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
    """Verify a release.json (`data`) and every file that it names; what was verified, with its bytes.

    `trust` None: what needs no policy is checked, the signer is only claimed, and the class is USAGE at best.
    `now` is aware. `effort`: what the anchors may cost; without it only their signatures are counted. Raises
    none of our errors: each becomes a check.
    """
    run = _Run()
    _verify(run, target, data, files, trust, now, reference_client, progress, effort or Effort())
    if trust is None and run.release is not None:  # what cannot be read is not a question of trust
        line = "no policy was given, so nobody said whose signature counts"
        run.checks.append(unrun(POLICY, line, demotes=Class.USAGE))
    verdict = Verdict(
        kind="release",
        target=target,
        verdict=judge(run.checks),
        checks=tuple(run.checks),
        facts=run.facts,
        notes=tuple(run.notes),
    )
    return ReleaseResult(
        verdict=verdict,
        release=run.release,
        statement=run.statement,
        ledger=run.ledger,
        anchors=run.anchors,
    )


def _verify(
    run: _Run,
    target: str,
    data: bytes,
    files: Files,
    trust: Trust | None,
    now: datetime,
    reference_client: ReferenceClient | None,
    progress: Callable[[int], object] | None,
    effort: Effort,
) -> None:
    try:
        release = release_file.load(data)
    except AnchorError as e:
        if isinstance(e, Refused) and release_file.is_torn(data):
            e = Incomplete(f"no whole release.json: {e.problem}", where=e.where, remedy=COPYING)
        run.checks.append(broken(RELEASE, e))
        return
    run.checks.append(held(RELEASE, "written again from what it says, release.json has the same bytes"))
    found = _statement(run, release, files)
    if found is None:
        return
    payload, signed = found
    run.release, run.statement = release, payload
    run.ledger = ledger_checks.ledger_file(release, signed)
    # Before the ledger: how large that is, nobody has said who is trusted, until a bundle says so.
    reports, copied = anchors.verify_all(
        release, payload, files, trust=trust, now=now, reference_client=reference_client, effort=effort
    )
    run.anchors = tuple(v for report in reports if (v := report.verified) is not None)
    ledger = run.ledger
    if trust is not None and not run.anchors and ledger is not None and ledger.size > limits.UNSIGNED:
        line = f"nobody whom you trust signed this, and {ledger.size} bytes are too many to read in vain"
        run.checks += [unrun(step, line) for step in (FACTS, LEDGER_JSON)]
    else:
        _contents(run, release, signed, files, progress)
    run.checks += [c for report in reports for c in report.checks]
    run.checks += copied
    if trust is None:
        run.notes += anchors.claimed(reports)
        signers = {(r.bundle.identity, r.bundle.issuer) for r in reports if r.bundle is not None}
        if signers and not any(c.demotes for c in run.checks):
            run.notes.append(_accepting(release, target, sorted(signers)))
    else:
        run.checks += trust.checks
        run.checks += policy_checks.check(reports, release, trust.policy, now)
    if any(r.embedded for r in reports):
        run.notes.append(EMBEDDED)
    if trust is not None and not any(c.demotes for c in run.checks):
        run.facts |= _facts(release, reports)


def _statement(run: _Run, release: Release, files: Files) -> tuple[bytes, Statement] | None:
    try:
        payload = ledger_checks.read_statement(release, files)
        signed = statements.decode(payload)
        line = ledger_checks.compare(release, signed)
    except AnchorError as e:
        run.checks.append(broken(STATEMENT, e))
        return None
    run.checks.append(held(STATEMENT, line))
    return payload, signed


def _contents(
    run: _Run,
    release: Release,
    signed: Statement,
    files: Files,
    progress: Callable[[int], object] | None,
) -> None:
    if run.step(FACTS, lambda: ledger_checks.recompute(release, signed, files, progress)):
        run.step(LEDGER_JSON, lambda: ledger_checks.compare_ours(release, files))
    else:
        run.checks.append(unrun(LEDGER_JSON, "the ledger itself did not verify"))


def _accepting(release: Release, target: str, signers: Sequence[tuple[str, str]]) -> str:
    """The command that would accept the claimed signers; for a person who has checked who they are.

    Only of a release in which nothing was refused, and in the words of its bundles.
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
    else:  # flags name one signer, a policy any number
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
    """What the passed checks bound."""
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
