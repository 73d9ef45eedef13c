# SPDX-License-Identifier: Apache-2.0
"""Signed certificate timestamps: that the certificate is in a trusted certificate log (RFC 6962).

Decides on the embedded SCTs of a signing certificate. A log is found by its id, never by trying.
"""

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.certificate_transparency import LogEntryType, SignedCertificateTimestamp

from anchor.errors import Refused, Unsupported
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.trusted_root import LogKey, TrustedRoot
from anchor.sigstore.x509 import reading
from anchor.verify.certificate import Leaf
from anchor.verify.effort import Effort

_WHERE = "certificate SCT"
MAX_SCTS = 8


def check(leaf: Leaf, issuer_spki: bytes, root: TrustedRoot, effort: Effort) -> str:
    """What was compared with what, if the certificate's SCTs hold; raises Refused or Unsupported.

    At least one must be of a log that the trusted root names, and all of such logs must hold: a wrong one is
    not outvoted by a right one. `issuer_spki`: of the certificate that issued the leaf in its verified chain,
    never found by name.
    """
    found = _listed(leaf)
    named = [sct for sct in found if _is_named(sct.log_id, root)] or found
    lines = []
    for sct in named:
        effort.spend()
        lines.append(_check(sct, leaf, issuer_spki, root))
    beside = f"; {len(found) - len(named)} of other logs count for nothing" if len(found) > len(named) else ""
    return ", ".join(lines) + beside


def _check(sct: SignedCertificateTimestamp, leaf: Leaf, issuer_spki: bytes, root: TrustedRoot) -> str:
    with reading("an SCT with a time", _WHERE):  # its time may lie beyond every calendar
        time = sct.timestamp.replace(tzinfo=UTC)
    log = _log_of(sct.log_id, time, root)
    if (
        time > leaf.not_after
    ):  # RFC 6962 section 5.2: a time of the future; to the log, the certificate's is past
        raise Refused(f"of {time.isoformat()}, after the certificate's own end", where=_WHERE)
    if sct.entry_type is not LogEntryType.PRE_CERTIFICATE:
        raise Refused("an SCT for a final certificate, inside of one", where=_WHERE)
    if not isinstance(sct.signature_hash_algorithm, hashes.SHA256) or log.key.scheme.hash != "sha256":
        raise Unsupported("signed with another hash than SHA-256", where=_WHERE)
    log.key.verify(sct.signature, Artifact(_signed(sct, time, leaf, issuer_spki)), where=_WHERE)
    return f"{log.base_url} signed that it saw this certificate at {time.isoformat()}"


def _is_named(log_id: bytes, root: TrustedRoot) -> bool:
    """Whether the trusted root lists a certificate log of that id at all, usable or not."""
    return log_id in {*(log.id for log in root.ctlogs), *(log.id for log in root.unusable_ctlogs)}


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


def _listed(leaf: Leaf) -> list[SignedCertificateTimestamp]:
    wanted = x509.PrecertificateSignedCertificateTimestamps
    try:
        found = list(leaf.extensions.get_extension_for_class(wanted).value)
    except x509.ExtensionNotFound:
        raise Refused("none in the certificate", where=_WHERE) from None
    if not found:
        raise Refused("an empty list of them in the certificate", where=_WHERE)
    if len(found) > MAX_SCTS:
        raise Unsupported(f"{len(found)} in one certificate, more than {MAX_SCTS}", where=_WHERE)
    if len({sct.log_id for sct in found}) < len(found):
        raise Refused("two of one log in one certificate", where=_WHERE)
    return found


def _signed(sct: SignedCertificateTimestamp, time: datetime, leaf: Leaf, issuer_spki: bytes) -> bytes:
    """The digitally-signed struct of a precertificate entry, RFC 6962 section 3.2."""
    with reading("a precertificate", _WHERE):  # the library rebuilds the certificate here
        tbs, extensions = leaf.certificate.tbs_precertificate_bytes, sct.extension_bytes
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
