# SPDX-License-Identifier: Apache-2.0
"""The figures of verifying bundles: a ratio in one run, with slack, and memory that does not grow."""

import pytest

from tests.bench.bench_verify_bundle import KINDS, cost, growth_alone

pytestmark = [pytest.mark.bench, pytest.mark.slow]


@pytest.mark.parametrize("name", KINDS)
def test_verifying_costs_at_most_one_and_a_half_times_the_reference_client(name: str) -> None:
    best = min((cost(KINDS[name], rounds=40) for _ in range(3)), key=lambda c: c.ratio)
    assert best.ratio < 1.5
    assert best.ours < 5 * 4  # four times the figure: the machine may be busy


def test_memory_holds_steady_over_thousands_of_bundles() -> None:
    early, late = growth_alone(2_000)
    assert late - early < 8 * 2**20
