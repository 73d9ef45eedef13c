# SPDX-License-Identifier: Apache-2.0
"""Reads the state of each target, and past runs, from the records."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from anchor.encoding import rfc3339
from anchor.records import proven_heads
from anchor.records.database import Database
from anchor.records.queue import Alive
from anchor.records.tables import CheckRow, EvidenceRow, Release, Run, Target


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
    """One past run; times are RFC 3339 in UTC."""

    run: int
    number: int | None
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
    """Runs, newest first, one at a time. A run counts as interrupted if its worker is certainly dead, even if
    nobody has recorded that yet."""
    demoting = (
        sa.select(CheckRow.name + sa.literal(": ") + CheckRow.detail)
        .where(CheckRow.run_id == Run.id, CheckRow.demotes == Run.verdict)
        .order_by(CheckRow.position)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        sa.select(Run.__table__, Target.target, Release.ledger, Release.number, demoting.label("detail"))
        .join(Target, Target.id == Run.claim_id)
        .join(Release, Release.id == Run.release_id, isouter=True)
        .where(*_where(wanted))
        .order_by(Run.id.desc())
        .execution_options(yield_per=500)
    )
    with database.read() as connection, connection.execute(query) as rows:
        lines = (_line(dict(row), alive) for row in rows.mappings())
        open_or_killed = wanted.verdict in _OPEN
        matching = (line for line in lines if not open_or_killed or line.state == wanted.verdict)
        yield from itertools.islice(matching, wanted.limit)


def _where(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.target is not None:
        conditions.append(Target.target == wanted.target)
    if wanted.verdict in _OPEN:
        conditions.append(Run.state.in_(_OPEN))  # the state of its worker decides which of the two it is
    elif wanted.verdict is not None:
        conditions.append(Run.verdict == wanted.verdict)
    if wanted.since is not None:
        conditions.append(Run.started_ms >= round(wanted.since * 1000))
    if wanted.until is not None:
        conditions.append(Run.started_ms < round(wanted.until * 1000))
    return conditions


def _line(row: Mapping[str, Any], alive: Alive) -> RunLine:
    killed = row["state"] == "running" and alive(row["worker"]) is False
    return RunLine(
        run=row["id"],
        number=row["seq"],
        target=row["target"],
        state="interrupted" if killed else row["state"],
        verdict=row["verdict"],
        started=time_text(row["started_ms"]) or "",
        ended=time_text(row["ended_ms"]),
        seconds=None if row["duration_ms"] is None else row["duration_ms"] / 1000,
        requests=row["requests"],
        ledger=row["ledger"],
        release=row["number"],
        detail=row["detail"] or "",
        worker=row["worker"],
    )


def time_text(ms: int | None) -> str | None:
    """Milliseconds since 1970 as RFC 3339 in UTC, to the second; None if the date cannot be written."""
    try:
        return None if ms is None else rfc3339(datetime.fromtimestamp(ms // 1000, UTC))
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
        Target.due_ms,
        Target.notified,
        Target.failing_runs,
        Target.worker.label("running"),
        Target.lease_ms,
    )
    query = (
        sa.select(*columns)
        .join(Release, Release.id == Target.release_id, isouter=True)
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
    columns = (EvidenceRow.seq, EvidenceRow.kind, EvidenceRow.origin, EvidenceRow.digest)
    with database.read() as connection:
        rows = connection.execute(sa.select(*columns).order_by(EvidenceRow.seq))
        return [(seq, kind, origin, digest) for seq, kind, origin, digest in rows]
