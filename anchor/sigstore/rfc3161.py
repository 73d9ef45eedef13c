# SPDX-License-Identifier: Apache-2.0
"""The ASN.1 of a time stamp: RFC 3161, with the parts of RFC 5652 (CMS) and RFC 5035 (ESS) that it needs.

Shapes only, in the field's own names. The embedded authority writes by them. `timestamp_response` reads by
them where they are alike, and has its own shapes where a reader must accept more.
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
class MessageImprint:
    hash_algorithm: AlgorithmIdentifier
    hashed_message: bytes


@asn1.sequence
class Extension:
    extn_id: Oid
    critical: Annotated[bool, asn1.Default(value=False)]
    extn_value: bytes


@asn1.sequence
class TimeStampReq:
    version: int
    message_imprint: MessageImprint
    req_policy: Oid | None
    nonce: int | None
    cert_req: Annotated[bool, asn1.Default(value=False)]
    extensions: Annotated[list[Extension] | None, asn1.Implicit(0)]


@asn1.sequence
class Accuracy:
    seconds: int | None
    millis: Annotated[int | None, asn1.Implicit(0)]
    micros: Annotated[int | None, asn1.Implicit(1)]


@asn1.sequence
class TstInfo:
    version: int
    policy: Oid
    message_imprint: MessageImprint
    serial_number: int
    gen_time: asn1.GeneralizedTime
    accuracy: Accuracy | None
    ordering: Annotated[bool, asn1.Default(value=False)]
    nonce: int | None


@asn1.sequence
class Attribute:
    attr_type: Oid
    attr_values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class EssCertIdV2:
    """hashAlgorithm is left out: DER omits the default, SHA-256."""

    cert_hash: bytes


@asn1.sequence
class SigningCertificateV2:
    certs: list[EssCertIdV2]


@asn1.sequence
class IssuerAndSerialNumber:
    issuer: asn1.TLV
    serial_number: int


@asn1.sequence
class SignerInfo:
    version: int
    sid: IssuerAndSerialNumber
    digest_algorithm: AlgorithmIdentifier
    signed_attrs: Annotated[asn1.SetOf[Attribute], asn1.Implicit(0)]
    signature_algorithm: AlgorithmIdentifier
    signature: bytes


@asn1.sequence
class EncapsulatedContentInfo:
    content_type: Oid
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class SignedData:
    version: int
    digest_algorithms: asn1.SetOf[AlgorithmIdentifier]
    encap_content_info: EncapsulatedContentInfo
    certificates: Annotated[asn1.SetOf[x509.Certificate] | None, asn1.Implicit(0)]
    signer_infos: asn1.SetOf[SignerInfo]


@asn1.sequence
class ContentInfo:
    content_type: Oid
    content: Annotated[SignedData, asn1.Explicit(0)]


@asn1.sequence
class PkiStatusInfo:
    status: int
    status_string: list[str] | None
    fail_info: asn1.BitString | None


@asn1.sequence
class TimeStampResp:
    status: PkiStatusInfo
    time_stamp_token: ContentInfo | None


def tlv(der: bytes) -> asn1.TLV:
    """A value that is encoded already."""
    return asn1.decode_der(asn1.TLV, der)


def attribute(kind: Oid, value: object) -> Attribute:
    """A signed attribute with one value."""
    return Attribute(attr_type=kind, attr_values=asn1.SetOf([tlv(asn1.encode_der(value))]))
