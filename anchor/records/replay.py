# SPDX-License-Identifier: Apache-2.0
"""Replays all events: to rebuild projections, and to compare them with what the events say.

A projection of another version of its fold is rebuilt and never compared: this program makes other rows than
the one that wrote them. One of this version must be exactly what the events say.
"""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import Refused
from anchor.format import history_events
from anchor.format.history_events import AnyEvent
from anchor.records import event_log, fold, pruned_events
from anchor.records.tables import MAX_NUMBER, PROJECTIONS, Base, FoldRow, Run, Target

BATCH = 512
"""Events whose rows are compared or inserted at once."""

_ONCE: Mapping[type[Base], tuple[str, ...]] = {
    table: tuple(column.name for column in constraint.columns)
    for table in PROJECTIONS
    if table not in (Target, Run)
    for constraint in table.__table__.constraints
    if isinstance(constraint, sa.UniqueConstraint)
}
"""The columns by which a table has each row only once. Workers ensure that runs have different slots."""


class Replayed(msgspec.Struct, frozen=True):
    """One event, and the steps that it makes."""

    leaf_index: int
    at_ms: int
    """As it is stored beside the body."""
    body: bytes | None = None
    """None if it was pruned, or cannot be read."""
    event: AnyEvent | None = None
    steps: Sequence[fold.Step] = ()
    problem: str = ""
    """The problem with it, or ""."""


