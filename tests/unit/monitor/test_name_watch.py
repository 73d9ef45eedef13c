# SPDX-License-Identifier: Apache-2.0
"""The sentences about a log that is read whole, and which logs a watch is about."""

from dataclasses import replace

import msgspec
import pytest

from anchor.errors import Unavailable
from anchor.merkle.ranges import Range
from anchor.monitor import name_watch
from anchor.monitor.interfaces import NameWatch
from anchor.monitor.name_scan import Scanned
from anchor.monitor.name_watch import LogNames, with_later_shards
from anchor.monitor.run_record import ReadBefore, ScannedRange
from anchor.verdict import Class
from anchor.verify.name_matcher import NameMatcher
from anchor.verify.named_entry import NamedEntry
from anchor.verify.policy import LogWatch

WATCH = NameWatch(
    matcher=NameMatcher([], []),
    logs={},
    later={"a1.log.example": ["a2.log.example", "a3.log.example"]},
)
THEFT = NamedEntry(index=7, digest="ab" * 32, certified=True, identity="me@example.org", issuer="https://i")


def log(
    *ranges: tuple[int, int],
    size: int = 100,
    first: int = 0,
    before: ReadBefore | None = None,
    **more: object,
) -> LogNames:
    """A log of which these entries were read."""
    read = Scanned(ranges=tuple(ScannedRange(start=a, end=b) for a, b in ranges), **more)  # type: ignore[arg-type]
    return LogNames(
        tree="log", wanted=LogWatch(first=first), size=size, before=before or ReadBefore(), read=read
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (log((0, 100)), "entries 0 to 99 of 100 read, without a gap"),
        (log((40, 100), first=40), "entries 40 to 99 of 100 read, without a gap"),
        (log((0, 30)), "entries 0 to 29 of 100 read, without a gap; the rest is not read yet"),
        (log((0, 30), (50, 100)), "80 of the entries 0 to 99 read; not read: 30 to 49"),
        (log((10, 100)), "90 of the entries 0 to 99 read; not read: 0 to 9"),
        (log((0, 10), (11, 100)), "99 of the entries 0 to 99 read; not read: 10"),
        (log(), "no entry of 100 read"),
        (log(size=0), "no entry yet from 0 on"),
        (log(first=200), "no entry yet from 200 on"),
    ],
)
def test_coverage_is_a_number(found: LogNames, said: str) -> None:
    assert name_watch.sentence(found) == said


def test_more_unread_than_before_is_a_log_that_grows_too_fast() -> None:
    before = ReadBefore(ranges=(ScannedRange(start=0, end=50),), size=60)
    (_, slow) = name_watch.checks(log((0, 80), before=before), ())
    assert (slow.state, slow.demotes) == ("unknown", Class.UNAVAILABLE)
    assert "grows faster than it is read" in slow.detail
    (_, same) = name_watch.checks(log((0, 90), before=before), ())
    assert same.state == "passed"
    (_, spent) = name_watch.checks(log((0, 80), before=replace(before, requests=9)), ())
    assert spent.state == "passed"  # an earlier run of this hour has used the requests


def test_a_log_for_which_no_time_is_left_is_no_coverage() -> None:
    late = replace(log(size=5), late=True)
    check = name_watch.checks(late, ())[1]
    assert (check.state, check.demotes) == ("unknown", Class.UNAVAILABLE)
    assert "no entry of 5 read; the run had no time left to read it" in check.detail
    went_on = replace(log((0, 3), size=5), late=True)
    assert name_watch.checks(went_on, ())[1].state == "passed"
    assert name_watch.checks(replace(log((0, 5), size=5), late=True), ())[1].state == "passed"


def test_a_gap_is_no_coverage_in_a_run_that_did_not_ask_for_it() -> None:
    check = name_watch.checks(log((0, 30), (50, 90)), ())[1]
    assert (check.state, check.demotes) == ("unknown", Class.UNAVAILABLE)
    assert "entries 30 to 49 could not be read before" in check.detail


def test_a_certified_entry_stays_certified_when_it_is_read_again() -> None:
    again = msgspec.structs.replace(THEFT, certified=False, identity="", issuer="")
    for one, two in ((THEFT, again), (again, THEFT)):
        found = log((0, 9), named=(two,), before=ReadBefore(named=(one,)))
        assert [e.certified for e in found.named] == [True]


def test_gone_entries_and_errors_are_no_coverage() -> None:
    (_, gone) = name_watch.checks(log((50, 100), gone=(Range(0, 50),)), ())
    assert "entries 0 to 49 cannot be read" in gone.detail
    assert "write 'from' in [[watch]]" in gone.detail
    (_, failed) = name_watch.checks(log((0, 50), error=Unavailable("damaged source: x", where="tile")), ())
    assert failed.demotes is Class.UNAVAILABLE


def test_a_finding_a_doubt_and_a_postponement() -> None:
    found = log((0, 100))
    (theft, _) = name_watch.checks(found, [THEFT])
    assert (theft.state, theft.demotes) == ("refused", Class.FINDINGS)
    (doubt, _) = name_watch.checks(found, [THEFT], doubt=Unavailable("not there"))
    assert (doubt.state, doubt.demotes) == ("unknown", Class.UNAVAILABLE)
    (later, _) = name_watch.checks(found, [THEFT], postponed="not yet")
    assert (later.state, later.demotes) == ("skipped", None)
    (many, _) = name_watch.checks(found, [replace_index(n) for n in range(30)])
    assert many.detail.count(" by me@example.org") == name_watch.SHOWN
    assert many.detail.endswith("and 20 more")


def replace_index(index: int) -> NamedEntry:
    return NamedEntry(index=index, digest="", certified=True, identity="me@example.org", issuer="https://i")


def test_the_shards_that_follow_are_watched_with_every_followed_log() -> None:
    followed = {"a1.log.example"}
    assert with_later_shards(WATCH, followed).logs == {}
    found = with_later_shards(replace(WATCH, others=LogWatch(first=500, requests=7)), followed)
    assert found.logs == {
        host: LogWatch(origin=host, requests=7) for host in ("a2.log.example", "a3.log.example")
    }
    both = with_later_shards(replace(WATCH, others=LogWatch()), {*followed, "a2.log.example"})
    assert list(both.logs) == ["a3.log.example"]


def test_the_newest_entries_are_named_and_no_control_character_is_printed() -> None:
    found, shown = log((0, 100)), name_watch.SHOWN
    (theft, _) = name_watch.checks(found, [replace_index(n) for n in range(40)])
    assert [f"entry {n} by" in theft.detail for n in range(40)] == [n >= 40 - shown for n in range(40)]
    odd = NamedEntry(index=1, digest="", certified=True, identity="a\x1b[2Jb\n@x", issuer="https://i")
    (theft, _) = name_watch.checks(found, [odd])
    assert theft.detail.isprintable()
