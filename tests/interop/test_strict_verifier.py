# SPDX-License-Identifier: Apache-2.0
"""The strict verifier on what real clients and logs make: certificates, managed keys, files, statements."""

import functools
import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.interop.stack import documents
from tests.interop.stack.stack import Stack
from tests.interop.stack.trillian import RekorV1
from tests.interop.test_stack_starts import signed
from tests.support.process.anchor_cli import anchor

FACT = b"a fact\n"
KEYS: dict[str, Any] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}


def split(config: Path, folder: Path) -> tuple[Path, Path]:
    """Trusted root and signing config of an instance, as files of their own."""
    found = json.loads(config.read_text())
    root = documents.write(folder / "root.json", found["trustedRoot"])
    return root, documents.write(folder / "signing.json", found["signingConfig"])


def cosign_signs(cosign: Path, words: list[str | Path], folder: Path) -> None:
    env = {**os.environ, "HOME": str(folder), "COSIGN_PASSWORD": "", "COSIGN_YES": "1"}
    done = subprocess.run([cosign, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def code(*words: object) -> int:
    return anchor("verify-bundle", *words).code


@pytest.fixture(params=["v2", "v1"])
def instance(request: pytest.FixtureRequest, stack: Stack) -> Path:
    """An instance that signs into Rekor v2 or Rekor v1."""
    if request.param == "v2":
        return stack.instance()
    log: RekorV1 = request.getfixturevalue("rekor_v1")
    return stack.instance(log)


def test_what_the_reference_client_signs_is_verified_for_its_signer_and_file_alone(
    stack: Stack, instance: Path, tmp_path: Path
) -> None:
    artifact, bundle = signed(stack, instance, tmp_path)
    root, _ = split(instance, tmp_path)
    given = ("--bundle", bundle, "--trusted-root", root)
    who = ("--certificate-identity", stack.oidc.email, "--certificate-oidc-issuer", stack.oidc.url)
    assert code(*given, *who, artifact) == 0
    assert code(*given, *who, "sha256:" + hashlib.sha256(artifact.read_bytes()).hexdigest()) == 0
    assert code(*given, "--certificate-identity", "x@example.com", *who[2:], artifact) == 8
    artifact.write_bytes(b"another fact\n")
    assert code(*given, *who, artifact) == 8


@pytest.fixture(scope="module")
def managed(cosign: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with a key of a kind: as cosign has it, and its public key and that of another one."""

    @functools.cache
    def make(kind: str) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        key, other = KEYS[kind](), KEYS[kind]()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "own.pem").write_bytes(pem)
        for name, public in (("own.pub", key), ("other.pub", other)):
            data = public.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            (folder / name).write_bytes(data)
        cosign_signs(cosign, ["import-key-pair", "--key", "own.pem", "--output-key-prefix", "c"], folder)
        return folder

    return make


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_what_cosign_signs_with_a_managed_key_is_verified_for_this_key_alone(
    instance: Path, cosign: Path, managed: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    root, signing = split(instance, tmp_path)
    keys = managed(kind)
    artifact, bundle = tmp_path / "artifact", tmp_path / "bundle.json"
    artifact.write_bytes(FACT)
    configs: list[str | Path] = ["--signing-config", signing, "--trusted-root", root, "--bundle", bundle]
    cosign_signs(cosign, ["sign-blob", "--key", keys / "c.key", *configs, artifact], tmp_path)
    given = ("--bundle", bundle, "--trusted-root", root)
    assert code(*given, "--key", keys / "own.pub", artifact) == 0
    assert code(*given, "--key", keys / "other.pub", artifact) == 8


def test_statements_that_cosign_signs_are_verified_for_their_subjects_alone(
    stack: Stack, instance: Path, cosign: Path, tmp_path: Path
) -> None:
    root, signing = split(instance, tmp_path)
    artifact, bundle = tmp_path / "artifact", tmp_path / "bundle.json"
    artifact.write_bytes(FACT)
    subject = {"name": "artifact", "digest": {"sha256": hashlib.sha256(FACT).hexdigest()}}
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": "urn:x",
        "predicate": {},
    }
    (tmp_path / "statement.json").write_text(json.dumps(said))
    (tmp_path / "token").write_text(stack.oidc.token())
    words: list[str | Path] = ["attest-blob", "--statement", "statement.json", "--identity-token", "token"]
    cosign_signs(
        cosign, [*words, "--signing-config", signing, "--trusted-root", root, "--bundle", bundle], tmp_path
    )
    who = ("--certificate-identity", stack.oidc.email, "--certificate-oidc-issuer", stack.oidc.url)
    assert code("--bundle", bundle, "--trusted-root", root, *who, artifact) == 0
    artifact.write_bytes(b"another fact\n")
    assert code("--bundle", bundle, "--trusted-root", root, *who, artifact) == 8
