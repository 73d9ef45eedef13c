# SPDX-License-Identifier: Apache-2.0
"""A log is read in parts: nothing twice, nothing left out, gaps named, and within its requests."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.errors import Refused, Unavailable
from anchor.merkle.ranges import Range
from anchor.monitor import name_scan
from anchor.monitor.name_scan import Scanned, merged, scan, spans, unread
from anchor.monitor.run_record import ScannedRange
from anchor.tlog import tiles
from anchor.tlog.tile_reader import TileReader
from anchor.verify.name_matcher import NameMatcher
from anchor.verify.named_entry import NamedEntry
from anchor.verify.policy import Signer
from tests.support.forge.named import body, digest_of, self_made
from tests.support.logs.simlog import SimLog

WHO, ISSUER = "release@example.org", "https://accounts.example.org"
CLAIM = body(self_made(WHO, ISSUER), digest_of(b"x"))
MATCHER = NameMatcher([Signer(identity=WHO, issuer=ISSUER)], [])


class Requests:
    """A number of requests for bundles of a log."""

    def __init__(self, log: SimLog, most: int) -> None:
        self._log = log
        self._end = log.reads["entries"] + most

    def may_ask(self) -> bool:
        return self._log.reads["entries"] < self._end


class NothingKnown:
    """No statement is known, so nothing explains an entry."""

    def explains(self, _entry: NamedEntry, /) -> bool:
        return False


def read(log: SimLog, before: tuple[ScannedRange, ...] = (), *, first: int = 0, most: int = 1000) -> Scanned:
    reader = TileReader(log, log.head())
    limits = Requests(log, most)
    return scan(reader, before, MATCHER, first=first, limits=limits, explanations=NothingKnown())


def lose(log: SimLog, *bundles: int) -> None:
    for index in bundles:
        log.gone.add(tiles.entries_path(index, tiles.width_at(log.size, 0, index)))


def ends(found: Scanned) -> list[tuple[int, int]]:
    return [(r.start, r.end) for r in found.ranges]


RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=8)


@given(RANGES, st.integers(0, 70), st.integers(0, 70))
def test_read_and_unread_are_the_whole(parts: list[tuple[int, int]], first: int, size: int) -> None:
    ranges = [ScannedRange(start=start, end=start + length) for start, length in parts]
    read_ = {i for r in ranges for i in range(r.start, r.end)}
    left = [i for r in unread(ranges, first, size) for i in range(r.start, r.end)]
    assert left == [i for i in range(first, size) if i not in read_]
    together = merged(ranges)
    assert {i for r in together for i in range(r.start, r.end)} == read_
    assert all(a.end < b.start for a, b in itertools.pairwise(together))


def test_neighbours_add_their_counts_and_what_two_workers_read_counts_once() -> None:
    one, two = ScannedRange(start=0, end=5, claimed=2), ScannedRange(start=5, end=9, claimed=3)
    assert merged([two, one]) == (ScannedRange(start=0, end=9, claimed=5),)
    other = ScannedRange(start=0, end=7, claimed=4)
    assert merged([one, other]) == (other,)
    assert merged([other, ScannedRange(start=3, end=9, claimed=4)]) == (
        ScannedRange(start=0, end=9, claimed=4),
    )


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700, 1024])
def test_every_entry_is_read_once(size: int) -> None:
    log = SimLog().grow(size - 1).append(CLAIM)
    found = read(log)
    assert ends(found) == [(0, size)]
    assert [e.index for e in found.named] == [size - 1]
    assert log.reads["entries"] == (size + 255) // 256
    again = read(log, found.ranges)
    assert again.ranges == found.ranges
    assert log.reads["entries"] == (size + 255) // 256


def test_a_partial_bundle_that_grows_is_read_from_where_it_ended() -> None:
    log = SimLog().grow(100).append(CLAIM)
    found = read(log)
    log.grow(300).append(CLAIM)
    more = read(log, found.ranges)
    assert ends(more) == [(0, 402)]
    assert [e.index for e in more.named] == [401]
    assert more.ranges[0].claimed == 2


def test_the_requests_are_kept_and_the_next_run_goes_on() -> None:
    log = SimLog().grow(1500).append(CLAIM)
    ranges: tuple[ScannedRange, ...] = ()
    steps = []
    for _ in range(4):
        found = read(log, ranges, most=2)
        ranges = found.ranges
        steps.append(ends(found))
    assert steps == [[(0, 512)], [(0, 1024)], [(0, 1501)], [(0, 1501)]]
    assert ranges[0].claimed == 1


def test_a_first_entry_within_a_bundle() -> None:
    log = SimLog().grow(300).append(CLAIM).grow(10)
    assert ends(read(log, first=301)) == [(301, 311)]
    assert read(log, first=300).ranges[0].claimed == 1
    assert ends(read(log, first=400)) == []


def test_a_lost_bundle_is_a_gap_and_the_others_are_read() -> None:
    log = SimLog().grow(256 * 5)
    lose(log, 1, 3)
    found = read(log)
    assert ends(found) == [(0, 256), (512, 768), (1024, 1280)]
    assert found.gone == (Range(256, 512), Range(768, 1024))
    log.gone.clear()
    assert ends(read(log, found.ranges)) == [(0, 1280)]


@pytest.mark.parametrize("there", [17, 40, 77, 99])
def test_a_pruned_beginning_is_passed_in_few_requests(there: int) -> None:
    log = SimLog().grow(256 * 100 + 3)
    lose(log, *range(there))
    found = read(log)
    assert ends(found) == [(256 * there, log.size)]
    assert found.gone == (Range(0, 256 * there),)
    assert log.reads["entries"] - (101 - there) < 32
    log.reads.clear()
    few = read(log, most=10)
    assert few.error is None
    assert few.gone == (Range(0, 256),)


def test_a_log_without_any_bundle_is_all_gap() -> None:
    log = SimLog().grow(256 * 30)
    lose(log, *range(30))
    found = read(log)
    assert (found.ranges, found.gone) == ((), (Range(0, 256 * 30),))
    assert log.reads["entries"] < 20


def test_bytes_that_do_not_hash_up_are_not_believed() -> None:
    for index, size in ((1, 700), (2, 700)):
        log = SimLog().grow(size)
        begin, width = 256 * index, tiles.width_at(size, 0, index)
        lie = [CLAIM, *log.stored[begin + 1 : begin + width]]
        log.tampered[tiles.entries_path(index, width)] = tiles.dump_bundle(lie)
        found = read(log)
        assert isinstance(found.error, Unavailable)
        assert ends(found) == [(0, begin), *([(512, 700)] if index == 1 else [])]
        assert found.named == ()


class Failing(SimLog):
    """A log that does not answer for some bundles of entries."""

    failing = (2, 4, 6, 8)

    def entries(self, index: int, width: int) -> bytes:
        if index in self.failing:
            raise Unavailable("no answer")
        return super().entries(index, width)


def test_a_run_passes_over_a_few_bundles_without_an_answer_and_then_ends() -> None:
    found = read(Failing().grow(256 * 20))
    assert isinstance(found.error, Unavailable)
    assert ends(found) == [(0, 512), (768, 1024), (1280, 1536), (1792, 2048)]


def test_a_run_passes_over_all_damaged_bundles_within_its_requests() -> None:
    log = SimLog().grow(256 * 20)
    for index in range(2, 18):
        log.tampered[tiles.entries_path(index, 256)] = tiles.dump_bundle([CLAIM] * 256)
    found = read(log)
    assert isinstance(found.error, Unavailable)
    assert ends(found) == [(0, 512), (256 * 18, 256 * 20)]
    assert ends(read(log, most=10)) == [(0, 512)]


def test_what_is_new_is_read_before_the_gaps() -> None:
    """Whoever runs the log makes many gaps, so that they use up the requests of every hour."""
    log = SimLog().grow(256 * 40)
    lose(log, *range(1, 39, 2))
    found = read(log)
    log.grow(256).append(CLAIM)
    again = read(log, found.ranges, most=5)
    assert again.ranges[-1].end == log.size
    assert [e.index for e in again.named] == [256 * 41]


def test_a_tree_has_no_bundle_behind_its_end() -> None:
    log = SimLog().grow(256)
    with pytest.raises(Refused):
        TileReader(log, log.head()).bundle(1)


def test_claims_beyond_a_number_are_counted() -> None:
    log = SimLog().append(*[CLAIM] * (name_scan.CLAIMS + 50))
    found = read(log)
    assert len(found.named) == name_scan.CLAIMS
    assert found.ranges[0].claimed == name_scan.CLAIMS + 50


def test_spans_for_a_person() -> None:
    ranges = [Range(0, 1), Range(5, 9), Range(20, 30), Range(40, 41), Range(50, 51)]
    assert spans(ranges) == "0, 5 to 8, 20 to 29, 2 more gaps"
