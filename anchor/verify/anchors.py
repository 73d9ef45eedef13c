# SPDX-License-Identifier: Apache-2.0
"""The anchors of a release: each bundle verified strictly, and compared with what release.json says about it.

Decides which anchors count. The verifier's own trust must verify the bundle, with the witnesses that the
policy demands. The reference client must agree, if it is asked. The release's copy of the trusted root must
verify the same.
"""

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from anchor.encoding import rfc3339
from anchor.errors import AnchorError, Refused, Unavailable, Unsupported
from anchor.format.release import MAX_BUNDLE, Anchor, Release
from anchor.sigstore.bundle import IN_TOTO, Bundle
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.sigstore.trusted_root import parse as parse_root
from anchor.verdict import Check, Class
from anchor.verify import independence, root_copy, steps
from anchor.verify.bundle import verify_bundle
from anchor.verify.effort import Effort
from anchor.verify.independence import PUBLISHER, Counted, Independence
from anchor.verify.policy import Policy
from anchor.verify.release_files import Files, read_whole
from anchor.verify.report import BundleReport, LogFact
from anchor.verify.root_copy import Name, RootCopy
from anchor.verify.steps import Checks

if TYPE_CHECKING:
    from anchor.tlog.witness_policy import WitnessPolicy

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
    witnesses: "WitnessPolicy | None" = None
    """The witness policy of each log that has none of its own."""
    log_witnesses: "Mapping[str, WitnessPolicy]" = msgspec.field(default_factory=dict)
    """The witness policies of single logs, by the origins of their checkpoints."""
    public_logs: frozenset[bytes] = frozenset()
    """The keys (SPKI DER) of the logs that the public and staging instances run."""
    versions: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The versions of the TUF metadata that vouches for the roots, by repository and role."""
    notes: Sequence[str] = ()
    """Notes about where the roots came from."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes that each verdict under this trust has."""
        return (*self.policy.remarks, *self.notes)

    def witnesses_of(self, origin: str, spki: bytes = b"") -> "WitnessPolicy | None":
        """The witness policy of the log with this checkpoint origin: its own one, else the general one.

        `spki`: its key (SPKI DER). A log may have several names, and chooses the one under which it signs. So
        a policy of its own under another name goes before the general one, and counts nothing here.
        """
        if not self.log_witnesses or origin in self.log_witnesses or not spki:
            return self.log_witnesses.get(origin, self.witnesses)
        from anchor.tlog.keys import key_from_spki  # only for a policy that names logs

        try:
            public = key_from_spki("log", spki).public_key
        except AnchorError:  # a kind of key that no policy can name
            return self.witnesses
        policies = self.log_witnesses.values()
        own = (p for p in policies if any(public == known.key.public_key for known in p.known_logs))
        return next(own, self.witnesses)

    def count_cosignatures(
        self, checks: Checks, report: BundleReport, *, now: datetime, effort: Effort
    ) -> Counted:
        """Count the cosignatures of a verified bundle's log entry, as the policy demands (`independence`)."""
        log = report.logs[0]
        return independence.demand(checks, log, self.witnesses_of(log.origin, log.spki), now, effort)

    @functools.cached_property
    def each(self) -> tuple[TrustedRoot, ...]:
        """The roots one by one, in the order of `raw`. No root vouches for the keys of another."""
        return (self.root,) if len(self.raw) == 1 else tuple(parse_root(data) for data in self.raw)

    def known(self, data: bytes) -> TrustedRoot | None:
        """The root with exactly this JSON, if it is one of the verifier's own. Most copies are such a
        root, so it is parsed once for all releases."""
        return next((root for raw, root in zip(self.raw, self.each, strict=True) if raw == data), None)

    def verify(
        self, bundle: bytes | Bundle, *, now: datetime, effort: Effort | None = None
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
    own_word: bool
    """True if log, signer and time are the publisher's own word."""


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
    independence: Independence | None = None
    """How independent the log is; None if no bundle is set."""
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
    def weight(self) -> str:
        """The sentence about its independence. Without the verifier's own trust it says only what the origin
        of an embedded log says; else it is empty."""
        found = self.independence
        if found is None or not (self.root or found.operator == PUBLISHER or found.own_authority):
            return ""
        return found.sentence

    @property
    def verified(self) -> VerifiedAnchor | None:
        """The verified anchor; None if it was refused, is foreign, or is only claimed."""
        if self.bundle is None or not self.root:
            return None
        return VerifiedAnchor(
            anchor=self.anchor,
            number=self.number,
            data=self.data,
            report=self.bundle,
            counts=self.counts,
            own_word=self.independence is None or self.independence.own_word,
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
            **weight_facts(self.independence),
        }


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """The inputs for one anchor. `copy`: the trusted root beside the release that the anchor names."""

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
    """A report for each anchor, and the checks of the release's own copies of trusted roots."""
    copies, copy_checks = _read_copies(release, files, trust, effort)
    reports = []
    for number, anchor in enumerate(release.anchors, 1):
        given = _Given(
            payload=payload,
            files=files,
            trust=trust,
            now=now,
            reference_client=reference_client,
            copy=copies.get(anchor.trusted_root),
            effort=effort.share(len(release.anchors) + 1 - number),
        )
        reports.append(_verify_anchor(anchor, number, given))
    for digest, copy in copies.items():
        if trust is not None and copy.raw not in trust.raw:
            used = frozenset().union(*(r.used for r in reports if r.anchor.trusted_root == digest))
            checks = Checks()
            checks.run(steps.TRUSTED_ROOT_COPY, copy.consistent_with, trust.root, used)
            copy_checks += _about(checks, release, digest)
    return reports, copy_checks


def _read_copies(
    release: Release, files: Files, trust: Trust | None, effort: Effort
) -> tuple[dict[str, RootCopy], list[Check]]:
    """The copies that could be read, by their SHA-256, and the check of each one."""
    known, found = trust.known if trust else None, list[Check]()
    copies = {}
    for blob in release.trusted_roots:
        checks = Checks(effort if len(release.trusted_roots) > 1 else None)
        copy = checks.run(steps.TRUSTED_ROOT, root_copy.read, blob, files, known)
        if copy is not None:
            copies[blob.sha256] = copy
        found += _about(checks, release, blob.sha256)
    return copies, found


def _about(checks: Checks, release: Release, digest: str) -> list[Check]:
    """The checks of one of several copies, each with the path that it is about."""
    if release.version == 1:
        return checks.checks
    (path,) = (blob.path for blob in release.trusted_roots if blob.sha256 == digest)
    return [msgspec.structs.replace(c, about=path) for c in checks.checks]


def _verify_anchor(anchor: Anchor, number: int, given: _Given) -> AnchorReport:
    """All checks of one anchor."""
    copy, trust, now, effort = given.copy, given.trust, given.now, given.effort
    checks = Checks(effort)
    data = checks.run(steps.BUNDLE_FILE, _read_bundle, anchor, given.files)
    root, foreign, used, bundle, counts, counted = b"", False, None, None, False, Counted()
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
                counted = trust.count_cosignatures(checks, bundle, now=now, effort=effort)
                verified = VerifiedBundle(anchor, data, root, bundle)
                counts = counted.enough and _check_demands(checks, verified, given)
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
        independence=weigh(bundle, trust, counted) if bundle else None,
        used=used or frozenset(),
    )


