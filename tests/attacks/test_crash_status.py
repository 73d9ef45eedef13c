# SPDX-License-Identifier: Apache-2.0
"""kill -9 of `anchor withdraw`, and of a release beside a status, anywhere, and then the same command.

After each: exactly one entry for each statement, the state that an undisturbed run makes, nothing left
behind; and whoever reads the folder between the crash and the repetition finds the old or the new state.
"""

import functools
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anchor.publish import interrupted, statement_guard
from anchor.publish.signing_history import SignedStatements
from anchor.tlog import tiles
from tests.support.process import crash
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled
from tests.support.releases import published
from tests.support.releases.published import LEDGER, Site

PARTS = 6
OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")


def withdraw(site: Site) -> Ran:
    words = ("--release", "1.0.0", "--fact", 1, "--kind", "corrected", "--reason", "measured twice")
    return anchor("withdraw", site.root, *words, "--home", site.home)


def renew(site: Site) -> Ran:
    return anchor("renew", site.root, "--home", site.home)


def release(site: Site) -> Ran:
    return site.publish(OTHER, "1.1.0")


def with_status(folder: Path) -> Site:
    site = published.published(folder)
    assert withdraw(site).code == 0
    return site


@dataclass(frozen=True)
class Scenario:
    """The state before, the command that is killed, its entries, and the classes before and after it."""

    name: str
    before: Callable[[Path], Site]
    run: Callable[[Site], Ran]
    entries: int
    between: frozenset[int]
    after: int


SCENARIOS = [
    Scenario("first status", published.published, withdraw, 2, frozenset({0, 11}), 11),
    Scenario("release beside a status", with_status, release, 4, frozenset({0, 11}), 0),
]


@functools.cache
def prepared(name: str, folder: Path) -> tuple[Site, Killer, dict[str, bytes]]:
    """The state before, to be copied, and the operations and the folder of a run that is left alone."""
    scenario = next(s for s in SCENARIOS if s.name == name)
    (folder / "base").mkdir()
    base = scenario.before(folder / "base")
    site = copied(base, folder / "undisturbed")
    killer = Killer(watched=(folder,))
    code, said = crash.forked(partial(ran, site, scenario), killer=killer)
    assert code == 0, said
    return base, killer, published.snapshot(site.root)


def copied(base: Site, folder: Path) -> Site:
    shutil.copytree(base.root.parent, folder)
    site = Site(folder / "site", folder / "home", folder / "policy.toml")
    site.policy.write_text(base.policy.read_text().replace(str(base.root), str(site.root)))
    return site


def ran(site: Site, scenario: Scenario) -> tuple[int, str]:
    done = scenario.run(site)
    return done.code, done.err


def again(site: Site, scenario: Scenario) -> dict[str, Any]:
    """The state that a reader finds after the crash, and the result of the same command then."""
    between = site.verify().code
    code, err = ran(site, scenario)
    return {"between": between, "code": code, "err": err, "after": site.verify().code}


def bodies(site: Site) -> list[bytes]:
    log = site.home / "instance" / "log"
    size = int((log / "checkpoint").read_text().split("\n")[1])
    return list(tiles.parse_bundle((log / "tile" / "entries" / "000").read_bytes(), size, rest=True))


def check_left(site: Site, expected: dict[str, bytes]) -> None:
    """The folder is the undisturbed one, except for random signatures. It has no other files."""
    found = published.snapshot(site.root)
    assert set(found) == set(expected)
    random = {n for n in found if n.endswith(("release.json", ".sigstore.json")) or "/log/" in n}
    for name in set(found) - random:
        assert found[name] == expected[name], name
    assert interrupted.interrupted(site.home) == []
    assert [p for p in site.home.rglob("*") if p.name.startswith(".") or p.name.endswith(".tmp")] == []
    assert list((site.home / "journal").iterdir()) == []
    lines = statement_guard.binding(SignedStatements(site.home).lines())
    assert {one.step for one in lines} == {"published"}
    assert len({one.statement for one in lines}) == len(lines) == len(bodies(site))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return functools.cache(lambda name: tmp_path_factory.mktemp("prepared"))


