# SPDX-License-Identifier: Apache-2.0
"""Compares checkpoints that strangers hold with what we hold of a log, and with the log as it is read now.

Two checkpoints of one size must have one root. For others the tree of the newer one says which root it had at
the older size: its tiles come from the log, or from where the stranger's checkpoint lies. Each answer is one
check: consistent, a contradiction with evidence, a log that withholds a proof, or "cannot tell".

`anchor.tlog.follow` decides how two checkpoints are proven. Nothing here reads the records or a clock.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from anchor.errors import AnchorError, Unavailable
from anchor.monitor.interfaces import LogLocation
from anchor.monitor.log_client import LogClient, RequestCounter
from anchor.monitor.log_result import CLAUSE, LogResult, equivocation, heads_of, only_checks, proofs_of
from anchor.monitor.run_record import TWO_HISTORIES, Evidence
from anchor.tlog import evidence as evidences
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.follow import Followed, News
from anchor.tlog.source import Damaged, Missing, Source
from anchor.verdict import Check, Class, failed, passed, refused, skipped
from anchor.words import several

_WITHHELD = (
    "the log signed this tree, and does not show how its own history continues it: keep the checkpoint"
)
_AGAIN = "keep the checkpoint, and compare it again later"


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A checkpoint from elsewhere, verified under the log's key. `place`: tiles that may lie beside it."""

    name: str
    head: Checkpoint
    place: Source | None = None
    witnesses: str = ""
    """Who cosigned it, in words; "" if the verifier's policy names no witness."""
    document: str = ""
    """The file, URL or standard input that has it. "" if it stands alone."""

    @property
    def title(self) -> str:
        """The name of its check."""
        return f"checkpoint {self.name}"


@dataclass(frozen=True, kw_only=True)
class Known:
    """A checkpoint that others are compared with. `whose`: such as "held" or "served now"."""

    head: Checkpoint
    whose: str
    proven: bool = True
    """False for one that is held, and that is perhaps not of the history that is held. It says something
    about a checkpoint of its own size alone."""

    def concerns(self, head: Checkpoint) -> bool:
        """True if a checkpoint is to be compared with it."""
        return self.proven or head.size == self.head.size


@dataclass
class _Answer:
    """The results of one stranger's checkpoint so far."""

    stranger: Stranger
    proven: list[Known] = field(default_factory=list)
    shown: list[Evidence] = field(default_factory=list)
    doubts: list[tuple[Known, Unavailable]] = field(default_factory=list)
    """About what is held, and about the log now."""
    others: list[tuple[Known, Unavailable]] = field(default_factory=list)
    """About checkpoints of other strangers. They count only if nothing else could be compared."""

    @property
    def decided(self) -> bool:
        """True if a comparison with another stranger's checkpoint would say nothing new."""
        return self.settled or bool(self.shown)

    @property
    def settled(self) -> bool:
        return bool(self.proven) and not self.doubts and not self.shown


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The comparison of one log's checkpoints."""

    result: LogResult
    relations: dict[str, str]
    """By the name of each check: `consistent`, `contradicts`, `withheld` or `unknown`."""
    unproven: tuple[Checkpoint, ...] = ()
    """Verified checkpoints of the log that nobody could prove."""


def compare(
    location: LogLocation, strangers: Sequence[Stranger], held: Sequence[Known], requests: RequestCounter
) -> Compared:
    """Compare verified checkpoints of one log with `held`, with the log as it is now, and with each other.

    An error of a source becomes a check. The result has the heads of the log now and of all strangers.
    """
    return _Comparison(LogClient(replace(location, quorum=None), requests)).run(strangers, held)


