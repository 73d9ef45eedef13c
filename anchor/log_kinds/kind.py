# SPDX-License-Identifier: Apache-2.0
"""The pure part of a kind of log: its entries, its checkpoints, its promises, and its requests.

A kind decides what the bytes of its logs must be. Whether a log has an entry is decided in `anchor.verify`.
How a log of the kind is reached is in the module of the same name in `anchor.net.logs`.
"""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from anchor.encoding import parse_json
from anchor.errors import Refused, Unsupported
from anchor.sigstore.artifact import Artifact
from anchor.sigstore.bundle import Bundle, LogEntry
from anchor.sigstore.keys import Key
from anchor.sigstore.trusted_root import LogKey
from anchor.tlog.checkpoint import Log
from anchor.tlog.keys import VerifierKey, key_from_public, key_from_spki

Body = dict[str, Any]
Form = tuple[str, str]
"""Kind and version of an entry: `kindVersion` of sigstore_rekor.proto."""


class Signed(msgspec.Struct, frozen=True):
    """A signature and its signer. An entry is rebuilt from it. `certificate` is DER, None for a managed
    key."""

    bundle: Bundle
    key: Key
    certificate: bytes | None
    message: Artifact
    """The bytes that the signature covers: the artifact, or the envelope's PAE."""


class Unlogged(msgspec.Struct, frozen=True, kw_only=True):
    """A DSSE signature that no log has yet. `certificate` is DER."""

    envelope: str
    """The envelope's JSON."""
    pae: bytes
    signature: bytes
    certificate: bytes


class LogKind(ABC):
    """One kind of log. A subclass is one file; `anchor.log_kinds.KINDS` lists them."""

    name: ClassVar[str]
    """The same in `anchor.net.logs`."""
    title: ClassVar[str]
    """For sentences."""
    forms: ClassVar[tuple[Form, ...]] = ()
    """The entries of this kind's logs. A form belongs to one kind."""
    api_version: ClassVar[int | None] = None
    """`majorApiVersion` in signing configs; None if no signing config lists such logs."""
    promises: ClassVar[bool] = False
    """True if its logs sign promises (signed entry timestamps)."""
    one_tree: ClassVar[bool] = True
    """True if a log is one tree, so that the index of an entry is its index in that tree."""
    sharded: ClassVar[bool] = False
    """True if its operators begin new logs, each under a host of its own, and end the old ones."""

    # Entries

    @abstractmethod
    def rebuild(self, entry: LogEntry, signed: Signed, where: str) -> list[Body]:
        """Each `spec` that an entry of this form may have, if it records this signature.

        Raises `Refused`, and `Unsupported` for a form that is not rebuilt.
        """

    def stated_details(self, entry: LogEntry) -> str:
        """The key details that an entry states, "" if it states none; not verified."""
        return ""

    def prehashed(self, entry: LogEntry) -> bool:
        """True if an Ed25519 signature in an entry of this form is over the SHA-512 of the file."""
        return False

    # Proofs

    def promised_time(self, entry: LogEntry, key: LogKey, where: str) -> datetime:
        """The time of an entry whose promise the log's key signed; raises `Refused`."""
        raise Refused(f"a {self.title} log makes no promises", where=where)

    @abstractmethod
    def log_of(self, key: LogKey, origin: str, where: str) -> Log:
        """The log of a trusted root's key, as it signs a checkpoint of this origin; raises `Refused` for an
        origin that the key cannot have."""

    @abstractmethod
    def has_origin(self, origin: str) -> bool:
        """True if checkpoints of this kind's logs have such an origin."""

    def log_name(self, origin: str) -> str:
        """The name of the log in an origin."""
        return origin

    def log(self, name: str, spki: bytes, *, hash_name: str = "sha256") -> Log:
        """The log of a name and a key (SPKI DER)."""
        return Log(name, key_from_spki(name, spki, hash_name=hash_name))

    # Writing; only for kinds with an `api_version`, and for the embedded log

    def signs_with(self, key: LogKey) -> bool:
        """True if a log of this kind can have such a key."""
        return True

    def known_log(self, key: LogKey) -> Log:
        """The log of a trusted root's key under the name that it has by default."""
        return self.log(key.host, key.key.spki, hash_name=key.key.scheme.hash)

    def request(self, unlogged: Unlogged) -> Body:
        """The JSON that asks a log for an entry of a signature by an ECDSA P-256 key."""
        raise Unsupported(f"a {self.title} log takes no entries from here", where="log")

    def requested_body(self, request: bytes) -> bytes:
        """The entry that a log makes of a `request`. Raises `Misuse` for a request of another kind."""
        raise Unsupported(f"a {self.title} log takes no entries from here", where="log")

    def within(self, entry: bytes, end: datetime) -> bytes:
        """An entry (TransparencyLogEntry, protobuf JSON) without a promise of a time after `end`."""
        return entry


def unknown_form(entry: LogEntry, where: str, more: str = "") -> Unsupported:
    """The error for a form that no kind rebuilds."""
    return Unsupported(f"an entry of kind {entry.kind[:40]!r} {entry.version[:20]!r}{more}", where=where)


def parse_body(entry: LogEntry, where: str) -> Body:
    """The JSON of an entry's body, if it has the form that the entry states."""
    body = parse_json(entry.body, where=f"{where} body")
    if not isinstance(body, dict):
        raise Refused("its body is not a JSON object", where=where)
    said = (body.get("kind"), body.get("apiVersion"))
    if said != (entry.kind, entry.version):
        kinds = f"{said[0]!r} {said[1]!r}, the entry {entry.kind!r} {entry.version!r}"
        raise Refused(f"its body says {kinds}"[:200], where=where)
    return body


def names_of(key: LogKey, where: str) -> frozenset[str]:
    """The names that a log may sign under, by its base URL; raises `Refused` if it has no base URL."""
    if not key.names:
        raise Refused("the trusted root gives no base URL for it", where=where)
    return key.names


def note_key(name: str, log: LogKey) -> VerifierKey:
    """The log's key for notes: it signs by what its details say, and by nothing else."""
    if log.key.scheme.kind == "ed25519ph":
        raise Unsupported(f"notes signed by {log.key.scheme.details} are not known", where=name)
    return key_from_public(name, log.key.public, log.key.spki, hash_name=log.key.scheme.hash)
