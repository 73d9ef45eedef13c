# SPDX-License-Identifier: Apache-2.0
"""Whoever runs one trusted instance lends parts of it to another: nothing of it may count."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from anchor.embedded.instance import Instance
from anchor.format import release as releases
from anchor.log_kinds.rekor_v2 import REKOR_V2
from anchor.publish import release_json
from anchor.signing import signer as signing
from anchor.signing.reference_client import second_opinion
from anchor.sigstore import trusted_root
from anchor.sigstore.trusted_root import TrustedRoot
from anchor.verdict import Class
from anchor.verify.policy import Policy, Signer
from anchor.verify.release import ReferenceClient, Trust
from tests.support.forge.signed import Logged, described, pose_as, sign
from tests.support.releases.in_memory import Held, hold
from tests.support.releases.published import NAME, published


@dataclass(frozen=True)
class Two:
    """Two instances that a verifier trusts, and an honest release in the first."""

    held: Held
    log: Instance
    lender: Instance

    @property
    def raw(self) -> list[bytes]:
        return [self.log.trusted_root(), self.lender.trusted_root()]

    @property
    def union(self) -> TrustedRoot:
        return trusted_root.union(trusted_root.parse(raw) for raw in self.raw)

    def trust(self, raw: list[bytes], root: TrustedRoot, *signers: Signer) -> Trust:
        found = signers or self.held.trust.policy.signers
        return Trust(policy=Policy(ledger=NAME, signers=found), raw=raw, root=root)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    site = published(tmp_path_factory.mktemp("honest"))
    lender = published(tmp_path_factory.mktemp("lender"))
    return Two(
        held=hold(site.root),
        log=Instance.open(site.home / "instance", create=False),
        lender=Instance.open(lender.home / "instance", create=False),
    )


def lent(two: Two) -> Held:
    """The release with another anchor: in the first instance's log, all else of the second's making."""
    statement = two.held.files[two.held.path("statement")]
    bundle = signing.sign(
        statement,
        authority=two.lender.authority,
        timestamps=(two.lender.timestamps,),
        log=Logged(two.log.log),
        trusted_root=release_json.union(two.raw),
        token=two.lender.mint(None),
        kind=REKOR_V2,
    )
    anchor = described(bundle, release_json.union(two.raw), "lent.sigstore.json")
    value = msgspec.structs.replace(releases.load(two.held.release), anchors=(anchor,))
    made = replace(two.held, release=releases.dump(value), now=datetime.now(UTC))
    made = replace(made, files={**made.files, "lent.sigstore.json": bundle})
    return made.with_file(made.path("trusted_root"), release_json.union(two.raw), repaired=True)


def lender_of(held: Held) -> Signer:
    anchor = releases.load(held.release).anchors[0]
    return Signer(identity=anchor.identity, issuer=anchor.issuer)


@pytest.mark.parametrize("reference_client", [None, second_opinion])
def test_an_authority_of_one_root_and_the_log_of_another(
    two: Two, reference_client: ReferenceClient | None
) -> None:
    held = lent(two)
    found = held.verify(
        trust=two.trust(two.raw, two.union, lender_of(held)), reference_client=reference_client
    )
    assert found.verdict is Class.INVALID
    assert found.facts == {}
    assert {c.state for c in found.checks if c.name == "anchor-trusted"} == {"skipped"}


def test_one_file_that_names_both_trusts_each_for_the_other_and_says_who_it_is(two: Two) -> None:
    held, whole = lent(two), release_json.union(two.raw)
    found = held.verify(trust=two.trust([whole], trusted_root.parse(whole), lender_of(held)))
    assert found.verdict is Class.OK
    assert [a["independent"] for a in found.facts["anchors"]] == [False]


def test_the_order_of_roots_does_not_matter(two: Two) -> None:
    for raw in (two.raw, two.raw[::-1], [two.raw[1], two.raw[0], two.raw[1]]):
        assert (
            two.held.verify(trust=two.trust(raw, two.union), reference_client=second_opinion).verdict
            is Class.OK
        )


def test_a_broken_anchor_is_not_excused_by_a_root_that_does_not_know_it(two: Two) -> None:
    path = two.held.path("bundle")
    data = bytearray(two.held.files[path])
    at = data.index(b'"rootHash"') + 14
    data[at] = ord("A") if data[at] != ord("A") else ord("B")
    spoilt = two.held.with_file(path, bytes(data), repaired=True)
    for raw in (two.raw, two.raw[::-1]):
        found = spoilt.verify(trust=two.trust(raw, two.union))
        assert found.verdict is Class.INVALID
        assert "log-checkpoint" in {c.name for c in found.checks if c.demotes}


@pytest.fixture
def posing(two: Two, tmp_path: Path) -> tuple[Held, list[bytes]]:
    """The release with an anchor of a third instance, whose authority certifies the publisher's own name."""
    other = Instance.open(published(tmp_path).home / "instance", create=False)
    signer = lender_of(two.held)
    pose_as(other, signer.issuer)
    statement = two.held.files[two.held.path("statement")]
    bundle = sign(other, statement, identity=signer.identity)
    anchor = described(bundle, other.trusted_root(), "posed.sigstore.json")
    value = msgspec.structs.replace(releases.load(two.held.release), anchors=(anchor,))
    held = replace(two.held, release=releases.dump(value), now=datetime.now(UTC))
    held = replace(held, files={**held.files, "posed.sigstore.json": bundle})
    held = held.with_file(held.path("trusted_root"), other.trusted_root(), repaired=True)
    return held, [two.raw[0], other.trusted_root()]


@pytest.mark.parametrize(
    ("tied_to", "verdict"),
    [(("a",), Class.INVALID), (("b",), Class.OK), (("a", "b"), Class.OK), ((), Class.OK)],
)
def test_a_signer_that_is_tied_to_one_root_is_certified_by_no_other(
    two: Two, posing: tuple[Held, list[bytes]], tied_to: tuple[str, ...], verdict: Class
) -> None:
    """Without `trusted_root` in [[signer]] each of the policy's roots may certify it: that is lent."""
    held, raw = posing
    signer = msgspec.structs.replace(lender_of(two.held), trusted_roots=tied_to)
    union = trusted_root.union(trusted_root.parse(r) for r in raw)
    for order in (raw, raw[::-1]):
        labels = ["a" if r == raw[0] else "b" for r in order]
        found = held.verify(trust=msgspec.structs.replace(two.trust(order, union, signer), labels=labels))
        assert found.verdict is verdict, found.checks
        refused = {c.name for c in found.checks if c.demotes is Class.INVALID and c.about}
        assert refused == ({"signer"} if verdict is Class.INVALID else set())


def test_a_signer_that_is_tied_to_a_root_counts_under_none_that_has_no_name(
    two: Two, posing: tuple[Held, list[bytes]]
) -> None:
    held, raw = posing
    union = trusted_root.union(trusted_root.parse(r) for r in raw)
    signer = msgspec.structs.replace(lender_of(two.held), trusted_roots=("b",))
    assert held.verify(trust=two.trust(raw, union, signer)).verdict is Class.INVALID
