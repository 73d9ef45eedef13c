# SPDX-License-Identifier: Apache-2.0
"""The high-water mark, a file beside the database: a head of its history, signed notes, watched targets.

A database that was deleted or restored from a backup is consistent in itself. Only a file outside it can
reveal that. The mark also restores what the records have lost. With the signed notes, a log gains nothing by
our loss. With the watched targets, the watch continues.
The mark is not trusted. Whoever edits it can cause a false alarm or hide a rollback; its notes are verified.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy.engine import Connection

from anchor import limits
from anchor.errors import AnchorError, Refused, Unavailable
from anchor.format import names
from anchor.format.history_events import RecordsBegan
from anchor.monitor.run_record import Best, SignedCheckpoint
from anchor.records import (
    event_log,
    observed_releases,
    observed_statuses,
    proven_heads,
    queue,
    state,
    store,
)
from anchor.records import followed_logs as following
from anchor.records.database import Database
from anchor.records.intervals import MAX_INTERVAL
from anchor.records.queue import Watched
from anchor.records.tables import MAX_NUMBER
from anchor.tlog.checkpoint import parse
from anchor.verdict import Check, failed, passed
from anchor.words import several

FORMAT = "urn:ledger-anchor:mark:v2"
_OLDER = "urn:ledger-anchor:mark:v1"
"""A mark of version 0.1. It has the ends of five hash chains instead of a head."""
MAX_MARK = limits.MARK
MAX_TARGET = 4096
"""Bytes of a target in a mark. A path is not longer."""
MAX_LOST = 16
"""Heads in a mark that the records no longer have."""
MAX_UNPROVEN_BYTES = 1 << 20
"""Bytes of all unproven notes together: a thousand notes of the usual size."""
_Number = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
_Interval = Annotated[int, Meta(ge=0, le=MAX_INTERVAL)]


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A head of a history: its origin, the number of its events, and the root over them in hex."""

    origin: str
    size: _Number
    root: str


