# SPDX-License-Identifier: Apache-2.0
"""The time of a chain ends the walk with one clear line, wherever it is."""

from pathlib import Path

from anchor.app.chain import Chain
from anchor.app.trust import load
from anchor.net.budget import Budget
from anchor.verdict import Class
from anchor.verify import chain as chains
from tests.support.logs.many_releases import publish_many


def test_the_walk_ends_when_the_time_is_over(tmp_path: Path) -> None:
    many = publish_many(tmp_path, 4)
    trust = load(many.policy(), budget=Budget(60), offline=True)
    now = 0.0
    chain = Chain(str(many.targets[-1]), trust=trust, budget=Budget(10, clock=lambda: now), offline=True)
    links = []
    for step in chain.steps():
        links.append(step.link)
        now += 6
    assert [one.number for one in links] == [4, 3, 2]
    assert [one.verdict for one in links] == [Class.OK, Class.OK, Class.UNAVAILABLE]
    verdict = chains.conclude("t", links)
    assert verdict.verdict is Class.UNAVAILABLE
    details = [c.detail for c in verdict.checks]
    assert "the time for this chain is over: 10 seconds; give more with --within" in details[2]
    assert details[3] == "releases 4 to 3 were found, releases 2 to 1 were not examined"


def test_also_in_the_middle_of_a_ledger(tmp_path: Path) -> None:
    many = publish_many(tmp_path, 2)
    trust = load(many.policy(), budget=Budget(60), offline=True)
    asked = 0

    def clock() -> float:
        nonlocal asked
        asked += 1
        return 0.0 if asked < 3 else 20.0

    chain = Chain(str(many.targets[-1]), trust=trust, budget=Budget(10, clock=clock), offline=True)
    (first, *_) = chain.steps()
    assert first.link.verdict is Class.UNAVAILABLE
    assert "--within" in first.link.check.detail
