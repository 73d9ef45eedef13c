# SPDX-License-Identifier: Apache-2.0
"""The anchors of a release: each bundle verified strictly, and compared with what release.json says about it.

Decides which anchors count: those that the verifier's own trust verifies, with the witnesses that the policy
demands, with the agreement of the reference client if it is asked, and with the release's copy of the
trusted root verifying the same.
"""

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from anchor.encoding import rfc3339
from anchor.errors import Pending, Refused, Unavailable, Unsupported
from anchor.format.release import MAX_BUNDLE, Anchor, Release
from anchor.format.statement import PAYLOAD_TYPE
from anchor.log_kinds import EMBEDDED
from anchor.log_kinds.embedded import EMBEDDED_SUFFIX
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.sigstore.trusted_root import parse as parse_root
from anchor.tlog import witness_policy
from anchor.tlog.witness_policy import WitnessPolicy
from anchor.verdict import Check, Class
from anchor.verify import root_copy, steps
from anchor.verify.bundle import verify_bundle
from anchor.verify.effort import Effort
from anchor.verify.policy import Policy
from anchor.verify.release_files import Files, read_whole
from anchor.verify.report import BundleReport
from anchor.verify.root_copy import Name, RootCopy
from anchor.verify.steps import Checks

NOT_ASKED = "the sigstore client was not asked; 'anchor verify --second-opinion' asks it"


class ReferenceClient(Protocol):
    """Another implementation, asked for a second opinion."""

    def __call__(self, bundle: bytes, trusted_root: bytes, identity: str, issuer: str, /) -> bytes:
        """The payload that it verified for this signer; raises Refused."""
        ...


