# SPDX-License-Identifier: Apache-2.0
"""The figures of sealing as ratios in one run, with slack: nothing here is judged by the clock alone."""

from pathlib import Path

import pytest

from tests.bench.bench_seal import measure, peak_memory, write_facts

pytestmark = [pytest.mark.bench, pytest.mark.slow]


def test_sealing_is_several_times_faster_than_rfc8785_and_recursion(tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    write_facts(path, 100_000)
    assert measure(path, 100_000, rounds=3).ratio > 3.5


def test_memory_does_not_grow_with_the_number_of_facts(tmp_path: Path) -> None:
    few, many = tmp_path / "few.jsonl", tmp_path / "many.jsonl"
    write_facts(few, 1_000)
    write_facts(many, 200_000)
    assert peak_memory(many) - peak_memory(few) < 32 * 2**20
