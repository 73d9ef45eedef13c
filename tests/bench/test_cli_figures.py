# SPDX-License-Identifier: Apache-2.0
"""The cost of whole commands as ratios in one run, with slack for a machine that does other things too."""

from pathlib import Path

import pytest

from tests.bench.bench_cli import measure_publish, measure_verify

pytestmark = pytest.mark.bench


def test_verifying_costs_little_more_than_the_stock_client_on_the_same_bundle(tmp_path: Path) -> None:
    """The target is 1.2."""
    assert measure_verify(tmp_path, 3).ratio < 1.6


def test_publishing_costs_little_more_than_the_stock_client_on_the_same_instance(tmp_path: Path) -> None:
    """The target is 1.5."""
    assert measure_publish(tmp_path, 3).ratio < 2.0
