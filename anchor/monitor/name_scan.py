# SPDX-License-Identifier: Apache-2.0
"""Reads the entries of a whole log, a part in each run, and finds those under a watched identity.

Each entry bundle is hashed up to the checkpoint before it is believed (`TileReader.bundle`). So an entry that
was read under an earlier head is read for good: the following of the log proves that it only grew.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from anchor.errors import AnchorError, Unavailable
from anchor.merkle.ranges import Range
from anchor.monitor.run_record import ScannedRange
from anchor.tlog.source import Damaged, Missing
from anchor.tlog.tile_reader import TileReader
from anchor.tlog.tiles import FULL
from anchor.verify.name_matcher import NameMatcher
from anchor.verify.named_entry import NamedEntry

KEPT = 10_000
"""Certified entries that are kept for a log; more are counted."""
CLAIMS = 100
"""Entries that only claim a name, and that are kept for a log; more are counted."""
BODY = 16 << 10
"""Bytes of an entry that is kept; of a larger one only its digest is."""
BESIDE = 16
"""Bundles that are asked for one by one behind a missing one. Further ones are found by halving."""
FAILURES = 3
"""Bundles that one run passes over because they cannot be fetched. With one more it ends, since each may take
long. Damaged ones come at once, so only the requests of the hour end them."""


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """The result of reading a part of a log."""

    ranges: tuple[ScannedRange, ...]
    """Everything that was ever read, this part included; in order, with a gap between each two."""
    named: tuple[NamedEntry, ...] = ()
    """The entries that this part has under a watched identity, and that nothing explains."""
    gone: tuple[Range, ...] = ()
    """Entries that the source does not have (404), and those between that were not asked for."""
    error: AnchorError | None = None
    """The error that ended the reading."""


class Limits(Protocol):
    """The limits of one reading."""

    def may_ask(self) -> bool:
        """True if one more request may be made."""
        ...


class Explainer(Protocol):
    """Something that may explain certified entries (`explained.Explanations`)."""

    def explains(self, entry: NamedEntry, /) -> bool:
        """True if something that is known explains this entry."""
        ...


def unread(ranges: Iterable[ScannedRange], first: int, size: int) -> list[Range]:
    """The entries from `first` on that were not read, of a tree of `size`."""
    left: list[Range] = []
    at = first
    for one in sorted(ranges, key=lambda r: r.start):
        if at < min(one.start, size):
            left.append(Range(at, min(one.start, size)))
        at = max(at, one.end)
    return [*left, Range(at, size)] if at < size else left


def merged(ranges: Iterable[ScannedRange]) -> tuple[ScannedRange, ...]:
    """Ranges in order, without those inside another one. Neighbours are one range, with their sums."""
    found: list[ScannedRange] = []
    for one in sorted(ranges, key=lambda r: (r.start, -r.end)):
        last = found[-1] if found else None
        if last is None or one.start > last.end:
            found.append(one)
        elif one.start == last.end:
            found[-1] = last.with_next(one)
        elif one.end > last.end:  # two workers read the same part; each counted what is in both
            found[-1] = last.with_next(one, counted=False)
    return tuple(found)


def scan(
    reader: TileReader,
    before: Sequence[ScannedRange],
    matcher: NameMatcher,
    *,
    first: int,
    limits: Limits,
    explanations: Explainer,
    kept: Collection[NamedEntry] = (),
) -> Scanned:
    """Read entries that were not read `before`, within the limits: first those behind all others,
    which are new, and then the gaps, lowest first. Else many gaps would leave no request for what is new.

    A certified entry that is explained is left out. `kept`: the entries that are held already.
    """
    certified = sum(e.certified for e in kept)
    known = {(e.index, e.digest) for e in kept}
    room = {True: KEPT - certified, False: CLAIMS - (len(kept) - certified)}
    work = _Scan(reader, matcher, limits, explanations, list(merged(before)), room, known)
    try:
        *gaps, newest = unread(before, first, reader.size) or [Range(0, 0)]
        for part in (newest, *gaps):
            if not work.read(part):
                break
    except AnchorError as e:
        work.error = work.error or e
    return Scanned(
        ranges=merged(work.ranges), named=tuple(work.named), gone=tuple(work.gone), error=work.error
    )


class _SpentError(Exception):
    """The run may ask no more."""


@dataclass
class _Scan:
    reader: TileReader
    matcher: NameMatcher
    limits: Limits
    explanations: Explainer
    ranges: list[ScannedRange]
    room: dict[bool, int]
    """How many more entries are kept, of certified ones (True) and of claims."""
    known: set[tuple[int, str]]
    """Entries that are held, of this watch or another one. They take no room."""
    named: list[NamedEntry] = field(default_factory=list)
    gone: list[Range] = field(default_factory=list)
    error: AnchorError | None = None
    failures: int = 0
    _ahead: tuple[int, list[bytes]] | None = None
    """A bundle that was read while the end of a gap was looked for."""

    def read(self, part: Range) -> bool:
        """Read a part. False if the run may ask no more."""
        at = part.start
        while at < part.end:
            if not self.limits.may_ask():
                return False
            bundle = at // FULL
            try:
                entries = self._bundle(bundle)
            except Missing:
                try:
                    there = self._next_there(bundle, (part.end - 1) // FULL)
                except _SpentError:
                    self.gone.append(Range(at, min(part.end, (bundle + 1) * FULL)))
                    return False
                until = part.end if there is None else there * FULL
                self.gone.append(Range(at, until))
                at = until
                continue
            except AnchorError as e:
                self.failures += not isinstance(e, Damaged)
                self.error = self.error or e
                if self.failures > FAILURES:
                    raise
                at = (bundle + 1) * FULL
                continue
            begin = bundle * FULL
            stop = min(part.end, begin + len(entries))
            self._take(entries[at - begin : stop - begin], at)
            at = stop
        return True

    def _bundle(self, index: int) -> list[bytes]:
        if self._ahead is not None and self._ahead[0] == index:
            return self._ahead[1]
        return self.reader.bundle(index)

    def _take(self, bodies: Sequence[bytes], at: int) -> None:
        found = self.matcher.find(bodies, at)
        claimed = surplus = 0
        for one in found.named:
            claimed += not one.certified
            if one.certified and self.explanations.explains(one):
                continue
            if (one.index, one.digest) not in self.known:
                if self.room[one.certified] <= 0:
                    surplus += one.certified
                    continue
                self.room[one.certified] -= 1
            self.named.append(one if len(one.body) <= BODY else msgspec.structs.replace(one, body=b""))
        here = ScannedRange(
            start=at,
            end=at + len(bodies),
            claimed=claimed,
            surplus=surplus,
            unreadable=found.unreadable,
        )
        if self.ranges and self.ranges[-1].end == at:
            self.ranges[-1] = self.ranges[-1].with_next(here)
        else:
            self.ranges.append(here)

    def _next_there(self, missing: int, last: int) -> int | None:
        """The first bundle behind a missing one that the source has, up to `last`. None without one.

        A log that prunes has removed a beginning of its entries, so the end of a long gap is halved.
        """
        for index in range(missing + 1, min(missing + BESIDE, last) + 1):
            if self._is_there(index):
                return index
        low, high = missing + BESIDE, last
        if low >= last or not self._is_there(last):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._is_there(middle) else (middle, high)
        return high

    def _is_there(self, index: int) -> bool:
        if not self.limits.may_ask():
            raise _SpentError
        try:
            self._ahead = index, self.reader.bundle(index)
        except Missing:
            return False
        except Unavailable:  # it is there, and `read` passes over it as over any other such bundle
            self._ahead = None
        return True


def spans(ranges: Iterable[Range], most: int = 3) -> str:
    """Ranges of entries for a person: the first few, and how many more."""
    listed = list(ranges)
    shown = [f"{r.start} to {r.end - 1}" if r.end - r.start > 1 else str(r.start) for r in listed[:most]]
    shown += [f"{len(listed) - most} more gaps"] if len(listed) > most else []
    return ", ".join(shown)
