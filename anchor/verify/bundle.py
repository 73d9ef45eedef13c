# SPDX-License-Identifier: Apache-2.0
"""The strict verifier of Sigstore bundles: every step of `steps`, in order, on bytes alone.

Decides whether a bundle is fully verified under a trusted root for a file and a signer. It raises nothing for
bad evidence: whatever is wrong becomes a check. It reads no clock: `now` matters only for a managed key of
whose signing nobody trusted says the time.
"""

import functools
import warnings
from collections.abc import Sequence
from datetime import datetime

from anchor import log_kinds
from anchor.errors import Misuse, Refused, Unsupported
from anchor.sigstore import bundle as bundles
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.bundle import Bundle, Envelope, MessageSignature
from anchor.sigstore.keys import HASH_NAMES, Key
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verify import certificate as certificates
from anchor.verify import entry_body as entries
from anchor.verify import identity as signing
from anchor.verify import payload, steps
from anchor.verify.certsteps import check_certificate
from anchor.verify.context import Ask, Context
from anchor.verify.effort import Effort
from anchor.verify.entrysteps import check_entries
from anchor.verify.policy import Signer
from anchor.verify.report import BundleReport, LogFact, VerifiedTime
from anchor.verify.steps import Steps
from anchor.verify.timesteps import establish_time, find_logs

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
) -> BundleReport:
    """Verify one bundle; `report.ok` says whether all of it held.

    `artifact` None: for an envelope whose payload the caller compares itself; a plain signature is refused.
    `signers`: whose certificate counts; None shows the certificate's identity as claimed. `key`: a managed
    key instead. `effort`: what it may cost; a step beyond that is UNAVAILABLE. `root_label`: what the policy
    calls the trusted root, to which a signer may be tied. Raises Misuse for `signers` together with `key` or
    an empty list of signers, nothing else.
    """
    if key is not None and signers is not None:
        raise Misuse("a managed key has no certificate", where="signer", remedy="give a key or an identity")
    if signers is not None and not signers:
        raise Misuse("no signer is accepted", where="signer", remedy="name one")
    asked = None if signers is None else tuple(signers)
    ask = Ask(
        root=trusted_root,
        artifact=artifact,
        signers=asked,
        key=key,
        now=now,
        effort=effort or Effort.unlimited(),
        root_label=root_label,
    )
    with warnings.catch_warnings():
        # Libraries warn of odd certificates on stderr, which an attacker writes: a check says it, or nothing.
        warnings.simplefilter("ignore")
        return _run(bundle, ask)


def _run(bundle: bytes | Bundle, ask: Ask) -> BundleReport:
    run = Steps(ask.effort)
    parsed = run.run(steps.FORMAT, lambda: _format(bundle))
    if parsed is None:
        for step in steps.ALL[1:]:
            run.skip(step, "not a bundle that can be read")
        return BundleReport(checks=tuple(run.checks))
    ctx = Context(parsed, ask, run)
    ctx.key = run.run(steps.MATERIAL, lambda: _material(ctx))
    find_logs(ctx)
    establish_time(ctx)
    if ctx.keyless:
        check_certificate(ctx)
    check_entries(ctx)
    _check_content(ctx)
    return _report(ctx)


def _report(ctx: Context) -> BundleReport:
    checks = tuple(ctx.run.checks)
    found = BundleReport(checks=checks, foreign=ctx.foreign)
    if not found.ok:
        return found
    content, leaf = ctx.bundle.content, ctx.leaf
    return BundleReport(
        checks=checks,
        identity=leaf.identity if leaf else "",
        issuer=leaf.issuer if leaf else "",
        authority=ctx.authority,
        claimed=leaf is not None and ctx.ask.signers is None,
        times=tuple(ctx.times),
        payload_type=content.payload_type if isinstance(content, Envelope) else "",
        payload=content.payload if isinstance(content, Envelope) else b"",
        logs=tuple(ctx.facts),
    )


def _format(bundle: bytes | Bundle) -> tuple[str, Bundle]:
    found = bundle if isinstance(bundle, Bundle) else bundles.parse(bundle)
    version = ".".join(map(str, found.version))
    kind = "an envelope" if isinstance(found.content, Envelope) else "a plain signature"
    many = "y" if len(found.entries) == 1 else "ies"
    parts = f"{kind} and {len(found.entries)} log entr{many}"
    return f"a v{version} bundle with {parts}: all that its version demands, and nothing unknown", found


