# SPDX-License-Identifier: Apache-2.0
"""Sigstore trusted roots: the logs, authorities and time-stampers that a verifier believes, and when.

Decides what a trusted root file says. Whether the file itself is to be trusted is the caller's affair (a pin,
TUF, a policy), and so is which of its keys a piece of evidence needs. Form: sigstore_trustroot.proto.
"""

import functools
import hashlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from anchor import keydetails
from anchor.encoding import parse_json, to_base64
from anchor.errors import Refused, Unsupported
from anchor.keydetails import Key
from anchor.protojson import Message, to_time

MAX_SIZE = 8 << 20
MEDIA_TYPES = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
)
_ROOT = ("mediaType", "tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")
_LOG = ("baseUrl", "hashAlgorithm", "publicKey", "logId", "checkpointKeyId", "operator")
_AUTHORITY = ("subject", "uri", "certChain", "validFor", "operator")


@dataclass(frozen=True)
class Window:
    """When something is trusted; both ends belong to it (sigstore_common.proto, TimeRange)."""

    start: datetime
    end: datetime | None = None

    def covers(self, time: datetime) -> bool:
        """Whether the time lies inside."""
        return self.start <= time and (self.end is None or time <= self.end)

    def __str__(self) -> str:
        end = self.end.isoformat() if self.end else "now"
        return f"{self.start.isoformat()} to {end}"


