# SPDX-License-Identifier: Apache-2.0
"""Follows one log during one cycle, from the checkpoints that are held to the head of today.

Decides what a head means for everybody who relies on the log: growth, no news, an old head, a frozen,
retired or silent log, growth after the end of the log, or a contradiction. A contradiction is kept before
anything else happens. Each head that the log ever signed is tried again until it is proven.

`anchor.tlog.follow` decides how a head is proven. `split_view` compares other copies of the log, and
`entries` proves entries. Each of them returns a value, and the cycle adds them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from anchor.errors import AnchorError, Refused, Unavailable
from anchor.monitor.interfaces import HeldCheckpoint, LogLocation, LogMemory, Unproven
from anchor.monitor.log_client import LogClient, RequestCounter
from anchor.monitor.log_result import (
    CLAUSE,
    EntryFinding,
    LogResult,
    evidence_kept,
    heads_of,
    known_contradiction,
    only_checks,
    preserve_contradiction,
    proofs_of,
)
from anchor.monitor.run_record import SignedCheckpoint
from anchor.tlog import checkpoint as checkpoints
from anchor.tlog import witness_policy
from anchor.tlog.checkpoint import Checkpoint
from anchor.tlog.follow import Followed, News
from anchor.verdict import failed, passed, skipped
from anchor.words import several

DAY = 86400
SKEW = 300
"""Seconds by which the clock of another worker may be ahead."""
_MAX_LISTED = 5
"""Unproven heads that a check lists."""


@dataclass(frozen=True, kw_only=True)
class LogRun:
    """A log that was followed in this cycle. Every release with entries in the log shares it."""

    client: LogClient
    result: LogResult
    """Belongs to every release in this log."""
    followed: Followed | None = None
    """The head of today; None if there is no head to rely on."""
    held: int = 0
    """The size of the largest head of its history that was held before this cycle; 0 without one."""
    bundles: frozenset[int] = frozenset()
    """Entry bundles that were read in this cycle."""

    @property
    def location(self) -> LogLocation:
        return self.client.location

    @property
    def check_name(self) -> str:
        """The name of the log's own check."""
        return check_name(self.location)

    @property
    def head(self) -> Checkpoint | None:
        """The head of today, unless the log contradicts itself."""
        if self.followed is None or self.followed.news is News.EQUIVOCATION:
            return None
        return self.followed.head

    def prove(self, olds: Sequence[Checkpoint], head: Checkpoint) -> Followed:
        """Prove checkpoints of this log against a verified head."""
        return self.client.follow(olds, head, known=self.followed)

    def proofs_worth_keeping(self, found: Followed) -> LogResult:
        """The proofs of a later question. Without a head of the history that is held they prove nothing."""
        settled = self.followed is None or self.followed.settled
        return proofs_of(found) if settled else LogResult()

    def repeated(self, shown: LogResult, found: Followed) -> LogResult:
        """The log's own check of a contradiction that another check `shown` has. The next run repeats this
        line. With it here already, that is not a new cause."""
        return only_checks(evidence_kept(self.check_name, shown.evidence[-1], found.detail))

    def with_result(self, result: LogResult) -> "LogRun":
        """The run with a later result about the log."""
        return replace(self, result=self.result + result)

    def with_entry(self, finding: EntryFinding) -> "LogRun":
        """The run after one entry."""
        read = self.bundles if finding.bundle is None else self.bundles | {finding.bundle}
        return replace(self, result=self.result + finding.for_all, bundles=read)


def check_name(location: LogLocation) -> str:
    """The name of a log's own check."""
    return f"log {location.tree}"


def follow_log(location: LogLocation, memory: LogMemory, *, now: float, requests: RequestCounter) -> LogRun:
    """Follow a log from the checkpoints that are held to its head. An error becomes a check of the result."""
    return _Follower(LogClient(location, requests), memory, now).run()


