# SPDX-License-Identifier: Apache-2.0
"""The watched releases, in words."""

from anchor.records.queue import Watched
from anchor.report import watch_list

NOW = 1_800_000_000.0


def test_the_next_one_comes_first_and_many_are_counted() -> None:
    many = [Watched(f"r{n}", None, NOW + 60 * n) for n in range(30, 0, -1)]
    lines = watch_list.lines(many, now=NOW)
    assert lines[0] == f"r1: {watch_list.USUAL}; next due in 1 minute, at 2027-01-15T08:01:00Z"
    assert lines[-1] == "and 10 more; anchor status names them all"
    assert len(lines) == 21
    assert watch_list.next_due(many, now=NOW) == NOW + 60
    assert watch_list.next_due(many, now=NOW + 60) == NOW + 120


def test_an_interval_a_due_time_and_one_that_no_date_can_be() -> None:
    lines = watch_list.lines([Watched("a", 90, NOW - 5), Watched("b", 7 * 86400, 1e300 / 1e4)], now=NOW)
    assert lines[0] == "a: every 1 minute 30 seconds; due now"
    assert lines[1].startswith("b: every 7 days; next due in ")
    assert "at" not in lines[1].split(";")[1]
    assert watch_list.lines([], now=NOW) == []
    assert watch_list.next_due([], now=NOW) is None
