# SPDX-License-Identifier: Apache-2.0
"""`anchor reverify`: verify releases again and follow their logs, once."""

import contextlib
import time

import click

from anchor.app import new_targets, records
from anchor.app.reverify import worker_of
from anchor.cli import homes, options, reverification
from anchor.cli.output import say, tell
from anchor.cli.reverification import Settings
from anchor.cli.stopping import Stopping
from anchor.errors import AnchorError, Misuse, Stopped, Unavailable
from anchor.format.names import RELEASE
from anchor.net.notify import Notifier
from anchor.records import queue
from anchor.records.database import Database
from anchor.records.outbox import Outbox
from anchor.verdict import Class
from anchor.watch.worker import RunResult


@click.command(epilog="Example: anchor reverify release.json --policy policy.toml --quiet --alarm-after 3/6h")
@reverification.shared_options
@click.option(
    "--alarm-after",
    metavar="N/T",
    help="UNAVAILABLE counts only after N runs and T hours in a row (3/6, 3/90m), while a good run is young.",
)
@click.option("--wait", default="60s", help="How long to wait for another process at the same release.")
@click.option("--interval", help="From now on, re-verify these releases this often in watch (12h, 7d).")
@click.option("--forget", is_flag=True, help="Stop watching these releases; their records stay.")
@options.verdict_options
def command(
    settings: Settings,
    *,
    quiet: bool,
    alarm_after: str | None,
    wait: str,
    interval: str | None,
    forget: bool,
    as_json: bool,
    verbose: bool,
) -> int:
    """Fetch each RELEASE (path or URL of a release.json) again, and verify it strictly. Follow its logs from
    the stored checkpoints to their current ones, prove its entries there, and store the results.

    Without RELEASE: all watched releases, or release.json below --root. The exit code is that of the worst
    class. A policy is needed, as for anchor verify.
    """
    rule, patience = reverification.alarm_rule(alarm_after), _patience(wait)
    every = options.seconds(interval, "--interval")
    notifier = Notifier(settings.notify, patience=reverification.RECEIVER_TIME)
    if forget:
        return _forget(settings)
    settings.trust.check()
    with records.opened(settings.home, settings.database, create=True, patient=True) as opened:
        targets, slips = _targets(opened, settings, every)
        reverification.check_policy(opened, targets, settings.trust)
        stop = Stopping()
        worker = worker_of(
            opened,
            settings.home,
            settings.trust,
            offline=settings.offline,
            rule=rule,
            receivers=notifier.receivers,
            stopping=stop.asked,
        )
        done: list[RunResult] = []
        with stop.by_signals():
            for result in worker.once(targets, wait=_Waiting(patience, stop)):
                done.append(result)
                if result.message is not None:
                    notifier.tell(result.message)
        done += [new_targets.result(target, slip) for target, slip in slips.items()]
        good = all(d.record.verdict.verdict is Class.OK and d.saved for d in done)
        counted = _counted(done, damp=alarm_after is not None)
        silent = quiet and all(c is Class.OK for c in counted)
        speak = _nothing if silent else _say
        reverification.report(opened, settings, good=good, say=speak)
        box = Outbox(opened, notifier.send, notifier.receivers)
        reverification.in_time(
            "messages", lambda: box.deliver(now=time.time()), reverification.DELIVERY_TIME, speak
        )
    return 0 if silent else _report(done, counted, settings, as_json=as_json, verbose=verbose)


def _forget(settings: Settings) -> int:
    if not settings.releases:
        raise Misuse("which releases?", where="--forget", remedy="name them as anchor status does")
    with records.opened(settings.home, settings.database, create=True) as opened:
        for target in records.absolute(settings.releases):
            if not records.forget(settings.home, opened, target, now=time.time()):
                raise Misuse("is not watched", where=target, remedy="anchor status names what is")
    return 0


def _patience(text: str) -> int:
    """Seconds to wait for another process. Here 0 is allowed."""
    return 0 if text in ("0", "0s") else options.seconds(text, "--wait") or 0


def _targets(
    database: Database, settings: Settings, every: int | None
) -> tuple[list[str], dict[str, Misuse]]:
    """The targets of this command, which are watched from now on, and the URLs that are slips of the user.

    A slip among others leaves these: whoever controls one server must not keep the others from being
    verified. Raises `Misuse` if there is nothing else.
    """
    watched, error = reverification.watched_targets(database, settings.home)
    targets = reverification.named_targets(settings.releases, watched) or watched
    if not targets and (settings.root / RELEASE).exists():
        targets = records.absolute([str(settings.root)])
    if not targets:
        nothing = Unavailable("nothing is watched", remedy="name a release: anchor reverify release.json")
        raise error or nothing
    slips = new_targets.slips(
        database, settings.home, targets if settings.releases else (), offline=settings.offline
    )
    if len(slips) == len(targets):
        raise next(iter(slips.values()))
    targets = [target for target in targets if target not in slips]
    new = [target for target in targets if target not in watched or every is not None]
    if new:
        with contextlib.suppress(AnchorError):  # each run reports a database that cannot be written
            queue.watch_all(database, new, now=time.time(), interval=every)
    return targets, slips


class _Waiting:
    """Sleeps a little at each call; False once the time is over."""

    def __init__(self, patience: float, stop: Stopping) -> None:
        self._until = time.monotonic() + patience
        self._stop = stop

    def __call__(self) -> bool:
        if self._stop.asked():
            raise Stopped
        if time.monotonic() >= self._until:
            return False
        time.sleep(min(0.2, max(0.0, self._until - time.monotonic())))
        return True


def _say(line: str) -> None:
    say(f"anchor: {line}")


def _nothing(line: str) -> None:
    """Print nothing: --quiet when all is OK. The receiver of the heartbeat notices a missing one."""


def _counted(done: list[RunResult], *, damp: bool) -> list[Class]:
    """The class of each run; OK for a run that --alarm-after does not count yet."""
    return [
        Class.OK if damp and d.saved is not None and d.saved.suppressed else d.record.verdict.verdict
        for d in done
    ]


def _report(
    done: list[RunResult], counted: list[Class], settings: Settings, *, as_json: bool, verbose: bool
) -> int:
    """Print the verdicts as they are, also those that --alarm-after does not count yet."""
    verdicts = [d.record.verdict for d in done]
    whole = (
        verdicts[0]
        if len(verdicts) == 1
        else reverification.cycle_verdict(verdicts, f"{len(verdicts)} releases")
    )
    export = homes.export_command(settings.home, settings.database)
    code = tell(whole, as_json=as_json, verbose=verbose, export=export)
    if all(c is Class.OK for c in counted):
        if code:
            say("anchor: no alarm yet: --alarm-after has not passed")
        return 0
    return code
