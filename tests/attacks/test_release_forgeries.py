# SPDX-License-Identifier: Apache-2.0
"""Releases put together by somebody who can write every file, and who even runs a Sigstore instance.

Sizes and digests are right everywhere, as an attacker would make them. What he lacks is the publisher's keys.
"""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from anchor.errors import Refused
from anchor.publish import release_json
from anchor.signing.reference_client import second_opinion
from anchor.sigstore import trusted_root
from anchor.verdict import Class
from anchor.verify.policy import Policy, Signer
from anchor.verify.release import Trust, verify_release
from tests.support.forge.attacker import (
    PublisherAndAttacker,
    made,
    make_world,
    own,
    refused,
    statement_of,
    trusting,
    with_anchors,
)
from tests.support.forge.signed import pose_as
from tests.support.releases.in_memory import Memory, hold
from tests.support.releases.published import LEDGER, NAME, published

GITHUB = "https://github.com/login/oauth"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PublisherAndAttacker:
    return make_world(tmp_path_factory.mktemp)


def test_the_honest_releases_verify_also_for_the_reference_client(world: PublisherAndAttacker) -> None:
    for held in (world.first, world.second, world.other):
        assert held.verify(reference_client=second_opinion).verdict is Class.OK


def test_bundles_swapped_between_two_releases(world: PublisherAndAttacker) -> None:
    for one, two in ((world.first, world.second), (world.second, world.first)):
        anchor, bundle = own(two)
        swapped = one.with_file(own(one)[0].bundle.path, bundle, repaired=True)
        refused(swapped.verify(), "anchor-named")
        refused(with_anchors(one, (anchor, bundle)).verify(), "anchor-named")


def test_statements_swapped_between_two_releases(world: PublisherAndAttacker) -> None:
    path = world.first.path("statement")
    refused(world.first.with_file(path, statement_of(world.second), repaired=True).verify(), "statement")


LEDGERS = {
    "a fact added": LEDGER + "| D | 4 |\n",
    "a fact dropped": LEDGER.replace("| B | 2 |\n", ""),
    "the last fact dropped": LEDGER.replace("| C | 3 |\n", ""),
    "facts reordered": LEDGER.replace("| A | 1 |\n| B | 2 |\n", "| B | 2 |\n| A | 1 |\n"),
    "a fact repeated": LEDGER + "| C | 3 |\n",
    "a value changed": LEDGER.replace("| B | 2 |", "| B | 3 |"),
    "columns renamed": LEDGER.replace("Value", "Values"),
    "only white space": LEDGER.replace("| A | 1 |", "| A |  1 |"),
}


@pytest.mark.parametrize("change", LEDGERS)
def test_other_facts_with_everything_repaired_but_the_signature(
    world: PublisherAndAttacker, change: str, tmp_path: Path
) -> None:
    """Counts, root, digests and statement are those of the changed ledger; the bundle is the honest one."""
    forged = hold(published(tmp_path, LEDGERS[change]).root)
    root = world.first.path("trusted_root")
    forged = forged.with_file(root, world.first.files[root], repaired=True)
    refused(with_anchors(forged, own(world.first)).verify(trust=world.first.trust), "anchor-named")


@pytest.mark.parametrize("change", LEDGERS)
def test_other_facts_under_the_honest_statement(world: PublisherAndAttacker, change: str) -> None:
    """The ledger alone is exchanged: first as it is, then with its digest repaired in release.json. A shorter
    one may be cut off, so it passes as little, but accuses nobody."""
    path = world.first.path("ledger.md")
    data = LEDGERS[change].encode()
    verdict = world.first.with_file(path, data, repaired=False).verify()
    if len(data) < len(LEDGER):
        assert (verdict.verdict, verdict.facts) == (Class.UNAVAILABLE, {})
    else:
        refused(verdict, "facts")
    refused(world.first.with_file(path, data, repaired=True).verify(), "statement")


@pytest.mark.parametrize(
    "path",
    [("tree", "size"), ("tree", "root"), ("ledger", "number"), ("ledger", "version"), ("ledger", "name")],
)
def test_release_json_that_says_another_thing_than_the_statement(
    world: PublisherAndAttacker, path: tuple[str, str]
) -> None:
    value = world.second.value
    old = value[path[0]][path[1]]
    value[path[0]][path[1]] = old + 1 if isinstance(old, int) else ("0" * 64 if path[1] == "root" else "x")
    found = world.second.with_value(value).verify()
    assert found.verdict is Class.INVALID
    assert found.facts == {}


@pytest.mark.parametrize(
    ("path", "lie"),
    [
        (("log", "index"), 7),
        (("log", "origin"), "rekor.sigstore.dev"),
        (("log", "url"), "https://rekor.sigstore.dev"),
        (("log", "id"), "0" * 64),
        (("identity",), "somebody@example.org"),
        (("issuer",), GITHUB),
        (("time",), "2020-01-01T00:00:00Z"),
    ],
)
def test_release_json_that_lies_about_its_anchor(
    world: PublisherAndAttacker, path: tuple[str, ...], lie: object
) -> None:
    value = world.first.value
    inner = value["anchors"][0]
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = lie
    refused(world.first.with_value(value).verify(), "anchor-named")


