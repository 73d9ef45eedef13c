# SPDX-License-Identifier: Apache-2.0
"""Following a log: its head of today against the signed checkpoints that are held.

Decides one of five things. FIRST: nothing was held; the head's root was rebuilt. SAME: size and root of the
newest held. GROWN: every held tree is the beginning of the head's. OLD_HEAD: the source serves a smaller
head than is held; it may lag. EQUIVOCATION: two signed checkpoints contradict each other, with the evidence.
Everything that merely could not be told, a damaged source included, is Unavailable: hashes that do not
rebuild the newer root say something about a source, never about the log.
"""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anchor.errors import Misuse, Refused, Unavailable
from anchor.merkle.proof import roots_from_consistency
from anchor.tlog import checkpoint, evidence
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.keys import VerifierKey
from anchor.tlog.reader import TileReader
from anchor.tlog.source import ProofSource, Source, TileCache

MAX_HELD = 64
"""Held checkpoints for one call: the first, the last and a few between are enough."""


class News(enum.StrEnum):
    """What today's head is to what is held."""

    FIRST = "first"
    SAME = "same"
    GROWN = "grown"
    OLD_HEAD = "old-head"
    EQUIVOCATION = "equivocation"


@dataclass(frozen=True)
class Followed:
    """The verified head and what it is. `proven`: held sizes proven consistent with it.

    `reader` reads proofs and entries under the head (none for a log that proves online); `evidence` is the
    file of `anchor.tlog.evidence`, to be stored before anything else happens.
    """

    news: News
    head: Checkpoint
    proven: tuple[int, ...]
    detail: str
    reader: TileReader | None = None
    evidence: bytes | None = None


Prove = Callable[[Checkpoint, Checkpoint], list[bytes]]
"""From an older and a newer checkpoint to the path for `roots_from_consistency`."""


def follow(
    source: Source,
    log: Log,
    *,
    held: Sequence[Checkpoint],
    cosigners: tuple[VerifierKey, ...] = (),
    cache: TileCache | None = None,
    memory: Source | None = None,
    reader: TileReader | None = None,
) -> Followed:
    """Read the head of a tiled log and prove it against `held`, verified checkpoints of the same log.

    `reader` is one of this head, which its caller got from here, with the tiles that it has verified already:
    then the head's signatures are not verified again. `memory` is another place with
    the tiles of what is held (a mirror), asked when the source serves a smaller head and no longer the larger
    tree. Raises Unavailable when it cannot be told.
    """
    raw = source.checkpoint()
    known = reader.checkpoint if reader is not None and reader.checkpoint.raw == raw else None
    head = _head(raw, log, held, cosigners, known)
    if reader is None or reader.checkpoint != head:
        reader = TileReader(source, head, cache=cache)
    tiles = reader

    def prove(older: Checkpoint, newer: Checkpoint) -> list[bytes]:
        if newer == head:
            return tiles.consistency_path(older.size)
        try:
            return TileReader(source, newer, cache=cache).consistency_path(older.size)
        except Unavailable:
            if memory is None:
                raise
            return TileReader(memory, newer, cache=cache).consistency_path(older.size)

    if not held:
        reader.authenticate()
        return Followed(News.FIRST, head, (), f"first head of size {head.size}, its root rebuilt", reader)
    return _judge(head, log, held, prove, reader)


def follow_proofs(
    source: ProofSource, log: Log, *, held: Sequence[Checkpoint], cosigners: tuple[VerifierKey, ...] = ()
) -> Followed:
    """The same for a log that proves online (Rekor v1); a first head is believed for its signature alone."""
    head = _head(source.checkpoint(), log, held, cosigners)

    def prove(older: Checkpoint, newer: Checkpoint) -> list[bytes]:
        proof = source.consistency(older.size, newer.size)
        power = older.size & (older.size - 1) == 0  # then the proof leaves the older root out
        return [older.root, *proof] if power else proof

    if not held:
        return Followed(News.FIRST, head, (), f"first head of size {head.size}")
    return _judge(head, log, held, prove, None)


