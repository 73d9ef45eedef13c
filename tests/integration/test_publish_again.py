# SPDX-License-Identifier: Apache-2.0
"""`anchor publish` where something is already: an interrupted publication, damage, things of other people."""

import json
from pathlib import Path

import msgspec
import pytest

from anchor.app import publish
from anchor.format import release as releases
from anchor.net.budget import Budget
from anchor.publish.instance import SigningInstance
from anchor.signing.tokens import TokenSource
from tests.support.releases.published import LEDGER, Site, published, snapshot
from tests.support.servers.embedded_instance import serving

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")


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


@pytest.mark.parametrize("named", [(), ("--instance", "embedded")])
def test_the_same_version_again_from_another_home_is_verified_and_gets_no_second_entry(
    site: Site, named: tuple[str, ...]
) -> None:
    """As in a folder that was cloned or moved: its default home, and so its instance, is another one."""
    before = snapshot(site.root)
    elsewhere = Site(site.root, site.home.parent / "elsewhere", site.policy)
    ran = elsewhere.publish(LEDGER, "1.0.0", *named)
    assert ran.code == 0
    assert "no second log entry" in ran.err
    assert "published already, and verifies" in ran.err
    assert ran.out == site.policy.read_text()
    assert snapshot(site.root) == before
    assert not (elsewhere.home / "instance").exists()
    assert elsewhere.publish(OTHER, "1.0.0", *named).code == 8


def test_nor_from_a_home_that_has_an_instance_already(site: Site, tmp_path: Path) -> None:
    before = snapshot(site.root)
    (tmp_path / "other").mkdir()
    other = published(tmp_path / "other")
    ran = Site(site.root, other.home, site.policy).publish()
    assert ran.code == 0
    assert "no second log entry" in ran.err
    assert snapshot(site.root) == before
    assert other.entries() == 1
    assert site.publish(OTHER, "1.1.0").code == 0
    ran = Site(site.root, other.home, site.policy).publish(LEDGER, "1.2.0")
    assert ran.code == 2  # another signer, whom nobody's policy accepts
    ran = Site(site.root, other.home, site.policy).publish(LEDGER, "1.2.0", "--new-signer")
    assert ran.code == 0  # another version may be anchored in another log: a chain of releases crosses logs
    assert len(list(site.root.glob("release/log/*"))) == 2


def test_an_instance_that_is_named_is_added(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Sigstore of one's own; the embedded one is not added beside it where nobody named it."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(tmp_path / "served") as served:
        ran = site.publish(LEDGER, "1.0.0", *served.words())
        assert ran.code == 0, ran.err
        assert len(site.value["anchors"]) == 2
        alone = Site(tmp_path / "alone", tmp_path / "alone-home", tmp_path / "alone.toml")
        ran = alone.publish(LEDGER, "1.0.0", *served.words("--instance"))
        assert ran.code == 0, ran.err
    before = snapshot(alone.root)
    assert "no second log entry" in alone.publish().err
    assert snapshot(alone.root) == before
    assert not (alone.home / "instance").exists()


@pytest.mark.parametrize("chosen", [False, True])
def test_the_embedded_instance_beside_a_public_log_only_where_it_is_named(
    original: Site, tmp_path: Path, *, chosen: bool
) -> None:
    release = releases.load(original.release.read_bytes())
    log = msgspec.structs.replace(release.anchors[0].log, origin="rekor.sigstore.dev")
    anchor = msgspec.structs.replace(release.anchors[0], log=log)
    existing = msgspec.structs.replace(release, anchors=(anchor,))
    options = publish.SigningOptions(
        home=tmp_path, budget=Budget(60.0), tokens=TokenSource(file=None, browser=False), chosen=chosen
    )
    said: list[str] = []
    found = publish.NamedInstances(["embedded"], options, said.append).open(existing)
    for instance in found:
        assert isinstance(instance, SigningInstance)
        instance.close()
    assert len(found) == chosen
    assert len(said) == (not chosen)
    assert (tmp_path / "instance").exists() is chosen
