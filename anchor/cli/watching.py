# SPDX-License-Identifier: Apache-2.0
"""What the commands over the records share: options, times, and what is done after a cycle."""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from anchor.app import records
from anchor.app.reverify import TrustOptions
from anchor.cli import common
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.monitor import alarm
from anchor.net.budget import check_url
from anchor.net.notify import heartbeat
from anchor.records import queue
from anchor.records.database import Database
from anchor.verdict import Check, Class, Verdict, judge
from anchor.verify import policy

F = TypeVar("F", bound=Callable[..., Any])

BESIDES = 15.0
"""Seconds for the heartbeat, and for the metrics file."""
PATIENCE = 8.0
"""Seconds that a single command waits for one receiver."""
DELIVERY = 4 * PATIENCE
"""Seconds that it waits for all of them; the rest is tried the next time, what was tried least first."""


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
            type=common.OutputFile(),
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


def known(database: Database, home: Path) -> tuple[list[str], Unavailable | None]:
    """What is watched, and why it cannot be told."""
    try:
        return records.watched(home, database), None
    except Unavailable as e:
        return [], e


def named(releases: Sequence[str], watched: Sequence[str]) -> list[str]:
    """The targets that are named. Misuse for what is not there: a slip of the pen must not be watched for
    ever. What was seen once and is gone is a finding."""
    found = records.absolute(releases)
    for target in found:
        if "://" in target:
            check_url(target, where="release")  # before it is written down, with a password perhaps
        elif target not in watched and not Path(target).exists():
            raise Misuse(
                "there is no such release", where=target, remedy="name a release.json, or its folder"
            )
    return found


def check_policy(database: Database, targets: Sequence[str], given: TrustOptions) -> None:
    """Raise `Misuse` where one of these targets is watched with another policy in these records."""
    with contextlib.suppress(Unavailable):  # records that cannot be read are said with each run
        queue.check_policy(database, targets, given.known_as())


def rule_of(text: str | None) -> alarm.Rule:
    """The rule of --alarm-after."""
    return alarm.Rule() if text is None else alarm.parse_rule(text)


def seconds(text: str | None, where: str) -> int | None:
    """A duration option (12h, 30d) in seconds."""
    return None if text is None else int(policy.duration(text, where).total_seconds())


def moment(text: str | None, where: str) -> float | None:
    """A time option: RFC 3339 (a date alone is its midnight in UTC), or an age such as 30d."""
    if text is None:
        return None
    if text[-1:] in "smhdw":
        return time.time() - policy.duration(text, where).total_seconds()
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


def report(
    database: Database,
    *,
    good: bool,
    beat: str | None,
    metrics: common.Output | None,
    say: Callable[[str], object],
) -> None:
    """The heartbeat of a good cycle and the metrics file, each within its time; what fails is said, never
    raised, and delays no other."""
    if beat is not None and good:
        in_time("the heartbeat", lambda: heartbeat(beat), BESIDES, say)
    if metrics is not None:
        in_time("the metrics file", lambda: _metrics(database, metrics), BESIDES, say)


def _metrics(database: Database, output: common.Output) -> None:
    from anchor.report.metrics import textfile

    output.write(textfile(database), wait=False)  # the next run writes it again: nobody is waited for


def in_time(what: str, work: Callable[[], object], limit: float, say: Callable[[str], object]) -> None:
    """Do it in a thread that is left behind after `limit` seconds; what went wrong is said."""

    def guarded() -> None:
        try:
            work()
        except AnchorError as e:
            say(str(e))

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(limit)
    if thread.is_alive():
        say(f"{what}: not done in {limit:.0f} s; the rest is tried the next time")
