# SPDX-License-Identifier: Apache-2.0
"""Signing certificates: what one says, and whether a trusted authority issued it at a given time.

Decides on RFC 5280 and Fulcio's profile of it. Whether the signer is the wanted one is `signers`' question.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from anchor import limits
from anchor.errors import AnchorError, Refused, Unsupported
from anchor.sigstore import keys
from anchor.sigstore.keys import Key
from anchor.sigstore.trusted_root import Authority, TrustedRoot
from anchor.sigstore.x509 import Fields, fields, load_certificate, quiet_name, reading, shown_name
from anchor.verify import certification_path
from anchor.verify.effort import Effort

MAX_CERTIFICATE = limits.CERTIFICATE
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_V2 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_USERNAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_PSS_ONLY = "1.2.840.113549.1.1.10"


@dataclass(frozen=True)
class Leaf:
    """What a signing certificate says. `kind` is that of the identity: email, uri or username."""

    fields: Fields
    der: bytes
    key: Key
    identity: str
    kind: str
    issuer: str

    @property
    def certificate(self) -> x509.Certificate:
        return self.fields.certificate

    @property
    def not_before(self) -> datetime:
        return self.fields.not_before

    @property
    def not_after(self) -> datetime:
        return self.fields.not_after

    @property
    def extensions(self) -> x509.Extensions:
        return self.fields.extensions

    @property
    def issuer_name(self) -> x509.Name:
        """The name of the certificate above, which is no `issuer` in Fulcio's sense."""
        return self.fields.issuer


def read(der: bytes, *, where: str = "certificate") -> Leaf:
    """A signing certificate from DER; raises Refused or Unsupported. Nothing in it is believed yet."""
    if len(der) > MAX_CERTIFICATE:
        raise Refused(f"{len(der)} bytes", where=where)
    found = fields(load_certificate(der, where), where)
    with reading("a certificate", where):
        return _read(found, der, where)


def _read(found: Fields, der: bytes, where: str) -> Leaf:
    identity, kind = _identity(found.extensions, where)
    pss_only = found.certificate.public_key_algorithm_oid.dotted_string == _PSS_ONLY
    return Leaf(
        fields=found,
        der=der,
        key=keys.key_of(found.key, pss_only=pss_only, where=f"{where} key"),
        identity=identity,
        kind=kind,
        issuer=_issuer(found.extensions, where),
    )


def _identity(extensions: x509.Extensions, where: str) -> tuple[str, str]:
    """The one subject alternative name."""
    try:
        names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        raise Refused("names nobody: no subject alternative name", where=where) from None
    if len(names) != 1:
        raise Refused(f"{len(names)} subject alternative names where one is wanted", where=where)
    name = names[0]
    if isinstance(name, x509.RFC822Name):
        return _ascii(name.value, where), "email"
    if isinstance(name, x509.UniformResourceIdentifier):
        return _ascii(name.value, where), "uri"
    if isinstance(name, x509.OtherName) and name.type_id == _USERNAME:
        return _username(_utf8_string(name.value, f"{where} OtherName"), f"{where} OtherName"), "username"
    raise Refused(f"names its subject by a {type(name).__name__}", where=where)


def _ascii(text: str, where: str) -> str:
    """A name that is an IA5String (RFC 5280 section 4.2.1.6), whatever bytes the library lets through."""
    if not text.isascii():
        raise Refused("a subject alternative name that is not ASCII", where=where)
    return text


def _username(text: str, where: str) -> str:
    """A name of Fulcio's user name issuers, `name!domain` (Fulcio, pkg/identity/username).

    It is no e-mail address and no URI: what a policy calls an identity is of one kind alone.
    """
    name, _, domain = text.partition("!")
    if not name or not domain or "!" in domain or "@" in domain or "://" in text:
        raise Refused("a user name that is not written name!domain", where=where)
    return text


def _issuer(extensions: x509.Extensions, where: str) -> str:
    """The OIDC issuer of one or both of Fulcio's extensions; both must say the same."""
    found = []
    for oid in (_ISSUER, _ISSUER_V2):
        try:
            value = extensions.get_extension_for_oid(oid).value
        except x509.ExtensionNotFound:
            continue
        assert isinstance(value, x509.UnrecognizedExtension)
        if oid is _ISSUER:
            found.append(_text(value.value, f"{where} issuer"))
        else:
            found.append(_utf8_string(value.value, f"{where} issuer"))
    if not found:
        raise Refused("names no OIDC issuer", where=where)
    if len(set(found)) != 1:
        raise Refused(f"names two OIDC issuers, {found[0]!r} and {found[1]!r}", where=where)
    return found[0]


