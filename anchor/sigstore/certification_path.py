# SPDX-License-Identifier: Apache-2.0
"""Certification paths: from the last certificate of an authority in the trusted root down to a leaf.

Decides on RFC 5280 section 6.1, with the path library of `cryptography`. A path that the RFC refuses is
Refused. A path that only this library cannot verify is Unsupported. Who trusts the authority is decided
elsewhere.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from anchor import limits
from anchor.errors import Refused, Unsupported
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


class Purpose(msgspec.Struct, frozen=True, eq=False):
    """The rules of the library for the certificates of a path, by what its leaf is for.

    `above`: RFC 5280 section 6.1.4 (k) and (n), and the purpose. The library itself checks cA, path lengths,
    name constraints, unknown critical extensions, signatures and validity.
    """

    leaf: verification.ExtensionPolicy
    above: verification.ExtensionPolicy


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
        if usage is not None and purpose not in usage and _ANY not in usage:
            raise ValueError(f"{quiet_text(certificate.subject)} is for other purposes: extendedKeyUsage")

    return check


_ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
_EITHER = verification.Criticality.AGNOSTIC


def _purpose(leaf: verification.ExtensionPolicy, usage: x509.ObjectIdentifier) -> Purpose:
    """`usage`: every extended key usage above the leaf must allow it."""
    above = (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, _EITHER, None)
        .may_be_present(x509.KeyUsage, _EITHER, _signs_certificates)
        .may_be_present(x509.ExtendedKeyUsage, _EITHER, _allows(usage))
    )
    return Purpose(leaf, above)


SIGNING = _purpose(
    verification.ExtensionPolicy.webpki_defaults_ee().may_be_present(x509.ExtendedKeyUsage, _EITHER, None),
    ExtendedKeyUsageOID.CODE_SIGNING,
)
"""The library's rules for a leaf, except the extended key usage: it demands clientAuth, and code-signing
certificates have another one, which `verify.certificate` checks."""
STAMPING = _purpose(verification.ExtensionPolicy.permit_all(), ExtendedKeyUsageOID.TIME_STAMPING)
"""The library for tokens checks the extended key usage of their certificate (RFC 3161 section 2.3)."""


class Chain(msgspec.Struct, frozen=True, dict=True):
    """The certificates of one authority. The last one is the trust anchor.

    The paths among them depend on nothing that a stranger sends, so each is found once. A path is the same at
    any time at which all of its certificates are valid: RFC 5280 section 6.1.3 compares the time with nothing
    else.
    """

    name: str
    """Of the authority, for errors."""
    certificates: tuple[Fields, ...]
    purpose: Purpose

    def own(self, time: datetime, where: str) -> tuple[Fields, ...]:
        """The path from its first certificate to the trust anchor, valid at `time`; raises as `validate`."""
        if self._own and _all_valid(self._own, time):
            return self._own
        first, *above = self.certificates
        return validate(first, above, time, name=self.name, purpose=self.purpose, where=where)

    def down_to(self, leaf: Fields, time: datetime, where: str) -> tuple[Fields, ...]:
        """The path from `leaf` to the trust anchor, valid at `time`; raises as `validate`."""
        for issuer in self.issuers:
            if _all_valid((leaf, *issuer.path), time) and self._issued(leaf, issuer, time, where):
                return (leaf, *issuer.path)
        return validate(leaf, self.certificates, time, name=self.name, purpose=self.purpose, where=where)

    def _issued(self, leaf: Fields, issuer: "Issuer", time: datetime, where: str) -> bool:
        """True if the leaf is issued by exactly this certificate. `validate` says why one is not."""
        with contextlib.suppress(verification.VerificationError, Refused):
            return len(_chain(leaf, (), issuer.store, time, self.purpose, where)) == 2
        return False

    @functools.cached_property
    def _start(self) -> datetime:
        """The first time at which none of the certificates is still to begin."""
        return max(one.not_before for one in self.certificates)

    @functools.cached_property
    def _own(self) -> tuple[Fields, ...]:
        """A path from the first certificate; empty if there is none when all have begun."""
        first, *above = self.certificates
        with contextlib.suppress(Refused, Unsupported):
            return validate(first, above, self._start, name=self.name, purpose=self.purpose, where="")
        return ()

    @functools.cached_property
    def issuers(self) -> tuple["Issuer", ...]:
        """The certificates whose path to the trust anchor is a path for whatever they issue.

        RFC 5280 looks from a certificate above at those below for two reasons: name constraints, which no
        path here has above the issuer, and the number of certificates, which is known.
        """
        paths = (self._path_of(issuer) for issuer in self.certificates)
        return tuple(Issuer(path, verification.Store([path[0].certificate])) for path in paths if path)

    def _path_of(self, issuer: Fields) -> tuple[Fields, ...]:
        """The path of one issuer, checked as the upper part of a longer one; empty if there is none."""
        among = Purpose(self.purpose.above, self.purpose.above)
        with contextlib.suppress(Refused, Unsupported):
            path = validate(issuer, self.certificates, self._start, name=self.name, purpose=among, where="")
            if all(_bears(one, below) for below, one in enumerate(path) if below):
                return path
        return ()


class Issuer(msgspec.Struct, frozen=True):
    """A certificate and its path to the trust anchor. `path` begins with itself, and `store` has it alone."""

    path: tuple[Fields, ...]
    store: verification.Store


def _bears(one: Fields, below: int) -> bool:
    """True if a certificate says nothing about what stands below, except that so many authorities may."""
    basic = one.extension(x509.BasicConstraints)
    length = None if basic is None else basic.path_length
    return one.extension(x509.NameConstraints) is None and (length is None or length >= below)


def _all_valid(path: Sequence[Fields], time: datetime) -> bool:
    return all(one.valid_at(time) for one in path)


def validate(
    leaf: Fields, above: Sequence[Fields], time: datetime, *, name: str, purpose: Purpose, where: str
) -> tuple[Fields, ...]:
    """The path from `leaf` to the trust anchor, valid at `time`; raises Refused or Unsupported.

    Both ends are included. `above`: the certificates of the authority called `name` above the leaf. The last
    one is the trust anchor; without any, the leaf is the anchor itself.
    """
    if len(above) > MAX_CHAIN:
        problem = f"{name} has {len(above)} certificates, more than {MAX_CHAIN}"
        raise Unsupported(problem, where="trusted root")
    _check_constraints(above, name, where)
    anchor = above[-1] if above else leaf
    store = verification.Store([anchor.certificate])
    try:
        chain = _chain(leaf, above[:-1], store, time, purpose, where)
    except verification.VerificationError as e:
        if limit := _limit(leaf, above):
            problem = f"certificates of {name} cannot be verified here: {limit}"
            raise Unsupported(problem, where=where) from None
        raise Refused(f"not issued by {name}: {_brief(e)}", where=where) from None
    by_certificate = {f.certificate: f for f in (leaf, *above)}
    path = tuple(by_certificate[c] for c in chain)
    for one in path:  # the library compares whole seconds only
        if not one.valid_at(time):
            who = quiet_text(one.subject) or "the certificate"
            raise Refused(f"{who} was not valid at {time.isoformat()}", where=where)
    return path


def _chain(
    leaf: Fields,
    between: Sequence[Fields],
    store: verification.Store,
    time: datetime,
    purpose: Purpose,
    where: str,
) -> list[x509.Certificate]:
    """The certificates from the leaf to one in the store; raises VerificationError."""
    verifier = (
        verification.PolicyBuilder()
        .store(store)
        .time(time)
        .max_chain_depth(MAX_CHAIN)
        .extension_policies(ca_policy=purpose.above, ee_policy=purpose.leaf)
        .build_client_verifier()
    )
    with reading("a chain", where, through=(verification.VerificationError,)):
        return verifier.verify(leaf.certificate, [f.certificate for f in between]).chain


def _check_constraints(above: Sequence[Fields], name: str, where: str) -> None:
    """Raise Unsupported for constraints on kinds of names that the library ignores or cannot compare."""
    for one in above:
        constraints = one.extension(x509.NameConstraints)
        if constraints is None:
            continue
        names = [*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ())]
        odd = next((n for n in names if not isinstance(n, _CONSTRAINED)), None)
        if odd is not None:
            kind = f"name constraints by {type(odd).__name__}"
            problem = f"certificates of {name} cannot be verified here: {kind}"
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
