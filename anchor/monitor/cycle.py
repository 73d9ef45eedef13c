# SPDX-License-Identifier: Apache-2.0
"""One re-verification: today's published files and logs, compared with everything that is held.

`Cycle.run` takes these steps in order. Each is a named check of the verdict:
 1. clock      the time is not before the last recorded run
 2. release    the published files again, every leaf, the root, the bundles, strictly
 3. number     no older release than any before, no statement that contradicts another one of its ledger
 4. chain      the release follows all that is held of its ledger; no version is there twice
 5. log        each log from the first and the last checkpoint held to its head (`log`)
 6. view       other copies of each log show the same history (`split_view`)
 7. entry      the release's entry, read from the log, equal, under today's head (`entries`)
 8. trust      the changes of the trust material since the last run: shown, never judged
 9. canary     a corrupted copy of the release is refused, else this program is not a verifier
10. complete   all of this was done: a run without a failure has a release, and looked at its entries
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from anchor.errors import AnchorError, Unavailable
from anchor.monitor import alarm, ancestry, conflicting_statements, entries, run_checks, split_view
from anchor.monitor.conflicting_statements import StatementEvidence
from anchor.monitor.interfaces import LogLocation, Memory, Verifier
from anchor.monitor.log import LogRun, follow_log
from anchor.monitor.log_client import RequestCounter
from anchor.monitor.log_result import EntryFinding, LogResult, preserved
from anchor.monitor.observed import Entry, ExaminedRelease
from anchor.monitor.run_record import TWO_STATEMENTS, Best, Evidence, ObservedRelease, PriorRun, RunRecord
from anchor.tlog.checkpoint import Log, log_of
from anchor.tlog.keys import parse_vkey
from anchor.verdict import Check, Class, Verdict, concluded, failed, judge, passed, skipped

_GOOD = (Class.OK, Class.STALE, Class.PENDING)

BACKWARDS = 300
"""Seconds by which the clock may be behind the end of the last run without a failed check."""

LogId = tuple[str, str, str]
"""The verifier key of a log, the origin of its checkpoints, and its location."""


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
        self._canary: Check | None = None
        """The check for all targets: the canary was refused, or it was accepted at two targets."""
        self._canary_accepted: set[str] = set()
        """Targets whose corrupted copy was accepted."""
        self._trust: dict[str, str] | AnchorError | None = None

    def run(self, target: str) -> RunRecord:
        """Re-verify one target. Every error becomes a check of the verdict, unless it stops the process."""
        began, requests = self.verifier.stopwatch(), self._requests.total
        run = _Run(target, self.memory, self.standing)
        examined: ExaminedRelease | None = None
        try:
            with run.step("clock"):
                self._check_clock(run.prior())
            with run.step("release"):
                examined = self.verifier.examine(target, hold=self._canary is None)
                run.add_verdict(examined.verdict)
            with run.step("number"):
                self._check_number(run, examined.release if examined else None)
            with run.step("chain"):
                self._check_chain(run, examined.release if examined else None)
            with run.step("logs"):  # with the checks `view` and `entry`
                self._follow_logs(run, examined.entries if examined else ())
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
            max_run_age=self._max_run_age(),
            never_damp=run.rolled_back or any(c.demotes for c in self.standing),
        )

    def _max_run_age(self) -> int | None:
        try:
            return self.verifier.max_run_age()
        except Exception:  # noqa: BLE001 - trust that cannot be read is a check of the run already
            return None

    def _check_clock(self, prior: PriorRun) -> None:
        last, now = prior.last_run, self.verifier.clock()
        if last is not None and now < last - BACKWARDS:
            back = f"the clock is {last - now:.0f} s before the last recorded run"
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
        best = self._best(run.target, now)
        shown = now or prior.release
        kept = self.memory.contradictions(shown.ledger) if shown is not None else ()
        counting = [e for e in kept if self._counts(run, e)]
        run.checks += run_checks.number(now, best, conflict, counting, run.target)
        run.rolled_back = now is not None and best is not None and now.number < best.number
        if best is not None:
            run.facts["best"] = {"ledger": best.ledger, "number": best.number}

    def _conflicting(self, run: "_Run", now: ObservedRelease) -> ObservedRelease | None:
        """A held release that contradicts this one, with evidence that counts under today's trust."""
        for other in self.memory.conflicting(now):
            if self._counts(run, conflicting_statements.build(other, now)):
                return other
        return None

    def _counts(self, run: "_Run", evidence: Evidence) -> bool:
        """True if evidence against a publisher shows something under today's trust. Else a note is made."""
        doubt = self._evidence.doubt(evidence)
        run.notes += [conflicting_statements.note(evidence, doubt)] if doubt else []
        return not doubt

    def _preserve(self, run: "_Run", evidence: Evidence) -> str:
        """Keep evidence at once, and with the run. Returns a remark where the first was not possible."""
        run.result += LogResult(evidence=(evidence,))
        return preserved(self.memory, (), (evidence,))

    def _best(self, target: str, now: ObservedRelease | None) -> Best | None:
        """The highest number that was ever verified at a target, this run included.

        Only signers count whom the policy accepts today. Releases from before a person accepted a number do
        not count. Only what is higher than the served release is verified again.
        """
        said = self.memory.accepted(target)
        best = None if now is None else Best(ledger=now.ledger, number=now.number)
        if said is not None and (now is None or (said.ledger == now.ledger and said.number > now.number)):
            best = Best(ledger=said.ledger, number=said.number, accepted=said)
        for release in self.memory.higher(target, 0 if best is None else best.number):
            if (now is None or release.ledger == now.ledger) and self.verifier.accepts(release):
                return Best(ledger=release.ledger, number=release.number)
        return best

    def _check_chain(self, run: "_Run", now: ObservedRelease | None) -> None:
        """The release belongs to one chain with everything that is held of its ledger.

        Numbers below one that a person accepted at this target are left out.
        """
        if now is None or any(e.kind == TWO_STATEMENTS for e in run.result.evidence):
            return
        said = self.memory.accepted(run.target)
        meant = said is not None and said.by_person and said.ledger == now.ledger
        first = said.number if said is not None and meant else 1
        found = ancestry.compare_chain(
            now,
            [held for held in self.memory.numbers(now.ledger) if held.number >= first],
            target=run.target,
            memory=self.memory,
            verifier=self.verifier,
            evidence=self._evidence,
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
        key, followed = self._log_run(location)
        run.add_log(followed)
        for entry in found:
            finding = entries.prove(followed, self.memory, entry, read_before=run.prior().entries)
            run.add_entry(entry, finding)
            self._logs[key] = followed = followed.with_entry(finding)

    def _log_run(self, location: LogLocation) -> tuple[LogId, LogRun]:
        """The log, followed once in this cycle for each location. One origin may have two keys, which are two
        logs; and one log may have two locations, which may show two histories."""
        key = location.log.key.vkey, location.tree, location.name
        if key not in self._logs:
            followed = follow_log(location, self.memory, now=self.verifier.clock(), requests=self._requests)
            self._logs[key] = split_view.compare(followed, self.memory)
        return key, self._logs[key]

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

    def __init__(self, target: str, memory: Memory, standing: Sequence[Check]) -> None:
        self.target = target
        self.checks = list(standing)
        self.notes: list[str] = []
        self.facts: dict[str, Any] = {}
        self.result = LogResult()
        """Heads, proofs, evidence and services of the whole run. Its checks stand in `checks`."""
        self.release: ObservedRelease | None = None
        self.earlier: list[ObservedRelease] = []
        self.rolled_back = False
        self.looked: set[int] = set()
        """The anchors whose entries were looked at, by their position in release.json."""
        self.trust: dict[str, str] | None = None
        self._memory = memory
        self._prior: PriorRun | None = None

    def prior(self) -> PriorRun:
        """The result of the runs before, read once. If that fails, each step that needs it fails too."""
        if self._prior is None:
            self._prior = self._memory.before(self.target)
        return self._prior

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

    def _add(self, result: LogResult) -> None:
        self.checks += result.checks
        self.result += replace(result, checks=())

    def record(
        self, *, requests: int, duration: float, max_run_age: int | None, never_damp: bool
    ) -> RunRecord:
        """Everything that the records keep of this run."""
        facts = {} if max_run_age is None else {"max_run_age": max_run_age}
        verdict = Verdict(
            kind="run",
            target=self.target,
            verdict=judge(self.checks),
            checks=tuple(self.checks),
            facts=self.facts | facts,
            notes=tuple(dict.fromkeys(self.notes)),
        )
        return RunRecord(
            verdict=verdict,
            release=self.release,
            earlier=tuple(self.earlier),
            checkpoints=self.result.heads,
            proofs=self.result.proofs,
            evidence=self.result.evidence,
            trust=self.trust,
            services=tuple(sorted(self.result.services)),
            requests=requests,
            duration=duration,
            max_run_age=max_run_age,
            never_damp=never_damp,
        )
