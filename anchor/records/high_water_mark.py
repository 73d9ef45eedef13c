# SPDX-License-Identifier: Apache-2.0
"""The high-water mark, a file beside the database: the ends of its chains, signed notes, watched targets.

A database that was deleted or restored from a backup is consistent in itself. Only a file outside it can
reveal that. The mark also restores what the records have lost. With the signed notes, a log gains nothing by
our loss. With the watched targets, the watch continues.
The mark is not trusted. Whoever edits it can cause a false alarm or hide a rollback; its notes are verified.
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
"""Bytes of a target in a mark. A path is not longer."""
MAX_UNPROVEN_BYTES = 1 << 20
"""Bytes of all unproven notes together: a thousand notes of the usual size."""
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
    """The content of the file. Its JSON keys are these names."""

    format: str = FORMAT
    ends: dict[str, tuple[_Number, str]]
    """The number and chain value of the last row of each chain."""
    notes: list[tuple[str, str]] = []
    """Log key and signed note: first the newest of each log's history, then the unproven ones."""
    watched: list[tuple[str, _Interval | None]] = []
    """Each watched target and its interval."""
    followed: list[tuple[str, str, str]] = []
    """Target, origin and key of each followed log."""
    best: list[tuple[str, str, _Number]] = []
    """Target, ledger and highest verified number."""


def encode(database: Database) -> bytes:
    """The mark of the records in their present state, as bytes."""
    with database.read() as connection:
        ends = {}
        for name, table in _TABLES.items():
            seq, value = hash_chain.head(connection, table)
            ends[name] = (seq, value.hex())
        notes = _notes(connection)
        logs = following.every(connection)
    watched = [(one.target, one.interval) for one in queue.watched(database)]
    best = [(target, one.ledger, one.number) for target, one in observed_releases.bests(database).items()]
    return encode_mark(Mark(ends=ends, notes=notes, watched=watched, followed=logs, best=best))


def encode_mark(mark: Mark) -> bytes:
    """The bytes of a mark, at most `MAX_MARK`. What does not fit is left out, the largest notes first.

    A log that serves notes of 1 MB must not displace the notes of other logs, or the watched targets.
    """
    room = MAX_MARK - len(msgspec.json.encode(Mark(ends=mark.ends))) - 1
    watched, room = _fitting(mark.watched, room)
    logs, room = _fitting(mark.followed, room)
    best, room = _fitting(mark.best, room)
    notes, _ = _fitting(sorted(mark.notes, key=lambda n: len(n[1])), room)
    chosen = set(notes)
    kept = [note for note in mark.notes if note in chosen]
    smaller = Mark(ends=mark.ends, notes=kept, watched=watched, followed=logs, best=best)
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
        first += [(log["log_key"], newest["note"].decode())] if newest else []
        for row in proven_heads.unproven(connection, log):
            room -= len(row["note"])
            others += [(log["log_key"], row["note"].decode())] if room >= 0 else []
    return first + others


def decode(data: bytes) -> Mark | None:
    """A mark; None for other bytes. A damaged mark counts as a missing one."""
    try:
        mark = msgspec.json.decode(data, type=Mark)
    except (msgspec.DecodeError, ValueError):
        return None
    return mark if mark.format == FORMAT else None


def compare(database: Database, mark: Mark) -> Check:
    """Check that the records still hold the rows that they held when the mark was written."""
    lost: list[str] = []
    with database.read() as connection:
        pruned = connection.execute(sa.select(sa.func.max(Prune.through))).scalar() or 0
        for name, (seq, value) in mark.ends.items():
            table: Any = _TABLES.get(name)
            if table is None or seq == 0 or (table is Run and seq <= pruned):
                continue
            stored = connection.execute(sa.select(table.chain).where(table.seq == seq)).scalar()
            if stored is None:
                last = connection.execute(sa.select(sa.func.max(table.seq))).scalar() or 0
                lost.append(f"{name} end at {last}, {seq} were written")
            elif stored.hex() != value:
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
    verified: list[SignedCheckpoint] = []
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


def with_best(mark: Mark, target: str, best: Best) -> bytes:
    """The bytes of this mark with another highest number for a target."""
    others = [one for one in mark.best if one[0] != target]
    return encode_mark(msgspec.structs.replace(mark, best=[(target, best.ledger, best.number), *others]))


def without(mark: Mark, target: str) -> bytes:
    """The bytes of this mark without a target."""
    kept = [one for one in mark.watched if one[0] != target]
    logs = [one for one in mark.followed if one[0] != target]
    best = [one for one in mark.best if one[0] != target]
    return encode_mark(msgspec.structs.replace(mark, watched=kept, followed=logs, best=best))


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
    following.restore(database, followed(mark), now=now)
    return again
