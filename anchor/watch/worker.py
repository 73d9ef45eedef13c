# SPDX-License-Identifier: Apache-2.0
"""A worker claims what is due, re-verifies it, keeps what was found: once in `reverify`, always in `watch`.

Decides what happens when the records themselves fail: the verdict still stands and is still told, and
evidence is written beside the database. It knows no files and no sockets; what it needs is passed in.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from anchor.encoding import rfc3339
from anchor.errors import AnchorError, Misuse, Stopped, Unavailable, Unsupported
from anchor.monitor import alarm, run_checks
from anchor.monitor.alarm import Message
from anchor.monitor.cycle import Cycle
from anchor.monitor.interfaces import Verifier
from anchor.monitor.run_record import Outcome
from anchor.records import degraded, high_water_mark, history, outbox, queue, store
from anchor.records.database import Database
from anchor.records.queue import Held, Lease, Watched
from anchor.records.side_files import EvidenceFiles, NoSideFiles, SideFiles, read_mark
from anchor.records.state import HeldState
from anchor.verdict import Check, Class, Verdict, failed, judge

_UNRECORDED = "this run is not recorded"
_TOLD_AT_ONCE = (Class.INVALID, Class.EQUIVOCATION, Class.ERROR, Class.UNAVAILABLE)
AGAIN = 2.0
"""Seconds between two tries to give up the claim of a run that is over."""
SOONEST = 15.0
LATEST = 240.0
"""Seconds for which a target is put off whose run the records did not take: doubled each time. It is due all
the while, and whoever else can record it may take it."""
BURST = 500
"""Runs of one tick: after a long sleep the rest follows in the next ones."""


@dataclass(frozen=True)
class Done:
    """One re-verification that was made."""

    outcome: Outcome
    kept: store.SavedRun | None
    """None when the records could not take it; `problem` says why."""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a worker is given."""

    database: Database
    name: str
    """Who this is, for the others: see `anchor.disk.worker_id`."""
    parts: Callable[[], Verifier]
    """New parts for a cycle."""
    clock: Callable[[], float]
    rules: store.RunRules = field(default_factory=store.RunRules)
    alive: queue.Alive = lambda _: None
    lease: float = queue.LEASE
    side_files: SideFiles = field(default_factory=NoSideFiles)
    policy: Callable[[], queue.Policy | None] = lambda: None
    """The policy that it verifies by, as it is now."""
    tell: Callable[[Message], object] = lambda _: None
    """Tells people at once, past the outbox: only for what the records could not take."""


