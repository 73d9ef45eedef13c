# SPDX-License-Identifier: Apache-2.0
"""The strict verifier of Sigstore bundles: every step of `steps.BUNDLE_STEPS`, in order, on bytes alone.

Decides whether a bundle is fully verified under a trusted root, for a file and a signer. Bad evidence raises
nothing: it becomes a check. The verifier reads no clock. `now` matters only for a managed key whose signing
time no trusted party says.

Every time that the bundle offers, and that can be checked, must pass: a right one does not outvote a wrong
one.
"""

import warnings
from collections.abc import Sequence
from datetime import datetime

import msgspec

from anchor import log_kinds
from anchor.errors import Misuse, Refused, Unsupported
from anchor.log_kinds.kind import Signed
from anchor.sigstore import bundle as bundles
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.bundle import Bundle, Envelope, LogEntry, MessageSignature
from anchor.sigstore.keys import HASH_NAMES, Key
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verdict import Class
from anchor.verify import certificate as certificates
from anchor.verify import log_entry, payload, steps, timestamp
from anchor.verify.certificate import Leaf
from anchor.verify.effort import Effort
from anchor.verify.log_entry import LoggedEntry
from anchor.verify.policy import Signer
from anchor.verify.report import BundleReport, LogFact, VerifiedTime
from anchor.verify.steps import Checks

__all__ = ["BundleReport", "LogFact", "VerifiedTime", "verify_bundle"]


def verify_bundle(
    bundle: bytes | Bundle,
    *,
    trusted_root: TrustedRoot,
    artifact: Artifact | None,
    now: datetime,
    signers: Sequence[Signer] | None = None,
    key: Key | None = None,
    effort: Effort | None = None,
    root_label: str = "",
    where: str = "bundle",
) -> BundleReport:
    """Verify one bundle; `report.ok` is true if all required checks passed.

    `artifact`: None if the bundle holds an envelope, whose payload the caller compares; a plain signature is
    then refused. `signers`: the signers whose certificates count; None reports the certificate's identity as
    claimed. `key`: a managed key instead. `effort`: the limit of work; a step beyond it is UNAVAILABLE.
    `root_label`: the policy's name for the trusted root, to which a signer may be tied. `where`: the name of
    the file, for a bundle that cannot be read. Raises Misuse for
    `signers` together with `key`, and for an empty list of signers. Raises nothing else.
    """
    if key is not None and signers is not None:
        raise Misuse("a managed key has no certificate", where="signer", remedy="give a key or an identity")
    if signers is not None and not signers:
        raise Misuse("no signer is accepted", where="signer", remedy="name one")
    effort = effort or Effort.unlimited()
    checks = Checks(effort)
    with warnings.catch_warnings():
        # Libraries warn on stderr about odd certificates, which an attacker may write. A check reports them.
        warnings.simplefilter("ignore")
        parsed = checks.run(steps.FORMAT, _parse, bundle, where)
        if parsed is None:
            for step in steps.BUNDLE_STEPS[1:]:
                checks.skip(step, "not a bundle that can be read")
            return BundleReport(checks=tuple(checks.checks))
        run = _Run(
            bundle=parsed,
            root=trusted_root,
            artifact=artifact,
            message=Artifact(content.pae()) if isinstance(content := parsed.content, Envelope) else artifact,
            signers=None if signers is None else tuple(signers),
            wanted_key=key,
            now=now,
            effort=effort,
            root_label=root_label,
            checks=checks,
        )
        run.key = checks.run(steps.MATERIAL, _signing_key, run)
        _find_logs(run)
        _establish_time(run)
        if run.keyless:
            _check_certificate(run)
        _check_entries(run)
        _check_content(run)
        return _report(run)


