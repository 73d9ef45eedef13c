# SPDX-License-Identifier: Apache-2.0
"""Checkpoints (C2SP tlog-checkpoint): a log's signed statement of its size and root.

Decides whether bytes are a checkpoint of one log. `parse` verifies nothing; size and root count only after
`verify`. An origin is a name: nothing here assumes that it can be reached.
"""

import msgspec

from anchor import regex
from anchor.encoding import decimal, to_base64, unbase64
from anchor.errors import Refused
from anchor.merkle.hashing import EMPTY_ROOT, HASH_SIZE
from anchor.tlog import note as notes
from anchor.tlog.keys import VerifierKey
from anchor.tlog.note import Note, Signed

_TREE_ID = regex.expression(r"[0-9]{1,20}")


class Log(msgspec.Struct, frozen=True):
    """A log that is known beforehand: its origin, and the one key that speaks for it.

    `shards` is for Rekor v1, whose checkpoints have the origin `<host> - <tree id>` and are signed under the
    bare host name; there `origin` is the host. Everywhere else the origin must be equal.
    """

    origin: str
    key: VerifierKey
    shards: bool = False

    def owns(self, origin: str) -> bool:
        """True if a checkpoint of this origin belongs to this log."""
        if not self.shards:
            return origin == self.origin
        prefix = self.origin + " - "
        return origin.startswith(prefix) and _TREE_ID.fullmatch(origin[len(prefix) :]) is not None


class Checkpoint(msgspec.Struct, frozen=True):
    """Size and root (32 bytes) of a log's tree. `signers` is empty until `verify` has passed."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...]
    note: Note
    signers: tuple[Signed, ...] = ()

    @property
    def raw(self) -> bytes:
        """The whole signed note."""
        return self.note.raw


def log_of(origin: str, key: VerifierKey) -> Log | None:
    """The log of a checkpoint's origin that this key signs for; None where its name is another one's. A Rekor
    v1 tree is signed under the bare name of its log."""
    if key.name == origin:
        return Log(origin, key)
    found = Log(key.name, key, shards=True)
    return found if found.owns(origin) else None


def parse(raw: bytes) -> Checkpoint:
    """A checkpoint, its signatures not looked at; raises Refused. C2SP tlog-checkpoint, Note text."""
    found = read(raw)
    if found.size == 0 and found.root != EMPTY_ROOT:
        raise Refused("the root of an empty tree is SHA-256 of nothing", where="root hash")
    return found


def read(raw: bytes) -> Checkpoint:
    """The same, with any root for an empty tree: a witness has an answer of its own for a wrong one."""
    note = notes.parse(raw)
    lines = note.text[:-1].decode().split("\n")
    if len(lines) < 3:
        raise Refused(f"{len(lines)} lines where origin, size and root are wanted", where="checkpoint")
    if "" in lines:
        raise Refused("an empty line", where=f"checkpoint line {lines.index('') + 1}")
    size = decimal(lines[1], where="tree size")
    root = unbase64(lines[2], size=HASH_SIZE, where="root hash")
    return Checkpoint(lines[0], size, root, tuple(lines[3:]), note)


def verify(raw: bytes, log: Log, *, cosigners: tuple[VerifierKey, ...] = ()) -> Checkpoint:
    """A checkpoint of `log`, signed by its key under its name; raises Refused.

    A cosignature of one of `cosigners` that does not verify refuses the note; the log's own is always needed.
    """
    return check(parse(raw), log, cosigners=cosigners)


def check(found: Checkpoint, log: Log, *, cosigners: tuple[VerifierKey, ...] = ()) -> Checkpoint:
    """The same for a checkpoint that was parsed already, by `parse`."""
    if not log.owns(found.origin):
        raise Refused(f"origin {found.origin!r}, not {log.origin!r}", where="checkpoint")
    signers = notes.verify(found.note, (log.key, *cosigners))
    if all(s.key != log.key for s in signers):
        raise Refused(f"not signed by {log.key.name} ({log.key.key_id.hex()})", where="checkpoint")
    return Checkpoint(found.origin, found.size, found.root, found.extensions, found.note, signers)


def body(origin: str, size: int, root: bytes, extensions: tuple[str, ...] = ()) -> bytes:
    """The note text of a checkpoint, to be signed."""
    return "".join(f"{x}\n" for x in (origin, size, to_base64(root), *extensions)).encode()
