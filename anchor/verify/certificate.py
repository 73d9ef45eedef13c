# SPDX-License-Identifier: Apache-2.0
"""Signing certificates: their fields, their authority, their certificate logs (RFC 6962) and their owner.

Decides on RFC 5280 and Fulcio's profile of it: whether a trusted authority issued a certificate at a given
time, whether the embedded SCTs are of trusted certificate logs, and whether a policy accepts the signer. The
id in an SCT selects the log's key; we never try one key after the other.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.x509.certificate_transparency import LogEntryType, SignedCertificateTimestamp
from cryptography.x509.oid import ExtendedKeyUsageOID

from anchor import limits
from anchor.errors import AnchorError, Refused, Unsupported
from anchor.sigstore import keys
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.keys import Key
from anchor.sigstore.trusted_root import Authority, LogKey, TrustedRoot
from anchor.sigstore.x509 import Fields, fields, load_certificate, quiet_name, reading, shown_name
from anchor.verify.effort import Effort
from anchor.verify.policy import Signer

MAX_CERTIFICATE = limits.CERTIFICATE
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUERS = (_ISSUER, x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8"))
_USERNAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_SCT = "certificate SCT"
MAX_SCTS = 8
_PSS_ONLY = "1.2.840.113549.1.1.10"


class Leaf(msgspec.Struct, frozen=True):
    """The values in a signing certificate. `kind`: the kind of identity, `email`, `uri` or `username`."""

    fields: Fields
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
        """The name of the certificate above. It is not the OIDC issuer."""
        return self.fields.issuer


def read(der: bytes, *, where: str = "certificate") -> Leaf:
    """A signing certificate from DER; raises Refused or Unsupported. Nothing in it is verified yet."""
    if len(der) > MAX_CERTIFICATE:
        raise Refused(f"{len(der)} bytes", where=where)
    one = fields(load_certificate(der, where), where)
    with reading("a certificate", where):
        identity, kind = _identity(one, where)
        pss_only = one.certificate.public_key_algorithm_oid.dotted_string == _PSS_ONLY
        return Leaf(
            fields=one,
            key=keys.key_of(one.key, pss_only=pss_only, where=f"{where} key"),
            identity=identity,
            kind=kind,
            issuer=_issuer(one, where),
        )


def _identity(one: Fields, where: str) -> tuple[str, str]:
    """The one subject alternative name."""
    listed = one.extension(x509.SubjectAlternativeName)
    if listed is None:
        raise Refused("names nobody: no subject alternative name", where=where)
    names = list(listed)
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
    """An IA5String (RFC 5280 section 4.2.1.6). The library lets other bytes through."""
    if not text.isascii():
        raise Refused("a subject alternative name that is not ASCII", where=where)
    return text


def _username(text: str, where: str) -> str:
    """A name of Fulcio's user name issuers, `name!domain` (Fulcio, pkg/identity/username).

    It must not look like an e-mail address or a URI, so that an identity in a policy has one kind only.
    """
    name, _, domain = text.partition("!")
    if not name or not domain or "!" in domain or "@" in domain or "://" in text:
        raise Refused("a user name that is not written name!domain", where=where)
    return text


def _issuer(one: Fields, where: str) -> str:
    """The OIDC issuer of one or both of Fulcio's extensions; both must say the same."""
    issuers = [issuer for oid in _ISSUERS for issuer in _issuer_by(oid, one, where)]
    if not issuers:
        raise Refused("names no OIDC issuer", where=where)
    if len(set(issuers)) != 1:
        raise Refused(f"names two OIDC issuers, {issuers[0]!r} and {issuers[1]!r}", where=where)
    return issuers[0]


def _issuer_by(oid: x509.ObjectIdentifier, one: Fields, where: str) -> list[str]:
    """The OIDC issuer by one of Fulcio's extensions; nothing if the certificate does not have it."""
    value = one.extension_by(oid)
    if value is None:
        return []
    assert isinstance(value, x509.UnrecognizedExtension)
    text = _text if oid is _ISSUER else _utf8_string
    return [text(value.value, f"{where} issuer")]


def _utf8_string(der: bytes, where: str) -> str:
    """The text of one DER UTF8String (X.690 section 8.1.3)."""
    with reading("a DER UTF8String", where):
        return asn1.decode_der(str, der)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not UTF-8", where=where) from None


