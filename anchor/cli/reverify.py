# SPDX-License-Identifier: Apache-2.0
"""`anchor reverify`: verify releases again and follow their logs, once."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from anchor.app import records
from anchor.app.reverify import TrustOptions, worker_of
from anchor.cli import common, watching
from anchor.cli.output import say
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.net.notify import Notifier
from anchor.records import queue
from anchor.records.database import Database
from anchor.records.outbox import Outbox
from anchor.verdict import Class
from anchor.watch.worker import Done


@click.command(epilog="Example: anchor reverify release.json --policy policy.toml --quiet --alarm-after 3/6h")
@click.argument("releases", nargs=-1, type=common.ReleaseName(), metavar="[RELEASE]...")
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
    metrics_file: common.Output | None,
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
    every, notifier = watching.seconds(interval, "--interval"), Notifier(notify, patience=watching.PATIENCE)
    trusted, found_home = TrustOptions(**given), common.records_home(root, home)
    if forget:
        return _forget(releases, found_home, database)
    trusted.check()
    with records.opened(found_home, database, create=True, patient=True) as opened:
        targets = _targets(opened, found_home, releases, root, every)
        watching.check_policy(opened, targets, trusted)
        worker = worker_of(opened, found_home, trusted, offline=offline, rule=rule, notifier=notifier)
        with _terminable():
            done = worker.once(targets, wait=_Waiting(patience))
        good = all(d.outcome.verdict.verdict is Class.OK and d.kept for d in done)
        counted = _counted(done, damp=alarm_after is not None)
        silent = quiet and all(c is Class.OK for c in counted)
        speak = _nothing if silent else _say
        watching.report(opened, good=good, beat=heartbeat, metrics=metrics_file, say=speak)
        box = Outbox(opened, notifier.send, notifier.receivers)
        watching.in_time("messages", lambda: box.deliver(now=time.time()), watching.DELIVERY, speak)
    return 0 if silent else _report(done, counted, as_json=as_json)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM is obeyed as Ctrl-C is: the run is left, and its claim is given back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _forget(releases: tuple[str, ...], home: Path, database: str | None) -> int:
    if not releases:
        raise Misuse("which releases?", where="--forget", remedy="name them as anchor status does")
    with records.opened(home, database, create=True) as opened:
        for target in records.absolute(releases):
            if not records.forget(home, opened, target, now=time.time()):
                raise Misuse("is not watched", where=target, remedy="anchor status names what is")
    return 0


def _patience(text: str) -> int:
    """Seconds to wait for another process; 0 is a duration here."""
    return 0 if text in ("0", "0s") else watching.seconds(text, "--wait") or 0


def _targets(
    database: Database, home: Path, releases: tuple[str, ...], root: Path, every: int | None
) -> list[str]:
    """What is re-verified; it is watched from now on."""
    known, trouble = watching.known(database, home)
    named = watching.named(releases, known) or known
    if not named and (root / "release.json").exists():
        named = records.absolute([str(root)])
    if not named:
        nothing = Unavailable("nothing is watched", remedy="name a release: anchor reverify release.json")
        raise trouble or nothing
    new = [target for target in named if target not in known or every is not None]
    if new:
        with contextlib.suppress(AnchorError):  # records that take nothing are said with each run
            queue.watch_all(database, new, now=time.time(), interval=every)
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


def _say(line: str) -> None:
    say(f"anchor: {line}")


def _nothing(line: str) -> None:
    """--quiet is silent when all is well; a heartbeat that does not arrive is told by who waits for it."""


def _counted(done: list[Done], *, damp: bool) -> list[Class]:
    """What each run counts as: damped ones as OK."""
    return [
        Class.OK if damp and d.kept is not None and d.kept.suppressed else d.outcome.verdict.verdict
        for d in done
    ]


def _report(done: list[Done], counted: list[Class], *, as_json: bool) -> int:
    """Print what was found; damped runs are still printed as what they are."""
    verdicts = [d.outcome.verdict for d in done]
    whole = (
        verdicts[0] if len(verdicts) == 1 else watching.cycle_verdict(verdicts, f"{len(verdicts)} releases")
    )
    code = common.emit(whole, as_json=as_json)
    if all(c is Class.OK for c in counted):
        if code:
            say("anchor: no alarm yet: --alarm-after has not passed")
        return 0
    return code
