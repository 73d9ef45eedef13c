# SPDX-License-Identifier: Apache-2.0
"""The watch for entries that nobody published, for the runs of one cycle: each log is read once, and judged
for each target by what that target's chain, the records and the policy explain."""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from anchor.errors import AnchorError
from anchor.monitor import name_watch
from anchor.monitor.explained import Explanations, KnownStatements, walk_back
from anchor.monitor.interfaces import LogId, Memory, NameWatch, Verifier
from anchor.monitor.log import LogRun
from anchor.monitor.log_client import RequestCounter
from anchor.monitor.log_result import LogResult, only_checks
from anchor.monitor.name_scan import Scanned
from anchor.monitor.name_watch import LogNames
from anchor.monitor.observed import Entry
from anchor.monitor.run_record import NamesBefore, ObservedRelease, ObservedStatus, ReadBefore
from anchor.tlog.tiles import FULL
from anchor.verdict import Check, skipped
from anchor.verify.name_matcher import digests_of
from anchor.verify.named_entry import NamedEntry
from anchor.verify.policy import LogWatch

_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Target:
    """The target of a run, and what was verified of it."""

    name: str
    release: ObservedRelease | None
    status: ObservedStatus | None
    began: float
    """When its run began, by the stopwatch of the verifier."""
    before: NamesBefore = field(default_factory=NamesBefore)
    """The state in which the last run left the watch."""
    logs: int = 1
    """Logs that this run follows. They share its time."""


@dataclass(frozen=True, kw_only=True)
class NamesFinding:
    """The watch of one log in one run."""

    result: LogResult
    fact: dict[str, object] | None = None
    earlier: tuple[ObservedRelease, ...] = ()
    """Earlier releases that were read because they might explain an entry."""
    standing: tuple[int, ...] = ()
    """The newest entries that were compared with the whole chain once, and that nothing explains."""
    waited: tuple[str, ...] = ()
    """Targets for whose first run this finding waits."""
    overtaken: bool = False
    """True if it waits for the next run, since a newer release was put in place during this one."""


@dataclass(frozen=True, kw_only=True)
class _Judgement:
    """The certified entries of one log: those that nothing explains (`rest`), and why not."""

    rest: Sequence[NamedEntry]
    allowed: Sequence[NamedEntry]
    """Entries that only the policy explains."""
    earlier: tuple[ObservedRelease, ...]
    judged: str
    standing: tuple[int, ...]
    waited: tuple[str, ...]
    overtaken: bool
    doubt: AnchorError | None

    @property
    def postponed(self) -> str:
        """The reason why nobody can say yet what is explained, or ""."""
        if self.overtaken:
            return "a newer release was put in place while the log was read; the next run judges it"
        if not self.waited:
            return ""
        more = f" and {len(self.waited) - _SHOWN} more" if len(self.waited) > _SHOWN else ""
        return f"not judged before the first run of {', '.join(self.waited[:_SHOWN])}{more}"

    def finding(self, result: LogResult, fact: dict[str, object] | None) -> NamesFinding:
        return NamesFinding(
            result=result,
            fact=fact,
            earlier=self.earlier,
            standing=self.standing,
            waited=self.waited,
            overtaken=self.overtaken,
        )


