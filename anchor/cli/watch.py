# SPDX-License-Identifier: Apache-2.0
"""`anchor watch`: re-verify for years, as a daemon."""

import gc
import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

import click
import msgspec

from anchor.app import records
from anchor.app.reverify import worker_of
from anchor.cli import options, reverification
from anchor.cli.output import document, out, say
from anchor.cli.reverification import Settings
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.monitor import alarm
from anchor.net.notify import Notifier
from anchor.records import queue
from anchor.records.database import Database
from anchor.records.outbox import Outbox
from anchor.verdict import Class, Verdict
from anchor.watch.schedule import TICK, Stop, Watch
from anchor.watch.worker import Worker

_LAST_WORDS = 10.0
"""Seconds for messages that are being sent when the watch ends."""


@click.command(
    epilog="Example: anchor watch release.json --policy policy.toml --notify mailto://ops@example.org"
)
@reverification.shared_options
@click.option(
    "--alarm-after", metavar="N/T", help="Alarm for UNAVAILABLE after N runs and T hours (default 3/6)."
)
@click.option("--every", default=f"{int(TICK)}s", help="How often to look for due releases.")
@click.option("--interval", help="How often each release is re-verified (default: daily, the newest hourly).")
@click.option("--metrics-listen", metavar="HOST:PORT", help="Serve Prometheus metrics over HTTP.")
@click.option("--json", "as_json", is_flag=True, help="Print each verdict as one line of JSON on stdout.")
def command(
    settings: Settings,
    *,
    alarm_after: str | None,
    every: str,
    interval: str | None,
    metrics_listen: str | None,
    as_json: bool,
) -> int:
    """Re-verify all watched releases, and each RELEASE named here, whenever they are due, until SIGTERM.

    Several processes may share one PostgreSQL: each due release is re-verified by exactly one of them. A
    failing receiver neither stops nor delays the watch. After SIGTERM the current run has a few seconds to
    end; then it is abandoned, and repeated after the next start. The exit code is 0.
    """
    notifier, rule = Notifier(settings.notify), reverification.alarm_rule(alarm_after)
    tick = options.seconds(every, "--every") or int(TICK)
    settings.trust.check()
    wanted = options.seconds(interval, "--interval")
    stop = Stop()
    with records.opened(settings.home, settings.database, create=True, patient=True) as opened:
        watched, error = reverification.watched_targets(opened, settings.home)
        targets = reverification.named_targets(settings.releases, watched)
        if not targets and not watched:
            raise error or Misuse("nothing is watched", remedy="name a release: anchor watch release.json")
        reverification.check_policy(opened, [*watched, *targets], settings.trust)
        box = Outbox(opened, notifier.send, notifier.receivers)
        courier = _Courier(
            lambda good: reverification.report(opened, settings, good=good, say=_say),
            lambda: box.deliver(now=time.time()),
            notifier.tell,
            rule,
        )
        worker = worker_of(
            opened,
            settings.home,
            settings.trust,
            offline=settings.offline,
            rule=rule,
            notifier=notifier,
            tell=courier.tell,
            stopping=stop.overdue,
        )
        _add(opened, worker, targets, wanted)
        stop_metrics = _metrics(opened, metrics_listen)
        try:
            cycle = _Cycle(worker, stop, as_json=as_json)
            return Watch(cycle, courier.take, every=tick, jitter=min(10.0, tick / 6), stop=stop).serve()
        finally:
            worker.close()
            courier.end()
            stop_metrics()


def _add(database: Database, worker: Worker, named: list[str], interval: int | None) -> None:
    """Watch these targets from now on; if the database fails, as soon as it accepts them."""
    try:
        queue.watch_all(database, named, now=time.time(), interval=interval)
    except Unavailable:
        worker.watch(named, interval)


class _Cycle:
    """One tick: run all due targets and print one line for each verdict."""

    def __init__(self, worker: Worker, stop: Stop, *, as_json: bool) -> None:
        self._worker = worker
        self._stop = stop
        self._as_json = as_json

    def __call__(self) -> Verdict:
        gc.collect()  # a command is set to collect hardly ever, which a daemon would pay for in memory
        done = self._worker.cycle(stopping=self._stop.asked)
        for one in done:
            verdict = one.record.verdict
            if self._as_json:
                document(f"{msgspec.json.encode(verdict).decode()}\n")
                continue
            worst = next((c for c in verdict.checks if c.demotes is verdict.verdict), None)
            tail = f": {worst.name}: {worst.detail}" if worst else ""
            out(f"{verdict.verdict}: {verdict.target}{tail}")
        if self._worker.failure is not None:
            raise self._worker.failure  # the cycle failed, whatever its runs found
        return reverification.cycle_verdict([d.record.verdict for d in done], f"{len(done)} due releases")


class _Courier:
    """Sends messages, heartbeat and metrics in threads of its own.

    So a slow receiver delays neither a verification nor a heartbeat."""

    def __init__(
        self,
        report: Callable[[bool], object],
        deliver: Callable[[], object],
        tell: Callable[[alarm.Message], object],
        rule: alarm.Rule,
    ) -> None:
        self._report = report
        self._deliver = deliver
        self._tell = tell
        self._rule = rule
        self._standing = alarm.Standing()
        self._words: list[alarm.Message] = []
        self._wake = threading.Event()
        self._over = False
        self._good = False
        self._sending = threading.Thread()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def take(self, verdict: Verdict) -> None:
        """After a tick: send, with a heartbeat if the cycle was good. A tick without runs is neither."""
        self._failed_cycle(verdict)
        self._good = self._good or verdict.verdict is Class.OK
        self._wake.set()

    def tell(self, message: alarm.Message) -> None:
        """Send a message that the outbox could not store, in the thread that sends."""
        self._words.append(message)
        self._wake.set()

    def _failed_cycle(self, verdict: Verdict) -> None:
        """Print why the cycle itself failed. If that lasts, send an alarm without the outbox."""
        failing = verdict.kind != "cycle"
        for check in verdict.checks if failing else ():
            _say(check.detail)
        now, found = time.time(), alarm.seen(verdict) if failing else alarm.Seen(Class.OK)
        self._standing, news = alarm.next_standing(self._standing, found, now=now, rule=self._rule)
        if news is not None:
            over = news.verdict is Class.OK
            title = "recovered: the watch goes on" if over else f"{news.verdict}: the watch"
            lines = [f"- {c.line}" for c in (*news.new, *news.stand)] or ["the watch goes on"]
            lines += [alarm.came_and_went(news)] if news.changes > 1 else []
            uid = hashlib.sha256(f"the watch/{now}".encode()).hexdigest()[:16]
            self._words.append(alarm.written(news.verdict, title, lines, uid=uid))

    def end(self) -> None:
        """One last round, at most a few seconds."""
        self._over = True
        self._wake.set()
        until = time.monotonic() + _LAST_WORDS
        self._thread.join(_LAST_WORDS)
        if self._sending.is_alive():
            self._sending.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while not self._over:
            self._wake.wait()
            self._wake.clear()
            good, self._good = self._good, False
            if not self._sending.is_alive():  # else what is new waits for the next tick
                self._sending = threading.Thread(target=self._send, name="messages", daemon=True)
                self._sending.start()
            self._report(good)

    def _send(self) -> None:
        while self._words:
            self._tell(self._words.pop(0))
        try:
            self._deliver()
        except AnchorError as e:
            _say(str(e))


def _metrics(database: Any, listen: str | None) -> Any:
    if listen is None:
        return lambda: None
    from anchor.report.metrics import serve

    return serve(database, listen)


def _say(line: str) -> None:
    say(f"anchor: {line}")
