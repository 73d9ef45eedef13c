# SPDX-License-Identifier: Apache-2.0
"""Our HTTP seams against the real servers: what was written once is found again, answer or no answer."""

import contextlib
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from anchor import log_kinds
from anchor.errors import Misuse, Refused, Unavailable
from anchor.log_kinds.rekor_v1 import REKOR_V1
from anchor.log_kinds.rekor_v2 import REKOR_V2
from anchor.merkle.hashing import leaf_hash
from anchor.merkle.proof import verify_inclusion
from anchor.net.budget import Budget
from anchor.net.logs.rekor_v1 import RekorV1Writer
from anchor.net.logs.rekor_v2 import RekorV2Writer
from anchor.net.service_errors import LostAnswer, NotSent
from anchor.signing import remote_instance, signer
from anchor.signing.remote_instance import Instance
from anchor.signing.unlogged_signature import Prepared
from anchor.sigstore import signing_config, trusted_root
from tests.interop.stack import documents, node
from tests.interop.stack.stack import Log, NewLog, Stack
from tests.interop.stack.trillian import RekorV1 as ServerV1
from tests.interop.test_stack_starts import request

STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "ledger.md", "digest": {"sha256": "00" * 32}}],
        "predicateType": "urn:ledger-anchor:commitment:v1",
        "predicate": {},
    }
).encode()


def connect(stack: Stack, log: Log | None = None, *, seconds: float = 60) -> Instance:
    config = stack.instance(log, name=f"connect-{threading.get_ident()}").read_bytes()
    root, chosen = signing_config.parse_trust_config(config)
    now = datetime.now(UTC)
    (service,) = chosen.chosen_logs(now, versions=log_kinds.api_versions())
    return remote_instance.connect(
        chosen, trusted_root.parse(root), log=service, budget=Budget(seconds), now=now
    )


def v2(stack: Stack, log: Log | None = None) -> RekorV2Writer:
    found = connect(stack, log).log
    assert isinstance(found, RekorV2Writer)
    return found


class Stopped:
    """Keeps what was signed, and writes to no log (`signer.Recorder`)."""

    def __init__(self) -> None:
        self.seen: list[Prepared] = []

    def signed(self, prepared: Prepared) -> None:
        self.seen.append(prepared)

    def append(self, prepared: Prepared) -> bytes:
        raise Unavailable("stopped before the log")


def prepare(stack: Stack, instance: Instance, log: Log | None = None) -> list[Prepared]:
    """Everything up to the log, which is not written."""
    recorder = Stopped()
    root = json.dumps(stack.trusted_root(log or stack.log)).encode()
    with pytest.raises(Unavailable, match="stopped before the log"):
        signer.sign(
            STATEMENT,
            authority=instance.authority,
            timestamps=instance.timestamps,
            log=recorder,
            trusted_root=root,
            token=stack.oidc.token(),
            kind=instance.log.kind,
        )
    return recorder.seen


def check_entry(entry: bytes, body: bytes) -> int:
    """The entry is ours and its proof fits the checkpoint that it carries; its index in the tree."""
    tle = json.loads(entry)
    proof = tle["inclusionProof"]
    note = proof["checkpoint"]["envelope"].split("\n")
    index, size = int(proof["logIndex"]), int(proof["treeSize"])
    from base64 import b64decode

    assert b64decode(tle["canonicalizedBody"]) == body
    assert int(note[1]) == size
    assert note[2] == proof["rootHash"]
    hashes = [b64decode(h) for h in proof["hashes"]]
    verify_inclusion(leaf_hash(body), index, size, hashes, b64decode(proof["rootHash"]))
    return index