@sampled(60)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_killed_anywhere_and_run_again_there_is_one_entry_and_the_same_status(
    scenario: Scenario, part: int, every: int, folder: Callable[[str], Path], tmp_path: Path
) -> None:
    base, counted, expected = prepared(scenario.name, folder(scenario.name))
    points = crash.points(counted)
    mine = points[::every][part::PARTS]
    killed = 0
    for number, torn in mine:
        site = copied(base, tmp_path / f"{number}{'t' if torn else ''}")
        what = f"killed {'in' if torn else 'before'} operation {number}: {counted.seen[number - 1]}"
        killer = Killer(at=number, torn=torn)
        killed += crash.forked(partial(ran, site, scenario), killer=killer) is None
        done = again(site, scenario)
        assert done["between"] in scenario.between, (what, done)
        assert (done["code"], done["after"]) == (0, scenario.after), (what, done)
        check_left(site, expected)
        entries = bodies(site)
        assert len(entries) == scenario.entries == len(set(entries)), what
        shutil.rmtree(site.root.parent)
    assert killed == len(mine)


@sampled(120)
def test_killed_anywhere_and_renewed_the_interrupted_status_is_completed(
    every: int, folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """`anchor renew` takes the bytes that a log may have, or makes a status of its own if none has any."""
    scenario = SCENARIOS[0]
    base, counted, _ = prepared(scenario.name, folder(scenario.name))
    for number, torn in crash.points(counted)[::every]:
        site = copied(base, tmp_path / f"{number}{'t' if torn else ''}")
        killer = Killer(at=number, torn=torn)
        assert crash.forked(partial(ran, site, scenario), killer=killer) is None, number
        sent = len(bodies(site)) == 2
        held = published.snapshot(site.root.parent)
        code, shown, said = _shown(site)
        assert code == 0, (number, said)
        assert published.snapshot(site.root.parent) == held, "a dry run writes nothing"
        assert renew(site).code == 0, number
        place = site.root / site.value["status"]["statement"]["path"]
        assert json.loads(shown) == json.loads(place.read_bytes()), number
        assert release(site).code == 0, number
        place = site.root / site.value["status"]["statement"]["path"]
        entries = json.loads(place.read_bytes())["predicate"].get("withdrawn", [])
        assert len(entries) == 1 if sent else len(entries) < 2, number  # the log may have it all the same
        assert site.verify().code == 0
        assert len(bodies(site)) == len(set(bodies(site)))
        assert interrupted.interrupted(site.home) == []
        shutil.rmtree(site.root.parent)


def _shown(site: Site) -> tuple[int, str, str]:
    """Exit code, statement and messages of a dry run."""
    done = anchor("renew", site.root, "--home", site.home, "--dry-run", "--json")
    return done.code, done.document.get("statement"), done.err


def other_words(site: Site) -> Ran:
    words = ("--release", "1.0.0", "--fact", 1, "--kind", "withdrawn", "--reason", "never measured")
    return anchor("withdraw", site.root, *words, "--home", site.home)


@sampled(120)
def test_killed_anywhere_and_run_again_with_other_words_there_is_no_second_status(
    every: int, folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """The bytes that a log may have are completed first: two of one sequence would contradict each other."""
    scenario = SCENARIOS[0]
    base, counted, _ = prepared(scenario.name, folder(scenario.name))
    for number, torn in crash.points(counted)[every // 2 :: every]:
        site = copied(base, tmp_path / f"{number}{'t' if torn else ''}")
        killer = Killer(at=number, torn=torn)
        assert crash.forked(partial(ran, site, scenario), killer=killer) is None, number
        code = other_words(site).code
        if code != 0:
            assert code == 2, number
            assert renew(site).code == 0, number
            assert other_words(site).code == 0, number
        lines = [one for one in statement_guard.binding(SignedStatements(site.home).lines()) if one.status]
        assert len({one.statement for one in lines}) == len({one.status for one in lines}), number
        place = site.root / site.value["status"]["statement"]["path"]
        predicate = json.loads(place.read_bytes())["predicate"]
        assert predicate["withdrawn"][-1]["reason"] == "never measured", number
        assert predicate["sequence"] == len(predicate["withdrawn"]) == len(set(bodies(site))) - 1, number
        assert len(bodies(site)) == len(set(bodies(site)))
        assert interrupted.interrupted(site.home) == []
        shutil.rmtree(site.root.parent)
