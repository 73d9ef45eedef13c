# SPDX-License-Identifier: Apache-2.0
"""X.509 certificates: parsed, and every field read once. `verify.certificate` decides what they mean.

The library warns, parses lazily and fails in many undocumented ways. All reading goes through one guard.
"""

import functools
import warnings
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Literal, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anchor.errors import AnchorError, Refused


def reading(
    what: str,
    where: str,
    *,
    of: x509.Certificate | None = None,
    through: tuple[type[Exception], ...] = (),
    kind: type[AnchorError] = Refused,
) -> AbstractContextManager[None]:
    """Guard a library that reads a document of unknown origin: raises `kind` for its errors.

    The library may parse a field only on access, and then fails in undocumented ways: a year 0, a time beyond
    the year 9999, an unknown curve, a panic of the Rust code. `of`: the certificate that an error names.
    `through`: errors that are not translated.
    """
    return _Reading(what, where, of, through, kind)


class _Reading(AbstractContextManager[None]):
    """`reading`, as a class: a generator takes twice as long, and each bundle needs a dozen of them."""

    def __init__(
        self,
        what: str,
        where: str,
        of: x509.Certificate | None,
        through: tuple[type[Exception], ...],
        kind: type[AnchorError],
    ) -> None:
        self._what, self._where, self._of, self._through, self._kind = what, where, of, through, kind
        self._quiet = warnings.catch_warnings()

    def __enter__(self) -> None:
        self._quiet.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._quiet.__exit__(None, None, None)
        # MemoryError is this machine's limit, and not a forgery.
        if error is None or isinstance(error, (AnchorError, MemoryError, *self._through)):
            return
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            return
        what = self._what if self._of is None else f"{self._what} ({shown_name(self._of)})"
        raise self._kind(f"{what} that cannot be read: {type(error).__name__}", where=self._where) from None


E = TypeVar("E", bound=x509.ExtensionType)


class Fields(msgspec.Struct, frozen=True, dict=True):
    """The fields of a certificate. `key` is None for a kind that the library does not know."""

    certificate: x509.Certificate
    version: x509.Version
    subject: x509.Name
    issuer: x509.Name
    serial: int
    not_before: datetime
    not_after: datetime
    extensions: x509.Extensions
    signed_by: str
    """The signature's algorithm: its object identifier, dotted."""
    key: object

    def valid_at(self, time: datetime) -> bool:
        """True if the time lies within the validity, both ends included (RFC 5280 section 4.1.2.5)."""
        return self.not_before <= time <= self.not_after

    def extension(self, kind: type[E]) -> E | None:
        """The value of the extension of this kind; None if there is none."""
        found = self.extension_by(kind.oid)
        assert found is None or isinstance(found, kind)
        return found

    def extension_by(self, oid: x509.ObjectIdentifier) -> x509.ExtensionType | None:
        """The value of the extension with this object identifier; None if there is none."""
        return next((one.value for one in self.extensions if one.oid == oid), None)

    @functools.cached_property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo DER; raises Refused for a key that the library does not know."""
        with reading("a key", "certificate"):
            key = self.certificate.public_key()
            return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def fields(certificate: x509.Certificate, where: str) -> Fields:
    """The fields of a certificate; raises Refused if one of them cannot be read."""
    with reading("a certificate", where, of=certificate):
        return Fields(
            certificate=certificate,
            version=certificate.version,
            subject=certificate.subject,
            issuer=certificate.issuer,
            serial=certificate.serial_number,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            extensions=certificate.extensions,
            signed_by=certificate.signature_algorithm_oid.dotted_string,
            key=_key(certificate),
        )


def _key(certificate: x509.Certificate) -> object:
    try:
        with reading("a key", "certificate"):
            return certificate.public_key()
    except Refused:
        return None


def load_certificate(raw: bytes, where: str) -> x509.Certificate:
    """An X.509 certificate from DER that re-encodes to the same bytes; raises Refused."""
    with reading("an X.509 certificate", where):
        certificate = x509.load_der_x509_certificate(raw)
        same = certificate.public_bytes(Encoding.DER) == raw
    if not same:
        raise Refused("a certificate that is not in its canonical form", where=where)
    return certificate


def quiet_name(certificate: x509.Certificate, which: Literal["subject", "issuer"]) -> x509.Name:
    """A name of a certificate, without the library's warnings on how it is written; raises Refused."""
    with reading(f"a certificate with a name ({which})", "certificate"):
        return certificate.subject if which == "subject" else certificate.issuer


def shown_name(certificate: x509.Certificate, which: Literal["subject", "issuer"] = "subject") -> str:
    """A name of a certificate for a person."""
    try:
        name = quiet_name(certificate, which)
    except Refused as e:
        return e.problem
    return quiet_text(name) or f"a certificate without {which}"


def quiet_text(name: x509.Name) -> str:
    """A name as RFC 4514 writes it."""
    try:
        with reading("a name", "certificate"):
            return name.rfc4514_string()
    except Refused:
        return "an unreadable name"
