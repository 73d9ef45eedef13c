# SPDX-License-Identifier: Apache-2.0
"""The cost of whole commands as ratios in one run, with slack for a machine that does other things too."""

from pathlib import Path

import pytest

from tests.bench import bench_start
from tests.bench.bench_cli import measure_publish, measure_verify
from tests.support.forge.client_verdicts import cosign_path
from tests.support.process.need import need

pytestmark = [pytest.mark.bench, pytest.mark.slow]


def test_verifying_costs_less_than_the_reference_client_on_the_same_bundle(tmp_path: Path) -> None:
    """`anchor verify` does not import that client unless it is asked."""
    assert measure_verify(tmp_path, 9, most=1.0).ratio < 1.0


@pytest.mark.interop
def test_commands_that_verify_start_about_as_fast_as_cosign() -> None:
    """The bound is twice the target: the machine does other things too."""
    cosign = cosign_path()
    need(cosign, "install cosign 3, or run python -m tests.interop.stack --build")
    assert cosign
    found = [max(c.cpu_ratio for c in bench_start.measure(cosign, 5)) for _ in range(3)]
    assert min(found) < 2 * bench_start.TARGET, found


def test_publishing_costs_little_more_than_the_reference_client_on_the_same_instance(tmp_path: Path) -> None:
    """The target is 1.5."""
    assert measure_publish(tmp_path, 9, most=2.0).ratio < 2.0