class Trust(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The verifier's own policy and trusted roots."""

    policy: Policy
    raw: Sequence[bytes]
    """The JSON of each trusted root."""
    root: TrustedRoot
    """The union of all roots, used only to ask whether a key is known. It never verifies anything."""
    labels: Sequence[str] = ()
    """The policy's name for each of the roots, in the order of `raw`."""
    checks: Sequence[Check] = ()
    """The checks of loading the roots, such as how fresh each one is."""
    witnesses: WitnessPolicy | None = None
    versions: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The versions of the TUF metadata that vouches for the roots, by repository and role."""

    @functools.cached_property
    def each(self) -> tuple[TrustedRoot, ...]:
        """The roots one by one, in the order of `raw`. No root vouches for the keys of another."""
        return (self.root,) if len(self.raw) == 1 else tuple(parse_root(data) for data in self.raw)

    def known(self, data: bytes) -> TrustedRoot | None:
        """The root with exactly this JSON, if it is one of the verifier's own. Most copies are such a
        root, so it is parsed once for all releases."""
        return next((root for raw, root in zip(self.raw, self.each, strict=True) if raw == data), None)

    def verify(
        self, bundle: bytes, *, now: datetime, effort: Effort | None = None
    ) -> tuple[BundleReport, bytes]:
        """The report of a bundle for the policy's signers, and the JSON of the one root that was used.

        That is the first root that verifies the bundle, else the first that knows its log and
        authority. `effort`: the limit of work.
        """
        signers, tried = self.policy.signers, []
        labels = self.labels or [""] * len(self.raw)
        for root, raw, label in zip(self.each, self.raw, labels, strict=True):
            report = verify_bundle(
                bundle,
                trusted_root=root,
                artifact=None,
                signers=signers,
                now=now,
                effort=effort,
                root_label=label,
            )
            if report.ok:
                return report, raw
            tried.append((report, raw))
        return next((t for t in tried if not t[0].foreign), tried[0])


class VerifiedAnchor(msgspec.Struct, frozen=True, kw_only=True):
    """An anchor whose bundle passed every strict check under the verifier's own trust. Everything that
    release.json says about it is true. `report.logs` are its log entries."""

    anchor: Anchor
    number: int
    """The position in release.json, from 1."""
    data: bytes
    """The bundle's exact bytes."""
    report: BundleReport
    counts: bool
    """True if the further demands hold too: witnesses, the agreement of the reference client, and the
    release's copy of the trusted root verifying the same."""


class AnchorReport(msgspec.Struct, frozen=True, kw_only=True):
    """One anchor, the `number`-th of release.json from 1, and its checks."""

    anchor: Anchor
    number: int
    own: tuple[Check, ...]
    """The checks of the anchor, in order, without what they are about."""
    bundle: BundleReport | None = None
    """Set if every strict check of the bundle passed, and release.json tells the truth about it."""
    data: bytes = b""
    """The bundle's exact bytes, which have the digest that release.json names."""
    root: bytes = b""
    """The JSON of the verifier's trusted root that verified it."""
    counts: bool = False
    """True if everything that the verifier demands holds."""
    foreign: bool = False
    """True if the policy's trusted roots do not name the log or the authority."""
    used: frozenset[Name] = frozenset()
    """For a foreign anchor: the entries of the release's own copy of the trusted root that it needs."""

    @property
    def checks(self) -> list[Check]:
        """The checks, each with what it is about."""
        return [msgspec.structs.replace(c, about=self.about) for c in self.own]

    @property
    def about(self) -> str:
        """The log's origin, once the verifier's own trust binds it. Before that: the anchor's number, and
        the origin as release.json claims it."""
        origin = self.anchor.log.origin
        return origin if self.bundle and self.root else f"anchor {self.number}, which claims {origin}"

    @property
    def embedded(self) -> bool:
        """True if the publisher runs the log, or the authority that vouches for signer or time.

        The origin says so, which the checkpoint binds, and so do the names of authorities in the root.
        """
        if self.bundle is None:
            return False
        others = (self.bundle.authority, *(t.authority for t in self.bundle.times))
        logs = any(EMBEDDED.has_origin(log.origin) for log in self.bundle.logs)
        return logs or any(EMBEDDED_SUFFIX in name for name in others)

    @property
    def verified(self) -> VerifiedAnchor | None:
        """The verified anchor; None if it was refused, is foreign, or is only claimed."""
        if self.bundle is None or not self.root:
            return None
        return VerifiedAnchor(
            anchor=self.anchor, number=self.number, data=self.data, report=self.bundle, counts=self.counts
        )

    def facts(self) -> dict[str, Any]:
        """The bound values, for the verdict."""
        a = self.anchor
        return {
            "origin": a.log.origin,
            "index": a.log.index,
            "identity": a.identity,
            "issuer": a.issuer,
            "time": a.time,
            "independent": not self.embedded,
        }


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """The inputs for one anchor. `copy`: the trusted root beside the release."""

    payload: bytes
    files: Files
    trust: Trust | None
    now: datetime
    reference_client: ReferenceClient | None
    copy: RootCopy | None
    effort: Effort


class VerifiedBundle(NamedTuple):
    """A bundle that the verifier's own `root` (JSON) verified, with its exact bytes and its report."""

    anchor: Anchor
    data: bytes
    root: bytes
    report: BundleReport


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
    copy_checks = Checks()
    known = trust.known if trust else None
    copy = copy_checks.run(steps.TRUSTED_ROOT, root_copy.read, release, files, known)
    reports = []
    for number, anchor in enumerate(release.anchors, 1):
        given = _Given(
            payload=payload,
            files=files,
            trust=trust,
            now=now,
            reference_client=reference_client,
            copy=copy,
            effort=effort.share(len(release.anchors) + 1 - number),
        )
        reports.append(_verify_anchor(anchor, number, given))
    if copy is not None and trust is not None and copy.raw not in trust.raw:
        used = frozenset().union(*(r.used for r in reports))
        copy_checks.run(steps.TRUSTED_ROOT_COPY, copy.consistent_with, trust.root, used)
    return reports, copy_checks.checks


def _verify_anchor(anchor: Anchor, number: int, given: _Given) -> AnchorReport:
    """All checks of one anchor."""
    copy, trust, now, effort = given.copy, given.trust, given.now, given.effort
    checks = Checks(effort)
    data = checks.run(steps.BUNDLE_FILE, _read_bundle, anchor, given.files)
    root, foreign, used, bundle, counts = b"", False, None, None, False
    if data is not None and trust is not None:
        bundle_report, root = trust.verify(data, now=now, effort=effort)
        foreign = bundle_report.foreign
        if foreign:
            checks.skip(steps.ANCHOR_TRUSTED, "the policy's trusted roots do not name its log or authority")
            if copy is not None:
                used = checks.run(steps.ANCHOR_NAMED, _check_untrusted, anchor, data, copy, given)
        else:
            bundle = _check_bundle(checks, anchor, bundle_report, given.payload)
            if bundle is not None:
                counts = _check_demands(checks, VerifiedBundle(anchor, data, root, bundle), given, trust)
    elif data is not None and copy is not None:
        bundle = _check_bundle(checks, anchor, copy.verify(data, now, effort), given.payload)
    return AnchorReport(
        anchor=anchor,
        number=number,
        own=tuple(checks.checks),
        bundle=bundle,
        data=data or b"",
        root=root,
        counts=counts,
        foreign=foreign,
        used=used or frozenset(),
    )


def _read_bundle(anchor: Anchor, files: Files) -> tuple[str, bytes]:
    blob = anchor.bundle
    data = read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=MAX_BUNDLE)
    return f"{blob.path} has SHA-256 {blob.sha256}, which release.json names", data


