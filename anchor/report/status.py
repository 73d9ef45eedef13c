# SPDX-License-Identifier: Apache-2.0
"""The status of each watched target: its class, or STALE if its last OK run is too old.

The class follows from the last runs and the time. So a watch that has died becomes visible here.
"""

import math
from collections.abc import Sequence

import msgspec

from anchor.records import history, name_scans, outbox, queue
from anchor.records.database import Database
from anchor.records.history import TargetState, time_text
from anchor.records.intervals import Intervals
from anchor.records.last_facts import last_facts
from anchor.records.name_scans import Coverage
from anchor.records.queue import Alive
from anchor.verdict import WORST_FIRST, Class, worst
from anchor.verify import independence
from anchor.verify.policy import UNCOMPARED
from anchor.words import several, span

FORMAT = "urn:ledger-anchor:status:v1"


class _Weight(msgspec.Struct, frozen=True):
    words: str = ""


class _Anchor(msgspec.Struct, frozen=True):
    origin: str = ""
    independent: bool = False
    independence: _Weight = _Weight()


class _Facts(msgspec.Struct, frozen=True):
    """The facts of a run, as far as they say what its logs and its policy are worth, and what was read."""

    compared: bool = True
    anchors: list[_Anchor] = []
    names: list[Coverage] = []

    @property
    def sentences(self) -> list[str]:
        """None for a run of an earlier version of this program."""
        return [
            independence.recalled(a.origin, a.independence.words, independent=a.independent)
            for a in self.anchors
            if a.independence.words
        ]


_HARD = WORST_FIRST[: WORST_FIRST.index(Class.UNAVAILABLE)]
"""Each class that is worse than a doubt."""


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
    """Since the last OK run; None if there was no OK run."""
    max_age_seconds: int
    due: str | None
    running: str | None
    independence: list[str] = []
    """A sentence for each anchor that counted in the last run: who runs its log, and which witnesses of the
    policy cosigned."""
    compared: bool = True
    """False: by the policy of the last run, nobody compared the digest of its trusted root."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A log: the size of its proven history, its held heads, the evidence against it."""

    origin: str
    size: int
    """Of its proven history."""
    checkpoints: int
    evidence: int
    unproven: int = 0
    """Signed heads that no proof leads from to a later one."""
    names: str = ""
    """How much of the log was read for the watch of identities, and what was found; empty if it is not
    read whole."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The status of all targets and logs, with the worst class of all."""

    format: str
    verdict: Class
    targets: list[TargetLine]
    logs: list[LogLine]
    evidence: list[str]
    waiting_messages: int
    undelivered: list[str]
    """One line for the waiting or dropped messages of each receiver. A receiver is named by a digest."""
    records: str = ""
    """The reason why no run can be recorded; empty if none is visible."""
    interrupted: list[str] = []
    """Interrupted publications of this home. A log may hold a signature of each without a release."""


def status(
    database: Database,
    *,
    now: float,
    max_age: int | None = None,
    interrupted: Sequence[str] = (),
    alive: Alive = lambda _: None,
) -> Status:
    """The status at a time.

    `max_age` in seconds comes before the policy's value, which the last run stored. `interrupted` has a line
    for each publication that was begun and not finished. `alive` says whether a run's worker was killed.
    """
    facts = dict(last_facts(database, _Facts))
    lines = [
        _line(state, now, max_age, alive, facts.get(state.target, _Facts()))
        for state in history.states(database)
    ]
    kept = history.accused(database)
    read = name_scans.by_origin(one for found in facts.values() for one in found.names)
    logs = [
        LogLine(
            origin=g.origin,
            size=g.size,
            checkpoints=g.checkpoints,
            evidence=sum(e[2] == g.origin for e in kept),
            unproven=g.unproven,
            names=_names(read[g.origin]) if g.origin in read else "",
        )
        for g in history.logs(database)
    ]
    classes = [line.verdict for line in lines] or [
        Class.UNAVAILABLE
    ]  # without targets the status is never OK
    if kept:
        classes.append(Class.EQUIVOCATION)
    if interrupted:
        classes.append(Class.PENDING)
    if not database.room():
        classes.append(Class.UNAVAILABLE)
    return Status(
        format=FORMAT,
        verdict=worst(classes),
        targets=lines,
        logs=logs,
        evidence=[f"{kind} of {origin}: {digest}" for _, kind, origin, digest in kept],
        waiting_messages=outbox.waiting(database),
        undelivered=[_undelivered(one) for one in outbox.undelivered(database)],
        interrupted=list(interrupted),
        records="" if database.room() else "there is no room on their disk: no run is recorded",
    )


