# SPDX-License-Identifier: Apache-2.0
"""Just enough DER to write RFC 3161 tokens of any kind, honest or not."""

import datetime as dt
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.forge.keys import HASHES, Key

SHA256, SHA384, SHA512 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"
_HASH_OID = {"SHA1": "1.3.14.3.2.26", "SHA2_256": SHA256, "SHA2_384": SHA384, "SHA2_512": SHA512}
_ECDSA_OID = {
    "SHA1": "1.2.840.10045.4.1",
    "SHA2_256": "1.2.840.10045.4.3.2",
    "SHA2_384": "1.2.840.10045.4.3.3",
    "SHA2_512": "1.2.840.10045.4.3.4",
}
TST_INFO = "1.2.840.113549.1.9.16.1.4"


def tlv(tag: int, *parts: bytes) -> bytes:
    """One DER value."""
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + body


def seq(*parts: bytes) -> bytes:
    """A SEQUENCE."""
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    """A SET OF, in DER order."""
    return tlv(0x31, *sorted(parts))


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def octets(data: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(0x04, data)


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = (int(x) for x in dotted.split("."))
    out = bytearray([first * 40 + second])
    for arc in rest:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        out += bytes(reversed(groups))
    return tlv(0x06, bytes(out))


def general_time(when: dt.datetime) -> bytes:
    """A GeneralizedTime in UTC, with a fraction only where there is one."""
    text = when.strftime("%Y%m%d%H%M%S")
    if when.microsecond:
        text += f".{when.microsecond:06d}".rstrip("0")
    return tlv(0x18, f"{text}Z".encode())


def utf8(text: str) -> bytes:
    """A UTF8String."""
    return tlv(0x0C, text.encode())


@dataclass(frozen=True, kw_only=True)
class Token:
    """An RFC 3161 response; every field is a knob, the defaults are an honest one."""

    time: dt.datetime
    key: Key
    certificate: x509.Certificate
    hash_name: str = "SHA2_256"
    imprint: bytes | None = None
    """The digest in the token, when it is not that of the message."""
    status: int = 0
    nonce: int | None = 0x1122334455667788
    serial: int = 4711
    embed: tuple[x509.Certificate, ...] = ()
    content_type: str = TST_INFO
    signed_digest: bytes | None = None
    """The messageDigest attribute, when it is not that of the content."""
    version: int = 1
    tsa: bytes | None = None
    """The GeneralName (DER) that the token gives its authority."""
    extensions: tuple[tuple[str, bool], ...] = ()
    """Object identifiers, and whether the extension is critical."""
    signed_by: str = "SHA2_256"
    """The hash of the token's own signature."""
    certificate_id: bytes | None = None
    """The SHA-256 in signingCertificateV2, when it is not the certificate's; empty: no attribute."""

    def respond(self, message: bytes) -> bytes:
        """TimeStampResp DER over `message`."""
        digest = hashlib.new(HASHES[self.hash_name][0], message).digest()
        info = self._info(self.imprint if self.imprint is not None else digest)
        status = seq(integer(self.status))
        return seq(status, seq(oid("1.2.840.113549.1.7.2"), tlv(0xA0, self._signed_data(info))))

    def _info(self, imprint: bytes) -> bytes:
        parts = [
            integer(self.version),
            oid("1.3.6.1.4.1.57264.2"),
            seq(seq(oid(_HASH_OID[self.hash_name])), octets(imprint)),
            integer(self.serial),
            general_time(self.time),
            seq(integer(1)),
        ]
        if self.nonce is not None:
            parts.append(integer(self.nonce))
        if self.tsa is not None:
            parts.append(tlv(0xA0, self.tsa))
        if self.extensions:
            parts.append(tlv(0xA1, *(_extension(*e) for e in self.extensions)))
        return seq(*parts)

    def _signed_data(self, info: bytes) -> bytes:
        content = seq(oid(self.content_type), tlv(0xA0, octets(info)))
        certificates = b"".join(c.public_bytes(Encoding.DER) for c in self.embed)
        return seq(
            integer(3),
            set_of(seq(oid(_HASH_OID[self.signed_by]))),
            content,
            tlv(0xA0, certificates) if certificates else b"",
            set_of(self._signer_info(info)),
        )

    def _signer_info(self, info: bytes) -> bytes:
        digest = self.signed_digest or hashlib.new(HASHES[self.signed_by][0], info).digest()
        attributes = [
            _attribute("1.2.840.113549.1.9.3", oid(self.content_type)),
            _attribute("1.2.840.113549.1.9.5", tlv(0x17, self.time.strftime("%y%m%d%H%M%SZ").encode())),
            _attribute(
                "1.2.840.113549.1.9.4",
                octets(digest),
            ),
        ]
        if self.certificate_id != b"":
            attributes.append(_attribute("1.2.840.113549.1.9.16.2.47", self._certificate_id()))
        signature = self.key.sign(set_of(*attributes), hash_name=self.signed_by)
        issuer = self.certificate.issuer.public_bytes()
        return seq(
            integer(1),
            seq(issuer, integer(self.certificate.serial_number)),
            seq(oid(_HASH_OID[self.signed_by])),
            tlv(0xA0, *sorted(attributes)),
            seq(oid(_ECDSA_OID[self.signed_by])),
            octets(signature),
        )

    def _certificate_id(self) -> bytes:
        """SigningCertificateV2 (RFC 5035) with SHA-256, its default, left out as DER demands."""
        digest = hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).digest()
        return seq(seq(seq(octets(self.certificate_id or digest))))


def _extension(name: str, critical: bool) -> bytes:
    return seq(oid(name), tlv(0x01, b"\xff") if critical else b"", octets(utf8("x")))


def _attribute(name: str, value: bytes) -> bytes:
    return seq(oid(name), set_of(value))
