# SPDX-License-Identifier: Apache-2.0
"""The stock `sigstore` command against `anchor instance serve`: it signs, it verifies, wrong claims fail."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.process.need import need
from tests.support.process.sigstore_client import sigstore

BIN = Path(sys.executable).parent
PREDICATE = {
    "buildDefinition": {"buildType": "urn:x", "externalParameters": {}},
    "runDetails": {"builder": {"id": "urn:y"}},
}


@dataclass
class Run:
    """A served instance, and the stock client pointed at it."""

    about: dict[str, str]
    folder: Path

    def sigstore(self, *args: str, code: int = 0) -> str:
        """The output of the client, in a fork of this process."""
        words = ("--trust-config", self.about["trust_config"], *args)
        done = sigstore(*words, env=self._env(), cwd=self.folder)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def as_a_process(self, *args: str, code: int = 0) -> str:
        """The output of the installed command."""
        words = (BIN / "sigstore", "--trust-config", self.about["trust_config"], *args)
        done = subprocess.run(
            [str(word) for word in words],
            cwd=self.folder,
            env=os.environ | self._env(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return str(done.stdout + done.stderr)

    def _env(self) -> dict[str, str]:
        token = Path(self.about["identity_token_file"]).read_text()
        return {"SIGSTORE_IDENTITY_TOKEN": token, "NO_PROXY": "127.0.0.1", "NETRC": os.devnull}

    def verify(self, name: str, *, code: int = 0, **changed: str) -> str:
        said = {"identity": self.about["identity"], "issuer": self.about["issuer"]} | changed
        return self.sigstore(
            *("verify", "identity", "--cert-identity", said["identity"]),
            *("--cert-oidc-issuer", said["issuer"], name),
            code=code,
        )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    need((BIN / "sigstore").exists() and (BIN / "anchor").exists(), "install this project and sigstore")
    import sigstore.oidc
    import sigstore.sign
    import sigstore.verify  # noqa: F401  what the forks of this process need

    home = tmp_path_factory.mktemp("home")
    with subprocess.Popen(
        [BIN / "anchor", "instance", "serve", "--home", home, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        text = ""
        while line := process.stdout.readline():
            text += line
            if line == "}\n":
                break
        about = json.loads(text)
        yield Run(about, tmp_path_factory.mktemp("work"))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert not Path(about["identity_token_file"]).exists()
    assert not Path(about["mint_secret_file"]).exists()


def test_it_signs_and_verifies_a_file(run: Run) -> None:
    (run.folder / "a").write_text("something")
    run.as_a_process("sign", "a")
    assert "OK: a" in run.verify("a")


def test_another_identity_issuer_or_file_is_rejected(run: Run) -> None:
    (run.folder / "b").write_text("something")
    run.sigstore("sign", "b")
    run.verify("b", identity="someone@example.com", code=1)
    run.verify("b", issuer="https://accounts.example.com", code=1)
    (run.folder / "b").write_text("something else")
    run.verify("b", code=1)


def test_it_attests_and_verifies_an_attestation(run: Run) -> None:
    (run.folder / "c").write_text("something")
    (run.folder / "p.json").write_text(json.dumps(PREDICATE))
    run.sigstore("attest", "--predicate", "p.json", "--predicate-type", "https://slsa.dev/provenance/v1", "c")
    assert "OK: c" in run.verify("c")


def test_a_token_of_someone_else_gets_no_certificate(run: Run) -> None:
    (run.folder / "d").write_text("something")
    good = Path(run.about["identity_token_file"]).read_text()
    head, body, tail = good.split(".")
    forged = f"{head}.{body}.{tail[:-4]}AAAA"
    run.as_a_process("sign", "--identity-token", forged, "d", code=1)
    assert not (run.folder / "d.sigstore.json").exists()


def test_what_it_writes_is_private_where_it_must_be(run: Run) -> None:
    for name in ("identity_token_file", "mint_secret_file"):
        assert Path(run.about[name]).stat().st_mode & 0o777 == 0o600
    assert Path(run.about["trust_config"]).parent.stat().st_mode & 0o777 in (0o700, 0o755)


def test_a_second_server_on_the_same_home_is_refused(run: Run) -> None:
    home = Path(run.about["trust_config"]).parents[2]
    done = subprocess.run(
        [BIN / "anchor", "instance", "serve", "--home", home], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "another process is writing to the embedded log" in done.stderr
    assert done.stderr.count("\n") == 1
