# SPDX-License-Identifier: Apache-2.0
"""Proves one entry of a release under the head of today: its old checkpoint, its bytes, its inclusion.

An entry is read from the log in every cycle, as long as few bundles hold all entries. Beyond `REREAD` bundles
in a cycle, an entry that was read under the same head before is proven again, but not fetched again: its leaf
cannot change while the head does not.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from anchor.errors import AnchorError, Refused, Unavailable
from anchor.merkle.hashing import leaf_hash
from anchor.merkle.proof import verify_inclusion
from anchor.monitor.interfaces import EntryProof, LogMemory
from anchor.monitor.log import LogRun
from anchor.monitor.log_result import (
    EntryFinding,
    LogResult,
    ProvenEntry,
    heads_of,
    only_checks,
    preserve_contradiction,
)
from anchor.monitor.observed import Entry
from anchor.monitor.run_record import BUNDLE
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.follow import News
from anchor.tlog.tile_reader import TileReader
from anchor.tlog.tiles import FULL
from anchor.verdict import Check, failed, passed, skipped

REREAD = 8
"""Entry bundles that are read again in a cycle although the head has not changed."""


def prove(
    log: LogRun, memory: LogMemory, entry: Entry, *, read_before: Sequence[Mapping[str, object]] = ()
) -> EntryFinding:
    """The checks of one entry. They are skipped if the log has no head today.

    `read_before`: the entries that the target's last run proved, as its facts have them.
    """
    name = f"entry {entry.index} of {log.location.tree}"
    if log.head is None:
        reason = "the log has no head today that it could be proven under"
        return EntryFinding(result=only_checks(skipped(name, reason)))
    assert log.followed is not None
    reader = log.followed.reader
    if reader is not None:
        found = _tiled(log, log.head, reader, name, entry, read_before)
    else:
        found = _online(log, memory, log.head, name, entry)
    if entry.checkpoint is None:
        return found
    # After the entry: the hashes of a full bundle are the tile that this proof needs.
    since = _since(log, memory, log.head, name, entry.checkpoint, found.result)
    return replace(found, result=since.result + found.result, for_all=found.for_all + since.for_all)


def _since(
    log: LogRun, memory: LogMemory, head: Checkpoint, entry: str, then: Checkpoint, known: LogResult
) -> EntryFinding:
    """The checkpoint of the bundle is the beginning of today's tree. It is kept when it is first seen."""
    name = f"history since {entry}"
    if then.origin != head.origin:
        other = Unavailable(f"the bundle is of {then.origin}, another tree")
        return EntryFinding(result=only_checks(failed(name, other)))
    is_held = memory.knows(then.origin, then.size, then.root)
    try:
        found = log.prove([then], head)
    except Unavailable as e:
        return EntryFinding(result=only_checks(failed(name, e)))
    result = LogResult()
    if not is_held:  # a proof that was kept once is not kept again with every growth of the log
        result = heads_of(log.location, then, source=BUNDLE) + log.proofs_worth_keeping(found)
    if found.news is News.EQUIVOCATION:
        result += heads_of(log.location, found.head, then)
        shown = preserve_contradiction(memory, log.location, name, found, log.result + known + result)
        return EntryFinding(result=result + shown + log.repeated(shown, found), for_all=shown)
    check = passed(name, f"size {then.size} of the bundle is the beginning of size {head.size}")
    if found.news is News.OLD_HEAD:
        check = failed(name, Unavailable(found.detail, where=log.location.name))
    return EntryFinding(result=result + only_checks(check))


def _tiled(
    log: LogRun,
    head: Checkpoint,
    reader: TileReader,
    name: str,
    entry: Entry,
    read_before: Sequence[Mapping[str, object]],
) -> EntryFinding:
    """The entry's bytes as the tiles have them, and its inclusion."""
    index = entry.index
    if index >= head.size:
        error = Unavailable(f"entry {index} is beyond the head of size {head.size}", where=log.location.name)
        return EntryFinding(result=_failed(log, name, error))
    proven = ProvenEntry(
        origin=head.origin,
        index=index,
        body=hashlib.sha256(entry.body).hexdigest(),
        size=head.size,
        root=head.root.hex(),
    )
    bundle = index // FULL
    spared = proven.fact() in read_before and bundle not in log.bundles and len(log.bundles) >= REREAD
    read = None if spared else bundle
    try:
        if not spared and reader.entry(index) != entry.body:
            # Before the proof: the hashes of a full bundle are the tile that the proof needs.
            raise _another_entry(index)
        hashes = reader.inclusion_proof(index)
        verify_inclusion(leaf_hash(entry.body), index, head.size, hashes, head.root)
    except (Refused, Unavailable) as e:
        return EntryFinding(result=_failed(log, name, e), bundle=read)
    how = "read under this head before" if spared else "read"
    return EntryFinding(result=only_checks(_proven(name, how, head)), entry=proven, bundle=read)


def _online(log: LogRun, memory: LogMemory, head: Checkpoint, name: str, entry: Entry) -> EntryFinding:
    """The entry as Rekor v1 answers, with a proof under a head of its own. That head is proven against the
    one that was followed. Other bytes count only if they are proven to be at the index of our entry."""
    location = log.location
    try:
        answer = log.client.entry(entry.index)
        theirs = _head_of(log, answer)
        found = log.prove([head], theirs)
    except (Refused, Unavailable) as e:
        return EntryFinding(result=_failed(log, name, e))
    if found.news is News.EQUIVOCATION:
        signed = heads_of(location, theirs)
        shown = preserve_contradiction(memory, location, f"entry {entry.index}", found, log.result + signed)
        doubt = Unavailable("its proof is under another history", where=location.name)
        return EntryFinding(result=signed + shown + _failed(log, name, doubt), for_all=shown)
    assert log.followed is not None
    result = LogResult()
    if not found.settled or not log.followed.settled:  # signed, and not proven to be of the held history
        result = heads_of(location, theirs)
    if not found.settled:
        doubt = Unavailable(f"its proof is under a head that is not proven: {found.detail}")
        return EntryFinding(result=result + _failed(log, name, doubt))
    if answer.body != entry.body:
        other = Unavailable("damaged source: answers with another entry", where=location.name)
        at_our_index = answer.index == entry.tree_index
        error = _another_entry(entry.index) if at_our_index else other
        return EntryFinding(result=result + _failed(log, name, error))
    return EntryFinding(result=result + only_checks(_proven(name, "read", theirs)))


def _head_of(log: LogRun, answer: EntryProof) -> Checkpoint:
    """The head under which an online log proves its answer. Raises Unavailable where the proof is damaged."""
    try:
        head = checkpoints.verify(answer.checkpoint, log.location.log)
        verify_inclusion(leaf_hash(answer.body), answer.index, head.size, answer.hashes, head.root)
    except Refused as e:
        raise Unavailable(f"damaged source: {e}", where=log.location.name) from e
    return head


def _proven(name: str, how: str, head: Checkpoint) -> Check:
    detail = f"{how}, equal to the bundle's, and under the head of size {head.size}"
    return passed(name, detail, clause="RFC 9162 section 2.1.3.2")


def _another_entry(index: int) -> AnchorError:
    return Refused("the log's entry is not the bundle's", where=f"entry {index}")


def _failed(log: LogRun, name: str, error: AnchorError) -> LogResult:
    """The check of an entry that was not proven. Only Unavailable says that the log was not reached."""
    meaning = "the log holds another entry where the release's bundle says that it is"
    service = "" if isinstance(error, Refused) else log.location.name
    return only_checks(failed(name, error, meaning=meaning), service=service)
