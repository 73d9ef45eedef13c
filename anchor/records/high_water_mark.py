# SPDX-License-Identifier: Apache-2.0
"""A mark beside the database: how far its chains had come, signed notes of each log, what is watched.

A database that was put back to an older state, or deleted, is whole in itself; only something outside of it
can tell. The mark also brings the signed notes back, so that a log gains nothing from our loss of memory, and
what is watched, so that a database that is gone is no end of the watch.
It is not trusted: who edits it can raise a false doubt or hide a rollback, and the notes in it are verified.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from msgspec import Meta
from sqlalchemy.engine import Connection

from anchor import limits
from anchor.errors import AnchorError, Unavailable
from anchor.format import names
from anchor.monitor.run_record import Best, SignedCheckpoint
from anchor.records import followed_logs as following
from anchor.records import hash_chain, observed_releases, proven_heads, queue, state, store
from anchor.records.database import Database
from anchor.records.intervals import MAX_INTERVAL
from anchor.records.queue import Watched
from anchor.records.tables import MAX_NUMBER, Base, Checkpoint, EvidenceRow, Journal, Prune, Run
from anchor.tlog.checkpoint import parse
from anchor.verdict import Check, failed, passed

FORMAT = "urn:ledger-anchor:mark:v1"
MAX_MARK = limits.MARK
MAX_TARGET = 4096
"""Bytes of a target in a mark: a path has no more."""
MAX_UNPROVEN_BYTES = 1 << 20
"""Of notes that are not proven: a thousand of the usual size."""
_Number = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
_Interval = Annotated[int, Meta(ge=0, le=MAX_INTERVAL)]
_TABLES: Mapping[str, type[Base]] = {
    "runs": Run,
    "checkpoints": Checkpoint,
    "evidence": EvidenceRow,
    "prunes": Prune,
    "journal": Journal,
}


class Mark(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What was last written: number and chain value of each chain's end; log key and signed note, for each
    log the newest of its history first and then those that are not proven; target and interval of each
    release that is watched; target, origin and key of each log that is followed for it; target, ledger and
    highest verified number of each."""

    format: str = FORMAT
    ends: dict[str, tuple[_Number, str]]
    notes: list[tuple[str, str]] = []
    watched: list[tuple[str, _Interval | None]] = []
    followed: list[tuple[str, str, str]] = []
    best: list[tuple[str, str, _Number]] = []


def encode(database: Database) -> bytes:
    """The mark of the records as they are now."""
    with database.read() as connection:
        ends = {}
        for name, table in _TABLES.items():
            seq, value = hash_chain.head(connection, table)
            ends[name] = (seq, value.hex())
        notes = _notes(connection)
        logs = following.every(connection)
    claimed = [(one.target, one.interval) for one in queue.watched(database)]
    best = [(target, one.ledger, one.number) for target, one in observed_releases.bests(database).items()]
    return written(Mark(ends=ends, notes=notes, watched=claimed, followed=logs, best=best))


def written(mark: Mark) -> bytes:
    """A mark's bytes, never more than are read: what does not fit is left out, the largest notes first.

    One log that serves notes of 1 MB must not cost the notes of the others, or what is watched.
    """
    room = MAX_MARK - len(msgspec.json.encode(Mark(ends=mark.ends))) - 1
    watched, room = _fitting(mark.watched, room)
    logs, room = _fitting(mark.followed, room)
    best, room = _fitting(mark.best, room)
    notes, _ = _fitting(sorted(mark.notes, key=lambda n: len(n[1])), room)
    chosen = set(notes)
    kept = [note for note in mark.notes if note in chosen]
    found = Mark(ends=mark.ends, notes=kept, watched=watched, followed=logs, best=best)
    return msgspec.json.encode(found) + b"\n"


def _fitting(items: list[Any], room: int) -> tuple[list[Any], int]:
    """The first of the items that fit into so many bytes of JSON, and the bytes that are left."""
    found = []
    for item in items:
        size = len(msgspec.json.encode(item)) + 1
        if size > room:
            break
        found.append(item)
        room -= size
    return found, room


def _notes(connection: Connection) -> list[tuple[str, str]]:
    """The newest note of each log's history, then those that are not proven, as many as there is room for."""
    first: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    logs = proven_heads.logs(connection)
    for log in logs:
        room = MAX_UNPROVEN_BYTES // len(logs)  # none takes another one's
        newest = proven_heads.newest(connection, log)
        first += [(log["log_key"], newest["note"].decode())] if newest else []
        for row in proven_heads.unproven(connection, log):
            room -= len(row["note"])
            others += [(log["log_key"], row["note"].decode())] if room >= 0 else []
    return first + others


