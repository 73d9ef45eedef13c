# SPDX-License-Identifier: Apache-2.0
"""kill -9 of `anchor publish` at every operation and in the middle of every write, then the same command.

After each: exactly one entry, the release that an undisturbed run makes, nothing left behind; and whoever
reads the folder between the crash and the repetition finds the old release or the new one, whole.
"""

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anchor.app import publish
from anchor.format import release as releases
from anchor.publish import interrupted, statement_guard
from anchor.publish.signing_history import SignedStatements
from anchor.tlog import tiles
from tests.support.process import crash
from tests.support.process.anchor_cli import anchor
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled
from tests.support.releases import published
from tests.support.releases.published import LEDGER, Site
from tests.support.servers.embedded_instance import Served, serving

PARTS = 4
OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")


@dataclass(frozen=True)
class Scenario:
    """The state before, and the publication that is killed."""

    name: str
    ledger: str = LEDGER
    version: str = "1.0.0"
    before: Callable[[Path], Site] = published.empty
    entries: int = 1
    also: bool = False
    """True if a second log, behind HTTP, is asked for."""
    every: int = 1
    """One of so many crash points is tried by the slow tests, and each where CRASH_EVERY_POINT is set."""
    part: Callable[[list[str]], tuple[int, int]] = lambda seen: (0, len(seen))
    """Which of the operations are tried; the others are another scenario's."""


def with_instance(folder: Path) -> Site:
    site = published.empty(folder)
    assert anchor("instance", "init", "--root", site.root, "--home", site.home).code == 0
    return site


def from_the_network_on(seen: list[str]) -> tuple[int, int]:
    return seen.index("connect"), len(seen)


SCENARIOS = [
    Scenario("from nothing", part=lambda _: (0, 120)),
    Scenario("first release", before=with_instance),
    Scenario("second release", OTHER, "1.1.0", published.published, 2),
    Scenario("two logs", before=with_instance, also=True, every=2, part=from_the_network_on),
    Scenario("log added", before=published.published, also=True, every=2, part=from_the_network_on),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as found:
        yield found


Prepared = Callable[[Scenario], tuple[Site, Killer, dict[str, bytes]]]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, served: Served) -> Prepared:
    """The state before a scenario, to be copied, and what `undisturbed` says of it; made once for each."""

    @functools.cache
    def made(name: str) -> tuple[Site, Killer, dict[str, bytes]]:
        scenario = next(one for one in SCENARIOS if one.name == name)
        folder = tmp_path_factory.mktemp("prepared")
        (folder / "base").mkdir()
        base = scenario.before(folder / "base")
        return base, *undisturbed(base, folder, scenario, served)

    return lambda scenario: made(scenario.name)


@pytest.fixture(autouse=True)
def _settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that was sent to the second instance is in its log at once, or was not taken."""
    monkeypatch.setattr(publish, "SETTLE", 0.3)
    monkeypatch.setenv("NO_PROXY", "*")


def run(site: Site, scenario: Scenario, served: Served) -> tuple[int, str, str]:
    with published.new_user(site):
        ran = site.publish(scenario.ledger, scenario.version, *(served.words() if scenario.also else ()))
    return ran.code, ran.out, ran.err


def random_files(names: set[str]) -> set[str]:
    """The files with a random signature, or with the digest of one."""
    return {n for n in names if n.endswith(("release.json", ".sigstore.json")) or "/log/" in n}


def check_left(site: Site, expected: dict[str, bytes], *, from_nothing: bool) -> None:
    """The folder is the undisturbed one, except for the random signature. It has no other files."""
    found = published.snapshot(site.root)
    if from_nothing:  # each run makes an instance, and a log is named after its key
        found, expected = ({_nameless(n): d for n, d in x.items()} for x in (found, expected))
    assert set(found) == set(expected)
    random = random_files(set(found)) | ({n for n in found if "trusted_root" in n} if from_nothing else set())
    for name in set(found) - random:
        assert found[name] == expected[name], name
    assert interrupted.interrupted(site.home) == []
    left = [p for p in site.home.rglob("*") if p.name.startswith(".") or p.name.endswith(".tmp")]
    assert left == []
    assert list((site.home / "journal").iterdir()) == []
    check_remembered(site)
    if site.root.parent != site.home.parent:
        raise AssertionError("root and home are expected side by side")
    assert {p.name for p in site.root.parent.iterdir()} <= {
        "site",
        "home",
        "data",
        "ledger.md",
        "policy.toml",
    }


def check_remembered(site: Site) -> None:
    """The home has each release as published, once, with its statement and its bundles."""
    assert {p.name for p in site.home.iterdir()} == {"instance", "journal", "signed", "signed.jsonl"}
    signed = SignedStatements(site.home)
    found = [(one.step, one.statement) for one in statement_guard.binding(signed.lines())]
    folders = sorted((site.root / "release").glob("*/release.json"))
    made = [releases.load(path.read_bytes()) for path in folders]
    assert sorted(found) == sorted(("published", one.statement.sha256) for one in made)
    for path, one in zip(folders, made, strict=True):
        statement = (path.parent / one.statement.path).read_bytes()
        kept = {name: (bundle, signed.kept_root(statement, name)) for name, bundle in signed.kept(statement)}
        assert kept == {
            a.bundle.path: tuple((path.parent / b.path).read_bytes() for b in (a.bundle, one.root_of(a)))
            for a in one.anchors
        }


def _nameless(name: str) -> str:
    return "/".join("ORIGIN" + p[16:] if ".anchor-embedded.invalid" in p else p for p in name.split("/"))


def bodies(site: Site) -> list[bytes]:
    """Every entry of the embedded log, read from its folder."""
    log = site.home / "instance" / "log"
    size = int((log / "checkpoint").read_text().split("\n")[1])
    if size == 0:
        return []
    data = (log / "tile" / "entries" / "000").read_bytes()
    return list(tiles.parse_bundle(data, size))


def again(site: Site, scenario: Scenario, served: Served) -> dict[str, Any]:
    """The state that a reader finds after the crash, and the result of the same command then."""
    between = 0
    if site.policy.exists():
        between = anchor("verify", site.release, "--policy", site.policy).code
    elif site.release.exists():
        between = anchor("verify", site.release).code - 2  # whole, and the signer is only claimed
    code, out, err = run(site, scenario, served)
    site.policy.write_text(out)
    return {"between": between, "code": code, "err": err, "after": site.verify().code}


def stride(scenario: Scenario, every: int) -> int:
    """One of so many crash points is tried."""
    return 1 if "CRASH_EVERY_POINT" in os.environ else scenario.every * every


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything is imported once, here: the forked processes find it."""
    assert published.published(tmp_path_factory.mktemp("warm")).verify().code == 0


