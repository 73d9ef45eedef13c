# SPDX-License-Identifier: Apache-2.0
"""One log during one cycle: read once, compared with all that is held, shared by every release in it.

Decides what a head means for those who rely on the log: news, an old head, a frozen, retired or silent log,
growth after its end, a contradiction kept before anything else happens; and that each head which the log ever
signed is tried again until it is proven. How a head is proven is decided by `anchor.tlog.follow`; other views
and entries are asked for in `views` and `entries`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from anchor.errors import AnchorError, Refused, Unavailable
from anchor.monitor.interfaces import (
    Counted,
    CountedOnline,
    CycleCache,
    HeldCheckpoint,
    LogLocation,
    LogMemory,
    Unproven,
    consistency,
    rebuilt,
)
from anchor.monitor.run_record import TWO_HISTORIES, ConsistencyProof, Evidence, SignedCheckpoint
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import evidence as evidences
from anchor.tlog import witness_policy
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.follow import Followed, News, follow, follow_proofs
from anchor.tlog.source import Source
from anchor.verdict import Check, contradiction, failed, passed, skipped

CLAUSE = "FORMAT.md section 14; C2SP tlog-checkpoint"
DAY = 86400
SKEW = 300
"""Seconds by which the clock of another worker may be ahead."""
_MOST = 5
"""Unproven heads that a check lists."""


@dataclass
class Session:
    """A log in one cycle. `open` never raises: what went wrong is in `checks`."""

    place: LogLocation
    memory: LogMemory
    now: float
    requests: int = 0
    checks: list[Check] = field(default_factory=list)
    checkpoints: list[SignedCheckpoint] = field(default_factory=list)
    proofs: list[ConsistencyProof] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    """What could not be reached, or lags."""
    bundles: set[int] = field(default_factory=set)
    """Entry bundles that were read in this cycle."""
    read: list[dict[str, object]] = field(default_factory=list)
    """Entries that were proven under the head since `own` was last asked."""
    followed: Followed | None = None
    """The head of today; None when there is none to rely on."""
    _cache: CycleCache | None = None
    _base: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        """The log's own check."""
        return f"log {self.place.tree}"

    def open(self) -> "Session":
        """Follow the log from what is held to its head."""
        self._cache = CycleCache(self.place.cache)
        name = self.name
        head: Checkpoint | None = None
        trouble = Unavailable("no head", where=self.place.name)
        try:
            head = self._head()
        except Unavailable as e:
            trouble = e
        try:
            self._remembered(name)
            log = self.place.log.key.vkey, self.place.tree
            held = self.memory.held(*log, head.size if head else 0)
            waiting = self.memory.unproven(*log)
            olds = [checkpoints.verify(h.checkpoint.note, self.place.log) for h in held]
            others = [checkpoints.verify(h.note, self.place.log) for h in self._drawn(waiting)]
        except AnchorError as e:
            self.checks.append(failed("records", e, meaning="what is held of the log cannot be believed"))
            return self
        if head is not None:
            # Kept even when nothing can be proven about it: the log has signed it and must stand by it.
            self.keep(head, self.place.name)
            try:
                self.followed = self.follow(olds, head, unproven=others)
            except Unavailable as e:
                trouble = e
        if self.followed is None:
            self._silent(name, held, trouble, served=head is not None)
            self._tell_unproven([(h, "the log was not followed") for h in others], waiting)
            return self
        self._judge(name, self.followed, held)
        if self.followed.news is not News.EQUIVOCATION:
            self._tell_unproven(self.followed.unproven, waiting)
        self._witnessed()
        return self

    def settle(self) -> None:
        """What was seen so far belongs to every release of this log; what comes is one release's own."""
        self._base = len(self.checkpoints), len(self.proofs)

    def own(self) -> tuple[list[SignedCheckpoint], list[ConsistencyProof], list[dict[str, object]]]:
        """What one release added since `settle`, taken out of the session."""
        heads, paths = self._base
        found = self.checkpoints[heads:], self.proofs[paths:], self.read
        del self.checkpoints[heads:], self.proofs[paths:]
        self.read = []
        return found

    def count(self) -> None:
        self.requests += 1

    def _head(self) -> Checkpoint:
        """The head that is served, if this log signed it; anything else is no statement of the log."""
        place = self.place
        source = place.source or place.online
        if source is None:
            raise Unavailable(
                "nowhere to read this log from", where=place.tree, remedy="name it in the policy"
            )
        self.count()
        try:
            head = checkpoints.verify(source.checkpoint(), place.log)
        except Refused as e:
            raise Unavailable(f"serves no checkpoint of this log: {e}", where=place.name) from e
        if head.origin != place.tree:
            raise Unavailable(f"serves a head of {head.origin}, another tree", where=place.name)
        return head

    def follow(
        self,
        olds: list[Checkpoint],
        head: Checkpoint,
        *,
        unproven: Sequence[Checkpoint] = (),
        remember: bool = True,
    ) -> Followed:
        """From `olds`, and from `unproven` as far as they can be proven, to a verified `head`. Proofs are
        remembered, unless today's head is not known to be of the history that is held."""
        place, pinned = self.place, head.raw
        cosigners = place.quorum.cosigners if place.quorum else ()
        if place.source is not None:
            source = Counted(place.source, self.count, pinned)
            known = self.followed.reader if self.followed and self.followed.head == head else None
            found = follow(
                source,
                place.log,
                held=olds,
                unproven=unproven,
                cosigners=cosigners,
                cache=self._cache,
                reader=known,
            )
        else:
            assert place.online is not None
            online = CountedOnline(place.online, self.count, pinned)
            found = follow_proofs(online, place.log, held=olds, unproven=unproven, cosigners=cosigners)
        if remember:
            self._remember(found)
        return found

    def follow_view(self, source: Source, head: Checkpoint, olds: list[Checkpoint]) -> Followed:
        """From `olds` to a verified head, by the tiles of another copy."""
        found = follow(Counted(source, self.count, head.raw), self.place.log, held=olds)
        self._remember(found)
        return found

    def _remember(self, found: Followed) -> None:
        if self.followed is not None and not self.followed.settled:
            return
        proofs = [consistency(path) for path in found.paths]
        if found.news is News.FIRST and found.reader is not None and found.head.size:
            proofs.append(rebuilt(found.head))
        for proof in proofs:
            if proof not in self.proofs:
                self.proofs.append(proof)

    def keep(self, head: Checkpoint, source: str) -> None:
        """Have a verified checkpoint kept with the run."""
        new = self.place.signed(head, source)
        if all((k.size, k.root) != (new.size, new.root) for k in self.checkpoints):
            self.checkpoints.append(new)

    def contradicted(self, name: str, found: Followed, other: Checkpoint | None = None) -> Check:
        """A shown contradiction: kept at once, whatever becomes of the run."""
        assert found.evidence is not None
        for head in (found.head, other):
            if head is not None:
                self.keep(head, self.place.name)
        self.evidence.append(Evidence(kind=TWO_HISTORIES, origin=self.place.tree, document=found.evidence))
        problem = ""
        try:
            self.memory.preserve(self.checkpoints, self.evidence)
        except AnchorError as e:
            problem = f" (not yet kept: {e})"
        return equivocation(name, found.detail + problem)

    def _remembered(self, name: str) -> None:
        """A contradiction once shown stays shown, whatever the log serves today."""
        for kept in self.memory.contradictions(self.place.tree):
            if kept.kind != TWO_HISTORIES:
                continue  # about a ledger of this name
            shown = evidences.check(kept.document)
            if shown.key == self.place.log.key:  # else about another log that had this origin
                self.checks.append(equivocation(name, kept_line(kept, shown.sentence)))
                return

    def _judge(self, name: str, found: Followed, held: Sequence[HeldCheckpoint]) -> None:
        """What the head means."""
        if found.news is News.EQUIVOCATION:
            self.checks.append(self.contradicted(name, found))
            return
        if self._grown(name, [found.head.size, *(h.checkpoint.size for h in held)]):
            return
        if found.news is News.OLD_HEAD:
            self.services.append(self.place.name)
            old = Unavailable(found.detail, where=self.place.name, remedy="an alarm only if it lasts")
            self.checks.append(failed(name, old, clause=CLAUSE))
            return
        detail = found.detail
        if found.news is News.SAME:
            days = int((self.now - max(h.seen for h in held)) // DAY)
            detail += f", proven for {', '.join(map(str, found.proven))}"
            detail += f", frozen for {days} days" if days > 0 else ""
        if self.place.ended is not None and self.now > self.place.ended:
            detail += "; retired, as the trust root says"
        self.checks.append(passed(name, detail, clause=CLAUSE))

    def _drawn(self, waiting: Unproven) -> list[SignedCheckpoint]:
        """The unproven heads in an order that the time draws: a run may not come to all of them, and none may
        hide behind others."""
        drawn = b"%f" % self.now
        return sorted(waiting.heads, key=lambda h: hashlib.sha256(drawn + h.note).digest())

    def _tell_unproven(self, left: Sequence[tuple[Checkpoint, str]], waiting: Unproven) -> None:
        """Heads that the log signed and nobody could prove. They stand for nothing, and are told as long as
        they are held."""
        if not left and not waiting.beyond:
            return
        told = sorted(left, key=lambda one: one[0].size)
        lines = [f"size {head.size}, root {head.root.hex()[:16]}: {why}" for head, why in told[:_MOST]]
        lines += [f"and {len(told) - _MOST} more"] if len(told) > _MOST else []
        lines += [f"{waiting.beyond} more were shown and not kept"] if waiting.beyond else []
        self.services.append(self.place.name)
        doubt = Unavailable(
            f"{len(told)} signed heads are held that no proof leads from to a later one; {'; '.join(lines)}",
            where=self.place.name,
            remedy="each run tries them again",
        )
        meaning = "the log signed trees that it does not show: they may be of another history"
        name = f"unproven heads of {self.place.tree}"
        self.checks.append(failed(name, doubt, meaning=meaning, clause="C2SP tlog-checkpoint"))

    def _stood(self) -> HeldCheckpoint | None:
        """The head with which this log stood after its end; None before the end, and where none was seen."""
        ended = self.place.ended
        if ended is None or self.now <= ended:
            return None
        log = self.place.log.key.vkey, self.place.tree
        return self.memory.stood(*log, after=ended, until=self.now + SKEW)

    def _grown(self, name: str, sizes: Sequence[int]) -> bool:
        """Whether one of these heads, served or held, is larger than that with which the log stood after its
        end; then it is a check. What was seen once stays so, whatever the log serves today."""
        final = self._stood()
        if final is None or max(sizes, default=0) <= (size := final.checkpoint.size):
            return False
        grown = Refused(f"grew from {size} to {max(sizes)} after its end", where=self.place.name)
        meaning = "the trust root says that this log had ended: its key is used after its time"
        self.checks.append(failed(name, grown, meaning=meaning))
        return True

    def _silent(self, name: str, held: Sequence[HeldCheckpoint], error: Unavailable, *, served: bool) -> None:
        """A log that does not answer; after its end that is expected, once its last head is held."""
        sizes = [h.checkpoint.size for h in held]
        if self._grown(name, sizes):
            return
        if not served and self._stood() is not None:
            size = max(h.checkpoint.size for h in held)
            detail = f"retired and no longer served; its head of size {size}, seen after its end, is held"
            self.checks.append(skipped(name, detail))
            return
        self.services.append(self.place.name)
        self.checks.append(failed(name, error, meaning="nothing new could be proven about this log"))

    def _witnessed(self) -> None:
        policy = self.place.quorum
        if policy is None or self.followed is None:
            return
        name = f"witnesses of {self.place.tree}"
        try:
            quorum = witness_policy.evaluate(policy, self.followed.head.note, now=int(self.now))
        except AnchorError as e:
            self.checks.append(failed(name, e, clause="C2SP tlog-policy"))
            return
        if quorum.met:
            self.checks.append(passed(name, quorum.sentence, clause="C2SP tlog-policy"))
        else:
            self.checks.append(failed(name, Unavailable(quorum.sentence), clause="C2SP tlog-policy"))


def kept_line(shown: Evidence, sentence: str) -> str:
    """What the log's own check says from the run on in which evidence was found."""
    return f"evidence {shown.digest[:16]} is kept: {sentence}"


def equivocation(name: str, detail: str) -> Check:
    """The check of a log that signed two histories."""
    meaning = "the log signed two histories; a stranger can check it with anchor verify-evidence"
    return contradiction(name, detail, meaning=meaning, clause=CLAUSE)
