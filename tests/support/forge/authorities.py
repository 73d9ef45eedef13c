# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities, leaves with SCTs, and time-stamping chains, the same bytes each time."""

import datetime as dt
import functools
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.forge.der import octets, oid, seq, tlv, utf8
from tests.support.forge.keys import Key, ecdsa

FULCIO = "1.3.6.1.4.1.57264.1."
SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
IDENTITY = "release@vectors.example"
ISSUER = "https://accounts.vectors.example"
EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SIGNED = dt.datetime(2026, 3, 1, 12, 0, 0, tzinfo=dt.UTC)
FAR = dt.datetime(2046, 1, 1, tzinfo=dt.UTC)


def der(certificate: x509.Certificate) -> bytes:
    """DER of a certificate."""
    return certificate.public_bytes(Encoding.DER)


def _name(common: str, organization: str = "vectors.example") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _serial(*seed: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(seed).encode()).digest()[:16]) >> 2 | 1


@dataclass(frozen=True)
class Authority:
    """A chain, leaf's issuer first and root last, and the key that signs."""

    key: Key
    chain: tuple[x509.Certificate, ...]


@functools.cache
def authority(
    name: str,
    *,
    start: dt.datetime = EPOCH,
    end: dt.datetime = FAR,
    intermediate: bool = True,
    intermediate_eku: bool = True,
    common: str | None = None,
    keys: Callable[[str], Key] = ecdsa,
) -> Authority:
    """A root, and under it an intermediate that may issue code-signing leaves."""
    root_key = keys(f"{name} root")
    root = _ca(f"{name} root", root_key, None, root_key, start, end, 1, eku=None)
    if not intermediate:
        return Authority(root_key, (root,))
    key = keys(f"{name} intermediate")
    eku = ExtendedKeyUsageOID.CODE_SIGNING if intermediate_eku else None
    middle = _ca(common or f"{name} intermediate", key, root, root_key, start, end, 0, eku=eku)
    return Authority(key, (middle, root))


def _ca(
    common: str,
    key: Key,
    issuer: x509.Certificate | None,
    signer: Key,
    start: dt.datetime,
    end: dt.datetime,
    length: int,
    *,
    eku: x509.ObjectIdentifier | None,
) -> x509.Certificate:
    name = _name(common)
    builder = _begin(name, issuer.subject if issuer else name, key, signer, start, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
    builder = builder.add_extension(_usage(ca=True), critical=True)
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage([eku]), critical=False)
    return _signed(builder, signer)


@dataclass(frozen=True, kw_only=True)
class Upper:
    """A certificate above the issuer of leaves; every field is a knob, the defaults are an honest one."""

    common: str
    key: Key
    ca: bool | None = True
    """None: without basicConstraints."""
    length: int | None = None
    cert_sign: bool | None = True
    """None: without keyUsage."""
    eku: tuple[x509.ObjectIdentifier, ...] = ()
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    start: dt.datetime = EPOCH
    end: dt.datetime = FAR
    name: x509.Name | None = None

    def issue(self, issuer: "Upper | None" = None) -> x509.Certificate:
        """The certificate, by the authority above or by itself."""
        by = issuer or self
        builder = _begin(self.subject, by.subject, self.key, by.key, self.start, self.end)
        if self.ca is not None:
            limit = self.length if self.ca else None
            builder = builder.add_extension(x509.BasicConstraints(self.ca, limit), critical=True)
        if self.cert_sign is not None:
            builder = builder.add_extension(_usage(ca=self.cert_sign), critical=True)
        if self.eku:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.eku), critical=False)
        for extension, critical in self.more:
            builder = builder.add_extension(extension, critical=critical)
        return _signed(builder, by.key)

    @property
    def subject(self) -> x509.Name:
        return self.name or _name(self.common)


def resigned(certificate: x509.Certificate, key: Key, old: bytes, new: bytes) -> x509.Certificate:
    """The certificate with some bytes of it exchanged for as many others, and signed anew."""
    assert len(old) == len(new)
    tbs = certificate.tbs_certificate_bytes
    assert tbs.count(old) == 1
    tbs = tbs.replace(old, new)
    algorithm = seq(oid(certificate.signature_algorithm_oid.dotted_string))
    return x509.load_der_x509_certificate(seq(tbs, algorithm, tlv(0x03, b"\0" + key.sign(tbs))))


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: Key,
    signer: Key,
    start: dt.datetime,
    end: dt.datetime,
    *,
    pss_only: bool = False,
) -> x509.CertificateBuilder:
    public = key.private.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public, rsa_padding=padding.PSS if pss_only else None)
        .serial_number(_serial(subject.rfc4514_string(), issuer.rfc4514_string(), key.spki, start, end))
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.private.public_key()), critical=False
        )
    )


def _signed(builder: x509.CertificateBuilder, key: Key) -> x509.Certificate:
    if key.details == "PKIX_ED25519":
        return builder.sign(key.private, None)
    return builder.sign(key.private, hashes.SHA256(), ecdsa_deterministic=True)


