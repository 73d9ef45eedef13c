# SPDX-License-Identifier: Apache-2.0
"""A copy of a trusted root that lies beside a release. A verifier never trusts it.

Decides whether the copy is the file that release.json names, verifies what the verifier's own roots verify,
and describes every log and authority as they do. We check it because other people may use it without a check.

A log is identified by its kind and key, an authority by its kind and first certificate. So two roots can be
compared in what they say about the same log or authority.
"""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Set
from datetime import datetime
from enum import IntEnum

import msgspec
from cryptography import x509

from anchor import limits
from anchor.errors import Refused, Unavailable
from anchor.format.release import MAX_TRUSTED_ROOT, Blob
from anchor.sigstore import bundle as bundles
from anchor.sigstore.trusted_root import Authority, LogKey, TrustedRoot
from anchor.sigstore.trusted_root import parse as parse_root
from anchor.verify import certificate as certificates
from anchor.verify.bundle import verify_bundle
from anchor.verify.effort import Effort
from anchor.verify.release_files import Files, read_whole
from anchor.verify.report import BundleReport

Name = tuple[str, bytes]
"""A kind, and the key or the fingerprint."""

LOG = "log"
CTLOG = "certificate log"
CA = "certificate authority"
TSA = "time-stamping authority"
_SHOWN = 3
_REFRESH = (
    "refresh your trusted root (anchor trust update, or pin a newer file); if it stays, the copy was "
    "replaced: do not rely on it"
)


class RootCopy(msgspec.Struct, frozen=True):
    """The copy: its JSON, and the trusted root in it."""

    raw: bytes
    root: TrustedRoot

    def verify(self, bundle: bytes, now: datetime, effort: Effort) -> BundleReport:
        """Verify a bundle of any signer under the copy alone. Anybody can make a copy, so this shows only
        that bundle and copy fit together."""
        return verify_bundle(
            bundle, trusted_root=self.root, artifact=None, signers=None, now=now, effort=effort
        )

    def verifies_same(self, bundle: bytes, payload: bytes, now: datetime, effort: Effort) -> str:
        """Return if the copy verifies a bundle that the verifier's own root verified; raises Refused, or
        Unavailable if that costs too much."""
        report = self.verify(bundle, now, effort)
        effort.poll()
        if not report.ok or report.payload != payload:
            raise Refused("the copy in the release does not verify what the policy's root verifies")
        return "the copy in the release verifies what the policy's trusted root verifies"

    def consistent_with(self, own: TrustedRoot, used: Set[Name]) -> str:
        """Return if every log and authority in the copy has the same URL, key, chain and start time as in the
        verifier's roots. Its end time may be missing (an older copy).

        `used`: the entries that foreign anchors need. Raises Refused if copy and roots differ about one key,
        and Unavailable for entries that the verifier's roots may not know yet.
        """
        known: dict[Name, list[LogKey | Authority]] = defaultdict(list)
        for name, entry in entries(own):
            known[name].append(entry)
        doubts, foreign = [], 0
        for name, entry in entries(self.root):
            what = f"{name[0]} {_title(entry)}"
            if name not in known and name in used:
                foreign += 1
            elif name not in known:
                doubts.append(what)
            else:
                rank, line = min(_difference(entry, other) for other in known[name])
                if rank is _Rank.CONTRADICTS:
                    raise Refused(f"for the {what} it gives {line}")
                if rank is _Rank.NEWER:
                    doubts.append(f"{what} ({line})")
        unusable = {u.id for u in (*own.unusable_tlogs, *own.unusable_ctlogs)}
        for log in (*self.root.unusable_tlogs, *self.root.unusable_ctlogs):
            if log.id not in unusable:
                doubts.append(f"a log that this program cannot use ({log.problem})")
        if doubts:
            shown = ", ".join(doubts[:_SHOWN]) + (", ..." if len(doubts) > _SHOWN else "")
            problem = f"it has entries that your trusted roots do not have, and that no anchor needs: {shown}"
            raise Unavailable(problem, remedy=_REFRESH)
        line = "your trusted roots say the same about every log and authority in it"
        return f"{line}, except {foreign} that only foreign anchors need" if foreign else line


def read(
    blob: Blob, files: Files, known: Callable[[bytes], TrustedRoot | None] | None
) -> tuple[str, RootCopy]:
    """A copy that a release names; raises Refused for another file.

    `known` looks up a root that the verifier has parsed already. Most copies are one of these.
    """
    data = read_whole(files, blob.path, size=blob.size, sha256=blob.sha256, limit=MAX_TRUSTED_ROOT)
    root = known(data) if known else None
    root = root or _parse_unknown(data, blob.path)
    line = f"{blob.path} has SHA-256 {blob.sha256}, which release.json names"
    return line, RootCopy(data, root)


