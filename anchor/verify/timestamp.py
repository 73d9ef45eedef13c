# SPDX-License-Identifier: Apache-2.0
"""RFC 3161 time-stamps over the bundle's signature, by authorities of the trusted root.

Decides whether a token is a given authority's, over exactly this signature, at a time when that authority
was trusted. A token of an authority that the root does not name counts for nothing. A nonce binds only the
requester, so it is ignored here.
"""

import hashlib
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import VerifierBuilder, decode_timestamp_response
from rfc3161_client.errors import VerificationError

from anchor.errors import AnchorError, Refused, Unsupported
from anchor.sigstore import timestamp_response
from anchor.sigstore.rfc3161 import (
    ID_SHA256,
    ID_SHA384,
    ID_SHA512,
    ID_SIGNING_CERTIFICATE,
    ID_SIGNING_CERTIFICATE_V2,
    AlgorithmIdentifier,
)
from anchor.sigstore.timestamp_response import Response
from anchor.sigstore.trusted_root import Authority
from anchor.sigstore.x509 import Fields, reading
from anchor.verify.effort import Effort
from anchor.verify.report import VerifiedTime

MAX_TOKEN = timestamp_response.MAX_TOKEN
_SHA2 = {
    ID_SHA256.dotted_string: "SHA-256",
    ID_SHA384.dotted_string: "SHA-384",
    ID_SHA512.dotted_string: "SHA-512",
}
_WEAK = {"1.3.14.3.2.26": "SHA-1", "1.2.840.113549.2.5": "MD5", "2.16.840.1.101.3.4.2.4": "SHA-224"}
_SIGNATURES = {
    "1.2.840.113549.1.1.1": "",  # rsaEncryption: the digest's algorithm says the hash
    "1.2.840.10045.2.1": "",  # id-ecPublicKey: the same
    "1.2.840.113549.1.1.11": "SHA-256",
    "1.2.840.113549.1.1.12": "SHA-384",
    "1.2.840.113549.1.1.13": "SHA-512",
    "1.2.840.10045.4.3.2": "SHA-256",
    "1.2.840.10045.4.3.3": "SHA-384",
    "1.2.840.10045.4.3.4": "SHA-512",
}
"""The signature algorithms of tokens, and the hash that each implies (RFC 5754, RFC 5753)."""
_SEQUENCE = b"\x30"
_DIRECTORY_NAME = b"\xa4"


def check(
    token: bytes,
    signature: bytes,
    authorities: Iterable[Authority],
    *,
    where: str,
    effort: Effort | None = None,
) -> VerifiedTime | None:
    """The time of a token (a DER TimeStampResp) over `signature`.

    None if the token names the certificate of no given authority. Raises Refused if it names one and does
    not verify, and Unsupported if this program cannot tell.
    """
    response = timestamp_response.read(token, where)
    reasons: list[AnchorError] = []
    for authority in authorities:
        if authority.issuer_serial != (response.issuer, response.issuer_serial):
            continue
        if effort is not None:
            effort.spend()
        try:
            return _by(authority, response, signature, where)
        except (Refused, Unsupported) as e:
            reasons.append(e)
    if reasons:
        raise reasons[0]
    return None


def _by(authority: Authority, response: Response, signature: bytes, where: str) -> VerifiedTime:
    leaf = authority.fields[0]
    time = response.time
    _check_known(response, where)
    if not authority.window.covers(time):
        span = f"trusted from {authority.window}, not at {time.isoformat()}"
        raise Refused(f"{authority.name} is {span}", where=where)
    authority.stamping.own(time, f"{where} certificate")
    _check_signed(authority, response, signature, where)
    with reading("a certificate", where):
        der = leaf.certificate.public_bytes(Encoding.DER)
    check_signing_certificate(response, der, where=where)
    _check_name(response, leaf, where)
    return VerifiedTime("rfc3161", authority.uri or authority.subject, time, authority.fingerprints[0])


def _check_known(response: Response, where: str) -> None:
    """Raise Unsupported if the token's algorithms or critical extensions are not known here."""
    digest = _SHA2.get(response.digest_algorithm)
    if digest is None:
        weak = _WEAK.get(response.digest_algorithm, f"the hash {response.digest_algorithm}")
        problem = f"the token is signed with {weak}, which is in no list of Sigstore's algorithm registry"
        raise Unsupported(problem, where=where)
    if _SIGNATURES.get(response.signature_algorithm, "none") not in ("", digest):
        problem = f"the token's signature is of the algorithm {response.signature_algorithm}, beside {digest}"
        raise Unsupported(problem, where=where)
    if response.imprint_hash not in _SHA2:
        weak = _WEAK.get(response.imprint_hash, f"the hash {response.imprint_hash}")
        raise Unsupported(f"the token names what it stamps by {weak}", where=where)
    if response.critical:
        problem = f"the token has a critical extension that is not known: {response.critical[0]}"
        raise Unsupported(problem, where=where)


