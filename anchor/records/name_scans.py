# SPDX-License-Identifier: Apache-2.0
"""The parts of logs that were read for a watch, and the entries there that nothing explained.

Both are kept for ever: an edit must not hide an entry. The requests of an hour are working state.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.format.history_events import EntryFound, LogRead
from anchor.monitor.run_record import NameScan, ReadBefore, ScannedRange
from anchor.records.database import Database
from anchor.records.last_facts import last_facts
from anchor.records.tables import NamedEntryRow, NameScanRow, ScanBudget
from anchor.records.writer import Writer
from anchor.verify.named_entry import NamedEntry

HOUR = 3_600_000

# Statements are built once, with named parameters: building one costs eight times as much as running it.


def _of_log(table: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(getattr(table, name) == sa.bindparam(name) for name in ("origin", "log_key", "watch"))


_RANGES = sa.select(NameScanRow.__table__).where(
    NameScanRow.id.in_(
        sa.select(sa.func.max(NameScanRow.id)).where(*_of_log(NameScanRow)).group_by(NameScanRow.start_index)
    )
)
"""The newest row of each start: it goes furthest."""
_KNOWN_RANGE = sa.select(NameScanRow.id).where(
    *_of_log(NameScanRow),
    NameScanRow.start_index == sa.bindparam("start_index"),
    NameScanRow.end_index == sa.bindparam("end_index"),
)
_NAMED_COLUMNS = ("log_index", "digest", "certified", "identity", "issuer")
_NAMED = sa.select(*(getattr(NamedEntryRow, name) for name in _NAMED_COLUMNS)).order_by(
    NamedEntryRow.log_index, NamedEntryRow.id
)
_CLAIMED = _NAMED.where(*_of_log(NamedEntryRow), NamedEntryRow.certified == 0)
_CERTIFIED = _NAMED.where(NamedEntryRow.origin == sa.bindparam("origin"), NamedEntryRow.certified == 1)
"""Under any key of the log and any watch: other watched names or authorities end no finding."""
_KNOWN_ENTRY = sa.select(NamedEntryRow.id).where(
    *_of_log(NamedEntryRow), NamedEntryRow.log_index == sa.bindparam("log_index")
)
_OF_BUDGET = tuple(getattr(ScanBudget, name) == sa.bindparam(f"of_{name}") for name in ("origin", "log_key"))
_BUDGET = sa.select(ScanBudget.hour, ScanBudget.requests).where(*_OF_BUDGET)
_SPEND = sa.update(ScanBudget).where(*_OF_BUDGET)
_BEGIN = sa.insert(ScanBudget)


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a log the last run of a target had read, and what was found there."""

    origin: str
    first: int
    """The first entry that is wanted."""
    size: int
    read: int
    """Entries from the first on that were read."""
    gaps: int
    unexplained: int
    """Entries under a watched identity that nothing explains."""
    claimed: int
    """Entries that merely claim a watched name."""
    coverage: str
    """For a person."""


class _Facts(msgspec.Struct):
    names: list[Coverage] = []


def coverages(database: Database) -> dict[str, Coverage]:
    """The coverage of each log that is read whole, by its origin. Of several targets, the most findings."""
    return by_origin(one for _, facts in last_facts(database, _Facts) for one in facts.names)


def by_origin(coverages: Iterable[Coverage]) -> dict[str, Coverage]:
    """The coverage with the most findings of each origin."""
    found: dict[str, Coverage] = {}
    for one in coverages:
        other = found.get(one.origin)
        if other is None or (one.unexplained, one.read) > (other.unexplained, other.read):
            found[one.origin] = one
    return found


def read_before(connection: Connection, log_key: str, origin: str, watch: str, *, at: int) -> ReadBefore:
    """The parts of a log that were read for a watch. `at`: now, milliseconds since 1970."""
    key = {"origin": origin, "log_key": log_key, "watch": watch}
    rows = connection.execute(_RANGES, key).mappings().all()
    budget = connection.execute(_BUDGET, {"of_origin": origin, "of_log_key": log_key}).first()
    return ReadBefore(
        ranges=tuple(
            ScannedRange(
                start=row["start_index"],
                end=row["end_index"],
                claimed=row["claimed"],
                surplus=row["surplus"],
                unreadable=row["unreadable"],
            )
            for row in rows
        ),
        size=max((row["size"] for row in rows), default=0),
        requests=budget.requests if budget is not None and budget.hour == at // HOUR else 0,
        named=(*_entries(connection, _CLAIMED, key), *certified(connection, origin)),
    )


def certified(connection: Connection, origin: str) -> tuple[NamedEntry, ...]:
    """The certified entries that were ever found in a log, for any watch, each once."""
    return _entries(connection, _CERTIFIED, {"origin": origin})


def _entries(connection: Connection, query: Any, key: dict[str, str]) -> tuple[NamedEntry, ...]:
    found = (
        NamedEntry(
            index=row["log_index"],
            digest=row["digest"],
            certified=bool(row["certified"]),
            identity=row["identity"],
            issuer=row["issuer"],
        )
        for row in connection.execute(query, key).mappings()
    )
    return tuple(dict.fromkeys(found))


def write(writer: Writer, found: NameScan) -> None:
    """Keep what a run read. A second run with the same result adds nothing."""
    key: dict[str, Any] = {"origin": found.origin, "log_key": found.log_key, "watch": found.watch}
    for one in found.ranges:
        row = {**key, "start_index": one.start, "end_index": one.end}
        if writer.connection.execute(_KNOWN_RANGE, row).first() is None:
            counts = {"claimed": one.claimed, "surplus": one.surplus, "unreadable": one.unreadable}
            writer.add(LogRead, **key, start=one.start, end=one.end, size=found.size, **counts)
    for entry in found.named:
        if writer.connection.execute(_KNOWN_ENTRY, {**key, "log_index": entry.index}).first() is None:
            writer.add(
                EntryFound,
                **key,
                log_index=entry.index,
                digest=entry.digest,
                certified=entry.certified,
                identity=entry.identity,
                issuer=entry.issuer,
                body=writer.blob(entry.body),
            )
    if found.requests:
        spend(writer.connection, found.log_key, found.origin, found.requests, at=writer.at_ms)


def spend(connection: Connection, log_key: str, origin: str, requests: int, *, at: int) -> None:
    """Count requests in the hour of a time, milliseconds since 1970. The caller holds `serialise`."""
    of = {"of_origin": origin, "of_log_key": log_key}
    before, hour = connection.execute(_BUDGET, of).first(), at // HOUR
    spent = requests + (before.requests if before is not None and before.hour == hour else 0)
    row = {"hour": hour, "requests": spent}
    if before is None:
        connection.execute(_BEGIN, {"origin": origin, "log_key": log_key, **row})
    else:
        connection.execute(_SPEND, {**of, **row})
