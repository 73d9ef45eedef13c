# SPDX-License-Identifier: Apache-2.0
"""Checks the history in one pass over its events, for `records check`.

Each event must be the leaf that was written, and each tile must follow from those below it. The projections
must follow from the events, each consistency proof must hold, and each run must keep to its own rule. The
documents that events name are checked in the same pass (`document_check`).
"""

from collections.abc import Collection, Mapping

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import AnchorError, Refused
from anchor.format import history_events, history_head
from anchor.format.history_events import (
    ConsistencyProven,
    HeadAnchored,
    MessageOwed,
    RecordsBegan,
    RunEnded,
    number_of,
)
from anchor.format.history_head import Before, Head
from anchor.merkle.hashing import EMPTY_ROOT, HASH_SIZE
from anchor.merkle.proof import roots_from_consistency
from anchor.merkle.tree import root as root_of
from anchor.records import decision, event_log, replay
from anchor.records.document_check import Documents, Finding
from anchor.records.tables import Checkpoint, EventRow, Proof, TileRow
from anchor.tlog import tiles
from anchor.words import several

MOST = 1000
"""Problems of one kind that are collected."""
_SLACK_MS = 1000
"""The difference that rounding of times may cause."""

_ROWS = sa.select(
    sa.select(sa.func.count()).select_from(EventRow).scalar_subquery(),
    sa.select(sa.func.count()).select_from(TileRow).where(TileRow.level == 0).scalar_subquery(),
)


def examine(connection: Connection, log_keys: Collection[bytes] | None = None) -> Mapping[str, Finding]:
    """The findings about `history`, `projections`, `proofs`, `decisions`, `anchored-heads`, and those of
    `document_check`. `log_keys`: the known log keys, as in vkeys."""
    history, proofs, decisions = _History(connection), _Proofs(), _Decisions()
    rows = replay.Comparison(connection)
    heads, documents = _Heads(connection), Documents(connection, log_keys)
    for one in replay.examine(connection):
        history.take(one)
        rows.take(one)
        proofs.take(one)
        decisions.take(one)
        heads.take(one)
        documents.take(one)
    history.close()
    rows.close()
    if Checkpoint not in rows.outdated and Proof not in rows.outdated:
        proofs.problems += _unstored(connection)
    other = f"; of another version, to be made again: {len(rows.outdated)} tables" if rows.outdated else ""
    return {
        "history": (
            history.problems,
            f"{several(history.next, 'event')}, each as it was written{history.gone}",
        ),
        "projections": (rows.problems, f"as the events say: {several(rows.count, 'row')}{other}"),
        "proofs": (proofs.problems, f"{several(proofs.count, 'consistency proof')} checked"),
        "decisions": (decisions.problems, f"each of {several(decisions.count, 'run')} kept to its rule"),
        "anchored-heads": (
            heads.problems(),
            f"of this history: {several(heads.count, 'head')} that were anchored",
        ),
        **documents.findings(),
    }


class _History:
    """Compares the leaf hashes of the events with the tiles, and these with each other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._levels: list[list[bytes | None]] = [[]]
        self._done = [0]
        """Full tiles of each level."""
        self.next = 0
        self._most = _most(connection)
        self.problems: list[str] = []
        self._pruned = 0

    @property
    def gone(self) -> str:
        """A remark about pruned events; "" if there are none."""
        return f"; {self._pruned} of them were pruned" if self._pruned else ""

    def take(self, one: replay.Replayed) -> None:
        """Take the next event."""
        if not self.next <= one.leaf_index < self._most:
            self._add(f"event {one.leaf_index} was given this index later: the tree has no such leaf")
            return
        for missing in range(self.next, one.leaf_index):
            self._add(f"event {missing} was deleted")
            self._put(0, None)
        self.next = one.leaf_index + 1
        if one.problem:
            self._add(f"event {one.leaf_index} is damaged: {one.problem}")
        elif one.body is None:
            self._pruned += 1
        self._put(0, None if one.body is None else history_events.leaf_hash(one.body))

    def close(self) -> None:
        """Compare the tiles at the right edge, and look for tiles beyond it."""
        if self.next == 0:
            self._add("the history has no first event")
        for level in range(len(self._levels)):
            if self._levels[level]:
                self._compare(level)
            beyond = sa.select(TileRow.number).where(
                TileRow.level == level, TileRow.number >= self._done[level]
            )
            for number in self._connection.execute(beyond.order_by(TileRow.number).limit(2)).scalars():
                self._add(f"tile {level}/{number} is beyond the last event: events were deleted at the end")
        higher = sa.select(TileRow.level).where(TileRow.level >= len(self._levels)).limit(1)
        if self._connection.execute(higher).first() is not None:
            self._add("there are tiles above the root: events were deleted at the end")

    def _put(self, level: int, value: bytes | None) -> None:
        """The next hash of a level; None if only its tile has it."""
        if level == len(self._levels):
            self._levels.append([])
            self._done.append(0)
        self._levels[level].append(value)
        if len(self._levels[level]) == tiles.FULL:
            self._put(level + 1, self._compare(level))

    def _compare(self, level: int) -> bytes | None:
        """Compare the collected hashes of a tile with its row; returns the root over them."""
        wanted, number = self._levels[level], self._done[level]
        self._levels[level] = []
        self._done[level] += 1
        data = event_log.tile(self._connection, level, number)
        if data is None or len(data) != len(wanted) * HASH_SIZE:
            self._add(f"tile {level}/{number} is {'gone' if data is None else 'not as long as it was'}")
            return None
        stored = tiles.split(data, len(wanted))
        if stored != wanted:
            self._report(level, number, wanted, stored)
        return root_of(stored)

    def _report(self, level: int, number: int, wanted: list[bytes | None], stored: list[bytes]) -> None:
        for at, (one, held) in enumerate(zip(wanted, stored, strict=True)):
            if one is not None and one != held:
                name = f"event {number * tiles.FULL + at}" if level == 0 else f"tile {level}/{number}"
                self._add(f"{name} was edited: its hash is another one than was written")

    def _add(self, problem: str) -> None:
        if len(self.problems) < MOST:
            self.problems.append(problem)


def _most(connection: Connection) -> int:
    """No history is longer: each leaf has an event, or a tile of 256. An edited index is no length."""
    events, full = connection.execute(_ROWS).one()
    return int(events) + tiles.FULL * int(full)


class _Proofs:
    """Checks each consistency proof."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.count = 0

    def take(self, one: replay.Replayed) -> None:
        if isinstance(one.event, ConsistencyProven):
            self.count += 1
            if problem := _wrong(one.event):
                self.problems.append(f"proof {one.leaf_index}: {problem}")