class _Run(msgspec.Struct, kw_only=True):
    """One verification: the request, and below `checks` the values of its steps so far."""

    bundle: Bundle
    root: TrustedRoot
    artifact: Artifact | None
    message: Artifact | None
    """The bytes that the signature covers: the envelope's PAE, or the file."""
    signers: tuple[Signer, ...] | None
    wanted_key: Key | None
    now: datetime
    effort: Effort
    root_label: str
    checks: Checks
    leaf: Leaf | None = None
    key: Key | None = None
    authority: str = ""
    entries: list[LoggedEntry] = msgspec.field(default_factory=list)
    promised: dict[int, datetime] = msgspec.field(default_factory=dict)
    """The times of verified promises, by the index in `entries`."""
    times: list[VerifiedTime] = msgspec.field(default_factory=list)
    facts: list[LogFact] = msgspec.field(default_factory=list)
    foreign: bool = False
    unnamed: bool = False
    """True if a log or authority that the trusted root does not name could have said the time."""

    @property
    def keyless(self) -> bool:
        """True if the bundle is signed by a certificate."""
        return self.bundle.certificate is not None


def _report(run: _Run) -> BundleReport:
    checks = tuple(run.checks.checks)
    report = BundleReport(checks=checks, foreign=run.foreign)
    if not report.ok:
        return report
    content, leaf = run.bundle.content, run.leaf
    return BundleReport(
        checks=checks,
        identity=leaf.identity if leaf else "",
        issuer=leaf.issuer if leaf else "",
        authority=run.authority,
        root_label=run.root_label,
        claimed=leaf is not None and run.signers is None,
        times=tuple(run.times),
        payload_type=content.payload_type if isinstance(content, Envelope) else "",
        payload=content.payload if isinstance(content, Envelope) else b"",
        logs=tuple(run.facts),
    )


# Steps bundle-format and signing-material


def _parse(bundle: bytes | Bundle, where: str) -> tuple[str, Bundle]:
    parsed = bundle if isinstance(bundle, Bundle) else bundles.parse(bundle, where=where)
    version = ".".join(map(str, parsed.version))
    kind = "an envelope" if isinstance(parsed.content, Envelope) else "a plain signature"
    many = "y" if len(parsed.entries) == 1 else "ies"
    parts = f"{kind} and {len(parsed.entries)} log entr{many}"
    return f"a v{version} bundle with {parts}: all that its version demands, and nothing unknown", parsed


def _signing_key(run: _Run) -> tuple[str, Key]:
    """The signing key, with the one algorithm that its log entry states or that its kind has by default.

    Nothing verifies a stated algorithm before `log_entry.check_body`.
    """
    bundle = run.bundle
    stated = next((d for e in bundle.entries if (d := log_kinds.of_entry(e).stated_details(e))), "")
    if bundle.certificate is None:
        if run.wanted_key is None:
            problem = "signed by a managed key, where a certificate is wanted"
            raise Refused(problem, where="bundle", remedy="give the key that you expect")
        _check_hint(bundle)
        detail = "a managed key, given by you; the bundle's hint of it is not authenticated"
        return detail, _with_prehash(bundle, _with_details(run.wanted_key, stated), stated)
    if run.wanted_key is not None:
        raise Refused("signed by a certificate, where a managed key is wanted", where="bundle")
    if any(certificates.is_self_issued(der) for der in bundle.intermediates):
        raise Refused("it carries a self-issued certificate, such as a root", where="bundle")
    leaf = certificates.read(bundle.certificate)
    key = _with_prehash(bundle, _with_details(leaf.key, stated), stated)
    key = _with_short_hash(bundle, key, stated)
    run.leaf = leaf
    return f"signed with a certificate, as wanted; its key is {key.scheme.details}", key


def _check_hint(bundle: Bundle) -> None:
    """Return if the key hints agree. No signature covers a hint (sigstore_bundle.proto, Bundle)."""
    content = bundle.content
    if isinstance(content, Envelope) and content.keyid and content.keyid != bundle.hint:
        raise Refused("the envelope's keyid is not the bundle's key hint", where="bundle")


