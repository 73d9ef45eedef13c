# SPDX-License-Identifier: Apache-2.0
"""The figures of lint as ratios in one run: nothing here is judged by the clock alone."""

from pathlib import Path

import pytest

from tests.bench.bench_lint import LEDGERS, growth, ratio

pytestmark = [pytest.mark.bench, pytest.mark.slow]


MOST = 3
"""Times the sealing of the same ledger. Measured: 1.4 to 2.7."""


@pytest.mark.parametrize("name", LEDGERS)
def test_lint_takes_few_times_as_long_as_seal(name: str, tmp_path: Path) -> None:
    reader, write = LEDGERS[name]
    write(tmp_path / "ledger", 10_000)
    assert ratio(tmp_path / "ledger", reader, rounds=40, most=MOST) <= MOST


@pytest.mark.parametrize("name", LEDGERS)
def test_its_memory_does_not_grow_with_the_number_of_facts(name: str, tmp_path: Path) -> None:
    reader, write = LEDGERS[name]
    write(tmp_path / "ledger", 300_000)
    assert growth(tmp_path / "ledger", reader) < 64 * 2**20