class NameRuns:
    """The watch in the runs of one cycle."""

    def __init__(self, verifier: Verifier, memory: Memory, requests: RequestCounter) -> None:
        self._verifier = verifier
        self._memory = memory
        self._requests = requests
        self._known = KnownStatements(memory)
        self._read: dict[LogId, LogNames] = {}
        self._saved: set[LogId] = set()
        self._own: set[LogId] = set()
        """Logs in which an entry of ours was found."""
        self._began: dict[str, float] = {}
        """When the run of a target began to read logs."""
        self._asked: dict[str, int] = {}
        """How many logs the run of a target began to read."""
        self._later: dict[str, frozenset[str]] = {}
        """The digests of the release and status that each target showed a moment later."""

    def judge(self, log: LogRun, watch: NameWatch, target: Target, entries: Sequence[Entry]) -> NamesFinding:
        """The checks of one log. `entries`: those of the target's release in this log."""
        wanted = name_watch.wanted_for(watch, log)
        if wanted is None:
            reason = "not followed whole: the policy has no [[watch]] for it"
            return NamesFinding(result=only_checks(skipped(f"names in {log.location.tree}", reason)))
        found = self._log(log, watch, wanted, target)
        if not found.tiled:
            return NamesFinding(result=only_checks(*name_watch.checks(found, ())))
        one = self._judged(found, watch, target)
        checks = name_watch.checks(
            found, one.rest, allowed=len(one.allowed), postponed=one.postponed, doubt=one.doubt
        )
        if entries and target.release is not None:  # else nothing says which statement is ours
            checks.append(self._own_entry(log, found, watch, max(entries, key=lambda e: e.index)))
        claims = [e for e in found.named if not e.certified]
        kept = self._for_records(log, found, {e.index for e in (*one.rest, *one.allowed, *claims)})
        fact = name_watch.fact(found, one.rest, one.judged)
        return one.finding(kept + only_checks(*checks), fact)

    def _own_entry(self, log: LogRun, found: LogNames, watch: NameWatch, entry: Entry) -> Check:
        """The check that this watch finds an entry of ours.

        A request for it is made once for each reading: the run may have spent those of the hour, and a log
        can have entries of thousands of targets.
        """
        is_here = entry.index // FULL in log.bundles
        if not is_here and (log.location.id in self._own or not name_watch.has_more(found)):
            reason = (
                "it was found in this reading" if log.location.id in self._own else "nothing new was read"
            )
            return skipped(f"own entry in {found.tree}", f"not looked for: {reason}")
        explanations = self._explanations(watch, found.tree)
        check = name_watch.own_entry(found, watch.matcher, entry, explanations)
        if check.state == "passed":
            self._own.add(log.location.id)
        return check

    def judge_held(self, origin: str, watch: NameWatch, target: Target) -> NamesFinding:
        """The check of a watched log that cannot be followed today: what was found in it stays found."""
        wanted = watch.logs.get(origin) or watch.others
        held = tuple(e for e in self._memory.certified(origin) if watch.matcher.watches(e))
        if wanted is None or not held:
            return NamesFinding(result=LogResult())
        found = LogNames(
            tree=origin,
            wanted=wanted,
            size=0,
            before=ReadBefore(named=held),
            read=Scanned(ranges=()),
            halted="it cannot be followed today",
        )
        one = self._judged(found, watch, target)
        check = name_watch.names(found, one.rest, len(one.allowed), one.postponed, one.doubt)
        return one.finding(only_checks(check), None)

    def _judged(self, found: LogNames, watch: NameWatch, target: Target) -> _Judgement:
        if target.release is not None:
            self._known.add(target.release.statement, (a.bundle for a in target.release.anchors))
        if target.status is not None:
            self._known.add(target.status.statement, target.status.bundles)
        certified = [e for e in found.named if e.certified]
        allowed = [e for e in certified if e.digest in watch.explained]
        explanations = self._explanations(watch, found.tree)
        rest = explanations.unexplained(e for e in certified if e.digest not in watch.explained)
        standing = set(target.before.standing.get(found.tree, ()))
        earlier: tuple[ObservedRelease, ...] = ()
        doubt: AnchorError | None = None
        judged = ""
        question = self._question(target, rest)
        if rest and question in target.before.judged:
            judged = question  # a chain does not change, and the last run read it
        elif rest:
            walked = walk_back(
                target.name,
                target.release,
                target.status,
                rest,
                explanations,
                memory=self._memory,
                verifier=self._verifier,
            )
            earlier, doubt = walked.earlier, walked.doubt
            rest = explanations.unexplained(rest)
            judged = self._question(target, rest) if rest and doubt is None else ""
        stands = any(e.index in standing for e in rest)
        waited = self._waiting(target) if rest and not stands else ()
        fresh = bool(rest) and doubt is None and not (stands or waited)
        overtaken = fresh and not target.before.overtaken and self._is_overtaken(target, rest)
        if doubt is None and not (waited or overtaken):
            standing = {e.index for e in rest}
        return _Judgement(
            rest=rest,
            allowed=allowed,
            earlier=earlier,
            judged=judged,
            standing=tuple([e.index for e in rest if e.index in standing][-_SHOWN:]),
            waited=waited,
            overtaken=overtaken,
            doubt=doubt if rest and not stands else None,
        )

    def _explanations(self, watch: NameWatch, tree: str) -> Explanations:
        return Explanations(self._known, watch.matcher, tree)

    def _question(self, target: Target, rest: Sequence[NamedEntry]) -> str:
        """A digest of what is looked for in the chain of a run: its ends, and the entries."""
        ends = [s.digest if s is not None else "" for s in (target.release, target.status)]
        return hashlib.sha256(repr([ends, sorted({e.digest for e in rest})]).encode()).hexdigest()

    def _log(self, log: LogRun, watch: NameWatch, wanted: LogWatch, target: Target) -> LogNames:
        key, stopwatch = log.location.id, self._verifier.stopwatch
        end = self._began.setdefault(target.name, stopwatch()) + name_watch.SECONDS
        end = min(end, target.began + name_watch.LATEST)
        asked = self._asked[target.name] = self._asked.get(target.name, 0) + 1
        now = stopwatch()
        end = now + (end - now) / max(1, target.logs - asked + 1)  # a slow log leaves time to the others
        if key not in self._read:
            self._read[key] = name_watch.read_log(
                log,
                self._memory,
                watch,
                wanted,
                requests=self._requests,
                stopwatch=stopwatch,
                until=end,
                explanations=self._explanations(watch, log.location.tree),
            )
        return self._read[key]

    def _waiting(self, target: Target) -> tuple[str, ...]:
        """The targets for whose first run a finding waits: it may be of their ledgers. It waits once for
        each, since a target may never have a run."""
        return tuple(t for t in self._memory.never_run(target.name) if t not in target.before.waited)

    def _is_overtaken(self, target: Target, rest: Sequence[NamedEntry]) -> bool:
        """True if a release or status that was put in place while this run read the log explains everything.

        This run read the release first, so it may know a successor by its log entry alone. It does not
        believe the successor either: the next run compares that with what is held.
        """
        if target.name not in self._later:
            known: frozenset[str] = frozenset()
            with contextlib.suppress(AnchorError):
                now = self._verifier.later(target.name)
                for one in (now.release, now.status):
                    known |= digests_of(one.statement) if one is not None else frozenset()
            self._later[target.name] = known
        newer = {one for one in self._later[target.name] if not self._known.has(one)}
        return all(entry.digest in newer for entry in rest)

    def _for_records(self, log: LogRun, found: LogNames, wanted: set[int]) -> LogResult:
        """The entries that were read, without those that are explained meanwhile. The requests count once."""
        if found.kept is None:
            return LogResult()
        kept = replace(found.kept, named=tuple(e for e in found.kept.named if e.index in wanted))
        if log.location.id in self._saved:
            kept = replace(kept, requests=0)
        self._saved.add(log.location.id)
        return LogResult(scans=(kept,))


def unwatched(origins: Sequence[str]) -> Check:
    """The check that names the trusted logs that nobody reads whole."""
    more = f" and {len(origins) - _SHOWN} more" if len(origins) > _SHOWN else ""
    listed = ", ".join(origins[:_SHOWN]) + more
    return skipped("names elsewhere", f"trusted, and not followed whole: {listed}")
