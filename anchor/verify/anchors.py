# SPDX-License-Identifier: Apache-2.0
"""The anchors of a release: each bundle verified strictly, compared with what release.json says of it, and
put before the reference client as a second opinion. Decides which anchors count.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec

from anchor.errors import AnchorError, Refused, Unavailable, Unsupported
from anchor.format.release import MAX_BUNDLE, Anchor, Release
from anchor.log_kinds import EMBEDDED
from anchor.log_kinds.embedded import EMBEDDED_SUFFIX
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.sigstore.trusted_root import parse as parse_root
from anchor.tlog.policy import WitnessPolicy
from anchor.verdict import Check, Class
from anchor.verify import anchor_claims, root_copy, root_entries, witness_quorum
from anchor.verify.bundle import verify_bundle
from anchor.verify.effort import Effort
from anchor.verify.files import Files, read_whole
from anchor.verify.policy import Policy
from anchor.verify.release_steps import (
    BUNDLE,
    COPY_DOES,
    NAMED,
    REFERENCE,
    TRUSTED,
    broken,
    held,
    outcome,
    unrun,
)
from anchor.verify.report import BundleReport
from anchor.verify.root_copy import Copy
from anchor.verify.root_entries import Name

NOT_ASKED = "the sigstore client was not asked; 'anchor verify --second-opinion' asks it"


class ReferenceClient(Protocol):
    """Another implementation, asked for a second opinion."""

    def __call__(self, bundle: bytes, trusted_root: bytes, identity: str, issuer: str, /) -> bytes:
        """The payload that it verified for this signer; raises Refused."""
        ...


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What the verifier brings: a policy, the roots that it names (raw JSON), what they hold together (which
    says what is named at all, and verifies nothing), and what there is to say of how they were got."""

    policy: Policy
    raw: Sequence[bytes]
    root: TrustedRoot
    labels: Sequence[str] = ()
    """What the policy calls each of the roots, as `raw` has them."""
    checks: Sequence[Check] = ()
    witnesses: WitnessPolicy | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the TUF metadata that vouches for roots, by repository and role."""

    @functools.cached_property
    def each(self) -> tuple[TrustedRoot, ...]:
        """The roots one by one, as `raw` has them. What one vouches for is not lent to another."""
        return (self.root,) if len(self.raw) == 1 else tuple(parse_root(data) for data in self.raw)

    def known(self, data: bytes) -> TrustedRoot | None:
        """The root that these bytes are, where they are one of the verifier's own: parsed once for all
        releases, since most copies are the root itself."""
        return next((root for raw, root in zip(self.raw, self.each, strict=True) if raw == data), None)

    def verify(
        self, bundle: bytes, *, now: datetime, effort: Effort | None = None
    ) -> tuple[BundleReport, bytes]:
        """A bundle for one of the policy's signers, under one root alone: the first that verifies it, else
        the first that knows its log and authority. Also that root's JSON. `effort`: what it may cost."""
        signers, tried = self.policy.signers, []
        labels = self.labels or [""] * len(self.raw)
        for root, raw, label in zip(self.each, self.raw, labels, strict=True):
            found = verify_bundle(
                bundle,
                trusted_root=root,
                artifact=None,
                signers=signers,
                now=now,
                effort=effort,
                root_label=label,
            )
            if found.ok:
                return found, raw
            tried.append((found, raw))
        return next((t for t in tried if not t[0].foreign), tried[0])


@dataclass(frozen=True, kw_only=True)
class VerifiedAnchor:
    """An anchor whose bundle passed every strict check under the verifier's own trust, and of which
    release.json tells the truth. `data` are the bundle's exact bytes; `report.logs` its log entries."""

    anchor: Anchor
    place: int
    """In release.json, from 1."""
    data: bytes
    report: BundleReport
    counts: bool
    """Whether it also has what else is demanded: witnesses, the reference client's agreement, the same by the
    release's copy of the trusted root."""


