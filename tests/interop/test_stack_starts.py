# SPDX-License-Identifier: Apache-2.0
"""The test instance itself: real servers serve, can be killed, and the stock clients agree."""

import base64
import contextlib
import functools
import hashlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.interop.stack import builds, documents, netns, node
from tests.interop.stack.process import NotStarted, Server, fetch
from tests.interop.stack.stack import NewLog, Stack
from tests.interop.stack.trillian import RekorV1
from tests.support.process.need import need
from tests.support.process.sigstore_client import sigstore


def request(seed: bytes) -> bytes:
    """A Rekor v2 request with a fresh key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    from tests.interop.stack.keys import spki

    key = ec.generate_private_key(ec.SECP256R1())
    verifier = {"publicKey": {"rawBytes": documents.b64(spki(key.public_key()))}}
    signature = {
        "content": documents.b64(key.sign(seed, ec.ECDSA(hashes.SHA256()))),
        "verifier": {**verifier, "keyDetails": "PKIX_ECDSA_P256_SHA_256"},
    }
    digest = documents.b64(hashlib.sha256(seed).digest())
    return json.dumps({"hashedRekordRequestV002": {"digest": digest, "signature": signature}}).encode()


def post(url: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=180)
    with contextlib.closing(connection):
        connection.request("POST", "/api/v2/log/entries", body)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def post_all(url: str, bodies: Iterable[bytes]) -> None:
    """Post entries at once: a log answers once a second, and together what it took together."""
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(functools.partial(post, url), bodies))
    assert {status for status, _, _ in answers} == {201}, answers


def signed(stack: Stack, config: Path, folder: Path) -> tuple[Path, Path]:
    """An artifact and the bundle that the stock command makes of it."""
    artifact, bundle = folder / "artifact.txt", folder / "artifact.sigstore.json"
    artifact.write_text("a fact\n")
    done = sigstore(
        "--trust-config", str(config), "sign", "--identity-token", stack.oidc.token(),
        "--bundle", str(bundle), str(artifact),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return artifact, bundle


def check_with_all(
    stack: Stack, config: Path, artifact: Path, bundle: Path, cosign: Path, folder: Path
) -> None:
    """The stock command, cosign and the npm libraries accept the signer, and refuse another."""
    root = documents.write(folder / "root.json", json.loads(config.read_text())["trustedRoot"])
    issuer = stack.oidc.url
    for identity, good in ((stack.oidc.email, True), ("other@example.com", False)):
        one = sigstore(
            "--trust-config", str(config), "verify", "identity", "--bundle", str(bundle),
            "--cert-identity", identity, "--cert-oidc-issuer", issuer, str(artifact),
        )  # fmt: skip
        assert (one.returncode == 0) == good, one.stderr
        two = subprocess.run(
            [cosign, "verify-blob", "--bundle", bundle, "--trusted-root", root, "--certificate-identity",
             identity, "--certificate-oidc-issuer", issuer, artifact], capture_output=True, text=True,
            env={**os.environ, "HOME": str(folder)}, check=False,
        )  # fmt: skip
        assert (two.returncode == 0) == good, two.stderr
        three = node.verify(root, bundle, issuer=issuer, identity=identity, artifact=artifact)
        assert (not three) == good, three


def test_three_clients_agree_on_rekor_v2(stack: Stack, cosign: Path, npm: Path, tmp_path: Path) -> None:
    config = stack.instance()
    artifact, bundle = signed(stack, config, tmp_path)
    check_with_all(stack, config, artifact, bundle, cosign, tmp_path)


def test_three_clients_agree_on_rekor_v1(
    stack: Stack, rekor_v1: RekorV1, cosign: Path, npm: Path, tmp_path: Path
) -> None:
    config = stack.instance(rekor_v1)
    artifact, bundle = signed(stack, config, tmp_path)
    check_with_all(stack, config, artifact, bundle, cosign, tmp_path)
    assert rekor_v1.size() > 0


def test_duplicate_is_answered_409_with_its_index(stack: Stack) -> None:
    body = request(b"twice")
    first, _, entry = post(stack.log.url, body)
    again, headers, _ = post(stack.log.url, body)
    assert (first, again) == (201, 409)
    assert headers["x-log-index"] == json.loads(entry)["logIndex"]


def test_without_persistent_antispam_a_restart_forgets_what_is_there(new_log: NewLog) -> None:
    log = new_log("forgetful.stack.internal")
    body = request(b"forgotten")
    assert post(log.url, body)[0] == 201
    log.server.restart()
    assert post(log.url, body)[0] == 201
    entries = log.entries()
    assert len(entries) == 2
    assert entries[0] == entries[1]


def test_with_persistent_antispam_a_restart_forgets_nothing(new_log: NewLog) -> None:
    log = new_log("mindful.stack.internal", persistent_antispam=True)
    body = request(b"remembered")
    assert post(log.url, body)[0] == 201
    for other in (b"another", b"one more"):  # its list of what is there follows the log once a second
        assert post(log.url, request(other))[0] == 201
    log.server.restart()
    status, headers, _ = post(log.url, body)
    assert (status, headers["x-log-index"], log.size()) == (409, "0", 3)


def test_a_server_that_rests_answers_nobody_until_it_goes_on(new_log: NewLog) -> None:
    log = new_log("resting.stack.internal")
    log.server.rest()
    with pytest.raises(OSError, match="timed out"):
        fetch(str(log.server.probe), 0.2)
    log.server.go_on()
    assert post(log.url, request(b"rested"))[0] == 201
    log.server.rest()  # it is ended all the same


def test_witnesses_cosign_each_checkpoint(stack: Stack) -> None:
    with stack.new_log("cosigned.stack.internal", witnesses=2) as log:
        wanted = {log.origin, *(w.name for w in log.witnesses)}
        for number in range(9):  # it goes on without a witness that needs more than five seconds
            _, _, entry = post(log.url, request(b"witnessed %d" % number))
            note = json.loads(entry)["inclusionProof"]["checkpoint"]["envelope"]
            signers = {line.split()[1] for line in note.splitlines() if line.startswith("— ")}
            if signers == wanted:
                break
    assert signers == wanted


def test_reads_do_not_leave_the_log_folder(stack: Stack) -> None:
    for path in ("/../key.pem", "/tile/../../key.pem", "/.state/treeState", "/api/v2/../key.pem", "/tile"):
        assert fetch(stack.log.url + path)[0] == 404


def test_tuf_repository_serves_its_targets(stack: Stack) -> None:
    repository = stack.tuf()
    repository.targets["trusted_root.json"] = json.dumps(stack.trusted_root()).encode()
    url = repository.publish().serve()
    assert fetch(f"{url}/1.root.json")[1] == repository.root
    assert fetch(f"{url}/targets/trusted_root.json")[0] == 200


def test_browser_flow_of_the_issuer_gives_a_token_once(stack: Stack) -> None:
    import requests

    with requests.Session() as session:
        query = {"redirect_uri": "http://127.0.0.1:1/back", "state": "s", "nonce": "n"}
        went = session.get(f"{stack.oidc.url}/auth", params=query, allow_redirects=False, timeout=120)
        code = went.headers["Location"].split("code=")[1].split("&")[0]
        first = session.post(f"{stack.oidc.url}/token", data={"code": code}, timeout=120)
        again = session.post(f"{stack.oidc.url}/token", data={"code": code}, timeout=120)
    claims = json.loads(base64.urlsafe_b64decode(first.json()["id_token"].split(".")[1] + "=="))
    assert (claims["nonce"], again.status_code) == ("n", 400)


def test_a_server_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('no such storage')"]
    with pytest.raises(NotStarted, match="no such storage"):
        Server("broken", argv, "http://127.0.0.1:1/", tmp_path / "broken.log").start()


def test_killed_tests_leave_no_server_behind(stack: Stack, tmp_path: Path) -> None:
    """The servers die with the process that started them, even when it is killed."""
    script = (
        "import sys, pathlib\nfrom tests.interop.stack.process import Server\n"
        "s = Server('x', [sys.executable, '-c', 'import time; time.sleep(600)'], lambda: True,"
        f" pathlib.Path({str(tmp_path / 'x.log')!r})).start()\n"
        "print(s.pid, flush=True)\nimport time; time.sleep(600)\n"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=root
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 90
    while _lives(pid):
        assert time.monotonic() < deadline, "the server lives on"
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_nothing_outside_is_reachable(stack: Stack, namespace: netns.Namespace | None) -> None:
    need(
        namespace,
        "run as root, for a network namespace: python -m tests.interop.stack -- pytest tests/interop",
    )
    with pytest.raises(OSError, match="unreachable"):
        fetch("http://192.0.2.1/")


def test_cache_key_changes_with_the_pins() -> None:
    assert len(builds.key()) == 16
    assert set(builds.NAMES) >= {"rekor-tiles-posix", "cosign", "tesseract-posix", "trillian.sql"}
