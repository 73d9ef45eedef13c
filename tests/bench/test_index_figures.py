# SPDX-License-Identifier: Apache-2.0
"""The figures of an index, as ratios in one run."""

import pytest

from tests.bench.bench_index import growth, measure

pytestmark = [pytest.mark.bench, pytest.mark.slow]


def test_an_index_costs_at_most_25_times_the_hashing_of_its_leaves() -> None:
    assert any(measure(100_000).ratio < 25 for _ in range(3))


def test_an_index_takes_less_than_100_bytes_a_fact() -> None:
    """docs/operations.md has the number."""
    assert growth(300_000, 300_000) < 100 * 300_000 + 2**22
    assert growth(300_000, 1) < 100 * 300_000 + 2**22


def test_more_facts_than_are_held_take_no_more_memory() -> None:
    """They are in a temporary file, also if all have one key."""
    for keys in (300_000, 1):
        assert growth(300_000, keys, held=1 << 15) < 100 * (1 << 15) + 2**22
