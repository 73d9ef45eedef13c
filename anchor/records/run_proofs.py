# SPDX-License-Identifier: Apache-2.0
"""Proofs of runs out of the records: the first line, and the lines of the events. FORMAT.md section 29.4.

Decides which heads a proof stands on: those that were anchored. Reads only.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import UNSET
from sqlalchemy.engine import Connection

from anchor.encoding import parse_own_json, to_base64
from anchor.errors import Misuse, Unsupported
from anchor.format import history_events, history_head, history_proof
from anchor.format.history_head import Head
from anchor.format.history_proof import Header, ProvenEvent, SignedHead
from anchor.merkle.ranges import perfect_nodes
from anchor.records import anchored_heads, event_log
from anchor.records.event_log import Tree
from anchor.records.tables import AnchoredHead, EventRow, Run

_ANCHOR = "run 'anchor records anchor'"
_HEADS = sa.select(AnchoredHead).order_by(AnchoredHead.id)
_RUNS = sa.select(sa.func.count()).where(
    EventRow.kind == history_events.PRUNED_KIND, EventRow.leaf_index >= sa.bindparam("start")
)
_KINDS = sa.select(EventRow.leaf_index, EventRow.kind, EventRow.body.is_(None)).where(
    EventRow.leaf_index.in_(sa.bindparam("indexes", expanding=True))
)
_RELEASES = (
    sa.select(Run.release_id)
    .where(Run.id.in_(sa.bindparam("indexes", expanding=True)), Run.release_id.is_not(None))
    .distinct()
)


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A proof that can be written. `lines` are those after the first one; they are read as they are taken."""

    header: Header
    head: Head
    anchored_ms: int
    """When the head was anchored, by the clock of that machine."""
    lines: Iterator[bytes]
    later_events: int
    later_runs: int
    """Written down after the newest anchored head, so that no proof can show them yet."""


def of_runs(connection: Connection, runs: Sequence[int]) -> Prepared:
    """A proof of single runs (the indexes of their events), with the events that name their releases.

    Raises `Misuse` for what is no run, was pruned, or ended after the newest anchored head.
    """
    row = _anchored(connection)[-1]
    wanted = sorted({*runs, *_named(connection, sorted(set(runs)), row.size)})
    tree = Tree(connection, row.size)
    proven = tuple(
        ProvenEvent(index=index, proof=tuple(h.hex() for h in tree.inclusion(index))) for index in wanted
    )
    header = Header(format=history_proof.FORMAT, head=_signed(connection, row), events=proven)
    return _prepared(connection, row, header, _bodies(connection, tree, wanted))


def since(connection: Connection, begin_ms: int, until_ms: int | None) -> Prepared:
    """A complete proof from the newest head that was anchored at or before a time up to the newest one, or up
    to the first one at or after `until_ms`. Without a head before, it begins with the first event.

    Raises `Misuse` if no head was anchored after that time.
    """
    rows = _anchored(connection)
    before = next((row for row in reversed(rows) if row.at_ms <= begin_ms), None)
    later = [row for row in rows if row.at_ms > begin_ms and (before is None or row.size > before.size)]
    if not later:
        when = history_events.time(begin_ms)
        raise Misuse(f"no head was anchored after {when}", where="--since", remedy=f"{_ANCHOR} first")
    row = later[-1]
    if until_ms is not None:
        row = next((one for one in later if one.at_ms >= until_ms), row)
    tree, start = Tree(connection, row.size), before.size if before is not None else 0
    header = Header(
        format=history_proof.FORMAT,
        head=_signed(connection, row),
        before=UNSET if before is None else _signed(connection, before),
        start=start,
        nodes=tuple(h.hex() for h in tree.nodes(perfect_nodes(0, start))),
    )
    return _prepared(connection, row, header, _bodies(connection, tree, range(start, row.size)))


def _prepared(connection: Connection, row: Any, header: Header, lines: Iterator[bytes]) -> Prepared:
    newest = _anchored(connection)[-1].size
    if len(history_proof.encode(header)) > history_proof.MAX_LINE:
        raise Unsupported(
            f"the first line of this proof has more than {history_proof.MAX_LINE} bytes",
            where="RUN",
            remedy="prove fewer runs at once, or use --since",
        )
    return Prepared(
        header=header,
        head=history_proof.head_of(header.head, where="records")[0],
        anchored_ms=row.at_ms,
        lines=lines,
        later_events=event_log.size(connection) - newest,
        later_runs=int(connection.execute(_RUNS, {"start": newest}).scalar_one()),
    )


def _anchored(connection: Connection) -> list[Any]:
    """The rows of the anchored heads, oldest first; at least one."""
    rows = list(connection.execute(_HEADS))
    if not rows:
        raise Misuse("no head of these records is anchored yet", where="records", remedy=_ANCHOR)
    return rows


def _signed(connection: Connection, row: Any) -> SignedHead:
    """A head as a proof carries it."""
    statement, bundles = anchored_heads.documents(connection, row)
    history_head.decode(statement)
    parsed = tuple(parse_own_json(b, where=f"bundle {hashlib.sha256(b).hexdigest()}") for b in bundles)
    return SignedHead(statement=to_base64(statement), bundles=parsed)


def _named(connection: Connection, runs: list[int], size: int) -> Iterator[int]:
    """The events under a head that name the releases of these runs. Raises `Misuse` for what is no run."""
    kinds = {}
    for index, kind, gone in connection.execute(_KINDS, {"indexes": runs}):
        kinds[index] = (kind, gone)
    for index in runs:
        kind, gone = kinds.get(index, ("", False))
        if kind != history_events.PRUNED_KIND:
            remedy = "'anchor history --json' lists the runs with their numbers"
            raise Misuse(f"event {index} is no run", where="RUN", remedy=remedy)
        if index >= size:
            problem = f"run {index} ended after the newest anchored head, which has {size} events"
            raise Misuse(problem, where="RUN", remedy=f"{_ANCHOR} first")
        if gone:
            raise Misuse(f"run {index} was pruned, and only its hash is left", where="RUN")
    for release in connection.execute(_RELEASES, {"indexes": runs}).scalars():
        if release is not None and release < size:
            yield release


def _bodies(connection: Connection, tree: Tree, indexes: Sequence[int]) -> Iterator[bytes]:
    """The line of each event: its bytes, or its leaf hash if it was pruned."""
    for start in range(0, len(indexes), event_log.BATCH):
        for index, stored in event_log.bodies(connection, indexes[start : start + event_log.BATCH]):
            if stored is None:
                yield history_proof.pruned(tree.leaf(index))
            else:
                yield event_log.unpacked(stored, where=f"event {index}")
