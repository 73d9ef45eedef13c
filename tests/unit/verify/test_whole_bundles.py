# SPDX-License-Identifier: Apache-2.0
"""Whole bundles where the vectors stop: several logs, older writers, names of all kinds, and what is told."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509

from anchor import keydetails, trusted_root
from anchor.artifact import Artifact, DigestArtifact
from anchor.errors import Misuse
from anchor.trust import Signer
from anchor.verdict import Class
from anchor.verify import steps
from anchor.verify.bundle import BundleReport, verify_bundle
from tests.support import forge, forge_bodies, forge_keys
from tests.support.forge_ca import IDENTITY, ISSUER, Leaf
from tests.support.forge_der import utf8
from tests.support.forge_log import Checkpoint

Json = dict[str, Any]
WHO = (Signer(identity=IDENTITY, issuer=ISSUER),)
USERNAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")


def verified(
    bundle: Json,
    *,
    root: Json | None = None,
    artifact: Artifact | None = None,
    signers: tuple[Signer, ...] | None = WHO,
    key: forge_keys.Key | None = None,
) -> BundleReport:
    return verify_bundle(
        json.dumps(bundle).encode(),
        trusted_root=trusted_root.parse(json.dumps(root or forge.trusted_root()).encode()),
        artifact=artifact or Artifact(forge.ARTIFACT),
        now=forge.NOW,
        signers=None if key else signers,
        key=keydetails.load_pem(key.pem) if key else None,
    )


def failed(report: BundleReport) -> list[str]:
    return [c.name for c in report.checks if c.demotes]


def two_logs() -> tuple[Json, Json]:
    """A bundle with entries in two Rekor v2 logs, and the trusted root that names both."""
    second = forge.v2_log("second", "log.second.example")
    first = forge.make(forge.V2)
    entry = first["verificationMaterial"]["tlogEntries"][0]
    body = base64.b64decode(entry["canonicalizedBody"])
    other = forge.log_entry(forge.V2.but(log=lambda: second), body)
    first["verificationMaterial"]["tlogEntries"].append(other)
    return first, forge.trusted_root(lambda r: r["tlogs"].append(forge.log_instance(second)))


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
    bundle = forge.make(forge.V2_DSSE)
    good, claimed = verified(bundle), verified(bundle, signers=None)
    assert (good.identity, good.issuer, good.claimed) == (IDENTITY, ISSUER, False)
    assert (claimed.identity, claimed.claimed, claimed.ok) == (IDENTITY, True, True)
    assert good.payload == forge.V2_DSSE.payload
    assert good.earliest == good.times[0].time
    assert [f.origin for f in good.logs] == [forge.v2_log().host]
    assert good.logs[0].raw_checkpoint.startswith(good.logs[0].origin.encode())
    other = verified(bundle, signers=(Signer(identity="x", issuer=ISSUER),))
    assert failed(other) == ["signer"]
    assert (other.identity, other.payload, other.times, other.logs) == ("", b"", (), ())


def test_one_signer_of_several_is_enough_and_pairs_are_not_mixed() -> None:
    bundle = forge.make(forge.V2)
    mixed = (Signer(identity=IDENTITY, issuer="https://b"), Signer(identity="a", issuer=ISSUER))
    assert failed(verified(bundle, signers=mixed)) == ["signer"]
    assert verified(bundle, signers=(*mixed, *WHO)).ok


def test_both_a_key_and_signers_or_no_signer_at_all_is_misuse() -> None:
    root = trusted_root.TrustedRoot()
    key = keydetails.load_pem(forge_keys.ecdsa("k").pem)
    for signers, given in (((), None), (WHO, key)):
        with pytest.raises(Misuse):
            verify_bundle(b"", trusted_root=root, artifact=None, now=forge.NOW, signers=signers, key=given)


def test_checks_keep_their_names_and_their_order() -> None:
    names = [step.name for step in steps.ALL]
    assert names == [
        "bundle-format",
        "signing-material",
        "log-key",
        "log-promise",
        "timestamp",
        "signing-time",
        "certificate-time",
        "certificate-chain",
        "certificate-log",
        "certificate-usage",
        "signer",
        "log-window",
        "log-checkpoint",
        "log-inclusion",
        "log-entry",
        "artifact-digest",
        "signature",
        "statement",
    ]
    for recipe in (forge.V2, forge.V2_DSSE, forge.V1):
        order = [names.index(c.name) for c in verified(forge.make(recipe)).checks]
        assert order == sorted(order)
    unread = verify_bundle(
        b"", trusted_root=trusted_root.TrustedRoot(), artifact=None, now=forge.NOW, signers=WHO
    )
    assert [c.name for c in unread.checks] == names
    assert all(c.detail for c in unread.checks)


@pytest.mark.parametrize(
    ("leaf", "identity"),
    [
        (Leaf(identity=None, uri="https://ci.example/workflow@main"), "https://ci.example/workflow@main"),
        (Leaf(identity=None, more_names=(x509.OtherName(USERNAME, utf8("ada!example")),)), "ada!example"),
        (Leaf(identity=None, more_names=(x509.OtherName(USERNAME, utf8("a" * 300)),)), "a" * 300),
    ],
)
def test_identities_of_every_kind(leaf: Leaf, identity: str) -> None:
    report = verified(
        forge.make(forge.V2.but(leaf=leaf)), signers=(Signer(identity=identity, issuer=ISSUER),)
    )
    assert report.ok, failed(report)
    assert report.identity == identity


BAD_TEXTS = (
    b"",
    b"\x0c",
    b"ada",
    b"\x0c\x04ada",
    b"\x0c\x02ada",
    b"\x0c\x81\x03ada",
    b"\x0c\x82\x00\x80" + b"a" * 128,
    b"\x0c\x80ada\0\0",
    b"\x13\x03ada",
    b"\x0c\x01\xff",
)


@pytest.mark.parametrize("value", BAD_TEXTS)
def test_an_issuer_that_is_not_one_der_utf8_string_is_refused(value: bytes) -> None:
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
    extension = x509.UnrecognizedExtension(oid, value)
    leaf = Leaf(issuer_v2=None, extend=lambda b: b.add_extension(extension, critical=False))
    assert "signing-material" in failed(verified(forge.make(forge.V2.but(leaf=leaf))))


@pytest.mark.parametrize("value", BAD_TEXTS[-2:])
def test_a_username_that_is_not_der_utf8_is_refused(value: bytes) -> None:
    leaf = Leaf(identity=None, more_names=(x509.OtherName(USERNAME, value),))
    anybody = (Signer(identity_regex=".*", issuer=ISSUER),)
    assert "signing-material" in failed(verified(forge.make(forge.V2.but(leaf=leaf)), signers=anybody))


@pytest.mark.parametrize("leaf", [Leaf(issuer_v1=None), Leaf(issuer_v2=None)])
def test_either_issuer_extension_is_enough(leaf: Leaf) -> None:
    assert verified(forge.make(forge.V2.but(leaf=leaf))).ok


def origin(host: str, own: str) -> tuple[forge.Recipe, Json]:
    """A v1 bundle whose log signs under `own`, and a trusted root that gives `host` as its URL."""
    recipe = forge.V1.but(head=Checkpoint(origin=f"{own} - 7", name=own))
    return recipe, forge.trusted_root(lambda r: r["tlogs"][0].update(baseUrl=f"https://{host}"))


@pytest.mark.parametrize("own", ["rekor.example", "rekor.example:8080", "rekor-0001-deployment-56bf-jds5x"])
def test_a_v1_log_signs_by_host_by_host_and_port_or_by_the_machines_bare_name(own: str) -> None:
    recipe, root = origin("rekor.example:8080", own)
    assert verified(forge.make(recipe), root=root).ok


@pytest.mark.parametrize("own", ["evil.example", "rekor.example.evil", "rekor.example:8081"])
def test_a_v1_log_of_another_host_is_refused(own: str) -> None:
    recipe, root = origin("rekor.example:8080", own)
    assert failed(verified(forge.make(recipe), root=root)) == ["log-checkpoint"]


def keep_payload(body: Json, payload: bytes) -> None:
    content = body["spec"]["content"]["envelope"]
    content["payload"] = forge.b64(forge.b64(payload).encode())


def test_an_intoto_entry_may_keep_the_payload_but_only_this_one() -> None:
    payload = forge.V1_INTOTO.payload or b""
    assert verified(forge.make(forge.V1_INTOTO.but(body=lambda b: keep_payload(b, payload)))).ok
    other = forge.make(forge.V1_INTOTO.but(body=lambda b: keep_payload(b, payload + b" ")))
    assert failed(verified(other)) == ["log-entry"]


def rewrap(change: Callable[[bytes], bytes]) -> Callable[[Json], None]:
    def edit(body: Json) -> None:
        signature = body["spec"]["content"]["envelope"]["signatures"][0]
        signature["publicKey"] = forge.b64(change(base64.b64decode(signature["publicKey"])))

    return edit


def test_an_intoto_entry_keeps_the_pem_as_its_client_wrote_it() -> None:
    for change in (lambda p: p.rstrip(b"\n"), lambda p: p.replace(b"\n", b"\r\n")):
        assert verified(forge.make(forge.V1_INTOTO.but(body=rewrap(change)))).ok
    for spoil in (lambda p: p + p, lambda p: p.replace(b"CERT", b"CERF"), lambda p: b""):
        assert failed(verified(forge.make(forge.V1_INTOTO.but(body=rewrap(spoil))))) == ["log-entry"]


def dsse_v2(recipe: forge.Recipe) -> forge.Recipe:
    """As Rekor v2 logged envelopes before it took their PAE as hashedrekord: `dsse` 0.0.2."""
    made = forge.make(recipe)
    body = json.loads(base64.b64decode(made["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"]))
    signature = body["spec"]["hashedRekordV002"]["signature"]
    digest = forge.b64(hashlib.sha256(recipe.payload or b"").digest())
    spec = {"payloadHash": {"algorithm": "SHA2_256", "digest": digest}, "signatures": [signature]}
    raw = forge_bodies.canonical({"apiVersion": "0.0.2", "kind": "dsse", "spec": {"dsseV002": spec}})
    kind = {"kind": "dsse", "version": "0.0.2"}
    return recipe.but(raw_body=raw, entry=lambda e: e.update(kindVersion=kind))


def test_an_envelope_logged_as_dsse_of_rekor_v2_is_bound_whole() -> None:
    recipe = dsse_v2(forge.V2_DSSE)
    assert verified(forge.make(recipe)).ok
    spoilt = (recipe.raw_body or b"").replace(b"SHA2_256", b"SHA2_512", 1)
    assert failed(verified(forge.make(recipe.but(raw_body=spoilt)))) == ["log-entry"]


def statement(**digests: str) -> forge.Recipe:
    subject = [{"name": "x", "digest": digests}]
    return forge.V2.but(
        payload=json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": subject}).encode()
    )


def test_a_subject_by_sha512_is_found_for_a_file_and_not_for_a_sha256() -> None:
    bundle = forge.make(statement(sha512=hashlib.sha512(forge.ARTIFACT).hexdigest()))
    assert verified(bundle).ok
    digest = DigestArtifact(hashlib.sha256(forge.ARTIFACT).digest())
    assert failed(verified(bundle, artifact=digest)) == ["statement"]


def test_a_subject_whose_digests_disagree_is_not_the_file() -> None:
    right = hashlib.sha256(forge.ARTIFACT).hexdigest()
    assert failed(verified(forge.make(statement(sha256=right, sha512="00" * 64)))) == ["statement"]
    assert verified(forge.make(statement(sha256=right, gitCommit="xyz"))).ok


def test_without_an_artifact_the_caller_compares_the_payload_itself() -> None:
    root = trusted_root.parse(json.dumps(forge.trusted_root()).encode())
    for recipe, good in ((forge.V2_DSSE, True), (forge.V2, False)):
        data = json.dumps(forge.make(recipe)).encode()
        report = verify_bundle(data, trusted_root=root, artifact=None, now=forge.NOW, signers=WHO)
        assert report.ok is good


def test_a_managed_key_needs_a_log_wherever_the_root_names_one() -> None:
    key = forge_keys.ecdsa("managed")
    bundle = forge.make(forge.V2.but(managed=key, stamps=()))
    assert verified(bundle, key=key).ok
    bundle["verificationMaterial"]["tlogEntries"] = []
    assert failed(verified(bundle, key=key)) == ["log-key"]
    bare = {"mediaType": forge.TRUSTED_ROOT}
    alone = verified(bundle, key=key, root=bare)
    assert alone.ok
    assert alone.logs == ()
    keyless = forge.make(forge.V2)
    assert "log-key" in failed(verified(keyless, root=bare))


@pytest.mark.parametrize("time", ["0", str(2**53), str(2**62)])
def test_a_promise_of_a_number_that_json_cannot_carry_is_refused(time: str) -> None:
    bundle = forge.make(forge.V1.but(edit=lambda b: None))
    bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = time
    assert "log-promise" in failed(verified(bundle))


def test_what_an_attacker_names_cannot_steer_a_terminal() -> None:
    leaf = Leaf(identity=None, uri="https://x/\x1b[2J\x1b[1;1H\x07")
    for check in verified(forge.make(forge.V2.but(leaf=leaf))).checks:
        assert check.detail.isprintable()
        assert len(check.detail) <= steps.MAX_DETAIL


def test_a_certificate_of_an_unknown_authority_is_foreign_and_of_a_known_one_is_not() -> None:
    bundle = forge.make(forge.V2)
    stranger = verified(bundle, root=forge.trusted_root(lambda r: r.update(certificateAuthorities=[])))
    assert stranger.verdict is Class.INVALID
    assert stranger.foreign
    assert not verified(bundle, signers=(Signer(identity="x", issuer=ISSUER),)).foreign
