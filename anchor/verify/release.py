# SPDX-License-Identifier: Apache-2.0
"""Verification of a published release. The steps, in this order; each is one check of the verdict:

1. release-json     release.json is in its one form                              (FORMAT.md section 8)
2. statement        the statement has the digest named, is canonical, says the same  (FORMAT.md section 6)
3. facts            the ledger, read again, gives the signed root and size        (RFC 9162 section 2.1)
   leaf-hashes      of a confidential ledger: its leaf hashes give the root       (FORMAT.md section 16.3)
4. ledger-json      ledger.json is what the ledger gives                          (FORMAT.md section 5)
   index            each index is the one that the facts give                     (FORMAT.md section 21)
   table-schema     schema.json, if there is one, names the ledger's columns      (FORMAT.md section 24)
   source-documents the documents that the statement commits to; compared if they are at hand
5. anchor <log> ... each bundle, strictly (`verify.bundle`); then the claims of release.json about it, the
   opinion of the reference client, and whether the release's copy of the trusted root verifies the same
6. trusted-root     the copy in the release has the digest named, and agrees with the verifier's own roots
7. policy-...       ledger, number, signer, number of logs, age, as the verifier's policy demands
8. status ...       the status beside the release: whose it is, what it follows, what it withdraws, its age

Nothing here reads a file, a socket or a clock: bytes come through `Files`, and the time is an argument. The
verdict's facts hold only values that a passed check bound.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import msgspec

from anchor import limits
from anchor.encoding import toml_string
from anchor.errors import AnchorError, Incomplete, Refused
from anchor.format import names
from anchor.format import release as release_file
from anchor.format import statement as statements
from anchor.format.release import File, Release
from anchor.format.source_evidence import listed
from anchor.format.statement import Statement
from anchor.verdict import ACCEPTING, UNASKED, Check, Class, Verdict, judge, passed
from anchor.verify import anchors, ledger_checks, no_status, steps
from anchor.verify.anchors import AnchorReport, ReferenceClient, Trust, VerifiedAnchor
from anchor.verify.effort import Effort
from anchor.verify.policy_checks import check_policy
from anchor.verify.release_files import COPYING, Files
from anchor.verify.steps import Checks

if TYPE_CHECKING:
    from anchor.verify.status_checks import StatusResult

__all__ = [
    "ReferenceClient",
    "ReleaseResult",
    "Trust",
    "VerifiedAnchor",
    "examine_release",
    "verify_release",
]

_BOUND = (Class.OK, Class.STALE, Class.PENDING, Class.WITHDRAWN)


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
    status: "StatusResult | None" = None
    """The status that release.json names, if it verifies. It can count although the release does not."""

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
    release = checks.run(steps.RELEASE_JSON, _load, data, target)
    read = checks.run(steps.RELEASE_STATEMENT, _read_statement, release, files) if release else None
    if release is None or read is None:
        return ReleaseResult(verdict=_verdict(target, checks.checks, notes=trust.remarks if trust else ()))
    payload, statement = read
    effort = effort or Effort()
    # The anchors come before the ledger, whose size nobody vouches for until a bundle does.
    reports, copy_checks = anchors.verify_all(
        release,
        payload,
        files,
        trust=trust,
        now=now,
        reference_client=reference_client,
        effort=effort,
    )
    verified = tuple(v for report in reports if (v := report.verified) is not None)
    originals = ledger_checks.original_files(release, statement)
    for line in statement.read_as:
        checks.extend([passed(steps.READ_AS, line)])
    _check_facts(checks, release, statement, files, progress, unsigned=trust is not None and not verified)
    if names.SCHEMA in statement.digests:
        checks.run(steps.TABLE_SCHEMA, ledger_checks.check_schema, release, statement, files)
    documents = _name_documents(checks, statement)
    checks.extend([c for report in reports for c in report.checks] + copy_checks)
    if trust is not None:
        checks.extend([*trust.checks, *check_policy(reports, release.ledger, trust.policy, now)])
    signed = any(r.counts for r in reports)
    found = _check_status(checks, release, read, files, trust=trust, signed=signed, now=now, effort=effort)
    said = documents | (found.facts if found is not None else {})
    return ReleaseResult(
        verdict=_conclude(target, release, reports, checks, trust, said),
        release=release,
        statement=payload,
        ledger=originals[0],
        anchors=verified,
        status=found if found is not None and found.status is not None else None,
    )


def _check_status(
    checks: Checks,
    release: Release,
    read: tuple[bytes, Statement],
    files: Files,
    *,
    trust: Trust | None,
    signed: bool,
    now: datetime,
    effort: Effort,
) -> "StatusResult | None":
    """The result for the status that release.json names, if it names one. `signed`: an anchor counts."""
    payload, statement = read
    if release.status is None:
        old = no_status.no_age(trust.policy) if trust is not None else []
        checks.extend([no_status.missing(statement.status), *old])
        return None
    from anchor.verify import status_checks  # only for a release with a status

    found = status_checks.check(
        release.status, payload, files, trust=trust, signed=signed, now=now, effort=effort
    )
    checks.extend(found.checks)
    return found


def _check_facts(
    checks: Checks,
    release: Release,
    statement: Statement,
    files: Files,
    progress: Callable[[int], object] | None,
    *,
    unsigned: bool,
) -> None:
    """Check the facts and ledger.json. `unsigned`: nobody whom the verifier trusts vouches for them."""
    if statement.confidential:
        _check_confidential(checks, release, statement, files, progress, unsigned=unsigned)
        return
    size = sum(file.size for file in ledger_checks.original_files(release, statement))
    if unsigned and size > limits.UNSIGNED:
        line = f"nobody whom you trust signed this, so {size} bytes of facts are not read"
        checks.skip(steps.FACTS, line)
        checks.skip(steps.LEDGER_JSON, line)
        _skip_indexes(checks, statement, line)
        return
    found = checks.run(steps.FACTS, ledger_checks.recompute, release, statement, files, progress, unsigned)
    if found is None:
        checks.skip(steps.LEDGER_JSON, "the ledger itself did not verify")
        _skip_indexes(checks, statement, "the ledger itself did not verify")
        return
    if statement.ours is None:
        checks.skip(steps.LEDGER_JSON, f"left out: it would have more than {limits.LEDGER_JSON} bytes")
    else:
        checks.run(steps.LEDGER_JSON, ledger_checks.compare_ours, release, files)
    if unsigned:
        _skip_indexes(checks, statement, "nobody whom you trust signed this")
    for signed, index in zip(statement.index, found, strict=False):
        checks.run(steps.INDEX, ledger_checks.compare_index, signed, index)


def _check_confidential(
    checks: Checks,
    release: Release,
    statement: Statement,
    files: Files,
    progress: Callable[[int], object] | None,
    *,
    unsigned: bool,
) -> None:
    """Check the leaf hashes of a confidential ledger, and name the checks that need its facts."""
    (file,) = ledger_checks.original_files(release, statement)
    if unsigned and file.size > limits.UNSIGNED:
        line = f"nobody whom you trust signed this, so {file.size} bytes of facts are not read"
        checks.skip(steps.LEAF_HASHES, line)
    else:
        checks.run(steps.LEAF_HASHES, ledger_checks.check_leaves, release, statement, files, progress)
    for step in (steps.FACTS, steps.LEDGER_JSON):
        checks.skip(step, "not published: the ledger is confidential, and only its leaf hashes are here")


def _skip_indexes(checks: Checks, statement: Statement, reason: str) -> None:
    if statement.index:
        checks.skip(steps.INDEX, reason)


def _name_documents(checks: Checks, statement: Statement) -> dict[str, Any]:
    """The source documents that the statement commits to, as values of the verdict; {} if there are none."""
    if not statement.evidence:
        return {}
    named = listed([*map(str, statement.evidence)])
    line = f"committed to, and not checked here (compare them with --evidence FOLDER): {named}"
    checks.skip(steps.SOURCE_DOCUMENTS, line)
    return {"source_documents": msgspec.to_builtins(statement.evidence)}


def _conclude(
    target: str,
    release: Release,
    reports: Sequence[AnchorReport],
    checks: Checks,
    trust: Trust | None,
    said: dict[str, Any],
) -> Verdict:
    """The verdict after all checks but that of a missing policy. `said`: what the status says; documents."""
    notes = [*trust.remarks] if trust is not None else []
    if trust is None:
        notes += anchors.claimed(reports)
        signers = {(r.bundle.identity, r.bundle.issuer) for r in reports if r.bundle is not None}
        if signers and not any(c.demotes for c in checks.checks):
            notes.append(_accepting(release, target, sorted(signers)))
        checks.skip(steps.POLICY, UNASKED, demotes=Class.USAGE)
    notes += dict.fromkeys(line for r in reports if (line := r.weight))
    good = all(c.demotes in (None, Class.WITHDRAWN) for c in checks.checks)
    facts = {**_facts(release, reports), **said} if good else {}
    return _verdict(target, checks.checks, facts=facts, notes=notes)


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


def load_named(data: bytes, target: str) -> Release:
    """The release that these bytes are. Errors name the path or URL at which they were read.

    Raises as `release.load`, and `Incomplete` for bytes that are not a whole document.
    """
    try:
        return release_file.load(data)
    except Refused as e:
        if not release_file.is_torn(data):
            raise _at(target, e) from None
        where = f"{target}{e.where.removeprefix(names.RELEASE)}"
        raise Incomplete(release_file.torn(data, e), where=where, remedy=COPYING) from None
    except AnchorError as e:
        raise _at(target, e) from None


def _at(target: str, error: AnchorError) -> AnchorError:
    """The same error with this path or URL, unless it ends in the name that the error has already."""
    return error if target.rpartition("/")[2] == names.RELEASE else error.at(target)


def _load(data: bytes, target: str) -> tuple[str, Release]:
    release = load_named(data, target)
    return "written again from what it says, release.json has the same bytes", release


def _read_statement(release: Release, files: Files) -> tuple[str, tuple[bytes, Statement]]:
    payload = ledger_checks.read_statement(release, files)
    statement = statements.decode(payload)
    return ledger_checks.compare(release, statement), (payload, statement)


def _accepting(release: Release, target: str, signers: Sequence[tuple[str, str]]) -> str:
    """The command that would accept the claimed signers, for a person who has checked who they are.

    Called only if nothing in the release was refused. The signers are those of its bundles.
    """
    import shlex  # only a run without a policy needs it

    folder = target.rpartition("/")[0] if target.endswith(".json") else target.rstrip("/")
    paths = [blob.path for blob in release.trusted_roots]
    roots = [f"{folder}/{path}" if folder else path for path in paths]
    first = ""
    if "://" in target:
        roots = [names.TRUSTED_ROOT] if len(paths) == 1 else [path.rpartition("/")[2] for path in paths]
        saved = (f"{urljoin(target, path)} as {root}" for path, root in zip(paths, roots, strict=True))
        first = f"save {' and '.join(saved)}, then "
    name = release.ledger.name
    if len(signers) == 1 and len(roots) == 1:
        ((identity, issuer),) = signers
        flags = {"--ledger": name, "--identity": identity, "--issuer": issuer, "--trusted-root": roots[0]}
        command = shlex.join(["anchor", "verify", target, *(w for pair in flags.items() for w in pair)])
    else:  # options name one signer and one root, a policy any number
        pairs = ", ".join(f"{{identity = {toml_string(i)}, issuer = {toml_string(s)}}}" for i, s in signers)
        lines = (
            f"ledger = {toml_string(name)}",
            f"trusted_root = [{', '.join(f'{{path = {toml_string(root)}}}' for root in roots)}]",
            f"signer = [{pairs}]",
        )
        command = shlex.join(["printf", "%s\\n", *lines]) + " > policy.toml && "
        command += shlex.join(["anchor", "verify", target, "--policy", "policy.toml"])
    digests = ", ".join(blob.sha256 for blob in release.trusted_roots)
    return (
        f"{ACCEPTING}{first}{command}, once you know from elsewhere that the signer is right "
        f"and that the trusted root has SHA-256 {digests}"
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