def _check_bundle(
    checks: Checks, anchor: Anchor, bundle: BundleReport, payload: bytes
) -> BundleReport | None:
    """The strict checks of one bundle, then the claims of release.json. The bundle's report if all passed."""
    checks.extend(bundle.checks)
    if any(c.state in ("refused", "unknown") for c in bundle.checks):
        return None
    return bundle if checks.run(steps.ANCHOR_NAMED, check_claims, anchor, bundle, payload) else None


def _check_untrusted(
    anchor: Anchor, data: bytes, copy: RootCopy, given: _Given
) -> tuple[str, frozenset[Name]]:
    """The entries of the copy that a foreign anchor needs; raises if release.json says something else.

    A foreign anchor proves nothing and never counts. The verifier's roots do not bind what release.json says
    about it, so the copy in the release must.
    """
    bundle = copy.verify(data, given.now, given.effort)
    given.effort.poll()  # a bundle that costs too much to verify is not a forgery
    bad = next((c for c in bundle.checks if c.demotes), None)
    if bad is not None:
        kind = Unsupported if bundle.verdict is Class.UNSUPPORTED else Refused
        raise kind(f"{bad.name}: {bad.detail}", where="under the trusted root that the release carries")
    check_claims(anchor, bundle, given.payload)
    used = root_copy.used(data, bundle, copy.root, given.effort)
    line = "it is what release.json claims, by the trusted root that the release carries: no proof to you"
    return line, used


def _check_demands(checks: Checks, verified: VerifiedBundle, given: _Given, trust: Trust) -> bool:
    """True if a verified anchor counts: witnesses, second opinion and the release's copy all agree."""
    run, copy = checks.run, given.copy
    if trust.witnesses is not None and not run(
        steps.WITNESSES, check_witnesses, verified.report, trust.witnesses, given.now, given.effort
    ):
        return False
    client, agreed = given.reference_client, True
    if client is None:
        checks.skip(steps.REFERENCE_CLIENT, NOT_ASKED)
    else:
        agreed = bool(run(steps.REFERENCE_CLIENT, _ask_reference_client, verified, given, client))
    same = copy is None or run(steps.TRUSTED_ROOT_COPY, _check_root_copy, verified, copy, given)
    return agreed and bool(same)