class Mark(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The content of the file. Its JSON keys are these names."""

    format: str = FORMAT
    history: Head | None = None
    """The head of the history when the mark was written."""
    lost: list[Head] = []
    """Heads that the records had before they were put back or replaced, and do not have any more."""
    ends: dict[str, tuple[_Number, str]] = {}
    """In a mark of version 0.1: the number and chain value of the last row of each chain."""
    notes: list[tuple[str, str]] = []
    """Log key and signed note: first the newest of each log's history, then the unproven ones."""
    watched: list[tuple[str, _Interval | None]] = []
    """Each watched target and its interval."""
    followed: list[tuple[str, str, str]] = []
    """Target, origin and key of each followed log."""
    best: list[tuple[str, str, _Number]] = []
    """Target, ledger and highest verified number."""
    statuses: list[tuple[str, str, _Number]] = []
    """Target, ledger and highest verified sequence of a status."""


def encode(database: Database, before: Mark | None = None) -> bytes:
    """The mark of the records in their present state, as bytes. `before`: the mark that it replaces, which is
    not forgotten if the records have lost what it says."""
    with database.read() as connection:
        tree = event_log.tree(connection)
        head = Head(origin=event_log.origin(connection), size=tree.size, root=tree.root().hex())
        notes = _notes(connection)
        logs = following.every(connection)
        lost = lost_heads(connection, before) if before is not None else []
    watched = [(one.target, one.interval) for one in queue.watched(database)]
    best = [(target, one.ledger, one.number) for target, one in observed_releases.bests(database).items()]
    said = [(target, ledger, n) for target, (ledger, n) in observed_statuses.bests(database).items()]
    return encode_mark(
        Mark(
            history=head,
            lost=lost,
            notes=notes,
            watched=watched,
            followed=logs,
            best=best,
            statuses=said,
        )
    )


def encode_mark(mark: Mark) -> bytes:
    """The bytes of a mark, at most `MAX_MARK`. What does not fit is left out, the largest notes first.

    A log that serves notes of 1 MB must not displace the notes of other logs, or the watched targets.
    """
    room = MAX_MARK - len(msgspec.json.encode(Mark(history=mark.history, lost=mark.lost, ends=mark.ends))) - 1
    watched, room = _fitting(mark.watched, room)
    logs, room = _fitting(mark.followed, room)
    best, room = _fitting(mark.best, room)
    said, room = _fitting(mark.statuses, room)
    notes, _ = _fitting(sorted(mark.notes, key=lambda n: len(n[1])), room)
    chosen = set(notes)
    kept = [note for note in mark.notes if note in chosen]
    smaller = msgspec.structs.replace(
        mark, notes=kept, watched=watched, followed=logs, best=best, statuses=said
    )
    return msgspec.json.encode(smaller) + b"\n"


def _fitting(items: list[Any], room: int) -> tuple[list[Any], int]:
    """The first items that fit into this many bytes of JSON, and the bytes that are left."""
    fitting = []
    for item in items:
        size = len(msgspec.json.encode(item)) + 1
        if size > room:
            break
        fitting.append(item)
        room -= size
    return fitting, room


def _notes(connection: Connection) -> list[tuple[str, str]]:
    """The newest note of each log's history, then the unproven notes that fit."""
    first: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    logs = proven_heads.logs(connection)
    for log in logs:
        room = MAX_UNPROVEN_BYTES // len(logs)  # an equal share for each log
        newest = proven_heads.newest(connection, log)
        first += [(log["log_key"], newest["note"].decode())] if newest and newest["note"] else []
        for row in proven_heads.unproven(connection, log):
            note = row["note"] or b""  # somebody removed it
            room -= len(note)
            others += [(log["log_key"], note.decode())] if note and room >= 0 else []
    return first + others


def decode(data: bytes) -> Mark | None:
    """A mark; None for other bytes. A damaged mark counts as a missing one."""
    try:
        mark = msgspec.json.decode(data, type=Mark)
    except (msgspec.DecodeError, ValueError):
        return None
    fits = (mark.format == FORMAT and mark.history is not None) or (mark.format == _OLDER and bool(mark.ends))
    return mark if fits else None


def compare(database: Database, mark: Mark) -> Check:
    """Check that the history still begins with the events that it had when the mark was written."""
    try:
        with database.read() as connection:
            problem = _lost(connection, mark)
    except Refused as e:
        problem = e.problem
    if not problem:
        return passed("records", "hold all that this machine wrote")
    return _doubt(f"were put back to an older state, or replaced: {problem}")


def deleted(mark: Mark) -> Check:
    """The check of records that are gone."""
    events = f", which had {several(mark.history.size, 'event')}" if mark.history is not None else ""
    return _doubt(f"were deleted: the mark of these records is here{events}")


def _doubt(problem: str) -> Check:
    remedy = "the held signed notes are restored from the mark; see docs/operations.md"
    return failed(
        "records",
        Unavailable(problem, where="records", remedy=remedy),
        meaning="what was seen since that state is forgotten, evidence included",
    )


def lost_heads(connection: Connection, mark: Mark) -> list[Head]:
    """The heads of a mark that are not of the history in these records."""
    heads = [*mark.lost, mark.history] if mark.history is not None else mark.lost
    return [head for head in dict.fromkeys(heads) if _lacks(connection, head)][-MAX_LOST:]


def lost(database: Database, mark: Mark) -> list[Head]:
    """The heads that were lost before this mark was written, and are not of these records now."""
    with database.read() as connection:
        return [head for head in mark.lost if _lacks(connection, head)]


def _lost(connection: Connection, mark: Mark) -> str:
    """The difference between the history and the head of it that the mark has; "" if there is none."""
    return _lost_rows(connection, mark) if mark.history is None else _lacks(connection, mark.history)


def _lacks(connection: Connection, head: Head) -> str:
    """The difference between the history and a head that it had; "" if there is none."""
    tree = event_log.tree(connection)
    if event_log.origin(connection) != head.origin:
        return f"this is another history than {head.origin}, of which {head.size} events were written"
    if tree.size < head.size:
        return f"events end at {tree.size}, {head.size} were written"
    if event_log.Tree(connection, head.size).root().hex() != head.root:
        return f"the first {head.size} events are not those that were written"
    return ""


def _lost_rows(connection: Connection, mark: Mark) -> str:
    """The same for a mark of version 0.1, by the ends of the chains that were imported.

    The import remembers the newest values of each chain. A mark that is older than these says only that the
    chain was shorter.
    """
    began = event_log.event(connection, 0)
    imported = began.imported if isinstance(began, RecordsBegan) else {}
    lost: list[str] = []
    for name, (number, value) in mark.ends.items():
        ends = dict(imported.get(name, []))
        last = max(ends, default=0)
        if number > last:
            lost.append(f"{name} end at {last}, {number} were written")
        elif number and ends.get(number, value) != value:
            lost.append(f"{name} {number} is not the one that was written")
    return "; ".join(lost)


def notes(mark: Mark) -> list[SignedCheckpoint]:
    """The mark's signed notes that verify."""
    verified: list[SignedCheckpoint] = []
    for log_key, note in mark.notes:
        try:
            head = parse(note.encode())
            row = {
                "id": "of the mark",
                "origin": head.origin,
                "size": head.size,
                "root": head.root.hex(),
                "note": head.raw,
                "log_key": log_key,
                "source": "mark",
            }
            verified.append(state.verified(row))
        except AnchorError:
            continue
    return verified


def watched(mark: Mark) -> list[Watched]:
    """The watched targets, due now. Names that no command would add are left out."""
    return [Watched(target, interval) for target, interval in mark.watched if _is_target(target)]


def followed(mark: Mark) -> list[tuple[str, str, str]]:
    """Target, origin and key of each followed log. Names that are not printable are left out."""
    return [
        one for one in mark.followed if _is_target(one[0]) and one[1].isprintable() and one[2].isprintable()
    ]


def _is_target(text: str) -> bool:
    """True if the command line would store this target: a URL, or an absolute path."""
    plain = 0 < len(text.encode()) <= MAX_TARGET and text.isprintable()
    return plain and text.startswith(("https://", "http://", "/"))


def best(mark: Mark) -> dict[str, Best]:
    """The highest verified number of each target."""
    return {
        target: Best(ledger=ledger, number=number)
        for target, ledger, number in mark.best
        if 1 <= number <= names.MAX_NUMBER and not names.name_problem(ledger)
    }


def statuses(mark: Mark) -> dict[str, tuple[str, int]]:
    """Ledger and highest verified sequence of a status, by target."""
    return {
        target: (ledger, number)
        for target, ledger, number in mark.statuses
        if 1 <= number <= names.MAX_NUMBER and not names.name_problem(ledger)
    }


def with_best(mark: Mark, target: str, best: Best) -> bytes:
    """The bytes of this mark with another highest number for a target."""
    others = [one for one in mark.best if one[0] != target]
    return encode_mark(msgspec.structs.replace(mark, best=[(target, best.ledger, best.number), *others]))


def without(mark: Mark, target: str) -> bytes:
    """The bytes of this mark without a target."""
    kept = [one for one in mark.watched if one[0] != target]
    logs = [one for one in mark.followed if one[0] != target]
    best = [one for one in mark.best if one[0] != target]
    said = [one for one in mark.statuses if one[0] != target]
    return encode_mark(msgspec.structs.replace(mark, watched=kept, followed=logs, best=best, statuses=said))


def without_log(mark: Mark, target: str, origin: str) -> bytes:
    """The bytes of this mark without a followed log of a target."""
    kept = [one for one in mark.followed if (one[0], one[1]) != (target, origin)]
    return encode_mark(msgspec.structs.replace(mark, followed=kept))


def restore(database: Database, mark: Mark, *, now: float) -> list[str]:
    """Restore from the mark what the records have lost: signed notes, watched targets, followed logs, highest
    numbers. Returns the targets that only the mark names."""
    store.preserve(database, notes(mark), (), now=now)
    again = queue.watch_missing(database, watched(mark), now=now)
    observed_releases.recall(database, best(mark), now=now)
    observed_statuses.recall(database, statuses(mark), now=now)
    following.restore(database, followed(mark), now=now)
    return again
