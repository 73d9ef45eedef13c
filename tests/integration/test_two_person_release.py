# SPDX-License-Identifier: Apache-2.0
"""A release that two people sign: each with a home of his own, in two logs or in one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import anchor
from tests.support.releases.policies import found
from tests.support.releases.published import LEDGER, NAME, Site, snapshot
from tests.support.releases.two_people import ALICE, BOB, Pair, in_one_log, instance, publish
from tests.support.servers.embedded_instance import Served, serving

OTHER = LEDGER + "| D | 4 |\n"


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_the_second_person_completes_what_the_first_one_published(pair: Pair) -> None:
    first = publish(pair.alice)
    assert first.code == 5, first.err
    assert "published 3 facts" in first.err
    assert "PENDING: signed by 1 of at least 2 signers" in first.err
    assert "the next signer gives the same command on this folder" in first.err
    pending = pair.alice.verify("--json")
    assert pending.code == 5
    assert found(pending, "policy-signers")["state"] == "refused"
    statement = pair.alice.path("statement").read_bytes()

    second = publish(pair.bob)
    assert second.code == 0, second.err
    assert pair.bob.path("statement").read_bytes() == statement
    done = pair.bob.verify("--json")
    assert done.code == 0, done.out
    assert sorted(a["origin"] for a in done.document["facts"]["anchors"]) == pair.origins
    assert "signed by 2 of at least 2 signers" in found(done, "policy-signers")["detail"]
    before = snapshot(pair.bob.root)
    for again in (pair.alice, pair.bob):
        ran = publish(again)
        assert ran.code == 0, ran.err
        assert "is published already, and verifies" in ran.err
    assert snapshot(pair.bob.root) == before


def test_the_first_person_alone_cannot_complete_it(pair: Pair) -> None:
    assert publish(pair.alice).code == 5
    before = snapshot(pair.alice.root)
    for more in ((), ("--resume",), ("--new-signer",)):
        again = publish(pair.alice, LEDGER, "1.0.0", *more)
        assert again.code == 5, again.err
        assert "signed by 1 of at least 2 signers" in again.err
    assert snapshot(pair.alice.root) == before


def test_the_second_person_signs_the_same_bytes_or_nothing(pair: Pair) -> None:
    """He has the ledger too: another one under this version is refused, and nothing is signed."""
    assert publish(pair.alice).code == 5
    before = snapshot(pair.alice.root)
    ran = publish(pair.bob, OTHER)
    assert ran.code in (2, 8), ran.err
    assert snapshot(pair.alice.root) == before
    assert (
        not (pair.bob.home / "signed.jsonl").exists()
        or not (pair.bob.home / "signed.jsonl").read_bytes().strip()
    )


def test_the_next_release_may_begin_with_either_of_them(pair: Pair) -> None:
    assert publish(pair.alice).code == 5
    assert publish(pair.bob).code == 0
    assert publish(pair.bob, OTHER, "1.1.0").code == 5
    assert pair.bob.verify().code == 5
    assert publish(pair.alice, OTHER, "1.1.0").code == 0
    assert pair.alice.verify().code == 0


def test_the_status_names_the_next_release_once_both_have_signed(pair: Pair) -> None:
    text = pair.policy.read_text().replace("min_anchors = 2", "min_anchors = 1")
    pair.policy.write_text(text.replace("min_signers = 2", 'min_signers = 2\nmax_status_age = "7d"'))
    assert publish(pair.alice).code == 5
    assert publish(pair.bob).code == 0
    named = ("--policy", pair.policy, "--home")
    assert anchor("renew", pair.alice.root, *named, pair.alice.home).code == 0
    assert pair.alice.verify().code == 0
    first = publish(pair.alice, OTHER, "1.1.0")
    assert first.code == 5, first.err
    assert pair.alice.value["status"]["sequence"] == 1, "it names the release that both have signed"
    pending = pair.alice.verify("--json")
    assert [c["name"] for c in pending.document["checks"] if c.get("demotes")] == ["policy-signers"]
    second = publish(pair.bob, OTHER, "1.1.0")
    assert second.code == 0, second.err
    assert pair.bob.value["status"]["sequence"] == 2
    done = pair.bob.verify("--json")
    assert done.code == 0, done.out
    assert "knows of 2 (1.1.0)" in found(done, "status-newest")["detail"]


def test_a_third_home_is_no_second_person(pair: Pair, tmp_path: Path) -> None:
    assert publish(pair.alice).code == 5
    instance(tmp_path / "eve")
    eve = Site(pair.alice.root, tmp_path / "eve", pair.policy)
    before = snapshot(pair.alice.root)
    ran = publish(eve)
    assert ran.code == 5, ran.err
    assert "no second log entry" in ran.err
    assert snapshot(pair.alice.root) == before


def test_the_second_person_needs_the_policy_that_names_both(pair: Pair) -> None:
    """Without it, his home is another home of the same publisher, as of a folder that was moved."""
    assert publish(pair.alice).code == 5
    file = pair.bob.home.parent / "plain.md"
    file.write_text(LEDGER)
    named = ("--name", NAME, "--version", "1.0.0", "--root", pair.bob.root, "--home", pair.bob.home)
    ran = anchor("publish", file, *named)
    assert ran.code == 0, ran.err
    assert "no second log entry" in ran.err
    assert pair.bob.verify().code == 5


# The same log: one instance that both use, over HTTP


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(tmp_path / "served") as found:
        yield found


def test_two_people_sign_in_one_log(served: Served, tmp_path: Path) -> None:
    alice, as_alice = in_one_log(served, tmp_path, ALICE)
    bob, as_bob = in_one_log(served, tmp_path, BOB)
    first = publish(alice, LEDGER, "1.0.0", *as_alice)
    assert first.code == 5, first.err
    assert publish(alice, LEDGER, "1.0.0", *as_alice).code == 5
    assert served.size() == 1, "the first one signs once"
    second = publish(bob, LEDGER, "1.0.0", *as_bob)
    assert second.code == 0, second.err
    assert served.size() == 2
    paths = [a["bundle"]["path"] for a in bob.value["anchors"]]
    assert len(set(paths)) == 2
    assert bob.verify().code == 0
    for site, words in ((alice, as_alice), (bob, as_bob)):
        ran = publish(site, LEDGER, "1.0.0", *words)
        assert ran.code == 0, ran.err
    assert served.size() == 2


def test_the_second_person_of_one_log_does_not_sign_twice_for_another_folder(
    served: Served, tmp_path: Path
) -> None:
    alice, as_alice = in_one_log(served, tmp_path, ALICE)
    bob, as_bob = in_one_log(served, tmp_path, BOB)
    assert publish(alice, LEDGER, "1.0.0", *as_alice).code == 5
    shutil.copytree(alice.root, tmp_path / "again")
    assert publish(bob, LEDGER, "1.0.0", *as_bob).code == 0
    other = Site(tmp_path / "again", bob.home, bob.policy)
    ran = publish(other, LEDGER, "1.0.0", *as_bob)
    assert ran.code == 0, ran.err
    assert served.size() == 2
    assert snapshot(other.root / "release" / "1.0.0") == snapshot(bob.root / "release" / "1.0.0")


def test_a_stranger_in_the_log_of_the_first_one_is_refused_before_he_signs(
    served: Served, tmp_path: Path
) -> None:
    alice, as_alice = in_one_log(served, tmp_path, ALICE)
    assert publish(alice, LEDGER, "1.0.0", *as_alice).code == 5
    before = snapshot(alice.root)
    eve, as_eve = in_one_log(served, tmp_path, "eve@example.org")
    ran = publish(eve, LEDGER, "1.0.0", *as_eve)
    assert ran.code in (2, 5), ran.err
    assert served.size() == 1
    assert snapshot(alice.root) == before
