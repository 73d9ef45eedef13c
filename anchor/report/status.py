# SPDX-License-Identifier: Apache-2.0
"""What stands now: each watched target with its class, and STALE where no good run is young enough.

Decides the class of a target from its last runs and the time; a watch that has died is found here.
"""

import math
from collections.abc import Sequence

import msgspec

from anchor.records import history, outbox, queue
from anchor.records.database import Database
from anchor.records.history import TargetState, time_text
from anchor.records.intervals import Intervals
from anchor.records.queue import Alive
from anchor.verdict import Class, worst

FORMAT = "urn:ledger-anchor:status:v1"
_HARD = (Class.ERROR, Class.EQUIVOCATION, Class.INVALID, Class.USAGE, Class.UNSUPPORTED)


class TargetLine(msgspec.Struct, frozen=True, kw_only=True):
    """One watched target; times are RFC 3339 in UTC, ages in seconds."""

    target: str
    verdict: Class
    detail: str
    ledger: str | None
    number: int | None
    version: str | None
    last_verdict: str | None
    last_run: str | None
    last_good: str | None
    unverified_seconds: int | None
    """Since the last good run; None when there was none."""
    max_age_seconds: int
    due: str | None
    running: str | None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of one log."""

    origin: str
    size: int
    """Of its proven history."""
    checkpoints: int
    evidence: int
    unproven: int = 0
    """Signed heads that no proof leads from to a later one."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, with the worst class of all."""

    format: str
    verdict: Class
    targets: list[TargetLine]
    logs: list[LogLine]
    evidence: list[str]
    waiting_messages: int
    undelivered: list[str]
    """What waits for a receiver, or was given up: a line each. Receivers are named by a digest."""
    records: str = ""
    """What keeps the records from taking a run; empty when nothing does that can be seen from here."""
    interrupted: list[str] = []
    """Publications that were begun in this home: a signature of each may be in a log without a release."""


def status(
    database: Database,
    *,
    now: float,
    max_age: int | None = None,
    interrupted: Sequence[str] = (),
    alive: Alive = lambda _: None,
) -> Status:
    """The status at a time. `max_age` in seconds goes before the policy's that the last run remembered;
    `interrupted` has a line for each publication that was begun and not finished; `alive` tells of a run's
    worker whether it was killed."""
    lines = [_line(state, now, max_age, alive) for state in history.states(database)]
    kept = history.accused(database)
    logs = [
        LogLine(
            origin=g.origin,
            size=g.size,
            checkpoints=g.checkpoints,
            evidence=sum(e[2] == g.origin for e in kept),
            unproven=g.unproven,
        )
        for g in history.logs(database)
    ]
    found = [line.verdict for line in lines] or [Class.UNAVAILABLE]  # nothing watched is never OK
    if kept:
        found.append(Class.EQUIVOCATION)
    if interrupted:
        found.append(Class.PENDING)
    if not database.room():
        found.append(Class.UNAVAILABLE)
    return Status(
        format=FORMAT,
        verdict=worst(found),
        targets=lines,
        logs=logs,
        evidence=[f"{kind} of {origin}: {digest}" for _, kind, origin, digest in kept],
        waiting_messages=outbox.waiting(database),
        undelivered=[_undelivered(found) for found in outbox.undelivered(database)],
        interrupted=list(interrupted),
        records=""
        if database.room()
        else "there is no room on their disk: nothing that is found is recorded",
    )


def _line(state: TargetState, now: float, max_age: int | None, alive: Alive) -> TargetLine:
    limit = max_age if max_age is not None else Intervals().age(state.max_run_age_s)
    age = None if state.last_good_ms is None else now - state.last_good_ms / 1000
    if age is not None and not math.isfinite(age):  # SQLite holds it, where somebody wrote it; no run does
        age = None
    found, detail = _judge(state, age, limit)
    killed = state.running is not None and alive(state.running) is False
    if found is Class.OK and not killed and _silent(state, now):
        found, detail = Class.UNAVAILABLE, f"{state.running} holds it and its run was not recorded; {detail}"
    return TargetLine(
        target=state.target,
        verdict=found,
        detail=f"{detail}; a run since then was interrupted" if killed else detail,
        ledger=state.ledger,
        number=state.number,
        version=state.version,
        last_verdict=state.last_class,
        last_run=time_text(state.last_run_ms),
        last_good=time_text(state.last_good_ms),
        unverified_seconds=None if age is None else max(0, int(age)),
        max_age_seconds=limit,
        due=time_text(state.due_ms),
        running=None if killed else state.running,
    )


def _silent(state: TargetState, now: float) -> bool:
    """Whether a claim is held that nobody has renewed for so long that no run can be going on."""
    if state.running is None or state.lease_ms is None:
        return False
    return not -queue.BACK <= now - (state.lease_ms / 1000 - queue.LEASE) <= queue.SILENT


def _judge(state: TargetState, age: float | None, limit: int) -> tuple[Class, str]:
    last = Class(state.last_class) if state.last_class else None
    if last in _HARD:
        return last, "so the last run found"
    notified = Class(state.notified)
    if notified is Class.EQUIVOCATION or (notified in _HARD and last is not Class.OK):
        return notified, "found before; no run since then makes that good"
    if age is None:
        return Class.STALE, "there was no good run yet"
    if age < 0:
        return Class.STALE, "the last good run lies in the future: the clock was set back"
    if age > limit:
        return Class.STALE, f"no good run for {_span(age)}, the policy allows {_span(limit)}"
    if last is Class.UNAVAILABLE:
        return last, f"{state.failing_runs} runs in a row could not tell; good {_span(age)} ago"
    if last is not None and last is not Class.OK:
        return last, "so the last run found"
    return Class.OK, f"verified {_span(age)} ago"


def _span(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def text(found: Status) -> list[str]:
    """Lines for a person."""
    lines = [f"{t.verdict:12} {t.target}: {t.detail}" for t in found.targets]
    lines += [
        f"log          {g.origin}: size {g.size}, {g.checkpoints} signed checkpoints"
        + (f", {g.unproven} of them not proven" if g.unproven else "")
        for g in found.logs
    ]
    lines += [f"evidence     {e}" for e in found.evidence]
    lines += [f"publication  {line}" for line in found.interrupted]
    lines += [f"records      {found.records}"] if found.records else []
    lines += [f"messages     {line}" for line in found.undelivered]
    return lines


def _undelivered(one: outbox.Undelivered) -> str:
    who = (
        f"receiver {one.receiver}"
        if one.receiver != outbox.NOBODY
        else "the first receiver that is configured"
    )
    state = "given up, tried by nobody for a week" if one.state == "gone" else "not delivered yet"
    tried = f", tried {one.attempts} times: {one.error}" if one.attempts else ""
    return f"{one.messages} for {who} since {time_text(one.oldest_ms)} {state}{tried}"
