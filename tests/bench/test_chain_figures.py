# SPDX-License-Identifier: Apache-2.0
"""The figures of chains as ratios in one run, with slack, and memory that does not grow with facts."""

from pathlib import Path

import pytest

from tests.bench.bench_chain import find, large, one_by_one, peak_memory, small, trust_of, walk
from tests.bench.turns import best, calls

pytestmark = [pytest.mark.bench, pytest.mark.slow]


def test_a_chain_costs_little_more_than_its_releases_one_by_one(tmp_path: Path) -> None:
    """By the calls of functions, 1.2 times as many. By time it is 1.1, which spreads from run to run."""
    targets, policy = small(tmp_path, 50)
    trust = trust_of(policy)
    chain = calls(lambda: walk(targets[-1], trust))
    single = calls(lambda: one_by_one(targets, trust))
    print(f"{chain} and {single} calls of functions: {chain / single:.3f}")
    assert chain / single < 1.3


def test_a_chain_holds_little_of_each_release(tmp_path: Path) -> None:
    """A statement and a bundle each, up to a limit, in case another release contradicts one."""
    targets, policy = small(tmp_path, 1_000)
    short, long = (peak_memory("chain", targets[n - 1], policy) for n in (100, 1_000))
    assert (long - short) / 900 < 24 * 2**10


def test_finding_a_fact_reads_each_ledger_once_more(tmp_path: Path) -> None:
    site = large(tmp_path, 50_000)
    trust, most = trust_of(site.policy), 2.2
    verified, found = best(
        lambda: walk(site.release, trust),
        lambda: find(site.release, trust),
        rounds=40,
        enough=lambda spent: spent[1] / spent[0] < most,
    )
    assert found / verified < most


def test_a_fact_is_found_in_bounded_memory(tmp_path: Path) -> None:
    peaks = []
    for facts in (20_000, 200_000):
        (tmp_path / str(facts)).mkdir()
        site = large(tmp_path / str(facts), facts)
        peaks.append(peak_memory("find", site.release, site.policy))
    assert peaks[1] - peaks[0] < 24 * 2**20