def _with_details(key: Key, stated: str) -> Key:
    """The key with the details that a log entry states, else with those that its kind has by default."""
    return key.using(stated, where="log entry keyDetails") if stated else key


def _with_prehash(bundle: Bundle, key: Key, stated: str) -> Key:
    """Ed25519 signs a pre-hashed file if the log keeps only its SHA-512."""
    if stated or key.scheme.kind != "ed25519" or not isinstance(bundle.content, MessageSignature):
        return key
    hashed = any(log_kinds.of_entry(e).prehashed(e) for e in bundle.entries)
    return key.using("PKIX_ED25519_PH") if hashed or bundle.content.algorithm == "SHA2_512" else key


def _with_short_hash(bundle: Bundle, key: Key, stated: str) -> Key:
    """Many clients sign SHA-256 with a key on P-384 or P-521, and only the digest of the bundle says so
    (sigstore_common.proto, PKIX_ECDSA_P384_SHA_256; sigstore-conformance 203). The entry's body is rebuilt
    with that hash. So exactly one algorithm is bound; we do not try several."""
    content = bundle.content
    if stated or not isinstance(content, MessageSignature) or content.algorithm != "SHA2_256":
        return key
    size = key.scheme.size
    return key.using(f"PKIX_ECDSA_P{size}_SHA_256") if key.scheme.kind == "ecdsa" and size > 256 else key


# Steps log-key and log-promise


def _find_logs(run: _Run) -> None:
    """Find the log of each entry, and the time that its promise gives."""
    listed = run.bundle.entries
    if not listed:
        _check_without_log(run)
    for number, entry in enumerate(listed, 1):
        where = f"entry {number}" if len(listed) > 1 else "entry"
        logged = run.checks.run(steps.LOG_KEY, _find_log, run, entry, where)
        if logged is None:
            run.checks.skip(steps.PROMISE, "its log is not known")
            continue
        run.entries.append(logged)
        if entry.promise is None:
            run.checks.skip(steps.PROMISE, "the entry has none: its integrated time is not believed")
            continue
        time = run.checks.run(steps.PROMISE, log_entry.promised_time, logged)
        if time is not None:
            run.promised[len(run.entries) - 1] = time
            run.times.append(VerifiedTime("log", logged.key.base_url, time))


def _check_without_log(run: _Run) -> None:
    """A certificate always needs a log. A managed key needs one only if the trusted root names a log."""
    if not run.keyless and not run.root.tlogs and not run.root.unusable_tlogs:
        run.checks.skip(steps.LOG_KEY, "the trusted root names no log, so none is asked for a managed key")
    else:
        run.checks.run(steps.LOG_KEY, _refuse_without_log)


def _refuse_without_log() -> str:
    raise Refused("the bundle has no log entry", where="bundle")


def _find_log(run: _Run, entry: LogEntry, where: str) -> tuple[str, LoggedEntry]:
    if not log_entry.is_named(entry.log_id, run.root):
        run.foreign = run.unnamed = True
    logged = log_entry.find_log(entry, run.root, where)
    # Compared by the key, since one log may have several ids.
    if any(logged.key.key.spki == e.key.key.spki and entry.body == e.entry.body for e in run.entries):
        raise Refused("the same entry of one log twice", where=where)
    return f"the entry names the log {logged.key.base_url} by its id, and so does the trusted root", logged


# Steps timestamp and signing-time


def _establish_time(run: _Run) -> None:
    """Check every time-stamp. A certificate needs at least one verified time."""
    tokens, authorities = run.bundle.timestamps, run.root.timestamp_authorities
    if not tokens:
        run.checks.skip(steps.TIMESTAMP, "the bundle has no RFC 3161 time-stamp")
    elif not authorities:
        run.checks.skip(steps.TIMESTAMP, "the trusted root names no time-stamping authority: none counts")
    for number, token in enumerate(tokens if authorities else (), 1):
        where = f"time-stamp {number}" if len(tokens) > 1 else "time-stamp"
        times = run.checks.run(steps.TIMESTAMP, _check_timestamp, run, token, number, where)
        run.times.extend(t for t in times or [] if t not in run.times)
    if not run.times and not run.keyless:
        run.checks.skip(steps.TIME, "no trusted time; a managed key has no validity to compare it with")
        return
    run.checks.run(steps.TIME, _check_any_time, run)


