# SPDX-License-Identifier: Apache-2.0
"""Sigstore trusted roots: the logs and authorities that a verifier accepts, each with a period of validity.

Decides which keys a trusted root file lists. The caller decides whether to trust the file (by a pin, TUF or a
policy), and which of its keys a piece of evidence needs. Form: sigstore_trustroot.proto.
"""

import contextlib
import functools
import hashlib
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from anchor import limits
from anchor.encoding import parse_json, to_base64
from anchor.errors import AnchorError, Refused, Unavailable, Unsupported
from anchor.sigstore import keys
from anchor.sigstore.certification_path import SIGNING, STAMPING, Chain
from anchor.sigstore.keys import Key
from anchor.sigstore.protojson import Message, to_time
from anchor.sigstore.x509 import Fields, fields, load_certificate, quiet_name, reading

MAX_SIZE = limits.TRUSTED_ROOT
MEDIA_TYPES = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
)
_ROOT = ("mediaType", "tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")
_LOG = ("baseUrl", "hashAlgorithm", "publicKey", "logId", "checkpointKeyId", "operator")
_AUTHORITY = ("subject", "uri", "certChain", "validFor", "operator")


class Window(msgspec.Struct, frozen=True):
    """The time in which a key is trusted, both ends included (sigstore_common.proto, TimeRange)."""

    start: datetime
    end: datetime | None = None

    def covers(self, time: datetime) -> bool:
        """True if the time lies inside."""
        return self.start <= time and (self.end is None or time <= self.end)

    def __str__(self) -> str:
        end = self.end.isoformat() if self.end else "now"
        return f"{self.start.isoformat()} to {end}"


class LogKey(msgspec.Struct, frozen=True):
    """A transparency log (Rekor or CT) and its key. Evidence names the log by `id`, 32 bytes."""

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

    @property
    def names(self) -> frozenset[str]:
        """The names under which the log may sign: its host, alone, with its port, and with port and path."""
        return _names(self.base_url)


class Authority(msgspec.Struct, frozen=True, dict=True):
    """A certificate or time-stamping authority. The last certificate of its chain is the trust anchor."""

    uri: str
    subject: str
    window: Window
    certificates: tuple[x509.Certificate, ...]
    fingerprints: tuple[bytes, ...] = ()
    operator: str = ""

    @functools.cached_property
    def subjects(self) -> tuple[x509.Name, ...]:
        """The subjects of the certificates, except names that cannot be read."""
        names = []
        for certificate in self.certificates:
            with contextlib.suppress(Refused):
                names.append(quiet_name(certificate, "subject"))
        return tuple(names)

    @functools.cached_property
    def fields(self) -> tuple[Fields, ...]:
        """The fields of each certificate; raises Refused if one cannot be read."""
        return tuple(fields(c, f"trusted root, {self.name}") for c in self.certificates)

    @functools.cached_property
    def signing(self) -> Chain:
        """Its certificates as those of a certificate authority; raises as `fields`."""
        return Chain(self.name, self.fields, SIGNING)

    @functools.cached_property
    def stamping(self) -> Chain:
        """Its certificates as those of a time-stamping authority; raises as `fields`."""
        return Chain(self.name, self.fields, STAMPING)

    @functools.cached_property
    def issuer_serial(self) -> tuple[x509.Name, int] | None:
        """Issuer and serial number of the first certificate, which a time-stamp names; None if unreadable."""
        for certificate in self.certificates[:1]:
            with contextlib.suppress(Refused), reading("a certificate", "trusted root"):
                return certificate.issuer, certificate.serial_number
        return None

    @property
    def name(self) -> str:
        """Its URI, else the subject that the trusted root gives."""
        return self.uri or self.subject or "an authority without a name"


class Unusable(msgspec.Struct, frozen=True):
    """A log in a trusted root that cannot be used: its kind is unknown here, or it is malformed."""

    problem: str
    id: bytes
    """The id by which evidence would name the log; empty if the entry has none."""
    known_kind: bool
    """True if it is malformed, so that no other program could use it either."""

    def error(self, where: str) -> AnchorError:
        """The error for evidence that names this log. A listed log is not foreign."""
        kind = Refused if self.known_kind else Unsupported
        return kind(f"the trusted root names this log, but it cannot be used: {self.problem}", where=where)


class TrustedRoot(msgspec.Struct, frozen=True):
    """The keys and certificates that a verifier accepts. `digests`: the SHA-256 of each source file."""

    tlogs: tuple[LogKey, ...] = ()
    ctlogs: tuple[LogKey, ...] = ()
    authorities: tuple[Authority, ...] = ()
    timestamp_authorities: tuple[Authority, ...] = ()
    digests: tuple[bytes, ...] = ()
    unusable_tlogs: tuple[Unusable, ...] = ()
    unusable_ctlogs: tuple[Unusable, ...] = ()
    doubt: str = ""
    """Set if this is a copy that could not be refreshed: the reason why a newer root may name more."""

    def unnamed(self, problem: str, where: str) -> AnchorError:
        """The error for a key that is not in this root: Unavailable if the root is in doubt, else Refused."""
        if self.doubt:
            return Unavailable(f"{problem}; {self.doubt}", where=where)
        return Refused(problem, where=where)

    @property
    def unusable(self) -> tuple[str, ...]:
        """The unusable entries, each in words."""
        return tuple(u.problem for u in (*self.unusable_tlogs, *self.unusable_ctlogs))


