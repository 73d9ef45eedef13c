# SPDX-License-Identifier: Apache-2.0
"""The options that `anchor reverify` and `anchor watch` share, and the work after each of their cycles."""

import contextlib
import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from anchor.app import named_release, records
from anchor.app.reverify import TrustOptions
from anchor.cli import homes, options
from anchor.cli.output import complete
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.log_kinds.embedded import ALONE
from anchor.monitor import alarm
from anchor.net.notify import heartbeat
from anchor.net.urls import check_url
from anchor.records import queue
from anchor.records.database import Database
from anchor.verdict import Verdict, concluded, judge
from anchor.words import several

_LOGS_SHOWN = 10
"""Logs of a cycle that are named as no independent evidence."""

REPORT_TIME = 15.0
"""Seconds for the heartbeat, and for the metrics file."""
RECEIVER_TIME = 8.0
"""Seconds that a single command waits for one receiver."""
DELIVERY_TIME = 4 * RECEIVER_TIME
"""Seconds that a single command waits for all receivers. The next run sends the rest, the message with the
fewest attempts first."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The values of the shared options. `home`: where the records are, the default filled in."""

    releases: tuple[str, ...]
    trust: TrustOptions
    root: Path
    home: Path
    database: str | None
    notify: tuple[str, ...]
    heartbeat: str | None
    metrics_file: options.Output | None
    offline: bool


def shared_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the shared options to a command, which gets them as one `Settings`, its first argument."""

    @functools.wraps(function)
    def called(  # noqa: PLR0913 - one argument for each option
        *,
        releases: tuple[str, ...],
        root: Path,
        home: Path | None,
        database: str | None,
        notify: tuple[str, ...],
        heartbeat: str | None,
        metrics_file: options.Output | None,
        offline: bool,
        policy: Path | None,
        ledger: str | None,
        identity: str | None,
        issuer: str | None,
        trusted_root: str | None,
        **own: Any,
    ) -> int:
        trust = TrustOptions(
            policy=policy, ledger=ledger, identity=identity, issuer=issuer, trusted_root=trusted_root
        )
        settings = Settings(
            releases=releases,
            trust=trust,
            root=root,
            home=homes.records_home(root, home),
            database=database,
            notify=notify,
            heartbeat=heartbeat,
            metrics_file=metrics_file,
            offline=offline,
        )
        return function(settings, **own)

    for option in (
        click.option("--offline", is_flag=True, help="Make no connection: only folders are read."),
        click.option(
            "--metrics-file",
            type=options.OutputFile(),
            help="Write Prometheus metrics here after each run.",
        ),
        click.option("--heartbeat", envvar="ANCHOR_HEARTBEAT", help="URL to fetch after each good cycle."),
        click.option(
            "--notify",
            multiple=True,
            envvar="ANCHOR_NOTIFY",
            help="URL of a receiver (apprise); may be repeated.",
        ),
        options.database_option,
        options.home_option,
        options.root_option,
        options.policy_options,
        click.argument("releases", nargs=-1, type=options.ReleaseName(), metavar="[RELEASE]..."),
    ):
        called = option(called)
    return called


def watched_targets(database: Database, home: Path) -> tuple[list[str], Unavailable | None]:
    """The targets that are watched; or an empty list and the error, if the database cannot be read."""
    try:
        return records.watched(home, database), None
    except Unavailable as e:
        return [], e


def named_targets(releases: Sequence[str], watched: Sequence[str]) -> list[str]:
    """The targets that the arguments name.

    Raises Misuse for a path that does not exist, so that a misspelt one is not watched for ever. A watched
    path that no longer exists is accepted: its absence is a finding.
    """
    targets = records.absolute(releases)
    for target in targets:
        if "://" in target:
            check_url(target, where="release")  # before it is stored: it may contain a password
        elif target not in watched and not Path(target).exists():
            raise Misuse(
                "there is no such release", where=target, remedy="name a release.json, or its folder"
            )
        elif target not in watched:
            named_release.check_local(target)
    return targets


def check_policy(database: Database, targets: Sequence[str], trust: TrustOptions) -> None:
    """Raise `Misuse` where one of these targets is watched with another policy in these records."""
    with contextlib.suppress(Unavailable):  # each run reports a database that cannot be read
        queue.check_policy(database, targets, trust.known_as())


def alarm_rule(text: str | None) -> alarm.Rule:
    """The rule of --alarm-after."""
    return alarm.Rule() if text is None else alarm.parse_rule(text)


def cycle_verdict(verdicts: Sequence[Verdict], target: str) -> Verdict:
    """One verdict for many runs: a check for each, the worst class of all."""
    checks = tuple(concluded(v.target, v.reason, v.verdict) for v in verdicts)
    facts = {"runs": [complete(v) for v in verdicts]}
    return Verdict(
        kind="cycle", target=target, verdict=judge(checks), checks=checks, facts=facts, notes=_weak(verdicts)
    )


def _weak(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """The notes about logs that are no independent evidence, each once."""
    found = dict.fromkeys(n for v in verdicts for n in v.notes if n.startswith("log ") and n.endswith(ALONE))
    more = len(found) - _LOGS_SHOWN
    return (*[*found][:_LOGS_SHOWN], *((f"of {several(more, 'more log')}: {ALONE}",) if more > 0 else ()))


def report(database: Database, settings: Settings, *, good: bool, say: Callable[[str], object]) -> None:
    """Send the heartbeat of a good cycle and write the metrics file.

    Each has its own time limit, and neither delays the other. A failure is printed with `say`, never raised.
    """
    url, output = settings.heartbeat, settings.metrics_file
    if url is not None and good:
        in_time("the heartbeat", lambda: heartbeat(url), REPORT_TIME, say)
    if output is not None:
        in_time("the metrics file", lambda: _write_metrics(database, output), REPORT_TIME, say)


def _write_metrics(database: Database, output: options.Output) -> None:
    from anchor.report.metrics import textfile

    output.write(textfile(database), wait=False)  # a reader that is missing now gets those of the next run


def in_time(what: str, work: Callable[[], object], limit: float, say: Callable[[str], object]) -> None:
    """Call `work` in a thread and wait at most `limit` seconds. An error or a time-out is printed."""

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