class _Comparison:
    """One comparison of checkpoints of one log."""

    def __init__(self, client: LogClient) -> None:
        self._client = client
        self._result = LogResult()
        self._served: Known | None = None
        self._places: list[Source] = []

    def run(self, strangers: Sequence[Stranger], held: Sequence[Known]) -> Compared:
        location = self._client.location
        self._places = [s.place for s in strangers if s.place is not None]
        known = [*self._read_log(held), *held]
        answers = [_Answer(stranger) for stranger in strangers]
        for answer in answers:
            for one in known:
                if one.concerns(answer.stranger.head):
                    self._relate(answer, one)
        for this, other in itertools.combinations(answers, 2):
            if not ((this.decided and other.decided) or _is_repeated(this.stranger, other.stranger)):
                self._relate_strangers(this, other)
        self._result += heads_of(location, *(s.head for s in strangers), source="compared")
        checks, relations = [], {}
        for answer in answers:
            check, relation = self._conclude(answer)
            checks.append(check)
            relations[answer.stranger.title] = relation
        unproven = tuple(
            answer.stranger.head
            for answer in answers
            if relations[answer.stranger.title] in ("unknown", "withheld")
        )
        return Compared(result=self._result + only_checks(*checks), relations=relations, unproven=unproven)

    def _read_log(self, held: Sequence[Known]) -> list[Known]:
        """The head of the log now, compared with what is held; its check is added to the result."""
        location, name = self._client.location, f"log {self._client.location.tree}"
        try:
            head = self._client.head()
        except AnchorError as e:
            self._result += only_checks(skipped(name, f"not read, so nothing new could be proven: {e}"))
            return []
        self._result += heads_of(location, head)
        self._served = Known(head=head, whose=f"of the log now, at {location.name}")
        own = _Answer(Stranger(name=name, head=head))
        for one in held:
            self._relate(own, one)
        if own.shown:
            self._result += only_checks(equivocation(name, _sentence(own.shown[0])))
        elif own.doubts:
            self._result += only_checks(failed(name, own.doubts[0][1]), service=location.name)
        elif held:
            sizes = ", ".join(sorted({str(one.head.size) for one in held}, key=int))
            older = head.size < max((one.head.size for one in held if one.proven), default=0)
            served = "an older head than is held" if older else "one history with what is held"
            served += ", and of one history with it" if older else ""
            detail = f"size {head.size}, {served} (size {sizes})"
            self._result += only_checks(passed(name, detail, clause=CLAUSE))
        return [self._served]

    def _relate(self, answer: _Answer, known: Known) -> None:
        """Add the relation of a checkpoint to a known one."""
        try:
            found = self._prove(answer.stranger.head, known.head)
        except Unavailable as e:
            answer.doubts.append((known, e))
            return
        self._add(found, (answer, known))

    def _relate_strangers(self, one: _Answer, two: _Answer) -> None:
        """Add the relation of two strangers' checkpoints to both, but not to one that is settled."""
        both = (one, _known(two.stranger)), (two, _known(one.stranger))
        pairs = [(answer, known) for answer, known in both if not answer.settled]
        try:
            found = self._prove(one.stranger.head, two.stranger.head)
        except Unavailable as e:
            for answer, known in pairs:
                answer.others.append((known, e))
            return
        self._add(found, *pairs)

    def _add(self, found: Followed, *pairs: tuple[_Answer, Known]) -> None:
        if found.news is News.EQUIVOCATION:
            assert found.evidence is not None
            origin = self._client.location.tree
            shown = Evidence(kind=TWO_HISTORIES, origin=origin, document=found.evidence)
            self._result += LogResult(evidence=(shown,))
            for answer, _ in pairs:
                answer.shown.append(shown)
            return
        self._result += proofs_of(found)
        for answer, known in pairs:
            answer.proven.append(known)

    def _prove(self, one: Checkpoint, other: Checkpoint) -> Followed:
        """The relation of two checkpoints, by the tiles of the log, else by those beside a checkpoint."""
        older, newer = sorted((one, other), key=lambda c: c.size)
        try:
            return self._client.follow([older], newer)
        except Unavailable as e:
            for place in self._places:
                try:
                    return self._client.follow_view(place, newer, [older])
                except Unavailable:
                    continue
            raise e

    def _conclude(self, answer: _Answer) -> tuple[Check, str]:
        """The check of one checkpoint, and its relation in a word."""
        name, size = answer.stranger.title, answer.stranger.head.size
        more = f"; {answer.stranger.witnesses}" if answer.stranger.witnesses else ""
        if answer.shown:
            return equivocation(name, f"{_sentence(answer.shown[0])}{more}"), "contradicts"
        good = " and with ".join(f"size {k.head.size} ({k.whose})" for k in answer.proven)
        if answer.settled:
            detail = f"size {size} is consistent with {good}{more}"
            return passed(name, detail, clause=CLAUSE), "consistent"
        if not answer.doubts and not answer.others:
            alone = "nothing is held of this log, it cannot be read, and no other checkpoint is given"
            error = Unavailable(f"size {size}: cannot tell: {alone}", remedy="name the log with --log")
            return failed(name, error), "unknown"
        return self._doubtful(answer, good, more)

    def _doubtful(self, answer: _Answer, good: str, more: str) -> tuple[Check, str]:
        """The check of a checkpoint that could not be compared with everything that is known."""
        name, head = answer.stranger.title, answer.stranger.head
        known, error = (answer.doubts or answer.others)[0]
        also = f"; consistent with {good}" if good else ""
        what = f"size {head.size} and size {known.head.size} ({known.whose})"
        served = self._served.head if self._served else None
        covered = served is not None and max(head.size, known.head.size) <= served.size
        if covered and isinstance(error, Damaged | Missing):
            detail = f"no proof is given between {what}: {error.problem} ({error.where}){also}{more}"
            return refused(name, detail, demotes=Class.FINDINGS, meaning=_WITHHELD, clause=CLAUSE), "withheld"
        older = served is not None and served.size < head.size
        lags = (
            f"the log shows {several(served.size, 'entry')} only: it lags, or hides this tree; "
            if served and older
            else ""
        )
        problem = f"cannot tell whether {what} are one history: {lags}{error.problem}{also}{more}"
        return failed(name, Unavailable(problem, where=error.where, remedy=_AGAIN)), "unknown"


def _is_repeated(one: Stranger, two: Stranger) -> bool:
    """True for one tree twice in one document: whoever wrote it says the same again, which shows nothing. A
    note is another one with any line below it."""
    same = (one.head.size, one.head.root) == (two.head.size, two.head.root)
    return same and bool(one.document) and one.document == two.document


def _known(stranger: Stranger) -> Known:
    return Known(head=stranger.head, whose=stranger.name)


def _sentence(evidence: Evidence) -> str:
    return evidences.check(evidence.document).sentence