def test_certificate_stamp_and_entry_make_a_bundle_that_others_accept(
    stack: Stack, npm: Path, tmp_path: Path
) -> None:
    instance = connect(stack)
    assert (instance.name, instance.log.kind, instance.issuer) == (
        "log.stack.internal",
        REKOR_V2,
        stack.oidc.url,
    )
    prepared = prepare(stack, instance)[-1]
    entry = instance.log.append(prepared.request)
    bundle = tmp_path / "bundle.json"
    bundle.write_bytes(signer.assemble(_stamped(stack, instance, prepared), entry))
    root = documents.write(tmp_path / "root.json", stack.trusted_root())
    assert node.verify(root, bundle, issuer=stack.oidc.url, identity=stack.oidc.email) == ""


def _stamped(stack: Stack, instance: Instance, prepared: Prepared) -> Prepared:
    import msgspec
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(prepared.signature).hash_algorithm(HashAlgorithm.SHA256)
    return msgspec.structs.replace(
        prepared, tokens=(instance.timestamps[0].stamp(builder.build().as_bytes()),)
    )


@pytest.mark.parametrize("claims", [{"aud": "other"}, {"ttl": -60}, {"email": ""}])
def test_token_fault_is_told_as_one(stack: Stack, claims: dict[str, object]) -> None:
    instance = connect(stack)
    csr = json.dumps({"certificateSigningRequest": "eA=="}).encode()
    with pytest.raises(Misuse, match=r"certificate authority .*identity token is not accepted") as e:
        instance.authority.issue(csr, stack.oidc.token(**claims))  # type: ignore[arg-type]
    assert "\n" not in str(e.value)


def test_v2_request_becomes_the_entry_that_we_expect(stack: Stack) -> None:
    log = v2(stack)
    before, asked = log.size(), request(b"expected")
    entry = log.append(asked)
    assert check_entry(entry, REKOR_V2.requested_body(asked)) >= before
    assert REKOR_V2.requested_body(asked) in stack.log.entries()


def test_v2_duplicate_is_recovered_with_a_proof_of_its_own(stack: Stack) -> None:
    log = v2(stack)
    asked = request(b"recovered")
    first = check_entry(log.append(asked), REKOR_V2.requested_body(asked))
    log.append(request(b"something between"))
    again = log.append(asked)
    assert check_entry(again, REKOR_V2.requested_body(asked)) == first
    assert json.loads(again)["logId"]["keyId"] == documents.b64(log.key_id)


def test_v2_entry_is_found_after_its_answer_was_lost(stack: Stack) -> None:
    log = v2(stack)
    asked = request(b"found")
    since = log.size()
    assert log.find(asked, since) is None
    log.append(asked)
    found = log.find(asked, since)
    assert found is not None
    index = check_entry(found, REKOR_V2.requested_body(asked))
    assert log.find(asked, index + 1) is None


def test_v2_killed_while_it_works_is_asked_before_anything_is_sent_again(
    stack: Stack, new_log: NewLog
) -> None:
    """The server dies with requests in flight; each is looked for, and sent again only if it is not there."""
    server = new_log("killed.stack.internal")
    requests = [request(f"in flight {i}".encode()) for i in range(6)]
    log = v2(stack, server)
    since = log.size()
    lost: list[bytes] = []
    ready = threading.Barrier(len(requests) + 1)

    def send(client: RekorV2Writer, asked: bytes) -> None:
        ready.wait(60)
        try:
            client.append(asked)
        except (LostAnswer, NotSent):  # the latter while nobody listens
            lost.append(asked)

    threads = [threading.Thread(target=send, args=(v2(stack, server), r)) for r in requests]
    for t in threads:
        t.start()
    ready.wait(60)
    threading.Event().wait(0.35)
    server.server.restart()
    for t in threads:
        t.join()
    # entries keep their order: what the log took before this one is in the tree when this one is
    log = v2(stack, server)
    log.append(request(b"the next entry"))
    there = {asked: log.find(asked, since) for asked in lost}
    for asked, entry in there.items():
        if entry is None:
            log.append(asked)
    bodies = [REKOR_V2.requested_body(r) for r in requests]
    entries = server.entries()
    assert sorted(entries.count(b) for b in bodies) == [1] * 6