def check_usage(leaf: Leaf) -> str:
    """Return if the certificate is for signing code; raises Refused."""
    usage, purposes = leaf.fields.extension(x509.KeyUsage), leaf.fields.extension(x509.ExtendedKeyUsage)
    if usage is None or purposes is None:
        absent = x509.KeyUsage if usage is None else x509.ExtendedKeyUsage
        raise Refused(f"without the extension {absent.oid.dotted_string}", where="certificate")
    if not usage.digital_signature:
        raise Refused("its key is not for digital signatures", where="certificate")
    if ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise Refused("not for code signing", where="certificate")
    basic = leaf.fields.extension(x509.BasicConstraints)
    if basic is not None and basic.ca:
        raise Refused("an authority's certificate, not a signer's", where="certificate")
    return "digitalSignature and codeSigning, as Fulcio's profile wants"


def check_signer(leaf: Leaf, signers: Sequence[Signer], root: str = "") -> str:
    """Return if one of the signers accepts the certificate; raises Refused.

    Identity and issuer are compared together. `root`: the policy's label of the trusted root under which the
    certificate was verified.
    """
    who = f"{leaf.identity} (issuer {leaf.issuer})"
    fitting = [s for s in signers if s.accepts(leaf.identity, leaf.issuer)]
    if any(s.under(root) for s in fitting):
        return f"{who}, as asked for"
    if fitting:
        only = ", ".join(sorted({label for s in fitting for label in s.trusted_roots}))
        problem = (
            f"{who[:300]} is accepted under the trusted root {only[:300]}, not under {root or 'another'}"
        )
        raise Refused(problem, where="certificate")
    wanted = "; ".join(str(s) for s in signers[:3])
    raise Refused(f"signed by {who[:300]}, not by {wanted[:300]}", where="certificate")


def is_self_issued(der: bytes) -> bool:
    """True for a certificate that names itself as its issuer: a root, or one that no authority issued. A
    bundle must not carry one."""
    certificate = load_certificate(der, "chain")
    return quiet_name(certificate, "subject") == quiet_name(certificate, "issuer")


class Issued(msgspec.Struct, frozen=True):
    """The authority that issued a certificate, and the SPKI DER of the certificate right above it."""

    authority: Authority
    issuer_spki: bytes


