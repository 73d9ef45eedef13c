# SPDX-License-Identifier: Apache-2.0
"""One re-verification: today's published files and logs, compared with everything that is held.

`Cycle.run` takes these steps in order. Each is a named check of the verdict:
 1. clock      the time is not before the last recorded run
 2. release    the published files again, every leaf, the root, the bundles, strictly
 3. number     no older release than any before, no statement that contradicts another one of its ledger
 4. status-history  no older status than any before, none that contradicts another one of its ledger
 5. status-chain  the status follows all that is held of its ledger
 6. chain      the release follows all that is held of its ledger; no version is there twice
 7. log        each log from the first and the last checkpoint held to its head (`log`)
 8. view       other copies of each log show the same history (`split_view`)
 9. entry      the release's entry, read from the log, equal, under today's head (`entries`)
10. names      every entry of the logs that are read whole: is one in our name that nobody published?
11. trust      the changes of the trust material since the last run: shown, never judged
12. canary     a corrupted copy of the release is refused, else this program is not a verifier
13. complete   all of this was done: a run without a failure has a release, and looked at its entries
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from anchor import log_kinds
from anchor.errors import AnchorError, RootNotHere, Unavailable
from anchor.monitor import (
    alarm,
    ancestry,
    conflicting_statements,
    entries,
    run_checks,
    split_view,
    status_chain,
    status_history,
)
from anchor.monitor.conflicting_statements import StatementEvidence
from anchor.monitor.interfaces import LogId, LogLocation, Memory, Verifier
from anchor.monitor.log import LogRun, follow_log
from anchor.monitor.log_client import RequestCounter
from anchor.monitor.log_result import EntryFinding, LogResult, preserved
from anchor.monitor.observed import Entry, ExaminedRelease
from anchor.monitor.run_record import (
    TWO_STATEMENTS,
    Accepted,
    Best,
    Evidence,
    NamesBefore,
    ObservedRelease,
    ObservedStatus,
    PolicySays,
    PriorRun,
    RunRecord,
)
from anchor.tlog.checkpoint import Log, log_of
from anchor.tlog.keys import parse_vkey
from anchor.verdict import Check, Class, Verdict, concluded, failed, judge, passed, skipped
from anchor.words import span

if TYPE_CHECKING:
    from anchor.monitor.name_run import NameRuns, NamesFinding

_GOOD = (Class.OK, Class.STALE, Class.PENDING, Class.WITHDRAWN)

BACKWARDS = 300
"""Seconds by which the clock may be behind the end of the last run without a failed check."""


class Cycle:
    """Re-verifications that share what they read: each log is followed once, the canary is checked once."""

    def __init__(self, verifier: Verifier, memory: Memory, *, standing: Sequence[Check] = ()) -> None:
        self.verifier = verifier
        self.memory = memory
        self.standing = tuple(standing)
        """Checks of the records themselves. They are part of every verdict of this cycle."""
        self._requests = RequestCounter()
        self._logs: dict[LogId, LogRun] = {}
        self._known_logs: dict[str, Log] = {}
        """By origin: a log that signed the checkpoint of a bundle that was verified in this cycle."""
        self._evidence = StatementEvidence(verifier)
        self._held_links = ancestry.HeldLinks(memory)
        self._names: NameRuns | None = None
        """The logs that were read whole, from the first target on whose policy asks for it."""
        self._canary: Check | None = None
        """The check for all targets: the canary was refused, or it was accepted at two targets."""
        self._canary_accepted: set[str] = set()
        """Targets whose corrupted copy was accepted."""
        self._trust: dict[str, str] | AnchorError | None = None

    def run(self, target: str) -> RunRecord:
        """Re-verify one target. Every error becomes a check of the verdict, unless it stops the process."""
        began, requests = self.verifier.stopwatch(), self._requests.total
        run = _Run(target, self.memory, self.standing, began)
        examined: ExaminedRelease | None = None
        try:
            with run.step("clock"):
                self._check_clock(run.prior())
            with run.step("release"):
                examined = self.verifier.examine(target, hold=self._canary is None)
                run.add_verdict(examined.verdict)
            with run.step("number"):
                self._check_number(run, examined.release if examined else None)
            with run.step("status-history"):
                self._check_status(run, examined)
            with run.step("chain"):
                self._check_chain(run, examined.release if examined else None)
            with run.step("logs"):  # with the checks `view` and `entry`
                self._follow_logs(run, examined.entries if examined else ())
            with run.step("names"):
                self._watch_names(run, examined.entries if examined else ())
            with run.step("trust"):
                self._compare_trust(run)
            with run.step("canary"):
                run.checks.append(self._check_canary(run, examined))
            with run.step("complete"):
                self._check_complete(run, counted=examined.counted if examined else 0)
        finally:
            if examined is not None and examined.held is not None:
                examined.held.files.close()
        return run.record(
            requests=self._requests.total - requests,
            duration=max(0.0, self.verifier.stopwatch() - began),
            policy=self._policy(),
            never_damp=run.rolled_back or any(c.demotes for c in self.standing),
        )

    def _policy(self) -> PolicySays:
        try:
            return self.verifier.said()
        except Exception:  # noqa: BLE001 - trust that cannot be read is a check of the run already
            return PolicySays()

    def _check_clock(self, prior: PriorRun) -> None:
        last, now = prior.last_run, self.verifier.clock()
        if last is not None and now < last - BACKWARDS:
            back = f"the clock is {span(last - now)} before the last recorded run"
            raise Unavailable(back, where="clock", remedy="set the clock; this run cannot judge ages")

    def _check_number(self, run: "_Run", now: ObservedRelease | None) -> None:
        """Compare the release with the highest number of the target, and with statements of its ledger."""
        prior = run.prior()
        if prior.best is not None:  # kept for the next run, even if this one finds no number
            run.facts["best"] = prior.best
        if prior.lost is not None:
            raise prior.lost
        run.release = now
        conflict: Check | None = None
        if now is not None and (other := self._conflicting(run, now)) is not None:
            remark = self._preserve(run, conflicting_statements.build(other, now))
            conflict = run_checks.conflict(other, now, remark=remark)
        best = self._best(run, now)
        shown = now or prior.release
        kept = self.memory.contradictions(shown.ledger) if shown is not None else ()
        counting, doubts = self._evidence.split(kept)
        run.notes += doubts
        run.checks += run_checks.number(now, best, conflict, counting, run.target)
        run.rolled_back = now is not None and best is not None and now.number < best.number
        if best is not None:
            run.facts["best"] = {"ledger": best.ledger, "number": best.number}

    def _check_status(self, run: "_Run", examined: ExaminedRelease | None) -> None:
        """Compare the status beside the release with every one that is held of its ledger."""
        prior = run.prior()
        if prior.best_status is not None:  # kept for the next run, even if this one finds no status
            run.facts["best_status"] = prior.best_status
        if prior.status_chain is not None:
            run.facts["status_chain"] = prior.status_chain
        now = examined.status if examined is not None else None
        release = examined.release if examined is not None else None
        about = now or release or prior.release
        if about is None:
            return
        ledger = about.ledger
        found = status_history.compare(
            now,
            ledger=ledger,
            release=release,
            absent=examined is not None and examined.lacks_status,
            target=run.target,
            memory=self.memory,
            verifier=self.verifier,
            judgement=self._evidence,
        )
        run.status = now
        for one in found.evidence:
            self._preserve(run, one)
        run.checks += found.checks
        run.notes += found.notes
        run.rolled_back = run.rolled_back or found.rolled_back
        if found.best is not None:
            run.facts["best_status"] = {"ledger": ledger, "sequence": found.best}
        if now is not None and not any(check.demotes for check in found.checks):
            self._check_status_chain(run, now)

    def _check_status_chain(self, run: "_Run", now: ObservedStatus) -> None:
        """The status belongs to one chain with every one that is held of its ledger."""
        found = status_chain.compare_chain(
            now,
            status_chain.place_of(run.prior().status_chain),
            accepted=run.accepted_number(now.ledger),
            target=run.target,
            memory=self.memory,
            verifier=self.verifier,
            judgement=self._evidence,
        )
        run.checks += found.checks
        run.notes += found.notes
        if found.place is not None:
            run.facts["status_chain"] = msgspec.to_builtins(found.place)
        if found.evidence is not None:
            self._preserve(run, found.evidence)

    def _conflicting(self, run: "_Run", now: ObservedRelease) -> ObservedRelease | None:
        """A held release that contradicts this one, with evidence that counts under today's trust."""
        for other in self.memory.conflicting(now):
            counting, doubts = self._evidence.split([conflicting_statements.build(other, now)])
            run.notes += doubts
            if counting:
                return other
        return None

    def _preserve(self, run: "_Run", evidence: Evidence) -> str:
        """Keep evidence at once, and with the run. Returns a remark where the first was not possible."""
        run.result += LogResult(evidence=(evidence,))
        return preserved(self.memory, (), (evidence,))

    def _best(self, run: "_Run", now: ObservedRelease | None) -> Best | None:
        """The highest number that was ever verified at a target, this run included.

        Only signers count whom the policy accepts today. Releases from before a person accepted a number do
        not count. Only what is higher than the served release is verified again.
        """
        said = run.accepted()
        best = None if now is None else Best(ledger=now.ledger, number=now.number)
        if said is not None and (now is None or (said.ledger == now.ledger and said.number > now.number)):
            best = Best(ledger=said.ledger, number=said.number, accepted=said)
        for release in self.memory.higher(run.target, 0 if best is None else best.number):
            if (now is None or release.ledger == now.ledger) and self.verifier.accepts(release):
                return Best(ledger=release.ledger, number=release.number)
        return best

    def _check_chain(self, run: "_Run", now: ObservedRelease | None) -> None:
        """The release belongs to one chain with everything that is held of its ledger.

        Numbers below one that a person accepted at this target are left out.
        """
        if now is None or any(e.kind == TWO_STATEMENTS for e in run.result.evidence):
            return
        first = run.accepted_number(now.ledger)
        found = ancestry.compare_chain(
            now,
            [held for held in self.memory.numbers(now.ledger) if held.number >= first],
            target=run.target,
            memory=self.memory,
            verifier=self.verifier,
            evidence=self._evidence,
            links=self._held_links,
        )
        run.checks += found.checks
        run.earlier += found.earlier
        run.notes += found.notes
        if found.conflict is not None:
            remark = self._preserve(run, conflicting_statements.build(*found.conflict))
            run.checks.append(run_checks.conflict(*found.conflict, remark=remark))

    def _follow_logs(self, run: "_Run", found: Sequence[Entry]) -> None:
        """Follow each log of the release's entries, and each log in which an anchor of the target counted
        before: else whoever serves the release could end the following of a log."""
        self._known_logs |= {e.origin: e.log for e in found if e.log is not None}
        wanted: dict[tuple[str, Log | None], list[Entry]] = {}
        for entry in found:
            log = entry.log or self._known_logs.get(entry.origin)
            wanted.setdefault((entry.origin, log), []).append(entry)
        named = {entry.origin for entry in found}
        for origin, log in self._counted_before(run):
            if origin in named:
                continue
            if named:
                run.notes.append(f"{origin} is followed, although this release names no anchor in it")
            wanted.setdefault((origin, log), [])
        for (origin, log), of_log in wanted.items():
            with run.step(f"log {origin}", service=origin):  # a log that cannot be read hides no other
                self._follow_log(run, origin, log, of_log)

    def _counted_before(self, run: "_Run") -> list[tuple[str, Log | None]]:
        """The origins of the logs in which an anchor of the target counted before, with the log if known."""
        try:
            logs = self.memory.logs_of(run.target)
        except AnchorError as e:
            run.checks.append(failed("logs", e))
            return []
        counted: list[tuple[str, Log | None]] = []
        for one in logs:
            log: Log | None = None
            with contextlib.suppress(AnchorError):  # an edited key is not a key; the origin is used then
                log = log_of(one.origin, parse_vkey(one.log_key)) if one.log_key else None
            if log is not None:
                self._known_logs.setdefault(one.origin, log)
            counted.append((one.origin, log or self._known_logs.get(one.origin)))
        return counted

    def _follow_log(self, run: "_Run", origin: str, log: Log | None, found: Sequence[Entry]) -> None:
        """Follow one log, and prove the release's entries in it."""
        location = self.verifier.log_location(origin, run.target, log)
        if location is None and not found:
            raise Unavailable(
                "an anchor of this release counted in it before, and today's trust names no such log",
                where=origin,
                remedy="trust it again, or let it go with 'anchor records forget-log'",
            )
        if location is None:
            raise Unavailable("neither policy nor trust root say where it is read", where=origin)
        followed = self._log_run(location)
        run.add_log(followed)
        for entry in found:
            finding = entries.prove(followed, self.memory, entry, read_before=run.prior().entries)
            run.add_entry(entry, finding)
            self._logs[location.id] = followed = followed.with_entry(finding)

    def _watch_names(self, run: "_Run", found: Sequence[Entry]) -> None:
        """Read the logs whole that the policy names, and look for entries that nobody published."""
        before = run.prior().names
        run.names = replace(before, overtaken=False)  # a finding waits for one run, never for two
        watch = self.verifier.name_watch(run.target)
        if watch is None:
            run.names = NamesBefore()
            run.checks.append(skipped("names", "no log is followed whole: the policy has no [[watch]]"))
            return
        from anchor.monitor import name_run, name_watch  # only for a policy with [[watch]]

        if self._names is None:
            self._names = name_run.NameRuns(self.verifier, self.memory, self._requests)
        followed = {tree for _, tree, _ in run.logs}
        watch = name_watch.with_later_shards(watch, followed)
        for origin in watch.logs:
            if origin not in followed:
                with run.step(f"log {origin}", service=origin):
                    self._follow_watched(run, origin)
        target = name_run.Target(
            name=run.target,
            release=run.release,
            status=run.status,
            began=run.began,
            before=before,
            logs=len(run.logs),
        )
        for key in run.logs:
            log = self._logs[key]
            with run.step(f"names in {log.location.tree}"):
                of_log = [e for e in found if e.origin == log.location.tree]
                run.add_names(log.location.tree, self._names.judge(log, watch, target, of_log))
        reached = {tree for _, tree, _ in run.logs}
        for origin in dict.fromkeys((*watch.logs, *before.standing)):
            if origin not in reached:
                with run.step(f"names in {origin}"):
                    run.add_names(origin, self._names.judge_held(origin, watch, target))
        read = {log_kinds.log_name(tree) for _, tree, _ in run.logs}
        if elsewhere := [name for name in watch.unwatched if name not in read]:
            run.checks.append(name_run.unwatched(elsewhere))

    def _follow_watched(self, run: "_Run", origin: str) -> None:
        """Follow a log in which the release has no anchor, since its entries are watched."""
        location = self.verifier.log_location(origin, run.target, self._known_logs.get(origin))
        if location is None:
            raise Unavailable(
                "the policy has it under [[watch]], and today's trust names no such log",
                where=origin,
                remedy="trust it, or take it out of the policy",
            )
        run.add_log(self._log_run(location))

    def _log_run(self, location: LogLocation) -> LogRun:
        """The log, followed once in this cycle for each location."""
        if location.id not in self._logs:
            followed = follow_log(location, self.memory, now=self.verifier.clock(), requests=self._requests)
            self._logs[location.id] = split_view.compare(followed, self.memory)
        return self._logs[location.id]

    def _compare_trust(self, run: "_Run") -> None:
        """Show the changes of the trust material since the last run. They are never judged."""
        run.trust, before = self._trust_material(), run.prior().trust
        changes = [] if before is None else run_checks.differences(before, run.trust)
        if changes:
            run.notes.append(alarm.DRIFT + "; ".join(changes))
        detail = "; ".join(changes) or ("first seen" if before is None else "as in the last run")
        run.checks.append(passed("trust", f"{len(run.trust)} items, {detail}"))

    def _trust_material(self) -> dict[str, str]:
        """The trust material, read once in a cycle. The error of that reading is raised in each run."""
        if self._trust is None:
            try:
                self._trust = dict(self.verifier.trust_material())
            except RootNotHere:  # the release of the next target may carry it
                raise
            except AnchorError as e:
                self._trust = e
        if isinstance(self._trust, AnchorError):
            raise self._trust
        return self._trust

    def _check_canary(self, run: "_Run", examined: ExaminedRelease | None) -> Check:
        """The canary is checked once in a cycle, with the files of a good target.

        A failure counts for that target alone until a second target confirms it. A release that was found bad
        stays bad, whatever the canary says.
        """
        good = examined is not None and examined.verdict.verdict in _GOOD
        if not good or judge(run.checks) in (Class.EQUIVOCATION, Class.INVALID):
            return skipped("canary", "this release, or its log, was not found good")
        if self._canary is not None:
            return self._canary
        if examined is None or examined.held is None:
            raise Unavailable("nothing of the release is held that could be corrupted", where=run.target)
        verdict = self.verifier.canary(run.target, examined.held)
        check = run_checks.canary(verdict, run.target)
        if check.demotes is None:
            self._canary = check
            return check
        self._canary_accepted.add(run.target)
        if len(self._canary_accepted) > 1:
            self._canary = run_checks.canary(verdict, " and of ".join(sorted(self._canary_accepted)))
        return self._canary or check

    def _check_complete(self, run: "_Run", *, counted: int) -> None:
        """A run without a failure must have looked at a release and at its entries. Else it is an ERROR."""
        if judge(run.checks) in _GOOD:
            run.checks.append(run_checks.complete(run.release, looked=len(run.looked), counted=counted))


