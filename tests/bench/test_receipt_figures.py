# SPDX-License-Identifier: Apache-2.0
"""The figures of receipts, as ratios in one run."""

import pytest

from tests.bench.bench_receipts import Verification, memory, proofs, verification
from tests.receipt_vectors.signed_ledgers import PLAIN, TWO_LOGS, Ledger

pytestmark = [pytest.mark.bench, pytest.mark.slow]


def test_all_proofs_cost_at_most_their_tree() -> None:
    assert any(found.held < found.tree for found in (proofs(200_000) for _ in range(3)))


def test_all_proofs_in_little_memory_cost_at_most_twice_their_tree() -> None:
    """The second pass joins the leaves of each chunk again."""
    assert any(found.streamed < 2 * found.tree for found in (proofs(200_000) for _ in range(3)))


@pytest.mark.parametrize(
    ("ledger", "staple"),
    [(PLAIN, False), (TWO_LOGS, False), (PLAIN, True)],
    ids=["one bundle", "two bundles", "a status"],
)
def test_a_receipt_costs_little_more_than_its_bundles(ledger: Ledger, *, staple: bool) -> None:
    """At most 1.3 times the bundles alone, and a further receipt of the release 0.05 times the first."""

    def low(found: Verification) -> bool:
        return found.first < 1.3 * found.bundles and found.further < 0.05 * found.first

    found = verification(ledger, rounds=2_000, staple=staple, enough=low)
    assert low(found), found


def test_receipts_of_all_facts_take_no_more_memory_than_a_verification() -> None:
    """One hash in memory for 1,024 facts: what both read takes more than all of these."""
    verify, prove, _ = memory(200_000)
    assert prove < verify + 2**23
