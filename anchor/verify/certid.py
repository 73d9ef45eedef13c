# SPDX-License-Identifier: Apache-2.0
"""The certificate that a time-stamp says it was signed with (RFC 3161 section 2.2, RFC 5816).

Decides whether the signed attributes of a token name exactly the given certificate: without that, one key
in two certificates would let a token pass for the other's. The signature over them is checked elsewhere.
"""

import hashlib
from collections.abc import Iterator

from anchor.errors import Refused

_SEQUENCE, _SET, _OCTETS, _OID, _CONTEXT_0 = 0x30, 0x31, 0x04, 0x06, 0xA0
_SIGNING_CERTIFICATE = bytes.fromhex("2a864886f70d010910020c")
"""id-aa-signingCertificate: SHA-1 by definition (RFC 2634); a second name beside the verified signature."""
_SIGNING_CERTIFICATE_V2 = bytes.fromhex("2a864886f70d010910022f")
_HASHES = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_MAX_PARTS = 64
Parts = list[tuple[int, bytes]]


def check(token: bytes, certificate: bytes, *, where: str) -> None:
    """Return if the DER TimeStampResp names the DER certificate as its signer's; raises Refused."""
    named = [
        _same(kind, value, certificate, where)
        for kind, value in _attributes(token, where)
        if kind in (_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2)
    ]
    if not named:
        raise Refused("it does not name the certificate that signed it", where=where)
    if not all(named):
        raise Refused("it names another certificate than the authority's", where=where)


def _attributes(token: bytes, where: str) -> Iterator[tuple[bytes, bytes]]:
    """Type and first value of each signed attribute of the one signer (RFC 5652 section 5.3)."""
    response = _parts(_only(token, where), where)
    content = _parts(_pick(response, 1, _SEQUENCE, where), where)
    signed_data = _parts(_only(_pick(content, 1, _CONTEXT_0, where), where), where)
    signers = _parts(_pick(signed_data, len(signed_data) - 1, _SET, where), where)
    signer = _parts(_pick(signers, 0, _SEQUENCE, where), where)
    for _, attribute in _parts(_pick(signer, 3, _CONTEXT_0, where), where):
        parts = _parts(attribute, where)
        values = _parts(_pick(parts, 1, _SET, where), where)
        yield _pick(parts, 0, _OID, where), _pick(values, 0, None, where)


def _same(kind: bytes, value: bytes, certificate: bytes, where: str) -> bool:
    """Whether the first certificate identifier of a SigningCertificate (or its V2) is the certificate's."""
    identifiers = _parts(_pick(_parts(value, where), 0, _SEQUENCE, where), where)
    identifier = _parts(_pick(identifiers, 0, _SEQUENCE, where), where)
    algorithm = "sha1"
    if kind == _SIGNING_CERTIFICATE_V2:
        algorithm = "sha256"  # the default of the ASN.1, RFC 5035 section 3
        if identifier and identifier[0][0] == _SEQUENCE:
            oid = _pick(_parts(identifier[0][1], where), 0, _OID, where)
            algorithm, identifier = _HASHES.get(oid, ""), identifier[1:]
    if not algorithm:
        raise Refused("it names its certificate by an unknown hash", where=where)
    digest = hashlib.new(algorithm, certificate, usedforsecurity=False).digest()
    return _pick(identifier, 0, _OCTETS, where) == digest


def _pick(parts: Parts, index: int, tag: int | None, where: str) -> bytes:
    if not 0 <= index < len(parts) or (tag is not None and parts[index][0] != tag):
        raise Refused("not the structure of a time-stamp response", where=where)
    return parts[index][1]


def _only(data: bytes, where: str) -> bytes:
    """The content of the one value in `data`."""
    parts = _parts(data, where)
    if len(parts) != 1:
        raise Refused("not one DER value", where=where)
    return parts[0][1]


def _parts(data: bytes, where: str) -> Parts:
    """The values that stand one after the other, as tag and content; definite lengths only (X.690 10.1)."""
    found: Parts = []
    at, end = 0, len(data)
    while at < end:
        if at + 2 > end or len(found) == _MAX_PARTS:
            raise Refused("not DER", where=where)
        tag, length, at = data[at], data[at + 1], at + 2
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4 or at + count > end:
                raise Refused("not DER", where=where)
            length, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + length > end:
            raise Refused("not DER", where=where)
        found.append((tag, data[at : at + length]))
        at += length
    return found
