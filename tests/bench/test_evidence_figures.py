# SPDX-License-Identifier: Apache-2.0
"""The figures of `anchor evidence check` as ratios in one run, with slack."""

import pytest

from tests.bench.bench_evidence import measure

pytestmark = [pytest.mark.bench, pytest.mark.slow]


def test_looking_for_values_is_linear_and_costs_less_than_a_plain_search() -> None:
    found = measure(10_000, 20)
    assert found["tokens of a text / its words by an expression"] < 40
    assert found["check of the facts / plain search for each value"] < 0.5
    assert found["check of twice the facts / check of the facts"] < 3
    assert found["bytes of memory / characters of the text"] < 80
