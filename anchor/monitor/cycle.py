# SPDX-License-Identifier: Apache-2.0
"""One re-verification: what is published now, under the logs of now, against what is held from before.

A function of parts that are passed in. Its steps, in order; each is a named check of the verdict:
 1. clock      the time is not before the last recorded run
 2. release    the published files again, every leaf, the root, the bundles, strictly
 3. number     no older release than any before, no statement that contradicts another one of its ledger
 4. chain      the release follows all that is held of its ledger; no version is there twice
 5. log        each log from the first and the last checkpoint held to its head (`anchor.monitor`)
 6. view       other copies of each log show the same history
 7. entry      the release's entry, read from the log, equal, under today's head
 7. trust      what changed in the trust material since the last run: shown, never judged
 8. canary     a corrupted copy of the release is found bad, else this program is no verifier
 9. complete   all of this was done: a run that found nothing wrong has a release, and looked at its entries
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from anchor.errors import AnchorError, Refused, Unavailable, Unsupported
from anchor.format.statement import Previous
from anchor.monitor import alarm, ancestry, entries, run_checks, split_view
from anchor.monitor.interfaces import LogLocation, LogMemory
from anchor.monitor.log import Session
from anchor.monitor.observed import Entry, Examined, HeldRelease
from anchor.monitor.run_record import (
    TWO_STATEMENTS,
    Accepted,
    Best,
    Earlier,
    Evidence,
    FollowedLog,
    HeldNumber,
    Outcome,
    PriorRun,
    SeenRelease,
)
from anchor.tlog.checkpoint import Log, log_of
from anchor.tlog.keys import parse_vkey
from anchor.verdict import Check, Class, Verdict, failed, judge, passed, skipped

_GOOD = (Class.OK, Class.STALE, Class.PENDING)

BACKWARDS = 300
"""Seconds by which a clock may be behind the last run before that is worth saying."""


class Memory(LogMemory, Protocol):
    """What a re-verification asks of the records."""

    def before(self, target: str) -> PriorRun: ...
    def rival(
        self, release: SeenRelease, shows: Callable[[SeenRelease], bool] = ...
    ) -> SeenRelease | None: ...
    def accepted(self, target: str) -> Accepted | None: ...
    def higher(self, target: str, above: int) -> Iterable[SeenRelease]: ...
    def numbers(self, ledger: str) -> list[HeldNumber]: ...
    def stored(self, one: HeldNumber) -> SeenRelease: ...
    def logs_of(self, target: str) -> list[FollowedLog]: ...


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a cycle is made of. Each may raise an AnchorError, which becomes a check."""

    examine: Callable[[str, bool], Examined]
    """Fetch a target's published files and verify them strictly; whether to hold what was read."""
    place: Callable[[str, str, Log | None], LogLocation | None]
    """The log with this checkpoint origin, and where it is read for this target; None when nothing of the
    verifier's says it. Where a verified bundle showed it, the log is passed in."""
    trust: Callable[[], Mapping[str, str]]
    """The trust material in use: TUF versions, log keys, policy digest."""
    canary: Callable[[str, HeldRelease], Verdict]
    """The verdict on what is held of a target, with one bit of the ledger changed."""
    rivals: Callable[[SeenRelease, SeenRelease], Evidence]
    """The evidence file of two verified statements of one ledger that contradict each other."""
    accepts: Callable[[SeenRelease], bool]
    """Whether a stored release is signed by somebody whom the policy accepts today, its bundles verified
    again."""
    earlier: Callable[[str, Previous], Earlier]
    """An earlier release, as the folder of a target has it."""
    shown: Callable[[bytes], Evidence]
    """What a file of evidence shows under today's trust."""
    clock: Callable[[], float]
    """Seconds since 1970."""
    stopwatch: Callable[[], float]
    """Seconds of a clock that does not jump."""
    max_run_age: Callable[[], int | None] = lambda: None
    """The policy's age in seconds beyond which the last good run is too old."""


