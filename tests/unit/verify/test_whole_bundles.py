# SPDX-License-Identifier: Apache-2.0
"""Whole bundles where the vectors stop: several logs, older writers, names of all kinds, and what is told."""

import base64
import hashlib
import json
from typing import Any

import pytest

from anchor.errors import Misuse
from anchor.sigstore import keys, trusted_root
from anchor.sigstore.artifact import DigestArtifact
from anchor.verdict import Class
from anchor.verify import steps
from anchor.verify.bundle import verify_bundle
from anchor.verify.policy import Signer
from tests.support.forge import bundles
from tests.support.forge import entry_bodies as bodies
from tests.support.forge import keys as forge_keys
from tests.support.forge.authorities import IDENTITY, ISSUER, tsa
from tests.support.forge.whole import WHO, failed, verified
from tests.support.generate.check_names import BUNDLE

Json = dict[str, Any]


def two_logs() -> tuple[Json, Json]:
    """A bundle with entries in two Rekor v2 logs, and the trusted root that names both."""
    second = bundles.v2_log("second", "log.second.example")
    first = bundles.make(bundles.V2)
    entry = first["verificationMaterial"]["tlogEntries"][0]
    body = base64.b64decode(entry["canonicalizedBody"])
    other = bundles.log_entry(bundles.V2.but(log=lambda: second), body)
    first["verificationMaterial"]["tlogEntries"].append(other)
    return first, bundles.trusted_root(lambda r: r["tlogs"].append(bundles.log_instance(second)))


def test_entries_of_two_logs_are_two_facts() -> None:
    bundle, root = two_logs()
    report = verified(bundle, root=root)
    assert report.ok, failed(report)
    assert len({fact.log_id for fact in report.logs}) == 2


def test_every_entry_must_hold_and_none_counts_twice() -> None:
    bundle, root = two_logs()
    entries = bundle["verificationMaterial"]["tlogEntries"]
    unknown = verified(bundle)
    assert failed(unknown) == ["log-key"]
    assert unknown.foreign
    entries[1]["inclusionProof"]["treeSize"] = "99"
    assert failed(verified(bundle, root=root)) == ["log-checkpoint"]
    entries[1] = entries[0]
    assert failed(verified(bundle, root=root)) == ["log-key"]


def test_only_a_verified_bundle_tells_anything_and_a_claimed_signer_is_marked() -> None:
    bundle = bundles.make(bundles.V2_DSSE)
    good, claimed = verified(bundle), verified(bundle, signers=None)
    assert (good.identity, good.issuer, good.claimed) == (IDENTITY, ISSUER, False)
    assert (claimed.identity, claimed.claimed, claimed.ok) == (IDENTITY, True, True)
    assert good.payload == bundles.V2_DSSE.payload
    assert good.earliest == good.times[0].time
    assert [f.origin for f in good.logs] == [bundles.v2_log().host]
    assert (head := good.logs[0].checkpoint)
    assert head.raw.startswith(good.logs[0].origin.encode())
    other = verified(bundle, signers=(Signer(identity="x", issuer=ISSUER),))
    assert failed(other) == ["signer"]
    assert (other.identity, other.payload, other.times, other.logs) == ("", b"", (), ())


def test_one_signer_of_several_is_enough_and_pairs_are_not_mixed() -> None:
    bundle = bundles.make(bundles.V2)
    mixed = (Signer(identity=IDENTITY, issuer="https://b"), Signer(identity="a", issuer=ISSUER))
    assert failed(verified(bundle, signers=mixed)) == ["signer"]
    assert verified(bundle, signers=(*mixed, *WHO)).ok


def test_both_a_key_and_signers_or_no_signer_at_all_is_misuse() -> None:
    root = trusted_root.TrustedRoot()
    key = keys.load_pem(forge_keys.ecdsa("k").pem)
    for signers, given in (((), None), (WHO, key)):
        with pytest.raises(Misuse):
            verify_bundle(b"", trusted_root=root, artifact=None, now=bundles.NOW, signers=signers, key=given)


def test_checks_keep_their_names_and_their_order() -> None:
    names = [step.name for step in steps.BUNDLE_STEPS]
    assert names == [*BUNDLE]
    for recipe in (bundles.V2, bundles.V2_DSSE, bundles.V1):
        order = [names.index(c.name) for c in verified(bundles.make(recipe)).checks]
        assert order == sorted(order)
    unread = verify_bundle(
        b"", trusted_root=trusted_root.TrustedRoot(), artifact=None, now=bundles.NOW, signers=WHO
    )
    assert [c.name for c in unread.checks] == names
    assert all(c.detail for c in unread.checks)


def statement(**digests: str) -> bundles.Recipe:
    subject = [{"name": "x", "digest": digests}]
    return bundles.V2.but(payload=bodies.statement(bundles.ARTIFACT, subject=subject))


def test_a_subject_by_sha512_is_found_for_a_file_and_not_for_a_sha256() -> None:
    bundle = bundles.make(statement(sha512=hashlib.sha512(bundles.ARTIFACT).hexdigest()))
    assert verified(bundle).ok
    digest = DigestArtifact("sha256", hashlib.sha256(bundles.ARTIFACT).digest())
    assert failed(verified(bundle, artifact=digest)) == ["statement"]


