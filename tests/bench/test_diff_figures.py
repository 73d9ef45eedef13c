# SPDX-License-Identifier: Apache-2.0
"""The figures of a diff as ratios in one run, with slack: nothing here is judged by the clock alone."""

from pathlib import Path

import pytest

from tests.bench.bench_diff import WAYS, measure, peak_memory

pytestmark = [pytest.mark.bench, pytest.mark.slow]


@pytest.mark.parametrize("way", WAYS)
def test_a_diff_takes_at_most_four_times_the_sealing_of_both(way: str, tmp_path: Path) -> None:
    assert measure(tmp_path, 100_000, way).ratio < 4


def test_its_memory_grows_by_less_than_two_hundred_bytes_a_fact(tmp_path: Path) -> None:
    peaks = []
    for count in (10_000, 210_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        measure(folder, count, "few")
        peaks.append(peak_memory(folder))
    assert peaks[1] - peaks[0] < 200_000 * 200 + (32 << 20)
