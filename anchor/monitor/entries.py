# SPDX-License-Identifier: Apache-2.0
"""A release's entry under today's head: its old checkpoint, its bytes as the log has them, its inclusion.

The entry is read from the log in every cycle, as long as few bundles hold all that is watched. Beyond
`REREAD` bundles a cycle, an entry that was read under the same head before is proven under it again, but not
fetched again: its leaf cannot change while the head does not.
"""

import hashlib
from collections.abc import Mapping, Sequence

from anchor.errors import Refused, Unavailable
from anchor.merkle.hashing import leaf_hash
from anchor.merkle.proof import verify_inclusion
from anchor.monitor.log import Session, equivocation, kept_line
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.follow import News
from anchor.tlog.tiles import FULL
from anchor.verdict import Check, failed, passed, skipped

REREAD = 8
"""Entry bundles that are read again in a cycle although the head has not changed."""

Proven = Mapping[str, object]
"""What a run leaves of an entry in its facts: origin, index, head's size and root, SHA-256 of the body."""


def prove(
    session: Session,
    *,
    index: int,
    body: bytes,
    then: Checkpoint | None,
    place: int | None = None,
    read_before: Sequence[Proven] = (),
) -> list[Check]:
    """The checks of one entry; a skipped one when the log has no head today, which `session.checks` says.

    `body`: the exact entry bytes of the bundle; `then`: the verified checkpoint of the bundle; `place`:
    the entry's index in its tree; `read_before`: what the target's last run left.
    """
    name = f"entry {index} of {session.place.tree}"
    if session.followed is None or session.followed.news is News.EQUIVOCATION:
        return [skipped(name, "the log has no head today that it could be proven under")]
    found = _entry(session, name, index, body, place, read_before)
    # After the entry: the tile that a full bundle's hashes make is the one this proof needs.
    return [found] if then is None else [*_since(session, name, then), found]


def _entry(
    session: Session, name: str, index: int, body: bytes, place: int | None, read_before: Sequence[Proven]
) -> Check:
    """The entry's bytes and its inclusion."""
    assert session.followed is not None
    try:
        if session.followed.reader is not None:
            detail = _tiled(session, index, body, read_before)
        else:
            detail = _online(session, index, body, place)
    except Refused as e:
        return failed(
            name, e, meaning="the log holds another entry where the release's bundle says that it is"
        )
    except Unavailable as e:
        session.services.append(session.place.name)
        return failed(name, e)
    return passed(name, detail, clause="RFC 9162 section 2.1.3.2")


def _since(session: Session, entry: str, then: Checkpoint) -> list[Check]:
    """The checkpoint that the release was published with begins today's tree. Kept on first sight."""
    assert session.followed is not None
    name = f"history since {entry}"
    head = session.followed.head
    known = session.memory.knows(then.origin, then.size, then.root)
    if then.origin != head.origin:
        return [failed(name, Unavailable(f"the bundle is of {then.origin}, another tree"))]
    try:
        # What was proven once is not stored with every growth of the log.
        found = session.follow([then], head, remember=not known)
    except Unavailable as e:
        return [failed(name, e)]
    if not known:
        session.keep(then, "bundle")
    if found.news is News.EQUIVOCATION:
        check = session.contradicted(name, found, then)
        session.checks.append(check)  # every other release in this log is told as well
        # The log's own check says it from the next run on. Said now too, it is no news then.
        own = equivocation(session.name, kept_line(session.evidence[-1], found.detail))
        return [check, own]
    if found.news is News.OLD_HEAD:
        return [failed(name, Unavailable(found.detail, where=session.place.name))]
    return [passed(name, f"size {then.size} of the bundle is the beginning of size {head.size}")]


def _tiled(session: Session, index: int, body: bytes, read_before: Sequence[Proven]) -> str:
    assert session.followed is not None
    assert session.followed.reader is not None
    head, reader = session.followed.head, session.followed.reader
    if index >= head.size:
        raise Unavailable(f"entry {index} is beyond the head of size {head.size}", where=session.place.name)
    now = {
        "origin": head.origin,
        "index": index,
        "body": hashlib.sha256(body).hexdigest(),
        "size": head.size,
        "root": head.root.hex(),
    }
    bundle = index // FULL
    spared = now in read_before and bundle not in session.bundles and len(session.bundles) >= REREAD
    if not spared:
        session.bundles.add(bundle)
        if reader.entry(index) != body:  # before the proof: a full bundle's hashes are the tile it needs
            raise Refused("the log's entry is not the bundle's", where=f"entry {index}")
    verify_inclusion(leaf_hash(body), index, head.size, reader.inclusion_proof(index), head.root)
    session.read.append(now)
    how = "read under this head before" if spared else "read"
    return f"{how}, equal to the bundle's, and under the head of size {head.size}"


def _online(session: Session, index: int, body: bytes, place: int | None) -> str:
    """Rekor v1 proves the entry under a head of its own, which is then proven against the one followed. An
    answer with other bytes says something of the log only when it is proven to be in our entry's place."""
    assert session.followed is not None
    assert session.place.online is not None
    session.count()
    found = session.place.online.entry(index)
    try:
        head = checkpoints.verify(found.checkpoint, session.place.log)
        verify_inclusion(leaf_hash(found.body), found.index, head.size, found.hashes, head.root)
    except Refused as e:
        raise Unavailable(f"damaged source: {e}", where=session.place.name) from e
    own = session.follow([session.followed.head], head, remember=False)
    if own.news is News.EQUIVOCATION:
        session.checks.append(session.contradicted(f"entry {index}", own, head))
        raise Unavailable("its proof is under another history", where=session.place.name)
    if not own.settled or not session.followed.settled:
        session.keep(head, session.place.name)  # signed, and not proven to be of the history that is held
    if not own.settled:
        raise Unavailable(f"its proof is under a head that is not proven: {own.detail}")
    if found.body != body:
        if found.index != place:
            raise Unavailable("damaged source: answers with another entry", where=session.place.name)
        raise Refused("the log's entry is not the bundle's", where=f"entry {index}")
    return f"read, equal to the bundle's, and under the head of size {head.size}"