def _parse_unknown(data: bytes, where: str) -> TrustedRoot:
    """A root that is not one of the verifier's. Anybody may have made it, very long or ambiguous."""
    root = parse_root(data, where=where)
    listed = (root.tlogs, root.ctlogs, root.authorities, root.timestamp_authorities)
    chains = [a.certificates for a in (*root.authorities, *root.timestamp_authorities)]
    if max(map(len, (*listed, *(root.unusable_tlogs, root.unusable_ctlogs)))) > limits.COPY_ITEMS:
        raise Refused(f"more than {limits.COPY_ITEMS} logs or authorities of one kind", where=where)
    if max(map(len, chains), default=0) > limits.COPY_CHAIN:
        raise Refused(f"a chain of more than {limits.COPY_CHAIN} certificates", where=where)
    for authorities in (root.authorities, root.timestamp_authorities):
        seen: dict[tuple[x509.Name, int], bytes] = {}
        for authority in authorities:
            if authority.issuer_serial is None:  # no time stamp can name it
                continue
            first = authority.fingerprints[0]
            if seen.setdefault(authority.issuer_serial, first) != first:
                problem = f"two authorities have one issuer and serial number: {_title(authority)}"
                raise Refused(f"{problem} (RFC 5280 section 4.1.2.2)", where=where)
    return root


class _Rank(IntEnum):
    """The difference of two entries for one key, from the least to the worst."""

    SAME = 0
    NEWER = 1
    """The copy may have been written later than the verifier's root."""
    CONTRADICTS = 2


def _difference(copy: LogKey | Authority, own: LogKey | Authority) -> tuple[_Rank, str]:
    """The worst difference. A value that only `own` has is fine: the copy is then older."""
    differences = [(_Rank.SAME, "")]
    for name, theirs, ours in _fixed(copy, own):
        if theirs != ours:
            differences.append((_Rank.CONTRADICTS, f"{name} {theirs}, your trusted roots say {ours}"))
    late = (
        ("end", copy.window.end, own.window.end),
        ("operator", copy.operator or None, own.operator or None),
    )
    for name, then, now in late:
        if then is not None and then != now:
            rank = _Rank.NEWER if now is None else _Rank.CONTRADICTS
            differences.append((rank, f"{name} {then}, your trusted roots say {now or 'nothing'}"))
    if isinstance(copy, LogKey) and isinstance(own, LogKey) and copy.id != own.id:
        differences.append((_Rank.NEWER, f"id {copy.id.hex()}, your trusted roots say {own.id.hex()}"))
    return max(differences)


def _fixed(copy: LogKey | Authority, own: LogKey | Authority) -> list[tuple[str, object, object]]:
    """The values that never change in honest roots: name, value in the copy, own value."""
    values: list[tuple[str, object, object]] = [("start", copy.window.start, own.window.start)]
    if isinstance(copy, LogKey) and isinstance(own, LogKey):
        values += [
            ("URL", copy.base_url, own.base_url),
            ("algorithm", copy.key.scheme.details, own.key.scheme.details),
        ]
    elif isinstance(copy, Authority) and isinstance(own, Authority):
        values += [
            ("URI", copy.uri, own.uri),
            ("subject", copy.subject, own.subject),
            ("chain", _digests(copy), _digests(own)),
        ]
    return values


def _digests(authority: Authority) -> str:
    return ", ".join(f.hex() for f in authority.fingerprints)


def _title(entry: LogKey | Authority) -> str:
    if isinstance(entry, LogKey):
        return entry.base_url or entry.id.hex()
    return entry.uri or entry.subject or _digests(entry) or "without certificates"


def entries(root: TrustedRoot) -> Iterator[tuple[Name, LogKey | Authority]]:
    """All logs and authorities of a trusted root, in its order, each with its name."""
    for kind, logs in ((LOG, root.tlogs), (CTLOG, root.ctlogs)):
        yield from (((kind, log.key.spki), log) for log in logs)
    for kind, authorities in ((CA, root.authorities), (TSA, root.timestamp_authorities)):
        yield from ((_authority_name(kind, authority), authority) for authority in authorities)


def _authority_name(kind: str, authority: Authority) -> Name:
    return kind, authority.fingerprints[0] if authority.fingerprints else b""


def used(data: bytes, report: BundleReport, root: TrustedRoot, effort: Effort) -> frozenset[Name]:
    """The entries of `root` that were needed to verify a bundle (`data`) under it. Raises Unavailable if that
    costs too much."""
    if not report.ok:
        return frozenset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in verify_bundle: an attacker may write the certificates
        bundle = bundles.parse(data)
        names = {(LOG, log.spki) for log in report.logs}
        names |= {(TSA, t.fingerprint) for t in report.times if t.fingerprint}
        if bundle.certificate is not None:
            leaf = certificates.read(bundle.certificate)
            for time in {t.time for t in report.times}:
                names.add(_authority_name(CA, certificates.issued_by(leaf, root, time, effort).authority))
            ids = _sct_logs(leaf)
            names |= {(CTLOG, log.key.spki) for log in root.ctlogs if log.id in ids}
        return frozenset(names)


def _sct_logs(leaf: certificates.Leaf) -> set[bytes]:
    listed = leaf.fields.extension(x509.PrecertificateSignedCertificateTimestamps)
    return {sct.log_id for sct in listed or ()}