class Worker:
    """Makes cycles. One at a time; `stopping` is asked between two runs, in one its parts raise Stopped."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.trouble: AnchorError | None = None
        """What was wrong with the records in the last cycle."""
        self._told: dict[str, alarm.Standing] = {}
        """Targets of which people were told past the outbox."""
        self._untaken: dict[str, tuple[int, float]] = {}
        """How often in a row the records did not take a run of a target, and until when it is put off."""
        self._losses: list[float] = []
        """When people were told that the records were put back."""
        self._untold = 0
        self._again: list[str] = []
        self._over = _Over(setting)
        self._evidence = EvidenceFiles(setting.side_files)
        self._schedule = degraded.LastKnownTargets(setting.rules.intervals)
        self._wanted: list[Watched] = []
        self._blind: Cycle | None = None
        self._running: Lease | None = None

    def watch(self, targets: Sequence[str], interval: int | None) -> None:
        """Watch these targets as well, once the records take them."""
        self._wanted = [Watched(target, interval) for target in targets]
        self._schedule.add(self._wanted)

    def cycle(self, *, stopping: Callable[[], bool] = lambda: False, limit: int = BURST) -> list[Done]:
        """Re-verify what is due, at most `limit` targets. Records that fail are `trouble`: what is due by
        their last word is then verified and told all the same."""
        done: list[Done] = []
        self.trouble = self._blind = None
        with contextlib.suppress(Stopped):  # what was made is kept, what was begun is given back
            self._runs(done, stopping, limit)
        self._end(done)
        return done

    def _runs(self, done: list[Done], stopping: Callable[[], bool], limit: int) -> None:
        try:
            self._over.give_up()
            cycle = self._begin()
            with self._renewing():
                while len(done) < limit and not stopping():
                    lease = self._take(None)
                    if not isinstance(lease, Lease):
                        break
                    done.append(self._run(cycle, lease))
        except AnchorError as e:
            self.trouble = e
            self._add_marked()
            for target in self._schedule.due(self.setting.clock()):
                if len(done) >= limit or stopping():
                    break
                done.append(self._unrecorded(target, e))
                self._schedule.not_recorded(target, self.setting.clock())

    def once(self, targets: list[str], *, wait: Callable[[], bool]) -> list[Done]:
        """Re-verify these targets, due or not. One that another worker has is waited for: `wait` pauses, and
        is False when the time is up."""
        self._blind = None
        try:
            self._over.give_up()
            cycle = self._begin()
        except AnchorError as e:
            cycle = self._without(e)
        with self._renewing():
            done = [self._one(cycle, target, wait) for target in targets]
        self._end(done)
        return done

    def _one(self, cycle: Cycle, target: str, wait: Callable[[], bool]) -> Done:
        try:
            lease = self._take(target)
            while not isinstance(lease, Lease) and wait():
                lease = self._take(target)
        except Misuse:  # it is watched with another policy
            raise
        except AnchorError as e:
            return self._unrecorded(target, e)
        return self._run(cycle, lease) if isinstance(lease, Lease) else Done(_busy(target, lease), None)

    def _unrecorded(self, target: str, error: AnchorError) -> Done:
        """A run that the records cannot take: what it finds is told all the same."""
        outcome = self._without(error).run(target)
        for evidence in outcome.evidence:
            self.setting.side_files.save_evidence(evidence)
        self._unkept(outcome, error)
        return Done(_with(outcome, error), None, str(error))

    def _without(self, error: AnchorError) -> Cycle:
        """A cycle that goes by the records as far as they can be read, else by the mark and the files of
        evidence."""
        if self._blind is None:
            setting, now, parts = self.setting, self.setting.clock(), self.setting.parts()
            standing = (failed("records", error, meaning=_UNRECORDED),)
            try:
                queue.watched(setting.database)
                memory: HeldState | degraded.MarkedState = HeldState(setting.database, now=now)
            except AnchorError:
                found = read_mark(self.setting.side_files)
                notes = high_water_mark.notes(found) if found else []
                logs = high_water_mark.followed(found) if found else []
                bests = high_water_mark.best(found) if found else {}
                shown = [*self._evidence.read(parts.check_evidence)]
                memory = degraded.MarkedState(notes, shown, logs, error, now, bests=bests)
            self._blind = Cycle(parts, memory, standing=standing)
        return self._blind

    def _add_marked(self) -> None:
        found = read_mark(self.setting.side_files)
        self._schedule.add(high_water_mark.watched(found) if found else ())

    def _begin(self) -> Cycle:
        """A cycle, after a look at whether the records are those that were last written."""
        setting, now = self.setting, self.setting.clock()
        if setting.database.reopened():  # what came in their place may hold nothing
            queue.watch_missing(setting.database, self._schedule.known(), now=now)
        for one in self._wanted:
            queue.watch(setting.database, one.target, now=now, interval=one.interval)
        self._wanted = []
        self._schedule.replace(queue.watched(setting.database))
        data = setting.side_files.load_mark()
        found = high_water_mark.decode(data) if data else None
        standing: tuple[Check, ...] = ()
        if data is not None and found is not None:
            standing = (high_water_mark.compare(setting.database, found),)
            if standing[0].demotes:
                again = high_water_mark.restore(setting.database, found, now=now)
                self._lost(data, standing[0], again, now)
        cycle = self._cycle(standing)
        self._recall(cycle.verifier, now)
        return cycle

    def _cycle(self, standing: tuple[Check, ...]) -> Cycle:
        memory = HeldState(self.setting.database, now=self.setting.clock())
        return Cycle(self.setting.parts(), memory, standing=standing)

    def _lost(self, data: bytes, check: Check, again: Sequence[str], now: float) -> None:
        """A rollback is told once, at once, and all is looked at again. Who puts the records back again and
        again is told of as often as any other alarm may be in a day, the rest in a sum. `again`: targets that
        only the mark names; nothing signs it, so a person is told what it brought."""
        rules = self.setting.rules
        self._again = [*dict.fromkeys([*self._again, *again])]
        self._losses = [at for at in self._losses if 0 <= now - at < alarm.DAY]
        self._untold += 1
        if len(self._losses) >= rules.alarm_rule.at_once:
            with self.setting.database.write() as connection:
                queue.make_all_due(connection, now=now)
            return
        uid = hashlib.sha256(b"rollback" + data).hexdigest()[:16]
        lines = [f"- {check.detail}", check.meaning]
        lines += [f"put back {self._untold} times since the last message"] if self._untold > 1 else []
        lines += [f"watched again, as the mark says: {target}" for target in self._again]
        title = "the records were put back to an older state"
        message = alarm.written(Class.UNAVAILABLE, title, lines, uid=uid)
        with self.setting.database.write() as connection:
            if outbox.post(connection, message, now=now, receivers=rules.receivers):
                queue.make_all_due(connection, now=now)
        self._losses.append(now)
        self._untold, self._again = 0, []

    def _recall(self, parts: Verifier, now: float) -> None:
        """Evidence that lies as a file and is not in the records: they lost it, or never could take it."""
        known = {digest for *_, digest in history.accused(self.setting.database)}
        for evidence in self._evidence.read(parts.check_evidence, known):
            with contextlib.suppress(AnchorError):  # the file stays, and is read again in the next cycle
                store.preserve(self.setting.database, (), (evidence,), now=now)

    def _end(self, done: list[Done]) -> None:
        if any(d.kept for d in done):
            with contextlib.suppress(AnchorError):  # an older mark says less, and nothing wrong
                self.setting.side_files.save_mark(high_water_mark.encode(self.setting.database))

    def _take(self, target: str | None) -> Lease | Held | None:
        setting = self.setting
        return queue.acquire(
            setting.database,
            worker=setting.name,
            now=setting.clock(),
            lease=setting.lease,
            target=target,
            waiting=self._put_off(),
            alive=setting.alive,
            intervals=setting.rules.intervals,
            policy=setting.policy(),
        )

    def _put_off(self) -> list[str]:
        """The targets whose last run the records did not take, and which are not tried again yet."""
        now = self.setting.clock()
        return [t for t, (_, until) in self._untaken.items() if 0 < until - now <= LATEST]

    def _run(self, cycle: Cycle, lease: Lease) -> Done:
        setting, self._running = self.setting, lease
        try:
            outcome = cycle.run(lease.target)
            for evidence in outcome.evidence:
                setting.side_files.save_evidence(evidence)
            outcome, kept = self._keep(lease, outcome)
        except BaseException as e:
            # A defect, the end of this process, records that take nothing: the run is over all the same. It
            # is interrupted, its target due as before.
            self._over.add(lease)
            if not isinstance(e, AnchorError):
                raise
            trouble = e
        else:
            self._recorded(outcome, kept)
            return Done(outcome, kept)
        finally:
            self._running = None
        self.trouble = trouble
        self._schedule.not_recorded(lease.target, setting.clock())
        times = self._untaken.get(lease.target, (0, 0.0))[0] + 1
        self._untaken[lease.target] = (times, setting.clock() + min(LATEST, SOONEST * 2.0 ** min(times, 9)))
        self._unkept(outcome, trouble)
        return Done(_with(outcome, trouble), None, str(trouble))

    def close(self) -> None:
        """Leave nothing behind that says this process is at work."""
        self._over.end()

    def _recorded(self, outcome: Outcome, kept: store.SavedRun) -> None:
        """The records have taken over what was told past them."""
        target, over = outcome.verdict.target, outcome.verdict.verdict is Class.OK
        self._schedule.recorded(target)
        self._untaken.pop(target, None)
        told = self._told.get(target)
        if told is None or (kept.message is None and not over):
            return
        del self._told[target]
        if kept.message is None and told.notified is not Class.EQUIVOCATION:  # from which nothing recovers
            lines, uid = [f"told before: {told.said}"], _uid(target, self.setting.clock())
            self.setting.tell(alarm.written(Class.OK, f"recovered: {target} is OK again", lines, uid=uid))

    def _keep(self, lease: Lease, outcome: Outcome) -> tuple[Outcome, store.SavedRun]:
        """Keep what a run found. What the records cannot hold is an ERROR of that target, which they can."""
        setting = self.setting
        try:
            kept = store.save_run(setting.database, lease, outcome, now=setting.clock(), rules=setting.rules)
        except Exception as e:
            if isinstance(e, AnchorError) and not isinstance(e, Unsupported):
                raise
            # a defect met at one target, or a value that the records cannot hold, ends no other's run
            outcome = _with_check(Outcome(verdict=outcome.verdict), run_checks.defect("records", e))
            kept = store.save_run(setting.database, lease, outcome, now=setting.clock(), rules=setting.rules)
        return outcome, kept

    def _unkept(self, outcome: Outcome, error: AnchorError) -> None:
        """A cause that the outbox could not take is told directly, by the same rule. What may pass is not:
        the records are in trouble already, and that is told when it lasts."""
        target, now, rule = outcome.verdict.target, self.setting.clock(), self.setting.rules.alarm_rule
        seen = alarm.seen(outcome.verdict, outcome.evidence, never_damp=outcome.never_damp)
        causes = tuple(c for c in seen.causes if c.verdict in _TOLD_AT_ONCE and not c.passing)
        found = alarm.Seen(Class.UNAVAILABLE, causes, seen.passed)  # no recovery before it is recorded
        standing, news = alarm.after(self._told.get(target, alarm.Standing()), found, now=now, rule=rule)
        if standing.known:
            self._told[target] = standing
        if news is not None:
            when = rfc3339(datetime.fromtimestamp(now, UTC))
            remark = f"the records could not keep it: {error}"
            uid = _uid(target, now)
            self.setting.tell(alarm.message(target, news, outcome, when=when, uid=uid, remark=remark))

    @contextlib.contextmanager
    def _renewing(self) -> Iterator[None]:
        """Hold the claim of each run for as long as it takes; one thread for all of a cycle.

        A run that has ended meanwhile holds its claim no more, and renewing it changes nothing.
        """
        over, setting = threading.Event(), self.setting

        def renew() -> None:
            while not over.wait(min(setting.lease / 3, queue.RENEW)):
                lease = self._running
                with contextlib.suppress(AnchorError):
                    if lease is not None:
                        queue.renew(setting.database, lease, now=setting.clock(), lease=setting.lease)

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class _Over:
    """Runs that are over and whose claims the records did not take back yet. Only this process knows: to
    all others it is alive and at work. So it tries again until they take it, in a thread of its own."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._leases: list[Lease] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        """Give up the claim of a run that is over, now or as soon as the records take it."""
        with self._lock:
            self._leases.append(lease)
        try:
            self.give_up()
        except AnchorError:
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._again, name="claims", daemon=True)
                    self._thread.start()

    def give_up(self) -> None:
        """Give up what is over. Raises what is wrong with the records."""
        with self._lock:
            while self._leases:
                queue.abandon_run(self._setting.database, self._leases[0], now=self._setting.clock())
                del self._leases[0]

    def end(self) -> None:
        """Try once more, and no longer."""
        self._ended.set()
        with contextlib.suppress(AnchorError):
            self.give_up()

    def _again(self) -> None:
        while self._leases and not self._ended.wait(AGAIN):
            with contextlib.suppress(AnchorError):
                self.give_up()


def _uid(target: str, now: float) -> str:
    """The id of a message that the records do not know."""
    return hashlib.sha256(f"past the outbox/{now}/{target}".encode()).hexdigest()[:16]


def _busy(target: str, held: Held | None) -> Outcome:
    who = f"{held.worker} is re-verifying it" if held else "it is not watched"
    error = Unavailable(who, where=target, remedy="wait until that run ends, or give --wait")
    check = failed("claim", error)
    verdict = Verdict(kind="run", target=target, verdict=Class.UNAVAILABLE, checks=(check,))
    return Outcome(verdict=verdict)


def _with(outcome: Outcome, error: AnchorError) -> Outcome:
    """The outcome with the failure of the records as one more check, unless it is one already."""
    return _with_check(outcome, failed("records", error, meaning=_UNRECORDED))


def _with_check(outcome: Outcome, check: Check) -> Outcome:
    checks = outcome.verdict.checks
    checks = checks if check in checks else (*checks, check)
    verdict = Verdict(
        kind="run",
        target=outcome.verdict.target,
        verdict=judge(checks),
        checks=checks,
        facts=outcome.verdict.facts,
        notes=outcome.verdict.notes,
    )
    return Outcome(verdict=verdict, evidence=outcome.evidence, services=outcome.services)