def test_v2_rewound_log_is_not_read_as_an_absent_entry(stack: Stack) -> None:
    with pytest.raises(Unavailable, match="old head"):
        v2(stack).find(request(b"x"), 10**6)


def test_v2_dead_server_is_not_sent(stack: Stack, new_log: NewLog) -> None:
    server = new_log("dead.stack.internal")
    log = v2(stack, server)
    server.server.kill()
    server.front.stop()
    with pytest.raises(NotSent, match="Connection refused"):
        log.append(request(b"never"))


def test_v2_bad_request_is_refused(stack: Stack) -> None:
    asked = json.loads(request(b"signed"))
    asked["hashedRekordRequestV002"]["digest"] = documents.b64(b"\0" * 32)
    with pytest.raises(Refused, match="does not take the entry: HTTP 400"):
        v2(stack).append(json.dumps(asked).encode())


def test_log_behind_another_url_is_known_by_its_origin(stack: Stack, new_log: NewLog) -> None:
    second = new_log("second.stack.internal")
    instance = connect(stack, second)
    assert instance.name == "second.stack.internal"
    config = signing_config.parse(json.dumps(stack.signing_config(second)).encode())

    def with_root(*logs: Log) -> Instance:
        root, now = trusted_root.parse(json.dumps(stack.trusted_root(*logs)).encode()), datetime.now(UTC)
        return remote_instance.connect(
            config,
            root,
            log=config.chosen_logs(now, versions=log_kinds.api_versions())[0],
            budget=Budget(60),
            now=now,
        )

    assert with_root(stack.log, second).name == second.origin
    # the root of one log, the URL of another
    found = with_root(stack.log)
    with pytest.raises(Unavailable, match=r"serves a checkpoint that is not log\.stack\.internal's"):
        found.log.size()
    third = new_log("third.stack.internal")
    with pytest.raises(Refused, match="calls itself 'second"):
        with_root(stack.log, third)


def test_v1_request_becomes_the_entry_that_we_expect(stack: Stack, rekor_v1: ServerV1) -> None:
    instance = connect(stack, rekor_v1)
    assert (instance.name, instance.log.kind) == (rekor_v1.origin, REKOR_V1)
    log = instance.log
    assert isinstance(log, RekorV1Writer)
    prepared = prepare(stack, instance, rekor_v1)[-1]
    body = REKOR_V1.requested_body(prepared.request)
    before = log.size()
    assert log.find(prepared.request, before) is None
    check_entry(log.append(prepared.request), body)
    assert rekor_v1.size() == before + 1
    found = log.find(prepared.request, before)
    assert found is not None
    assert check_entry(found, body) == before


def test_v1_duplicate_is_recovered_also_after_a_restart(stack: Stack, rekor_v1: ServerV1) -> None:
    instance = connect(stack, rekor_v1)
    prepared = prepare(stack, instance, rekor_v1)[-1]
    first = json.loads(instance.log.append(prepared.request))
    rekor_v1.server.restart()
    again = json.loads(instance.log.append(prepared.request))
    assert again["logIndex"] == first["logIndex"]
    assert again["canonicalizedBody"] == first["canonicalizedBody"]


def test_v1_killed_while_it_works_leaves_one_entry(stack: Stack, rekor_v1: ServerV1) -> None:
    instance = connect(stack, rekor_v1)
    prepared = prepare(stack, instance, rekor_v1)[-1]
    before = rekor_v1.size()
    killer = threading.Timer(0.01, rekor_v1.server.kill)
    killer.start()
    with contextlib.suppress(Unavailable):
        instance.log.append(prepared.request)
    killer.join()
    rekor_v1.server.start()
    if instance.log.find(prepared.request, before) is None:
        instance.log.append(prepared.request)
    instance.log.append(prepared.request)
    assert rekor_v1.size() == before + 1


def test_certificate_is_of_the_token(stack: Stack) -> None:
    prepared = prepare(stack, connect(stack))[-1]
    leaf = x509.load_der_x509_certificate(prepared.certificate)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == [stack.oidc.email]
