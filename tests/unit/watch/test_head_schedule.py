# SPDX-License-Identifier: Apache-2.0
"""When a watch anchors a head: by the time of the last one, and later after a failure."""

from anchor.watch.head_schedule import LATEST, SOONEST, HeadSchedule

DAY = 86_400.0
NOW = 1_800_000_000.0


def test_it_is_due_an_interval_after_the_last_head_and_at_once_without_one() -> None:
    schedule = HeadSchedule(DAY)
    assert schedule.due(None, NOW)
    assert not schedule.due(NOW - DAY + 1, NOW)
    assert schedule.due(NOW - DAY, NOW)


def test_a_head_of_a_clock_that_was_far_ahead_does_not_stop_it() -> None:
    schedule = HeadSchedule(DAY)
    assert not schedule.due(NOW + 60, NOW)
    assert schedule.due(NOW + 2 * DAY, NOW)


def test_after_failures_the_wait_is_doubled_up_to_an_hour_and_ends_with_success() -> None:
    schedule, now, waits = HeadSchedule(DAY), NOW, []
    for _ in range(9):
        schedule.failed(now)
        wait = next(w for w in range(1, int(2 * LATEST)) if schedule.due(None, now + w))
        waits.append(float(wait))
        now += wait
    assert waits == [min(SOONEST * 2**n, LATEST) for n in range(9)]
    schedule.done(now)
    schedule.failed(now)
    assert schedule.due(None, now + SOONEST)


def test_a_short_interval_is_never_waited_for_longer_than_itself() -> None:
    schedule = HeadSchedule(5)
    for _ in range(9):
        schedule.failed(NOW)
    assert schedule.due(None, NOW + 5)


def test_a_clock_that_is_set_back_does_not_lengthen_the_wait() -> None:
    schedule = HeadSchedule(DAY)
    schedule.failed(NOW)
    assert schedule.due(None, NOW - DAY)
