# SPDX-License-Identifier: Apache-2.0
"""Log entries: their log, its promise, its checkpoint, the proof of inclusion, and the body.

Decides whether a log that the trusted root names has the entry, at which index, and whether the entry
records this signature, by this key, over this file. The kind of the log (`anchor.log_kinds`) defines its
entries. The id in the entry selects the log's key; we never try one key after the other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from anchor import log_kinds
from anchor.encoding import to_base64
from anchor.errors import Refused
from anchor.log_kinds.kind import Signed, parse_body
from anchor.merkle import leaf_hash, verify_inclusion
from anchor.sigstore.bundle import LogEntry
from anchor.sigstore.trusted_root import LogKey, TrustedRoot
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint
from anchor.verify.report import LogFact

_canonical = msgspec.json.Encoder(order="sorted").encode
"""RFC 8785 for rebuilt bodies, which hold strings and ASCII names, and no numbers."""


class LoggedEntry(msgspec.Struct, frozen=True):
    """An entry with the log keys of the trusted root that have its log id. Several keys differ in the window
    only."""

    entry: LogEntry
    keys: tuple[LogKey, ...]
    where: str

    @property
    def key(self) -> LogKey:
        return self.keys[0]


def is_named(log_id: bytes, root: TrustedRoot) -> bool:
    """True if the trusted root lists a log of that id at all, usable or not."""
    return log_id in {*(log.id for log in root.tlogs), *(log.id for log in root.unusable_tlogs)}


def find_log(entry: LogEntry, root: TrustedRoot, where: str) -> LoggedEntry:
    """The entry with its log's key; raises if the trusted root names no usable log of that id."""
    keys = tuple(log for log in root.tlogs if log.id == entry.log_id)
    if not keys:
        for log in root.unusable_tlogs:
            if log.id == entry.log_id:
                raise log.error(where)
        raise root.unnamed(f"the trusted root names no log {to_base64(entry.log_id)}", where)
    if any(log.key != keys[0].key for log in keys):
        raise Refused("the trusted root has two keys of one log id", where=where)
    return LoggedEntry(entry, keys, where)


def promised_time(logged: LoggedEntry) -> tuple[str, datetime]:
    """The time of an entry whose inclusion promise the log's key signed; raises Refused."""
    entry, url = logged.entry, logged.key.base_url
    assert entry.promise is not None
    time = log_kinds.of_entry(entry).promised_time(entry, logged.key, logged.where)
    return f"{url} signed body, log id, index {entry.log_index} and {time.isoformat()}", time


def check_window(logged: LoggedEntry, times: Sequence[datetime]) -> str:
    """Return if the log's key was trusted at each of the times; raises Refused."""
    for time in times:
        if not any(key.window.covers(time) for key in logged.keys):
            span = f"trusted from {logged.key.window}, not at {time.isoformat()}"
            raise Refused(f"{logged.key.base_url} is {span}", where=logged.where)
    return f"{logged.key.base_url} is trusted from {logged.key.window}, and the times lie inside"


def check_checkpoint(logged: LoggedEntry) -> tuple[str, Checkpoint]:
    """The verified checkpoint of the entry's proof. Its log signed the size and root that the proof claims,
    and the claimed index lies inside."""
    entry, proof, where = logged.entry, logged.entry.proof, logged.where
    assert proof is not None
    assert proof.checkpoint is not None
    parsed = checkpoints.parse(proof.checkpoint)
    kind = log_kinds.of_entry(entry)
    signed = checkpoints.check(parsed, kind.log_of(logged.key, parsed.origin, where))
    if signed.size != proof.tree_size:
        raise Refused(f"tree size {proof.tree_size}, but the log signed {signed.size}", where=where)
    if signed.root != proof.root_hash:
        raise Refused("another root than the log signed", where=where)
    if proof.log_index >= signed.size:
        raise Refused(f"index {proof.log_index} in a tree of {signed.size}", where=where)
    if kind.one_tree and entry.log_index != proof.log_index:
        raise Refused(f"index {entry.log_index}, but its proof is for {proof.log_index}", where=where)
    line = f"{signed.origin} signed a tree of {signed.size} with the root and size of the bundle's proof"
    return line, signed


def check_inclusion(logged: LoggedEntry, checkpoint: Checkpoint | None) -> str:
    """Return if the entry's body is in the tree of the checkpoint; raises Refused.

    Without a checkpoint the proof leads only to the root that it claims itself.
    """
    entry, proof = logged.entry, logged.entry.proof
    assert proof is not None
    size = checkpoint.size if checkpoint else proof.tree_size
    root = checkpoint.root if checkpoint else proof.root_hash
    whose = "the signed root" if checkpoint else "the root that it claims"
    try:
        verify_inclusion(leaf_hash(entry.body), proof.log_index, size, list(proof.hashes), root)
    except Refused as e:
        raise e.at(logged.where) from None
    hashes = f"{len(proof.hashes)} hash{'' if len(proof.hashes) == 1 else 'es'}"
    return f"entry {proof.log_index} of {size}: its hash and {hashes} of the proof give {whose}"


def check_body(logged: LoggedEntry, signed: Signed) -> str:
    """Return if the entry's body is byte for byte the one that this signature gives; raises Refused."""
    entry, where = logged.entry, logged.where
    specs = log_kinds.of_entry(entry).rebuild(entry, signed, where)
    wanted = [{"apiVersion": entry.version, "kind": entry.kind, "spec": spec} for spec in specs]
    if entry.body not in map(_canonical, wanted):
        difference = _difference(parse_body(entry, where), wanted[0])
        raise Refused(f"its body is not this bundle's: {difference}", where=where)
    kind = f"{entry.kind} {entry.version}"
    return f"the {kind} body is the one made again from file, signature and signer, byte for byte"


def _difference(actual: Any, wanted: Any, path: str = "body") -> str:
    """The first difference of two JSON values, in words."""
    if actual == wanted:
        return "it is not written in canonical form"
    if isinstance(actual, list) and isinstance(wanted, list):
        if len(actual) != len(wanted):
            return f"{path} has {len(actual)} items, not {len(wanted)}"
        actual, wanted = dict(enumerate(actual)), dict(enumerate(wanted))
    if not isinstance(actual, dict) or not isinstance(wanted, dict):
        return f"{path} differs"
    absent = object()
    both = sorted(actual.keys() | wanted.keys())
    name = next(n for n in both if actual.get(n, absent) != wanted.get(n, absent))
    inner = f"{path}.{str(name)[:40]}"
    if name not in actual or name not in wanted:
        return f"it {'adds' if name in actual else 'lacks'} {inner}"
    return _difference(actual[name], wanted[name], inner)


def fact(logged: LoggedEntry, checkpoint: Checkpoint | None, *, promised: bool) -> LogFact:
    """The verified facts about the entry's log. Called only after its checks have passed."""
    entry, proof = logged.entry, logged.entry.proof
    return LogFact(
        base_url=logged.key.base_url,
        log_id=entry.log_id,
        kind=f"{entry.kind} {entry.version}",
        origin=checkpoint.origin if checkpoint else logged.key.host,
        index=proof.log_index if checkpoint and proof else entry.log_index,
        size=checkpoint.size if checkpoint else 0,
        root=checkpoint.root if checkpoint else b"",
        promised_index=entry.log_index if promised else None,
        checkpoint=checkpoint,
        spki=logged.key.key.spki,
        body=entry.body,
    )