def weigh(bundle: BundleReport, trust: Trust | None, counted: Counted) -> Independence:
    """The independence of the first log entry of a verified bundle."""
    public = trust.public_logs if trust else frozenset[bytes]()
    return independence.weigh(bundle, bundle.logs[0], public=public, counted=counted)


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


def _check_demands(checks: Checks, verified: VerifiedBundle, given: _Given) -> bool:
    """True if a verified anchor with its witnesses counts: second opinion and the release's copy agree."""
    run, copy = checks.run, given.copy
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


def weight_facts(found: Independence | None) -> dict[str, Any]:
    """The members of a verdict about the independence of an anchor; none for one that was not verified."""
    return {"independent": found.independent, "independence": found.facts()} if found else {}


def check_anchored(bundle: BundleReport, payload: bytes) -> LogFact:
    """The log in which the bundle anchors this statement. Raises `Refused` for a bundle that does not."""
    if bundle.payload_type != IN_TOTO or bundle.payload != payload:
        raise Refused(
            "the bundle signs another statement than the one beside release.json", where="statement"
        )
    if len(bundle.logs) != 1:
        raise Refused(f"{len(bundle.logs)} log entries where an anchor has one")
    log = bundle.logs[0]
    if log.checkpoint is None:
        problem = "no checkpoint and proof: the log's promise alone is not an anchor (FORMAT.md section 7)"
        raise Refused(problem, where="log entry")
    return log


def check_claims(anchor: Anchor, bundle: BundleReport, payload: bytes) -> str:
    """Return if the bundle signs this statement and binds what release.json says; raises Refused."""
    log = check_anchored(bundle, payload)
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


def claimed(reports: Sequence[AnchorReport]) -> list[str]:
    """A note for each signer that a bundle claims, if no policy says who may sign."""
    return [claim(r.anchor.identity, r.anchor.issuer) for r in reports if r.bundle is not None]


def claim(identity: str, issuer: str) -> str:
    """The note about a signer whom a certificate names, and nobody else."""
    return f"signed by {identity} (issuer {issuer}): claimed, not verified"
