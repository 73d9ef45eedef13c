# SPDX-License-Identifier: Apache-2.0
"""The embedded instance beside the real servers, and under the other clients: cosign and npm sigstore."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from anchor.embedded.log import Log
from anchor.errors import Refused
from anchor.sigstore.services import Duplicate
from tests.interop.stack import node
from tests.interop.stack.stack import NewLog, Stack
from tests.interop.test_stack_starts import post
from tests.support.forge.ed25519ph import sign_ph
from tests.support.forge.embedded_signer import (
    b64,
    certificate,
    entry_fields,
    entry_request,
    fields_of,
    with_certificate,
    wrapped,
)
from tests.support.servers.embedded_instance import first_document

P384 = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)


def prehashed() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    fields = fields_of(key, "PKIX_ED25519_PH", "sha512")
    fields["signature"]["content"] = b64(sign_ph(key.private_bytes_raw(), b"x"))
    return wrapped(fields)


def test_with_the_same_key_it_answers_what_rekor_answers(new_log: NewLog, tmp_path: Path) -> None:
    """Ed25519 is deterministic: same key, origin and entries make the same answer, checkpoint included."""
    rekor = new_log("twin.stack.internal")
    requests = [
        entry_request("a"),
        wrapped(with_certificate(certificate())),
        wrapped(fields_of(P384, "PKIX_ECDSA_P384_SHA_384", "sha384")),
        wrapped(fields_of(RSA, "PKIX_RSA_PKCS1V15_2048_SHA256")),
        prehashed(),
        wrapped(with_certificate(certificate(padding_bytes=48_000))),
    ]
    with Log.create(tmp_path / "log", origin=rekor.origin, key=rekor.key) as log:
        for request in requests:
            status, _, body = post(rekor.url, request)
            assert status == 201, body
            assert json.loads(log.append(request)) == json.loads(body)
        status, headers, _ = post(rekor.url, requests[2])
        with pytest.raises(Duplicate) as caught:
            log.append(requests[2])
        assert (status, headers["x-log-index"]) == (409, str(caught.value.index))


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"{}",
        b"",
        wrapped({}),
        wrapped(entry_fields("a") | {"digest": entry_fields("b")["digest"]}),
        wrapped(fields_of(P384, "PKIX_ECDSA_P384_SHA_256")),
        wrapped(fields_of(P384, "PKIX_ECDSA_P256_SHA_256")),
        entry_request("a")[:-1] + b',"unknown":1}',
    ],
)
def test_what_rekor_refuses_it_refuses(stack: Stack, tmp_path: Path, request_bytes: bytes) -> None:
    assert post(stack.log.url, request_bytes)[0] == 400
    with (
        Log.create(tmp_path / "log", origin=stack.log.origin, key=stack.log.key) as log,
        pytest.raises(Refused),
    ):
        log.append(request_bytes)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The JSON that `anchor instance serve` prints, while it serves."""
    anchor = Path(sys.executable).with_name("anchor")
    with subprocess.Popen(
        [anchor, "instance", "serve", "--home", tmp_path / "home", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield first_document(process.stdout)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def test_cosign_signs_and_verifies_with_it_and_so_does_npm_sigstore(
    served: dict[str, str], cosign: Path, npm: Path, tmp_path: Path
) -> None:
    artifact, bundle = tmp_path / "a", tmp_path / "a.sigstore.json"
    artifact.write_text("a fact\n")
    env = dict(os.environ, HOME=str(tmp_path))

    def run(line: str, *, code: int = 0) -> None:
        argv = [str(cosign), *shlex.split(line), str(artifact)]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr

    configs = f"--signing-config {served['signing_config']} --trusted-root {served['trusted_root']}"
    token = f"--identity-token {served['identity_token_file']}"
    run(f"sign-blob --yes {configs} {token} --bundle {bundle}")
    verify = f"verify-blob --trusted-root {served['trusted_root']} --bundle {bundle} "
    who = f"--certificate-oidc-issuer {served['issuer']} --certificate-identity "
    run(verify + who + served["identity"])
    run(verify + who + "someone@example.com", code=1)
    root = Path(served["trusted_root"])
    said = {"issuer": served["issuer"], "artifact": artifact}
    assert node.verify(root, bundle, identity=served["identity"], **said) == ""  # type: ignore[arg-type]
    assert node.verify(root, bundle, identity="someone@example.com", **said)  # type: ignore[arg-type]
