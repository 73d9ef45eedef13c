# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the second person's `anchor publish` at every operation, in the log of the first one.

After each, the same command: the log has one entry of each person, and the folder has both anchors. Whoever
reads the folder in between finds the release with one anchor, or with both, whole.
"""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anchor.app import publish as app_publish
from anchor.publish import interrupted
from tests.support.process import crash
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled
from tests.support.releases.published import LEDGER, Site, snapshot
from tests.support.releases.two_people import ALICE, BOB, in_one_log, publish
from tests.support.servers.embedded_instance import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture(autouse=True)
def _settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that was sent is in the log at once, or was not taken."""
    monkeypatch.setattr(app_publish, "SETTLE", 0.3)
    monkeypatch.setenv("NO_PROXY", "*")


def run(site: Site, words: tuple[object, ...]) -> int:
    return publish(site, LEDGER, "1.0.0", *words).code


def again(site: Site, words: tuple[object, ...]) -> dict[str, Any]:
    return {"between": site.verify().code, "code": run(site, words), "after": site.verify().code}


@sampled(20)
def test_the_second_person_is_killed_anywhere_and_signs_once(
    every: int, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    alice, as_alice = in_one_log(served, base, ALICE)
    assert run(alice, as_alice) == 5
    bob, as_bob = in_one_log(served, base, BOB)

    def copied(name: str) -> Site:
        folder = Path(shutil.copytree(base, tmp_path / name))
        return Site(folder / "site", folder / BOB, bob.policy)

    undisturbed, killer = copied("undisturbed"), Killer(watched=(tmp_path,))
    assert crash.forked(partial(run, undisturbed, as_bob), killer=killer) == 0
    expected = set(snapshot(undisturbed.root))
    points = crash.points(killer)
    betweens, killed = set(), 0
    for number, torn in points[::every]:
        site, size = copied(f"{number}{'t' if torn else ''}"), served.size()
        what = f"killed {'in' if torn else 'before'} operation {number}: {killer.seen[number - 1]}"
        code = crash.forked(partial(run, site, as_bob), killer=Killer(at=number, torn=torn))
        killed += code is None
        done = again(site, as_bob)
        assert done["between"] in (0, 5), (what, done)
        assert (done["code"], done["after"]) == (0, 0), (what, done)
        betweens.add(done["between"])
        assert served.size() == size + 1, what
        assert set(snapshot(site.root)) == expected, what
        assert len(site.value["anchors"]) == 2, what
        assert interrupted.interrupted(site.home) == []
        shutil.rmtree(site.root.parent)
    assert killed == len(points[::every])
    assert betweens == {0, 5} or every > 1