@dataclass
class Cycle:
    """Re-verifications that share what they read: each log is followed once, the canary sings once."""

    parts: Parts
    memory: Memory
    standing: tuple[Check, ...] = ()
    """Checks about the records themselves, part of every verdict of this cycle."""
    requests: int = 0
    _sessions: dict[tuple[str, str], Session] = field(default_factory=dict)
    _seen: dict[str, Log] = field(default_factory=dict)
    """By origin: the logs of bundles that were verified in this cycle."""
    _shown: dict[str, str] = field(default_factory=dict)
    """By the digest of evidence: why it shows nothing under today's trust, or empty."""
    _canary: Check | None = None
    """What it came to for all: it was found bad, or two targets agree that this program is at fault."""
    _mute: set[str] = field(default_factory=set)
    """Targets whose corrupted copy was passed."""
    _trust: dict[str, str] | AnchorError | None = None

    def run(self, target: str) -> Outcome:
        """Re-verify one target. Raises only what stops a process: what went wrong is in the verdict."""
        began, before = self.parts.stopwatch(), self._counted()
        run = _Run(target, list(self.standing))
        examined: Examined | None = None
        steps = (
            self._clock,
            self._release,
            self._number,
            self._chain,
            self._logs,
            self._drift,
            self._sing,
            self._complete,
        )
        try:
            for step in steps:
                try:
                    examined = step(run, examined) or examined
                except AnchorError as e:
                    run.checks.append(failed(_NAMES[step.__name__], e))
                    if isinstance(e, Unavailable):
                        run.services.append(e.where or _NAMES[step.__name__])
                except Exception as e:  # noqa: BLE001 - a defect met at one target ends no other's run
                    run.checks.append(run_checks.defect(_NAMES[step.__name__], e))
        finally:
            if examined is not None and examined.held is not None:
                examined.held.files.close()
        age = self._age()
        run.facts |= {} if age is None else {"max_run_age": age}
        return run.outcome(
            requests=self._counted() - before,
            duration=max(0.0, self.parts.stopwatch() - began),
            max_run_age=age,
            never_damp=run.rolled_back or any(c.demotes for c in self.standing),
        )

    def _age(self) -> int | None:
        try:
            return self.parts.max_run_age()
        except Exception:  # noqa: BLE001
            return None  # the trust that could not be read is a check already

    def _before(self, run: "_Run") -> PriorRun:
        """What is held of the target, read once a run; where that failed, each step that needs it asks."""
        run.before = run.before or self.memory.before(run.target)
        return run.before

    def _counted(self) -> int:
        return sum(s.requests for s in self._sessions.values())

    def _clock(self, run: "_Run", _: Examined | None) -> None:
        last, now = self._before(run).last_run, self.parts.clock()
        if last is not None and now < last - BACKWARDS:
            back = f"the clock is {last - now:.0f} s before the last recorded run"
            raise Unavailable(back, where="clock", remedy="set the clock; this run cannot judge ages")

    def _release(self, run: "_Run", _: Examined | None) -> Examined:
        examined = self.parts.examine(run.target, self._canary is None)
        run.checks += examined.verdict.checks
        run.notes += examined.verdict.notes
        run.facts |= examined.verdict.facts
        if (
            all(c.demotes is None for c in examined.verdict.checks)
            and examined.verdict.verdict is not Class.OK
        ):
            run.checks.append(
                Check(
                    name="release",
                    state="unknown",
                    detail=f"the release is {examined.verdict.verdict}",
                    demotes=examined.verdict.verdict,
                )
            )
        return examined

    def _number(self, run: "_Run", examined: Examined | None) -> None:
        now = examined.release if examined is not None else None
        held = self._before(run)
        if held.best is not None:  # goes on, should this run not come to say which it is
            run.facts["best"] = held.best
        if held.lost is not None:
            raise held.lost
        run.release, shown = now, now or held.release
        rival = self.memory.rival(now, lambda r: self._accuses(run, r, now)) if now is not None else None
        if now is not None and rival is not None:
            evidence = self.parts.rivals(rival, now)
            self.memory.preserve((), (evidence,))
            run.evidence.append(evidence)
        best = self._best(run.target, now)
        kept = self.memory.contradictions(shown.ledger) if shown is not None else ()
        counting = [e for e in kept if self._counts(run, e)]
        run.checks += run_checks.number(now, best, rival, counting, run.target)
        run.rolled_back = now is not None and best is not None and now.number < best.number
        if best is not None:
            run.facts["best"] = {"ledger": best.ledger, "number": best.number}

    def _best(self, target: str, now: SeenRelease | None) -> Best | None:
        """The highest number of all that was ever verified at a target under a signer whom the policy accepts
        today, or since a person said which one is meant; this run's included.

        Only what is higher than what is served is verified again.
        """
        said = self.memory.accepted(target)
        best = None if now is None else Best(ledger=now.ledger, number=now.number)
        if said is not None and (now is None or (said.ledger == now.ledger and said.number > now.number)):
            best = Best(ledger=said.ledger, number=said.number, accepted=said)
        for release in self.memory.higher(target, 0 if best is None else best.number):
            if (now is None or release.ledger == now.ledger) and self.parts.accepts(release):
                return Best(ledger=release.ledger, number=release.number)
        return best

    def _chain(self, run: "_Run", examined: Examined | None) -> None:
        """The release belongs to one chain with all that is held of its ledger, from the number on that a
        person accepted at this target."""
        now = examined.release if examined is not None else None
        if now is None or any(e.kind == TWO_STATEMENTS for e in run.evidence):
            return
        said = self.memory.accepted(run.target)
        meant = said is not None and said.by_person and said.ledger == now.ledger
        first = said.number if said is not None and meant else 1
        walk = ancestry.Walk(
            now=now,
            held=[h for h in self.memory.numbers(now.ledger) if h.number >= first],
            stored=self.memory.stored,
            read=lambda wanted: self.parts.earlier(run.target, wanted),
            accepts=self.parts.accepts,
            accuses=lambda one, two: self._accuses(run, one, two),
            limit=ancestry.LIMIT,
        )
        run.checks += walk.checks()
        run.earlier += walk.earlier
        if walk.rivals is not None:
            evidence = self.parts.rivals(*walk.rivals)
            self.memory.preserve((), (evidence,))
            run.evidence.append(evidence)
            run.checks.append(run_checks.rivals(*walk.rivals))

    def _accuses(self, run: "_Run", one: SeenRelease, two: SeenRelease) -> bool:
        """Whether the evidence of two releases shows something under today's trust, by its own checker."""
        return self._counts(run, self.parts.rivals(one, two))

    def _counts(self, run: "_Run", evidence: Evidence) -> bool:
        """Whether evidence against a publisher shows something under today's trust. What another policy of
        this home accepted says nothing of a publisher who shares the ledger's name."""
        if evidence.kind != TWO_STATEMENTS:
            return True
        if evidence.digest not in self._shown:
            try:
                self.parts.shown(evidence.document)
                self._shown[evidence.digest] = ""
            except (Refused, Unsupported) as e:
                self._shown[evidence.digest] = str(e)
        if reason := self._shown[evidence.digest]:
            run.notes.append(
                f"two statements of {evidence.origin!r} disagree, and not both are by signers whom this "
                f"policy accepts: {reason}"
            )
        return not reason

    def _logs(self, run: "_Run", examined: Examined | None) -> None:
        found = examined.entries if examined is not None else ()
        self._seen |= {e.origin: e.log for e in found if e.log is not None}
        named = dict.fromkeys(e.origin for e in found)
        for origin in named | dict.fromkeys(self._before_logs(run)):
            if named and origin not in named:
                run.notes.append(f"{origin} is followed, although this release names no anchor in it")
            try:
                self._log(run, origin, [e for e in found if e.origin == origin])
            except AnchorError as e:  # one log that cannot be read hides no other
                run.checks.append(failed(f"log {origin}", e))
                run.services.append(origin)
            except Exception as e:  # noqa: BLE001 - nor does one that this program cannot follow
                run.checks.append(run_checks.defect(f"log {origin}", e))

    def _before_logs(self, run: "_Run") -> list[str]:
        """The logs in which an anchor of the target ever counted: one that is no longer named is followed all
        the same, or whoever serves the release could end it."""
        try:
            logs = self.memory.logs_of(run.target)
        except AnchorError as e:
            run.checks.append(failed("logs", e))
            return []
        for log in logs:
            with contextlib.suppress(AnchorError):  # a key that was edited is none; the origin says it then
                known = log_of(log.origin, parse_vkey(log.log_key)) if log.log_key else None
                if known is not None:
                    self._seen.setdefault(log.origin, known)
        return [log.origin for log in logs]

    def _log(self, run: "_Run", origin: str, found: Sequence[Entry]) -> None:
        session = self._session(origin, run.target)
        if session is None and not found:
            raise Unavailable(
                "an anchor of this release counted in it before, and today's trust names no such log",
                where=origin,
                remedy="trust it again, or let it go with 'anchor records forget-log'",
            )
        if session is None:
            raise Unavailable("neither policy nor trust root say where it is read", where=origin)
        run.checks += session.checks
        for entry in found:
            run.checks += entries.prove(
                session,
                index=entry.index,
                body=entry.body,
                then=entry.checkpoint,
                place=entry.place,
                read_before=self._before(run).entries,
            )
            run.looked.add(entry.anchor)
        run.take(session)

    def _session(self, origin: str, target: str) -> Session | None:
        """The log, followed once in this cycle for each place it is read from."""
        place = self.parts.place(origin, target, self._seen.get(origin))
        if place is None:
            return None
        key = (origin, place.name)
        if key not in self._sessions:
            session = Session(place, self.memory, self.parts.clock()).open()
            split_view.compare(session)
            session.settle()
            self._sessions[key] = session
        return self._sessions[key]

    def _drift(self, run: "_Run", _: Examined | None) -> None:
        if self._trust is None:
            try:
                self._trust = dict(self.parts.trust())
            except AnchorError as e:
                self._trust = e
        if isinstance(self._trust, AnchorError):
            raise self._trust
        run.trust, before = self._trust, self._before(run).trust
        changes = [] if before is None else run_checks.differences(before, run.trust)
        if changes:
            run.notes.append(alarm.DRIFT + "; ".join(changes))
        detail = "; ".join(changes) or ("first seen" if before is None else "as in the last run")
        run.checks.append(passed("trust", f"{len(run.trust)} items, {detail}"))

    def _sing(self, run: "_Run", examined: Examined | None) -> None:
        """Once a cycle, with what a good target served. A target where it fails stands alone in that until a
        second one confirms it, and neither a failure nor its cause says anything of what was found bad."""
        good = examined is not None and examined.verdict.verdict in _GOOD
        if not good or judge(run.checks) in (Class.EQUIVOCATION, Class.INVALID):
            sung = skipped("canary", "this release, or its log, was not found good")
        elif self._canary is not None:
            sung = self._canary
        else:
            sung = self._sung(run.target, examined)
        run.checks.append(sung)

    def _sung(self, target: str, examined: Examined | None) -> Check:
        if examined is None or examined.held is None:
            raise Unavailable("nothing of the release is held that could be corrupted", where=target)
        found = self.parts.canary(target, examined.held)
        sung = run_checks.canary(found, target)
        if sung.demotes is None:
            self._canary = sung
            return sung
        self._mute.add(target)
        if len(self._mute) > 1:
            self._canary = run_checks.canary(found, " and of ".join(sorted(self._mute)))
        return self._canary or sung

    def _complete(self, run: "_Run", examined: Examined | None) -> None:
        """Fails closed: whoever makes the steps above find nothing to do has not made them pass."""
        counted = examined.counted if examined is not None else 0
        if judge(run.checks) in _GOOD:
            run.checks.append(run_checks.complete(run.release, looked=len(run.looked), counted=counted))


