# SPDX-License-Identifier: Apache-2.0
"""An honest publisher, an attacker with a Sigstore instance of his own, and what he puts together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from anchor.embedded.instance import Instance
from anchor.format import release as releases
from anchor.format.release import Anchor
from anchor.verdict import Class, Verdict
from anchor.verify.policy import Policy
from anchor.verify.release import Trust
from tests.support.forge.signed import described, sign
from tests.support.releases.in_memory import Held, hold
from tests.support.releases.published import LEDGER, Site, published


@dataclass(frozen=True)
class PublisherAndAttacker:
    """An honest publisher with two releases and another ledger, and an attacker with an instance."""

    site: Site
    first: Held
    second: Held
    other: Held
    honest: Instance
    foreign: Instance
    foreign_site: Site


def make_world(make: Callable[[str], Path]) -> PublisherAndAttacker:
    """`make` makes a folder of its own for a name."""
    base = make("honest")
    site = published(base)
    first = hold(site.root)
    assert site.publish(LEDGER + "| D | 4 |\n", "1.1.0").code == 0
    other = Site(base / "other", site.home, base / "other.toml")
    ran = other.publish(LEDGER, "1.0.0")
    assert ran.code == 0
    attacker = published(make("attacker"))
    return PublisherAndAttacker(
        site=site,
        first=first,
        second=hold(site.root),
        other=hold(other.root),
        honest=Instance.open(site.home / "instance", create=False),
        foreign=Instance.open(attacker.home / "instance", create=False),
        foreign_site=attacker,
    )


def refused(verdict: Verdict, check: str, kind: Class = Class.INVALID) -> None:
    """Not OK, for the reason that was meant, and nothing of it is shown as a fact."""
    assert verdict.verdict is kind, verdict
    assert verdict.facts == {}
    assert check in {c.name for c in verdict.checks if c.demotes is kind}, verdict.checks


def with_anchors(held: Held, *bundles: tuple[Anchor, bytes]) -> Held:
    """A release with these anchors and no others."""
    value = releases.load(held.release)
    made = msgspec.structs.replace(value, anchors=tuple(a for a, _ in bundles))
    files = {**held.files, **{a.bundle.path: data for a, data in bundles}}
    return replace(held, release=releases.dump(made), files=files)


def own(held: Held) -> tuple[Anchor, bytes]:
    """The anchor that a release has."""
    (anchor,) = releases.load(held.release).anchors
    return anchor, held.files[anchor.bundle.path]


def made(
    instance: Instance, statement: bytes, path: str, identity: str | None = None
) -> tuple[Anchor, bytes]:
    """A new anchor over a statement."""
    bundle = sign(instance, statement, identity=identity)
    return described(bundle, instance.trusted_root(), path), bundle


def trusting(held: Held, **changed: Any) -> Trust:
    """The verifier's trust with another policy."""
    policy = held.trust.policy
    fields = {"ledger": policy.ledger, "signers": policy.signers, **changed}
    return Trust(policy=Policy(**fields), raw=held.trust.raw, root=held.trust.root)


def statement_of(held: Held) -> bytes:
    return held.files[held.path("statement")]
