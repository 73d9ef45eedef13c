# SPDX-License-Identifier: Apache-2.0
"""Buckets that fill at a rate, for logs and clients, and a bounded number of them."""

import pytest

from anchor.net.http_server import client_name
from anchor.tlog.log_list import ListedLog
from anchor.witness import rate_limits
from anchor.witness.rate_limits import Buckets
from tests.support.logs.simlog import SimLog


def test_a_bucket_gives_what_it_holds_and_fills_again() -> None:
    buckets = Buckets(most=10)
    assert [buckets.take("a", rate=0.5, capacity=3, now=10) for _ in range(4)] == [0, 0, 0, 2]
    assert buckets.take("a", rate=0.5, capacity=3, now=11) == 1
    assert buckets.take("a", rate=0.5, capacity=3, now=12) == 0
    assert buckets.take("b", rate=0.5, capacity=3, now=12) == 0
    assert [buckets.take("a", rate=0.5, capacity=3, now=1000) for _ in range(4)] == [0, 0, 0, 2]


def test_a_thread_that_read_the_clock_before_another_one_takes_nothing_away() -> None:
    buckets = Buckets(most=10)
    assert [buckets.take("a", rate=100, capacity=3, now=now) for now in (10, 7, 10, 10)] == [0, 0, 0, 0.01]


def test_the_number_of_buckets_is_bounded() -> None:
    buckets = Buckets(most=100)
    for n in range(1000):
        buckets.take(str(n), rate=1, capacity=1, now=0)
    assert len(buckets) == 100
    assert buckets.take("999", rate=1, capacity=1, now=0) > 0


def test_a_tree_that_is_cosigned_again_uses_up_nothing_of_one_that_grows() -> None:
    log = ListedLog("a", (SimLog().key,), 2)
    buckets = Buckets(most=10)
    assert [rate_limits.of_log(buckets, log, grows=False, now=0) for _ in range(3)] == [0, 0, 43200]
    assert [rate_limits.of_log(buckets, log, grows=True, now=0) for _ in range(3)] == [0, 0, 43200]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("no address", "no address", True),
    ],
)
def test_addresses_of_one_client(one: str, other: str, *, same: bool) -> None:
    assert (client_name(one) == client_name(other)) is same