class _Firsts:
    """Finds a row that an earlier event made already: a table has each only once.

    Two events say the same if somebody removed the row of the first one, and it was seen again.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[object, ...]] = set()

    def repeated(self, step: fold.Step) -> bool:
        """True if this step would make such a row."""
        names = _ONCE.get(step.table) if isinstance(step, fold.Add) else None
        if names is None or not isinstance(step, fold.Add):
            return False
        key = (step.table, *(step.row[name] for name in names))
        if None in key:  # nothing is equal to NULL
            return False
        repeated = key in self._seen
        self._seen.add(key)
        return repeated


def examine(connection: Connection) -> Iterator[Replayed]:
    """All events in order, with their steps, and what is wrong with them."""
    known, firsts = fold.Remembered(), _Firsts()
    named = pruned_events.read(connection)
    for index, kind, at_ms, stored in event_log.stored(connection):
        if named.has(index):
            yield Replayed(index, at_ms, problem=_of_pruned(kind, stored))
            continue
        body = event = None
        steps: list[fold.Step] = []
        problem = named.problems.get(index, "")
        try:
            body = pruned_events.opened(stored)
            event = history_events.decode(body, where="", likely=kind)
            at = history_events.time_of(event.at)
            if at != at_ms or history_events.kind(event) != kind:
                problem = "its kind or its time was changed beside its body"
            for step in fold.steps(event, index, at, known):
                if not firsts.repeated(step):
                    known.learn(step)
                    steps.append(step)
        except Refused as e:
            problem = str(e)
        yield Replayed(index, at_ms, body, event, steps, problem)


def _of_pruned(kind: str, stored: bytes | None) -> str:
    """The problem with an event that a later one names as pruned, or ""."""
    if kind != history_events.PRUNED_KIND:
        return "must not be pruned"
    return "" if stored is None else "was pruned, and has a body again"


def replay(connection: Connection) -> Iterator[Replayed]:
    """All events in order, with their steps. Raises Refused at the first one that is wrong or missing."""
    for expected, one in enumerate(examine(connection)):
        if one.leaf_index != expected:
            raise Refused(f"event {expected} is gone", where="records")
        if one.problem:
            raise Refused(f"event {one.leaf_index}: {one.problem}", where="records")
        yield one


def outdated(connection: Connection) -> list[type[Base]]:
    """The projections that another version of the fold made."""
    rows = connection.execute(sa.select(FoldRow.name, FoldRow.version))
    versions = {row.name: row.version for row in rows}
    return [t for t in PROJECTIONS if versions.get(t.__tablename__) != fold.VERSIONS[t.__tablename__]]


def rebuild(connection: Connection, tables: Collection[type[Base]] = PROJECTIONS) -> None:
    """Make the rows of these projections again, from the events. The caller holds `Database.serialise`.

    Raises Refused if an event is wrong or missing: then nothing says what the rows should be.
    """
    for table in tables:
        connection.execute(sa.delete(table))
    made = _Made(tables)
    for one in replay(connection):
        made.take(one.steps)
        if one.leaf_index % BATCH == BATCH - 1:
            _insert(connection, made.rows)
    if Target in tables:
        made.rows[Target] = list(made.targets.values())
    _insert(connection, made.rows)
    connection.execute(sa.delete(FoldRow).where(FoldRow.name.in_([t.__tablename__ for t in tables])))
    versions = [{"name": t.__tablename__, "version": fold.VERSIONS[t.__tablename__]} for t in tables]
    if versions:
        connection.execute(sa.insert(FoldRow), versions)


class _Made:
    """The rows that events make in these tables."""

    def __init__(self, tables: Collection[type[Base]]) -> None:
        self.targets: dict[int, dict[str, Any]] = {}
        """The rows of targets: they change until the end."""
        self.rows: dict[type[Base], list[dict[str, Any]]] = {t: [] for t in tables if t is not Target}
        """The rows of the other tables since these lists were cleared."""

    def take(self, steps: Iterable[fold.Step]) -> None:
        """Make the rows of these steps. Pruned runs make no rows, so there is nothing to remove."""
        for step in steps:
            if isinstance(step, fold.Change):
                self.targets[step.target_id].update(step.values)
            elif isinstance(step, fold.Add):
                if step.table is Target:
                    self.targets[step.row["id"]] = dict(step.row)
                elif step.table in self.rows:
                    self.rows[step.table].append(step.row)


def _insert(connection: Connection, rows: Mapping[type[Base], list[dict[str, Any]]]) -> None:
    for table, made in rows.items():
        if made:
            connection.execute(sa.insert(table), made)
        made.clear()


@functools.cache
def _stored(table: type[Base]) -> tuple[sa.Select[Any], list[str]]:
    """The statement for the rows of a projection with ids from `first` to `last`, and its columns."""
    columns = table.__table__.columns
    asked = columns.id.between(sa.bindparam("first"), sa.bindparam("last"))
    return sa.select(table.__table__).where(asked).order_by(columns.id), columns.keys()


class Comparison:
    """Compares the projections with the rows that events make, while they are replayed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.outdated = outdated(connection)
        """Projections of another version: they are not compared."""
        self._compared = [t for t in PROJECTIONS if t not in self.outdated]
        self._made = _Made(self._compared)
        self._first = dict.fromkeys(self._compared, -MAX_NUMBER - 1)
        """The smallest id of each that was not compared. A row of no event may have any."""
        self._end = BATCH
        self.problems: list[str] = []
        self.count = 0
        """Rows that were compared."""

    def take(self, one: Replayed) -> None:
        """Take the steps of the next event."""
        if one.leaf_index >= self._end:
            self._end = one.leaf_index + BATCH
            for table, rows in self._made.rows.items():
                if rows:
                    self._differences(table, rows, one.leaf_index - 1)
        self._made.take(one.steps)

    def close(self) -> None:
        """Compare the rest, and what has an id beyond the last event."""
        self._made.rows[Target] = list(self._made.targets.values())
        for table in self._compared:
            self._differences(table, self._made.rows[table], MAX_NUMBER)

    def _differences(self, table: type[Base], made: list[dict[str, Any]], last: int) -> None:
        """Compare the stored rows with ids up to `last` that were not compared with those that were made."""
        query, names = _stored(table)
        stored = self._connection.execute(query, {"first": self._first[table], "last": last}).all()
        held, wanted = list(map(tuple, stored)), list(map(itemgetter(*names), made))
        self._first[table] = last + 1
        self.count += len(wanted)
        made.clear()
        if held != wanted:
            self._report(table.__tablename__, names, held, wanted)

    def _report(self, name: str, names: list[str], stored: list[Any], wanted: list[Any]) -> None:
        at = names.index("id")
        held: Mapping[int, Any] = {row[at]: row for row in stored}
        said: Mapping[int, Any] = {row[at]: row for row in wanted}
        for number in sorted(held.keys() | said.keys()):
            if number not in held:
                self.problems.append(f"{name} {number} is gone")
            elif number not in said:
                self.problems.append(f"{name} {number} is of no event")
            elif held[number] != said[number]:
                both = zip(names, held[number], said[number], strict=True)
                other = ", ".join(n for n, a, b in both if a != b)
                self.problems.append(f"{name} {number} is not what its event says: {other}")
