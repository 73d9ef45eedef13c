# SPDX-License-Identifier: Apache-2.0
"""Following a log: its newest head is compared with the signed checkpoints that we hold.

There are five results:

- FIRST: we held no checkpoint, and the root of the head was rebuilt.
- SAME: the head has the size and root of the newest checkpoint that we hold.
- GROWN: every tree that we hold is the beginning of the head's tree.
- OLD_HEAD: the source serves a smaller head than we hold; it may lag.
- EQUIVOCATION: two signed checkpoints contradict each other; the result has the evidence.

A signed head without any proof is not a checkpoint that we hold. We try it again beside them: it is proven,
stays unproven, or contradicts. Everything that could not be decided is Unavailable, also by a damaged source:
hashes that do not rebuild the newer root say something about the source, never about the log.
"""

import enum
from collections.abc import Callable, Mapping, Sequence

import msgspec

from anchor.errors import Misuse, Refused, Unavailable
from anchor.merkle.proof import roots_from_consistency
from anchor.tlog import checkpoint, evidence
from anchor.tlog.checkpoint import Checkpoint, Log
from anchor.tlog.keys import VerifierKey
from anchor.tlog.source import Damaged, ProofSource, Source, TileCache
from anchor.tlog.tile_reader import TileReader
from anchor.words import several

MAX_HELD = 64
"""Held checkpoints for one call: the first, the last and a few between are enough."""
MAX_UNPROVEN = 1000
"""Unproven heads for one call."""
MAX_DOUBTS = 16
"""Unproven heads that may fail in one call before the rest is left for the next: each costs requests."""


class News(enum.StrEnum):
    """The relation of the newest head to the checkpoints that we hold."""

    FIRST = "first"
    SAME = "same"
    GROWN = "grown"
    OLD_HEAD = "old-head"
    EQUIVOCATION = "equivocation"


class Path(msgspec.Struct, frozen=True):
    """A proven way from an older tree to a newer one, as `roots_from_consistency` takes it."""

    older: Checkpoint
    newer: Checkpoint
    nodes: tuple[bytes, ...]


class Followed(msgspec.Struct, frozen=True):
    """The verified head and what it is. `proven`: held and unproven sizes that are consistent with it.

    `reader` reads proofs and entries under the head (none for a log that proves online); `evidence` is the
    file of `anchor.tlog.evidence`, to be stored before anything else happens.
    """

    news: News
    head: Checkpoint
    proven: tuple[int, ...]
    detail: str
    reader: TileReader | None = None
    evidence: bytes | None = None
    paths: tuple[Path, ...] = ()
    """Proofs that are worth keeping; none under an old head that was not proven to be one."""
    unproven: tuple[tuple[Checkpoint, str], ...] = ()
    """Unproven heads that stay so, each with the reason."""

    @property
    def settled(self) -> bool:
        """True if the head continues the history that we hold."""
        return self.news in (News.FIRST, News.SAME, News.GROWN) or bool(self.paths)


Prove = Callable[[Checkpoint, Checkpoint], list[bytes]]
"""From an older and a newer checkpoint to the path for `roots_from_consistency`."""


def follow(
    source: Source,
    log: Log,
    *,
    held: Sequence[Checkpoint],
    unproven: Sequence[Checkpoint] = (),
    cosigners: tuple[VerifierKey, ...] = (),
    cache: TileCache | None = None,
    memory: Source | None = None,
    reader: TileReader | None = None,
) -> Followed:
    """Read the head of a tiled log and prove it against `held`, verified checkpoints of the same log.

    `unproven` are verified checkpoints of the log without a proof; they are tried in this order. `reader` is
    the reader that an earlier call returned: if it is of this head, its signatures are not verified again,
    and its verified tiles are used. `memory` is another source of the held tree's tiles (a mirror). It is
    asked if the source serves a smaller head and the larger tree no longer. Raises Unavailable if nothing
    can be decided.
    """
    raw = source.checkpoint()
    known = reader.checkpoint if reader is not None and reader.checkpoint.raw == raw else None
    head = _head(raw, log, (*held, *unproven), cosigners, known)
    _count(held, unproven, log)
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
    return _judge(head, log, held, unproven, prove, reader)


def follow_proofs(
    source: ProofSource,
    log: Log,
    *,
    held: Sequence[Checkpoint],
    unproven: Sequence[Checkpoint] = (),
    cosigners: tuple[VerifierKey, ...] = (),
) -> Followed:
    """The same for a log that proves online (Rekor v1); a first head is believed for its signature alone."""
    head = _head(source.checkpoint(), log, (*held, *unproven), cosigners)
    _count(held, unproven, log)

    def prove(older: Checkpoint, newer: Checkpoint) -> list[bytes]:
        proof = source.consistency(older.size, newer.size)
        power = older.size & (older.size - 1) == 0  # then the proof leaves the older root out
        return [older.root, *proof] if power else proof

    return _judge(head, log, held, unproven, prove, None)


