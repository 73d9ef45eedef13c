# SPDX-License-Identifier: Apache-2.0
"""A worker leases the targets that are due, re-verifies them and saves each run.

Decides what happens when the records fail: the verdict stands, its result has a message to people, and
evidence is written to a file beside the database. The worker opens no file and no socket; its `Host` does.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from anchor.encoding import rfc3339_of
from anchor.errors import AnchorError, Misuse, Stopped, Unavailable, Unsupported
from anchor.monitor import alarm, run_checks
from anchor.monitor.alarm import Message, News
from anchor.monitor.cycle import Cycle
from anchor.monitor.interfaces import Verifier
from anchor.monitor.run_record import RunRecord
from anchor.records import degraded, high_water_mark, history, outbox, queue, store
from anchor.records.database import Database
from anchor.records.queue import Held, Lease, Watched
from anchor.records.side_files import EvidenceFiles, NoSideFiles, SideFiles, read_mark
from anchor.records.state import HeldState
from anchor.records.writer import writing
from anchor.verdict import Check, Class, Verdict, failed, judge

_UNRECORDED = "this run is not recorded"
_NOTIFIED_AT_ONCE = (
    Class.INVALID,
    Class.EQUIVOCATION,
    Class.ERROR,
    Class.FINDINGS,
    Class.UNAVAILABLE,
)
AGAIN = 2.0
"""Seconds between two tries to give up the lease of a run that is over."""
SOONEST = 15.0
LATEST = 240.0
"""Seconds for which a target waits after a run that was not saved: doubled each time. The target stays due,
and another worker that can save its run may take it."""
BURST = 500
"""Runs of one tick. After a long pause the rest follows in the next ticks."""


@dataclass(frozen=True)
class RunResult:
    """One re-verification that was made."""

    record: RunRecord
    saved: store.SavedRun | None
    """None if the records could not take it; `problem` says why."""
    problem: str = ""
    message: Message | None = None
    """For people at once, without the outbox: only about something that the records could not take."""


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """The name of a worker, and its rules."""

    name: str
    """The name that other workers see: `anchor.disk.worker_id`."""
    rules: store.RunRules = field(default_factory=store.RunRules)
    lease: float = queue.LEASE
    """Seconds for which a lease holds without being renewed."""


class Host(Protocol):
    """The process in which a worker runs: its trust and its clock."""

    def verifier(self) -> Verifier:
        """A verifier for a new cycle."""
        ...

    def policy(self) -> queue.Policy | None:
        """The policy that the verifier uses, as it is now."""
        ...

    def clock(self) -> float:
        """Seconds since 1970."""
        ...

    def is_alive(self, worker: str) -> bool | None:
        """True if another worker lives. None if nobody can say."""
        ...


class Worker:
    """Makes cycles, one at a time.

    `stopping` is asked between two runs. During a run, the verifier raises Stopped.
    """

    def __init__(
        self,
        database: Database,
        host: Host,
        config: WorkerConfig,
        *,
        side_files: SideFiles | None = None,
    ) -> None:
        self._database = database
        self._host = host
        self._config = config
        self._side_files = side_files or NoSideFiles()
        self.failure: AnchorError | None = None
        """The error of the records in the last cycle."""
        self._notified: dict[str, alarm.Standing] = {}
        """Targets that people were notified of without the outbox."""
        self._unsaved: dict[str, tuple[int, float]] = {}
        """How many runs of a target in a row were not saved, and until when the next one waits."""
        self._rollback_messages: list[float] = []
        """When people were notified that the records were put back."""
        self._rollbacks = 0
        """Rollbacks of the records since the last message."""
        self._reported: object = None
        """The head in the mark that said last that the records were put back."""
        self._watched_again: list[str] = []
        """Targets that the mark brought back since the last message."""
        self._finished = _FinishedRuns(database, host)
        self._evidence = EvidenceFiles(self._side_files)
        self._schedule = degraded.LastKnownTargets(config.rules.intervals)
        self._wanted: list[Watched] = []
        self._degraded: Cycle | None = None
        """The cycle without the records, made once for each failure of theirs."""
        self._running: Lease | None = None

    def watch(self, targets: Sequence[str], interval: int | None) -> None:
        """Watch these targets as well, once the records take them."""
        self._wanted = [Watched(target, interval) for target in targets]
        self._schedule.add(self._wanted)

    def cycle(
        self, *, stopping: Callable[[], bool] = lambda: False, limit: int = BURST
    ) -> Iterator[RunResult]:
        """Re-verify what is due, at most `limit` targets: each result as its run ends.

        `failure` is the error of the records, if they fail. The targets that were due when they last answered
        are then verified all the same, and their results have messages.
        """
        done: list[RunResult] = []
        self.failure = self._degraded = None
        with contextlib.suppress(Stopped):  # complete runs are kept, the lease of the last one is given back
            for result in self._due_runs(stopping, limit):
                done.append(result)
                yield result
        self._save_mark(done)

    def _due_runs(self, stopping: Callable[[], bool], limit: int) -> Iterator[RunResult]:
        count = 0
        try:
            self._finished.give_up()
            cycle = self._begin()
            with self._renewing():
                while count < limit and not stopping():
                    lease = self._take(None)
                    if not isinstance(lease, Lease):
                        break
                    yield self._run(cycle, lease)
                    count += 1
        except AnchorError as e:
            self.failure = e
            self._add_marked()
            for target in self._schedule.due(self._host.clock()):
                if count >= limit or stopping():
                    break
                yield self._unrecorded(target, e)
                count += 1
                self._schedule.not_recorded(target, self._host.clock())

    def once(self, targets: list[str], *, wait: Callable[[], bool]) -> Iterator[RunResult]:
        """Re-verify these targets, due or not: each result as its run ends. A target that another worker has
        is waited for: `wait` pauses, and returns False when the time is up."""
        done: list[RunResult] = []
        self._degraded = None
        try:
            self._finished.give_up()
            cycle = self._begin()
        except AnchorError as e:
            cycle = self._without_records(e)
        with self._renewing():
            for target in targets:
                done.append(self._run_once(cycle, target, wait))
                yield done[-1]
        self._save_mark(done)

    def _run_once(self, cycle: Cycle, target: str, wait: Callable[[], bool]) -> RunResult:
        try:
            lease = self._take(target)
            while not isinstance(lease, Lease) and wait():
                lease = self._take(target)
        except Misuse:  # it is watched with another policy
            raise
        except AnchorError as e:
            return self._unrecorded(target, e)
        return self._run(cycle, lease) if isinstance(lease, Lease) else RunResult(_busy(target, lease), None)

    def _unrecorded(self, target: str, error: AnchorError) -> RunResult:
        """A run that the records cannot take. Its result has a message to people all the same."""
        record = self._without_records(error).run(target)
        for evidence in record.evidence:
            self._side_files.save_evidence(evidence)
        return RunResult(_with(record, error), None, str(error), self._message(record, error))

    def _without_records(self, error: AnchorError) -> Cycle:
        """A cycle that uses the records as far as they can be read, else the mark and the evidence files."""
        if self._degraded is None:
            now, verifier = self._host.clock(), self._host.verifier()
            standing = (failed("records", error, meaning=_UNRECORDED),)
            try:
                queue.watched(self._database)
                memory: HeldState | degraded.MarkedState = HeldState(self._database, now=now)
            except AnchorError:
                mark = read_mark(self._side_files)
                notes = high_water_mark.notes(mark) if mark else []
                logs = high_water_mark.followed(mark) if mark else []
                bests = high_water_mark.best(mark) if mark else {}
                statuses = high_water_mark.statuses(mark) if mark else {}
                evidence = [*self._evidence.read(verifier.check_evidence)]
                memory = degraded.MarkedState(
                    notes, evidence, logs, error, now, bests=bests, statuses=statuses
                )
            self._degraded = Cycle(verifier, memory, standing=standing)
        return self._degraded

    def _add_marked(self) -> None:
        mark = read_mark(self._side_files)
        self._schedule.add(high_water_mark.watched(mark) if mark else ())

    def _begin(self) -> Cycle:
        """A new cycle. Before it, the records are compared with their mark."""
        database, now = self._database, self._host.clock()
        if database.reopened():  # a new file in its place may hold nothing
            queue.watch_missing(database, self._schedule.known(), now=now)
        for one in self._wanted:
            queue.watch(database, one.target, now=now, interval=one.interval)
        self._wanted = []
        self._schedule.replace(queue.watched(database))
        data = self._side_files.load_mark()
        mark = high_water_mark.decode(data) if data else None
        standing: tuple[Check, ...] = ()
        if data is not None and mark is not None:
            standing = (high_water_mark.compare(database, mark),)
            if standing[0].demotes:
                self._reported = (mark.history, mark.ends)
                # The message first: if this process is killed, nothing says later what only the mark named.
                again = queue.unknown(database, high_water_mark.watched(mark))
                self._report_rollback(data, standing[0], [one.target for one in again], now)
                high_water_mark.restore(database, mark, now=now)
        verifier = self._host.verifier()
        self._restore_evidence(verifier, now)
        return Cycle(verifier, HeldState(database, now=now), standing=standing)

    def _report_rollback(self, data: bytes, check: Check, again: Sequence[str], now: float) -> None:
        """Notify people at once that the records were put back, and make all targets due.

        Somebody may put the records back again and again. Then there are as many messages as for any other
        alarm in a day, and the rest is a sum. `again`: targets that only the mark names. Nobody signs the
        mark, so people read which targets it brings back.
        """
        rules = self._config.rules
        self._watched_again = [*dict.fromkeys([*self._watched_again, *again])]
        self._rollback_messages = [at for at in self._rollback_messages if 0 <= now - at < alarm.DAY]
        self._rollbacks += 1
        if len(self._rollback_messages) >= rules.alarm_rule.at_once:
            with writing(self._database, queue.ms(now)) as writer:
                queue.make_all_due(writer.connection, now=now)
            return
        uid = hashlib.sha256(b"rollback" + data).hexdigest()[:16]
        lines = [f"- {check.detail}", check.meaning]
        lines += [f"put back {self._rollbacks} times since the last message"] if self._rollbacks > 1 else []
        lines += [f"watched again, as the mark says: {target}" for target in self._watched_again]
        title = "the records were put back to an older state"
        news = News(verdict=Class.UNAVAILABLE, new=(alarm.cause_of(check),))
        message = alarm.announced(news, title, lines, uid=uid)
        with writing(self._database, queue.ms(now)) as writer:
            if outbox.post(writer, message, receivers=rules.receivers):
                queue.make_all_due(writer.connection, now=now)
        self._rollback_messages.append(now)
        self._rollbacks, self._watched_again = 0, []

    def _restore_evidence(self, verifier: Verifier, now: float) -> None:
        """Keep the evidence of files that is not in the records: they lost it, or could not take it."""
        known = {digest for *_, digest in history.accused(self._database)}
        for evidence in self._evidence.read(verifier.check_evidence, known):
            with contextlib.suppress(AnchorError):  # the file stays, and is read again in the next cycle
                store.preserve(self._database, (), (evidence,), now=now)

    def _save_mark(self, done: Sequence[RunResult]) -> None:
        """Replace the mark, unless it says that the records were put back since the cycle began: the next
        cycle reports that."""
        if not any(result.saved for result in done):
            return
        with contextlib.suppress(AnchorError):  # an older mark knows less, but nothing wrong
            mark = read_mark(self._side_files)
            reported = mark is not None and (mark.history, mark.ends) == self._reported
            if reported or mark is None or high_water_mark.compare(self._database, mark).demotes is None:
                self._side_files.save_mark(high_water_mark.encode(self._database, mark))

    def _take(self, target: str | None) -> Lease | Held | None:
        return queue.acquire(
            self._database,
            worker=self._config.name,
            now=self._host.clock(),
            lease=self._config.lease,
            target=target,
            waiting=self._put_off(),
            alive=self._host.is_alive,
            intervals=self._config.rules.intervals,
            policy=self._host.policy(),
        )

    def _put_off(self) -> list[str]:
        """The targets whose last run was not saved, and which wait for the next one."""
        now = self._host.clock()
        return [t for t, (_, until) in self._unsaved.items() if 0 < until - now <= LATEST]

    def _run(self, cycle: Cycle, lease: Lease) -> RunResult:
        self._running = lease
        try:
            record = cycle.run(lease.target)
            for evidence in record.evidence:
                self._side_files.save_evidence(evidence)
            record, saved = self._save(lease, record)
        except BaseException as e:
            # A defect, the end of this process, or records that take nothing: the run is over in each case.
            # It counts as interrupted, and its target is due as before.
            self._finished.add(lease)
            if not isinstance(e, AnchorError):
                raise
            error = e
        else:
            return RunResult(record, saved, message=self._recovered(record, saved))
        finally:
            self._running = None
        now = self._host.clock()
        self.failure = error
        self._schedule.not_recorded(lease.target, now)
        times = self._unsaved.get(lease.target, (0, 0.0))[0] + 1
        self._unsaved[lease.target] = (times, now + min(LATEST, SOONEST * 2.0 ** min(times, 9)))
        return RunResult(_with(record, error), None, str(error), self._message(record, error))

    def close(self) -> None:
        """Give back the leases of this process."""
        self._finished.end()

    def _recovered(self, record: RunRecord, saved: store.SavedRun) -> Message | None:
        """The records hold the run. From now on they notify people, also of a recovery.

        The message of a recovery from something that people know without the outbox.
        """
        target, is_ok = record.verdict.target, record.verdict.verdict is Class.OK
        self._schedule.recorded(target)
        self._unsaved.pop(target, None)
        before = self._notified.get(target)
        if before is None or (saved.message is None and not is_ok):
            return None
        del self._notified[target]
        if saved.message is not None or before.notified is Class.EQUIVOCATION:  # from which nothing recovers
            return None
        lines, uid = [f"notified before: {before.said}"], _uid(target, self._host.clock())
        title = f"recovered: {target} is OK again"
        return alarm.announced(News(verdict=Class.OK), title, lines, uid=uid, target=target)

    def _save(self, lease: Lease, record: RunRecord) -> tuple[RunRecord, store.SavedRun]:
        """Save a run. Values that the records cannot hold are an ERROR of the target."""
        now, rules = self._host.clock(), self._config.rules
        try:
            saved = store.save_run(self._database, lease, record, now=now, rules=rules)
        except Exception as e:
            if isinstance(e, AnchorError) and not isinstance(e, Unsupported):
                raise
            # A defect that one target causes, or a value that the records cannot hold, ends no other's run.
            record = _with_check(RunRecord(verdict=record.verdict), run_checks.defect("records", e))
            saved = store.save_run(self._database, lease, record, now=self._host.clock(), rules=rules)
        return record, saved

    def _message(self, record: RunRecord, error: AnchorError) -> Message | None:
        """The message about causes that the outbox could not take, by the same rule.

        A cause that may pass is left out: the records fail already, and people are notified when that lasts.
        """
        target, now, rule = record.verdict.target, self._host.clock(), self._config.rules.alarm_rule
        seen = alarm.seen(record.verdict, record.evidence, never_damp=record.never_damp)
        causes = tuple(c for c in seen.causes if c.verdict in _NOTIFIED_AT_ONCE and not c.passing)
        found = alarm.Seen(Class.UNAVAILABLE, causes, seen.passed)  # no recovery before the run is recorded
        before = self._notified.get(target, alarm.Standing())
        standing, news = alarm.next_standing(before, found, now=now, rule=rule)
        if standing.known:
            self._notified[target] = standing
        if news is None:
            return None
        remark, when = f"the records could not keep it: {error}", rfc3339_of(now)
        return alarm.message(target, news, record, when=when, uid=_uid(target, now), remark=remark)

    @contextlib.contextmanager
    def _renewing(self) -> Iterator[None]:
        """Renew the lease of each run for as long as the run takes. One thread does it for a whole cycle.

        A run that has ended meanwhile has no lease, and renewing it changes nothing.
        """
        over, lease_time = threading.Event(), self._config.lease

        def renew() -> None:
            while not over.wait(min(lease_time / 3, queue.RENEW)):
                lease = self._running
                with contextlib.suppress(AnchorError):
                    if lease is not None:
                        queue.renew(self._database, lease, now=self._host.clock(), lease=lease_time)

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class _FinishedRuns:
    """Runs that are over and whose leases the records could not end yet.

    Only this process knows that they are over: to all others it is alive and at work. So a thread of its own
    tries again until the records end the leases.
    """

    def __init__(self, database: Database, host: Host) -> None:
        self._database = database
        self._host = host
        self._leases: list[Lease] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        """Give up the lease of a run that is over, now or as soon as the records can store that."""
        with self._lock:
            self._leases.append(lease)
        try:
            self.give_up()
        except AnchorError:
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._try_again, name="claims", daemon=True)
                    self._thread.start()

    def give_up(self) -> None:
        """Give up all leases. Raises the error of the records."""
        with self._lock:
            while self._leases:
                queue.abandon_run(self._database, self._leases[0], now=self._host.clock())
                del self._leases[0]

    def end(self) -> None:
        """Try once more, then stop trying."""
        self._ended.set()
        with contextlib.suppress(AnchorError):
            self.give_up()

    def _try_again(self) -> None:
        while self._leases and not self._ended.wait(AGAIN):
            with contextlib.suppress(AnchorError):
                self.give_up()


def _uid(target: str, now: float) -> str:
    """The id of a message that is not in the records."""
    return hashlib.sha256(f"past the outbox/{now}/{target}".encode()).hexdigest()[:16]


def _busy(target: str, held: Held | None) -> RunRecord:
    who = f"{held.worker} is re-verifying it" if held else "it is not watched"
    error = Unavailable(who, where=target, remedy="wait until that run ends, or give --wait")
    check = failed("claim", error)
    verdict = Verdict(kind="run", target=target, verdict=Class.UNAVAILABLE, checks=(check,))
    return RunRecord(verdict=verdict)


def _with(record: RunRecord, error: AnchorError) -> RunRecord:
    """The record with the failure of the records as one more check, unless it is there already."""
    return _with_check(record, failed("records", error, meaning=_UNRECORDED))


def _with_check(record: RunRecord, check: Check) -> RunRecord:
    checks = record.verdict.checks
    checks = checks if check in checks else (*checks, check)
    verdict = Verdict(
        kind="run",
        target=record.verdict.target,
        verdict=judge(checks),
        checks=checks,
        facts=record.verdict.facts,
        notes=record.verdict.notes,
    )
    return RunRecord(verdict=verdict, evidence=record.evidence, services=record.services)
