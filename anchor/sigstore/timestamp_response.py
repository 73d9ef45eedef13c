# SPDX-License-Identifier: Apache-2.0
"""An RFC 3161 response, read once: the values in the token. Verifies nothing.

The library that verifies tokens reads only strict DER, drops fractions of the time, and ignores the name that
a token gives its authority. So we read the token here, by the shapes of RFC 3161 and RFC 5652, and give the
library the form that it reads.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1

from anchor import limits, regex
from anchor.errors import Refused, Unsupported
from anchor.sigstore.rfc3161 import (
    ID_CT_TST_INFO,
    ID_SIGNED_DATA,
    Accuracy,
    Attribute,
    EncapsulatedContentInfo,
    Extension,
    Oid,
)
from anchor.sigstore.x509 import reading

MAX_TOKEN = limits.TIMESTAMP
_SEQUENCE, _CONTEXT_0 = 0x30, 0xA0
_MAX_PARTS = 64
_TIME = regex.expression(rb"(\d{14})(?:\.(\d*[1-9]))?Z", re.ASCII)
"""A GeneralizedTime in DER (X.690 section 11.7): in UTC, without zeros at the end of a fraction."""


@asn1.sequence
class _Imprint:
    algorithm: list[asn1.TLV]
    digest: bytes


@asn1.sequence
class _TstInfo:
    version: int
    policy: Oid
    imprint: _Imprint
    serial: int
    time: asn1.TLV
    accuracy: Accuracy | None
    ordering: Annotated[bool, asn1.Default(value=False)]
    nonce: int | None
    tsa: Annotated[list[asn1.TLV] | None, asn1.Implicit(0)]
    extensions: Annotated[list[Extension] | None, asn1.Implicit(1)]


@asn1.sequence
class _IssuerAndSerial:
    issuer: x509.Name
    serial: int


@asn1.sequence
class _SignerInfo:
    version: int
    signer: asn1.TLV
    digest_algorithm: list[asn1.TLV]
    signed: Annotated[asn1.SetOf[Attribute], asn1.Implicit(0)]
    signature_algorithm: list[asn1.TLV]
    signature: bytes
    unsigned: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(1)]


@asn1.sequence
class _SignedData:
    version: int
    digest_algorithms: asn1.SetOf[asn1.TLV]
    content: EncapsulatedContentInfo
    certificates: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(0)]
    crls: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(1)]
    signers: asn1.SetOf[_SignerInfo]


@asn1.sequence
class _ContentInfo:
    kind: Oid
    content: Annotated[asn1.TLV, asn1.Explicit(0)]


@asn1.sequence
class _Response:
    status: list[asn1.TLV]
    token: _ContentInfo | None


class Response(msgspec.Struct, frozen=True):
    """A granted response with a token of one signer. Nothing in it is verified yet.

    `der`: the whole response, its certificates in the order of DER. `imprint`: the digest of the stamped
    bytes, by the hash with the object identifier `imprint_hash`. `signed`: type and first value (DER) of each
    signed attribute. `tsa`: the GeneralName (DER) that the token gives its authority. `critical`: critical
    extensions of the TSTInfo.
    """

    der: bytes
    time: datetime
    policy: str
    serial: int
    nonce: int | None
    imprint_hash: str
    imprint: bytes
    tsa: bytes
    critical: tuple[str, ...]
    issuer: x509.Name
    issuer_serial: int
    digest_algorithm: str
    signature_algorithm: str
    signed: tuple[tuple[str, bytes], ...]
    certificates: int


def read(token: bytes, where: str) -> Response:
    """The response of a DER TimeStampResp. Raises Refused for other bytes and for a response that grants
    nothing, and Unsupported for BER and for parts of CMS that are not known here."""
    if len(token) > MAX_TOKEN:
        raise Refused(f"{len(token)} bytes", where=where)
    try:
        with reading("a time-stamp response", where):
            return _read(_in_order(token), where)
    except Refused:
        if _is_ber(token):
            problem = "written in BER, which is not read here: a bundle's time stamp is in DER"
            raise Unsupported(problem, where=where) from None
        raise


def _read(der: bytes, where: str) -> Response:
    response = asn1.decode_der(_Response, der)
    status = response.status[0].parse(int)
    if status != 0:
        raise Refused(f"its status is {status}, not granted", where=where)
    if response.token is None or response.token.kind != ID_SIGNED_DATA:
        raise Refused("a response without a signed token", where=where)
    data = response.token.content.parse(_SignedData)
    signers = data.signers.as_list()
    if len(signers) != 1:
        raise Refused(f"{len(signers)} signers where one is wanted", where=where)
    signer = signers[0]
    if signer.signer.tag_bytes != bytes([_SEQUENCE]):
        raise Unsupported("it names its signer by a key identifier", where=where)
    name = signer.signer.parse(_IssuerAndSerial)
    if data.content.content_type != ID_CT_TST_INFO:
        raise Refused("a signed message that is not a time-stamp", where=where)
    info = asn1.decode_der(_TstInfo, data.content.content)
    if info.version != 1:  # RFC 3161 section 2.4.2
        raise Refused(f"a token of version {info.version}", where=where)
    return Response(
        der=der,
        time=_time(bytes(info.time.data), where),
        policy=info.policy.dotted_string,
        serial=info.serial,
        nonce=info.nonce,
        imprint_hash=_algorithm(info.imprint.algorithm),
        imprint=info.imprint.digest,
        tsa=asn1.encode_der(info.tsa[0]) if info.tsa else b"",
        critical=tuple(e.extn_id.dotted_string for e in info.extensions or () if e.critical),
        issuer=name.issuer,
        issuer_serial=name.serial,
        digest_algorithm=_algorithm(signer.digest_algorithm),
        signature_algorithm=_algorithm(signer.signature_algorithm),
        signed=tuple(
            (a.attr_type.dotted_string, asn1.encode_der(a.attr_values.as_list()[0]))
            for a in signer.signed.as_list()
        ),
        certificates=len(data.certificates.as_list()) if data.certificates else 0,
    )


def _algorithm(identifier: list[asn1.TLV]) -> str:
    kind: Oid = identifier[0].parse(Oid)
    return kind.dotted_string


def _time(value: bytes, where: str) -> datetime:
    """genTime, with its fraction."""
    match = _TIME.fullmatch(value)
    if match is None:
        raise Refused("a time that is not written as RFC 3161 wants", where=where)
    fraction = (match[2] or b"").decode()
    if len(fraction) > 6:
        raise Unsupported("a time finer than a microsecond", where=where)
    text = match[1].decode()
    month, day, hour, minute, second = (int(text[i : i + 2]) for i in range(4, 14, 2))
    micros = int(fraction.ljust(6, "0"))
    return datetime(int(text[:4]), month, day, hour, minute, second, micros, tzinfo=UTC)


def _in_order(token: bytes) -> bytes:
    """The response with the certificates that it carries in the order of DER.

    They are a SET that no signature covers (RFC 5652 sections 5.1 and 10.2.3), and many authorities write
    them from the leaf up. Bytes that are not a response are returned unchanged.
    """
    try:
        response = _parts(token, 0, len(token))
        content = _parts(token, *_inside(token, response[0], _SEQUENCE))
        signed = _parts(token, *_inside(token, content[1], _SEQUENCE))
        explicit = _parts(token, *_inside(token, signed[1], _CONTEXT_0))
        data = _parts(token, *_inside(token, explicit[0], _SEQUENCE))
        start, end = _inside(token, data[3], _CONTEXT_0)
        certificates = sorted(token[a:b] for a, b in _parts(token, start, end))
    except (IndexError, ValueError):
        return token
    return token[:start] + b"".join(certificates) + token[end:]


def members(der: bytes) -> list[bytes]:
    """The encoded values of one SEQUENCE; raises ValueError."""
    return [der[a:b] for a, b in _parts(der, *_inside(der, (0, len(der)), _SEQUENCE))]


def _parts(data: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """The start and end of each of several consecutive values; raises ValueError."""
    parts: list[tuple[int, int]] = []
    while start < end:
        _, stop = _length(data, start)
        if stop > end or len(parts) == _MAX_PARTS:
            raise ValueError
        parts.append((start, stop))
        start = stop
    return parts


def _inside(data: bytes, value: tuple[int, int], tag: int) -> tuple[int, int]:
    """The start and end of the content of a value with this tag."""
    if data[value[0]] != tag:
        raise ValueError
    return _length(data, value[0])


def _length(data: bytes, start: int) -> tuple[int, int]:
    """The start and end of the content of the value at `start`; definite lengths (X.690 section 10.1)."""
    length, at = data[start + 1], start + 2
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise ValueError
        length, at = int.from_bytes(data[at : at + count], "big"), at + count
    if at + length > len(data):
        raise ValueError
    return at, at + length


def _is_ber(data: bytes) -> bool:
    """True if a value has an indefinite length, a length longer than needed, or a string in pieces. BER
    allows these, and DER forbids them (X.690 sections 10.1 and 10.2)."""
    at = 0
    while at + 2 <= len(data):
        tag, length = data[at], data[at + 1]
        constructed = bool(tag & 0x20)
        if constructed and (length == 0x80 or tag == 0x24):
            return True
        try:
            start, end = _length(data, at)
        except ValueError:
            return False
        if start - at > 2 and (end - start < 0x80 or data[at + 2] == 0):
            return True
        at = start if constructed else end
    return False
