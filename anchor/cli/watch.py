# SPDX-License-Identifier: Apache-2.0
"""`anchor watch`: re-verify for years, as a daemon."""

import gc
import hashlib
import shlex
import threading
import time
from typing import Any, Protocol

import click

from anchor.app import records
from anchor.app.reverify import worker_of
from anchor.cli import options, reverification, watch_head
from anchor.cli.output import out, print_json_line, say
from anchor.cli.reverification import Settings
from anchor.disk import user_files
from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.monitor import alarm
from anchor.net.notify import Notifier
from anchor.records import queue
from anchor.records.database import Database
from anchor.records.outbox import Outbox
from anchor.report import watch_list
from anchor.verdict import Class, Verdict
from anchor.verify.policy import UNCOMPARED
from anchor.watch.schedule import TICK, Stop, Watch
from anchor.watch.worker import RunResult, Worker
from anchor.words import are, several, span

_LAST_WORDS = 10.0
"""Seconds for messages that are being sent when the watch ends."""


@click.command(
    epilog="Example: anchor watch release.json --policy policy.toml --notify mailto://ops@example.org"
)
@reverification.shared_options
@click.option(
    "--alarm-after", metavar="N/T", help="Alarm for UNAVAILABLE after N runs and T hours (default 3/6)."
)
@click.option(
    "--every",
    default=f"{int(TICK)}s",
    help="How often to look for releases that were named elsewhere. One that is due earlier does not wait.",
)
@click.option(
    "--interval",
    help="How often the named releases are re-verified, or all without a name (default: daily, the newest "
    "hourly).",
)
@watch_head.head_options
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
    **heads: Any,
) -> int:
    """Re-verify all watched releases, and each RELEASE named here, whenever they are due, until SIGTERM.

    At the start, stderr says what is watched and when each release is due. If nothing is watched yet, the
    watch waits: a release that anchor reverify names in the same home is watched from then on.

    Several processes may share one PostgreSQL: each due release is re-verified by exactly one of them. A
    failing receiver neither stops nor delays the watch. After SIGTERM the current run has a few seconds to
    end; then it is abandoned, and repeated after the next start. The exit code is 0.
    """
    notifier, rule = Notifier(settings.notify), reverification.alarm_rule(alarm_after)
    tick = options.seconds(every, "--every") or int(TICK)
    notes = settings.trust.check()
    options.seconds(interval, "--interval")
    anchored = watch_head.of_options(heads)
    stop = Stop()
    with records.opened(settings.home, settings.database, create=True, patient=True) as opened:
        named = _named(opened, settings, interval)
        box = Outbox(opened, notifier.send, notifier.receivers)
        courier = _Courier(_Outgoing(opened, settings, box, notifier), rule)
        worker = worker_of(
            opened,
            settings.home,
            settings.trust,
            offline=settings.offline,
            rule=rule,
            receivers=notifier.receivers,
            stopping=stop.overdue,
        )
        _add(opened, worker, named, options.seconds(interval, "--interval"))
        stop_metrics = _metrics(opened, metrics_listen)
        try:
            plan = _WatchList(opened)
            head = anchored and watch_head.HeadAnchoring(
                opened, settings.home, *anchored, rule=rule, stop=stop
            )
            work = _Work(worker, courier, plan, head, stop, as_json=as_json)
            with stop.by_signals():  # whoever reads the lines may end this at once
                plan.introduce(settings, tick, metrics_listen)
                for note in notes:
                    _say(f"note: {note}")
                return Watch(work, every=tick, jitter=min(10.0, tick / 6), stop=stop).serve()
        finally:
            worker.close()
            courier.end()
            stop_metrics()


def _named(database: Database, settings: Settings, interval: str | None) -> list[str]:
    """The releases that are watched from now on, or with another interval."""
    watched, error = reverification.watched_targets(database, settings.home)
    targets = reverification.named_targets(settings.releases, watched)
    if error is not None and not targets and not watched:
        raise error
    if interval is not None and not targets and not watched:
        raise Misuse(
            "it is for watched releases, and nothing is watched yet",
            where="--interval",
            remedy=f"name a release, or name one later: anchor reverify RELEASE --interval {interval}",
        )
    reverification.check_policy(database, [*watched, *targets], settings.trust)
    return targets or (watched if interval is not None else [])


def _add(database: Database, worker: Worker, named: list[str], interval: int | None) -> None:
    """Watch these targets from now on; if the database fails, as soon as it accepts them."""
    try:
        queue.watch_all(database, named, now=time.time(), interval=interval)
    except Unavailable:
        worker.watch(named, interval)


