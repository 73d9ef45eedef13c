# SPDX-License-Identifier: Apache-2.0
"""Whoever serves a release leaves out one of its two anchors, and has the log of that one fork unseen."""

import hashlib
from pathlib import Path

import pytest

from anchor.publish import release_json
from anchor.verdict import Class
from tests.support.attacks.attacked import dump, log_of
from tests.support.forge.attacker import PublisherAndAttacker, make_world, own, with_anchors
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.in_memory import Held, hold
from tests.support.releases.published import NAME


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PublisherAndAttacker:
    return make_world(tmp_path_factory.mktemp)


class Watcher:
    """A policy that trusts both instances and wants one anchor."""

    def __init__(self, world: PublisherAndAttacker, folder: Path) -> None:
        self.folder, self.world = folder, world
        self.honest, self.foreign = log_of(world.site), log_of(world.foreign_site)
        self.instances = (world.honest, world.foreign)
        self.policy()

    def policy(self, trusted: int = 2) -> None:
        """The policy, with so many of the roots."""
        text, roots = f'ledger = "{NAME}"\nmin_anchors = 1\n', []
        for number, instance in enumerate(self.instances[:trusted]):
            path = self.folder / f"root{number}.json"
            path.write_bytes(instance.trusted_root())
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            roots.append(f'{{ path = "{path}", sha256 = "{digest}" }}')
        text += f"trusted_root = [{', '.join(roots)}]\n"
        held = (self.world.first, hold(self.world.foreign_site.root))
        for signer in dict.fromkeys(s for one in held for s in one.trust.policy.signers):
            text += f'[[signer]]\nidentity = "{signer.identity}"\nissuer = "{signer.issuer}"\n'
        for name, log in (("honest", self.honest), ("foreign", self.foreign)):
            dump(log, self.folder / name)
            text += f'[[log]]\norigin = "{log.origin}"\nfolder = "{self.folder / name}"\n'
        (self.folder / "policy.toml").write_text(text)

    def serve(self, held: Held) -> None:
        for path, data in {"release.json": held.release, **held.files}.items():
            (self.folder / "site" / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "site" / path).write_bytes(data)

    def run(self) -> Ran:
        given = ("--policy", self.folder / "policy.toml", "--home", self.folder / "home")
        target = self.folder / "site" / "release.json"
        return anchor("reverify", target, *given, "--alarm-after", "1/0", "--json")

    def found(self) -> Class:
        ran = self.run()
        verdict = Class(ran.document["verdict"])
        assert ran.code == verdict.exit_code, ran.err
        return verdict


@pytest.fixture
def watcher(world: PublisherAndAttacker, tmp_path: Path) -> Watcher:
    """It has seen the release with both anchors, and then with one of them."""
    found = Watcher(world, tmp_path)
    foreign = hold(world.foreign_site.root)
    both = with_anchors(world.first, own(world.first), own(foreign))
    copy = release_json.union([*world.first.trust.raw, *foreign.trust.raw])
    found.serve(both.with_file(both.path("trusted_root"), copy, repaired=True))
    assert found.found() is Class.OK
    found.serve(world.first)
    ran = found.run()
    assert (ran.code, ran.document["verdict"]) == (0, "OK"), ran.out
    assert any("names no anchor in it" in note for note in ran.document["notes"])
    return found


def test_the_log_of_an_anchor_that_is_left_out_may_not_fork(watcher: Watcher) -> None:
    honest, fork = watcher.foreign, watcher.foreign.fork(0, size=40)
    for log in (fork, fork, fork, honest):
        watcher.foreign = log
        watcher.policy()
        assert watcher.found() is Class.EQUIVOCATION


def test_a_root_that_no_longer_names_the_log_is_told_until_a_person_lets_it_go(watcher: Watcher) -> None:
    watcher.policy(trusted=1)
    for _ in range(2):
        ran = watcher.run()
        assert ran.code == 3
        assert "trust it again, or let it go with 'anchor records forget-log'" in ran.out
    watcher.policy()  # it is trusted again
    assert watcher.found() is Class.OK
    watcher.policy(trusted=1)
    assert watcher.found() is Class.UNAVAILABLE
    words = (watcher.folder / "site" / "release.json", watcher.foreign.origin, "--home")
    done = anchor("records", "forget-log", *words, watcher.folder / "home", "--reason", "moved")
    assert done.code == 0, done.err
    for _ in range(2):
        assert watcher.found() is Class.OK


def test_a_mirror_keeps_the_anchor_that_is_left_out(world: PublisherAndAttacker, tmp_path: Path) -> None:
    found = Watcher(world, tmp_path)
    foreign = hold(world.foreign_site.root)
    both = with_anchors(world.first, own(world.first), own(foreign))
    copy = release_json.union([*world.first.trust.raw, *foreign.trust.raw])
    both = both.with_file(both.path("trusted_root"), copy, repaired=True)
    words = ("mirror", tmp_path / "site", tmp_path / "mirror", "--policy", tmp_path / "policy.toml")
    found.serve(both)
    ran = anchor(*words)
    assert ran.code == 0, ran
    found.serve(world.first)
    for _ in range(2):
        ran = anchor(*words)
        assert ran.code == 3, ran
        assert "is left out, and it is kept here" in " ".join(ran.out.split())
    assert (tmp_path / "mirror" / "release.json").read_bytes() == both.release
    found.serve(both)
    assert anchor(*words).code == 0
