# SPDX-License-Identifier: Apache-2.0
"""`anchor publish` where something is already: an interrupted publication, damage, things of other people."""

import json
from pathlib import Path

import pytest

from tests.support.published import LEDGER, Site, published, snapshot

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("published"))


@pytest.fixture
def site(original: Site, tmp_path: Path) -> Site:
    """A copy with one release of its own. Its home is copied too, so it can go on publishing."""
    return original.copy(tmp_path)


def test_a_folder_of_someone_else_in_the_place_of_a_version_is_left_alone(site: Site) -> None:
    mine = site.root / "release" / "2.0.0"
    mine.mkdir()
    (mine / "precious").write_text("x")
    ran = site.publish(OTHER, "2.0.0")
    assert ran.code == 2
    assert "not made by publishing" in ran.line
    assert (mine / "precious").read_text() == "x"
    assert site.entries() == 1


def test_a_release_whose_commit_was_lost_is_completed_and_blocks_another(site: Site) -> None:
    """Killed between folder and rename of release.json: the number is taken, the version is not out."""
    before = site.release.read_bytes()
    assert site.publish(OTHER, "1.1.0").code == 0
    after = site.release.read_bytes()
    site.release.write_bytes(before)
    ran = site.publish(LEDGER, "1.2.0")
    assert ran.code == 2
    assert "1.1.0" in ran.line
    assert site.verify().code == 0
    assert site.publish(OTHER, "1.1.0").code == 0
    assert site.release.read_bytes() == after
    assert site.entries() == 2


def test_a_first_release_whose_commit_was_lost_is_completed(site: Site) -> None:
    before = site.release.read_bytes()
    site.release.unlink()
    assert site.publish(LEDGER, "2.0.0").code == 2
    assert site.publish().code == 0
    assert site.release.read_bytes() == before


@pytest.mark.parametrize("name", ["release.json", "release/1.0.0/statement.json"])
def test_nothing_is_built_on_a_damaged_release(site: Site, name: str) -> None:
    path = site.root / name
    path.write_bytes(path.read_bytes()[:-9])
    before = snapshot(site.root)
    ran = site.publish(OTHER, "2.0.0")
    assert ran.code == 8
    assert ran.line
    assert snapshot(site.root) == before


FILES = ("ledger.md", "ledger.json", "statement", "trusted_root", "bundle")


@pytest.mark.parametrize("member", FILES)
def test_the_same_version_again_notices_that_a_file_in_place_was_damaged(site: Site, member: str) -> None:
    path = site.path(member)
    data = path.read_bytes()
    for damaged in (data[:-1], data[:-2] + b"x\n", b"", None):
        if damaged is None:
            path.unlink()
        else:
            path.write_bytes(damaged)
        before = snapshot(site.root)
        ran = site.publish()
        assert (ran.code, ran.out) == (8, "")
        assert path.name in ran.line
        assert snapshot(site.root) == before


def test_a_wider_trusted_root_put_in_place_is_not_adopted(site: Site) -> None:
    path = site.path("trusted_root")
    value = json.loads(path.read_bytes())
    value["certificateAuthorities"] *= 2
    path.write_text(json.dumps(value))
    before = snapshot(site.root)
    assert site.publish().code == 8
    assert snapshot(site.root) == before
