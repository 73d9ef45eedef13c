# SPDX-License-Identifier: Apache-2.0
"""The contents of certificates and time-stamps in words. Verifies nothing."""

import warnings
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from cryptography import x509

from anchor.encoding import unbase64
from anchor.errors import AnchorError
from anchor.inspect.fields import Field, Rule, bound, field, unbound, under
from anchor.sigstore import timestamp_response
from anchor.verify import certificate as certificates

SIGNED = bound("the authority's signature over the certificate")
WHO = bound(
    "the authority's signature over the certificate; compared with the signer that you accept (signer)"
)
WHEN = bound(
    "the authority's signature over the certificate; every verified time lies within (certificate-time)"
)
LOGGED = bound("the certificate log's signature over the certificate (certificate-log)")
LOG_ID = bound("it names the certificate log whose key the signature must verify with (certificate-log)")
TOKEN = bound("the time-stamping authority's signature over the token (timestamp)")
IMPRINT = bound("the authority's signature over the token; it must be of the bundle's signature (timestamp)")
NONCE = bound(
    "the authority's signature over the token; compared with nothing, since it only served the asker"
)
CARRIED = unbound("carried along unsigned: the authority's certificate is taken from the trusted root")
STATUS = unbound("outside of what the authority signed; any other than 0 is refused")
UNREADABLE = unbound("cannot be decoded: whoever verifies refuses it")


def certificate(value: Any, at: str, *, known: Rule | None = None) -> Iterator[Field]:
    """The fields of a signing certificate (base64 of DER). `known`: one rule for all of them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from list(_certificate(certificates.read(_bytes(value)), at, known))
    except AnchorError as e:
        yield field(under(at, "certificate"), str(e), UNREADABLE)
    except MemoryError:  # the machine's limit, and nobody's forgery
        raise
    except Exception as e:  # noqa: BLE001  a lazily parsed certificate fails in many undocumented ways
        yield field(under(at, "certificate"), type(e).__name__, UNREADABLE)


def _certificate(leaf: certificates.Leaf, at: str, known: Rule | None) -> Iterator[Field]:
    for name, value, rule in (
        (f"identity ({leaf.kind})", leaf.identity, WHO),
        ("OIDC issuer", leaf.issuer, WHO),
        ("issued by", leaf.issuer_name.rfc4514_string(), SIGNED),
        ("serial number", str(leaf.certificate.serial_number), SIGNED),
        ("not before", leaf.not_before.isoformat(), WHEN),
        ("not after", leaf.not_after.isoformat(), WHEN),
        ("key", leaf.key.scheme.details, SIGNED),
        ("extensions", " ".join(e.oid.dotted_string for e in leaf.extensions), SIGNED),
    ):
        yield field(under(at, name), value, known or rule)
    scts = leaf.fields.extension(x509.PrecertificateSignedCertificateTimestamps)
    for i, sct in enumerate(scts or ()):
        yield field(under(at, f"SCT[{i}].log id"), sct.log_id.hex(), known or LOG_ID)
        time = sct.timestamp.replace(tzinfo=UTC).isoformat()
        yield field(under(at, f"SCT[{i}].time"), time, known or LOGGED)


def plain_certificate(value: Any, at: str, rule: Rule) -> Iterator[Field]:
    """Subject, issuer and validity of any certificate (base64 of DER)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = x509.load_der_x509_certificate(_bytes(value))
            pairs = (
                ("subject", found.subject.rfc4514_string()),
                ("issued by", found.issuer.rfc4514_string()),
                ("not before", found.not_valid_before_utc.isoformat()),
                ("not after", found.not_valid_after_utc.isoformat()),
            )
    except MemoryError:  # the machine's limit, and nobody's forgery
        raise
    except Exception as e:  # noqa: BLE001  a lazily parsed certificate fails in many undocumented ways
        yield field(under(at, "certificate"), type(e).__name__, UNREADABLE)
        return
    for name, text in pairs:
        yield field(under(at, name), text, rule)


def token(value: Any, at: str) -> Iterator[Field]:
    """The fields of a time-stamp (base64 of a DER TimeStampResp)."""
    try:
        pairs = _token(_bytes(value))
    except AnchorError as e:
        yield field(under(at, "time-stamp"), str(e), UNREADABLE)
        return
    for name, text, rule in pairs:
        yield field(under(at, name), text, rule)


def _token(data: bytes) -> list[tuple[str, object, Rule]]:
    found = timestamp_response.read(data, "time-stamp")
    return [
        ("time", found.time.isoformat(), TOKEN),
        ("policy", found.policy, TOKEN),
        ("serial number", str(found.serial), TOKEN),
        ("digest", f"{found.imprint_hash} {found.imprint.hex()}", IMPRINT),
        ("nonce", str(found.nonce), NONCE),
        ("status", 0, STATUS),
        ("certificates carried", found.certificates, CARRIED),
    ]


def _bytes(value: Any) -> bytes:
    text = value if isinstance(value, str) else ""
    return unbase64(text.replace("\r\n", "").replace("\n", ""))
