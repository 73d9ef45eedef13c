# SPDX-License-Identifier: Apache-2.0
"""The watch for entries that nobody published: somebody signed in a watched name, and no release explains it.

A log is read once in a cycle (`name_scan`). Each run then judges what was found: an entry is explained by a
release or a status that is known, by the chain of the run's own release, or by the policy. A later release
that explains an entry ends its finding; nothing else does. docs/operations.md says what to do.
"""

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from anchor import log_kinds
from anchor.errors import AnchorError, Refused, Unavailable, printable
from anchor.merkle.ranges import Range
from anchor.monitor.interfaces import LogLocation, Memory, NameWatch
from anchor.monitor.log import LogRun
from anchor.monitor.log_client import RequestCounter
from anchor.monitor.name_scan import Explainer, Scanned, merged, scan, spans, unread
from anchor.monitor.observed import Entry
from anchor.monitor.run_record import NameScan, ReadBefore
from anchor.tlog.tile_reader import TileReader
from anchor.tlog.tiles import FULL
from anchor.verdict import Check, Class, failed, passed, refused, skipped
from anchor.verify.name_matcher import NameMatcher
from anchor.verify.named_entry import NamedEntry
from anchor.verify.policy import LogWatch
from anchor.words import are, several

SECONDS = 120.0
"""Seconds that one run spends on reading logs whole. The next runs go on."""
LATEST = 240.0
"""Seconds from the beginning of a run after which nothing more is read whole. A run has 300 s of network, and
at their end an error would say that the log cannot be read."""
NOTED = 50
"""Requests after which the records are told of them, before the run ends."""
SHOWN = 10
"""Entries that a finding names; more are counted."""

_CLAUSE = "docs/policy.md, [[watch]]"
_NAMED = "somebody signed in a name that you watch, and nothing that is known here explains it"
_NO_HEAD = "the log has no head today that continues the one before"
_COVERAGE = "an entry that was not read may be one that somebody signed in your name"


@dataclass(frozen=True, kw_only=True)
class LogNames:
    """The state of the reading of one log, after this cycle read its part."""

    tree: str
    wanted: LogWatch
    size: int
    """Of the largest head under which the log is known; 0 without one."""
    before: ReadBefore
    read: Scanned
    reader: TileReader | None = None
    kept: NameScan | None = None
    """For the records; None if nothing was read."""
    halted: str = ""
    """The reason why nothing was read; "" if the log was read."""
    ended: bool = False
    """True if the log has ended and is not served any more, so that no other check fails."""
    tiled: bool = True
    """False for a log that is never read whole."""
    late: bool = False
    """True if the time of the run ended the reading."""

    @property
    def named(self) -> list[NamedEntry]:
        """The entries that nothing explained when they were found, each once, in their order."""
        found: dict[tuple[int, str], NamedEntry] = {}
        for one in (*self.before.named, *self.read.named):
            other = found.get((one.index, one.digest))
            if other is None or one.certified or not other.certified:
                found[one.index, one.digest] = one
        return [found[key] for key in sorted(found)]

    @property
    def left(self) -> list[Range]:
        """The entries that were never read."""
        return unread(self.read.ranges, self.wanted.first, self.size)

    @property
    def gaps(self) -> list[Range]:
        """Those of them that lie before an entry that was read."""
        end = max((r.end for r in self.read.ranges), default=0)
        return [r for r in self.left if r.start < end]

    @property
    def count(self) -> int:
        """How many entries were read, of those that are wanted."""
        return max(0, self.size - self.wanted.first) - sum(r.end - r.start for r in self.left)

    def total(self, count: Callable[..., int]) -> int:
        """The sum of one count over everything that was read."""
        return sum(count(one) for one in self.read.ranges)


def with_later_shards(watch: NameWatch, followed: Collection[str]) -> NameWatch:
    """The watch with the shards that follow the followed logs, if it is of every followed log."""
    if watch.others is None:
        return watch
    logs = dict(watch.logs)
    for tree in followed:
        for host in watch.later.get(log_kinds.log_name(tree), ()):
            if host not in followed:
                logs.setdefault(host, LogWatch(origin=host, requests=watch.others.requests))
    return replace(watch, logs=logs)


def wanted_for(watch: NameWatch, log: LogRun) -> LogWatch | None:
    """How a followed log is read whole; None if nobody asked for it."""
    return watch.logs.get(log.location.tree) or watch.others


