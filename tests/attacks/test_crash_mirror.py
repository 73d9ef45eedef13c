# SPDX-License-Identifier: Apache-2.0
"""kill -9 of `anchor mirror` anywhere: the mirror is the old one or the new; the next run completes it."""

import functools
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anchor.disk.mirror_folder import STATE
from tests.support.process import crash
from tests.support.process.anchor_cli import anchor
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled
from tests.support.releases.published import LEDGER, Site, published, snapshot

PARTS = 3


def mirror(site: Site, folder: Path) -> int:
    return anchor("mirror", site.root, folder, "--policy", site.policy).code


def seen(site: Site, folder: Path) -> list[int]:
    """The classes that readers of the mirror find."""
    return [anchor(command, folder, "--policy", site.policy).code for command in ("verify", "chain")]


def nothing(folder: Path) -> Site:
    """A first run."""
    return published(folder, LEDGER, "1")


def one_more(folder: Path) -> Site:
    """A mirror with one release, and a site with a second one and a status."""
    site = published(folder, LEDGER, "1")
    assert mirror(site, folder / "mirror") == 0
    assert site.publish(f"{LEDGER}| D | 4 |\n", "2").code == 0
    assert anchor("renew", site.root, "--home", site.home).code == 0
    return site


def more(folder: Path) -> Site:
    """A mirror with a status, and three releases later, each beside a status of its own: they are put in
    place one after the other, each with the status that it knew."""
    site = one_more(folder)
    assert mirror(site, folder / "mirror") == 0
    for number in (3, 4, 5):
        ran = site.publish(f"{LEDGER}| D | {number} |\n", str(number), "--index", "label")
        assert ran.code == 0, ran  # of version 2, whose statement commits to the status
    return site


SCENARIOS: dict[str, Callable[[Path], Site]] = {f.__name__: f for f in (nothing, one_more, more)}


@functools.cache
def prepared(name: str, folder: Path) -> tuple[Site, Path, Killer, dict[str, bytes]]:
    """A site, the mirror before, the operations of a run that is left alone, and the mirror after it."""
    base = folder / name
    base.mkdir()
    site = SCENARIOS[name](base)
    copied(base / "mirror", base / "undisturbed")
    killer = Killer(watched=(base,))
    assert crash.forked(partial(mirror, site, base / "undisturbed"), killer=killer) == 0
    return site, base / "mirror", killer, snapshot(base / "undisturbed")


def copied(mirror: Path, to: Path) -> None:
    if mirror.exists():
        shutil.copytree(mirror, to)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For what is prepared. Everything is imported once, here: the forked processes find it."""
    found = tmp_path_factory.mktemp("prepared")
    site = nothing(found)
    assert again(site, found / "mirror") == (None, 0, [0, 0])
    return found


def again(site: Site, folder: Path) -> Any:
    """The classes that readers find after the crash, and after the same command."""
    between = seen(site, folder) if (folder / "release.json").exists() else None
    return between, mirror(site, folder), seen(site, folder)


@sampled(12)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_anywhere_the_mirror_is_the_old_one_or_the_new(
    name: str, part: int, every: int, folder: Path, tmp_path: Path
) -> None:
    site, before, counted, after = prepared(name, folder)
    mine = crash.points(counted)[::every][part::PARTS]
    killed = 0
    for number, torn in mine:
        own = tmp_path / f"{number}{'t' if torn else ''}"
        copied(before, own)
        killer = Killer(at=number, torn=torn)
        killed += crash.forked(partial(mirror, site, own), killer=killer) is None
        what = f"killed {'in' if torn else 'before'} operation {number}: {counted.seen[number - 1]}"
        between, code, then = again(site, own)
        assert between in ((None, [0, 0]) if name == "nothing" else ([0, 0],)), (what, between)
        assert (code, then) == (0, [0, 0]), (what, code, then)
        assert snapshot(own) == after, what
        assert not (own / STATE / "new").exists(), what
        shutil.rmtree(own)
    assert killed == len(mine)