class _WatchList:
    """The watched releases, as people were told of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._told: set[str] = set()

    def introduce(self, settings: Settings, tick: int, metrics: str | None) -> None:
        """Say what is watched and how, and what to do if nothing is."""
        home, policy = settings.home, settings.trust.path
        if policy is not None and not user_files.is_stream(policy):
            policy = policy.absolute()  # the command is typed in another folder
        by = f" with the policy {policy}" if policy is not None else ""
        try:
            watched = queue.watched(self._database)
        except AnchorError as e:
            _say(f"watching{by}; the list of releases cannot be read now: {e}")
            return
        self._told = {one.target for one in watched}
        if watched:
            place = "the database" if settings.database else home
            _say(f"watching {several(len(watched), 'release')}{by}; records in {place}")
            for line in watch_list.lines(watched, now=time.time()):
                _say(f"  {line}")
        else:
            given = f" --policy {shlex.quote(str(policy))}" if policy is not None else ""
            where = "" if settings.database else f" --home {shlex.quote(str(home))}"
            _say(f"nothing is watched yet{by}. Name a release, here as the same user:")
            _say(f"  anchor reverify RELEASE{given}{where}")
        _say(f"looking for releases every {span(tick)}, and when the next one is due; SIGTERM ends this")
        told = len(settings.notify)
        _say(f"{are(told, 'receiver')} notified" if told else "nobody is notified: --notify is not given")
        if metrics is not None:
            _say(f"metrics at http://{metrics}/metrics")

    def next_due(self) -> float | None:
        """The next due time. Says which releases are new since the last call, and which are not watched any
        more."""
        try:
            watched = queue.watched(self._database)
        except AnchorError:  # the cycle says so
            return None
        now, names = time.time(), {one.target for one in watched}
        for line in watch_list.lines([one for one in watched if one.target not in self._told], now=now):
            _say(f"watching now: {line}")
        for target in sorted(self._told - names):
            _say(f"not watching any more: {target}")
        self._told = names
        return watch_list.next_due(watched, now=now)


class _Work:
    """The work of one tick (`Work`): run all due targets, print one line for each verdict, and send."""

    def __init__(
        self,
        worker: Worker,
        courier: "_Courier",
        plan: _WatchList,
        head: watch_head.HeadAnchoring | None,
        stop: Stop,
        *,
        as_json: bool,
    ) -> None:
        self._worker = worker
        self._courier = courier
        self._plan = plan
        self._head = head
        self._stop = stop
        self._as_json = as_json

    def run(self) -> Verdict:
        gc.collect()  # a command is set to collect hardly ever, which a daemon would pay for in memory
        done: list[RunResult] = []
        for result in self._worker.cycle(stopping=self._stop.asked):
            done.append(result)
            if result.message is not None:
                self._courier.tell(result.message)
        for one in done:
            verdict = one.record.verdict
            if self._as_json:
                print_json_line(verdict)
                continue
            tail = f": {verdict.reason}" if verdict.decided else ""
            out(f"{verdict.verdict}: {verdict.target}{tail}")
            if not verdict.facts.get("compared", True):
                out(f"note: {UNCOMPARED}")
        if self._worker.failure is not None:
            raise self._worker.failure  # the cycle failed, whatever its runs found
        return reverification.cycle_verdict(
            [d.record.verdict for d in done], several(len(done), "due release")
        )

    def keep(self, verdict: Verdict) -> None:
        """Send messages, and anchor the head of the records if that is due."""
        self._courier.take(verdict)
        if self._head is None:
            return
        news = self._head.anchor_if_due()
        for line in news.lines:
            _say(line)
        if news.message is not None:
            self._courier.tell(news.message)

    def next_due(self) -> float | None:
        return self._plan.next_due()


class Outgoing(Protocol):
    """The ways out of a watch."""

    def report(self, *, good: bool) -> None:
        """After a cycle: send the heartbeat, if it was `good`, and write the metrics file."""
        ...

    def deliver(self) -> None:
        """Send the messages of the outbox that are due. Raises our errors."""
        ...

    def tell(self, message: alarm.Message) -> None:
        """Send a message that the outbox could not store."""
        ...


class _Outgoing:
    """The ways out that the command line names (`Outgoing`)."""

    def __init__(self, database: Database, settings: Settings, box: Outbox, notifier: Notifier) -> None:
        self._database = database
        self._settings = settings
        self._box = box
        self._notifier = notifier

    def report(self, *, good: bool) -> None:
        reverification.report(self._database, self._settings, good=good, say=_say)

    def deliver(self) -> None:
        self._box.deliver(now=time.time())

    def tell(self, message: alarm.Message) -> None:
        self._notifier.tell(message)


class _Courier:
    """Sends messages, heartbeat and metrics in threads of its own.

    So a slow receiver delays neither a verification nor a heartbeat."""

    def __init__(self, outgoing: Outgoing, rule: alarm.Rule) -> None:
        self._outgoing = outgoing
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
            self._words.append(alarm.announced(news, title, lines, uid=uid))

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
            self._outgoing.report(good=good)

    def _send(self) -> None:
        while self._words:
            self._outgoing.tell(self._words.pop(0))
        try:
            self._outgoing.deliver()
        except AnchorError as e:
            _say(str(e))


def _metrics(database: Any, listen: str | None) -> Any:
    if listen is None:
        return lambda: None
    from anchor.report.metrics import serve

    return serve(database, listen)


def _say(line: str) -> None:
    say(f"anchor: {line}")
