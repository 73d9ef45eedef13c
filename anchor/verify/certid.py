# SPDX-License-Identifier: Apache-2.0
"""The certificate that a time-stamp says it was signed with (RFC 3161 section 2.2, RFC 5816).

Decides whether the signed attributes of a token name exactly the given certificate: without that, one key
in two certificates would let a token pass for the other's. The signature over them is checked elsewhere.
"""

import hashlib

from cryptography import x509
from cryptography.hazmat import asn1

from anchor.errors import Refused, Unsupported
from anchor.sigstore.x509 import reading
from anchor.verify.timestamp_token import Response

SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
"""id-aa-signingCertificate: SHA-1 by definition (RFC 2634); a second name beside the verified signature."""
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_SEQUENCE = b"\x30"
_HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}


@asn1.sequence
class _SigningCertificate:
    """SigningCertificate of RFC 2634 and SigningCertificateV2 of RFC 5035: ESSCertIDs, then policies."""

    certificates: list[list[asn1.TLV]]
    policies: list[asn1.TLV] | None


def check(response: Response, certificate: bytes, *, where: str) -> None:
    """Return if the token names the DER certificate as its signer's; raises Refused or Unsupported."""
    named = [
        _same(kind, value, certificate, where)
        for kind, value in response.signed
        if kind in (SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2)
    ]
    if not named:
        raise Refused("it does not name the certificate that signed it", where=where)
    if not all(named):
        raise Refused("it names another certificate than the authority's", where=where)


def _same(kind: str, value: bytes, certificate: bytes, where: str) -> bool:
    """Whether the first identifier of the attribute, ESSCertID or ESSCertIDv2, is the certificate's."""
    with reading("a certificate identifier", where):
        first, *more = asn1.decode_der(_SigningCertificate, value).certificates[0]
        algorithm = "sha1"
        if kind == SIGNING_CERTIFICATE_V2:
            algorithm = "sha256"  # the default of the ASN.1, RFC 5035 section 3
            if first.tag_bytes == _SEQUENCE:
                algorithm = _HASHES.get(_oid(first), "")
                first = more[0]
        if not algorithm:
            raise Unsupported("it names its certificate by an unknown hash", where=where)
        digest = hashlib.new(algorithm, certificate, usedforsecurity=False).digest()
        return bool(first.parse(bytes) == digest)


@asn1.sequence
class _Algorithm:
    kind: x509.ObjectIdentifier
    parameters: asn1.Null | None


def _oid(found: asn1.TLV) -> str:
    algorithm: _Algorithm = found.parse(_Algorithm)
    return algorithm.kind.dotted_string