def _names(one: Coverage) -> str:
    found = f"; {one.unexplained} that nothing explains" if one.unexplained else ""
    return one.coverage + found + (f"; {one.claimed} only claim a name" if one.claimed else "")


def _line(state: TargetState, now: float, max_age: int | None, alive: Alive, facts: _Facts) -> TargetLine:
    limit = max_age if max_age is not None else Intervals().age(state.max_run_age_s)
    age = None if state.last_good_ms is None else now - state.last_good_ms / 1000
    if age is not None and not math.isfinite(age):  # no run writes such a time; somebody edited it
        age = None
    verdict, detail = _judge(state, age, limit)
    killed = state.running is not None and alive(state.running) is False
    if verdict is Class.OK and not killed and _silent(state, now):
        verdict, detail = (
            Class.UNAVAILABLE,
            f"{state.running} holds it and its run was not recorded; {detail}",
        )
    return TargetLine(
        target=state.target,
        verdict=verdict,
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
        independence=facts.sentences,
        compared=facts.compared,
    )


def _silent(state: TargetState, now: float) -> bool:
    """True if a lease was not renewed for so long that no run can be in progress."""
    if state.running is None or state.lease_ms is None:
        return False
    return not -queue.BACK <= now - (state.lease_ms / 1000 - queue.LEASE) <= queue.SILENT


def _judge(state: TargetState, age: float | None, limit: int) -> tuple[Class, str]:
    last = Class(state.last_class) if state.last_class else None
    if last in _HARD or last is Class.WITHDRAWN:
        return last, "found by the last run"
    notified = Class(state.notified)
    if notified is Class.EQUIVOCATION or (notified in _HARD and last is not Class.OK):
        return notified, "found before, and no run since then has resolved it"
    if age is None:
        return Class.STALE, "there was no good run yet"
    if age < 0:
        return Class.STALE, "the last good run lies in the future: the clock was set back"
    if age > limit:
        return Class.STALE, f"no good run for {span(age)}, the policy allows {span(limit)}"
    if last is Class.UNAVAILABLE:
        return (
            last,
            f"UNAVAILABLE in {several(state.failing_runs, 'run')} in a row; a good run was {span(age)} ago",
        )
    if last is not None and last is not Class.OK:
        return last, "found by the last run"
    return Class.OK, f"verified {span(age)} ago"


def text(current: Status) -> list[str]:
    """Lines for people."""
    lines = []
    for t in current.targets:
        lines.append(f"{t.verdict:12} {t.target}: {t.detail}")
        lines += [f"             {sentence}" for sentence in t.independence]
        lines += [] if t.compared else [f"             {UNCOMPARED}"]
    lines += [
        f"log          {g.origin}: size {g.size}, {several(g.checkpoints, 'signed checkpoint')}"
        + (f", {g.unproven} of them not proven" if g.unproven else "")
        + (f"; {g.names}" if g.names else "; not followed whole")
        for g in current.logs
    ]
    lines += [f"evidence     {e}" for e in current.evidence]
    lines += [f"publication  {line}" for line in current.interrupted]
    lines += [f"records      {current.records}"] if current.records else []
    lines += [f"messages     {line}" for line in current.undelivered]
    return lines


def _undelivered(one: outbox.Undelivered) -> str:
    who = (
        f"receiver {one.receiver}"
        if one.receiver != outbox.NOBODY
        else "the first receiver that is configured"
    )
    state = "dropped: nobody tried it for a week" if one.state == "gone" else "not delivered yet"
    tried = f", tried {several(one.attempts, 'time')}: {one.error}" if one.attempts else ""
    return f"{one.messages} for {who} since {time_text(one.oldest_ms)} {state}{tried}"