@sampled(30)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_killed_anywhere_and_run_again_there_is_one_entry_and_the_same_release(
    scenario: Scenario,
    part: int,
    every: int,
    served: Served,
    prepared: Prepared,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    base, counted, expected = prepared(scenario)
    first, last = scenario.part(counted.seen)
    points = [(n, torn) for n, torn in crash.points(counted) if first < n <= last]
    mine = points[:: stride(scenario, every)][part::PARTS]
    killed = 0
    for number, torn in mine:
        folder = tmp_path / f"{number}{'t' if torn else ''}"
        shutil.copytree(base.root.parent, folder, dirs_exist_ok=True)
        site = Site(folder / "site", folder / "home", folder / "policy.toml")
        if site.policy.exists():
            site.policy.write_text(site.policy.read_text().replace(str(base.root), str(site.root)))
        what = f"killed {'in' if torn else 'before'} operation {number}: {counted.seen[number - 1]}"
        killer = Killer(at=number, torn=torn)
        size = served.size()
        code = crash.forked(partial(run, site, scenario, served), killer=killer)
        killed += code is None
        done = again(site, scenario, served)
        assert (done["between"], done["code"], done["after"]) == (0, 0, 0), (what, done)
        check_left(site, expected, from_nothing=scenario.name == "from nothing")
        entries = bodies(site)
        assert len(entries) == scenario.entries == len(set(entries)), what
        assert served.size() == size + scenario.also, what
        shutil.rmtree(folder)
    assert killed == len(mine)
    record_property("crash_points", killed)
    print(f"{scenario.name}, part {part}: {killed} of {len(points)} crash points")


@sampled(30)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_anywhere_and_the_folder_gone_there_is_never_a_second_statement(
    part: int, every: int, served: Served, prepared: Prepared, tmp_path: Path
) -> None:
    """Other bytes in the place of what was killed: taken while the log has nothing, else refused for ever,
    and what was killed goes on."""
    scenario = next(s for s in SCENARIOS if s.name == "first release")
    base, counted, _ = prepared(scenario)
    taken = refused = 0
    points = crash.points(counted)
    ends = [] if part else [points[0], points[-1]]  # a sample may lie on one side of the log's answer only
    mine = points[:: stride(scenario, every)][part::PARTS]
    for number, torn in [*ends, *(point for point in mine if point not in ends)]:
        folder = tmp_path / f"{number}{'t' if torn else ''}"
        shutil.copytree(base.root.parent, folder, dirs_exist_ok=True)
        site = Site(folder / "site", folder / "home", folder / "policy.toml")
        what = f"killed {'in' if torn else 'before'} operation {number}: {counted.seen[number - 1]}"
        killer = Killer(at=number, torn=torn)
        assert crash.forked(partial(run, site, scenario, served), killer=killer) is None, what
        shutil.rmtree(site.root, ignore_errors=True)
        sent = len(bodies(site))
        foretold = None if part else other(site, "--dry-run")
        code = other(site)
        assert code in (0, 2), what
        assert foretold in (None, code), what
        assert len(bodies(site)) == (1 if code == 0 else sent) <= 1, what
        taken, refused = taken + (code == 0), refused + (code == 2)
        if code == 0:
            assert sent == 0, what
        else:
            assert other(site) == 2, what
            assert run(site, scenario, served)[0] == 0, what
            assert len(bodies(site)) == 1, what
        shutil.rmtree(folder)
    assert (taken and refused) or (every > 1 and not ends)


def other(site: Site, *more: str) -> int:
    return site.publish(OTHER, "1.0.0", *more).code


def undisturbed(
    base: Site, tmp_path: Path, scenario: Scenario, served: Served
) -> tuple[Killer, dict[str, bytes]]:
    """The operations of a run that is left alone, and the folder that it makes."""
    folder = tmp_path / "undisturbed"
    shutil.copytree(base.root.parent, folder)
    site = Site(folder / "site", folder / "home", folder / "policy.toml")
    killer = Killer(watched=(folder,))
    code, _, said = crash.forked(partial(run, site, scenario, served), killer=killer)
    assert code == 0, said
    return killer, published.snapshot(site.root)
