# SPDX-License-Identifier: Apache-2.0
"""Log entries: their log, its promise, its checkpoint and the proof of inclusion.

Decides whether a log that the trusted root names has the entry, and at which index. What the entry says is
`entry`'s question. Log keys are found by the id that the entry names, never by trying.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from anchor import log_kinds
from anchor.encoding import to_base64
from anchor.errors import Refused
from anchor.merkle import leaf_hash, verify_inclusion
from anchor.sigstore.bundle import InclusionProof, LogEntry
from anchor.sigstore.trusted_root import LogKey, TrustedRoot
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint
from anchor.verify.report import LogFact


@dataclass(frozen=True)
class Placed:
    """An entry with the log keys of the trusted root that bear its log id: several only by window."""

    entry: LogEntry
    keys: tuple[LogKey, ...]
    where: str

    @property
    def key(self) -> LogKey:
        return self.keys[0]


def named(log_id: bytes, root: TrustedRoot) -> bool:
    """Whether the trusted root lists a log of that id at all, usable or not."""
    return log_id in {*(log.id for log in root.tlogs), *(log.id for log in root.unusable_tlogs)}


def place(entry: LogEntry, root: TrustedRoot, where: str) -> Placed:
    """The entry with its log's key; raises when the trusted root names no usable log of that id."""
    found = tuple(log for log in root.tlogs if log.id == entry.log_id)
    if not found:
        for log in root.unusable_tlogs:
            if log.id == entry.log_id:
                raise log.error(where)
        raise root.unnamed(f"the trusted root names no log {to_base64(entry.log_id)}", where)
    if any(log.key != found[0].key for log in found):
        raise Refused("the trusted root has two keys of one log id", where=where)
    return Placed(entry, found, where)


def promised_time(placed: Placed) -> datetime:
    """The time of an entry whose inclusion promise the log's key signed; raises Refused."""
    assert placed.entry.promise is not None
    return log_kinds.of_entry(placed.entry).promised_time(placed.entry, placed.key, placed.where)


def check_window(placed: Placed, times: Sequence[datetime]) -> str:
    """Return if the log's key was trusted at each of the times; raises Refused."""
    for time in times:
        if not any(key.window.covers(time) for key in placed.keys):
            span = f"trusted from {placed.key.window}, not at {time.isoformat()}"
            raise Refused(f"{placed.key.base_url} is {span}", where=placed.where)
    return f"{placed.key.base_url} is trusted from {placed.key.window}, and the times lie inside"


def check_checkpoint(placed: Placed) -> Checkpoint:
    """The checkpoint of the entry's proof: the log's, and of the size, root and index that are claimed."""
    entry, proof, where = placed.entry, placed.entry.proof, placed.where
    assert proof is not None
    assert proof.checkpoint is not None
    parsed = checkpoints.parse(proof.checkpoint)
    kind = log_kinds.of_entry(entry)
    found = checkpoints.check(parsed, kind.log_of(placed.key, parsed.origin, where))
    if found.size != proof.tree_size:
        raise Refused(f"tree size {proof.tree_size}, but the log signed {found.size}", where=where)
    if found.root != proof.root_hash:
        raise Refused("another root than the log signed", where=where)
    if proof.log_index >= found.size:
        raise Refused(f"index {proof.log_index} in a tree of {found.size}", where=where)
    if kind.one_tree and entry.log_index != proof.log_index:
        raise Refused(f"index {entry.log_index}, but its proof is for {proof.log_index}", where=where)
    return found


def check_inclusion(placed: Placed, size: int, root: bytes, *, whose: str) -> str:
    """Return if the entry's body is in the tree of this size and root; raises Refused. `whose` the root is:
    the log's, which signed it, or only the proof's."""
    entry, proof = placed.entry, placed.entry.proof
    assert proof is not None
    try:
        verify_inclusion(leaf_hash(entry.body), proof.log_index, size, list(proof.hashes), root)
    except Refused as e:
        raise e.at(placed.where) from None
    hashes = f"{len(proof.hashes)} hash{'' if len(proof.hashes) == 1 else 'es'}"
    return f"entry {proof.log_index} of {size}: its hash and {hashes} of the proof give {whose}"


def fact(placed: Placed, checkpoint: Checkpoint | None, *, promised: bool) -> LogFact:
    """What is now known of the entry's log. Called only when its checks have passed."""
    entry, proof = placed.entry, placed.entry.proof
    in_tree = checkpoint is not None and proof is not None
    return LogFact(
        base_url=placed.key.base_url,
        log_id=entry.log_id,
        kind=f"{entry.kind} {entry.version}",
        origin=checkpoint.origin if checkpoint else placed.key.host,
        index=_index(proof) if in_tree else entry.log_index,
        size=checkpoint.size if checkpoint else 0,
        root=checkpoint.root if checkpoint else b"",
        promised_index=entry.log_index if promised else None,
        checkpoint=checkpoint,
        spki=placed.key.key.spki,
        body=entry.body,
    )


def _index(proof: InclusionProof | None) -> int:
    assert proof is not None
    return proof.log_index
