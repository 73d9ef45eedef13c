# SPDX-License-Identifier: Apache-2.0
"""The copy of the trusted root beside a release, with somebody's keys slipped in or a name changed.

The verifier's own root decides, so nothing of it is believed; but the next one may take the copy unseen.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from anchor.publish import release_json
from anchor.publish.release_json import Anchored
from anchor.sigstore import trusted_root
from anchor.verdict import Check, Class, Verdict
from anchor.verify.bundle import verify_bundle
from anchor.verify.release import Trust
from tests.support.forge.attacker import own, with_anchors
from tests.support.releases.in_memory import Held, hold
from tests.support.releases.published import published

MEMBERS = ("tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")
AUTHORITIES = ("certificateAuthorities", "timestampAuthorities")
Edit = Callable[[Any], None]


@dataclass(frozen=True)
class Three:
    """Three publishers of the same ledger, each with an instance; a verifier trusts the root of the first."""

    held: Held
    other: Held
    stranger: Held

    @property
    def both(self) -> Held:
        """The first's release, anchored in the second's log as well."""
        found = with_anchors(self.held, own(self.held), own(self.other))
        return with_copy(found, release_json.union([raw(self.held), raw(self.other)]))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Three:
    names = ("held", "other", "stranger")
    return Three(*(hold(published(tmp_path_factory.mktemp(name)).root) for name in names))


def raw(held: Held) -> bytes:
    """The trusted root that the verifier has."""
    return held.trust.raw[0]


def with_copy(held: Held, copy: bytes) -> Held:
    return held.with_file(held.path("trusted_root"), copy, repaired=True)


def edited(root: bytes, edit: Edit) -> bytes:
    value = json.loads(root)
    edit(value)
    return json.dumps(value).encode()


def trusting(held: Held, root: bytes) -> Held:
    """With a verifier who has another root."""
    return replace(held, trust=Trust(policy=held.trust.policy, raw=[root], root=trusted_root.parse(root)))


def compared(verdict: Verdict) -> Check:
    """The check that compares the copy with the verifier's roots."""
    return [c for c in verdict.checks if c.name == "trusted-root-copy"][-1]


def doubted(held: Held) -> None:
    verdict = held.verify()
    assert (verdict.verdict, verdict.facts) == (Class.UNAVAILABLE, {}), verdict
    check = compared(verdict)
    assert check.state == "unknown"
    assert "refresh your trusted root" in check.detail
    assert "do not rely on it" in check.detail


def contradicted(held: Held) -> None:
    verdict = held.verify()
    assert (verdict.verdict, verdict.facts) == (Class.INVALID, {}), verdict
    assert compared(verdict).state == "refused", verdict


def added(root: bytes, more: bytes, *members: str) -> bytes:
    def edit(value: Any) -> None:
        for member in members:
            value[member].extend(json.loads(more)[member])

    return edited(root, edit)


def test_the_honest_copies(three: Three) -> None:
    assert three.held.verify().verdict is Class.OK
    verdict = three.both.verify()
    assert verdict.verdict is Class.OK
    assert "except 4 that only foreign anchors need" in compared(verdict).detail


@pytest.mark.parametrize("members", [*((m,) for m in MEMBERS), MEMBERS])
def test_material_of_a_stranger_in_the_copy(three: Three, members: tuple[str, ...]) -> None:
    doubted(with_copy(three.held, added(raw(three.held), raw(three.stranger), *members)))


def test_material_of_a_stranger_beside_that_of_an_anchor_that_counts_for_nothing(three: Three) -> None:
    both = release_json.union([raw(three.held), raw(three.other)])
    doubted(with_copy(three.both, added(both, raw(three.stranger), *MEMBERS)))


def test_a_log_of_a_kind_that_this_program_does_not_know(three: Three) -> None:
    def edit(value: Any) -> None:
        log = json.loads(raw(three.stranger))["tlogs"][0]
        log["publicKey"]["keyDetails"] = "ML_DSA_65"
        value["tlogs"].append(log)

    doubted(with_copy(three.held, edited(raw(three.held), edit)))


