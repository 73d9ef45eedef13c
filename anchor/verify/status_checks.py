# SPDX-License-Identifier: Apache-2.0
"""The checks of a status: whose it is, what it follows, how old it is, and what it withdraws.

Decides on bytes, a time and the verifier's trust. A status counts only if a signer whom the policy accepts
signed it, in as many logs as the policy demands of a release. FORMAT.md section 23.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from anchor import limits
from anchor.encoding import rfc3339
from anchor.errors import AnchorError, Refused, Unavailable
from anchor.format import ledger_status as statuses
from anchor.format import names
from anchor.format import statement as statements
from anchor.format.ledger_status import Entry, Status
from anchor.format.members import KnownStatus
from anchor.format.release import MAX_BUNDLE, StatusFiles
from anchor.sigstore.bundle import IN_TOTO, Envelope
from anchor.sigstore.bundle import parse as parse_bundle
from anchor.verdict import Check, Class, below_policy, contradiction, failed, passed, refused, skipped
from anchor.verify import steps
from anchor.verify.anchors import Trust
from anchor.verify.effort import Effort
from anchor.verify.no_status import UNKNOWN, no_age
from anchor.verify.policy import Policy
from anchor.verify.policy_checks import SKEW
from anchor.verify.release_files import Files, read_whole
from anchor.verify.report import BundleReport
from anchor.verify.status_since import FirstSaid, Since
from anchor.verify.steps import Checks
from anchor.words import of_at_least, several, span

SHOWN = 10
"""Withdrawn facts that are named one by one."""

CONTRADICTED = "the publisher signed statements that contradict each other: keep all of them"


class StatusBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle of a status that the verifier's own trust verified: its exact bytes, and its report."""

    data: bytes
    report: BundleReport


