# SPDX-License-Identifier: Apache-2.0
"""Remote logs and their resolution: whose answer is believed, and which log of a root is meant."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from anchor import log_kinds
from anchor.errors import AnchorError, Misuse, Refused
from anchor.log_kinds.rekor_v1 import REKOR_V1
from anchor.log_kinds.rekor_v2 import REKOR_V2
from anchor.merkle.hashing import leaf_hash
from anchor.net.budget import Budget
from anchor.net.logs.rekor_v1 import RekorV1Writer
from anchor.net.logs.rekor_v2 import RekorV2Writer
from anchor.net.service_errors import HttpError, LostAnswer, ServiceError
from anchor.signing import remote_instance
from anchor.signing.remote_instance import RemoteAuthority
from anchor.sigstore import signing_config, trusted_root
from anchor.tlog.checkpoint import Log
from anchor.tlog.keys import Algorithm, VerifierKey
from tests.interop.stack import documents, keys
from tests.interop.stack.documents import LogFacts
from tests.support.forge.embedded_signer import csr_request, entry_request
from tests.support.servers.bad_server import MORE, BadServer, Behaviour, answer, bad_server

KNOWN = Log("log.example", VerifierKey("log.example", Algorithm.ED25519, bytes(range(32))))
ENVELOPE = '{"payload":"eA==","payloadType":"t","signatures":[{"sig":"eQ=="}]}'
PROPOSED = {"envelope": ENVELOPE, "verifiers": ["eg=="]}
DSSE = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": PROPOSED}}).encode()
LEAF = leaf_hash(REKOR_V1.requested_body(DSSE)).hex()
TREE = "0123456789abcdef"


def v1(server: BadServer, seconds: float = 60) -> RekorV1Writer:
    return RekorV1Writer(server.url, KNOWN, b"k" * 32, budget=Budget(seconds))


def entry(**changed: Any) -> dict[str, Any]:
    proof = {"checkpoint": "note", "hashes": ["ab" * 32], "logIndex": 5, "rootHash": "cd" * 32, "treeSize": 9}
    whole = {
        "body": base64.b64encode(REKOR_V1.requested_body(DSSE)).decode(),
        "integratedTime": 1700000000,
        "logID": "ef" * 32,
        "logIndex": 105,
        "verification": {"inclusionProof": proof, "signedEntryTimestamp": "c2V0"},
    }
    return {**whole, **changed}


def response(found: Any, name: str = TREE + LEAF) -> bytes:
    return json.dumps({name: found}).encode()


@pytest.fixture(autouse=True)
def _no_proxies_and_no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anchor.net.http._Call._pause", lambda _call, _tried, _asked: 0.0)
    monkeypatch.setenv("NO_PROXY", "*")


def test_v1_body_has_the_hashes_of_exactly_these_bytes() -> None:
    body = json.loads(REKOR_V1.requested_body(DSSE))
    assert body["spec"]["envelopeHash"]["value"] == hashlib.sha256(ENVELOPE.encode()).hexdigest()
    assert body["spec"]["payloadHash"]["value"] == hashlib.sha256(b"x").hexdigest()
    assert body["spec"]["signatures"] == [{"signature": "eQ==", "verifier": "eg=="}]


def test_v1_entry_keeps_both_indices_apart() -> None:
    with bad_server(answer(201, response(entry()))) as server:
        found = json.loads(v1(server).append(DSSE))
    assert (found["logIndex"], found["inclusionProof"]["logIndex"]) == ("105", "5")
    assert found["inclusionPromise"] == {"signedEntryTimestamp": "c2V0"}
    assert found["kindVersion"] == {"kind": "dsse", "version": "0.0.1"}


@pytest.mark.parametrize(
    "body",
    [
        response(entry(body="eA==")),
        response(entry(), name=TREE + "00" * 32),
        response(entry(), name=LEAF.upper()),
        response(entry(), name="../" + LEAF),
        json.dumps({TREE + LEAF: entry(), "b": entry()}).encode(),
        response(entry(verification=None)),
        response(entry(logID="zz")),
        response([1]),
        response(entry(body=7)),
    ],
)
def test_v1_answer_that_is_not_about_our_entry_is_not_believed(body: bytes) -> None:
    with bad_server(answer(201, body)) as server, pytest.raises(LostAnswer, match="answers with"):
        v1(server).append(DSSE)


@pytest.mark.parametrize(
    "location", ["", "/api/v1/log/entries/" + "00" * 32, "https://elsewhere.example/x", f"/{TREE}{LEAF}00"]
)
def test_v1_409_that_names_another_entry_is_not_followed(location: str) -> None:
    with bad_server(answer(409, Location=location)) as server:
        with pytest.raises(LostAnswer, match="names another one"):
            v1(server).append(DSSE)
        assert len(server.requests) == 1


def test_v1_409_is_recovered_by_our_own_leaf_from_the_same_server() -> None:
    location = f"https://elsewhere.example/api/v1/log/entries/{TREE}{LEAF}"
    with bad_server(answer(409, Location=location), answer(200, response(entry()))) as server:
        assert json.loads(v1(server).append(DSSE))["logIndex"] == "105"
        assert server.requests[1].path == f"/api/v1/log/entries/{LEAF}"


def test_v1_queued_entry_is_waited_for() -> None:
    conflict = answer(409, Location=f"/api/v1/log/entries/{TREE}{LEAF}")
    with bad_server(conflict, answer(404, b"{}"), answer(200, response(entry()))) as server:
        assert json.loads(v1(server).append(DSSE))["logIndex"] == "105"


def test_v1_queued_entry_that_never_comes_ends_with_the_budget() -> None:
    behaviours = answer(409, Location=f"/{TREE}{LEAF}"), answer(404, b"{}")
    for more in MORE:
        with bad_server(*behaviours) as server, pytest.raises(ServiceError) as e:
            v1(server, more).append(DSSE)
        if len(server.requests) > 1:
            break
    assert isinstance(e.value, LostAnswer)
    assert "does not give it" in str(e.value)


def test_v1_absent_entry_is_none_and_another_failure_is_not() -> None:
    with bad_server(answer(404, b"{}")) as server:
        assert v1(server).find(DSSE, 0) is None
    for status in (400, 500):
        with bad_server(answer(status, b"{}")) as server, pytest.raises(HttpError):
            v1(server).find(DSSE, 0)


@pytest.mark.parametrize("read", [REKOR_V1.requested_body, REKOR_V2.requested_body])
@pytest.mark.parametrize("request_", [b"", b"{}", b"[]", b"null", b'{"kind":"rekord","apiVersion":"0.0.1"}'])
def test_request_of_another_kind_is_misuse(read: Any, request_: bytes) -> None:
    with pytest.raises(Misuse):
        read(request_)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_log_never_takes_is_refused(status: int) -> None:
    with bad_server(answer(status, b"{}")) as server:
        with pytest.raises(Refused, match="does not take the entry"):
            v1(server).append(DSSE)
        with pytest.raises(Refused, match="does not take the entry"):
            RekorV2Writer(server.url, KNOWN, b"k", budget=Budget(30)).append(entry_request("x"))


def test_frozen_log_is_unavailable() -> None:
    frozen = answer(405, b"This log has been frozen, please switch to the latest log.")
    with bad_server(frozen) as server, pytest.raises(ServiceError, match="has been frozen"):
        RekorV2Writer(server.url, KNOWN, b"k", budget=Budget(30)).append(entry_request("x"))


@pytest.mark.parametrize("index", ["", "-1", "1e3", "9" * 30, "x"])
def test_v2_409_without_a_place_is_not_believed(index: str) -> None:
    conflict = answer(409, b"{}", X_Log_Index=index)
    with bad_server(conflict) as server, pytest.raises(LostAnswer, match="and not where"):
        RekorV2Writer(server.url, KNOWN, b"k", budget=Budget(30)).append(entry_request("x"))


@pytest.mark.parametrize(
    "hidden", [answer(404, b"{}"), answer(500, b"{}"), answer(200, b"no checkpoint"), answer(405, b"{}")]
)
def test_409_is_never_read_as_not_taken_when_the_entry_cannot_be_read(hidden: Behaviour) -> None:
    """Who believes that nothing was taken sends it again, and a log without memory takes it again."""
    conflict = answer(409, b"{}", X_Log_Index="0", Location=f"/{TREE}{LEAF}")
    for log, asked in ((RekorV2Writer, entry_request("x")), (RekorV1Writer, DSSE)):
        for more in MORE:
            with bad_server(conflict, hidden) as server, pytest.raises(ServiceError) as e:
                log(server.url, KNOWN, b"k", budget=Budget(0.7 * more)).append(asked)
            if len(server.requests) > 1:
                break
        assert e.value.maybe_taken


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "é"])
def test_token_that_would_break_the_header_is_misuse(token: str) -> None:
    with pytest.raises(Misuse, match="not a token"):
        RemoteAuthority("https://ca.example", Budget(1)).issue(csr_request(), token)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> keys.Pki:
    return keys.make(tmp_path_factory.mktemp("pki"))


def resolve(
    pki: keys.Pki, logs: list[LogFacts], url: str, version: int, **more: str
) -> remote_instance.Instance:
    facts = LogFacts("any", logs[0].key, url, version)
    urls = {
        "ca": "https://ca.example/ignored",
        "oidc": "https://i.example",
        "tsa": "https://t.example/stamp",
        **more,
    }
    config = json.dumps(documents.signing_config(pki, log=facts, **urls)).encode()
    root = trusted_root.parse(json.dumps(documents.trusted_root(pki, logs)).encode())
    chosen, now = signing_config.parse(config), datetime.now(UTC)
    return remote_instance.connect(
        chosen,
        root,
        log=chosen.chosen_logs(now, versions=log_kinds.api_versions())[0],
        budget=Budget(30),
        now=now,
    )


def facts(pki: keys.Pki, origin: str, *, ed: bool) -> LogFacts:
    key = keys.private(pki.folder / f"{origin}.key", ed=ed).public_key()
    return LogFacts(origin, key, "", 2 if ed else 1)


def test_log_is_known_by_the_host_of_its_url_without_asking(pki: keys.Pki) -> None:
    logs = [facts(pki, "a.example", ed=True), facts(pki, "b.example", ed=True)]
    found = resolve(pki, logs, "https://b.example", 2)
    assert (found.name, found.log.kind) == ("b.example", REKOR_V2)
    assert found.authority.url == "https://ca.example", "the CA's API is at the root of its host"
    assert [t.url for t in found.timestamps] == ["https://t.example/stamp"]


def test_only_log_of_its_kind_is_known_without_asking(pki: keys.Pki) -> None:
    logs = [facts(pki, "a.example", ed=True), facts(pki, "v1.example", ed=False)]
    assert resolve(pki, logs, "https://proxy.example", 2).name == "a.example"
    assert resolve(pki, logs, "https://proxy.example", 1).name == "v1.example"


@pytest.mark.parametrize("what", ["ca", "tsa"])
@pytest.mark.parametrize("url", ["http://ca.example", "ftp://ca.example", "https://u:p@ca.example", "x"])
def test_url_that_must_not_be_used_is_misuse(pki: keys.Pki, what: str, url: str) -> None:
    with pytest.raises(Misuse):
        resolve(pki, [facts(pki, "a.example", ed=True)], "https://a.example", 2, **{what: url})


def test_errors_of_a_log_keep_one_line() -> None:
    with bad_server(answer(418, b"a\nb\x07")) as server, pytest.raises(AnchorError) as e:
        v1(server).append(DSSE)
    assert str(e.value).isprintable()
