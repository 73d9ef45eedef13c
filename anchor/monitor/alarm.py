# SPDX-License-Identifier: Apache-2.0
"""Decides when people are notified, and of what.

People are notified of a new cause at once, and of one that comes and goes with growing pauses. A cause is one
piece of evidence, or a failed check: its name, its subject and its class. For INVALID and FINDINGS the detail
of the check belongs to the cause too: the same check that fails because of other bytes is another cause.
`anchor.monitor.alarm_kinds` has the severity of each cause, its meaning and what to do.

The rules are pure functions of the earlier notifications. `anchor.net.notify` sends, `anchor.records` stores.
"""

import hashlib
import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import msgspec

from anchor.errors import Misuse, printable
from anchor.monitor.alarm_kinds import AlarmKind, Severity, by_severity, kind_of
from anchor.monitor.run_record import Evidence, RunRecord
from anchor.verdict import DIFFERS, Check, Class, Verdict, worst
from anchor.verify.policy import UNCOMPARED
from anchor.words import several

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 3600}
DAY = 86400.0
FORMAT: Final = "urn:ledger-anchor:alarm:v1"
QUOTE = "- "
"""The beginning of each line with text from a stranger, and of no other line."""
DRIFT = "trust material changed: "
"""The beginning of the note about another policy or root than in the run before."""
OF_ALL = "anchor status"
"""The command of an alarm that is about no target."""
MAX_LINES = 20
"""Causes named in one message."""
MAX_LINE = 1000
"""Characters of one line of a message."""
MOST = 500
"""Causes that are stored for a target. A cause that was dropped is new when it comes again."""
_VERIFIED = (Class.OK, Class.STALE, Class.PENDING, Class.WITHDRAWN)
"""Classes of runs in which every check was made. A cause that is not there is over."""
_RECORDS = "records"
"""The check of the records themselves. People are notified of it once for all targets."""


class Rule(msgspec.Struct, frozen=True):
    """People are notified of UNAVAILABLE after `runs` runs in a row and `seconds` seconds, both together."""

    runs: int = 3
    seconds: int = 6 * 3600
    at_once: int = 8
    """Messages about new causes that a target may send in a day, for each class; more wait for the next."""
    pause: int = 6 * 3600
    """Seconds of silence after the message that a cause is back; doubles with each one that follows."""
    longest: int = 86400
    """Seconds that no pause is longer than."""


def parse_rule(text: str) -> Rule:
    """`N/T`: N runs and T hours, or T with a unit: `3/6`, `3/90m`, `5/2d`."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})([smhd]?)", text)
    if not match:
        raise Misuse(f"{text!r} is not N/T", where="--alarm-after", remedy="e.g. 3/6h: 3 runs and 6 hours")
    return Rule(int(match[1]), int(match[2]) * _UNITS[match[3]])


@dataclass(frozen=True)
class Cause:
    """One thing that people should know."""

    key: str
    """The same in every run with the same cause."""
    subject: str
    """The check and its subject. When that check passes, the cause is over."""
    verdict: Class
    name: str
    line: str
    """For a person. Text from a stranger stands in one line."""
    passing: bool = False
    """It may pass by itself, so people are notified only if it lasts."""
    evidence: str = ""
    """The kind of the evidence, if the cause is one."""

    @property
    def kind(self) -> AlarmKind:
        """Its severity, its meaning, and what to do."""
        return kind_of(f"evidence {self.evidence}" if self.evidence else self.name, self.verdict)


@dataclass(frozen=True)
class Seen:
    """The causes of one run."""

    verdict: Class
    causes: tuple[Cause, ...] = ()
    passed: frozenset[str] = frozenset()
    """The subjects of the checks that passed."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """A cause that was found before."""

    subject: str
    verdict: Class
    name: str
    last: float
    """When it was last found, in seconds since 1970."""
    lasting: bool = True
    notified: bool = True
    """True if people were notified of it."""


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of a target's alarm between runs. Times are seconds since 1970."""

    notified: Class = msgspec.field(name="told", default=Class.OK)
    """The worst class that people were notified of and that still stands. EQUIVOCATION stays for ever.
    Written as `told`, the name in stored records."""
    said: Class = Class.OK
    """The class that people know from the last message."""
    failing_runs: int = 0
    """UNAVAILABLE runs in a row."""
    failing_since: float | None = None
    known: dict[str, Known] = {}
    waiting: dict[str, tuple[int, float]] = {}
    """Causes that may pass, before people are notified: runs in a row, and since when."""
    spent: dict[str, tuple[int, float]] = {}
    """Messages about new causes in the day that began then, by class."""
    changes: int = 0
    """How often a known cause came back or ended since the last message."""
    returned: int = 0
    """How often one came back since the last message."""
    held: int = 0
    """New causes since the last message, without a message of their own."""
    held_since: float = 0.0
    pause: float = 0.0
    until: float = 0.0
    """Before this time there is no message about causes that come and go."""


class AlarmDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The content of one notification for programs: the member `anchor` of the JSON that `json://` sends."""

    format: Literal["urn:ledger-anchor:alarm:v1"] = FORMAT
    id: str
    """In the text too. The same id again is the same message."""
    severity: Severity
    alarm: str
    """The name of the kind; stable."""
    verdict: str
    """The class; OK for a recovery."""
    target: str = ""
    """Empty for an alarm about the watch itself."""
    ledger: str | None = None
    number: int | None = None
    version: str | None = None
    """Of the release that the run found, else of the last one that was verified at the target."""
    heading: str
    found: tuple[str, ...] = ()
    """A line for each cause, first those that are new. Others wrote parts of them."""
    means: str
    do: str
    run: str
    """A command for the machine of the watch."""
    runbook: str
    """The entry, as a path in the repository with an anchor."""


@dataclass(frozen=True, kw_only=True)
class ShownRelease:
    """The release that a message is about."""

    ledger: str
    number: int
    version: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """The text of one notification."""

    verdict: Class
    """OK for a recovery."""
    title: str
    body: str
    uid: str
    """In the text, so that a repeated message is recognised."""
    details: AlarmDetails | None = None
    """None for a message that an earlier version of this program stored."""


@dataclass(frozen=True)
class News:
    """The content of the notification after a run."""

    verdict: Class
    """The class of the message; OK for a recovery."""
    new: tuple[Cause, ...] = ()
    stand: tuple[Cause, ...] = ()
    """Causes of the run that people know already."""
    changes: int = 0
    held: int = 0
    before: Class = Class.OK
    failing_runs: int = 0

    @property
    def kinds(self) -> list[AlarmKind]:
        """The kind of the message, and then the other kinds of its causes; the severest first."""
        causes = self.new or self.stand
        found = by_severity(c.kind for c in causes)
        own = [kind for kind in found if kind.verdict is self.verdict] or [kind_of("", self.verdict)]
        return [*own, *(kind for kind in found if kind not in own)]


def seen(verdict: Verdict, evidence: Iterable[Evidence] = (), *, never_damp: bool = False) -> Seen:
    """The causes of a run. `never_damp`: UNAVAILABLE is not taken for a temporary failure."""
    causes: dict[str, Cause] = {}
    bad = [c for c in verdict.checks if c.demotes]
    in_doubt = any(c.name == _RECORDS for c in bad)
    for check in bad:
        if check.name == _RECORDS and check.demotes is Class.UNAVAILABLE:
            continue  # one notification for all targets
        cause = cause_of(check, at_once=never_damp and not in_doubt)
        causes.setdefault(cause.key, cause)
    for one in evidence:
        causes.setdefault(one.digest[:16], _of_evidence(one))
    failing = {c.subject for c in causes.values()}
    good = {_subject(c) for c in verdict.checks if c.state == "passed" and not c.demotes}
    return Seen(verdict.verdict, tuple(causes.values()), frozenset(good - failing))


def cause_of(check: Check, *, at_once: bool = True) -> Cause:
    """The cause of a check that demotes its verdict. `at_once`: it does not pass by itself."""
    assert check.demotes is not None
    found = check.detail if check.demotes in (Class.INVALID, Class.FINDINGS) else ""
    subject = _subject(check)
    passing = check.demotes is Class.UNAVAILABLE and check.state != "refused" and not at_once
    line = f"{check.name}: {check.state}: {check.detail}"
    return Cause(_digest(subject, check.demotes, found), subject, check.demotes, check.name, line, passing)


def _of_evidence(one: Evidence) -> Cause:
    line = f"evidence kept: {one.kind} of {one.origin}, sha256 {one.digest}"
    short = one.digest[:16]
    return Cause(short, short, Class.EQUIVOCATION, f"evidence {short}", line, evidence=one.kind)


def _subject(check: Check) -> str:
    return _digest(check.name, check.about)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def next_standing(
    standing: Standing, found: Seen, *, now: float, rule: Rule, accused: bool = False
) -> tuple[Standing, News | None]:
    """The standing after a run, and the notification that is due now.

    `accused`: people were notified of EQUIVOCATION at this target before. A target never recovers from that.
    """
    step = _Step(standing, found, now, rule, accused)
    step.select_causes()
    step.end()
    step.begin()
    return step.tell()


@dataclass
class _Step:
    """One run's step from a standing to the next."""

    before: Standing
    found: Seen
    now: float
    rule: Rule
    accused: bool
    known: dict[str, Known] = field(default_factory=dict)
    waiting: dict[str, tuple[int, float]] = field(default_factory=dict)
    spent: dict[str, tuple[int, float]] = field(default_factory=dict)
    causes: list[Cause] = field(default_factory=list)
    """Causes of this run that people are to know."""
    changes: int = 0
    returned: int = 0
    fresh: int = 0

    def __post_init__(self) -> None:
        self.known = dict(self.before.known)
        # a clock that was set back starts the counts again
        spent = self.before.spent.items()
        self.spent = {k: v for k, v in spent if 0 <= self.now - v[1] < DAY}
        was = any(k.verdict is Class.EQUIVOCATION for k in self.known.values())
        self.accused = self.accused or was or self.before.notified is Class.EQUIVOCATION

    @property
    def runs(self) -> tuple[int, float | None]:
        """UNAVAILABLE runs in a row, and since when."""
        if self.found.verdict is not Class.UNAVAILABLE:
            return 0, None
        return self.before.failing_runs + 1, self._since(self.before.failing_since)

    def _since(self, since: float | None) -> float:
        return self.now if since is None or since > self.now else since

    def _lasts(self, runs: int, since: float) -> bool:
        return runs >= self.rule.runs and self.now - since >= self.rule.seconds

    def select_causes(self) -> None:
        """Select the causes for people. One that may pass must last, alone or as one of many."""
        young: list[Cause] = []
        for cause in self.found.causes:
            held = self.known.get(cause.key)
            if not cause.passing or (held is not None and held.lasting):
                self.causes.append(cause)
                continue
            runs, since = self.before.waiting.get(cause.key, (0, self.now))
            since = self._since(since)
            if self._lasts(runs + 1, since):
                self.causes.append(cause)
            else:
                young.append(cause)
                self.waiting[cause.key] = (runs + 1, since)
        runs, began = self.runs
        stands = any(k.lasting and k.notified for k in self.known.values())
        if began is not None and not self.causes and not stands and self._lasts(runs, began):
            self.causes, self.waiting = young, {}
        self.waiting = dict(list(self.waiting.items())[:MOST])

    def end(self) -> None:
        """End causes: a run that made every check did not find them, or their own check passed."""
        here = {c.key for c in self.causes} | {c.key for c in self.found.causes}
        others = {(c.subject, c.verdict) for c in self.causes}
        verified = self.found.verdict in _VERIFIED
        for key, one in self.known.items():
            if not one.lasting or key in here or one.verdict is Class.EQUIVOCATION:
                continue
            if verified or one.subject in self.found.passed or (one.subject, one.verdict) in others:
                self.known[key] = msgspec.structs.replace(one, lasting=False)
                self.changes += one.notified

    def begin(self) -> None:
        """Note new causes, and causes that are back."""
        for cause in self.causes:
            held = self.known.get(cause.key)
            back = held is not None and held.notified and not held.lasting
            self.changes += back
            self.returned += back
            self.fresh += held is None
            self.known[cause.key] = Known(
                cause.subject,
                cause.verdict,
                cause.name[:80],
                self.now,
                notified=held is not None and held.notified,
            )
        self.accused = self.accused or any(c.verdict is Class.EQUIVOCATION for c in self.causes)

    def tell(self) -> tuple[Standing, News | None]:
        before, now, rule = self.before, self.now, self.rule
        changes, returned = before.changes + self.changes, before.returned + self.returned
        held = before.held + self.fresh
        held_since = min(before.held_since, now) if before.held else now
        stands = self._stands()
        recovered = self.found.verdict is Class.OK and stands is Class.OK
        at_once = self._at_once()
        flapping = bool(returned) or (recovered and before.said is not Class.OK)
        until = before.until if before.until <= now + rule.longest else now
        pause = before.pause
        news = None
        if at_once or (flapping and now >= until) or (held and now - held_since >= DAY):
            if not at_once and (returned or pause):
                pause = min(rule.longest, max(rule.pause, 2 * pause))
                until = now + pause
            news = self._news(at_once, stands, changes, held)
            self._mark_notified()
            changes = returned = held = 0
        elif not changes and pause and now - until >= rule.longest:
            pause = until = 0.0
        runs, began = self.runs
        standing = Standing(
            notified=stands,
            said=stands if news else before.said,
            failing_runs=runs,
            failing_since=began,
            known=self._remembered(),
            waiting=self.waiting,
            spent=self.spent,
            changes=changes,
            returned=returned,
            held=held,
            held_since=held_since if held else 0.0,
            pause=pause,
            until=until,
        )
        return standing, news

    def _stands(self) -> Class:
        lasting = [k.verdict for k in self.known.values() if k.lasting]
        return worst([*lasting, Class.EQUIVOCATION] if self.accused else lasting)

    def _at_once(self) -> list[Cause]:
        """The causes that nobody knows, as far as the day has messages left for their class."""
        new = [c for c in self.causes if not self.known[c.key].notified]
        found: list[Cause] = []
        for verdict in {c.verdict for c in new}:
            count, since = self.spent.get(verdict, (0, self.now))
            if count < self.rule.at_once:
                self.spent[str(verdict)] = (count + 1, since)
                found += [c for c in new if c.verdict is verdict]
        return found

    def _news(self, at_once: Collection[Cause], stands: Class, changes: int, held: int) -> News:
        new: list[Cause] = []
        known: list[Cause] = []
        for cause in self.causes:
            (known if self.known[cause.key].notified else new).append(cause)
        classes = [c.verdict for c in at_once] or [stands]
        verdict = Class.EQUIVOCATION if Class.EQUIVOCATION in classes else worst(classes)
        return News(
            verdict=verdict,
            new=tuple(new),
            stand=tuple(known),
            changes=changes,
            held=max(0, held - len(new)),
            before=self.before.said,
            failing_runs=self.runs[0],
        )

    def _mark_notified(self) -> None:
        for cause in self.causes:
            self.known[cause.key] = msgspec.structs.replace(self.known[cause.key], notified=True)

    def _remembered(self) -> dict[str, Known]:
        """The causes to store. If there are too many, old ones that are over are dropped first."""
        if len(self.known) <= MOST:
            return self.known
        kept = sorted(self.known.items(), key=lambda k: (k[1].lasting, k[1].last))[-MOST:]
        return dict(kept)


