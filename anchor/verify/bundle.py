# SPDX-License-Identifier: Apache-2.0
"""The strict verifier of Sigstore bundles: every step of `steps`, in order, on bytes alone.

Decides whether a bundle is fully verified under a trusted root for a file and a signer. It raises nothing for
bad evidence: whatever is wrong becomes a check. It reads no clock: `now` matters only for a managed key of
whose signing nobody trusted says the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from anchor import bundle as bundles
from anchor.artifact import Artifact
from anchor.bundle import Bundle, Envelope, LogEntry, MessageSignature
from anchor.errors import Misuse, Refused
from anchor.keydetails import HASH_NAMES, Key
from anchor.tlog.checkpoint import Checkpoint
from anchor.trust import Signer
from anchor.trusted_root import TrustedRoot
from anchor.verify import certificate as certificates
from anchor.verify import entry as entries
from anchor.verify import logproof, sct, signers, statement, steps, timestamp
from anchor.verify.certificate import Leaf
from anchor.verify.logproof import Placed
from anchor.verify.report import BundleReport, LogFact, VerifiedTime
from anchor.verify.steps import Steps

__all__ = ["BundleReport", "LogFact", "VerifiedTime", "verify_bundle"]


@dataclass(frozen=True, kw_only=True)
class _Ask:
    """What the caller wants to be verified."""

    root: TrustedRoot
    artifact: Artifact | None
    signers: tuple[Signer, ...] | None
    key: Key | None
    now: datetime


def verify_bundle(
    bundle: bytes | Bundle,
    *,
    trusted_root: TrustedRoot,
    artifact: Artifact | None,
    now: datetime,
    signers: Sequence[Signer] | None = None,
    key: Key | None = None,
) -> BundleReport:
    """Verify one bundle; `report.ok` says whether all of it held.

    `artifact` None: for an envelope whose payload the caller compares itself; a plain signature is refused.
    `signers`: whose certificate counts; None shows the certificate's identity as claimed. `key`: a managed
    key instead. Raises Misuse for `signers` together with `key` or an empty list of signers, nothing else.
    """
    if key is not None and signers is not None:
        raise Misuse("a managed key has no certificate", where="signer", remedy="give a key or an identity")
    if signers is not None and not signers:
        raise Misuse("no signer is accepted", where="signer", remedy="name one")
    ask = _Ask(
        root=trusted_root,
        artifact=artifact,
        signers=None if signers is None else tuple(signers),
        key=key,
        now=now,
    )
    run = Steps()
    parsed = run.run(steps.FORMAT, lambda: _format(bundle))
    if parsed is None:
        for step in steps.ALL[1:]:
            run.skip(step, "not a bundle that can be read")
        return BundleReport(checks=tuple(run.checks))
    return _Verification(parsed, ask, run).report()


def _format(bundle: bytes | Bundle) -> tuple[str, Bundle]:
    found = bundle if isinstance(bundle, Bundle) else bundles.parse(bundle)
    version = ".".join(map(str, found.version))
    kind = "an envelope" if isinstance(found.content, Envelope) else "a plain signature"
    return f"a v{version} bundle with {kind} and {len(found.entries)} log entries", found


class _Verification:
    """The state of one verification: what the steps have found so far."""

    def __init__(self, bundle: Bundle, ask: _Ask, run: Steps) -> None:
        self.bundle, self.ask, self.run = bundle, ask, run
        self.leaf: Leaf | None = None
        self.key: Key | None = None
        self.placed: list[Placed] = []
        self.times: list[VerifiedTime] = []
        self.promised: dict[int, datetime] = {}
        self.facts: list[LogFact] = []
        self.foreign = False

    def report(self) -> BundleReport:
        """Run the rest of the steps."""
        self._material()
        self._logs()
        self._time()
        if self.bundle.certificate is not None:
            self._certificate()
        self._entries()
        self._content()
        checks = tuple(self.run.checks)
        found = BundleReport(checks=checks, foreign=self.foreign)
        if not found.ok:
            return found
        content = self.bundle.content
        return BundleReport(
            checks=checks,
            identity=self.leaf.identity if self.leaf else "",
            issuer=self.leaf.issuer if self.leaf else "",
            claimed=self.leaf is not None and self.ask.signers is None,
            times=tuple(self.times),
            payload_type=content.payload_type if isinstance(content, Envelope) else "",
            payload=content.payload if isinstance(content, Envelope) else b"",
            logs=tuple(self.facts),
        )

    # -- key or certificate

    def _material(self) -> None:
        self.key = self.run.run(steps.MATERIAL, self._signing_key)

    def _signing_key(self) -> tuple[str, Key]:
        bundle, ask = self.bundle, self.ask
        stated = next((d for e in bundle.entries if (d := entries.stated_details(e))), "")
        if bundle.certificate is None:
            if ask.key is None:
                raise Refused(
                    "signed by a managed key, where a certificate is wanted",
                    where="bundle",
                    remedy="give the key that you expect",
                )
            detail = signers.check_hint(bundle)
            return detail, self._with_prehash(signers.choose(ask.key, stated), stated)
        if ask.key is not None:
            raise Refused("signed by a certificate, where a managed key is wanted", where="bundle")
        if any(certificates.is_root(der) for der in bundle.intermediates):
            raise Refused("it carries a root certificate", where="bundle")
        self.leaf = certificates.read(bundle.certificate)
        key = self._with_prehash(signers.choose(self.leaf.key, stated), stated)
        return f"a certificate with a {key.scheme.details} key", key

    def _with_prehash(self, key: Key, stated: str) -> Key:
        """Ed25519 signs files pre-hashed where a log keeps only their SHA-512 (Rekor v1 hashedrekord)."""
        content = self.bundle.content
        if stated or key.scheme.kind != "ed25519" or not isinstance(content, MessageSignature):
            return key
        hashed = any((e.kind, e.version) == ("hashedrekord", "0.0.1") for e in self.bundle.entries)
        return key.using("PKIX_ED25519_PH") if hashed or content.algorithm == "SHA2_512" else key

    # -- logs and times

    def _logs(self) -> None:
        """Find each entry's log, and the time that its promise gives."""
        listed = self.bundle.entries
        if not listed:
            self._without_log()
            return
        for number, entry in enumerate(listed):
            where = f"entry {number + 1}" if len(listed) > 1 else "entry"
            placed = self.run.run(steps.LOG_KEY, lambda e=entry, w=where: self._place(e, w))  # type: ignore[misc]
            if placed is None:
                self.run.skip(steps.PROMISE, "its log is not known")
                continue
            self.placed.append(placed)
            self._promise(placed)

    def _without_log(self) -> None:
        """A certificate always needs a log; a managed key only when the trusted root names one to ask."""
        if self.bundle.certificate is None and not self.ask.root.tlogs:
            self.run.skip(steps.LOG_KEY, "the trusted root names no log, so none is asked for a managed key")
        else:
            self.run.run(steps.LOG_KEY, _no_entry)

    def _place(self, entry: LogEntry, where: str) -> tuple[str, Placed]:
        if any((p.entry.log_id, p.entry.log_index) == (entry.log_id, entry.log_index) for p in self.placed):
            raise Refused("the same entry twice", where=where)
        try:
            found = logproof.place(entry, self.ask.root.tlogs, where)
        except Refused:
            self.foreign = True
            raise
        return f"the log {found.key.base_url}, by its id", found

    def _promise(self, placed: Placed) -> None:
        if placed.entry.promise is None:
            self.run.skip(steps.PROMISE, "the entry has none: its integrated time is not believed")
            return
        time = self.run.run(steps.PROMISE, lambda: _promised(placed))
        if time is not None:
            self.promised[id(placed)] = time
            self.times.append(VerifiedTime("log", placed.key.base_url, time))

    def _time(self) -> None:
        self._timestamps()
        if not self.times and self.bundle.certificate is None:
            self.run.skip(steps.TIME, "no trusted time; a managed key has none of its own to compare with it")
            return
        self.run.run(steps.TIME, lambda: _enough(self.times))

    def _timestamps(self) -> None:
        tokens, authorities = self.bundle.timestamps, self.ask.root.timestamp_authorities
        if not tokens:
            self.run.skip(steps.TIMESTAMP, "the bundle has no RFC 3161 time-stamp")
            return
        if not authorities:
            self.run.skip(steps.TIMESTAMP, "the trusted root names no time-stamping authority: none counts")
            return
        if self.run.run(steps.TIMESTAMP, lambda: _distinct(tokens)) is None:
            return
        self.run.checks.pop()  # said by the checks of the tokens themselves
        for number, token in enumerate(tokens, 1):
            where = f"time-stamp {number}" if len(tokens) > 1 else "time-stamp"
            self._timestamp(token, where)

    def _timestamp(self, token: bytes, where: str) -> None:
        signature, authorities = self.bundle.signature, self.ask.root.timestamp_authorities

        def work() -> tuple[str, list[VerifiedTime]]:
            found = timestamp.check(token, signature, authorities, where=where)
            if found is None:
                return (
                    f"{where} is of an authority that the trusted root does not name: it counts for nothing",
                    [],
                )
            return f"{found.authority} saw this signature at {found.time.isoformat()}", [found]

        for time in self.run.run(steps.TIMESTAMP, work) or []:
            if all(
                (t.source, t.authority) != (time.source, time.authority) or t.time != time.time
                for t in self.times
            ):
                self.times.append(time)

    # -- certificate

    def _certificate(self) -> None:
        leaf, times = self.leaf, self.times
        if leaf is None or not times:
            reason = "no certificate that can be read" if leaf is None else "no trusted time"
            for step in (steps.VALIDITY, steps.CHAIN, steps.SCT):
                self.run.skip(step, reason)
        else:
            self.run.run(steps.VALIDITY, lambda: _valid_at(leaf, times))
            issued = self.run.run(steps.CHAIN, lambda: self._chain(leaf))
            if issued is None:
                self.run.skip(steps.SCT, "the certificate's issuer is not known")
            else:
                self.run.run(steps.SCT, lambda: (sct.check(leaf, issued, self.ask.root.ctlogs), True))
        if leaf is None:
            self.run.skip(steps.USAGE, "no certificate that can be read")
            self.run.skip(steps.SIGNER, "no certificate that can be read")
            return
        self.run.run(steps.USAGE, lambda: (certificates.check_usage(leaf), True))
        asked = self.ask.signers
        if asked is None:
            self.run.skip(steps.SIGNER, f"claimed, not verified: {leaf.identity} (issuer {leaf.issuer})")
        else:
            self.run.run(steps.SIGNER, lambda: (signers.check_signer(leaf, asked), True))

    def _chain(self, leaf: Leaf) -> tuple[str, bytes]:
        """The SPKI of the leaf's issuer, the same at every verified time."""
        authorities = self.ask.root.authorities
        if not certificates.known(leaf, authorities):
            self.foreign = True
        found = [certificates.issued_by(leaf, authorities, t.time) for t in self.times]
        if len({f.issuer_spki for f in found}) != 1:
            raise Refused("issued by different keys at different times", where="certificate")
        return f"issued by {found[0].authority.uri or found[0].authority.subject}", found[0].issuer_spki

    # -- entries

    def _entries(self) -> None:
        for placed in self.placed:
            window = self.run.run(steps.WINDOW, lambda p=placed: self._window(p))  # type: ignore[misc]
            checkpoint = self._checkpoint(placed)
            bound = self._bound(placed)
            if window and bound and checkpoint is not False:
                promised = id(placed) in self.promised
                known = checkpoint if isinstance(checkpoint, Checkpoint) else None
                self.facts.append(logproof.fact(placed, known, promised=promised))

    def _window(self, placed: Placed) -> tuple[str, bool]:
        times = [t.time for t in self.times if t.source == "rfc3161"]
        if id(placed) in self.promised:
            times.append(self.promised[id(placed)])
        return logproof.check_window(placed, times or [t.time for t in self.times] or [self.ask.now]), True

    def _checkpoint(self, placed: Placed) -> Checkpoint | bool:
        """The verified checkpoint; True when the bundle's version does without one, False when it failed."""
        proof = placed.entry.proof
        if proof is None or proof.checkpoint is None:
            self.run.skip(steps.CHECKPOINT, "a v0.1 bundle may do with the log's promise alone")
            if proof is None:
                self.run.skip(steps.INCLUSION, "no proof in this bundle")
                return True
            size, root = proof.tree_size, proof.root_hash
            included = self.run.run(
                steps.INCLUSION, lambda: (logproof.check_inclusion(placed, size, root), True)
            )
            return included is not None
        found = self.run.run(steps.CHECKPOINT, lambda: _checkpoint(placed))
        if found is None:
            self.run.skip(steps.INCLUSION, "no checkpoint that can be believed")
            return False
        inside = self.run.run(
            steps.INCLUSION, lambda: (logproof.check_inclusion(placed, found.size, found.root), True)
        )
        return found if inside else False

    def _bound(self, placed: Placed) -> bool:
        key, message = self.key, self._message()
        if key is None or message is None:
            self.run.skip(steps.ENTRY, "no key or file to rebuild it from")
            return False
        signed = entries.Signed(self.bundle, key, self.bundle.certificate, message)
        return (
            self.run.run(steps.ENTRY, lambda: (entries.check(placed.entry, signed, where=placed.where), True))
            is not None
        )

    # -- file, signature, statement

    def _message(self) -> Artifact | None:
        content = self.bundle.content
        return Artifact(content.pae()) if isinstance(content, Envelope) else self.ask.artifact

    def _content(self) -> None:
        content, key, message = self.bundle.content, self.key, self._message()
        if isinstance(content, MessageSignature):
            self.run.run(steps.ARTIFACT, lambda: _digest(content, self.ask.artifact))
        if key is None or message is None:
            self.run.skip(steps.SIGNATURE, "no key or file to verify it with")
        else:
            self.run.run(steps.SIGNATURE, lambda: _signature(key, content.signature, message))
        if isinstance(content, Envelope):
            self.run.run(steps.STATEMENT, lambda: (statement.check(content, self.ask.artifact), True))