def test_a_bundle_over_another_file_of_the_same_name(world: PublisherAndAttacker) -> None:
    """A statement of our kind, signed by the right signer, over another ledger's facts."""
    anchor = made(world.honest, statement_of(world.other).replace(b"1.0.0", b"1.0.1"), "a.sigstore.json")
    refused(with_anchors(world.first, anchor).verify(), "anchor-named")


def test_the_right_instance_and_the_wrong_identity(world: PublisherAndAttacker) -> None:
    anchor = made(world.honest, statement_of(world.first), "a.sigstore.json", "somebody@example.org")
    refused(with_anchors(world.first, anchor).verify(), "signer")
    refused(with_anchors(world.first, own(world.first), anchor).verify(), "signer")


def test_a_policy_for_someone_else(world: PublisherAndAttacker) -> None:
    (signer,) = world.first.trust.policy.signers
    for wrong in (
        Signer(identity="somebody@example.org", issuer=signer.issuer),
        Signer(identity=signer.identity, issuer=GITHUB),
        Signer(identity=signer.identity.upper(), issuer=signer.issuer),
        Signer(identity=signer.identity + " ", issuer=signer.issuer),
        Signer(identity_regex="publisher", issuer=signer.issuer),
        Signer(identity_regex=".*@example.org", issuer=signer.issuer),
    ):
        refused(world.first.verify(trust=trusting(world.first, signers=(wrong,))), "signer")


def test_another_ledger_of_the_same_signer(world: PublisherAndAttacker) -> None:
    found = world.other.verify(trust=trusting(world.other, ledger="another-ledger"))
    refused(found, "policy-ledger")
    refused(world.first.verify(trust=trusting(world.first, ledger=NAME.upper())), "policy-ledger")


def test_the_same_statement_signed_by_another_instance_counts_for_nothing(
    world: PublisherAndAttacker,
) -> None:
    """The attacker publishes the very same ledger: statement and ledger files are the same bytes."""
    forged = hold(world.foreign_site.root)
    assert statement_of(forged) == statement_of(world.first)
    assert forged.verify().verdict is Class.OK
    found = forged.verify(trust=world.first.trust)
    refused(found, "policy-anchors")
    assert [c.state for c in found.checks if c.name == "anchor-trusted"] == ["skipped"]


def test_a_foreign_anchor_beside_a_good_one_is_skipped(world: PublisherAndAttacker) -> None:
    foreign = hold(world.foreign_site.root)
    both = with_anchors(world.first, own(world.first), own(foreign))
    refused(both.verify(), "anchor-named")  # nothing in the release says what the foreign one is
    copy = release_json.union([*world.first.trust.raw, *foreign.trust.raw])
    both = both.with_file(both.path("trusted_root"), copy, repaired=True)
    found = both.verify()
    assert found.verdict is Class.OK
    (about,) = {c.about for c in found.checks if c.name == "anchor-trusted"}
    assert about.endswith(f", which claims {world.foreign.origin}")
    assert [a["origin"] for a in found.facts["anchors"]] == [world.honest.origin]
    refused(both.verify(trust=trusting(both, min_anchors=2)), "policy-anchors", Class.PENDING)


def test_an_authority_of_the_attacker_that_vouches_for_a_public_identity(world: PublisherAndAttacker) -> None:
    pose_as(world.foreign, GITHUB)
    name = "maintainer@example.org"
    anchor, bundle = made(world.foreign, statement_of(world.first), "a.sigstore.json", name)
    assert (anchor.identity, anchor.issuer) == (name, GITHUB)
    signers = (Signer(identity=name, issuer=GITHUB),)
    forged = with_anchors(world.first, (anchor, bundle))
    refused(forged.verify(trust=trusting(world.first, signers=signers)), "policy-anchors")
    path = forged.path("trusted_root")
    forged = forged.with_file(path, world.foreign.trusted_root(), repaired=True)
    refused(forged.verify(trust=trusting(world.first, signers=signers)), "policy-anchors")


def test_a_copy_of_the_trusted_root_that_was_replaced(world: PublisherAndAttacker) -> None:
    path = world.first.path("trusted_root")
    replaced = world.first.with_file(path, world.foreign.trusted_root(), repaired=True)
    refused(replaced.verify(), "trusted-root-copy")
    refused(world.first.with_file(path, b"{}", repaired=True).verify(), "trusted-root")
    refused(world.first.with_file(path, b"[" * 100_000, repaired=True).verify(), "trusted-root")


