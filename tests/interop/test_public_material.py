# SPDX-License-Identifier: Apache-2.0
"""Bundles, proofs and keys that nobody here made: the field's public test material, as it expects."""

import base64
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from anchor import merkle
from anchor.errors import Refused
from anchor.sigstore import keys, trusted_root
from anchor.sigstore.artifact import Artifact, DigestArtifact
from anchor.verdict import Class
from anchor.verify.bundle import BundleReport, verify_bundle
from anchor.verify.policy import Signer
from tests.support.releases.public_material import MERKLE, SIGSTORE_GO, crate, module

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
BEACON = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/"
    "extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
GITHUB, LOGIN = "https://token.actions.githubusercontent.com", "https://github.com/login/oauth"


@dataclass(frozen=True)
class Sample:
    """A bundle of the field. `refused`: the check that must say no; None where it must verify."""

    bundle: str
    root: str
    refused: str | None = None
    identity: str = BEACON
    issuer: str = GITHUB
    key: str = ""
    artifact: str = ""


FLOWS = ".github/workflows"
PUBLIC, STAGING = "public", "staging"
JS = f"https://github.com/sigstore/sigstore-js/{FLOWS}/release.yml@refs/heads/main"
CONDA = "bundles/signed-package-2.1.0-hb0f4dca_0.conda"
PYTHON, SCT, TIME, MANAGED = "upstream/sigstore-python", "sct-multi-intermediate", "timestamps", "managed-key"
RUST = (
    Sample(
        "bundles/cosign-v3-blob.sigstore.json",
        PUBLIC,
        identity="w.vollprecht@gmail.com",
        issuer=LOGIN,
        artifact="bundles/cosign-v3-blob.txt",
    ),
    Sample(
        "bundles/conda-attestation-rekor2.sigstore.json",
        STAGING,
        identity="jku@goto.fi",
        issuer=LOGIN,
        artifact=CONDA,
    ),
    Sample(
        "bundles/conda-attestation.sigstore.json",
        PUBLIC,
        identity=f"https://github.com/prefix-dev/sigstore-example/{FLOWS}/action.yaml@refs/heads/main",
        artifact=CONDA,
    ),
    Sample(
        "bundles/bundle_v3_github.whl.sigstore",
        PUBLIC,
        identity=f"https://github.com/trailofbits/rfc8785.py/{FLOWS}/release.yml@refs/tags/v0.1.2",
    ),
    Sample("bundles/sigstore.js@2.0.0-provenance.sigstore.json", PUBLIC, identity=JS),
    Sample(
        f"{PYTHON}/staging-rekor-v2.txt.sigstore.json",
        STAGING,
        identity="jku@goto.fi",
        issuer=LOGIN,
        artifact=f"{PYTHON}/staging-rekor-v2.txt",
    ),
    Sample(f"{PYTHON}/a.dsse.staging-rekor-v2.txt.sigstore.json", STAGING),
    Sample(
        f"{SCT}/staging_bundle.sigstore.json",
        f"{SCT}/staging_trusted_root.json",
        identity=f"https://github.com/sigstore/root-signing-staging/{FLOWS}/custom-test.yml@refs/heads/main",
    ),
    Sample(f"{TIME}/valid_bundle.json", f"{TIME}/valid_trusted_root.json"),
    Sample(
        f"{MANAGED}/bundle.sigstore.json",
        PUBLIC,
        key=f"{MANAGED}/key.pub",
        artifact=f"{MANAGED}/artifact.txt",
    ),
    Sample(
        "invalid-ct-key_fail/bundle.sigstore.json", "invalid-ct-key_fail/trusted_root.json", "certificate-log"
    ),
    Sample("bundles/bundle_cve_2022_36056.txt.sigstore", STAGING, "log-entry"),
    Sample("bundles/bundle_invalid_version.txt.sigstore", PUBLIC, "bundle-format"),
    Sample("bundles/bundle_no_cert_v1.txt.sigstore", PUBLIC, "bundle-format"),
    Sample("bundles/bundle_no_checkpoint.txt.sigstore", PUBLIC, "bundle-format"),
    Sample("bundles/bundle_no_log_entry.txt.sigstore", PUBLIC, "log-key"),
    Sample("bundles/bundle_v3_no_signed_time.txt.sigstore.json", PUBLIC, "signing-time"),
    Sample("bundles/dsse-2sigs.sigstore.json", PUBLIC, "bundle-format"),
    # GitHub's own instance: no log entry, and a certificate without an issuer
    Sample(f"{TIME}/github_sha384_bundle.json", f"{TIME}/github_trusted_root.json", "log-key"),
    Sample("bundles/github-private-attestation.sigstore.json", PUBLIC, "log-key"),
)
BUNDLES, KEYS, ROOTS = (f"pkg/testing/data/{name}" for name in ("bundles", "public-keys", "trusted-roots"))
GOOD = "examples/trusted-root-public-good.json"
GO = (
    Sample("examples/bundle-publish.json", GOOD, key="examples/publish_key.pub"),
    Sample(
        f"{BUNDLES}/public-key-validity.sigstore.json",
        f"{ROOTS}/public-key-validity.json",
        key=f"{KEYS}/public-key-validity.pem",
    ),
    Sample(
        f"{BUNDLES}/othername.sigstore.json",
        f"{ROOTS}/scaffolding.json",
        identity="foo!oidc.local",
        issuer="http://oidc.local:8080",
    ),
    Sample(f"{BUNDLES}/sigstore.js@2.0.0-provenance.sigstore.json", f"{ROOTS}/public-good.json", identity=JS),
    Sample(f"{BUNDLES}/dsse-2sigs.sigstore.json", GOOD, "bundle-format"),
    # sigstore-conformance has_root_in_chain: a bundle that carries a root certificate is refused
    Sample(f"{BUNDLES}/dsse.sigstore.json", GOOD, "signing-material"),
    Sample("examples/bundle-provenance.json", GOOD, "signing-material"),
)


