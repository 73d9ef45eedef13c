# SPDX-License-Identifier: Apache-2.0
"""Everybody verifies what everybody signs: ours by cosign, the sigstore command and npm; theirs by us."""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from anchor.format.release import load
from anchor.tlog.keys import parse_vkey
from tests.interop.publication import Attempt
from tests.interop.stack import documents, node
from tests.interop.stack.stack import Log, Stack
from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.process.sigstore_client import sigstore
from tests.support.releases.published import Site
from tests.support.releases.witnessed import in_bundle, instance, introduce, log_key
from tests.support.servers import own_witness
from tests.support.servers.witness_server import Witness, serving

BIN = Path(sys.executable).parent
TYPE = "urn:ledger-anchor:commitment:v1"
PREDICATE = {
    "buildDefinition": {"buildType": "urn:x", "externalParameters": {}},
    "runDetails": {"builder": {"id": "urn:y"}},
}
SLSA = "https://slsa.dev/provenance/v1"
COMMANDS = re.findall(
    r"<!-- interop: (\w+) -->\n+```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
)


def call(*argv: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> int:
    """Run another client; its exit code. Its words are shown when the test fails."""
    done = subprocess.run(
        [str(a) for a in argv],
        env={**os.environ, "NO_PROXY": "127.0.0.1", "NETRC": os.devnull, **(env or {})},
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    return told(done)


def told(done: "subprocess.CompletedProcess[str]") -> int:
    print(" ".join(map(str, done.args)), done.returncode, done.stdout, done.stderr, sep="\n")
    return done.returncode


@dataclass(frozen=True)
class Signed:
    """A file, the bundle over it, and who is said to have signed it."""

    file: Path
    bundle: Path
    root: Path
    identity: str
    issuer: str
    config: Path
    """ClientTrustConfig: the stock command wants a signing config even for verifying."""


def by_cosign(cosign: Path, s: Signed, identity: str, file: Path) -> bool:
    return not call(
        cosign, "verify-blob-attestation", "--bundle", s.bundle, "--trusted-root", s.root, "--type", TYPE,
        "--certificate-identity", identity, "--certificate-oidc-issuer", s.issuer, file,
        env={"HOME": str(s.root.parent)},
    )  # fmt: skip


def by_sigstore(_: Path, s: Signed, identity: str, file: Path) -> bool:
    words = ("--trust-config", s.config, "verify", "identity", "--offline", "--bundle", s.bundle)
    return not told(sigstore(*words, "--cert-identity", identity, "--cert-oidc-issuer", s.issuer, file))


def by_npm(_: Path, s: Signed, identity: str, file: Path) -> bool:
    """The library compares an artifact for message signatures alone: it is given none here."""
    refused = node.verify(s.root, s.bundle, issuer=s.issuer, identity=identity)
    print(refused)
    return not refused


def by_us(_: Path, s: Signed, identity: str, file: Path) -> bool:
    ran = anchor(
        "verify-bundle", "--bundle", s.bundle, "--trusted-root", s.root, "--certificate-identity", identity,
        "--certificate-oidc-issuer", s.issuer, file,
    )  # fmt: skip
    print(ran)
    assert ran.code in (0, 8), ran
    return ran.code == 0


Client = Callable[[Path, Signed, str, Path], bool]
LOGS = ("embedded", "witnessed", "v2", "v1")
OURS = ("embedded", "witnessed")


def log_of(stack: Stack, name: str, request: pytest.FixtureRequest) -> Log:
    found: Log = stack.log if name == "v2" else request.getfixturevalue("rekor_v1")
    return found


@pytest.fixture(scope="module")
def published(
    stack: Stack, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Signed]:
    """A release of ours in each of the logs, as what a Sigstore client sees of it."""
    made: dict[str, Signed] = {}

    def publish(name: str) -> Signed:
        if name in made:
            return made[name]
        instance = (
            "embedded" if name in OURS else stack.instance(log_of(stack, name, request), name="agree-" + name)
        )
        attempt = Attempt(stack, tmp_path_factory.mktemp("agree") / name, instance)
        with witnesses(attempt) if name == "witnessed" else contextlib.nullcontext():
            code, _, err = attempt.publish()
        assert code == 0, err
        release = load((attempt.site / "release.json").read_bytes())
        root = attempt.site / release.trusted_roots[0].path
        config = documents.client_trust_config(json.loads(root.read_text()), stack.signing_config())
        made[name] = Signed(
            file=attempt.site / "release/1.0.0/ledger.md",
            bundle=attempt.site / release.anchors[0].bundle.path,
            root=root,
            identity=release.anchors[0].identity,
            issuer=release.anchors[0].issuer,
            config=documents.write(attempt.folder / "config.json", config),
        )
        return made[name]

    return publish


@contextlib.contextmanager
def witnesses(attempt: Attempt) -> Iterator[None]:
    """Four cosignatures in the checkpoint: of two witnesses with Ed25519, and of ours with both kinds."""
    site = Site(attempt.site, attempt.folder / "home", attempt.folder / "policy.toml")
    with serving(Witness("one.example"), Witness("two.example")) as two:
        introduce(site, two)
        home = own_witness.made(attempt.folder / "w1", parse_vkey(log_key(site)))
        with own_witness.serving(home) as ours:
            for key in ours.keys:
                words = ("add", ours.url, key.vkey, "--name", f"key-{key.algorithm:d}")
                assert instance(site, *words).code == 0
            yield
    assert len(in_bundle(site).note.signatures) == 5


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("client", [by_cosign, by_sigstore, by_npm, by_us], ids=lambda f: f.__name__)
def test_what_we_publish_is_accepted_for_its_signer_and_its_bytes_alone(
    published: Callable[[str], Signed], cosign: Path, npm: Path, client: Client, log: str, tmp_path: Path
) -> None:
    signed = published(log)
    assert client(cosign, signed, signed.identity, signed.file)
    assert not client(cosign, signed, "someone@example.com", signed.file)
    if client is not by_npm:
        other = tmp_path / "ledger.md"
        other.write_bytes(signed.file.read_bytes() + b"\n")
        assert not client(cosign, signed, signed.identity, other)


@dataclass(frozen=True)
class Signer:
    """Another client at work on a log: its files and what it is told."""

    stack: Stack
    log: Log
    folder: Path
    cosign: Path

    def prepare(self) -> tuple[Path, Path, Path]:
        """An artifact, a predicate, and where the bundle goes."""
        (self.folder / "artifact").write_text("a fact\n")
        (self.folder / "predicate").write_text(json.dumps(PREDICATE))
        (self.folder / "token").write_text(self.stack.oidc.token())
        return self.folder / "artifact", self.folder / "predicate", self.folder / "artifact.sigstore.json"

    def signed(self) -> Signed:
        root = documents.write(self.folder / "root.json", self.stack.trusted_root(self.log))
        file, bundle = self.folder / "artifact", self.folder / "artifact.sigstore.json"
        config = self.stack.instance(self.log, name="signer-" + self.log.origin)
        return Signed(file, bundle, root, self.stack.oidc.email, self.stack.oidc.url, config)

    def run_cosign(self, verb: str, *more: object) -> None:
        file, _, bundle = self.prepare()
        config = documents.write(self.folder / "signing.json", self.stack.signing_config(self.log))
        argv = (
            self.cosign, verb, "--yes", "--signing-config", config, "--trusted-root", self.signed().root,
            "--identity-token", self.folder / "token", "--bundle", bundle, *more, file,
        )  # fmt: skip
        assert call(*argv, env={"HOME": str(self.folder)}) == 0

    def run_sigstore(self, verb: str, *more: object) -> None:
        file, _, bundle = self.prepare()
        token = (self.folder / "token").read_text()
        words = ("--trust-config", self.signed().config, verb, "--bundle", bundle, *more, file)
        assert told(sigstore(*words, env={"SIGSTORE_IDENTITY_TOKEN": token})) == 0


def cosign_sign_blob(s: Signer) -> None:
    s.run_cosign("sign-blob")


def cosign_attest_blob(s: Signer) -> None:
    _, predicate, _ = s.prepare()
    s.run_cosign("attest-blob", "--predicate", predicate, "--type", SLSA)


def sigstore_sign(s: Signer) -> None:
    s.run_sigstore("sign")


def sigstore_attest(s: Signer) -> None:
    _, predicate, _ = s.prepare()
    s.run_sigstore("attest", "--predicate", predicate, "--predicate-type", SLSA)


@pytest.mark.parametrize("name", ["v2", "v1"])
@pytest.mark.parametrize(
    "sign", [cosign_sign_blob, cosign_attest_blob, sigstore_sign, sigstore_attest], ids=lambda f: f.__name__
)
def test_what_others_sign_we_accept_for_its_signer_and_its_bytes_alone(
    stack: Stack,
    cosign: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    sign: Callable[[Signer], None],
    name: str,
) -> None:
    signer = Signer(stack, log_of(stack, name, request), tmp_path, cosign)
    sign(signer)
    signed = signer.signed()
    assert by_us(cosign, signed, signed.identity, signed.file)
    assert not by_us(cosign, signed, "someone@example.com", signed.file)
    other = tmp_path / "other"
    other.write_text("another fact\n")
    assert not by_us(cosign, signed, signed.identity, other)


def test_readme_shows_both_clients() -> None:
    assert [name for name, _ in COMMANDS] == ["sigstore", "cosign"]


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_readmes_command_runs_as_printed_from_the_repository_root(
    cosign: Path, name: str, command: str, tmp_path: Path
) -> None:
    assert shlex.split(command)[0] == name
    env = {"PATH": f"{BIN}:{cosign.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}

    def again(line: str) -> int:
        if name == "sigstore":  # it has started once, which takes long
            return told(sigstore(*shlex.split(line)[1:], cwd=ROOT))
        return call("sh", "-ec", line, env=env, cwd=ROOT)

    assert call("sh", "-ec", command, env=env, cwd=ROOT) == 0
    never_signed = command.rstrip().removesuffix("ledger.md") + "statement.json"
    another_type = [command.replace("commitment", "other")] if name == "cosign" else []
    for changed in (never_signed, command.replace("publisher@", "somebody@"), *another_type):
        assert changed != command
        assert again(changed) != 0
    assert again(command) == 0


def test_the_release_of_this_repository_is_accepted_by_npm(npm: Path) -> None:
    """As `published` says it to the clients, from the files alone."""
    release = load((ROOT / "release.json").read_bytes())
    (one,) = release.anchors
    root, bundle = ROOT / release.trusted_roots[0].path, ROOT / one.bundle.path
    assert not node.verify(root, bundle, issuer=one.issuer, identity=one.identity)
    assert node.verify(root, bundle, issuer=one.issuer, identity="somebody@example.com")