def read_log(
    log: LogRun,
    memory: Memory,
    watch: NameWatch,
    wanted: LogWatch,
    *,
    requests: RequestCounter,
    stopwatch: Callable[[], float],
    until: float,
    explanations: Explainer,
) -> LogNames:
    """Read a part of a log that was not read before, within its requests, `until` a time of the stopwatch."""
    tree, key = log.location.tree, log.location.log.key.vkey
    watched = watch.matcher.key()
    before = memory.read_before(key, tree, watched)
    before = replace(
        before,
        ranges=merged(before.ranges),
        named=tuple(e for e in before.named if not e.certified or watch.matcher.watches(e)),
    )
    end = max((r.end for r in before.ranges), default=0)
    nothing = LogNames(
        tree=tree,
        wanted=wanted,
        size=max(end, before.size, log.held),
        before=before,
        read=Scanned(ranges=before.ranges),
    )
    followed = log.followed
    if followed is None or log.head is None or not followed.settled:
        ended = all(check.demotes is None for check in log.result.checks)
        reason = "the log has ended and is no longer served" if ended else _NO_HEAD
        return replace(nothing, halted=reason, ended=ended)
    if followed.reader is None:
        reason = "it has no tiles, and reading it entry by entry takes too long"
        return replace(nothing, halted=reason, tiled=False)
    limits = _Limits(log.location, memory, before, wanted, requests, stopwatch, until)
    read = scan(
        followed.reader,
        before.ranges,
        watch.matcher,
        first=wanted.first,
        limits=limits,
        explanations=explanations,
        kept=before.named,
    )
    size = max(nothing.size, log.head.size)  # a log may serve an older head than it did before
    for_records = NameScan(
        origin=tree,
        log_key=key,
        watch=watched,
        size=size,
        ranges=read.ranges,
        named=read.named,
        requests=limits.not_noted,
    )
    return replace(nothing, size=size, read=read, reader=followed.reader, kept=for_records, late=limits.late)


class _Limits:
    """The requests and the time of one reading. The records are told of the requests now and then."""

    def __init__(
        self,
        location: LogLocation,
        memory: Memory,
        before: ReadBefore,
        wanted: LogWatch,
        requests: RequestCounter,
        stopwatch: Callable[[], float],
        until: float,
    ) -> None:
        self._location = location
        self._memory = memory
        self._before = before
        self._wanted = wanted
        self._requests = requests
        self._stopwatch = stopwatch
        self._until = until
        self._began = self._noted = requests.total
        self.late = False
        """True if the time ended the reading."""

    @property
    def not_noted(self) -> int:
        """Requests of which the records do not know."""
        return self._requests.total - self._noted

    def may_ask(self) -> bool:
        """True if one more request may be made."""
        if self.not_noted >= NOTED:  # a run that is killed has spent them too
            with contextlib.suppress(AnchorError):  # the records fail: the run says so when it ends
                self._memory.spend(self._location.log.key.vkey, self._location.tree, self.not_noted)
                self._noted = self._requests.total
        if self._before.requests + self._requests.total - self._began >= self._wanted.requests:
            return False
        self.late = self._stopwatch() >= self._until
        return not self.late


def checks(
    found: LogNames,
    unexplained: Sequence[NamedEntry],
    *,
    allowed: int = 0,
    postponed: str = "",
    doubt: AnchorError | None = None,
) -> list[Check]:
    """The checks of one log: the entries that nothing explains, and how much was read.

    `allowed`: entries that only the policy explains. `postponed`: why nobody can say yet what is explained.
    `doubt`: the error that kept us from reading the earlier releases, which may explain entries. Both are
    empty for a finding that stands.
    """
    if not found.tiled:
        return [skipped(f"names in {found.tree}", f"not followed whole: {found.halted}")]
    return [names(found, unexplained, allowed, postponed, doubt), _coverage(found)]


def names(
    found: LogNames,
    unexplained: Sequence[NamedEntry],
    allowed: int = 0,
    postponed: str = "",
    doubt: AnchorError | None = None,
) -> Check:
    """The check of the entries that nothing explains."""
    name = f"names in {found.tree}"
    surplus = found.total(lambda r: r.surplus)
    if unexplained or surplus:
        listed = _listed(unexplained, len(unexplained) + surplus)
        if postponed:
            return skipped(name, f"{listed}; {postponed}")
        if doubt is not None:
            late = Unavailable(f"{listed}; earlier releases may explain that: {doubt}", where=found.tree)
            return failed(name, late, clause=_CLAUSE)
        return refused(name, listed, demotes=Class.FINDINGS, meaning=_NAMED, clause=_CLAUSE)
    if found.halted and not found.read.ranges:
        return skipped(name, f"no entry was read yet: {found.halted}")
    line = "each entry under a watched identity is of a release or status that is known"
    line += f"; {allowed} of them by the policy" if allowed else ""
    if claims := found.total(lambda r: r.claimed):
        line += (
            f"; a watched name is claimed in {several(claims, 'entry')}, each with a certificate that no "
            "trusted authority issued, which anybody can make"
        )
    return passed(name, line, clause=_CLAUSE)


def _listed(unexplained: Sequence[NamedEntry], count: int) -> str:
    """The newest entries, which are the news, and how many there are."""
    entries = are(count, "entry")
    shown = [
        printable(
            f"entry {one.index} by {one.identity} (issuer {one.issuer}), digest {one.digest or 'not known'}"
        )[:300]
        for one in unexplained[-SHOWN:]
    ]
    shown += [f"and {count - len(shown)} more"] if count > len(shown) else []
    return f"{entries} under a watched identity, and of no known release or status: {'; '.join(shown)}"


