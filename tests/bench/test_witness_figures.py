# SPDX-License-Identifier: Apache-2.0
"""Witnesses add less than 0.2 s to a publication beyond the slowest: by the time of our processor.

`bench_witness` measures the clock on the wall, which a busy machine spoils. That all are asked at once is
shown without a clock, in `tests/unit/net/test_witness_client.py`.
"""

import time
from pathlib import Path

import pytest

from anchor.embedded import witnesses
from anchor.embedded.instance import Instance
from anchor.net.budget import Budget
from tests.bench.bench_witness import MOST
from tests.support.forge.embedded_signer import entry_request
from tests.support.releases.witnessed import signers
from tests.support.servers.witness_server import Witness, serving

pytestmark = [pytest.mark.bench, pytest.mark.slow]
COUNT = 8
ROUNDS = 7


def test_eight_witnesses_cost_less_than_a_fifth_of_a_second(tmp_path: Path) -> None:
    """The witnesses run in this process, so that their work is counted too."""
    asked = tuple(Witness(f"w{i}.example") for i in range(COUNT))
    instance = Instance.create(tmp_path / "instance")
    costs = []
    with serving(*asked):
        for witness in asked:
            witness.knows(instance.vkey)
            witnesses.edit(instance, lambda listed, w=witness: listed.added(w.url, w.vkey, ""))  # type: ignore[misc]
        policy = witnesses.edit(instance, lambda listed: listed.with_rule("all"))
        asking = witnesses.Witnesses(instance, policy)
        for number in range(ROUNDS):
            instance.log.append(entry_request(f"entry {number}"))
            began = time.process_time()
            asking.ask(Budget(60))
            costs.append(time.process_time() - began)
            assert signers(instance.log.head(), asked) == sorted(w.name for w in asked)
    instance.close()
    print(f"{COUNT} witnesses: {sorted(costs)[ROUNDS // 2]:.3f} s of the processor")
    assert min(costs) < MOST
