# SPDX-License-Identifier: Apache-2.0
"""The ASN.1 that the embedded time-stamp authority reads and writes: RFC 3161, RFC 5652 and RFC 5035.

Shapes only, in the field's own names. A verification does not import them: each takes half a millisecond.
"""

from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1

from anchor.sigstore.rfc3161 import (
    Accuracy,
    AlgorithmIdentifier,
    Attribute,
    EncapsulatedContentInfo,
    Extension,
    Oid,
)


@asn1.sequence
class MessageImprint:
    hash_algorithm: AlgorithmIdentifier
    hashed_message: bytes


@asn1.sequence
class TimeStampReq:
    version: int
    message_imprint: MessageImprint
    req_policy: Oid | None
    nonce: int | None
    cert_req: Annotated[bool, asn1.Default(value=False)]
    extensions: Annotated[list[Extension] | None, asn1.Implicit(0)]


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