@pytest.mark.parametrize("member", AUTHORITIES)
@pytest.mark.parametrize(
    "changed", [{"uri": "https://fulcio.sigstore.dev"}, {"subject": {"commonName": "x"}}]
)
def test_an_authority_by_another_name(three: Three, member: str, changed: dict[str, Any]) -> None:
    contradicted(with_copy(three.held, edited(raw(three.held), lambda v: v[member][0].update(changed))))


@pytest.mark.parametrize("member", AUTHORITIES)
def test_an_authority_with_another_chain(three: Three, member: str) -> None:
    def edit(value: Any) -> None:
        chain = value[member][0]["certChain"]["certificates"]
        chain.append(json.loads(raw(three.stranger))[member][0]["certChain"]["certificates"][-1])

    contradicted(with_copy(three.held, edited(raw(three.held), edit)))


def window(value: Any, member: str) -> Any:
    entry = value[member][0]
    return (entry if member in AUTHORITIES else entry["publicKey"])["validFor"]


@pytest.mark.parametrize("member", ["tlogs", "ctlogs"])
def test_a_log_at_another_address(three: Three, member: str) -> None:
    """Beside what it was, so that the anchors still verify under the copy."""

    def edit(value: Any) -> None:
        first = value[member][0]
        value[member].append({**first, "baseUrl": first["baseUrl"] + "/elsewhere"})

    contradicted(with_copy(three.held, edited(raw(three.held), edit)))


@pytest.mark.parametrize("member", MEMBERS)
def test_a_window_that_begins_earlier(three: Three, member: str) -> None:
    copy = edited(raw(three.held), lambda v: window(v, member).update(start="2020-01-01T00:00:00Z"))
    contradicted(with_copy(three.held, copy))


@pytest.mark.parametrize("member", MEMBERS)
def test_an_end_in_one_of_the_two(three: Three, member: str) -> None:
    """An older copy knows of no end yet, a newer one of one that the verifier has not heard of."""
    end, other = "2099-01-01T00:00:00Z", "2098-01-01T00:00:00Z"
    ended = edited(raw(three.held), lambda v: window(v, member).update(end=end))
    sooner = edited(raw(three.held), lambda v: window(v, member).update(end=other))
    assert trusting(three.held, ended).verify().verdict is Class.OK
    assert trusting(with_copy(three.held, ended), ended).verify().verdict is Class.OK
    doubted(with_copy(three.held, ended))
    contradicted(trusting(with_copy(three.held, ended), sooner))


@pytest.mark.parametrize("member", MEMBERS)
def test_an_operator_in_one_of_the_two(three: Three, member: str) -> None:
    def named(operator: str) -> bytes:
        return edited(raw(three.held), lambda v: v[member][0].update(operator=operator))

    assert trusting(three.held, named("example.com")).verify().verdict is Class.OK
    doubted(with_copy(three.held, named("example.com")))
    contradicted(trusting(with_copy(three.held, named("example.org")), named("example.com")))


def test_a_verifier_whose_root_knows_more(three: Three) -> None:
    newer = added(raw(three.held), raw(three.stranger), *MEMBERS)
    verdict = trusting(three.held, newer).verify()
    assert verdict.verdict is Class.OK
    assert compared(verdict).state == "passed"


def test_publishing_in_several_logs_copies_what_the_anchors_rest_on_and_nothing_else(three: Three) -> None:
    """So that who trusts one of the instances alone has no doubt of the rest of another one's root."""
    roots = [raw(three.held), added(raw(three.other), raw(three.stranger), *MEMBERS)]
    anchored = []
    for held, root in zip((three.held, three.other), roots, strict=True):
        anchor, bundle = own(held)
        report = verify_bundle(
            bundle, trusted_root=trusted_root.parse(root), artifact=None, now=datetime.now(UTC)
        )
        anchored.append(Anchored(path=anchor.bundle.path, bundle=bundle, report=report, root=root))
    made = release_json.material_of(anchored, roots)
    honest = release_json.union([raw(three.held), raw(three.other)])
    assert {m: json.loads(made)[m] for m in MEMBERS} == {m: json.loads(honest)[m] for m in MEMBERS}
    assert with_copy(three.both, made).verify().verdict is Class.OK
    assert release_json.material_of(anchored, roots[1:]) == roots[1]
