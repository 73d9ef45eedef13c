# SPDX-License-Identifier: Apache-2.0
"""What the commands over the records share: options, times, and what is done after a cycle."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from anchor import alarm, trust
from anchor.cli import common
from anchor.edge.notify import Notifier, heartbeat
from anchor.errors import AnchorError, Misuse
from anchor.records import outbox
from anchor.records.engine import Database
from anchor.verdict import Check, Class, Verdict, judge

F = TypeVar("F", bound=Callable[..., Any])

DELIVERY = 20.0
"""Seconds that a single command waits for its messages to be taken; the rest is tried the next time."""


def database_option(function: F) -> F:
    """`--database`: where the records are."""
    return click.option(
        "--database",
        envvar="ANCHOR_DATABASE_URL",
        help="SQLAlchemy URL of the records: SQLite or PostgreSQL (default: SQLite in the home).",
    )(function)


def telling_options(function: F) -> F:
    """Whom to tell, and when."""
    for option in (
        click.option(
            "--metrics-file",
            type=common.FilePath(),
            help="Write Prometheus metrics here after each run.",
        ),
        click.option("--heartbeat", envvar="ANCHOR_HEARTBEAT", help="URL to fetch after each good cycle."),
        click.option(
            "--notify",
            multiple=True,
            envvar="ANCHOR_NOTIFY",
            help="URL of a receiver (apprise); may be repeated.",
        ),
    ):
        function = option(function)
    return function


def following_options(function: F) -> F:
    """What reverify and watch are both told: trust, places, whom to tell, whether to connect."""
    for option in (
        click.option("--offline", is_flag=True, help="Make no connection: only folders are read."),
        telling_options,
        database_option,
        common.home_option,
        common.root_option,
        common.policy_options,
    ):
        function = option(function)
    return function


def rule_of(text: str | None) -> alarm.Rule:
    """The rule of --alarm-after."""
    return alarm.Rule() if text is None else alarm.parse_rule(text)


def seconds(text: str | None, where: str) -> int | None:
    """A duration option (12h, 30d) in seconds."""
    return None if text is None else int(trust.duration(text, where).total_seconds())


def moment(text: str | None, where: str) -> float | None:
    """A time option: RFC 3339 (a date alone is its midnight in UTC), or an age such as 30d."""
    if text is None:
        return None
    if text[-1:] in "smhdw":
        return time.time() - trust.duration(text, where).total_seconds()
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Misuse("no time such as 2026-01-31, 2026-01-31T12:00:00Z or 30d", where=where) from None


def cycle_verdict(verdicts: Sequence[Verdict], target: str) -> Verdict:
    """One verdict for many runs: a check for each, the worst class of all."""
    checks = tuple(
        Check(
            name=v.target,
            state="passed" if v.verdict is Class.OK else "unknown",
            detail=next(
                (f"{c.name}: {c.detail}" for c in v.checks if c.demotes is v.verdict), str(v.verdict)
            ),
            demotes=None if v.verdict is Class.OK else v.verdict,
        )
        for v in verdicts
    )
    facts = {"runs": [msgspec.to_builtins(v) for v in verdicts]}
    return Verdict(kind="cycle", target=target, verdict=judge(checks), checks=checks, facts=facts)


def after(
    database: Database,
    notifier: Notifier,
    *,
    good: bool,
    beat: str | None,
    metrics: Path | None,
    say: Callable[[str], object],
) -> None:
    """Deliver messages, the heartbeat of a good cycle, the metrics file; what fails is said, never raised."""
    for step in (
        lambda: outbox.deliver(database, notifier.send, now=time.time(), receivers=notifier.receivers),
        lambda: heartbeat(beat) if beat and good else None,
        lambda: _metrics(database, metrics) if metrics else None,
    ):
        try:
            step()
        except AnchorError as e:
            say(str(e))


def _metrics(database: Database, path: Path) -> None:
    from anchor.report.metrics import write

    write(database, path)


def in_time(work: Callable[[], None], limit: float = DELIVERY) -> bool:
    """Do it in a thread that is left behind after `limit` seconds; whether it ended."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(limit)
    return not thread.is_alive()