def _check_signed(authority: Authority, response: Response, signature: bytes, where: str) -> None:
    """Return if the token is signed by the authority's certificate and over the signature."""
    leaf, *above = authority.certificates
    builder = VerifierBuilder(
        tsa_certificate=leaf, intermediates=list(above[:-1]), roots=list(above[-1:]) or [leaf]
    )
    # A failure of the library is not a forgery. OpenSSL's errors have many names, some as a Rust panic.
    try:
        with reading("a token", where, through=(VerificationError,), kind=Unsupported):
            builder.build().verify_message(decode_timestamp_response(response.der), signature)
    except VerificationError as e:
        last = authority.fields[-1]
        if last.subject != last.issuer:
            problem = f"{authority.name} ends in a certificate of another issuer: OpenSSL wants a root"
            raise Unsupported(problem, where=where) from None
        raise Refused(f"not {authority.name}'s over this signature: {_brief(e)}", where=where) from None


@asn1.sequence
class _SigningCertificate:
    """SigningCertificate of RFC 2634 and SigningCertificateV2 of RFC 5035: ESSCertIDs, then policies."""

    certificates: list[list[asn1.TLV]]
    policies: list[asn1.TLV] | None


def check_signing_certificate(response: Response, certificate: bytes, *, where: str) -> None:
    """Return if the signed attributes name exactly the DER certificate (RFC 3161 section 2.2, RFC 5816).

    Without this check, one key in two certificates would let a token pass for the other's. Raises Refused or
    Unsupported.
    """
    kinds = (ID_SIGNING_CERTIFICATE.dotted_string, ID_SIGNING_CERTIFICATE_V2.dotted_string)
    named = [
        _names_certificate(kind, value, certificate, where)
        for kind, value in response.signed
        if kind in kinds
    ]
    if not named:
        raise Refused("it does not name the certificate that signed it", where=where)
    if not all(named):
        raise Refused("it names another certificate than the authority's", where=where)


def _names_certificate(kind: str, value: bytes, certificate: bytes, where: str) -> bool:
    """True if the first identifier of the attribute, ESSCertID or ESSCertIDv2, is the certificate's."""
    with reading("a certificate identifier", where):
        first, *more = asn1.decode_der(_SigningCertificate, value).certificates[0]
        algorithm = "sha1"
        if kind == ID_SIGNING_CERTIFICATE_V2.dotted_string:
            algorithm = "sha256"  # the default of the ASN.1, RFC 5035 section 3
            if first.tag_bytes == _SEQUENCE:
                stated: AlgorithmIdentifier = first.parse(AlgorithmIdentifier)
                algorithm = _SHA2.get(stated.algorithm.dotted_string, "").replace("-", "").lower()
                first = more[0]
        if not algorithm:
            raise Unsupported("it names its certificate by an unknown hash", where=where)
        digest = hashlib.new(algorithm, certificate, usedforsecurity=False).digest()
        return bool(first.parse(bytes) == digest)


def _check_name(response: Response, leaf: Fields, where: str) -> None:
    """RFC 3161 section 2.4.2, tsa: 'it MUST correspond to one of the subject names' of the certificate."""
    if not response.tsa:
        return
    if response.tsa[:1] == _DIRECTORY_NAME:
        with reading("the name that it gives its authority", where):
            said = asn1.decode_der(_DirectoryName, b"\x30" + response.tsa[1:]).name
        if _plain(said) == _plain(leaf.subject):
            return
    elif response.tsa in _alternatives(leaf):
        return
    raise Refused("it names another authority (tsa) than its certificate does", where=where)


@asn1.sequence
class _DirectoryName:
    name: x509.Name


def _alternatives(leaf: Fields) -> list[bytes]:
    """The encoded subject alternative names."""
    names = leaf.extension(x509.SubjectAlternativeName)
    return [] if names is None else timestamp_response.members(names.public_bytes())


def _plain(name: x509.Name) -> list[list[tuple[str, str]]]:
    """A name for comparing: without case and repeated blanks, as RFC 5280 section 7.1 demands."""
    return [
        sorted((a.oid.dotted_string, " ".join(str(a.value).casefold().split())) for a in part)
        for part in name.rdns
    ]


def _brief(error: Exception) -> str:
    return " ".join(str(error).partition(": ErrorStack")[0].split())[:160]
