# SPDX-License-Identifier: Apache-2.0
"""Signed certificate timestamps: that the certificate is in a trusted certificate log (RFC 6962).

Decides on the one embedded SCT of a signing certificate. The log is found by its id, never by trying.
"""

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.certificate_transparency import LogEntryType, SignedCertificateTimestamp

from anchor.artifact import Artifact
from anchor.errors import Refused
from anchor.trusted_root import LogKey, TrustedRoot
from anchor.verify.certificate import Leaf

_WHERE = "certificate SCT"


def check(leaf: Leaf, issuer_spki: bytes, root: TrustedRoot) -> str:
    """What was compared with what, if the certificate's SCT holds; raises Refused or Unsupported.

    `issuer_spki`: of the certificate that issued the leaf in its verified chain, never found by name.
    """
    sct = _the_one(leaf)
    time = sct.timestamp.replace(tzinfo=UTC)
    log = _log_of(sct.log_id, time, root)
    if (
        time > leaf.not_after
    ):  # RFC 6962 section 5.2: a time of the future; to the log, the certificate's is past
        raise Refused(f"of {time.isoformat()}, after the certificate's own end", where=_WHERE)
    if sct.entry_type is not LogEntryType.PRE_CERTIFICATE:
        raise Refused("an SCT for a final certificate, inside of one", where=_WHERE)
    if not isinstance(sct.signature_hash_algorithm, hashes.SHA256) or log.key.scheme.hash != "sha256":
        raise Refused("signed with another hash than SHA-256", where=_WHERE)
    log.key.verify(sct.signature, Artifact(_signed(sct, time, leaf, issuer_spki)), where=_WHERE)
    return f"{log.base_url} signed that it saw this certificate at {time.isoformat()}"


def _log_of(log_id: bytes, time: datetime, root: TrustedRoot) -> LogKey:
    """The certificate log of this id, which was trusted at the time."""
    named = [log for log in root.ctlogs if log.id == log_id]
    if not named:
        for unusable in root.unusable_ctlogs:
            if unusable.id == log_id:
                raise unusable.error(_WHERE)
        raise root.unnamed(f"the trusted root names no certificate log {log_id.hex()[:16]}", _WHERE)
    for log in named:
        if log.window.covers(time):
            return log
    span = f"trusted from {named[0].window}, not at {time.isoformat()}"
    raise Refused(f"{named[0].base_url} is {span}", where=_WHERE)


def _the_one(leaf: Leaf) -> SignedCertificateTimestamp:
    wanted = x509.PrecertificateSignedCertificateTimestamps
    try:
        found = list(leaf.extensions.get_extension_for_class(wanted).value)
    except x509.ExtensionNotFound:
        raise Refused("none in the certificate", where=_WHERE) from None
    if len(found) != 1:
        raise Refused(f"{len(found)} where one is wanted", where=_WHERE)
    sct: SignedCertificateTimestamp = found[0]
    return sct


def _signed(sct: SignedCertificateTimestamp, time: datetime, leaf: Leaf, issuer_spki: bytes) -> bytes:
    """The digitally-signed struct of a precertificate entry, RFC 6962 section 3.2."""
    try:
        tbs, extensions = leaf.certificate.tbs_precertificate_bytes, sct.extension_bytes
    except MemoryError:  # the machine's limit, and nobody's forgery
        raise
    except Exception:  # noqa: BLE001  the library rebuilds the certificate here and may fail in many ways
        raise Refused("no precertificate can be made of it", where=_WHERE) from None
    milliseconds = (time - datetime(1970, 1, 1, tzinfo=UTC)) // _MILLISECOND
    if len(tbs) >= 1 << 24 or milliseconds < 0:
        raise Refused("a size or time that no SCT can have", where=_WHERE)
    return b"".join(
        (
            b"\0\0",  # version 1, certificate_timestamp
            milliseconds.to_bytes(8, "big"),
            b"\0\1",  # precert_entry
            hashlib.sha256(issuer_spki).digest(),
            len(tbs).to_bytes(3, "big"),
            tbs,
            len(extensions).to_bytes(2, "big"),
            extensions,
        )
    )


_MILLISECOND = datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
