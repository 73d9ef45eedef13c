# SPDX-License-Identifier: Apache-2.0
"""The verification of a release returns the verified values, beside the verdict."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.errors import Refused
from anchor.monitor.observed import examined
from anchor.tlog import cosignature, witness_policy
from anchor.verdict import Class
from anchor.verify.release import examine_release, verify_release
from tests.support.releases.in_memory import Held, Memory, hold
from tests.support.releases.published import NAME, published


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return hold(published(tmp_path_factory.mktemp("examined")).root)


def test_what_was_verified_comes_with_its_bytes(held: Held) -> None:
    found = held.examine()
    assert found.verdict == verify_release(
        "release.json", held.release, Memory(held.files), trust=held.trust, now=held.now
    )
    assert found.verdict.verdict is Class.OK
    assert found.bound
    assert found.counted == 1
    assert found.statement == held.files[held.path("statement")]
    (anchor,) = found.anchors
    assert (anchor.number, anchor.counts) == (1, True)
    assert anchor.data == held.files[held.path("bundle")]
    assert anchor.report.payload == found.statement
    assert len(anchor.report.logs) == 1
    seen = examined(found).release
    assert seen is not None
    assert (seen.ledger, seen.number, seen.statement) == (NAME, 1, found.statement)
    assert [a.bundle for a in seen.anchors] == [anchor.data]


def test_a_bundle_that_was_changed_is_not_among_the_verified(held: Held) -> None:
    path = held.path("bundle")
    found = held.with_file(path, held.files[path] + b" ", repaired=False).examine()
    assert found.verdict.verdict is Class.INVALID
    assert found.anchors == ()
    assert not found.bound
    assert examined(found).release is None


def test_an_anchor_that_does_not_count_yet_is_followed_all_the_same(held: Held) -> None:
    """Whoever cuts the cosignatures off ends neither the watch of the log nor that of the numbers."""
    (anchor,) = held.examine().anchors
    (log,) = anchor.report.logs
    assert log.checkpoint is not None
    key = log.checkpoint.signers[0].key
    witness, _ = cosignature.cosign(b"text", "w.example", Ed25519PrivateKey.generate(), 1)
    policy = witness_policy.parse(f"log {key.vkey}\nwitness w {witness.vkey}\nquorum w\n".encode())
    found = held.examine(trust=msgspec.structs.replace(held.trust, witnesses=policy))
    assert found.verdict.verdict is Class.PENDING
    assert found.counted == 0
    taken = examined(found)
    assert taken.release is not None
    assert [e.origin for e in taken.entries] == [log.origin]


def test_what_was_verified_and_then_refused_is_followed_and_binds_nothing(held: Held) -> None:
    def disagrees(*_: object) -> bytes:
        raise Refused("bad")

    found = held.examine(reference_client=disagrees)
    assert found.verdict.verdict is Class.INVALID
    assert (len(found.anchors), found.counted, found.bound) == (1, 0, False)
    assert examined(found).release is None
    assert len(examined(found).entries) == 1


def test_without_a_policy_nothing_is_verified(held: Held) -> None:
    found = examine_release("r", held.release, Memory(held.files), trust=None, now=held.now)
    assert found.verdict.verdict is Class.USAGE
    assert found.anchors == ()
    assert not found.bound