def test_keys_of_the_attacker_under_names_of_the_publisher(world: PublisherAndAttacker) -> None:
    """A trusted root with the honest log's id over a foreign key verifies nothing."""
    honest, foreign = json.loads(world.honest.trusted_root()), json.loads(world.foreign.trusted_root())
    for member in ("tlogs", "certificateAuthorities", "timestampAuthorities", "ctlogs"):
        mixed = json.dumps({**honest, member: foreign[member]}).encode()
        root = trusted_root.parse(mixed)
        trust = Trust(policy=world.first.trust.policy, raw=[mixed], root=root)
        assert world.first.verify(trust=trust).verdict is not Class.OK, member


def test_two_entries_in_one_log_are_one_anchor(world: PublisherAndAttacker) -> None:
    again = made(world.honest, statement_of(world.first), "b.sigstore.json")
    both = with_anchors(world.first, own(world.first), again)
    assert both.verify().verdict is Class.OK
    refused(both.verify(trust=trusting(both, min_anchors=2)), "policy-anchors", Class.PENDING)


def test_one_entry_named_twice_is_refused(world: PublisherAndAttacker) -> None:
    _, bundle = own(world.first)
    value = world.first.value
    twin = json.loads(json.dumps(value["anchors"][0]))
    twin["bundle"]["path"] = "twin.sigstore.json"
    value["anchors"].append(twin)
    held = replace(world.first, files={**world.first.files, "twin.sigstore.json": bundle})
    refused(held.with_value(value).verify(), "release-json")


def test_two_anchors_in_two_trusted_logs_are_two(world: PublisherAndAttacker) -> None:
    foreign = hold(world.foreign_site.root)
    union = trusted_root.union([world.first.trust.root, foreign.trust.root])
    signers = world.first.trust.policy.signers + foreign.trust.policy.signers
    policy = Policy(ledger=NAME, signers=signers, min_anchors=2)
    raw = [*world.first.trust.raw, *foreign.trust.raw]
    both = with_anchors(world.first, own(world.first), own(foreign))
    both = both.with_file(both.path("trusted_root"), release_json.union(raw), repaired=True)
    found = both.verify(trust=Trust(policy=policy, raw=raw, root=union), reference_client=second_opinion)
    assert found.verdict is Class.OK
    assert {a["origin"] for a in found.facts["anchors"]} == {world.honest.origin, world.foreign.origin}


def test_an_old_release_shown_as_the_newest_is_stale(world: PublisherAndAttacker) -> None:
    found = world.first.verify(trust=trusting(world.first, min_number=2))
    refused(found, "policy-number", Class.STALE)
    assert world.second.verify(trust=trusting(world.second, min_number=2)).verdict is Class.OK


def test_a_release_older_than_the_policy_allows_is_stale(world: PublisherAndAttacker) -> None:
    trust = trusting(world.first, max_age=timedelta(days=30))
    assert world.first.verify(trust=trust).verdict is Class.OK
    later = replace(world.first, now=world.first.now + timedelta(days=31))
    refused(later.verify(trust=trust), "policy-age", Class.STALE)


def test_an_age_that_a_wrong_clock_cannot_tell_passes_no_policy(world: PublisherAndAttacker) -> None:
    earlier = replace(world.first, now=world.first.now - timedelta(days=31))
    assert earlier.verify().verdict is Class.OK  # the signed times say when; no policy asks how long ago
    trust = trusting(world.first, max_age=timedelta(days=30))
    refused(earlier.verify(trust=trust), "policy-age", Class.UNAVAILABLE)
    slightly = replace(world.first, now=world.first.now - timedelta(minutes=2))
    assert slightly.verify(trust=trust).verdict is Class.OK


def test_a_reference_client_that_looks_at_a_wrong_clock_raises_no_alarm(world: PublisherAndAttacker) -> None:
    def refuse(*_: object) -> bytes:
        raise Refused("Fulcio certificates not found in trusted root")

    refused(world.first.verify(reference_client=refuse), "stock-client", Class.INVALID)
    earlier = replace(world.first, now=world.first.now - timedelta(days=31))
    refused(earlier.verify(reference_client=refuse), "stock-client", Class.UNAVAILABLE)


def test_invalid_outweighs_old_and_pending(world: PublisherAndAttacker) -> None:
    trust = trusting(world.first, min_number=9, min_anchors=9, ledger="another")
    refused(world.first.verify(trust=trust), "policy-ledger")
    pending = trusting(world.first, min_number=9, min_anchors=9)
    refused(world.first.verify(trust=pending), "policy-anchors", Class.PENDING)


def test_without_a_policy_the_signer_is_claimed_and_nothing_is_a_fact(world: PublisherAndAttacker) -> None:
    for held, kind in ((world.first, Class.USAGE), (hold(world.foreign_site.root), Class.USAGE)):
        found = verify_release("r", held.release, Memory(held.files), trust=None, now=held.now)
        assert (found.verdict, found.facts) == (kind, {})
        assert any("claimed, not verified" in note for note in found.notes)
    path = world.first.path("ledger.md")
    broken = world.first.with_file(path, b"x" * len(world.first.files[path]), repaired=False)
    found = verify_release("r", broken.release, Memory(broken.files), trust=None, now=broken.now)
    assert found.verdict is Class.INVALID
