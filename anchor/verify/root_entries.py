# SPDX-License-Identifier: Apache-2.0
"""The entries of a trusted root one by one: what each goes by, and which of them a verified bundle needs.

An entry goes by its kind and by its key (a log) or its first certificate (an authority), so that two roots
can be compared in what they say of one and the same thing.
"""

import warnings
from collections.abc import Iterator

from cryptography import x509

from anchor.sigstore import bundle as bundles
from anchor.sigstore.trusted_root import Authority, LogKey, TrustedRoot
from anchor.verify import certificate as certificates
from anchor.verify.effort import Effort
from anchor.verify.report import BundleReport

Name = tuple[str, bytes]
"""A kind, and the key or the fingerprint."""

LOG = "log"
CTLOG = "certificate log"
CA = "certificate authority"
TSA = "time-stamping authority"


def entries(root: TrustedRoot) -> Iterator[tuple[Name, LogKey | Authority]]:
    """Everything that a trusted root names, in its order."""
    for kind, logs in ((LOG, root.tlogs), (CTLOG, root.ctlogs)):
        yield from (((kind, log.key.spki), log) for log in logs)
    for kind, authorities in ((CA, root.authorities), (TSA, root.timestamp_authorities)):
        yield from ((_name(kind, authority), authority) for authority in authorities)


def _name(kind: str, authority: Authority) -> Name:
    return kind, authority.fingerprints[0] if authority.fingerprints else b""


def used(data: bytes, report: BundleReport, root: TrustedRoot, effort: Effort) -> frozenset[Name]:
    """The entries of `root` on which the report of a bundle (`data`), verified under it, rests. Raises
    Unavailable when that costs too much."""
    if not report.ok:
        return frozenset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as the verifier does: an attacker writes the certificates
        bundle = bundles.parse(data)
        found = {(LOG, log.spki) for log in report.logs}
        found |= {(TSA, t.fingerprint) for t in report.times if t.fingerprint}
        if bundle.certificate is not None:
            leaf = certificates.read(bundle.certificate)
            for time in {t.time for t in report.times}:
                found.add(_name(CA, certificates.issued_by(leaf, root, time, effort).authority))
            ids = _sct_logs(leaf)
            found |= {(CTLOG, log.key.spki) for log in root.ctlogs if log.id in ids}
        return frozenset(found)


def _sct_logs(leaf: certificates.Leaf) -> set[bytes]:
    wanted = x509.PrecertificateSignedCertificateTimestamps
    return {sct.log_id for sct in leaf.extensions.get_extension_for_class(wanted).value}