@dataclass(kw_only=True)
class AnchorReport:
    """One anchor, at a `place` of release.json from 1. `counts` when all passed by the verifier's trust."""

    anchor: Anchor
    place: int
    checks: list[Check] = field(default_factory=list)
    bundle: BundleReport | None = None
    data: bytes = b""
    """The bundle's exact bytes, which have the digest that release.json names."""
    root: bytes = b""
    """The verifier's trusted root (JSON) that verified it."""
    counts: bool = False
    foreign: bool = False
    used: frozenset[Name] = frozenset()
    """Of a foreign one: what of the release's own copy of the trusted root it rests on."""

    def add(self, check: Check) -> None:
        """Keep a check."""
        self.checks.append(check)

    @property
    def about(self) -> str:
        """The log's origin, once the verifier's own trust binds it; before that the anchor's place, and the
        origin as what release.json claims."""
        origin = self.anchor.log.origin
        return origin if self.bundle and self.root else f"anchor {self.place}, which claims {origin}"

    @property
    def embedded(self) -> bool:
        """Whether the log, or who vouches for signer or time, is run by the publisher; told by the origin,
        which the checkpoint binds, and by the names that the trusted root gives to the others."""
        if self.bundle is None:
            return False
        others = (self.bundle.authority, *(t.authority for t in self.bundle.times))
        logs = any(EMBEDDED.has_origin(log.origin) for log in self.bundle.logs)
        return logs or any(EMBEDDED_SUFFIX in name for name in others)

    @property
    def verified(self) -> VerifiedAnchor | None:
        """What was verified; None of an anchor that was refused, is foreign, or is only claimed."""
        if self.bundle is None or not self.root:
            return None
        return VerifiedAnchor(
            anchor=self.anchor, place=self.place, data=self.data, report=self.bundle, counts=self.counts
        )

    def facts(self) -> dict[str, Any]:
        """What was bound, for the verdict."""
        a = self.anchor
        return {
            "origin": a.log.origin,
            "index": a.log.index,
            "identity": a.identity,
            "issuer": a.issuer,
            "time": a.time,
            "independent": not self.embedded,
        }


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What all anchors of a release are judged by. `copy`: the trusted root beside the release."""

    payload: bytes
    files: Files
    trust: Trust | None
    now: datetime
    reference_client: ReferenceClient | None
    copy: Copy | None
    effort: Effort


def verify_all(
    release: Release,
    payload: bytes,
    files: Files,
    *,
    trust: Trust | None,
    now: datetime,
    reference_client: ReferenceClient | None,
    effort: Effort,
) -> tuple[list[AnchorReport], list[Check]]:
    """A report for each anchor, and the checks of the release's own copy of the trusted root."""
    copy, check = root_copy.read(release, files, trust.known if trust else None)
    checks = [check]
    reports = []
    for place, anchor in enumerate(release.anchors, 1):
        report = AnchorReport(anchor=anchor, place=place)
        part = effort.share(len(release.anchors) + 1 - place)
        _verify(
            report,
            _Given(
                payload=payload,
                files=files,
                trust=trust,
                now=now,
                reference_client=reference_client,
                copy=copy,
                effort=part,
            ),
        )
        report.checks = [msgspec.structs.replace(c, about=report.about) for c in report.checks]
        reports.append(report)
    if copy is not None and trust is not None and copy.raw not in trust.raw:
        used = frozenset().union(*(r.used for r in reports))
        checks.append(outcome(COPY_DOES, lambda: copy.consistent_with(trust.root, used)))
    return reports, checks


def _verify(report: AnchorReport, given: _Given) -> None:
    """All checks of one anchor."""
    blob, copy, trust, now = report.anchor.bundle, given.copy, given.trust, given.now
    try:
        given.effort.poll()
        data = read_whole(given.files, blob.path, size=blob.size, sha256=blob.sha256, limit=MAX_BUNDLE)
    except AnchorError as e:
        report.add(broken(BUNDLE, e))
        return
    report.data = data
    report.add(held(BUNDLE, f"{blob.path} has SHA-256 {blob.sha256}, which release.json names"))
    if trust is None:
        if copy is not None:
            _check_bundle(report, copy.verify(data, now, given.effort), given.payload)
        return
    found, report.root = trust.verify(data, now=now, effort=given.effort)
    if found.foreign:
        report.foreign = True
        report.add(unrun(TRUSTED, "the policy's trusted roots do not name its log or authority"))
        if copy is not None:
            _check_untrusted(report, data, copy, given)
        return
    _check_bundle(report, found, given.payload)
    if report.bundle is not None:
        _count(report, report.bundle, data, given, trust)