def _material(ctx: Context) -> tuple[str, Key]:
    """The signing key, with the one algorithm that its log entry states or its kind has."""
    bundle, ask = ctx.bundle, ctx.ask
    stated = next((d for e in bundle.entries if (d := entries.stated_details(e))), "")
    if bundle.certificate is None:
        if ask.key is None:
            problem = "signed by a managed key, where a certificate is wanted"
            raise Refused(problem, where="bundle", remedy="give the key that you expect")
        detail = signing.check_hint(bundle)
        return detail, _with_prehash(bundle, signing.choose(ask.key, stated), stated)
    if ask.key is not None:
        raise Refused("signed by a certificate, where a managed key is wanted", where="bundle")
    if any(certificates.is_self_issued(der) for der in bundle.intermediates):
        raise Refused("it carries a self-issued certificate, such as a root", where="bundle")
    leaf = certificates.read(bundle.certificate)
    key = _with_prehash(bundle, signing.choose(leaf.key, stated), stated)
    key = _with_short_hash(bundle, key, stated)
    ctx.leaf = leaf
    return f"signed with a certificate, as wanted; its key is {key.scheme.details}", key


def _with_prehash(bundle: Bundle, key: Key, stated: str) -> Key:
    """Ed25519 signs files pre-hashed where a log keeps only their SHA-512."""
    if stated or key.scheme.kind != "ed25519" or not isinstance(bundle.content, MessageSignature):
        return key
    hashed = any(log_kinds.of_entry(e).prehashed(e) for e in bundle.entries)
    return key.using("PKIX_ED25519_PH") if hashed or bundle.content.algorithm == "SHA2_512" else key


def _with_short_hash(bundle: Bundle, key: Key, stated: str) -> Key:
    """Keys on P-384 and P-521 signed SHA-256 in keyless bundles of many clients, which say so in the digest
    alone (sigstore_common.proto, PKIX_ECDSA_P384_SHA_256; sigstore-conformance 203). The entry's body is
    rebuilt with that hash, so it is one algorithm that is bound, and none that was tried."""
    content = bundle.content
    if stated or not isinstance(content, MessageSignature) or content.algorithm != "SHA2_256":
        return key
    size = key.scheme.size
    return key.using(f"PKIX_ECDSA_P{size}_SHA_256") if key.scheme.kind == "ecdsa" and size > 256 else key


def _check_content(ctx: Context) -> None:
    """File, signature and statement."""
    content, key, message, run = ctx.bundle.content, ctx.key, ctx.message(), ctx.run
    if isinstance(content, MessageSignature):
        run.run(steps.ARTIFACT, lambda: _digest(content, ctx.ask.artifact))
    if key is None or message is None:
        run.skip(steps.SIGNATURE, "no key or file to verify it with")
    else:
        envelope = isinstance(content, Envelope)
        work = functools.partial(_signature, key, content.signature, message, envelope=envelope)
        run.run(steps.SIGNATURE, work, signed=True)
    if isinstance(content, Envelope):
        run.run(steps.STATEMENT, lambda: (payload.check(content, ctx.ask.artifact), True))


def _digest(content: MessageSignature, artifact: Artifact | None) -> tuple[str, bool]:
    if artifact is None:
        raise Refused("a plain signature, where a statement is wanted", where="bundle")
    if not content.algorithm:
        return "the bundle states no digest; the signature binds the file", True
    algorithm = next((ours for ours, theirs in HASH_NAMES.items() if theirs == content.algorithm), "")
    if not algorithm:
        raise Unsupported(f"a digest by {content.algorithm[:40]!r}", where="messageDigest")
    if artifact.digest(algorithm) != content.digest:
        raise Refused(f"its {algorithm} is of another file", where="messageDigest")
    return f"the file's {algorithm} is the one that the bundle states", True


def _signature(key: Key, signature: bytes, message: Artifact, *, envelope: bool) -> tuple[str, bool]:
    key.verify(signature, message)
    what = "envelope's type and payload" if envelope else "file"
    return f"the {key.scheme.details} signature over the {what} verifies with that key", True