_NAMES = {
    "_clock": "clock",
    "_release": "release",
    "_number": "number",
    "_chain": "chain",
    "_logs": "logs",
    "_drift": "trust",
    "_sing": "canary",
    "_complete": "complete",
}


@dataclass
class _Run:
    """A verdict in the making."""

    target: str
    checks: list[Check]
    before: PriorRun | None = None
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    services: list[str] = field(default_factory=list)
    release: SeenRelease | None = None
    earlier: list[SeenRelease] = field(default_factory=list)
    rolled_back: bool = False
    looked: set[int] = field(default_factory=set)
    """Places of the anchors whose entries were looked at."""
    trust: dict[str, str] | None = None
    evidence: list[Evidence] = field(default_factory=list)
    sessions: list[tuple[Session, Any]] = field(default_factory=list)

    def take(self, session: Session) -> None:
        """What the session and this release's part of it leave to be kept."""
        own = session.own()
        self.sessions.append((session, own))
        self.facts.setdefault("entries", []).extend(own[2])
        self.services += session.services
        head = session.followed.head if session.followed else None
        if head is not None:
            logs = self.facts.setdefault("heads", {})
            logs[head.origin] = {"size": head.size, "root": head.root.hex()}

    def outcome(
        self, *, requests: int, duration: float, max_run_age: int | None, never_damp: bool
    ) -> Outcome:
        verdict = Verdict(
            kind="run",
            target=self.target,
            verdict=judge(self.checks),
            checks=tuple(self.checks),
            facts=self.facts,
            notes=tuple(dict.fromkeys(self.notes)),
        )
        sessions = [s for s, _ in self.sessions]
        return Outcome(
            verdict=verdict,
            release=self.release,
            earlier=tuple(self.earlier),
            checkpoints=tuple(c for s, own in self.sessions for c in (*s.checkpoints, *own[0])),
            proofs=tuple(p for s, own in self.sessions for p in (*s.proofs, *own[1])),
            evidence=(*self.evidence, *(e for s in sessions for e in s.evidence)),
            trust=self.trust,
            services=tuple(sorted(set(self.services))),
            requests=requests,
            duration=duration,
            max_run_age=max_run_age,
            never_damp=never_damp,
        )
