# SPDX-License-Identifier: Apache-2.0
"""Reads the state of each target, past runs and open ones from the records."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from anchor.encoding import rfc3339_of
from anchor.records import proven_heads
from anchor.records.database import Database
from anchor.records.queue import DUE, Alive
from anchor.records.tables import EvidenceRow, Release, Run, Target, Work


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which runs to list. Times in seconds since 1970."""

    target: str | None = None
    verdict: str | None = None
    """A class, or `interrupted`, or `running`."""
    since: float | None = None
    until: float | None = None
    limit: int | None = 100


_OPEN = ("interrupted", "running")


class RunLine(msgspec.Struct, frozen=True, kw_only=True):
    """One past or open run; times are RFC 3339 in UTC."""

    run: int | None
    """The index of its event; None for an open run."""
    target: str
    state: str
    verdict: str | None
    started: str
    ended: str | None
    seconds: float | None
    requests: int | None
    ledger: str | None
    release: int | None
    detail: str
    worker: str


def runs(database: Database, wanted: Filter, *, alive: Alive = lambda _: None) -> Iterator[RunLine]:
    """Runs, newest first, one at a time: the open ones, then those that ended.

    An open run counts as interrupted if its worker is certainly dead, even if nobody has recorded that yet.
    """
    with database.read() as connection:
        found = itertools.chain(_open(connection, wanted, alive), _ended(connection, wanted))
        yield from itertools.islice(found, wanted.limit)


def _open(connection: Connection, wanted: Filter, alive: Alive) -> Iterator[RunLine]:
    query = (
        sa.select(Work.__table__, Target.target)
        .join(Target, Target.id == Work.claim_id)
        .where(Work.run.is_not(None), *_where(wanted, Work.started_ms))
        .order_by(Work.started_ms.desc(), Work.claim_id.desc())
    )
    for row in connection.execute(query).mappings().all():
        state = "interrupted" if alive(row["worker"] or "") is False else "running"
        if wanted.verdict in (None, state):
            yield _line(row, state)


def _ended(connection: Connection, wanted: Filter) -> Iterator[RunLine]:
    query = (
        sa.select(Run.__table__, Target.target, Release.ledger, Release.number)
        .join(Target, Target.id == Run.claim_id)
        .join(Release, Release.id == Run.release_id, isouter=True)
        .where(*_where(wanted, Run.started_ms))
        .order_by(Run.id.desc())
        .execution_options(yield_per=500)
    )
    if wanted.verdict in _OPEN:
        query = query.where(Run.state == wanted.verdict)
    elif wanted.verdict is not None:
        query = query.where(Run.verdict == wanted.verdict)
    with connection.execute(query) as rows:
        for row in rows.mappings():
            yield _line(row, row["state"])


def _where(wanted: Filter, started: Any) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.target is not None:
        conditions.append(Target.target == wanted.target)
    if wanted.since is not None:
        conditions.append(started >= round(wanted.since * 1000))
    if wanted.until is not None:
        conditions.append(started < round(wanted.until * 1000))
    return conditions


def _line(row: RowMapping, state: str) -> RunLine:
    """A row of `runs`, or of `work` without the columns that a run gets at its end."""
    duration = row.get("duration_ms")
    return RunLine(
        run=row.get("id"),
        target=row["target"],
        state=state,
        verdict=row.get("verdict"),
        started=time_text(row["started_ms"]) or "",
        ended=time_text(row.get("ended_ms")),
        seconds=None if duration is None else duration / 1000,
        requests=row.get("requests"),
        ledger=row.get("ledger"),
        release=row.get("number"),
        detail=row.get("detail") or "",
        worker=row["worker"] or "",
    )


def time_text(ms: int | None) -> str | None:
    """Milliseconds since 1970 as RFC 3339 in UTC, to the second; None if the date cannot be written."""
    try:
        return None if ms is None else rfc3339_of(ms // 1000)
    except (OverflowError, ValueError, OSError):
        return None


@dataclass(frozen=True, kw_only=True)
class TargetState:
    """The state of a watched target. Times in milliseconds since 1970."""

    target: str
    ledger: str | None
    number: int | None
    version: str | None
    last_class: str | None
    last_run_ms: int | None
    last_good_ms: int | None
    max_run_age_s: int | None
    due_ms: int
    notified: str
    failing_runs: int
    running: str | None
    """The worker that re-verifies it now."""
    lease_ms: int | None
    """The end of that worker's lease."""


def states(database: Database) -> list[TargetState]:
    """Every watched target, oldest first."""
    columns = (
        Target.target,
        Release.ledger,
        Release.number,
        Release.version,
        Target.last_class,
        Target.last_run_ms,
        Target.last_good_ms,
        Target.max_run_age_s,
        DUE.label("due_ms"),
        Target.notified,
        Target.failing_runs,
        Work.worker.label("running"),
        Work.lease_ms,
    )
    query = (
        sa.select(*columns)
        .join(Release, Release.id == Target.release_id, isouter=True)
        .join(Work, Work.claim_id == Target.id, isouter=True)
        .where(Target.active == 1)
        .order_by(Target.id)
    )
    with database.read() as connection:
        return [TargetState(**dict(row)) for row in connection.execute(query).mappings()]


@dataclass(frozen=True)
class LogState:
    """A log: the size of its proven history, and how many signed and unproven heads are held."""

    origin: str
    size: int
    checkpoints: int
    unproven: int


def logs(database: Database) -> list[LogState]:
    """Each log of which a head is held. An unproven head may have any size, so it is only counted."""
    count = sa.select(sa.func.count()).select_from(proven_heads.OF_LOG.subquery())
    by_origin: dict[str, LogState] = {}
    with database.read() as connection:
        for log in proven_heads.logs(connection):
            newest = proven_heads.newest(connection, log)
            size = int(newest["size"]) if newest else 0
            unproven = len(proven_heads.unproven(connection, log))
            held = int(connection.execute(count, log).scalar_one())
            before = by_origin.get(
                log["origin"], LogState(log["origin"], 0, 0, 0)
            )  # the same origin under another key
            by_origin[log["origin"]] = LogState(
                log["origin"],
                max(size, before.size),
                held + before.checkpoints,
                unproven + before.unproven,
            )
    return list(by_origin.values())


def accused(database: Database) -> list[tuple[int, str, str, str]]:
    """Number, kind, origin and digest of each piece of evidence."""
    columns = (EvidenceRow.id, EvidenceRow.kind, EvidenceRow.origin, EvidenceRow.digest)
    with database.read() as connection:
        rows = connection.execute(sa.select(*columns).order_by(EvidenceRow.id))
        return [(number, kind, origin, digest) for number, kind, origin, digest in rows]
