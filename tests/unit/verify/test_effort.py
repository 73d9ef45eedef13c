# SPDX-License-Identifier: Apache-2.0
"""The budget of the verification of a release, and how its anchors share it."""

import pytest

from anchor.errors import Stopped, Unavailable
from anchor.verify.effort import Effort


def spend(effort: Effort, count: int) -> None:
    for _ in range(count):
        effort.spend()


def test_each_gets_its_part_of_what_the_others_left() -> None:
    whole = Effort(checks=100)
    one = whole.share(2)
    spend(one, 10)
    two = whole.share(1)
    spend(two, 90)
    for effort in (two, whole):
        with pytest.raises(Unavailable, match="more than"):
            effort.spend()


def test_one_that_takes_too_much_takes_nothing_from_the_last() -> None:
    whole = Effort(checks=64)
    for remaining in range(64, 1, -1):
        part = whole.share(remaining)
        spend(part, 1)
        with pytest.raises(Unavailable, match="more than 1 signature checks"):
            spend(part, 100)
    spend(whole.share(1), 1)


def test_time_is_shared_in_the_same_way() -> None:
    now = [0.0]
    whole = Effort(seconds=10, stopwatch=lambda: now[0])
    one = whole.share(2)
    now[0] = 4.0
    one.spend()
    now[0] = 6.0
    with pytest.raises(Unavailable, match=r"more than 5\.0 s"):
        one.poll()
    two = whole.share(1)
    now[0] = 9.9
    two.spend()
    now[0] = 10.1
    with pytest.raises(Unavailable):
        two.spend()


def test_what_is_not_limited_never_ends() -> None:
    effort = Effort.unlimited()
    spend(effort, 100_000)
    spend(effort.share(64), 100_000)


def test_a_process_that_is_to_end_ends_at_the_next_check() -> None:
    with pytest.raises(Stopped):
        Effort(stopping=lambda: True).share(3).poll()