@dataclass(frozen=True)
class LogKey:
    """A transparency log (Rekor or CT) and its key. `id` is the 32 bytes that evidence names it by."""

    base_url: str
    id: bytes
    window: Window
    key: Key
    operator: str = ""

    @property
    def host(self) -> str:
        """The host of the base URL, without port: the origin of a Rekor v2 log."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def netloc(self) -> str:
        """The host with its port."""
        return urlsplit(self.base_url).netloc


@dataclass(frozen=True)
class Authority:
    """A certificate or time-stamping authority: its chain, leaf-most first, the last one the trust anchor."""

    uri: str
    subject: str
    window: Window
    certificates: tuple[x509.Certificate, ...] = field(compare=False)
    fingerprints: tuple[bytes, ...] = ()
    operator: str = ""

    @functools.cached_property
    def linked(self) -> str:
        """Empty when each certificate was issued by the next one, else what is wrong."""
        for lower, upper in zip(self.certificates, self.certificates[1:], strict=False):
            try:
                lower.verify_directly_issued_by(upper)
            except Exception:  # noqa: BLE001  the library raises by key type and by what is wrong
                return f"{_name(lower)} was not issued by {_name(upper)}"
        return ""

    @functools.cached_property
    def subjects(self) -> tuple[x509.Name, ...]:
        """The names of the certificates."""
        return tuple(quiet_name(c, "subject") for c in self.certificates)

    @functools.cached_property
    def issuer_serial(self) -> tuple[x509.Name, int]:
        """By what a time-stamp names the first certificate."""
        return quiet_name(self.certificates[0], "issuer"), self.certificates[0].serial_number

    def lapsed(self, time: datetime) -> str:
        """Empty when every certificate of the chain is valid at the time, else which one is not."""
        for certificate in self.certificates:
            if not certificate.not_valid_before_utc <= time <= certificate.not_valid_after_utc:
                return _name(certificate)
        return ""


@dataclass(frozen=True)
class TrustedRoot:
    """What a verifier believes. `digests`: SHA-256 of each file it was made of."""

    tlogs: tuple[LogKey, ...] = ()
    ctlogs: tuple[LogKey, ...] = ()
    authorities: tuple[Authority, ...] = ()
    timestamp_authorities: tuple[Authority, ...] = ()
    digests: tuple[bytes, ...] = ()
    unusable: tuple[str, ...] = ()
    """Entries that this program cannot use, each in words; nothing is verified with them."""


def parse(data: bytes, *, where: str = "trusted root") -> TrustedRoot:
    """A trusted root from its JSON bytes; raises Refused or Unsupported.

    An entry whose key this program does not know is listed in `unusable`; one that is malformed refuses all.
    """
    if len(data) > MAX_SIZE:
        raise Refused(f"{len(data)} bytes, more than {MAX_SIZE}", where=where)
    found = Message(parse_json(data, where=where), _ROOT, where)
    media_type = found.text("mediaType")
    if media_type not in MEDIA_TYPES:
        raise Unsupported(f"a trusted root of type {media_type[:80]!r}", where=where)
    unusable: list[str] = []
    return TrustedRoot(
        tlogs=_logs(found.messages("tlogs", _LOG), unusable),
        ctlogs=_logs(found.messages("ctlogs", _LOG), unusable),
        authorities=_authorities(found.messages("certificateAuthorities", _AUTHORITY)),
        timestamp_authorities=_authorities(found.messages("timestampAuthorities", _AUTHORITY)),
        digests=(hashlib.sha256(data).digest(),),
        unusable=tuple(unusable),
    )


def union(roots: Iterable[TrustedRoot]) -> TrustedRoot:
    """Everything that any of the roots trusts, each thing once."""
    listed = list(roots)
    return TrustedRoot(
        tlogs=tuple(dict.fromkeys(x for r in listed for x in r.tlogs)),
        ctlogs=tuple(dict.fromkeys(x for r in listed for x in r.ctlogs)),
        authorities=tuple(dict.fromkeys(x for r in listed for x in r.authorities)),
        timestamp_authorities=tuple(dict.fromkeys(x for r in listed for x in r.timestamp_authorities)),
        digests=tuple(dict.fromkeys(x for r in listed for x in r.digests)),
        unusable=tuple(dict.fromkeys(x for r in listed for x in r.unusable)),
    )


def _window(owner: Message) -> Window:
    found = owner.message("validFor", ("start", "end"))
    start = to_time(found.need("start"), found.place("start"))
    end = to_time(found.need("end"), found.place("end")) if found.has("end") else None
    if end is not None and end < start:
        raise Refused("ends before it starts", where=found.where)
    return Window(start, end)


def _logs(entries: list[Message], unusable: list[str]) -> tuple[LogKey, ...]:
    found = []
    for entry in entries:
        try:
            found.append(_log(entry))
        except Unsupported as e:
            unusable.append(str(e))
    return tuple(found)


def _log(entry: Message) -> LogKey:
    public = entry.message("publicKey", ("rawBytes", "keyDetails", "validFor"))
    window = _window(public)
    details = public.text("keyDetails")
    keydetails.scheme_of(details)  # before its bytes: those of an unknown kind may be anything, or none
    raw = public.data("rawBytes")
    log_id = entry.message("logId", ("keyId",)).data("keyId")
    if len(log_id) != 32:
        raise Refused(f"an id of {len(log_id)} bytes where 32 are wanted", where=entry.place("logId"))
    base_url = entry.text("baseUrl", "")
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError:
        raise Refused("not a URL", where=entry.place("baseUrl")) from None
    algorithm = entry.text("hashAlgorithm", "SHA2_256")
    if algorithm != "SHA2_256":
        raise Unsupported(f"a log that hashes by {algorithm[:40]!r}", where=entry.where)
    key = keydetails.load_der(raw, details, where=public.place("rawBytes"))
    if log_id not in _ids(key, raw, host):
        raise Refused(f"{to_base64(log_id)} is not this key's id", where=entry.place("logId"))
    if entry.has("checkpointKeyId"):
        other = entry.message("checkpointKeyId", ("keyId",)).data("keyId")
        if len(other) < 4 or all(not i.startswith(other) for i in _ids(key, raw, host)):
            raise Refused("not this key's checkpoint id", where=entry.place("checkpointKeyId"))
    return LogKey(base_url, log_id, window, key, entry.text("operator", ""))


def _ids(key: Key, raw: bytes, host: str) -> list[bytes]:
    """The ids that a key may go by: RFC 6962 section 3.2, and C2SP signed-note for Ed25519."""
    found = [hashlib.sha256(key.spki).digest(), hashlib.sha256(raw).digest()]
    if isinstance(key.public, Ed25519PublicKey):
        tail = b"\n\x01" + key.public.public_bytes_raw()
        found.append(hashlib.sha256(host.encode() + tail).digest())
    return found


def _authorities(entries: list[Message]) -> tuple[Authority, ...]:
    return tuple(_authority(entry) for entry in entries)


def _authority(entry: Message) -> Authority:
    subject = ""
    if entry.has("subject"):
        name = entry.message("subject", ("organization", "commonName"))
        subject = ", ".join(filter(None, (name.text("commonName", ""), name.text("organization", ""))))
    chain = entry.message("certChain", ("certificates",))
    raws = [c.data("rawBytes") for c in chain.messages("certificates", ("rawBytes",))]
    certificates = tuple(load_certificate(raw, chain.where) for raw in raws)
    for certificate in certificates:  # readable names: OpenSSL, further down, cannot cope with others
        quiet_name(certificate, "subject")
        quiet_name(certificate, "issuer")
    return Authority(
        uri=entry.text("uri", ""),
        subject=subject,
        window=_window(entry),
        certificates=certificates,
        fingerprints=tuple(hashlib.sha256(raw).digest() for raw in raws),
        operator=entry.text("operator", ""),
    )


def load_certificate(raw: bytes, where: str) -> x509.Certificate:
    """An X.509 certificate from DER that re-encodes to the same bytes; raises Refused."""
    try:
        found = x509.load_der_x509_certificate(raw)
        same = found.public_bytes(Encoding.DER) == raw
    except Exception:  # noqa: BLE001  the library has many ways to say that this is no certificate
        raise Refused("not an X.509 certificate", where=where) from None
    if not same:
        raise Refused("a certificate that is not in its canonical form", where=where)
    return found


def quiet_name(certificate: x509.Certificate, which: Literal["subject", "issuer"]) -> x509.Name:
    """A name of a certificate, without the library's warnings on how it is written; raises Refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return certificate.subject if which == "subject" else certificate.issuer
    except Exception:  # noqa: BLE001  a lazily parsed name fails in many undocumented ways
        raise Refused(f"a certificate with an unreadable {which}", where="certificate") from None


def _name(certificate: x509.Certificate) -> str:
    try:
        return quiet_name(certificate, "subject").rfc4514_string() or "a certificate without a subject"
    except Refused as e:
        return e.problem