def _check_timestamp(run: _Run, token: bytes, number: int, where: str) -> tuple[str, list[VerifiedTime]]:
    """The time of a token, as a list; empty if the trusted root does not name its authority."""
    if token in run.bundle.timestamps[: number - 1]:
        raise Refused("the same time-stamp twice", where=where)
    time = timestamp.check(
        token, run.bundle.signature, run.root.timestamp_authorities, where=where, effort=run.effort
    )
    if time is None:
        run.unnamed = True
        return f"{where} is of an authority that the trusted root does not name: it counts for nothing", []
    line = f"{time.authority} signed that it saw this signature at {time.time.isoformat()}"
    return line, [time]


def _check_any_time(run: _Run) -> str:
    if not run.times:
        problem = "no time that anybody trusted vouches for"
        if any(c.name == steps.TIMESTAMP.name and c.demotes is Class.UNSUPPORTED for c in run.checks.checks):
            raise Unsupported("a time stamp is there that this program cannot verify", where="bundle")
        raise run.root.unnamed(problem, "bundle") if run.unnamed else Refused(problem, where="bundle")
    said = ", ".join(f"at {t.time.isoformat()} by {t.authority}" for t in run.times)
    return f"the signature was seen {said}"


# Steps certificate-time, certificate-chain, certificate-log, certificate-usage and signer


def _check_certificate(run: _Run) -> None:
    leaf, checks = run.leaf, run.checks
    if leaf is None:
        for step in (steps.VALIDITY, steps.CHAIN, steps.SCT, steps.USAGE, steps.SIGNER):
            checks.skip(step, "no certificate that can be used")
        return
    if not certificates.known(leaf, run.root.authorities):
        run.foreign = True  # even without a time: its time-stamp is then by an unknown authority as well
    if not run.times:
        for step in (steps.VALIDITY, steps.CHAIN, steps.SCT):
            checks.skip(step, "no trusted time")
    else:
        checks.run(steps.VALIDITY, _check_validity, leaf, run.times)
        issuer = checks.run(steps.CHAIN, _check_chain, run, leaf)
        if issuer is None:
            checks.skip(steps.SCT, "the certificate's issuer is not known")
        else:
            checks.run(steps.SCT, certificates.check_scts, leaf, issuer, run.root, run.effort)
    checks.run(steps.USAGE, certificates.check_usage, leaf)
    if run.signers is None:
        checks.skip(steps.SIGNER, f"claimed, not verified: {leaf.identity} (issuer {leaf.issuer})")
    else:
        checks.run(steps.SIGNER, certificates.check_signer, leaf, run.signers, run.root_label)


def _check_validity(leaf: Leaf, times: list[VerifiedTime]) -> str:
    span = f"{leaf.not_before.isoformat()} to {leaf.not_after.isoformat()}"
    for t in times:
        if not leaf.not_before <= t.time <= leaf.not_after:
            raise Refused(f"valid from {span}, but signed at {t.time.isoformat()}", where="certificate")
    when = ", ".join(sorted({t.time.isoformat() for t in times}))
    return f"valid from {span}, and verifiably signed inside of it: {when}"


def _check_chain(run: _Run, leaf: Leaf) -> tuple[str, bytes]:
    """The SPKI of the leaf's issuer, which must be the same at every verified time."""
    times = dict.fromkeys(t.time for t in run.times)
    issued = [certificates.issued_by(leaf, run.root, time, run.effort) for time in times]
    if len({i.issuer_spki for i in issued}) != 1:
        raise Refused("issued by different keys at different times", where="certificate")
    run.authority = issued[0].authority.uri or issued[0].authority.subject
    line = f"issued by {run.authority}, which the trusted root names for the time of signing"
    return line, issued[0].issuer_spki


