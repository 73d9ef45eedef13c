# SPDX-License-Identifier: Apache-2.0
"""Logs that sign what they are told to: tiles of Rekor v2 and promises of Rekor v1, truthful or not.

The tree here is the naive recursion of RFC 6962 section 2.1, on purpose not the one of the program.
"""

import base64
import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Any

import rfc8785

from tests.support.forge.authorities import SIGNED
from tests.support.forge.keys import Key, ecdsa, ed

Json = dict[str, Any]
V2_ORIGIN = "log2026-1.vectors.example"
V1_HOST = "rekor.vectors.example"
V1_ORIGIN = f"{V1_HOST} - 1193050959916656506"
V1_OFFSET = 25_579
"""A Rekor v1 log counts over all its shards; a proof counts within one."""


def b64(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode()


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962 hash of an entry."""
    return hashlib.sha256(b"\0" + data).digest()


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962 tree hash over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return hashlib.sha256(b"\1" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962 audit path, leaf to root."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*path_of(index, leaves[:k]), root_of(leaves[k:])]
    return [*path_of(index - k, leaves[k:]), root_of(leaves[:k])]


def note_id(name: str, key: Key, kind: int = 1) -> bytes:
    """All 32 bytes of a signed-note key ID; ECDSA has its own rule."""
    if key.details.startswith("PKIX_ED25519"):
        return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key.raw32).digest()
    return hashlib.sha256(key.spki).digest()


def note_line(name: str, key_id: bytes, signature: bytes) -> str:
    """One signature line of a signed note."""
    return f"— {name} {b64(key_id[:4] + signature)}\n"


def vkey(name: str, key: Key, kind: int = 1) -> str:
    """C2SP verifier key."""
    return f"{name}+{note_id(name, key, kind)[:4].hex()}+{b64(bytes([kind]) + key.raw32)}"


def cosign(name: str, key: Key, body: str, when: dt.datetime) -> str:
    """A cosignature/v1 line over a checkpoint's body."""
    seconds = int(when.timestamp())
    signature = key.sign(f"cosignature/v1\ntime {seconds}\n{body}".encode())
    return note_line(name, note_id(name, key, 4), seconds.to_bytes(8) + signature)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The head that a log signs; None is the true one."""

    origin: str | None = None
    name: str | None = None
    key: Key | None = None
    key_id: bytes | None = None
    size: str | None = None
    root: bytes | None = None
    root_text: str | None = None
    extensions: tuple[str, ...] = ()
    before: str = ""
    """Signature lines ahead of the log's own."""
    after: str = ""
    """Signature lines behind it."""
    own: bool = True
    """True if the log signs at all."""
    flip: bool = False
    """True if a bit of the log's signature is wrong."""
    witnesses: tuple[tuple[str, Key], ...] = ()


@dataclass
class Log:
    """A log with some entries of others before ours and some after."""

    origin: str
    host: str
    key: Key
    id: bytes
    leaves: list[bytes] = field(default_factory=list)

    def fill(self, count: int) -> None:
        """Entries of others."""
        for _ in range(count):
            self.leaves.append(leaf_hash(f"{self.origin} other {len(self.leaves)}".encode()))

    def append(self, body: bytes) -> int:
        """Adds an entry; returns its index."""
        self.leaves.append(leaf_hash(body))
        return len(self.leaves) - 1

    def note(self, knobs: Checkpoint, size: int | None = None) -> str:
        """A signed checkpoint over the first `size` entries, or over what the knobs say instead."""
        count = len(self.leaves) if size is None else size
        root = root_of(self.leaves[:count]) if knobs.root is None else knobs.root
        lines = [
            self.origin if knobs.origin is None else knobs.origin,
            str(count) if knobs.size is None else knobs.size,
            b64(root) if knobs.root_text is None else knobs.root_text,
            *knobs.extensions,
        ]
        body = "".join(f"{line}\n" for line in lines)
        text = f"{body}\n{knobs.before}"
        if knobs.own:
            key = knobs.key or self.key
            signature = bytearray(key.sign(body.encode()))
            signature[-1] ^= knobs.flip
            text += note_line(knobs.name or self.host, knobs.key_id or self.id, bytes(signature))
        text += "".join(cosign(name, key, body, SIGNED) for name, key in knobs.witnesses)
        return text + knobs.after

    def proof(self, index: int, knobs: Checkpoint) -> Json:
        """An inclusionProof under the log's current head."""
        return {
            "logIndex": str(index),
            "rootHash": b64(root_of(self.leaves) if knobs.root is None else knobs.root),
            "treeSize": str(len(self.leaves)),
            "hashes": [b64(h) for h in path_of(index, self.leaves)],
            "checkpoint": {"envelope": self.note(knobs)},
        }


def v2_log(name: str = "log v2", origin: str = V2_ORIGIN, *, fill: int = 7) -> Log:
    """A Rekor v2 log with some entries of others."""
    key = ed(name)
    log = Log(origin, origin, key, note_id(origin, key))
    log.fill(fill)
    return log


def v1_log(name: str = "log v1", origin: str = V1_ORIGIN) -> Log:
    """A Rekor v1 log with five entries of others: ECDSA, and a tree number in its origin."""
    key = ecdsa(name)
    log = Log(origin, origin.split(" - ", maxsplit=1)[0], key, hashlib.sha256(key.spki).digest())
    log.fill(5)
    return log


@dataclass(frozen=True, kw_only=True)
class Promise:
    """The promise of a Rekor v1 log; None takes the values of the entry."""

    key: Key | None = None
    time: dt.datetime | None = None
    index: int | None = None
    log_id: bytes | None = None

    def sign(self, log: Log, entry: Json) -> str:
        """The signed entry timestamp over an entry, base64."""
        signed = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(self.time.timestamp()) if self.time else int(entry["integratedTime"]),
            "logID": (self.log_id or log.id).hex(),
            "logIndex": int(entry["logIndex"]) if self.index is None else self.index,
        }
        return b64((self.key or log.key).sign(rfc8785.dumps(signed)))