@functools.cache
def tsa(
    name: str,
    *,
    start: dt.datetime = EPOCH,
    end: dt.datetime = FAR,
    critical: bool = True,
    eku: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING,
) -> Authority:
    """A time-stamping certificate under its own root; the key stamps."""
    root_key, key = ecdsa(f"{name} root"), ecdsa(f"{name} leaf")
    root = _ca(f"{name} root", root_key, None, root_key, start, FAR, 0, eku=None)
    builder = _begin(_name(f"{name} signer"), root.subject, key, root_key, start, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(ca=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([eku]), critical=critical)
    return Authority(key, (_signed(builder, root_key), root))


@dataclass(frozen=True, kw_only=True)
class Sct:
    """A signed certificate timestamp; the defaults are an honest one."""

    key: Key = field(default_factory=lambda: ecdsa("ct"))
    time: dt.datetime = SIGNED
    log_id: bytes | None = None
    issuer_key: Key | None = None
    """Whose key hash is signed, when it is not the issuer's."""
    tamper: bool = False
    milliseconds: int | None = None
    """The time as it is written, for a time that no calendar has."""

    def encode(self, tbs: bytes, issuer: Key) -> bytes:
        """The SCT of a pre-certificate (RFC 6962 section 3.2)."""
        milliseconds = self.milliseconds or int(self.time.timestamp() * 1000)
        signed = b"\0\0" + struct.pack(">Q", milliseconds) + b"\0\1"
        signed += hashlib.sha256((self.issuer_key or issuer).spki).digest()
        signed += len(tbs).to_bytes(3) + tbs + b"\0\0"
        signature = self.key.sign(signed + (b"x" if self.tamper else b""))
        log_id = self.log_id or hashlib.sha256(self.key.spki).digest()
        return (
            b"\0"
            + log_id
            + struct.pack(">Q", milliseconds)
            + b"\0\0"
            + b"\x04\x03"
            + len(signature).to_bytes(2)
            + signature
        )


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A signing certificate; every field is a knob, the defaults are an honest one."""

    key: Key = field(default_factory=lambda: ecdsa("signer"))
    identity: str | None = IDENTITY
    uri: str | None = None
    more_names: tuple[x509.GeneralName, ...] = ()
    issuer_v1: str | None = ISSUER
    issuer_v2: str | None = ISSUER
    start: dt.datetime = SIGNED - dt.timedelta(seconds=10)
    end: dt.datetime = SIGNED + dt.timedelta(minutes=10)
    scts: tuple[Sct, ...] = (Sct(),)
    digital_signature: bool = True
    usage: bool = True
    eku: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CODE_SIGNING
    eku_critical: bool = False
    ca: bool = False
    subject: x509.Name = field(default_factory=lambda: x509.Name([]))
    extend: Callable[[x509.CertificateBuilder], x509.CertificateBuilder] | None = None
    pss_only: bool = False
    """True if the RSA key is written as one for RSASSA-PSS alone."""

    def issue(self, by: Authority) -> x509.Certificate:
        """The certificate, with its SCTs embedded."""
        bare = self._builder(by)
        tbs = _signed(bare, by.key).tbs_certificate_bytes
        if not self.scts:
            return _signed(bare, by.key)
        listed = b"".join(len(s).to_bytes(2) + s for s in (sct.encode(tbs, by.key) for sct in self.scts))
        value = octets(len(listed).to_bytes(2) + listed)
        return _signed(
            bare.add_extension(x509.UnrecognizedExtension(SCT_LIST, value), critical=False), by.key
        )

    def _builder(self, by: Authority) -> x509.CertificateBuilder:
        builder = _begin(
            self.subject,
            by.chain[0].subject,
            self.key,
            by.key,
            self.start,
            self.end,
            pss_only=self.pss_only,
        )
        if self.usage:
            usage = _usage(ca=not self.digital_signature)
            builder = builder.add_extension(usage, critical=True)
        if self.eku:
            builder = builder.add_extension(x509.ExtendedKeyUsage([self.eku]), critical=self.eku_critical)
        if self.ca:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        names: list[x509.GeneralName] = [x509.RFC822Name(self.identity)] if self.identity else []
        if self.uri:
            names.append(x509.UniformResourceIdentifier(self.uri))
        if names or self.more_names:
            san = x509.SubjectAlternativeName([*names, *self.more_names])
            builder = builder.add_extension(san, critical=not list(self.subject))
        if self.issuer_v1 is not None:
            builder = _fulcio(builder, "1", self.issuer_v1.encode())
        if self.issuer_v2 is not None:
            builder = _fulcio(builder, "8", utf8(self.issuer_v2))
        return self.extend(builder) if self.extend else builder


def _fulcio(builder: x509.CertificateBuilder, arc: str, value: bytes) -> x509.CertificateBuilder:
    oid = x509.ObjectIdentifier(FULCIO + arc)
    return builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
