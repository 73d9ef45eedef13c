# SPDX-License-Identifier: Apache-2.0
"""The figures of verifying bundles: a ratio in one run, with slack, and memory that does not grow."""

import pytest

from tests.bench.bench_verify_bundle import KINDS, cost, growth_alone

pytestmark = [pytest.mark.bench, pytest.mark.slow]
MOST = 1.75
"""Times the reference client. The aim is 1.5. Measured: 1.3 to 1.55, by the kind of bundle and by how busy
the machine is. Most of both is signature checks. A fifth of ours is the path of certificates by RFC 5280
section 6.1, with a check of each extension; the client leaves that path to OpenSSL."""


@pytest.mark.parametrize("name", KINDS)
def test_verifying_costs_little_more_than_the_reference_client(name: str) -> None:
    found = cost(KINDS[name], rounds=2_000, most=MOST)
    assert found.ratio < MOST
    assert found.ours < 5 * 4  # four times the figure: the machine may be busy


def test_memory_holds_steady_over_thousands_of_bundles() -> None:
    early, late = growth_alone(2_000)
    assert late - early < 8 * 2**20