def parse(data: bytes, *, where: str = "trusted root") -> TrustedRoot:
    """A trusted root from its JSON bytes; raises Refused or Unsupported.

    A log that is malformed or of an unknown kind is listed as unusable. Without it less is trusted, never
    more. A malformed authority makes the whole root Refused.
    """
    if len(data) > MAX_SIZE:
        raise Refused(f"{len(data)} bytes, more than {MAX_SIZE}", where=where)
    document = Message(parse_json(data, where=where), _ROOT, where)
    media_type = document.text("mediaType")
    if media_type not in MEDIA_TYPES:
        raise Unsupported(f"a trusted root of type {media_type[:80]!r}", where=where)
    tlogs, unusable_tlogs = _logs(document.messages("tlogs", _LOG))
    ctlogs, unusable_ctlogs = _logs(document.messages("ctlogs", _LOG))
    return TrustedRoot(
        tlogs=tlogs,
        ctlogs=ctlogs,
        authorities=_authorities(document.messages("certificateAuthorities", _AUTHORITY)),
        timestamp_authorities=_authorities(document.messages("timestampAuthorities", _AUTHORITY)),
        digests=(hashlib.sha256(data).digest(),),
        unusable_tlogs=unusable_tlogs,
        unusable_ctlogs=unusable_ctlogs,
    )


def union(roots: Iterable[TrustedRoot]) -> TrustedRoot:
    """All logs and authorities of the roots, each once."""
    listed = list(roots)
    return TrustedRoot(
        tlogs=tuple(dict.fromkeys(x for r in listed for x in r.tlogs)),
        ctlogs=tuple(dict.fromkeys(x for r in listed for x in r.ctlogs)),
        authorities=tuple(dict.fromkeys(x for r in listed for x in r.authorities)),
        timestamp_authorities=tuple(dict.fromkeys(x for r in listed for x in r.timestamp_authorities)),
        digests=tuple(dict.fromkeys(x for r in listed for x in r.digests)),
        unusable_tlogs=tuple(dict.fromkeys(x for r in listed for x in r.unusable_tlogs)),
        unusable_ctlogs=tuple(dict.fromkeys(x for r in listed for x in r.unusable_ctlogs)),
    )


def _window(owner: Message) -> Window:
    window = owner.message("validFor", ("start", "end"))
    start = to_time(window.required("start"), window.path("start"), late=True)
    end = to_time(window.required("end"), window.path("end")) if window.has("end") else None
    if end is not None and end < start:
        raise Refused("ends before it starts", where=window.where)
    return Window(start, end)


def _logs(entries: list[Message]) -> tuple[tuple[LogKey, ...], tuple[Unusable, ...]]:
    usable, unusable = [], []
    for entry in entries:
        try:
            usable.append(_log(entry))
        except AnchorError as e:
            unusable.append(Unusable(str(e), _claimed_id(entry), known_kind=isinstance(e, Refused)))
    return tuple(usable), tuple(unusable)


def _claimed_id(entry: Message) -> bytes:
    try:
        return entry.message("logId", ("keyId",)).data("keyId")
    except AnchorError:
        return b""


def _log(entry: Message) -> LogKey:
    public = entry.message("publicKey", ("rawBytes", "keyDetails", "validFor"))
    window = _window(public)
    details = public.text("keyDetails")
    # Before the bytes, which may be anything for an unknown kind.
    keys.scheme_of(details, where=public.path("keyDetails"))
    raw = public.data("rawBytes")
    log_id = entry.message("logId", ("keyId",)).data("keyId")
    if len(log_id) != 32:
        raise Refused(f"an id of {len(log_id)} bytes where 32 are wanted", where=entry.path("logId"))
    base_url = entry.text("baseUrl", "")
    try:
        names = _names(base_url)
    except ValueError:
        raise Refused("not a URL", where=entry.path("baseUrl")) from None
    algorithm = entry.text("hashAlgorithm", "SHA2_256")
    if algorithm != "SHA2_256":
        raise Unsupported(f"a log that hashes by {algorithm[:40]!r}", where=entry.where)
    key = keys.load_der(raw, details, where=public.path("rawBytes"))
    ids = _ids(key, raw, names)
    if log_id not in ids:
        raise Refused(f"{to_base64(log_id)} is not this key's id", where=entry.path("logId"))
    if entry.has("checkpointKeyId"):
        other = entry.message("checkpointKeyId", ("keyId",)).data("keyId")
        if len(other) < 4 or all(not i.startswith(other) for i in ids):
            raise Refused("not this key's checkpoint id", where=entry.path("checkpointKeyId"))
    return LogKey(base_url, log_id, window, key, entry.text("operator", ""))


def _names(base_url: str) -> frozenset[str]:
    """The names under which a log with this URL may sign; raises ValueError if it is not a URL."""
    parts = urlsplit(base_url)
    return frozenset({parts.hostname or "", parts.netloc, (parts.netloc + parts.path).rstrip("/")} - {""})


def _ids(key: Key, raw: bytes, names: Iterable[str]) -> list[bytes]:
    """The ids that a key may have: RFC 6962 section 3.2, and C2SP signed-note under one of the names, by
    type 0x01 for Ed25519 and by 0xff for RSA (sigstore_trustroot.proto, checkpoint_key_id)."""
    ids = [hashlib.sha256(key.spki).digest(), hashlib.sha256(raw).digest()]
    if isinstance(key.public, Ed25519PublicKey):
        tail = b"\n\x01" + key.public.public_bytes_raw()
    elif isinstance(key.public, RSAPublicKey):
        tail = b"\n\xffPKIX-RSA-PKCS#1v1.5" + key.spki
    else:
        return ids
    return ids + [hashlib.sha256(name.encode() + tail).digest() for name in names]


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
    return Authority(
        uri=entry.text("uri", ""),
        subject=subject,
        window=_window(entry),
        certificates=certificates,
        fingerprints=tuple(hashlib.sha256(raw).digest() for raw in raws),
        operator=entry.text("operator", ""),
    )