def _count(held: Sequence[Checkpoint], unproven: Sequence[Checkpoint], log: Log) -> None:
    for found, most in ((held, MAX_HELD), (unproven, MAX_UNPROVEN)):
        if len(found) > most:
            raise Misuse(f"{several(len(found), 'held checkpoint')}, more than {most}", where=log.origin)


def _head(
    raw: bytes,
    log: Log,
    held: Sequence[Checkpoint],
    cosigners: tuple[VerifierKey, ...],
    known: Checkpoint | None = None,
) -> Checkpoint:
    """The head, if the log signed it. Any other note says nothing about the log, only about its source.

    `known` is the result for the same bytes before; it is used if it is verified under the log's key.
    """
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
    head: Checkpoint,
    log: Log,
    held: Sequence[Checkpoint],
    unproven: Sequence[Checkpoint],
    prove: Prove,
    reader: TileReader | None,
) -> Followed:
    """Compare with each checkpoint, contradictions first; equal sizes need no proof."""
    trees: dict[int, Checkpoint] = {}
    for old in sorted((*held, *unproven, head), key=lambda c: c.size):
        if trees.setdefault(old.size, old).root != old.root:
            return _fork(head, log, trees[old.size], old, (), reader)
    relied = sorted({old.size for old in held})
    others = [c.size for c in unproven if c.size not in relied and c.size != head.size]
    found = _Compared(head, prove)
    for size in (*relied, *dict.fromkeys(others)):
        limit = None if size in relied else MAX_DOUBTS
        if (path := found.compare(trees[size], limit=limit)) is not None:
            return _fork(head, log, path.older, path.newer, path.nodes, reader)
    if below := [found.doubts[size] for size in relied if size in found.doubts and size < head.size]:
        raise below[0]  # a larger tree is often gone from a source that lags; a smaller one never is
    return _news(head, relied, found, trees, reader)


class _Compared:
    """The comparison of a head with other trees of its log."""

    def __init__(self, head: Checkpoint, prove: Prove) -> None:
        self._head = head
        self._prove = prove
        self._failed = 0
        self.proven: list[int] = []
        self.paths: list[Path] = []
        self.doubts: dict[int, Unavailable] = {}

    def compare(self, other: Checkpoint, *, limit: int | None) -> Path | None:
        """The path that shows a contradiction. Beyond `limit` failures of such trees none is read."""
        older, newer = sorted((other, self._head), key=lambda c: c.size)
        if limit is not None and self._failed >= limit:
            self.doubts[other.size] = Unavailable("left for the next run: too many others failed in this one")
            return None
        try:
            path, then = _between(older, newer, self._prove)
        except Unavailable as e:
            self.doubts[other.size] = e
            self._failed += limit is not None
            return None
        if then != older.root:
            return path
        self.proven.append(other.size)
        if path.nodes:
            self.paths.append(path)
        return None


def _between(older: Checkpoint, newer: Checkpoint, prove: Prove) -> tuple[Path, bytes]:
    """The path between two trees, and the root that the newer one had at the older size."""
    if older.size in (0, newer.size):  # any tree begins with the empty one; equal roots were compared
        return Path(older, newer, ()), older.root
    path = prove(older, newer)
    try:
        then, now = roots_from_consistency(older.size, newer.size, path)
    except Refused as e:
        raise Damaged(f"damaged source: {e}", where=newer.origin) from e
    if now != newer.root:
        raise Damaged(
            f"damaged source: the hashes from {older.size} to {newer.size} do not rebuild the newer root",
            where=newer.origin,
            remedy="read the log from another place",
        )
    return Path(older, newer, tuple(path)), then


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
    relied: Sequence[int],
    found: _Compared,
    trees: Mapping[int, Checkpoint],
    reader: TileReader | None,
) -> Followed:
    proven, paths = tuple(sorted(found.proven)), tuple(found.paths)
    left = tuple((trees[n], str(e)) for n, e in found.doubts.items() if n not in relied)
    last = max((*relied, *proven), default=None)
    if last is None:
        rebuilt = ", its root rebuilt" if reader is not None else ""
        detail = f"first head of size {head.size}{rebuilt}"
        return Followed(News.FIRST, head, (), detail, reader, unproven=left)
    if head.size < last:
        doubts = [(n, found.doubts[n]) for n in relied if n in found.doubts]
        last, doubt = doubts[-1] if doubts else (last, None)
        why = f"not proven consistent with it: {doubt}" if doubt else "consistent with it"
        detail = f"old head served: size {head.size}, but {last} is held; {why}"
        kept = () if doubt else paths  # a head that may be of another history proves nothing of this one
        return Followed(News.OLD_HEAD, head, proven, detail, reader, paths=kept, unproven=left)
    news, detail = News.SAME, f"no news: size {head.size} and root as held"
    if head.size > last:
        news = News.GROWN
        detail = f"grown from {last} to {head.size}, consistent with {', '.join(map(str, proven))}"
    return Followed(news, head, proven, detail, reader, paths=paths, unproven=left)