def receiver_id(url: str) -> str:
    """The name of a receiver in the records: a digest that does not reveal its URL."""
    return hashlib.sha256(b"anchor receiver\0" + url.encode()).hexdigest()[:16]


def message(
    target: str,
    news: News,
    record: RunRecord,
    *,
    when: str,
    uid: str,
    remark: str = "",
    shown: ShownRelease | None = None,
) -> Message:
    """The notification about a run that ended `when` (RFC 3339). `remark`: a line of ours.

    `shown`: the last release that was verified at the target. One that the run itself verified comes first.
    Text from strangers stands only in lines that begin with `QUOTE`.
    """
    if record.release is not None:
        now = record.release
        shown = ShownRelease(ledger=now.ledger, number=now.number, version=now.version)
    lines = ["release:", *_quoted([_release_words(shown)])] if shown is not None else []
    lines += [f"class: {record.verdict.verdict} (notified before: {news.before})", f"run ended {when}"]
    lines += [remark] if remark else []
    lines += [UNCOMPARED] if UNCOMPARED in record.verdict.notes else []
    if news.failing_runs:
        lines.append(f"UNAVAILABLE in {several(news.failing_runs, 'run')} in a row")
    if news.changes > 1:
        lines.append(came_and_went(news))
    if news.held:
        lines.append(
            f"found since the last message, without one of its own: {news.held} more; see anchor history"
        )
    lines += _found(news, record)
    recovered = news.verdict is Class.OK
    title = f"recovered: {target} is OK again" if recovered else f"{news.verdict}: {target}"
    return announced(news, title, lines, uid=uid, target=target, shown=shown)