def test_a_subject_whose_digests_disagree_is_not_the_file() -> None:
    right = hashlib.sha256(bundles.ARTIFACT).hexdigest()
    assert failed(verified(bundles.make(statement(sha256=right, sha512="00" * 64)))) == ["statement"]
    assert verified(bundles.make(statement(sha256=right, gitCommit="xyz"))).ok


def test_without_an_artifact_the_caller_compares_the_payload_itself() -> None:
    root = trusted_root.parse(json.dumps(bundles.trusted_root()).encode())
    for recipe, good in ((bundles.V2_DSSE, True), (bundles.V2, False)):
        data = json.dumps(bundles.make(recipe)).encode()
        report = verify_bundle(data, trusted_root=root, artifact=None, now=bundles.NOW, signers=WHO)
        assert report.ok is good


def test_a_managed_key_needs_a_log_wherever_the_root_names_one() -> None:
    key = forge_keys.ecdsa("managed")
    bundle = bundles.make(bundles.V2.but(managed=key, stamps=()))
    assert verified(bundle, key=key).ok
    bundle["verificationMaterial"]["tlogEntries"] = []
    assert failed(verified(bundle, key=key)) == ["log-key"]
    bare = {"mediaType": bundles.TRUSTED_ROOT}
    alone = verified(bundle, key=key, root=bare)
    assert alone.ok
    assert alone.logs == ()
    keyless = bundles.make(bundles.V2)
    assert "log-key" in failed(verified(keyless, root=bare))


def test_an_entry_counts_once_by_whichever_ids_its_log_is_named() -> None:
    """A root may list one key under its digest and under its note id: that makes no second log of it."""
    other = bundles.b64(hashlib.sha256(bundles.v2_log().key.spki).digest())

    def twice(entries: list[Json]) -> None:
        entries.append({**entries[-1], "logId": {"keyId": other}})

    root = bundles.trusted_root(lambda r: twice(r["tlogs"]))
    assert "checkpointKeyId" in root["tlogs"][2]
    bundle = bundles.make(bundles.V2)
    assert verified(bundle, root=root).ok
    twice(bundle["verificationMaterial"]["tlogEntries"])
    report = verified(bundle, root=root)
    assert failed(report) == ["log-key"]
    assert not report.foreign


@pytest.mark.parametrize("time", ["0", str(2**53), str(2**62)])
def test_a_promise_of_a_number_that_json_cannot_carry_is_refused(time: str) -> None:
    bundle = bundles.make(bundles.V1.but(edit=lambda b: None))
    bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = time
    assert "log-promise" in failed(verified(bundle))


def test_a_certificate_of_an_unknown_authority_is_foreign_and_of_a_known_one_is_not() -> None:
    bundle = bundles.make(bundles.V2)
    stranger = verified(bundle, root=bundles.trusted_root(lambda r: r.update(certificateAuthorities=[])))
    assert stranger.verdict is Class.INVALID
    assert stranger.foreign
    assert not verified(bundle, signers=(Signer(identity="x", issuer=ISSUER),)).foreign


@pytest.mark.parametrize("details", ["PKIX_FUTURE_2031", "PKIX_RSA_PKCS1V5"])
def test_a_log_that_the_root_lists_and_cannot_be_used_is_not_foreign(details: str) -> None:
    root = bundles.trusted_root(lambda r: r["tlogs"][1]["publicKey"].update(keyDetails=details))
    report = verified(bundles.make(bundles.V2), root=root)
    assert failed(report) == ["log-key"]
    assert not report.foreign


OLD = "the copy of 2024-12-25 could not be refreshed"
LACKING: dict[str, tuple[bundles.Edit, str, list[str]]] = {
    "log": (lambda r: r["tlogs"].pop(1), "log-key", ["log-key"]),
    "certificate log": (lambda r: r["ctlogs"].pop(), "certificate-log", ["certificate-log"]),
    "authority": (lambda r: r["certificateAuthorities"].pop(), "certificate-chain", ["certificate-chain"]),
    "time-stamper": (
        lambda r: r.update(timestampAuthorities=[bundles.ca_instance(tsa("tsa b"), "tsa-b")]),
        "signing-time",
        ["signing-time"],
    ),
}


@pytest.mark.parametrize("name", LACKING)
def test_what_an_old_root_does_not_name_may_be_in_a_newer_one_and_is_no_alarm(name: str) -> None:
    edit, check, failing = LACKING[name]
    bundle, root = bundles.make(bundles.V2), bundles.trusted_root(edit)
    assert verified(bundle, root=root).verdict is Class.INVALID
    report = verified(bundle, root=root, doubt=OLD)
    assert report.verdict is Class.UNAVAILABLE
    assert failed(report) == failing
    (doubted,) = [c for c in report.checks if c.name == check]
    assert OLD in doubted.detail
    assert not doubted.meaning


def test_a_promise_of_a_log_that_an_old_root_does_not_name_is_no_alarm_either() -> None:
    root = bundles.trusted_root(lambda r: r["tlogs"].pop(0))
    report = verified(bundles.make(bundles.V1), root=root, doubt=OLD)
    assert report.verdict is Class.UNAVAILABLE, failed(report)


@pytest.mark.parametrize("stamps", [(), (bundles.Stamp(over=b"another signature"),)])
def test_an_old_root_does_not_excuse_what_it_does_name(stamps: tuple[bundles.Stamp, ...]) -> None:
    """Without a time, or with a false one of a known time-stamper, nothing newer could help."""
    assert verified(bundles.make(bundles.V2.but(stamps=stamps)), doubt=OLD).verdict is Class.INVALID