def decode(data: bytes) -> Mark | None:
    """A mark, or None for what is none: a damaged mark is only a mark less."""
    try:
        found = msgspec.json.decode(data, type=Mark)
    except (msgspec.DecodeError, ValueError):
        return None
    return found if found.format == FORMAT else None


def compare(database: Database, mark: Mark) -> Check:
    """Whether the records still hold what they held when the mark was written."""
    lost: list[str] = []
    with database.read() as connection:
        pruned = connection.execute(sa.select(sa.func.max(Prune.through))).scalar() or 0
        for name, (seq, value) in mark.ends.items():
            table: Any = _TABLES.get(name)
            if table is None or seq == 0 or (table is Run and seq <= pruned):
                continue
            found = connection.execute(sa.select(table.chain).where(table.seq == seq)).scalar()
            if found is None:
                last = connection.execute(sa.select(sa.func.max(table.seq))).scalar() or 0
                lost.append(f"{name} end at {last}, {seq} were written")
            elif found.hex() != value:
                lost.append(f"{name} {seq} is not the one that was written")
    if not lost:
        return passed("records", "hold all that this machine wrote")
    problem = "were put back to an older state, or replaced: " + "; ".join(lost)
    remedy = "the held signed notes are restored from the mark; see docs/operations.md"
    return failed(
        "records",
        Unavailable(problem, where="records", remedy=remedy),
        meaning="what was seen since that state is forgotten, evidence included",
    )


def notes(mark: Mark) -> list[SignedCheckpoint]:
    """The mark's signed notes that verify."""
    found: list[SignedCheckpoint] = []
    for log_key, note in mark.notes:
        try:
            head = parse(note.encode())
            row = {
                "seq": "of the mark",
                "origin": head.origin,
                "size": head.size,
                "root": head.root.hex(),
                "note": head.raw,
                "log_key": log_key,
                "source": "mark",
            }
            found.append(state.verified(row))
        except AnchorError:
            continue
    return found


def watched(mark: Mark) -> list[Watched]:
    """What was watched; when it is due is not known, so now. What no command would have added is left out."""
    return [Watched(target, interval) for target, interval in mark.watched if _is_target(target)]


def followed(mark: Mark) -> list[tuple[str, str, str]]:
    """Target, origin and key of each log that is followed; what no log is called is left out."""
    return [
        one for one in mark.followed if _is_target(one[0]) and one[1].isprintable() and one[2].isprintable()
    ]


def _is_target(text: str) -> bool:
    """Whether a target is one as the command line writes them down: a URL, or a path from the root."""
    plain = 0 < len(text.encode()) <= MAX_TARGET and text.isprintable()
    return plain and text.startswith(("https://", "http://", "/"))


def best(mark: Mark) -> dict[str, Best]:
    """By target: the highest number that was verified there, as the runs before found it."""
    return {
        target: Best(ledger=ledger, number=number)
        for target, ledger, number in mark.best
        if 1 <= number <= names.MAX_NUMBER and not names.name_problem(ledger)
    }


def with_best(mark: Mark, target: str, best: Best) -> bytes:
    """The same mark, in which the releases of this target are compared with another number."""
    others = [one for one in mark.best if one[0] != target]
    return written(msgspec.structs.replace(mark, best=[(target, best.ledger, best.number), *others]))


def without(mark: Mark, target: str) -> bytes:
    """The same mark, in which this target is watched no more."""
    kept = [one for one in mark.watched if one[0] != target]
    logs = [one for one in mark.followed if one[0] != target]
    best = [one for one in mark.best if one[0] != target]
    return written(msgspec.structs.replace(mark, watched=kept, followed=logs, best=best))


def without_log(mark: Mark, target: str, origin: str) -> bytes:
    """The same mark, in which this log is followed no more for this target."""
    kept = [one for one in mark.followed if (one[0], one[1]) != (target, origin)]
    return written(msgspec.structs.replace(mark, followed=kept))


def restore(database: Database, mark: Mark, *, now: float) -> list[str]:
    """Keep what the records have lost of the mark: signed notes, and what is watched; returns the targets
    that are watched again by its word alone."""
    store.preserve(database, notes(mark), (), now=now)
    again = queue.watch_missing(database, watched(mark), now=now)
    observed_releases.recall(database, best(mark), now=now)
    following.restore(database, followed(mark), now=now)
    return again