def _count(report: AnchorReport, found: BundleReport, data: bytes, given: _Given, trust: Trust) -> None:
    """Whether a verified anchor counts: the witnesses that are demanded, and second opinions."""
    report.counts = True
    if trust.witnesses is not None:
        check = witness_quorum.check(found, trust.witnesses, given.now, given.effort)
        report.add(check)
        report.counts = check.state == "passed"
    if report.counts:
        if given.reference_client is None:
            report.add(unrun(REFERENCE, NOT_ASKED))
        else:
            _ask_reference_client(report, data, given.payload, given.reference_client, given.now)
        _check_root_copy(report, data, given)


def _check_bundle(report: AnchorReport, found: BundleReport, payload: bytes) -> None:
    """The strict checks of one bundle, and of what release.json says of it; `bundle` is set if all held."""
    for check in found.checks:
        report.add(check)
    if any(c.state in ("refused", "unknown") for c in found.checks):
        return
    try:
        line = anchor_claims.compare(report.anchor, found, payload)
    except AnchorError as e:
        report.add(broken(NAMED, e))
        return
    report.bundle = found
    report.add(held(NAMED, line))


def _check_untrusted(report: AnchorReport, data: bytes, copy: Copy, given: _Given) -> None:
    """A foreign anchor proves nothing, and release.json must tell the truth of it: what is not bound by the
    verifier's roots is bound at least by the copy in the release. It never counts: `bundle` stays unset."""
    found = copy.verify(data, given.now, given.effort)
    try:
        given.effort.poll()  # what was not verified for its cost is no forgery
        bad = next((c for c in found.checks if c.demotes), None)
        if bad is not None:
            kind = Unsupported if found.verdict is Class.UNSUPPORTED else Refused
            raise kind(f"{bad.name}: {bad.detail}", where="under the trusted root that the release carries")
        anchor_claims.compare(report.anchor, found, given.payload)
        report.used = root_entries.used(data, found, copy.root, given.effort)
    except AnchorError as e:
        report.add(broken(NAMED, e))
        return
    line = "it is what release.json claims, by the trusted root that the release carries: no proof to you"
    report.add(held(NAMED, line))


def _ask_reference_client(
    report: AnchorReport, data: bytes, payload: bytes, reference_client: ReferenceClient, now: datetime
) -> None:
    """The reference client must agree, under the same root; it never outvotes our refusal.

    It passes over what is not trusted yet at this moment. Before the signed time that is the clock's doing.
    """
    try:
        if reference_client(data, report.root, report.anchor.identity, report.anchor.issuer) != payload:
            raise Refused("verifies another payload")
    except AnchorError as e:
        signed = report.bundle.earliest if report.bundle else None
        if isinstance(e, Refused) and signed is not None and now < signed:
            problem = f"signed at {signed.isoformat()}, and this machine's time is {now.isoformat()}"
            e = Unavailable(problem, where="clock", remedy="set the clock: the sigstore client judges by it")
        report.add(broken(REFERENCE, e))
        report.counts = False
        return
    report.add(
        held(REFERENCE, "the sigstore client verifies the same payload, for this signer and under this root")
    )


def _check_root_copy(report: AnchorReport, data: bytes, given: _Given) -> None:
    """The release's copy of the trust material must do for the anchor what the verifier's own root does."""
    copy = given.copy
    if copy is None:
        return
    if copy.raw == report.root:
        report.add(held(COPY_DOES, "the copy in the release is, byte for byte, the root that verified it"))
        return
    check = outcome(COPY_DOES, lambda: copy.verifies_same(data, given.payload, given.now, given.effort))
    report.add(check)
    report.counts = check.state == "passed" and report.counts


def claimed(reports: Sequence[AnchorReport]) -> list[str]:
    """Who says to have signed, when no policy was there to say who may."""
    return [
        f"signed by {r.anchor.identity} (issuer {r.anchor.issuer}): claimed, not verified"
        for r in reports
        if r.bundle is not None
    ]