def shipped(name: str) -> bytes:
    """The trusted root of the public instances, as the client ships it."""
    host = {"public": "tuf-repo-cdn.sigstore.dev", "staging": "tuf-repo-cdn.sigstage.dev"}[name]
    store = resources.files("sigstore._store")
    return (store / f"https%3A%2F%2F{host}" / "trusted_root.json").read_bytes()


def artifact_of(bundle: bytes) -> Artifact | None:
    """The artifact that a bundle says it is about, where its folder does not have it."""
    try:
        found: Any = json.loads(bundle)
        if "messageSignature" in found:
            return DigestArtifact(
                "sha256", base64.b64decode(found["messageSignature"]["messageDigest"]["digest"])
            )
        statement = json.loads(base64.b64decode(found["dsseEnvelope"]["payload"]))
        return DigestArtifact("sha256", bytes.fromhex(statement["subject"][0]["digest"]["sha256"]))
    except (ValueError, KeyError):
        return None


def judged(folder: Path, sample: Sample, identity: str | None = None) -> BundleReport:
    """Our verdict of a sample."""
    bundle = (folder / sample.bundle).read_bytes()
    root = (
        shipped(sample.root) if sample.root in ("public", "staging") else (folder / sample.root).read_bytes()
    )
    content = Artifact((folder / sample.artifact).read_bytes()) if sample.artifact else artifact_of(bundle)
    key = keys.load_pem((folder / sample.key).read_bytes()) if sample.key else None
    signers = None if key else [Signer(identity=identity or sample.identity, issuer=sample.issuer)]
    return verify_bundle(
        bundle, trusted_root=trusted_root.parse(root), artifact=content, now=NOW, signers=signers, key=key
    )


def hold(folder: Path, sample: Sample) -> None:
    """A sample verifies as its publisher expects, and another identity is refused."""
    report = judged(folder, sample)
    failed = {c.name: c.detail for c in report.checks if c.demotes}
    if sample.refused is not None:
        assert report.verdict in (Class.INVALID, Class.UNSUPPORTED)
        assert sample.refused in failed
        return
    assert report.ok, failed
    if not sample.key:
        other = judged(folder, sample, identity="mallory@example.com")
        assert [c.name for c in other.checks if c.demotes] == ["signer"]


@pytest.mark.parametrize("sample", RUST, ids=lambda s: s.bundle)
def test_bundles_of_the_rust_client(sample: Sample) -> None:
    hold(crate() / "test_data", sample)


@pytest.mark.parametrize("sample", GO, ids=lambda s: s.bundle)
def test_bundles_of_the_go_client(sample: Sample) -> None:
    hold(module(SIGSTORE_GO), sample)


def test_the_material_is_all_judged() -> None:
    """A new pin with more bundles does not go unnoticed."""
    folder = crate() / "test_data"
    known = {s.bundle for s in RUST} | {f"bundles/{Path(s.bundle).name}" for s in GO}
    listed = [*folder.glob("**/*.json"), *folder.glob("**/*.sigstore")]
    assert {str(p.relative_to(folder)) for p in listed if "root" not in str(p.relative_to(folder))} <= known


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def _holds(check: Callable[..., None], *given: Any) -> bool:
    try:
        check(*given)
    except Refused:
        return False
    return True


def test_probes_of_inclusion_proofs() -> None:
    probes = sorted((module(MERKLE) / "testdata/inclusion").glob("**/*.json"))
    assert len(probes) > 90
    for probe in probes:
        p = json.loads(probe.read_bytes())
        proof = [_bytes(h) for h in p["proof"] or []]
        given = (_bytes(p["leafHash"]), p["leafIdx"], p["treeSize"], proof, _bytes(p["root"]))
        assert _holds(merkle.verify_inclusion, *given) != p["wantErr"], probe


def test_probes_of_consistency_proofs() -> None:
    probes = sorted((module(MERKLE) / "testdata/consistency").glob("**/*.json"))
    assert len(probes) > 90
    for probe in probes:
        p = json.loads(probe.read_bytes())
        proof, roots = [_bytes(h) for h in p["proof"] or []], (_bytes(p["root1"]), _bytes(p["root2"]))
        # ours is stricter: an empty older tree proves nothing, and a root is 32 bytes
        strict = p["size1"] == 0 or any(len(root) != 32 for root in roots)
        wanted = not p["wantErr"] and not strict
        assert _holds(merkle.verify_consistency, p["size1"], p["size2"], proof, *roots) == wanted, probe
