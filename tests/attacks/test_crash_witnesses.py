# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a publication that waits for witnesses, before every operation and in every write, then again.

After each: one entry, a bundle with the whole quorum, and witnesses that saw one history.
"""

import functools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.process import crash
from tests.support.process.anchor_cli import anchor
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled
from tests.support.releases.published import LEDGER, Site
from tests.support.releases.witnessed import (
    Witnesses,
    bundle_head,
    in_bundle,
    in_log,
    signers,
    with_witnesses,
)
from tests.support.servers.witness_server import Witness, serving

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")
NAMES = ["one.example", "two.example"]
PARTS = 2


def first(site: Site) -> int:
    return site.publish().code


def second(site: Site) -> int:
    return site.publish(OTHER, "1.1.0").code


def withdrawn(site: Site) -> int:
    words = ("--release", "1.0.0", "--kind", "withdrawn", "--reason", "wrong")
    return anchor("withdraw", site.root, "--home", site.home, *words).code


@dataclass(frozen=True)
class Scenario:
    """The command that is killed, the entries in the log after it, and its bundles."""

    name: str
    run: Callable[[Site], int]
    entries: int
    bundle: str


SCENARIOS = [
    Scenario("first release", first, 1, "release/1.0.0/*.sigstore.json"),
    Scenario("second release", second, 2, "release/1.1.0/*.sigstore.json"),
    Scenario("status", withdrawn, 2, "release/status/1/*.sigstore.json"),
]
Base = tuple[Site, list[dict[str, tuple[int, bytes]]], Killer]


@pytest.fixture(scope="module")
def two() -> Iterator[Witnesses]:
    with serving(*map(Witness, NAMES)) as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory, two: Witnesses) -> None:
    """Everything is imported once, here: the forked processes find it."""
    site = with_witnesses(tmp_path_factory.mktemp("warm"), two, "all")
    assert (first(site), withdrawn(site)) == (0, 0)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory, two: Witnesses) -> Callable[[Scenario], Base]:
    """The site before a scenario, what each witness has then, and the operations of a run left alone."""

    @functools.cache
    def made(name: str) -> Base:
        scenario = next(one for one in SCENARIOS if one.name == name)
        folder = tmp_path_factory.mktemp("base")
        site = with_witnesses(folder / "base", two, "all")
        if scenario.entries > 1:
            assert site.publish().code == 0
        stores = [dict(w.store) for w in two]
        alone = copied(site, folder / "alone")
        killer = Killer(watched=(folder,))
        assert crash.forked(functools.partial(scenario.run, alone), killer=killer) == 0
        return site, stores, killer

    return lambda scenario: made(scenario.name)


def copied(site: Site, folder: Path) -> Site:
    shutil.copytree(site.root.parent, folder, dirs_exist_ok=True)
    return Site(folder / "site", folder / "home", folder / "policy.toml")


@sampled(15)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_killed_anywhere_and_run_again_one_entry_has_the_quorum(
    scenario: Scenario,
    part: int,
    every: int,
    two: Witnesses,
    bases: Callable[[Scenario], Base],
    tmp_path: Path,
) -> None:
    base, stores, counted = bases(scenario)
    points = crash.points(counted)
    mine = points[::every][part::PARTS]
    killed = 0
    for number, torn in mine:
        for witness, store in zip(two, stores, strict=True):
            witness.store = dict(store)
        site = copied(base, tmp_path / f"{number}{'t' if torn else ''}")
        what = f"killed {'in' if torn else 'before'} operation {number}: {counted.seen[number - 1]}"
        killer = Killer(at=number, torn=torn)
        killed += crash.forked(functools.partial(scenario.run, site), killer=killer) is None
        size = in_log(site).size
        assert all(w.size(in_log(site).origin) <= size for w in two), what
        assert scenario.run(site) == 0, what
        (bundle,) = site.root.glob(scenario.bundle)
        (exported,) = site.root.glob("release/log/*/checkpoint")
        assert signers(bundle_head(bundle), two) == NAMES, what
        assert signers(in_log(site), two) == NAMES, what
        assert exported.read_bytes() == in_log(site).raw, what
        assert in_log(site).size == scenario.entries, what
        assert [w.size(in_log(site).origin) for w in two] == [scenario.entries] * 2, what
        shutil.rmtree(site.root.parent)
    # how often an answer is read from a socket, and by which thread first, depends on the moment
    assert killed >= (len(mine) - 1) * 0.8


def test_a_quorum_that_was_met_when_it_was_killed_is_not_asked_for_again(
    two: Witnesses, tmp_path: Path
) -> None:
    """Cosignatures that are in the checkpoint count, though the witnesses are gone since."""
    base = with_witnesses(tmp_path / "base", two, "all")
    stores = [dict(w.store) for w in two]
    killer = Killer()
    assert crash.forked(functools.partial(first, copied(base, tmp_path / "alone")), killer=killer) == 0
    last_read = max(n for n, name in enumerate(killer.seen, 1) if name == "recv")
    for number in range(last_read, len(killer.seen)):
        for witness, store in zip(two, stores, strict=True):
            witness.store = dict(store)
        site = copied(base, tmp_path / str(number))
        assert crash.forked(functools.partial(first, site), killer=Killer(at=number)) is None
        if signers(in_log(site), two) == NAMES:
            break
    assert not site.release.exists()
    for witness in two:
        witness.lie = lambda _w, _b: (503, b"", "text/plain")
    try:
        assert first(site) == 0
        assert signers(in_bundle(site), two) == NAMES
    finally:
        for witness in two:
            witness.lie = None
