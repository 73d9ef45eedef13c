# SPDX-License-Identifier: Apache-2.0
"""Without a policy the signer is claimed, and verify says how to accept him: nobody else is offered."""

import msgspec
import pytest

from anchor.publish import release_json
from anchor.verify.release import verify_release
from tests.support.forge.attacker import PublisherAndAttacker, make_world, own, with_anchors
from tests.support.releases.in_memory import Held, Memory


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PublisherAndAttacker:
    return make_world(tmp_path_factory.mktemp)


OFFER = "to accept this signer"


def test_without_a_policy_nobody_is_offered_whom_no_bundle_names(world: PublisherAndAttacker) -> None:
    def notes(held: Held) -> str:
        found = verify_release("r", held.release, Memory(held.files), trust=None, now=held.now)
        return "\n".join(found.notes)

    anchor, _ = own(world.first)
    assert OFFER in notes(world.first)
    assert anchor.identity in notes(world.first)
    value = world.first.value
    value["anchors"][0]["identity"] = "ceo@example.com"
    assert "ceo@" not in notes(world.first.with_value(value))
    assert OFFER not in notes(world.first.with_value(value))
    log = msgspec.structs.replace(anchor.log, index=anchor.log.index + 1)
    junk = msgspec.structs.replace(
        anchor, log=log, identity="ceo@example.com", bundle=release_json.blob("junk.sigstore.json", b"{}")
    )
    both = with_anchors(world.first, own(world.first), (junk, b"{}"))
    assert "ceo@" not in notes(both)
    assert OFFER not in notes(both)
    spoilt = world.first.with_file(world.first.path("ledger.md"), b"x", repaired=False)
    assert OFFER not in notes(spoilt)