def _found(news: News, record: RunRecord) -> list[str]:
    """The lines about what the run found."""
    lines: list[str] = []
    if news.new:
        lines += ["new:", *_quoted([c.line for c in news.new])]
    if news.stand:
        lines += ["stands:", *_quoted([c.line for c in news.stand])]
    differs = [note.removeprefix(DIFFERS) for note in record.verdict.notes if note.startswith(DIFFERS)]
    if differs:
        lines += [DIFFERS.strip(), *_quoted(differs)]
    if record.services:
        lines += ["not reached:", *_quoted(sorted(record.services))]
    drift = [note for note in record.verdict.notes if note.startswith(DRIFT)]
    if drift:
        lines += ["since the run before:", *_quoted(drift)]
    return lines


def announced(
    news: News,
    title: str,
    lines: Sequence[str],
    *,
    uid: str,
    target: str = "",
    shown: ShownRelease | None = None,
) -> Message:
    """A message that begins with its severity and heading, its meaning, and what to do."""
    kind, *others = news.kinds
    run = kind.run.format(target=shlex.quote(target)) if target or "{" not in kind.run else OF_ALL
    head = [f"{kind.severity}: {kind.heading}"]
    head += [f"target: {target}"] if target else []
    words = [f"it means: {kind.means}", f"what to do: {kind.do}", f"run: {run}", f"runbook: {kind.runbook}"]
    words += [f"also {other.severity}: {other.heading}; {other.runbook}" for other in others[:MAX_LINES]]
    causes = [c.line for c in (*news.new, *news.stand)][:MAX_LINES]
    details = AlarmDetails(
        id=uid,
        severity=kind.severity,
        alarm=kind.name,
        verdict=str(news.verdict),
        target=_one_line(target),
        ledger=None if shown is None else _one_line(shown.ledger),
        number=None if shown is None else shown.number,
        version=None if shown is None else _one_line(shown.version),
        heading=kind.heading,
        found=tuple(_one_line(cause) for cause in causes),
        means=kind.means,
        do=kind.do,
        run=run,
        runbook=kind.runbook,
    )
    if title.startswith(f"{news.verdict}: "):
        title = f"{title} ({kind.severity}: {kind.heading})"
    return replace(written(news.verdict, title, [*head, *words, *lines], uid=uid), details=details)


def _release_words(shown: ShownRelease) -> str:
    return f"{shown.ledger} {shown.version} (release {shown.number})"


def written(verdict: Class, title: str, lines: Sequence[str], *, uid: str) -> Message:
    """A message of these lines. Each stays one line, whatever text it has."""
    lines = [*lines, f"message {uid}: the same id again is the same message"]
    body = "\n".join(_one_line(line) for line in lines)
    return Message(verdict=verdict, title=_one_line(f"[anchor] {title}")[:200], body=body, uid=uid)


def came_and_went(news: News) -> str:
    """The line about causes that changed since the last message."""
    return f"came and went: {news.changes} changes since the last message"


def _quoted(texts: Sequence[str]) -> list[str]:
    more = [f"and {len(texts) - MAX_LINES} more"] if len(texts) > MAX_LINES else []
    return [*(f"{QUOTE}{t}" for t in texts[:MAX_LINES]), *more]


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))[:MAX_LINE]