def _wrong(said: ConsistencyProven) -> str:
    """The problem with a consistency proof, or ""."""
    if said.old_size == 0:  # any tree begins with the empty one
        return "" if (said.old_root, said.hashes) == (EMPTY_ROOT.hex(), []) else "is not of the empty tree"
    path = [bytes.fromhex(one) for one in said.hashes]
    try:
        then, now = roots_from_consistency(number_of(said.old_size), number_of(said.new_size), path)
    except Refused as e:
        return e.problem
    return "" if (then.hex(), now.hex()) == (said.old_root, said.new_root) else "does not lead to its roots"


def _unstored(connection: Connection) -> list[str]:
    """Proofs of checkpoints that are not stored."""
    problems = []
    for size, root in ((Proof.old_size, Proof.old_root), (Proof.new_size, Proof.new_root)):
        same = sa.and_(Checkpoint.origin == Proof.origin, Checkpoint.size == size, Checkpoint.root == root)
        query = sa.select(Proof.id).join(Checkpoint, same, isouter=True)
        lost = query.where(Checkpoint.id.is_(None), size > 0).order_by(Proof.id).limit(MOST)
        for number in connection.execute(lost).scalars():
            problems.append(f"proof {number} is of a checkpoint that is not stored")
    return problems


class _Decisions:
    """Judges the decision of each run by the rule stored with it, never by the constants of this program."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.count = 0
        self._owed: set[str] = set()

    def take(self, one: replay.Replayed) -> None:
        if isinstance(one.event, MessageOwed):
            self._owed.add(one.event.uid)
        elif isinstance(one.event, RunEnded) and one.event.decided is not None:
            self.count += 1
            try:
                problem = self._problem(one.event, one.at_ms, decision.read(one.event.decided))
            except (msgspec.ValidationError, ValueError, TypeError):
                problem = "cannot have been written like this"
            if problem:
                self.problems.append(f"run {one.leaf_index} {problem}")

    def _problem(self, run: RunEnded, at: int, decided: decision.Decision) -> str:
        if decided.message is not None and decided.message not in self._owed:
            return f"owed the message {decided.message}, which is not there"
        if decided.due_ms > at + decided.furthest_ms + _SLACK_MS:
            return "put off the next one further than its rule allows"
        # A run of version 0.1 has no `alarm`, only its digest.
        if run.alarm is not None and decided.alarm != decision.digest(run.alarm):
            return "says that people were notified of other causes"
        return ""


class _Heads:
    """Checks each head that was anchored: its tree and its statement."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._origin = ""
        self._heads: list[tuple[int, HeadAnchored]] = []

    @property
    def count(self) -> int:
        return len(self._heads)

    def take(self, one: replay.Replayed) -> None:
        if isinstance(one.event, RecordsBegan):
            self._origin = one.event.origin
        elif isinstance(one.event, HeadAnchored):
            self._heads.append((one.leaf_index, one.event))

    def problems(self) -> list[str]:
        """The problems with all of them, once the last event was taken."""
        found: list[str] = []
        before: Before | None = None
        for index, said in self._heads:
            size = number_of(said.size)
            head = Head(origin=self._origin, size=size, root=said.root, previous=before)
            before = Before(size=size, root=said.root, statement=said.statement)
            try:
                self._check(index, head, said)
            except AnchorError as e:
                found.append(f"head {index}: {e.problem}")
        return found

    def _check(self, index: int, head: Head, said: HeadAnchored) -> None:
        """Raise Refused unless an event is about this head, which names the one before it."""
        if head.size > index or event_log.Tree(self._connection, head.size).root().hex() != head.root:
            raise Refused(f"the head of {head.size} events that it says was anchored is not of this history")
        if event_log.blob(self._connection, said.statement) != history_head.encode(head):
            raise Refused("its statement says something else, or does not name the head before it")
