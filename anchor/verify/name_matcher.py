# SPDX-License-Identifier: Apache-2.0
"""Entries of a log under a watched identity: whose name is in the certificate, and who put it there.

Decides on the bytes of entries. Anybody can log a certificate that he made himself, with any name in it. So
an entry is certified only if an authority of a trusted root issued its certificate, and its key made the
entry's signature. Any other entry with the name merely claims it.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from anchor.encoding import jcs
from anchor.errors import AnchorError, Refused
from anchor.log_kinds import entry_signatures
from anchor.log_kinds.entry_signatures import EntrySignature
from anchor.sigstore import keys
from anchor.sigstore.bundle import IN_TOTO, Envelope
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.sigstore.x509 import Fields, fields, load_certificate
from anchor.verify import certificate
from anchor.verify.certificate import Leaf
from anchor.verify.effort import Effort
from anchor.verify.named_entry import NamedEntry
from anchor.verify.policy import Signer

_RULES = 2
"""Counts up when these rules find entries that they did not find before: logs are read again then."""


_SAN = bytes.fromhex("0603551d11")
"""The DER of the object identifier of the subject alternative name."""
_CRITICAL = bytes.fromhex("0101ff")


class Found(msgspec.Struct, frozen=True):
    """The result of some entries."""

    named: tuple[NamedEntry, ...] = ()
    unreadable: int = 0
    """Entries whose bytes give no form at all, so that nobody can say whose name is in them."""


class NameMatcher:
    """Finds entries under the identities of some signers. `roots`: trusted roots by the policy's labels."""

    def __init__(self, signers: Sequence[Signer], roots: Sequence[tuple[str, TrustedRoot]]) -> None:
        self._signers = tuple(signers)
        self._roots = tuple(roots)
        exact = {s.identity.encode("utf-8", "surrogatepass") for s in signers if s.identity}
        self._needles = tuple(exact)
        self._patterns = tuple(
            (s.issuer.encode("utf-8", "surrogatepass"), s) for s in signers if s.identity_regex
        )

    @property
    def signers(self) -> tuple[Signer, ...]:
        return self._signers

    def key(self) -> str:
        """SHA-256 (hex) of everything that decides what is found. With another key, a log is read again."""
        whom = sorted(
            [s.issuer, s.identity, s.identity_regex, sorted(s.trusted_roots)] for s in self._signers
        )
        authorities = sorted(
            [label, sorted(f.hex() for a in root.authorities for f in a.fingerprints)]
            for label, root in self._roots
        )
        return hashlib.sha256(jcs([_RULES, whom, authorities], where="watch")).hexdigest()

    def find(self, bodies: Sequence[bytes], first: int) -> Found:
        """The entries under a watched identity. `first`: the index of the first of them."""
        named: list[NamedEntry] = []
        unreadable = 0
        may_name, certificates = self._may_name, entry_signatures.certificates
        for offset, body in enumerate(bodies):
            try:
                found = certificates(body)
            except AnchorError:
                unreadable += 1
                continue
            for der in found:
                if may_name(der):
                    one = self._named(body, first + offset)
                    named += [one] if one is not None else []
                    break
        return Found(tuple(named), unreadable)

    def watches(self, entry: NamedEntry) -> bool:
        """True if a certified entry is under a watched identity. It may have been found by another watch."""
        return any(s.accepts(entry.identity, entry.issuer) for s in self._signers)

    def certifies(self, der: bytes, entry: NamedEntry) -> bool:
        """True if a certificate (DER) is of the signer of an entry, and of a trusted authority as well.

        Of a verified bundle: then this signer signed that bundle.
        """
        one = EntrySignature(der)
        try:
            read = fields(load_certificate(der, "certificate"), "certificate")
        except Refused:
            return False
        who = entry.identity, entry.issuer
        fitting = [s for s in self._signers if s.accepts(*who)]
        return who in certificate.stated_names(read) and self._certified(one, read, *who, fitting)

    def _may_name(self, der: bytes) -> bool:
        """True if a certificate is worth parsing. DER holds each name as it is, so nothing is missed."""
        for needle in self._needles:
            if needle in der:
                return True
        names: list[str] | None = None
        for issuer, signer in self._patterns:
            if issuer not in der:
                continue
            names = names if names is not None else _quick_names(der)
            if names is None or any(signer.accepts(name, signer.issuer) for name in names):
                return True
        return False

    def _named(self, body: bytes, index: int) -> NamedEntry | None:
        claim: NamedEntry | None = None
        for one in entry_signatures.signatures(body):
            if not one.certificate or not self._may_name(one.certificate):
                continue
            names = self._certificate(one)
            if names is None:
                continue
            identity, issuer, certified = names
            if certified:
                return NamedEntry(
                    index=index,
                    digest=one.digest.hex(),
                    certified=True,
                    identity=identity,
                    issuer=issuer,
                    body=body,
                )
            claim = claim or NamedEntry(index=index, digest=one.digest.hex(), certified=False)
        return claim

    def _certificate(self, one: EntrySignature) -> tuple[str, str, bool] | None:
        """Identity, issuer, and whether they are certified. None if no watched identity is in it."""
        try:
            read = fields(load_certificate(one.certificate, "certificate"), "certificate")
        except Refused:
            return "", "", False  # with a watched name in it, and no verifier takes it
        claim: tuple[str, str, bool] | None = None
        for identity, issuer in certificate.stated_names(read):
            fitting = [s for s in self._signers if s.accepts(identity, issuer)]
            if fitting and self._certified(one, read, identity, issuer, fitting):
                return identity, issuer, True
            if fitting:
                claim = claim or (identity, issuer, False)
        return claim

    def _certified(
        self, one: EntrySignature, read: Fields, identity: str, issuer: str, fitting: Sequence[Signer]
    ) -> bool:
        try:
            key = keys.key_of(read.key, where="certificate key")
            _check_signature(one, key)
        except AnchorError:
            return False
        leaf = Leaf(fields=read, key=key, identity=identity, kind="", issuer=issuer)
        roots = [root for label, root in self._roots if any(s.under(label) for s in fitting)]
        return any(_issued(leaf, root, time) for root in roots for time in _moments(leaf, root))