@dataclass(frozen=True)
class _Follower:
    """Follows one log. `now`: seconds since 1970."""

    client: LogClient
    memory: LogMemory
    now: float

    @property
    def location(self) -> LogLocation:
        return self.client.location

    @property
    def name(self) -> str:
        return check_name(self.location)

    @property
    def key_and_origin(self) -> tuple[str, str]:
        """The identity of the log in the records."""
        return self.location.log.key.vkey, self.location.tree

    def run(self) -> LogRun:
        head, error = self._served_head()
        result = LogResult()
        try:
            kept = self.memory.contradictions(self.location.tree)
            if (known := known_contradiction(self.name, self.location.log.key, kept)) is not None:
                result += only_checks(known)
            held = self.memory.held(*self.key_and_origin, head.size if head else 0)
            unproven = self.memory.unproven(*self.key_and_origin)
            olds = [checkpoints.verify(h.checkpoint.note, self.location.log) for h in held]
            others = [checkpoints.verify(h.note, self.location.log) for h in self._shuffled(unproven)]
        except AnchorError as e:
            meaning = "what is held of the log cannot be believed"
            return LogRun(
                client=self.client, result=result + only_checks(failed("records", e, meaning=meaning))
            )
        followed: Followed | None = None
        size = max((old.size for old in olds), default=0)
        if head is not None:
            # The head is kept even if nothing can be proven about it: the log signed it.
            result += heads_of(self.location, head)
            try:
                followed = self.client.follow(olds, head, unproven=others)
            except Unavailable as e:
                error = e
        if followed is None:
            result += self._without_head(held, error, served=head is not None)
            result += self._unproven([(h, "the log was not followed") for h in others], unproven)
            return LogRun(client=self.client, result=result, held=size)
        result += proofs_of(followed)
        result += self._judge(followed, held, known=result)
        if followed.news is not News.EQUIVOCATION:
            result += self._unproven(followed.unproven, unproven)
        result += self._witnesses(followed)
        return LogRun(client=self.client, result=result, followed=followed, held=size)

    def _served_head(self) -> tuple[Checkpoint | None, Unavailable]:
        """The head that the log serves, or the reason why there is none."""
        try:
            return self.client.head(), Unavailable("no head", where=self.location.name)
        except Unavailable as e:
            return None, e

    def _judge(self, found: Followed, held: Sequence[HeldCheckpoint], known: LogResult) -> LogResult:
        """The log's own check: the meaning of the head."""
        location = self.location
        if found.news is News.EQUIVOCATION:
            return preserve_contradiction(self.memory, location, self.name, found, known)
        growth = self._growth_after_end([found.head.size, *(h.checkpoint.size for h in held)])
        if growth is not None:
            return growth
        if found.news is News.OLD_HEAD:
            old = Unavailable(found.detail, where=location.name, remedy="an alarm only if it lasts")
            return only_checks(failed(self.name, old, clause=CLAUSE), service=location.name)
        detail = found.detail
        if found.news is News.SAME:
            days = int((self.now - max(h.seen for h in held)) // DAY)
            detail += f", proven for {', '.join(map(str, found.proven))}"
            detail += f", frozen for {several(days, 'day')}" if days > 0 else ""
        if location.ended is not None and self.now > location.ended:
            detail += "; retired, as the trust root says"
        return only_checks(passed(self.name, detail, clause=CLAUSE))

    def _shuffled(self, unproven: Unproven) -> list[SignedCheckpoint]:
        """The unproven heads in an order that depends on the time. A run may not come to all of them, so no
        head may stand before the others in every run."""
        salt = b"%f" % self.now
        return sorted(unproven.heads, key=lambda h: hashlib.sha256(salt + h.note).digest())

    def _unproven(self, left: Sequence[tuple[Checkpoint, str]], unproven: Unproven) -> LogResult:
        """The check of heads that the log signed and that nobody could prove. Nothing relies on them. The
        check stays as long as they are held."""
        if not left and not unproven.beyond:
            return LogResult()
        heads = sorted(left, key=lambda one: one[0].size)
        lines = [f"size {head.size}, root {head.root.hex()[:16]}: {why}" for head, why in heads[:_MAX_LISTED]]
        lines += [f"and {len(heads) - _MAX_LISTED} more"] if len(heads) > _MAX_LISTED else []
        lines += [f"{unproven.beyond} more were shown and not kept"] if unproven.beyond else []
        doubt = Unavailable(
            f"{several(len(heads), 'signed head')} without a proof to a later one; {'; '.join(lines)}",
            where=self.location.name,
            remedy="each run tries them again",
        )
        meaning = "the log signed trees that it does not show: they may be of another history"
        name = f"unproven heads of {self.location.tree}"
        check = failed(name, doubt, meaning=meaning, clause="C2SP tlog-checkpoint")
        return only_checks(check, service=self.location.name)

    def _final_head(self) -> HeldCheckpoint | None:
        """The head with which this log stood after its end. None before the end, and if none was seen."""
        ended = self.location.ended
        if ended is None or self.now <= ended:
            return None
        return self.memory.stood(*self.key_and_origin, after=ended, until=self.now + SKEW)

    def _growth_after_end(self, sizes: Sequence[int]) -> LogResult | None:
        """The check of a head, served or held, that is larger than the final head of the log. None if there
        is no such head. The check stays, whatever the log serves later."""
        final = self._final_head()
        if final is None or max(sizes, default=0) <= (size := final.checkpoint.size):
            return None
        grown = Refused(f"grew from {size} to {max(sizes)} after its end", where=self.location.name)
        meaning = "the trust root says that this log had ended: its key is used after its time"
        return only_checks(failed(self.name, grown, meaning=meaning))

    def _without_head(self, held: Sequence[HeldCheckpoint], error: Unavailable, *, served: bool) -> LogResult:
        """The check of a log that could not be followed. After the end of a log that is expected, once its
        last head is held."""
        growth = self._growth_after_end([h.checkpoint.size for h in held])
        if growth is not None:
            return growth
        if not served and self._final_head() is not None:
            size = max(h.checkpoint.size for h in held)
            detail = f"retired and no longer served; its head of size {size}, seen after its end, is held"
            return only_checks(skipped(self.name, detail))
        meaning = "nothing new could be proven about this log"
        return only_checks(failed(self.name, error, meaning=meaning), service=self.location.name)

    def _witnesses(self, found: Followed) -> LogResult:
        """The check of the cosignatures, if the policy asks for a quorum."""
        policy = self.location.quorum
        if policy is None:
            return LogResult()
        name, clause = f"witnesses of {self.location.tree}", "C2SP tlog-policy"
        try:
            log_key = self.location.log.key.public_key
            quorum = witness_policy.evaluate(policy, found.head.note, now=int(self.now), log_keys={log_key})
        except AnchorError as e:
            return only_checks(failed(name, e, clause=clause))
        if quorum.met:
            return only_checks(passed(name, quorum.sentence, clause=clause))
        return only_checks(failed(name, Unavailable(quorum.sentence), clause=clause))
