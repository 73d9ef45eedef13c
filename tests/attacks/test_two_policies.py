# SPDX-License-Identifier: Apache-2.0
"""Two policies for one target in one home: a good run of one must not end what the other one found."""

from pathlib import Path

import pytest

from tests.support.attacks.attacked import hook
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import LEDGER, Site, published


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return published(tmp_path)


def test_a_good_run_of_another_policy_recovers_nothing(site: Site, tmp_path: Path) -> None:
    good, bad, home = site.policy, tmp_path / "bad.toml", tmp_path / "watcher"
    bad.write_text(good.read_text().replace("small-ledger", "another-ledger"))
    with hook() as people:

        def reverify(policy: Path, *more: object) -> Ran:
            given = ("--home", home, "--notify", people.notify_url, "--alarm-after", "1/0", *more)
            return anchor("reverify", "-v", "--policy", policy, *given)

        assert reverify(bad, site.release).code == 8
        assert people.titles() == ["INVALID"]
        for _ in range(2):
            for named in ((site.release,), ()):
                refused = reverify(good, *named)
                assert refused.code == 2, refused.out
                assert f"is watched with another policy in this home: {bad}, not {good}" in refused.err
                assert "--forget" in refused.err
            watch = anchor("watch", "--policy", good, "--home", home)
            assert (watch.code, "another policy" in watch.err) == (2, True)
            assert reverify(bad, site.release).code == 8
            assert people.titles() == []
        assert anchor("records", "check", "--home", home).code == 0
        # what the policy of that path says may change: then it is the same watch, and it recovers
        bad.write_text(good.read_text())
        assert reverify(bad, site.release).code == 0
        assert people.titles() == ["recovered"]
        assert reverify(good, site.release).code == 0  # the very same bytes elsewhere are no other policy
        good.write_text(good.read_text() + "\n# edited\n")
        assert reverify(good, site.release).code == 2
        assert anchor("reverify", "--forget", site.release, "--home", home).code == 0
        assert reverify(good, site.release).code == 0
        assert people.titles() == []
        assert anchor("records", "check", "--home", home).code == 0


def test_two_targets_may_have_a_policy_each_and_flags_are_one_too(site: Site, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other, home = published(tmp_path / "other", LEDGER + "| D | 4 |\n"), tmp_path / "watcher"
    for _ in range(2):
        for one in (site, other):
            ran = anchor("reverify", "-v", one.release, "--policy", one.policy, "--home", home)
            assert ran.code == 0, ran.out
    both = anchor("reverify", "-v", "--policy", site.policy, "--home", home)
    assert both.code == 2
    assert str(other.release) in both.err
    flags = ("--ledger", "small-ledger", "--identity", "a@example.com", "--issuer", "https://i.example")
    assert anchor("reverify", site.release, *flags, "--home", home).code == 2