def _moments(leaf: Leaf, root: TrustedRoot) -> list[datetime]:
    """The times at which a certificate is looked at, within its validity.

    An entry has no time of its own, so one time at which everything was valid is enough. The last beginning
    of all periods is such a time, if there is one. Whoever has the authority's key chooses the leaf's period.
    """
    starts = {leaf.not_before, leaf.not_after}
    for authority in root.authorities:
        if leaf.issuer_name in authority.subjects:
            starts.add(authority.window.start)
            with contextlib.suppress(Refused):
                starts |= {one.not_before for one in authority.fields}
    return sorted(time for time in starts if leaf.fields.valid_at(time))


def _issued(leaf: Leaf, root: TrustedRoot, time: datetime) -> bool:
    try:
        certificate.issued_by(leaf, root, time, Effort.unlimited())
    except AnchorError:
        return False
    return True


def _check_signature(one: EntrySignature, key: keys.Key) -> None:
    """Return unless the entry has a signature that this key did not make. Raises Refused."""
    if not one.signature or not one.algorithm:
        return  # an entry of this form does not give the signed bytes
    used = key.using(one.details) if one.details else key
    if used.scheme.kind == "ed25519":
        return  # it signs the bytes themselves, and an entry has only their digest
    if used.scheme.hash != one.algorithm:
        raise Refused(f"a digest by {one.algorithm}", where="log entry")
    used.check(one.signature, one.digest)


def _quick_names(der: bytes) -> list[str] | None:
    """The e-mail addresses and URIs behind each subject alternative name extension of a certificate.

    A tenth of the time of parsing it. None if anything there is not as usual: then it must be parsed.
    """
    names: list[str] = []
    at = der.find(_SAN)
    while at >= 0:
        begin = at + len(_SAN)
        begin += 3 if der[begin : begin + 3] == _CRITICAL else 0
        octets = _value(der, begin, 0x04)
        listed = _value(der, octets[0], 0x30) if octets is not None else None
        if octets is None or listed is None or listed[1] != octets[1]:
            return None
        inside, end = listed
        while inside < end:
            tag = der[inside]
            value = _value(der, inside, tag)
            if tag not in (0x81, 0x86) or value is None or value[1] > end:
                return None
            if not (name := der[value[0] : value[1]]).isascii():
                return None
            names.append(name.decode())
            inside = value[1]
        at = der.find(_SAN, begin)
    return names or None


def _value(der: bytes, at: int, tag: int) -> tuple[int, int] | None:
    """Begin and end of the value of a DER element with this tag; None for another one, or a long one."""
    if at + 2 > len(der) or der[at] != tag:
        return None
    size, begin = der[at + 1], at + 2
    if size >= 0x80:
        count = size & 0x7F
        if not 1 <= count <= 2 or begin + count > len(der):
            return None
        size, begin = int.from_bytes(der[begin : begin + count], "big"), begin + count
    return (begin, begin + size) if begin + size <= len(der) else None


def digests_of(statement: bytes) -> frozenset[str]:
    """Every digest (hex) by which an entry may record this statement: of its envelope, and of itself."""
    pae = Envelope(payload_type=IN_TOTO, payload=statement, signature=b"", keyid="").pae()
    found = {hashlib.new(name, pae).hexdigest() for name in ("sha256", "sha384", "sha512")}
    return frozenset(found | {hashlib.sha256(statement).hexdigest()})
