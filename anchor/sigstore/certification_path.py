# SPDX-License-Identifier: Apache-2.0
"""Certification paths: from the last certificate of an authority in the trusted root down to a leaf.

Decides on RFC 5280 section 6.1, with the path library of `cryptography`. A path that the RFC refuses is
Refused. A path that only this library cannot verify is Unsupported.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from anchor import limits
from anchor.errors import Refused, Unsupported
from anchor.sigstore.trusted_root import Authority
from anchor.sigstore.x509 import Fields, quiet_text, reading

MAX_CHAIN = limits.COPY_CHAIN
"""Certificates of one authority."""

_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_MIN_RSA = 2048
_SIGNED_BY = {
    "1.2.840.10045.4.3.2",  # ecdsa-with-SHA256
    "1.2.840.10045.4.3.3",  # ecdsa-with-SHA384
    "1.2.840.10045.4.3.4",  # ecdsa-with-SHA512
    "1.2.840.113549.1.1.11",  # sha256WithRSAEncryption
    "1.2.840.113549.1.1.12",  # sha384WithRSAEncryption
    "1.2.840.113549.1.1.13",  # sha512WithRSAEncryption
    "1.2.840.113549.1.1.10",  # id-RSASSA-PSS
}
_POLICIES = (
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.POLICY_MAPPINGS,
    ExtensionOID.POLICY_CONSTRAINTS,
    ExtensionOID.INHIBIT_ANY_POLICY,
)
_CONSTRAINED = (x509.DNSName, x509.IPAddress, x509.RFC822Name)
"""The kinds of names whose constraints the library evaluates."""


def validate(
    leaf: Fields,
    above: Sequence[Fields],
    time: datetime,
    *,
    authority: Authority,
    purpose: x509.ObjectIdentifier,
    leaf_policy: verification.ExtensionPolicy,
    where: str,
) -> tuple[Fields, ...]:
    """The path from `leaf` to the trust anchor, valid at `time`; raises Refused or Unsupported.

    Both ends are included. `above`: the certificates of `authority` above the leaf. The last one is the trust
    anchor; without any, the leaf is the anchor itself. `purpose`: every extended key usage must allow it.
    """
    if len(above) > MAX_CHAIN:
        problem = f"{authority.name} has {len(above)} certificates, more than {MAX_CHAIN}"
        raise Unsupported(problem, where="trusted root")
    _check_constraints(above, authority, where)
    anchor = above[-1] if above else leaf
    try:
        with reading("a chain", where, through=(verification.VerificationError,)):
            verified = _verifier(anchor, time, purpose, leaf_policy).verify(
                leaf.certificate, [f.certificate for f in above[:-1]]
            )
    except verification.VerificationError as e:
        if limit := _limit(leaf, above):
            problem = f"certificates of {authority.name} cannot be verified here: {limit}"
            raise Unsupported(problem, where=where) from None
        raise Refused(f"not issued by {authority.name}: {_brief(e)}", where=where) from None
    by_certificate = {f.certificate: f for f in (leaf, *above)}
    path = tuple(by_certificate[c] for c in verified.chain)
    for one in path:  # the library compares whole seconds only
        if not one.valid_at(time):
            who = quiet_text(one.subject) or "the certificate"
            raise Refused(f"{who} was not valid at {time.isoformat()}", where=where)
    return path


def _verifier(
    anchor: Fields,
    time: datetime,
    purpose: x509.ObjectIdentifier,
    leaf_policy: verification.ExtensionPolicy,
) -> verification.ClientVerifier:
    """The rules for the certificates above the leaf: RFC 5280 section 6.1.4 (k) and (n), and the purpose.

    The library itself checks cA, path lengths, name constraints, unknown critical extensions, signatures and
    validity.
    """
    either = verification.Criticality.AGNOSTIC
    above = (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, either, None)
        .may_be_present(x509.KeyUsage, either, _signs_certificates)
        .may_be_present(x509.ExtendedKeyUsage, either, _allows(purpose))
    )
    return (
        verification.PolicyBuilder()
        .store(verification.Store([anchor.certificate]))
        .time(time)
        .max_chain_depth(MAX_CHAIN)
        .extension_policies(ca_policy=above, ee_policy=leaf_policy)
        .build_client_verifier()
    )


def _signs_certificates(
    _policy: verification.Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None
) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError(f"{quiet_text(certificate.subject)} may not sign certificates: no keyCertSign")


def _allows(
    purpose: x509.ObjectIdentifier,
) -> Callable[[verification.Policy, x509.Certificate, x509.ExtendedKeyUsage | None], None]:
    def check(
        _policy: verification.Policy, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
    ) -> None:
        if usage is not None and not {purpose, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage):
            raise ValueError(f"{quiet_text(certificate.subject)} is for other purposes: extendedKeyUsage")

    return check


def _check_constraints(above: Sequence[Fields], authority: Authority, where: str) -> None:
    """Raise Unsupported for constraints on kinds of names that the library ignores or cannot compare."""
    for one in above:
        try:
            constraints = one.extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            continue
        names = [*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ())]
        odd = next((n for n in names if not isinstance(n, _CONSTRAINED)), None)
        if odd is not None:
            kind = f"name constraints by {type(odd).__name__}"
            problem = f"certificates of {authority.name} cannot be verified here: {kind}"
            raise Unsupported(problem, where=where)


def _limit(leaf: Fields, above: Sequence[Fields]) -> str:
    """The limit of the library that may be the reason for its failure; empty if RFC 5280 itself refuses."""
    for one in above:
        if not _known_key(one.key):
            return f"{_kind(one.key)} are not verified by the library for paths"
    for one in (leaf, *above[:-1]):
        if one.signed_by not in _SIGNED_BY:
            return f"signatures of the algorithm {one.signed_by} are not verified by the library for paths"
    critical = {e.oid for one in (leaf, *above) for e in one.extensions if e.critical}
    if not critical.isdisjoint(_POLICIES):
        return "certificate policies are marked as critical, and policies are not processed"
    if above and not _profiled(above[-1]):
        return "its trust anchor is of version 1 or without basicConstraints"
    for lower, upper in zip((leaf, *above), above, strict=False):
        if lower.issuer == upper.subject and _der(lower.issuer) != _der(upper.subject):
            return "an issuer's name is not written as in the issuer's own certificate (RFC 5280 4.1.2.6)"
    return ""


def _known_key(key: object) -> bool:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(key.curve, _CURVES)
    return isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA


def _kind(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"keys on the curve {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA keys of {key.key_size} bits"
    return f"{type(key).__name__.removesuffix('PublicKey')} keys" if key is not None else "such keys"


def _profiled(anchor: Fields) -> bool:
    constrained = any(e.oid == ExtensionOID.BASIC_CONSTRAINTS for e in anchor.extensions)
    return anchor.version is x509.Version.v3 and constrained


def _der(name: x509.Name) -> bytes:
    return name.public_bytes()


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
