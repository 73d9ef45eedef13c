# SPDX-License-Identifier: Apache-2.0
"""One person who wants to count as two: `min_signers` counts people, as far as identities tell them apart."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from anchor.embedded.instance import Instance
from anchor.errors import Misuse
from anchor.log_kinds.rekor_v2 import REKOR_V2
from anchor.publish import release_json
from anchor.signing import signer
from anchor.signing.unlogged_signature import Prepared
from anchor.sigstore import trusted_root
from anchor.verdict import Class, Verdict
from anchor.verify.policy import Policy, Signer, parse_policy
from anchor.verify.policy_checks import count_signers
from anchor.verify.release import Trust
from anchor.verify.report import BundleReport
from tests.support.forge.attacker import made, own, refused, statement_of, with_anchors
from tests.support.forge.signed import Logged, described, pose_as
from tests.support.releases.in_memory import Held, hold
from tests.support.releases.published import NAME, Site, published

ALICE, BOB = "alice@example.org", "bob@example.org"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("two-signers"))


@pytest.fixture(scope="module")
def instance(site: Site) -> Instance:
    return Instance.open(site.home / "instance", create=False)


@pytest.fixture(scope="module")
def held(site: Site) -> Held:
    return hold(site.root)


def signed_by(held: Held, instance: Instance, *identities: str) -> Held:
    """The release with one more anchor of the same log for each identity."""
    more = [
        made(instance, statement_of(held), f"b{i}.sigstore.json", identity)
        for i, identity in enumerate(identities)
    ]
    return with_anchors(held, *more)


def exactly(issuer: str, *identities: str) -> tuple[Signer, ...]:
    return tuple(Signer(identity=identity, issuer=issuer) for identity in identities)


def judged(held: Held, signers: Sequence[Signer], wanted: int = 2) -> Verdict:
    policy = Policy(ledger=NAME, signers=tuple(signers), min_signers=wanted)
    return held.verify(trust=Trust(policy=policy, raw=held.trust.raw, root=held.trust.root))


def detail(verdict: Verdict) -> str:
    (check,) = [c for c in verdict.checks if c.name == "policy-signers"]
    return check.detail


def test_two_people_in_one_log_are_two(held: Held, instance: Instance) -> None:
    both = signed_by(held, instance, ALICE, BOB)
    found = judged(both, exactly(instance.issuer, ALICE, BOB))
    assert found.verdict is Class.OK
    assert detail(found).startswith("signed by 2 of at least 2 signers")
    assert ALICE in detail(found)
    assert {a["identity"] for a in found.facts["anchors"]} == {ALICE, BOB}


def test_one_of_two_people_is_pending_and_says_who(held: Held, instance: Instance) -> None:
    alone = signed_by(held, instance, ALICE)
    found = judged(alone, exactly(instance.issuer, ALICE, BOB))
    refused(found, "policy-signers", Class.PENDING)
    assert detail(found).startswith("signed by 1 of at least 2 signers")


def test_one_person_twice_in_one_log_is_one(held: Held, instance: Instance) -> None:
    twice = signed_by(held, instance, ALICE, ALICE)
    refused(judged(twice, exactly(instance.issuer, ALICE, BOB)), "policy-signers", Class.PENDING)


def test_a_stranger_beside_one_of_them_is_refused(held: Held, instance: Instance) -> None:
    with_a_stranger = signed_by(held, instance, ALICE, "eve@example.org")
    refused(judged(with_a_stranger, exactly(instance.issuer, ALICE, BOB)), "signer")


def test_another_case_is_the_same_person(held: Held, instance: Instance) -> None:
    both = signed_by(held, instance, ALICE, "ALICE@example.org")
    signers = exactly(instance.issuer, ALICE, "ALICE@example.org")
    refused(judged(both, signers), "policy-signers", Class.PENDING)


def test_one_expression_is_one_signer_whatever_it_matches(held: Held, instance: Instance) -> None:
    """A CI system writes the branch into the identity: whoever pushes one branch can push another."""
    job = "https://ci.example.org/jobs/publish@refs/heads"
    both = signed_by(held, instance, f"{job}/main", f"{job}/mine")
    expression = Signer(identity_regex=r"https://ci\.example\.org/.*", issuer=instance.issuer)
    refused(judged(both, [expression, *exactly(instance.issuer, BOB)]), "policy-signers", Class.PENDING)
    with_bob = signed_by(held, instance, f"{job}/main", f"{job}/mine", BOB)
    assert judged(with_bob, [expression, *exactly(instance.issuer, BOB)]).verdict is Class.OK


def test_an_expression_beside_a_name_leaves_the_name_to_its_owner(held: Held, instance: Instance) -> None:
    """Whichever is asked first: Alice is matched by both tables, Bob by the expression alone."""
    expression = Signer(identity_regex=r".*@example\.org", issuer=instance.issuer)
    alice = exactly(instance.issuer, ALICE)
    both, twice = signed_by(held, instance, ALICE, BOB), signed_by(held, instance, ALICE, ALICE)
    for signers in ((expression, *alice), (*alice, expression)):
        assert judged(both, signers).verdict is Class.OK
        refused(judged(twice, signers), "policy-signers", Class.PENDING)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """A second log, whose authority vouches for the issuer of the first one too."""
    return Instance.open(tmp_path_factory.mktemp("second") / "instance", create=True)


def in_two_logs(held: Held, one: tuple[Instance, str], two: tuple[Instance, str]) -> tuple[Held, Trust]:
    """A release with an anchor in each of two logs, and the roots that name both."""
    anchors = [
        made(instance, statement_of(held), f"c{i}.sigstore.json", identity)
        for i, (instance, identity) in enumerate((one, two))
    ]
    raw = [one[0].trusted_root(), two[0].trusted_root()]
    both = with_anchors(held, *anchors)
    both = both.with_file(both.path("trusted_root"), release_json.union(raw), repaired=True)
    root = trusted_root.union(map(trusted_root.parse, raw))
    return both, Trust(policy=held.trust.policy, raw=raw, root=root, labels=["one", "two"])


def test_one_person_in_two_logs_is_one_under_one_issuer_or_two(
    held: Held, instance: Instance, second: Instance
) -> None:
    own_issuer = second.issuer
    for issuer in (own_issuer, instance.issuer):
        if issuer != own_issuer:
            pose_as(second, issuer)
        both, trust = in_two_logs(held, (instance, ALICE), (second, ALICE))
        signers = dict.fromkeys([*exactly(instance.issuer, ALICE, BOB), *exactly(issuer, ALICE)])
        policy = Policy(ledger=NAME, signers=tuple(signers), min_anchors=2, min_signers=2)
        found = both.verify(trust=replace_policy(trust, policy))
        refused(found, "policy-signers", Class.PENDING)
        assert "policy-anchors" not in {c.name for c in found.checks if c.demotes}
        both, trust = in_two_logs(held, (instance, ALICE), (second, BOB))
        signers = dict.fromkeys([*exactly(instance.issuer, ALICE), *exactly(issuer, BOB)])
        policy = Policy(ledger=NAME, signers=tuple(signers), min_anchors=2, min_signers=2)
        assert both.verify(trust=replace_policy(trust, policy)).verdict is Class.OK


def test_one_signature_with_one_certificate_in_two_logs_is_one_signer(
    held: Held, instance: Instance, second: Instance
) -> None:
    """The very same signature, recorded twice: two logs, and one person."""
    kept: list[Prepared] = []

    class Keeping(Logged):
        def append(self, prepared: Prepared) -> bytes:
            kept.append(prepared)
            return super().append(prepared)

    first = signer.sign(
        statement_of(held),
        authority=instance.authority,
        timestamps=(instance.timestamps,),
        log=Keeping(instance.log),
        trusted_root=instance.trusted_root(),
        token=instance.mint(ALICE),
        kind=REKOR_V2,
    )
    (prepared,) = kept
    again = signer.assemble(prepared, second.log.append(prepared.request))
    root = release_json.union([instance.trusted_root(), second.trusted_root()])
    bundles = (("d0.sigstore.json", first), ("d1.sigstore.json", again))
    both = with_anchors(held, *((described(bundle, root, path), bundle) for path, bundle in bundles))
    both = both.with_file(both.path("trusted_root"), root, repaired=True)
    signers = (
        Signer(identity=ALICE, issuer=instance.issuer),
        Signer(identity_regex=".*", issuer=instance.issuer),
    )
    policy = Policy(ledger=NAME, signers=signers, min_anchors=2, min_signers=2)
    found = both.verify(trust=Trust(policy=policy, raw=[root], root=trusted_root.parse(root)))
    refused(found, "policy-signers", Class.PENDING)
    assert {c.name for c in found.checks if c.demotes} == {"policy-signers"}


def test_the_first_person_with_an_authority_of_his_own_cannot_sign_for_the_second_one(
    held: Held, instance: Instance, tmp_path: Path
) -> None:
    """Alice runs an instance of her own, and has it certify Bob, of Bob's issuer. Her anchors are in two
    logs. A policy that ties each signer to his root refuses it; one that does not is no policy."""
    mallory = Instance.open(tmp_path / "instance", create=True)
    real = Instance.open(tmp_path / "bob", create=True)
    pose_as(mallory, real.issuer)
    both, trust = in_two_logs(held, (instance, ALICE), (mallory, BOB))
    tied = (
        Signer(identity=ALICE, issuer=instance.issuer, trusted_roots=("one", "two")),
        Signer(identity=BOB, issuer=real.issuer, trusted_roots=("bob",)),
    )
    policy = Policy(ledger=NAME, signers=tied, min_signers=2)
    refused(both.verify(trust=replace_policy(trust, policy)), "signer")
    text = 'ledger = "l"\nmin_signers = 2\ntrusted_root = [{path = "one"}, {path = "two"}]\n' + "".join(
        f'[[signer]]\nidentity = "{who}"\nissuer = "https://i"\n' for who in (ALICE, BOB)
    )
    with pytest.raises(Misuse, match="make two signatures alone"):
        parse_policy(text.encode())


def replace_policy(trust: Trust, policy: Policy) -> Trust:
    return Trust(policy=policy, raw=trust.raw, root=trust.root, labels=trust.labels)


def test_a_signer_of_one_root_counts_for_nobody_under_another(held: Held) -> None:
    """Two expressions tied to two roots: two anchors under the first root are one signer."""
    issuer = "https://issuer.example"
    tied = tuple(
        Signer(identity_regex=".*", issuer=issuer, trusted_roots=(label,)) for label in ("one", "two")
    )
    policy = Policy(ledger=NAME, signers=tied, min_signers=2)
    under = [
        BundleReport(checks=(), identity=who, issuer=issuer, root_label=label)
        for who, label in ((ALICE, "one"), (BOB, "one"), (BOB, "two"))
    ]
    assert count_signers(under[:2], policy) == 1
    assert count_signers(under[::2], policy) == 2


def test_an_anchor_that_was_left_out_and_one_that_cannot_be_read(held: Held, instance: Instance) -> None:
    """Left out is PENDING: the release lacks it. A file that is missing is UNAVAILABLE: nobody can tell."""
    both = signed_by(held, instance, ALICE, BOB)
    signers = exactly(instance.issuer, ALICE, BOB)
    gone = replace(both, files={p: d for p, d in both.files.items() if p != "b1.sigstore.json"})
    refused(judged(gone, signers), "policy-signers", Class.UNAVAILABLE)
    of_another = judged(with_anchors(held, own(held)), signers)
    refused(of_another, "signer")
    assert detail(of_another).startswith("signed by 0 of at least 2 signers")
