# SPDX-License-Identifier: Apache-2.0
"""The ASN.1 of a time stamp: RFC 3161, with the parts of RFC 5652 (CMS) and RFC 5035 (ESS) that it needs.

The shapes here are those that a writer and a reader share. `timestamp_response` has its own shapes where a
reader must accept more; those that only the embedded authority uses are in `embedded.timestamp_messages`.
"""

from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1

Oid = x509.ObjectIdentifier

ID_CT_TST_INFO = Oid("1.2.840.113549.1.9.16.1.4")
ID_SIGNED_DATA = Oid("1.2.840.113549.1.7.2")
ID_CONTENT_TYPE = Oid("1.2.840.113549.1.9.3")
ID_MESSAGE_DIGEST = Oid("1.2.840.113549.1.9.4")
ID_SIGNING_TIME = Oid("1.2.840.113549.1.9.5")
ID_SIGNING_CERTIFICATE = Oid("1.2.840.113549.1.9.16.2.12")
"""RFC 2634: its hash is SHA-1 by definition. It is a second name beside the verified signature."""
ID_SIGNING_CERTIFICATE_V2 = Oid("1.2.840.113549.1.9.16.2.47")
ID_SHA256 = Oid("2.16.840.1.101.3.4.2.1")
ID_SHA384 = Oid("2.16.840.1.101.3.4.2.2")
ID_SHA512 = Oid("2.16.840.1.101.3.4.2.3")
ID_ECDSA_SHA256 = Oid("1.2.840.10045.4.3.2")


@asn1.sequence
class AlgorithmIdentifier:
    """RFC 5280 section 4.1.1.2, of a hash: without parameters, or with NULL."""

    algorithm: Oid
    parameters: asn1.Null | None


@asn1.sequence
class Extension:
    extn_id: Oid
    critical: Annotated[bool, asn1.Default(value=False)]
    extn_value: bytes


@asn1.sequence
class Accuracy:
    seconds: int | None
    millis: Annotated[int | None, asn1.Implicit(0)]
    micros: Annotated[int | None, asn1.Implicit(1)]


@asn1.sequence
class Attribute:
    attr_type: Oid
    attr_values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class EncapsulatedContentInfo:
    content_type: Oid
    content: Annotated[bytes, asn1.Explicit(0)]