def _head(
    raw: bytes,
    log: Log,
    held: Sequence[Checkpoint],
    cosigners: tuple[VerifierKey, ...],
    known: Checkpoint | None = None,
) -> Checkpoint:
    """The head, if it is the log's; a note that is not is no statement of the log, only a bad source.

    `known`: what these bytes were found to be before; believed where it is verified under the log's key.
    """
    if len(held) > MAX_HELD:
        raise Misuse(f"{len(held)} held checkpoints, more than {MAX_HELD}", where=log.origin)
    for old in held:
        if not _verified(old, log):
            raise Misuse(f"a held checkpoint of {old.origin} is not verified", where=log.origin)
    try:
        if known is not None and _verified(known, log):
            head = known
        else:
            head = checkpoint.verify(raw, log, cosigners=cosigners)
    except Refused as e:
        raise Unavailable(
            f"the source serves no checkpoint of this log: {e}", where=log.origin, remedy="read it elsewhere"
        ) from e
    if other := next((old.origin for old in held if old.origin != head.origin), None):
        raise Unavailable(f"a head of {head.origin}, but {other} is held: another tree", where=log.origin)
    return head


def _verified(found: Checkpoint, log: Log) -> bool:
    return any(s.key == log.key for s in found.signers) and log.owns(found.origin)


def _judge(
    head: Checkpoint, log: Log, held: Sequence[Checkpoint], prove: Prove, reader: TileReader | None
) -> Followed:
    """Compare with each held checkpoint, contradictions first; equal sizes need no proof."""
    trees: dict[int, Checkpoint] = {}
    for old in sorted((*held, head), key=lambda c: c.size):
        if trees.setdefault(old.size, old).root != old.root:
            return _fork(head, log, trees[old.size], old, (), reader)
    last = max(old.size for old in held)
    proven: list[int] = []
    doubts: dict[int, Unavailable] = {}
    for size in sorted({old.size for old in held}):
        older, newer = (trees[size], head) if size <= head.size else (head, trees[size])
        try:
            path = _contradicts(older, newer, prove)
        except Unavailable as e:
            doubts[size] = e
            continue
        if path is not None:
            return _fork(head, log, older, newer, path, reader)
        proven.append(size)
    if below := [size for size in doubts if size < head.size]:
        raise doubts[below[0]]  # a larger tree is often gone from a source that lags; a smaller one never is
    return _news(head, last, tuple(proven), doubts.get(last), reader)


def _contradicts(older: Checkpoint, newer: Checkpoint, prove: Prove) -> tuple[bytes, ...] | None:
    """The path that shows a contradiction, or None when the older tree begins the newer one."""
    if older.size in (0, newer.size):  # any tree begins with the empty one; equal roots were compared
        return None
    path = prove(older, newer)
    try:
        then, now = roots_from_consistency(older.size, newer.size, path)
    except Refused as e:
        raise Unavailable(f"damaged source: {e}", where=newer.origin) from e
    if now != newer.root:
        raise Unavailable(
            f"damaged source: the hashes from {older.size} to {newer.size} do not rebuild the newer root",
            where=newer.origin,
            remedy="read the log from another place",
        )
    return None if then == older.root else tuple(path)


def _fork(
    head: Checkpoint,
    log: Log,
    older: Checkpoint,
    newer: Checkpoint,
    nodes: tuple[bytes, ...],
    reader: TileReader | None,
) -> Followed:
    data = evidence.build(log, older, newer, nodes)
    return Followed(News.EQUIVOCATION, head, (), evidence.check(data).sentence, reader, data)


def _news(
    head: Checkpoint,
    last: int,
    proven: tuple[int, ...],
    doubt: Unavailable | None,
    reader: TileReader | None,
) -> Followed:
    if head.size < last:
        why = f"not proven consistent with it: {doubt}" if doubt else "consistent with it"
        detail = f"old head served: size {head.size}, but {last} is held; {why}"
        return Followed(News.OLD_HEAD, head, proven, detail, reader)
    if head.size == last:
        return Followed(News.SAME, head, proven, f"no news: size {head.size} and root as held", reader)
    detail = f"grown from {last} to {head.size}, consistent with {', '.join(map(str, proven))}"
    return Followed(News.GROWN, head, proven, detail, reader)