class _Step:
    """The context of one step. It turns an error into a check of the run.

    A class, because type checkers do not see that a generator's context ends errors.
    """

    def __init__(self, run: "_Run", name: str, service: str) -> None:
        self._run = run
        self._name = name
        self._service = service

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if isinstance(error, AnchorError):
            self._run.checks.append(failed(self._name, error))
            if self._service or isinstance(error, Unavailable):
                self._run.result += LogResult(services=(self._service or error.where or self._name,))
            return True
        if isinstance(error, Exception):  # a defect that one target causes ends no other target's run
            self._run.checks.append(run_checks.defect(self._name, error))
            return True
        return False


class _Run:
    """The run of one target, until its record is complete."""

    def __init__(self, target: str, memory: Memory, standing: Sequence[Check], began: float) -> None:
        self.target = target
        self.began = began
        """By the stopwatch of the verifier."""
        self.checks = list(standing)
        self.notes: list[str] = []
        self.facts: dict[str, Any] = {}
        self.result = LogResult()
        """Heads, proofs, evidence and services of the whole run. Its checks stand in `checks`."""
        self.release: ObservedRelease | None = None
        self.earlier: list[ObservedRelease] = []
        self.status: ObservedStatus | None = None
        self.names = NamesBefore()
        """The state of the watch of whole logs, for the next run."""
        self.rolled_back = False
        self.logs: dict[LogId, None] = {}
        """The logs that were followed, in order."""
        self.looked: set[int] = set()
        """The anchors whose entries were looked at, by their position in release.json."""
        self.trust: dict[str, str] | None = None
        self._memory = memory
        self._prior: PriorRun | None = None
        self._accepted: tuple[Accepted | None] | None = None

    def prior(self) -> PriorRun:
        """The result of the runs before, read once. If that fails, each step that needs it fails too."""
        if self._prior is None:
            self._prior = self._memory.before(self.target)
        return self._prior

    def accepted(self) -> Accepted | None:
        """The number that somebody accepted at the target, read once."""
        if self._accepted is None:
            self._accepted = (self._memory.accepted(self.target),)
        return self._accepted[0]

    def accepted_number(self, ledger: str) -> int:
        """The number of this ledger that a person accepted at the target; 0 if nobody did. What is below it
        is not compared."""
        said = self.accepted()
        return said.number if said is not None and said.by_person and said.ledger == ledger else 0

    def step(self, name: str, *, service: str = "") -> "_Step":
        """One step of the run: an error becomes the check `name`, and the next step is taken.

        `service`: what the step depends on. Without it, an Unavailable names what was not reached.
        """
        return _Step(self, name, service)

    def add_verdict(self, verdict: Verdict) -> None:
        """Add the verdict on the published files."""
        self.checks += verdict.checks
        self.notes += verdict.notes
        self.facts |= verdict.facts
        if all(c.demotes is None for c in verdict.checks) and verdict.verdict is not Class.OK:
            detail = f"the release is {verdict.verdict}"
            self.checks.append(concluded("release", detail, verdict.verdict))

    def add_log(self, log: LogRun) -> None:
        """Add the result of a log, which every release in it shares."""
        self.logs[log.location.id] = None
        self._add(log.result)
        self.facts.setdefault("entries", [])
        if log.followed is not None:
            head = log.followed.head
            heads = self.facts.setdefault("heads", {})
            heads[head.origin] = {"size": head.size, "root": head.root.hex()}

    def add_entry(self, entry: Entry, finding: EntryFinding) -> None:
        """Add the result of one entry of this release."""
        self._add(finding.result)
        self.looked.add(entry.anchor)
        if finding.entry is not None:
            self.facts["entries"].append(finding.entry.fact())

    def add_names(self, origin: str, finding: "NamesFinding") -> None:
        """Add the result of a log that is read whole."""
        standing = {**self.names.standing, origin: finding.standing}
        self.names = NamesBefore(
            standing={tree: listed for tree, listed in standing.items() if listed},
            waited=self.names.waited.union(finding.waited),
            overtaken=self.names.overtaken or finding.overtaken,
        )
        self._add(finding.result)
        self.earlier += finding.earlier
        if finding.fact is not None:
            self.facts.setdefault("names", []).append(finding.fact)

    def _add(self, result: LogResult) -> None:
        self.checks += result.checks
        self.result += replace(result, checks=())

    def record(self, *, requests: int, duration: float, policy: PolicySays, never_damp: bool) -> RunRecord:
        """Everything that the records keep of this run."""
        verdict = Verdict(
            kind="run",
            target=self.target,
            verdict=judge(self.checks),
            checks=tuple(self.checks),
            facts=self.facts | policy.facts() | self.names.facts(),
            notes=tuple(dict.fromkeys(self.notes)),
        )
        return RunRecord(
            verdict=verdict,
            release=self.release,
            earlier=tuple(self.earlier),
            status=self.status,
            checkpoints=self.result.heads,
            proofs=self.result.proofs,
            evidence=self.result.evidence,
            scans=self.result.scans,
            trust=self.trust,
            services=tuple(sorted(self.result.services)),
            requests=requests,
            duration=duration,
            max_run_age=policy.max_run_age,
            never_damp=never_damp,
        )