class StatusResult(msgspec.Struct, frozen=True, kw_only=True):
    """The checks of a status. `status` is set if enough signers whom the verifier accepts signed it."""

    checks: tuple[Check, ...]
    status: Status | None = None
    data: bytes = b""
    """The exact bytes of the statement that was signed."""
    bundles: tuple[StatusBundle, ...] = ()
    facts: dict[str, Any] = {}
    """The bound values, for the verdict."""

    @property
    def time(self) -> datetime | None:
        """The earliest verified time of its bundles, aware."""
        times = (b.report.earliest for b in self.bundles)
        return min((t for t in times if t is not None), default=None)

    @property
    def signers(self) -> tuple[str, ...]:
        """The identities of those who signed it."""
        return tuple(sorted({b.report.identity for b in self.bundles}))

    @property
    def says(self) -> str:
        """Which status it is, whose and of when, for a person."""
        assert self.status is not None
        when = rfc3339(self.time) if self.time else "an unknown time"
        return f"status {self.status.sequence}, signed by {' and '.join(self.signers)} at {when}"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The release that a status is shown beside, by its number and statement (SHA-256, hex).

    `known` has the statements of all numbers that the release binds. `committed` is the status that its
    statement names.
    """

    ledger: str
    number: int
    statement: str
    size: int
    """The number of its facts."""
    known: Mapping[int, str]
    committed: KnownStatus | None

    @classmethod
    def of(cls, payload: bytes) -> "Shown":
        """The release with these statement bytes."""
        said = statements.decode(payload)
        known = {said.ledger.number: hashlib.sha256(payload).hexdigest()}
        known |= {said.previous.number: said.previous.statement} if said.previous else {}
        return cls(
            ledger=said.ledger.name,
            number=said.ledger.number,
            statement=known[said.ledger.number],
            size=said.tree.size,
            known=known,
            committed=said.status,
        )


def check(
    named: StatusFiles,
    payload: bytes,
    files: Files,
    *,
    trust: Trust | None,
    signed: bool,
    now: datetime,
    effort: Effort,
) -> StatusResult:
    """All checks of the status that a release.json names.

    `payload`: the statement of the release. `signed`: an anchor of it counts; else nothing that it says can
    contradict a status. Without `trust` a status is no more than a claim.
    """
    shown, checks = Shown.of(payload), Checks(effort)
    there = checks.run(steps.STATUS_FILES, _read, named, files)
    if there is None:
        return StatusResult(checks=tuple(checks.checks))
    data, bundles = there
    if trust is None:
        if status := checks.run(steps.STATUS, _decode, data, shown.ledger, named.sequence):
            checks.skip(steps.WITHDRAWN, _claimed(status, shown))
        return StatusResult(checks=tuple(checks.checks))
    found = examine(
        data, bundles, ledger=shown.ledger, sequence=named.sequence, trust=trust, now=now, effort=effort
    )
    checks.extend(found.checks)
    if found.status is not None and not signed:
        checks.skip(steps.WITHDRAWN, "nobody whom you trust signed the release that it could be about")
    elif found.status is not None:
        since = FirstSaid(found.status, files, named, trust=trust, now=now, effort=effort)
        checks.extend(_beside(found, shown, files, named, since))
    if not any(c.demotes for c in found.checks):
        checks.extend(age(found, trust.policy, now))
    said = {"status": _facts(found, shown)} if found.status is not None else {}
    return msgspec.structs.replace(found, checks=tuple(checks.checks), facts=said)


def _read(named: StatusFiles, files: Files) -> tuple[str, tuple[bytes, list[bytes]]]:
    """The statement and the bundles of a status, with the sizes and digests that release.json names."""
    blob = named.statement
    data = read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=limits.STATEMENT)
    bundles = [
        read_whole(files, b.path, size=b.size, sha256=b.sha256, limit=MAX_BUNDLE) for b in named.bundles
    ]
    return f"the status and its {len(bundles)} bundles are those that release.json names", (data, bundles)


def _claimed(status: Status, shown: Shown) -> str:
    """The claim of a status that nobody vouches for."""
    found = status.against(shown.number, shown.statement)
    line = f"status {status.sequence}, claimed and not verified, withdraws "
    return line + ("this release" if found else "something else than this release, or nothing")


def examine(
    data: bytes,
    bundles: Sequence[bytes],
    *,
    ledger: str,
    trust: Trust,
    now: datetime,
    effort: Effort,
    sequence: int = 0,
) -> StatusResult:
    """Verify a status (its statement, and its bundles as JSON) for a ledger. `sequence`: the one that is
    promised, if one is.

    A bundle of a log or an authority that the trusted roots do not name counts for nothing. If all are such,
    the status says nothing here.
    """
    checks = Checks(effort)
    status = checks.run(steps.STATUS, _decode, data, ledger, sequence)
    if status is None:
        return StatusResult(checks=tuple(checks.checks))
    found, foreign, bad = [], 0, False
    for number, bundle in enumerate(bundles, 1):
        share = effort.share(len(bundles) + 1 - number)
        report, _ = trust.verify(bundle, now=now, effort=share)
        about = f"{status.sequence}, bundle {number}"
        if report.foreign:
            foreign += 1
            line = f"status {about}: the policy's trusted roots do not name its log or authority"
            checks.skip(steps.ANCHOR_TRUSTED, line)
            continue
        own = _of_bundle(report, data, trust, now, share)
        bad = bad or any(c.demotes for c in own)
        checks.extend(msgspec.structs.replace(c, about=f"status {about}") for c in own)
        if not any(c.demotes for c in own):
            found.append(StatusBundle(data=bundle, report=report))
    made = StatusResult(checks=(), status=status, data=data, bundles=tuple(found))
    if not bad and found:
        signed = _enough(made, trust.policy)
        checks.extend([signed])
        if signed.demotes is None:
            return msgspec.structs.replace(made, checks=tuple(checks.checks))
    elif not bad and foreign:
        checks.skip(steps.STATUS_SIGNED, f"nobody whom you trust vouches for it; {UNKNOWN}")
    return StatusResult(checks=tuple(checks.checks))


def _decode(data: bytes, ledger: str, sequence: int) -> tuple[str, Status]:
    status = statuses.decode(data)
    if sequence and status.sequence != sequence:
        raise Refused(f"is status {status.sequence}, and release.json says {sequence}")
    if status.ledger != ledger:
        raise Refused(f"is of the ledger {names.shown(status.ledger)}, not {names.shown(ledger)}")
    return f"status {status.sequence} of {ledger!r} is in its one form", status


def _of_bundle(report: BundleReport, data: bytes, trust: Trust, now: datetime, effort: Effort) -> list[Check]:
    """The checks of one bundle: strict, over this statement, with the witnesses that the policy demands."""
    checks = Checks(effort)
    checks.extend(report.checks)
    if any(c.state in ("refused", "unknown") for c in report.checks):
        return checks.checks
    checks.run(steps.STATUS_SIGNED, _signs, report, data)
    if report.logs:
        trust.count_cosignatures(checks, report, now=now, effort=effort)
    return checks.checks


def _signs(report: BundleReport, data: bytes) -> str:
    if (report.payload_type, report.payload) != (IN_TOTO, data):
        raise Refused("the bundle signs another statement than this status", where="statement")
    if len(report.logs) != 1 or report.logs[0].checkpoint is None:
        raise Refused("the bundle does not have one log entry with a checkpoint and a proof")
    return f"{report.identity} signed this status, in {report.logs[0].origin}"


def _enough(made: StatusResult, policy: Policy) -> Check:
    """A status is anchored as a release is: in as many distinct logs."""
    logs = {b.report.logs[0].spki for b in made.bundles}
    line = f"{made.says}, in {of_at_least(len(logs), policy.min_anchors, 'log')} that the policy trusts"
    if len(logs) < policy.min_anchors:
        return below_policy(steps.STATUS_SIGNED, line, Class.PENDING)
    return passed(steps.STATUS_SIGNED, line)


def _beside(
    result: StatusResult, shown: Shown, files: Files, named: StatusFiles, since: Since
) -> list[Check]:
    """The checks of a verified status beside the release of a root release.json: what it follows, what it
    names as the newest, and what it withdraws."""
    assert result.status is not None
    return [
        *follows(result, shown, lambda known: _earlier(known, files, named)).checks,
        _newest(result.status, shown),
        *_each(result, shown, since),
    ]


class Follows(NamedTuple):
    """The comparison of a status with the one that a release commits to."""

    checks: tuple[Check, ...] = ()
    earlier: bytes = b""
    """The statement of that one, if it had to be read."""


def follows(result: StatusResult, shown: Shown, earlier: Callable[[KnownStatus], bytes] | None) -> Follows:
    """A status follows the one that the statement of the release commits to (rule 4).

    `earlier` reads that one; without it, a status that is more than one after it is not compared.
    """
    data = b""
    status, known = result.status, shown.committed
    assert status is not None
    if problem := statuses.names_two(dict(shown.known), status):
        return Follows((_contradicted(problem),))
    if known is None:
        return Follows()
    if status.sequence < known.sequence:
        line = f"status {status.sequence} is shown, and status {known.sequence} was known to this release"
        return Follows((below_policy(steps.STATUS_FOLLOWS, line, Class.STALE),))
    digest = hashlib.sha256(result.data).hexdigest()
    names_it = digest if status.sequence == known.sequence else status.previous
    if status.sequence <= known.sequence + 1 and names_it != known.statement:
        problem = (
            f"it has {names_it} as status {known.sequence}, and the release commits to {known.statement}"
        )
        return Follows((_contradicted(problem),))
    if status.sequence > known.sequence + 1:
        if earlier is None:
            line = f"status {known.sequence}, which this release knew, is not here to be compared"
            return Follows((skipped(steps.STATUS_FOLLOWS, line),))
        try:
            data = earlier(known)
            problem = statuses.contradiction(data, result.data)
        except AnchorError as e:
            return Follows((failed(steps.STATUS_FOLLOWS, e),), data)
        if problem:
            return Follows((_contradicted(problem),), data)
    line = f"status {status.sequence} keeps all that status {known.sequence} says, which this release knew"
    return Follows((passed(steps.STATUS_FOLLOWS, line),), data)


def _earlier(known: KnownStatus, files: Files, named: StatusFiles) -> bytes:
    """The statement of the status that a release commits to, as it lies beside the newest one."""
    folder = named.statement.path.rpartition("/")[0].rpartition("/")[0]
    path = "/".join(filter(None, (folder, str(known.sequence), statuses.FILE)))
    data = files.read_up_to(path, limit=limits.STATEMENT)
    found = hashlib.sha256(data).hexdigest()
    if found != known.statement:
        raise Refused(f"SHA-256 is {found}, and the release commits to {known.statement}", where=path)
    return data


def _contradicted(problem: str) -> Check:
    step = steps.STATUS_FOLLOWS
    return contradiction(step.name, problem, meaning=CONTRADICTED, clause=step.clause)


def _newest(status: Status, shown: Shown) -> Check:
    newest = status.newest
    line = (
        f"release {shown.number} is shown as the newest, and status {status.sequence} knows of "
        f"{newest.number} ({newest.version})"
    )
    if newest.number > shown.number:
        return below_policy(steps.STATUS_NEWEST, line, Class.STALE)
    return passed(steps.STATUS_NEWEST, line)


def withdrawn(result: StatusResult, shown: Shown, fact: statuses.Fact | None = None) -> Check:
    """The check of what a verified status withdraws: a release with its facts, or one `fact` of it."""
    entries = _entries(result, shown, fact)
    if not entries:
        what = "nothing of this release" if fact is None else f"neither fact {fact.index} nor its release"
        return passed(steps.WITHDRAWN, f"{result.says}: withdraws {what}")
    parts = [statuses.sentence(entry) for entry in entries[:SHOWN]]
    parts += [f"and {several(len(entries) - SHOWN, 'more fact')}"] if len(entries) > SHOWN else []
    line = f"WITHDRAWN: {'; '.join(parts)}. So says {result.says}"
    return refused(steps.WITHDRAWN, line, demotes=Class.WITHDRAWN)


def _each(result: StatusResult, shown: Shown, since: Since) -> list[Check]:
    """One check for each entry against a release or a fact of it. Who verifies again sees which is new."""
    entries = _entries(result, shown, None)
    if not entries:
        return [withdrawn(result, shown)]
    checks = [_against(entry, result, since(entry)) for entry in entries[:SHOWN]]
    if len(entries) > SHOWN:
        line = f"WITHDRAWN: {several(len(entries) - SHOWN, 'more fact')}. So says {result.says}"
        checks.append(refused(steps.WITHDRAWN, line, demotes=Class.WITHDRAWN))
    return checks


def _entries(result: StatusResult, shown: Shown, fact: statuses.Fact | None) -> list[Entry]:
    """The entries by which a release, facts of it, or one fact is withdrawn."""
    status = result.status
    assert status is not None
    found = status.against(shown.number, shown.statement, fact)
    single = status.facts_against(shown.number, shown.statement) if fact is None else ()
    return [*([found] if found else []), *single]


def _against(entry: Entry, result: StatusResult, since: str = "") -> Check:
    """The check of an entry. `since`: when it was said at the latest, if that was before this status."""
    when = f", said since {since} at the latest" if since else ""
    name, detail = entry.name, f"WITHDRAWN: {statuses.sentence(entry)}{when}. So says {result.says}"
    check = refused(steps.WITHDRAWN, detail, demotes=Class.WITHDRAWN)
    return msgspec.structs.replace(check, about=name)


class Stapled(msgspec.Struct, frozen=True, kw_only=True):
    """A stapled status, verified once for any number of receipts of one release that have its bundles.

    It holds for the trust with which it was made. `now` of its making matters for cosignatures alone.
    """

    bundles: tuple[bytes, ...]
    """Of the status, as JSON."""
    checks: tuple[Check, ...]
    """Those that neither a fact nor the time changes."""
    found: StatusResult = StatusResult(checks=())
    shown: Shown | None = None
    """The release; None unless what the status says of facts of it counts."""

    @property
    def lasts(self) -> bool:
        """False if it could not be told, for example with too little time: another verification may tell."""
        return not any(check.demotes is Class.UNAVAILABLE for check in self.checks)


def stapled(
    bundles: tuple[bytes, ...],
    payload: bytes,
    *,
    trust: Trust | None,
    signed: bool,
    now: datetime,
    effort: Effort,
) -> Stapled:
    """The checks of the status that a receipt staples (section 22).

    `bundles`: of the status, as JSON. `payload`: the statement of the release. `signed`: it is signed, as far
    as the policy demands.
    """
    shown, checks = Shown.of(payload), Checks(effort)
    data = checks.run(steps.RECEIPT_STATUS, _one_payload, bundles)
    if data is None:
        return Stapled(bundles=bundles, checks=tuple(checks.checks))
    if trust is None:
        if status := checks.run(steps.STATUS, _decode, data, shown.ledger, 0):
            checks.skip(steps.WITHDRAWN, _claimed(status, shown))
        return Stapled(bundles=bundles, checks=tuple(checks.checks))
    found = examine(data, bundles, ledger=shown.ledger, trust=trust, now=now, effort=effort)
    checks.extend(found.checks)
    if found.status is not None:
        found = msgspec.structs.replace(found, facts={"status": _facts(found, shown)})
        if signed:
            checks.extend(follows(found, shown, None).checks)
        else:
            checks.skip(steps.WITHDRAWN, "nobody whom you trust signed the release that it could be about")
    return Stapled(
        bundles=bundles,
        checks=tuple(checks.checks),
        found=found,
        shown=shown if signed and found.status is not None else None,
    )


def of_receipt(
    held: Stapled, facts: Sequence[statuses.Fact], *, trust: Trust | None, now: datetime
) -> StatusResult:
    """All checks of a stapled status for one receipt. `facts`: those that its proof bound."""
    checks, found = list(held.checks), held.found
    if held.shown is not None:
        checks.extend(_of_facts(found, held.shown, facts))
    if trust is not None and found.checks and not any(c.demotes for c in found.checks):
        checks.extend(age(found, trust.policy, now))
    return msgspec.structs.replace(found, checks=tuple(checks))


def _one_payload(bundles: Sequence[bytes]) -> tuple[str, bytes]:
    """The payload of the bundles of a status, which is its statement."""
    found = [parse_bundle(data).content for data in bundles]
    payloads = {c.payload if isinstance(c, Envelope) else b"" for c in found}
    if len(payloads) != 1 or b"" in payloads:
        raise Refused("the bundles do not sign one statement", where="receipt: status")
    return f"all {len(bundles)} bundles of the status have one payload", payloads.pop()


def _of_facts(result: StatusResult, shown: Shown, facts: Sequence[statuses.Fact]) -> list[Check]:
    """The check of each fact of a receipt that is withdrawn, itself or with its release; else one that
    passed. Without a fact it is about the release."""
    status = result.status
    assert status is not None
    found = [status.against(shown.number, shown.statement)]
    found += [status.against(shown.number, shown.statement, fact) for fact in facts]
    gone = list(dict.fromkeys(entry for entry in found if entry is not None))
    if gone:
        return [_against(entry, result) for entry in gone[:SHOWN]]
    when = rfc3339(result.time) if result.time else "an unknown time"
    return [passed(steps.WITHDRAWN, f"not withdrawn as of {when}: {result.says}")]


def age(result: StatusResult, policy: Policy, now: datetime) -> list[Check]:
    """The age of a status, if the policy limits it. A status that does not count has none."""
    if policy.max_status_age is None or result.status is None or result.time is None:
        return no_age(policy)
    step = steps.POLICY_STATUS_AGE
    if result.time - now > SKEW:
        problem = f"signed at {rfc3339(result.time)}, which is after the time on this machine"
        return [failed(step, Unavailable(problem, where="clock", remedy="set the clock"))]
    old, allowed = span(now - result.time), span(policy.max_status_age)
    line = f"{result.says}, {old} ago; the policy allows {allowed}"
    if now - result.time <= policy.max_status_age:
        return [passed(step, line)]
    return [below_policy(step, line, Class.STALE)]


def _facts(result: StatusResult, shown: Shown) -> dict[str, Any]:
    status = result.status
    assert status is not None
    entries = [status.counts(shown.number, shown.statement)]
    entries += status.facts_against(shown.number, shown.statement)
    return {
        "sequence": status.sequence,
        "statement": hashlib.sha256(result.data).hexdigest(),
        "time": rfc3339(result.time) if result.time else "",
        "identities": list(result.signers),
        "newest": status.newest.number,
        "withdrawn": [msgspec.to_builtins(e) for e in entries if e is not None and e.kind != "reinstated"],
    }
