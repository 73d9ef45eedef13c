# SPDX-License-Identifier: Apache-2.0
"""The figures of re-verification from outside, small: real releases, the command, a log over HTTP.

`python -m tests.bench.bench_reverify` measures them at full size.
"""

from pathlib import Path

import pytest

from tests.bench.bench_reverify import measure_growth, world

pytestmark = [pytest.mark.bench, pytest.mark.slow]

RELEASES = 60


def test_requests_to_the_log_and_tile_reads_stay_few(tmp_path: Path) -> None:
    """Each release is in an entry bundle of its own, the worst case; targets: 1.2 a release, 20, 60 tiles."""
    with world(tmp_path, RELEASES, 299) as found:
        first = found.cycle(*found.many.targets)
        again = found.cycle()
        grown = measure_growth(found, 30_000, cold=True)
    print(f"{first.total} at first, {again.total} then, {grown.requests['tile']} tiles after growth")
    print(f"{first.cpu_each:.1f} and {again.cpu_each:.1f} ms CPU a release, start included")
    assert first.total <= 1.2 * RELEASES
    assert again.total < 20
    assert grown.requests["tile"] <= 60
    assert grown.requests["entries"] == 1
