# SPDX-License-Identifier: Apache-2.0
"""Two places publish one ledger: what the site online prevents (`--online`), and what only a reader finds.

Each place has its own copy of the folder and of the home, as two machines with one token have.
"""

import shutil
from pathlib import Path

import pytest

from anchor.publish.signing_history import SignedStatements
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.chained import put
from tests.support.releases.published import LEDGER, Site, published, snapshot
from tests.support.servers.folder_server import serve_folder

OTHER = LEDGER.replace("| A | 1 |", "| A | 9 |")
THIRD = LEDGER.replace("| A | 1 |", "| A | 8 |")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("forks"))


@pytest.fixture
def site(first: Site, tmp_path: Path) -> Site:
    return first.copy(tmp_path)


@pytest.fixture
def stale(first: Site, tmp_path: Path) -> Site:
    """The other place, which knows release 1 only."""
    (tmp_path / "stale").mkdir()
    return first.copy(tmp_path / "stale")


def test_a_place_that_is_behind_signs_nothing(
    site: Site, stale: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    assert site.publish(OTHER, "2", "--online", site.root).code == 0
    with serve_folder(site.root) as server:
        before, signed = snapshot(stale.root), SignedStatements(stale.home).lines()
        for words in ((), ("--dry-run",)):
            for version in ("2", "2b"):
                ran = stale.publish(THIRD, version, "--online", f"{server.url}/", *words)
                assert ran.code == 2
                assert "release 2 (2) is online" in ran.line
                assert "get the newest state" in ran.line
        assert snapshot(stale.root) == before
        assert SignedStatements(stale.home).lines() == signed
        # the newest state, and then
        shutil.rmtree(stale.root)
        shutil.copytree(site.root, stale.root)
        updated = Site(stale.root, site.home, site.policy)
        ran = updated.publish(THIRD, "3", "--online", f"{server.url}/")
        assert ran.code == 0, ran.err
        assert "release 2 (2) is online, and is the one of this folder" in ran.err


def test_the_same_statement_is_no_fork(site: Site, stale: Site) -> None:
    assert site.publish(OTHER, "2").code == 0
    assert stale.publish(OTHER, "2", "--online", site.root).code == 0


def test_a_folder_with_another_release_than_the_site(site: Site, stale: Site) -> None:
    """It forked before, and would go on."""
    assert site.publish(OTHER, "2").code == 0
    assert stale.publish(THIRD, "2").code == 0
    ran = stale.publish(LEDGER, "3", "--online", site.root)
    assert ran.code == 2
    assert "another statement than the one of this folder" in ran.line
    assert site.publish(LEDGER, "3").code == 0
    assert "release 3 (3) is online" in stale.publish(OTHER, "3", "--online", site.root).line


def test_a_folder_that_is_ahead_of_the_site(site: Site, stale: Site) -> None:
    assert site.publish(OTHER, "2").code == 0
    assert site.publish(THIRD, "3", "--online", stale.root).code == 0
    shutil.rmtree(site.root / "release" / "1.0.0")
    ran = site.publish(LEDGER, "4", "--online", stale.root)
    assert ran.code == 0, ran
    assert "the two are not compared" in ran.err


def test_a_site_that_cannot_be_compared(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    before = snapshot(site.root)
    with serve_folder(site.root) as server:
        target = f"{server.url}/"
        for status, code in ((404, 3), (503, 3)):
            server.status = status
            ran = site.publish(OTHER, "2", "--online", target)
            assert ran.code == code
            assert "--online" in ran.line or status == 503
        server.status = 200
        for body, code in ((b"<html>", 3), (b"", 3)):
            server.bodies["release.json"] = body
            assert site.publish(OTHER, "2", "--online", target).code == code
        server.bodies.clear()
    assert site.publish(OTHER, "2", "--online", tmp_path / "nowhere").code == 3
    put(site, "else", 1, None, name="else", newest=True)
    assert snapshot(site.root) != before
    fresh = Site(tmp_path / "fresh", tmp_path / "home-2", site.policy)
    ran = fresh.publish(OTHER, "1", "--online", site.root)
    assert ran.code == 2
    assert "'else'" in ran.line
    assert not (fresh.root / "release.json").exists()


def test_the_first_release_of_all(site: Site, tmp_path: Path) -> None:
    fresh = Site(tmp_path / "fresh", tmp_path / "home-2", site.policy)
    ran = fresh.publish(OTHER, "1", "--online", tmp_path / "nowhere")
    assert ran.code == 0, ran
    assert "no release is online yet" in ran.err
    assert fresh.publish(OTHER, "1", "--online", fresh.root).code == 0  # again: it verifies


def test_two_places_at_the_same_time_are_found_by_who_reads_both(site: Site, stale: Site) -> None:
    """Both asked the site before either had uploaded. Nothing can prevent it, and evidence remains."""
    online = stale.root.parent / "online"
    shutil.copytree(site.root, online)
    assert site.publish(OTHER, "2", "--online", online).code == 0
    assert stale.publish(THIRD, "2b", "--online", online).code == 0
    shutil.copytree(site.root, online, dirs_exist_ok=True)
    assert "release 2 (2) is online" in stale.publish(LEDGER, "3", "--online", online).line
    shutil.copytree(stale.root / "release" / "2b", online / "release" / "2b")  # the second upload
    home = site.home.parent / "watch"
    ran = anchor("chain", online, "--policy", site.policy, "--home", home)
    assert ran.code == 6, ran
    (path,) = (home / "evidence").iterdir()
    assert anchor("verify-evidence", path, "--policy", site.policy).code == 6


def withdraw(site: Site, reason: str, *words: object) -> Ran:
    named = ("--release", "1.0.0", "--fact", 1, "--kind", "corrected", "--reason", reason)
    return anchor("withdraw", site.root, *named, "--home", site.home, *words)


def test_a_place_that_lacks_a_status_signs_no_second_one(site: Site, stale: Site) -> None:
    assert withdraw(site, "measured twice", "--online", stale.root).code == 0
    online = ("--online", site.root)
    before, signed = snapshot(stale.root), SignedStatements(stale.home).lines()
    for ran in (
        withdraw(stale, "never measured", *online),
        withdraw(stale, "never measured", *online, "--dry-run"),
        anchor("renew", stale.root, "--home", stale.home, *online),
        stale.publish(OTHER, "2", *online),
        stale.publish(OTHER, "2", *online, "--dry-run"),
    ):
        assert (ran.code, "status 1 is online, and this folder knows none" in ran.line) == (2, True), ran
    assert (snapshot(stale.root), SignedStatements(stale.home).lines()) == (before, signed)
    assert withdraw(stale, "never measured").code == 0
    assert "status 1 is online, with another" in withdraw(stale, "again", *online).line
    assert site.publish(OTHER, "2", *online).code == 0
    ran = anchor("renew", stale.root, "--home", stale.home, *online)
    assert (ran.code, "status 2 is online, and this folder knows 1" in ran.line) == (2, True), ran
    assert anchor("renew", site.root, "--home", site.home, *online).code == 0