def _no_entry() -> tuple[str, bool]:
    raise Refused("the bundle has no log entry", where="bundle")


def _promised(placed: Placed) -> tuple[str, datetime]:
    time = logproof.promised_time(placed)
    return f"{placed.key.base_url} promised entry {placed.entry.log_index} at {time.isoformat()}", time


def _distinct(tokens: tuple[bytes, ...]) -> tuple[str, bool]:
    timestamp.refuse_duplicates(tokens)
    return "", True


def _enough(times: list[VerifiedTime]) -> tuple[str, bool]:
    if not times:
        raise Refused("no time that anybody trusted vouches for", where="bundle")
    listed = ", ".join(f"{t.time.isoformat()} ({t.authority})" for t in times)
    return listed, True


def _valid_at(leaf: Leaf, times: list[VerifiedTime]) -> tuple[str, bool]:
    span = f"{leaf.not_before.isoformat()} to {leaf.not_after.isoformat()}"
    for t in times:
        if not leaf.not_before <= t.time <= leaf.not_after:
            raise Refused(f"valid from {span}, but signed at {t.time.isoformat()}", where="certificate")
    return f"valid from {span}, and signed inside of it", True


def _checkpoint(placed: Placed) -> tuple[str, Checkpoint]:
    found = logproof.check_checkpoint(placed)
    return f"{found.origin} signed size {found.size}; size, root and index are as the bundle says", found


def _digest(content: MessageSignature, artifact: Artifact | None) -> tuple[str, bool]:
    if artifact is None:
        raise Refused("a plain signature, where a statement is wanted", where="bundle")
    if not content.algorithm:
        return "the bundle states no digest; the signature binds the file", True
    algorithm = next((ours for ours, theirs in HASH_NAMES.items() if theirs == content.algorithm), "")
    if not algorithm:
        raise Refused(f"a digest by {content.algorithm[:40]!r}", where="messageDigest")
    if artifact.digest(algorithm) != content.digest:
        raise Refused(f"its {algorithm} is of another file", where="messageDigest")
    return f"the file's {algorithm} is the bundle's", True


def _signature(key: Key, signature: bytes, message: Artifact) -> tuple[str, bool]:
    key.verify(signature, message)
    return f"a {key.scheme.details} signature of that key", True