def issued_by(leaf: Leaf, root: TrustedRoot, time: datetime, effort: Effort) -> Issued:
    """The authority whose chain issued the certificate, and was trusted and valid at `time`.

    Raises Refused, Unsupported for an unknown kind of key, and the error of `TrustedRoot.unnamed` if no
    authority has the issuer's name. Window and certificates always come from one entry of the trusted root.
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
    """True if any authority has the name that the certificate gives as its issuer."""
    return any(leaf.issuer_name in a.subjects for a in authorities)


def _issuer_spki(leaf: Leaf, authority: Authority, time: datetime) -> bytes:
    if not authority.certificates:
        raise Refused(f"not issued by {authority.name}: it has no certificates", where="trusted root")
    chain = authority.signing.down_to(leaf.fields, time, "certificate")
    if len(chain) < 2:
        raise Refused("the authority's own certificate, not one that it issued", where="certificate")
    if not authority.window.covers(time):
        span = f"trusted from {authority.window}, not at {time.isoformat()}"
        raise Refused(f"{authority.name} is {span}", where="certificate")
    return chain[1].spki


def check_scts(leaf: Leaf, issuer_spki: bytes, root: TrustedRoot, effort: Effort) -> str:
    """Return if the certificate's SCTs are valid; raises Refused or Unsupported.

    At least one must be of a log that the trusted root names, and every SCT of such a log must be valid: a
    right one does not outvote a wrong one. `issuer_spki`: the key of the certificate above the leaf in its
    verified chain. It is never looked up by name.
    """
    embedded = _embedded_scts(leaf)
    named = [sct for sct in embedded if _is_named_ct_log(sct.log_id, root)] or embedded
    lines = []
    for sct in named:
        effort.spend()
        lines.append(_check_sct(sct, leaf, issuer_spki, root))
    others = len(embedded) - len(named)
    return ", ".join(lines) + (f"; {others} of other logs count for nothing" if others else "")


def _check_sct(sct: SignedCertificateTimestamp, leaf: Leaf, issuer_spki: bytes, root: TrustedRoot) -> str:
    with reading("an SCT with a time", _SCT):  # its time may be one that no calendar has
        time = sct.timestamp.replace(tzinfo=UTC)
    log = _ct_log(sct.log_id, time, root)
    if (
        time > leaf.not_after
    ):  # RFC 6962 section 5.2: a time of the future; to the log, the certificate's is past
        raise Refused(f"of {time.isoformat()}, after the certificate's own end", where=_SCT)
    if sct.entry_type is not LogEntryType.PRE_CERTIFICATE:
        raise Refused("an SCT for a final certificate, inside of one", where=_SCT)
    if not isinstance(sct.signature_hash_algorithm, hashes.SHA256) or log.key.scheme.hash != "sha256":
        raise Unsupported("signed with another hash than SHA-256", where=_SCT)
    log.key.verify(sct.signature, Artifact(_signed_struct(sct, time, leaf, issuer_spki)), where=_SCT)
    return f"{log.base_url} signed that it saw this certificate at {time.isoformat()}"


def _is_named_ct_log(log_id: bytes, root: TrustedRoot) -> bool:
    """True if the trusted root lists a certificate log of that id at all, usable or not."""
    return log_id in {*(log.id for log in root.ctlogs), *(log.id for log in root.unusable_ctlogs)}


def _ct_log(log_id: bytes, time: datetime, root: TrustedRoot) -> LogKey:
    """The certificate log of this id that was trusted at the time."""
    named = [log for log in root.ctlogs if log.id == log_id]
    if not named:
        for unusable in root.unusable_ctlogs:
            if unusable.id == log_id:
                raise unusable.error(_SCT)
        raise root.unnamed(f"the trusted root names no certificate log {log_id.hex()[:16]}", _SCT)
    for log in named:
        if log.window.covers(time):
            return log
    span = f"trusted from {named[0].window}, not at {time.isoformat()}"
    raise Refused(f"{named[0].base_url} is {span}", where=_SCT)


def _embedded_scts(leaf: Leaf) -> list[SignedCertificateTimestamp]:
    listed = leaf.fields.extension(x509.PrecertificateSignedCertificateTimestamps)
    if listed is None:
        raise Refused("none in the certificate", where=_SCT)
    scts = list(listed)
    if not scts:
        raise Refused("an empty list of them in the certificate", where=_SCT)
    if len(scts) > MAX_SCTS:
        raise Unsupported(f"{len(scts)} in one certificate, more than {MAX_SCTS}", where=_SCT)
    if len({sct.log_id for sct in scts}) < len(scts):
        raise Refused("two of one log in one certificate", where=_SCT)
    return scts


def _signed_struct(sct: SignedCertificateTimestamp, time: datetime, leaf: Leaf, issuer_spki: bytes) -> bytes:
    """The digitally-signed struct of a precertificate entry, RFC 6962 section 3.2."""
    with reading("a precertificate", _SCT):  # the library rebuilds the certificate here
        tbs, extensions = leaf.certificate.tbs_precertificate_bytes, sct.extension_bytes
    milliseconds = (time - datetime(1970, 1, 1, tzinfo=UTC)) // _MILLISECOND
    if len(tbs) >= 1 << 24 or milliseconds < 0:
        raise Refused("a size or time that no SCT can have", where=_SCT)
    return b"".join(
        (
            b"\0\0",  # version 1, certificate_timestamp
            milliseconds.to_bytes(8, "big"),
            b"\0\1",  # precert_entry
            hashlib.sha256(issuer_spki).digest(),
            len(tbs).to_bytes(3, "big"),
            tbs,
            len(extensions).to_bytes(2, "big"),
            extensions,
        )
    )


_MILLISECOND = datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)


def stated_names(one: Fields) -> list[tuple[str, str]]:
    """Each identity of a certificate with each OIDC issuer of it, however many it has of either.

    For whoever looks for a name in certificates that `read` may refuse. Nothing here is verified, and a name
    that cannot be read is left out.
    """
    identities: list[str] = []
    issuers: list[str] = []
    with contextlib.suppress(Refused), reading("names", "certificate"):
        for name in one.extension(x509.SubjectAlternativeName) or ():
            if isinstance(name, x509.RFC822Name | x509.UniformResourceIdentifier):
                identities.append(name.value)
            elif isinstance(name, x509.OtherName) and name.type_id == _USERNAME:
                with contextlib.suppress(Refused):
                    identities.append(_utf8_string(name.value, "certificate"))
    for oid in _ISSUERS:
        with contextlib.suppress(Refused):
            issuers += _issuer_by(oid, one, "certificate")
    return [(identity, issuer) for identity in identities for issuer in dict.fromkeys(issuers)]
