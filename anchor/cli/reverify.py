# SPDX-License-Identifier: Apache-2.0
"""`anchor reverify`: verify releases again and follow their logs, once."""

import contextlib
import time
from pathlib import Path
from typing import Any

import click

from anchor.cli import common, watching
from anchor.cli.output import say
from anchor.edge.notify import Notifier
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.records import claims
from anchor.records.engine import Database
from anchor.verdict import Class
from anchor.wiring import records
from anchor.wiring.watching import Given, worker_of
from anchor.worker import Done


@click.command(epilog="Example: anchor reverify release.json --policy policy.toml --quiet --alarm-after 3/6h")
@click.argument("releases", nargs=-1, type=common.FileName(), metavar="[RELEASE]...")
@watching.following_options
@click.option("--quiet", is_flag=True, help="Print nothing when all is OK.")
@click.option(
    "--alarm-after",
    metavar="N/T",
    help="UNAVAILABLE counts only after N runs and T hours in a row (3/6, 3/90m), while a good run is young.",
)
@click.option("--wait", default="60s", help="How long to wait for another process at the same release.")
@click.option("--interval", help="From now on, re-verify these releases this often in watch (12h, 7d).")
@click.option("--forget", is_flag=True, help="Watch these releases no more; their records stay.")
@common.json_option
def command(  # noqa: PLR0913 - one argument for each option
    *,
    releases: tuple[str, ...],
    root: Path,
    home: Path | None,
    database: str | None,
    notify: tuple[str, ...],
    heartbeat: str | None,
    metrics_file: Path | None,
    quiet: bool,
    alarm_after: str | None,
    wait: str,
    interval: str | None,
    forget: bool,
    offline: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Fetch each RELEASE (path or URL of a release.json) again, verify it strictly, follow its logs from what
    is held to their heads of today, prove its entries there, and keep a record.

    Without RELEASE: everything that is watched, or release.json below --root. The worst class is the exit
    code. A policy is needed, as for anchor verify.
    """
    rule, patience = watching.rule_of(alarm_after), _patience(wait)
    every, notifier = watching.seconds(interval, "--interval"), Notifier(notify)
    trusted, found_home = Given(**given), common.home_for(root, home)
    if forget:
        return _forget(releases, found_home, database)
    trusted.check()
    with records.opened(found_home, database, create=True) as opened:
        targets = _targets(opened, releases, root, every)
        worker = worker_of(opened, found_home, trusted, offline=offline, rule=rule, notifier=notifier)
        done = worker.once(targets, wait=_Waiting(patience))
        good = all(d.outcome.verdict.verdict is Class.OK and d.kept for d in done)
        _afterwards(opened, notifier, good=good, beat=heartbeat, metrics=metrics_file)
    return _report(done, quiet=quiet, damp=alarm_after is not None, as_json=as_json)


def _forget(releases: tuple[str, ...], home: Path, database: str | None) -> int:
    if not releases:
        raise Misuse("which releases?", where="--forget", remedy="name them as anchor status does")
    with records.opened(home, database, create=True) as opened:
        for target in records.absolute(releases):
            if not claims.drop(opened, target, now=time.time()):
                raise Misuse("is not watched", where=target, remedy="anchor status names what is")
    return 0


def _patience(text: str) -> int:
    """Seconds to wait for another process; 0 is a duration here."""
    return 0 if text in ("0", "0s") else watching.seconds(text, "--wait") or 0


def _targets(database: Database, releases: tuple[str, ...], root: Path, every: int | None) -> list[str]:
    """What is re-verified; it is watched from now on."""
    known = dict.fromkeys(claims.targets(database))
    named = records.absolute(releases)
    for target in named:
        # A slip of the pen must not be watched for ever; what was seen once and is gone is a finding.
        if target not in known and "://" not in target and not Path(target).exists():
            raise Misuse(
                "there is no such release", where=target, remedy="name a release.json, or its folder"
            )
    if not named:
        named = list(known)
    if not named and (root / "release.json").exists():
        named = records.absolute([str(root)])
    if not named:
        raise Unavailable("nothing is watched", remedy="name a release: anchor reverify release.json")
    new = [target for target in named if target not in known or every is not None]
    if new:
        with contextlib.suppress(AnchorError):  # records that take nothing are said with each run
            claims.add_all(database, new, now=time.time(), interval=every)
    return named


class _Waiting:
    """Pauses until the time is up."""

    def __init__(self, patience: float) -> None:
        self._until = time.monotonic() + patience

    def __call__(self) -> bool:
        if time.monotonic() >= self._until:
            return False
        time.sleep(min(0.2, max(0.0, self._until - time.monotonic())))
        return True


def _afterwards(
    database: Database, notifier: Notifier, *, good: bool, beat: str | None, metrics: Path | None
) -> None:
    def work() -> None:
        watching.after(
            database,
            notifier,
            good=good,
            beat=beat,
            metrics=metrics,
            say=lambda line: say(f"anchor: {line}"),
        )

    if not watching.in_time(work):
        say("anchor: messages are still being sent; the rest is tried the next time")


def _report(done: list[Done], *, quiet: bool, damp: bool, as_json: bool) -> int:
    """Print what was found; damped runs count as OK, and are still printed as what they are."""
    verdicts = [d.outcome.verdict for d in done]
    counted = [
        Class.OK if damp and d.kept is not None and d.kept.damped else d.outcome.verdict.verdict for d in done
    ]
    whole = (
        verdicts[0] if len(verdicts) == 1 else watching.cycle_verdict(verdicts, f"{len(verdicts)} releases")
    )
    if quiet and all(c is Class.OK for c in counted):
        return 0
    code = common.emit(whole, as_json=as_json)
    if all(c is Class.OK for c in counted):
        if code:
            say("anchor: no alarm yet: --alarm-after has not passed")
        return 0
    return code