def _utf8_string(der: bytes, where: str) -> str:
    """The text of one DER UTF8String (X.690 section 8.1.3)."""
    head, size = der[:2], len(der)
    if size < 2 or head[0] != 0x0C:
        raise Refused("not a DER UTF8String", where=where)
    if head[1] < 0x80:
        length, start = head[1], 2
    else:
        count = head[1] & 0x7F
        length, start = int.from_bytes(der[2 : 2 + count], "big"), 2 + count
        if not 1 <= count <= 2 or length < 0x80 or (count == 2 and length < 0x100):
            raise Refused("a length that is not DER", where=where)
    if size != start + length:
        raise Refused("not one DER UTF8String", where=where)
    return _text(der[start:], where)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not UTF-8", where=where) from None


def check_usage(leaf: Leaf) -> str:
    """Return if the certificate is one for signing code; raises Refused."""
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as e:
        raise Refused(f"without the extension {e.oid.dotted_string}", where="certificate") from None
    if not usage.digital_signature:
        raise Refused("its key is not for digital signatures", where="certificate")
    if ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise Refused("not for code signing", where="certificate")
    try:
        if leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise Refused("an authority's certificate, not a signer's", where="certificate")
    except x509.ExtensionNotFound:
        pass
    return "digitalSignature and codeSigning, as Fulcio's profile wants"


def is_self_issued(der: bytes) -> bool:
    """Whether bytes are a certificate that names itself as its issuer: a root, or one that no authority
    issued. Such are not carried in bundles."""
    certificate = load_certificate(der, "chain")
    return quiet_name(certificate, "subject") == quiet_name(certificate, "issuer")


@dataclass(frozen=True)
class Issued:
    """The authority that issued a certificate, and the SPKI DER of the certificate right above it."""

    authority: Authority
    issuer_spki: bytes


def issued_by(leaf: Leaf, root: TrustedRoot, time: datetime, effort: Effort) -> Issued:
    """The authority whose chain issued the certificate and was trusted and valid at `time`; raises Refused,
    Unsupported for a kind of key, and what `TrustedRoot.unnamed` says when none bears its issuer's name.

    An authority's window and certificates are its own: nothing is borrowed from another entry.
    """
    reasons: list[tuple[bool, AnchorError]] = []
    for authority in root.authorities:
        if leaf.issuer_name not in authority.subjects:
            continue
        effort.spend()
        try:
            return Issued(authority, _issuer_spki(leaf, authority, time))
        except (Refused, Unsupported) as e:
            reasons.append((e.problem.startswith("not issued"), e))
    if not reasons:
        issuer = shown_name(leaf.certificate, "issuer")
        raise root.unnamed(f"the trusted root names no authority {issuer!r}", "certificate")
    raise min(reasons, key=lambda r: r[0])[1]  # an authority that did issue it says more


def known(leaf: Leaf, authorities: tuple[Authority, ...]) -> bool:
    """Whether any authority bears the name that the certificate gives as its issuer."""
    return any(leaf.issuer_name in a.subjects for a in authorities)


def _issuer_spki(leaf: Leaf, authority: Authority, time: datetime) -> bytes:
    if not authority.certificates:
        raise Refused(f"not issued by {authority.name}: it has no certificates", where="trusted root")
    chain = certification_path.validate(
        leaf.fields,
        authority.fields,
        time,
        authority=authority,
        purpose=ExtendedKeyUsageOID.CODE_SIGNING,
        leaf_policy=_LEAF,
        where="certificate",
    )
    if len(chain) < 2:
        raise Refused("the authority's own certificate, not one that it issued", where="certificate")
    if not authority.window.covers(time):
        span = f"trusted from {authority.window}, not at {time.isoformat()}"
        raise Refused(f"{authority.name} is {span}", where="certificate")
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    with reading("an issuer's key", "certificate chain"):
        return chain[1].certificate.public_key().public_bytes(serialization.Encoding.DER, form)


_LEAF = verification.ExtensionPolicy.webpki_defaults_ee().may_be_present(
    x509.ExtendedKeyUsage, verification.Criticality.AGNOSTIC, None
)
"""What the library asks of a leaf. It wants the clientAuth purpose, and code-signing certificates have
another: `check_usage` looks at that instead."""