def _ask_reference_client(verified: VerifiedBundle, given: _Given, client: ReferenceClient) -> str:
    """The reference client must agree, under the same root. Its opinion never outvotes our refusal.

    The client ignores keys that are not trusted yet at this moment. If this machine's time lies before the
    signed time, a wrong clock is the cause.
    """
    anchor, earliest = verified.anchor, verified.report.earliest
    try:
        payload = client(verified.data, verified.root, anchor.identity, anchor.issuer)
        if payload != given.payload:
            raise Refused("verifies another payload")
    except Refused:
        if earliest is None or given.now >= earliest:
            raise
        problem = f"signed at {earliest.isoformat()}, and this machine's time is {given.now.isoformat()}"
        remedy = "set the clock: the sigstore client judges by it"
        raise Unavailable(problem, where="clock", remedy=remedy) from None
    return "the sigstore client verifies the same payload, for this signer and under this root"


def _check_root_copy(verified: VerifiedBundle, copy: RootCopy, given: _Given) -> str:
    """The copy beside the release must verify the anchor as the verifier's own root does."""
    if copy.raw == verified.root:
        return "the copy in the release is, byte for byte, the root that verified it"
    return copy.verifies_same(verified.data, given.payload, given.now, given.effort)


def check_claims(anchor: Anchor, bundle: BundleReport, payload: bytes) -> str:
    """Return if the bundle signs this statement and binds what release.json says; raises Refused."""
    if bundle.payload_type != PAYLOAD_TYPE or bundle.payload != payload:
        raise Refused(
            "the bundle signs another statement than the one beside release.json", where="statement"
        )
    if len(bundle.logs) != 1:
        raise Refused(f"{len(bundle.logs)} log entries where an anchor has one")
    log = bundle.logs[0]
    if log.checkpoint is None:
        problem = "no checkpoint and proof: the log's promise alone is not an anchor (FORMAT.md section 7)"
        raise Refused(problem, where="log entry")
    pairs = (
        ("log.origin", anchor.log.origin, log.origin),
        ("log.url", anchor.log.url, log.base_url),
        ("log.id", anchor.log.id, log.log_id.hex()),
        ("log.index", anchor.log.index, log.public_index),
        ("identity", anchor.identity, bundle.identity),
        ("issuer", anchor.issuer, bundle.issuer),
        ("time", anchor.time, time_text(bundle)),
    )
    for name, said, bound in pairs:
        if said != bound:
            raise Refused(f"says {said!r} where the bundle binds {bound!r}", where=name)
    return "what release.json says of statement, log, index, signer and time is what the bundle binds"


def time_text(report: BundleReport) -> str:
    """The earliest verified time, RFC 3339 UTC in whole seconds; empty without one."""
    return rfc3339(report.earliest) if report.earliest else ""


def check_witnesses(report: BundleReport, witnesses: WitnessPolicy, now: datetime, effort: Effort) -> str:
    """Return if the checkpoint of a verified bundle has the quorum of the C2SP policy; Pending if not yet.

    A Rekor v2 log goes on without its witnesses, and no Sigstore client notices. So we count cosignatures.
    """
    for _ in witnesses.cosigners:  # each one has at most one signature
        effort.spend()
    log = report.logs[0]
    if log.checkpoint is None:
        raise Refused("the bundle has no checkpoint that witnesses could have cosigned")
    known = [named for named in witnesses.known_logs if named.owns(log.origin)]
    if not known:
        raise Pending(f"the witness policy does not name the log {log.origin}: its entries count for nothing")
    signed = {(line.name, line.key_id) for line in log.checkpoint.note.signatures}
    if not any((named.key.name, named.key.key_id) in signed for named in known):
        raise Refused(f"the checkpoint is not signed by the key that the witness policy has for {log.origin}")
    quorum = witness_policy.evaluate(witnesses, log.checkpoint.note, now=int(now.timestamp()))
    if not quorum.met:
        raise Pending(quorum.sentence)
    return quorum.sentence


def claimed(reports: Sequence[AnchorReport]) -> list[str]:
    """A note for each signer that a bundle claims, if no policy says who may sign."""
    return [
        f"signed by {r.anchor.identity} (issuer {r.anchor.issuer}): claimed, not verified"
        for r in reports
        if r.bundle is not None
    ]