# Steps log-window, log-checkpoint, log-inclusion and log-entry


def _check_entries(run: _Run) -> None:
    """Run the steps of every entry. An entry whose steps all passed becomes a fact."""
    checks = run.checks
    for number, logged in enumerate(run.entries):
        in_window = checks.run(steps.WINDOW, log_entry.check_window, logged, _times_of(run, number))
        proof, checkpoint, included = logged.entry.proof, None, True
        if proof is None:
            checks.skip(steps.CHECKPOINT, "a v0.1 bundle may do with the log's promise alone")
            checks.skip(steps.INCLUSION, "a v0.1 bundle may do with the log's promise alone")
        elif proof.checkpoint is None:
            line = "the proof of this v0.1 bundle has none, so its tree counts for nothing"
            checks.skip(steps.CHECKPOINT, line)
            included = bool(checks.run(steps.INCLUSION, log_entry.check_inclusion, logged, None))
        else:
            checkpoint = checks.run(steps.CHECKPOINT, log_entry.check_checkpoint, logged)
            if checkpoint is None:
                checks.skip(steps.INCLUSION, "no checkpoint that can be believed")
                included = False
            else:
                included = bool(checks.run(steps.INCLUSION, log_entry.check_inclusion, logged, checkpoint))
        bound = _check_body(run, logged)
        if in_window and included and bound:
            run.facts.append(log_entry.fact(logged, checkpoint, promised=number in run.promised))


def _times_of(run: _Run, number: int) -> list[datetime]:
    """The times at which the log's key must have been trusted: its own promise, and every time-stamp.

    A managed key without any time is compared with `now`; else a retired log could vouch for ever.
    """
    times = [t.time for t in run.times if t.source == "rfc3161"]
    if number in run.promised:
        times.append(run.promised[number])
    return times or [t.time for t in run.times] or [run.now]


def _check_body(run: _Run, logged: LoggedEntry) -> bool:
    if run.key is None or run.message is None:
        run.checks.skip(steps.ENTRY, "no key or file to rebuild it from")
        return False
    signed = Signed(run.bundle, run.key, run.bundle.certificate, run.message)
    return bool(run.checks.run(steps.ENTRY, log_entry.check_body, logged, signed))


# Steps artifact-digest, signature and statement


def _check_content(run: _Run) -> None:
    content, key, message = run.bundle.content, run.key, run.message
    if isinstance(content, MessageSignature):
        run.checks.run(steps.ARTIFACT, _check_digest, content, run.artifact)
    if key is None or message is None:
        run.checks.skip(steps.SIGNATURE, "no key or file to verify it with")
    else:
        signed = "envelope's type and payload" if isinstance(content, Envelope) else "file"
        run.checks.run(steps.SIGNATURE, _check_signature, key, content.signature, message, signed)
    if isinstance(content, Envelope):
        run.checks.run(steps.STATEMENT, payload.check, content, run.artifact)


def _check_digest(content: MessageSignature, artifact: Artifact | None) -> str:
    if artifact is None:
        raise Refused("a plain signature, where a statement is wanted", where="bundle")
    if not content.algorithm:
        return "the bundle states no digest; the signature binds the file"
    algorithm = next((ours for ours, theirs in HASH_NAMES.items() if theirs == content.algorithm), "")
    if not algorithm:
        raise Unsupported(f"a digest by {content.algorithm[:40]!r}", where="messageDigest")
    if artifact.digest(algorithm) != content.digest:
        raise Refused(f"its {algorithm} is of another file", where="messageDigest")
    return f"the file's {algorithm} is the one that the bundle states"


def _check_signature(key: Key, signature: bytes, message: Artifact, signed: str) -> str:
    key.verify(signature, message)
    return f"the {key.scheme.details} signature over the {signed} verifies with that key"