def _coverage(found: LogNames) -> Check:
    name = f"coverage of {found.tree}"
    line = sentence(found)
    if found.ended and found.left:
        never = Unavailable(
            f"{line}; {found.halted}",
            where=found.tree,
            remedy="name another copy in [[log]] of the policy; or give the rest up with 'from' in [[watch]]",
        )
        return failed(name, never, meaning=_COVERAGE, clause=_CLAUSE)
    if found.halted:
        return skipped(name, f"not read in this run: {found.halted}; {line}")
    unreadable = found.total(lambda r: r.unreadable)
    line += f"; {are(unreadable, 'entry')} of a form that is not known" if unreadable else ""
    error = found.read.error
    if error is None and found.read.gone:
        gone = f"entries {spans(found.read.gone)} cannot be read: the log does not have them (404)"
        remedy = "if the log has pruned them, write 'from' in [[watch]] of the policy"
        error = Unavailable(gone, remedy=remedy)
    if error is None and (gaps := found.gaps):
        error = Unavailable(f"entries {spans(gaps)} could not be read before, and will be asked for again")
    if error is None and found.late and found.left and not has_more(found):
        no_time = "the run had no time left to read it"
        error = Unavailable(no_time, remedy="look which log answers slowly, or watch fewer logs at once")
    if error is None and _falls_behind(found):
        more = "the log grows faster than it is read"
        error = Unavailable(more, remedy="allow more 'requests' in [[watch]] of the policy")
    if error is None:
        return passed(name, line, clause=_CLAUSE)
    late = Unavailable(f"{line}; {error.problem}", where=error.where or found.tree, remedy=error.remedy)
    return failed(name, late, meaning=_COVERAGE, clause=_CLAUSE)


def has_more(found: LogNames) -> bool:
    """True if the run read an entry that was not read before."""
    read, before = (sum(r.end - r.start for r in one) for one in (found.read.ranges, found.before.ranges))
    return read > before


def _falls_behind(found: LogNames) -> bool:
    """True if more entries are unread than after the run before, although this one read some."""
    before = found.before
    if not before.ranges or before.requests:
        return False  # in this hour there was a run before, which used its requests
    left = sum(r.end - r.start for r in unread(before.ranges, found.wanted.first, before.size))
    return sum(r.end - r.start for r in found.left) > left


def sentence(found: LogNames) -> str:
    """How much of a log was read: "entries 0 to 48210 of 48213 read, without a gap"."""
    first, size, left = found.wanted.first, found.size, found.left
    if not found.count:
        return f"no entry of {size} read" if size > first else f"no entry yet from {first} on"
    if not left:
        return f"entries {first} to {size - 1} of {size} read, without a gap"
    if len(left) == 1 and left[0].end == size and left[0].start > first:
        return (
            f"entries {first} to {left[0].start - 1} of {size} read, without a gap; the rest is not read yet"
        )
    return f"{found.count} of the entries {first} to {size - 1} read; not read: {spans(left)}"


def own_entry(found: LogNames, matcher: NameMatcher, entry: Entry, explanations: Explainer) -> Check:
    """The check that this watch finds our own entry, read from the log as any other one.

    A watch that does not find it would not find that of an attacker either.
    """
    name = f"own entry in {found.tree}"
    if found.reader is None or entry.index >= found.size:
        return skipped(name, "the log was not read in this run")
    try:
        bundle, offset = divmod(entry.index, FULL)
        body = found.reader.bundle(bundle)[offset]
    except (Refused, Unavailable) as e:
        return failed(name, Unavailable(str(e), where=found.tree))
    named = matcher.find([body], entry.index).named
    if named and named[0].certified and explanations.explains(named[0]):
        return passed(name, f"entry {entry.index} is found, certified, and explained by its release")
    what = "is not found"
    if named:
        what = "is found, and " + ("not explained" if named[0].certified else "not certified")
    return refused(
        name,
        f"our own entry {entry.index} {what}",
        demotes=Class.ERROR,
        meaning="this watch does not find what it must find: that it found nothing else says nothing",
    )


def fact(found: LogNames, unexplained: Sequence[NamedEntry], judged: str) -> dict[str, object]:
    """The reading of a log as the facts of a run have it. `judged`: digest of what was compared with the
    chain; "" if the chain could not be read, or nothing was to be explained."""
    return {
        "judged": judged,
        "origin": found.tree,
        "first": found.wanted.first,
        "size": found.size,
        "read": found.count,
        "gaps": len(found.left),
        "unexplained": len(unexplained) + found.total(lambda r: r.surplus),
        "claimed": found.total(lambda r: r.claimed),
        "coverage": sentence(found),
        "whole": not found.left and not found.halted,
    }
