# SPDX-License-Identifier: Apache-2.0
"""Containers of other tools are named, with how to get the bundle or the trusted root out."""

import json
from pathlib import Path
from typing import Any

import pytest

from anchor.sigstore import containers
from tests.support.forge import bundles
from tests.support.forge.authorities import IDENTITY, ISSUER
from tests.support.process.anchor_cli import anchor

BUNDLE = bundles.make(bundles.V2_DSSE)
ROOT = bundles.trusted_root()
WHO = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)
PEP740: dict[str, Any] = {
    "version": 1,
    "verification_material": {"certificate": "AA==", "transparency_entries": [{}]},
    "envelope": {"statement": "AA==", "signature": "AA=="},
}


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(v).encode() + b"\n" for v in values)


def text(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


HELD = {
    "roots": (lines(ROOT, ROOT), "JSON Lines of 2 Sigstore trusted roots", "sed -n 1p"),
    "bundles": (lines(BUNDLE, BUNDLE, BUNDLE), "JSON Lines of 3 Sigstore bundles", "sed -n 1p"),
    "mixed": (lines(BUNDLE, {"a": 1}), "JSON Lines of 2 documents", "sed -n 1p"),
    "pep740": (text(PEP740), "an attestation of PyPI (PEP 740)", "pypi-attestations converts it"),
    "provenance": (
        text({"version": 1, "attestation_bundles": [{"publisher": {}, "attestations": [PEP740]}]}),
        "a provenance object of PyPI (PEP 740)",
        "pypi-attestations converts it",
    ),
    "npm": (
        text({"attestations": [{"predicateType": "x", "bundle": BUNDLE}]}),
        "a list of 1 attestation, as npm and GitHub give it",
        "jq '.attestations[0].bundle'",
    ),
    "cosign": (
        text({"base64Signature": "AA==", "cert": "x", "rekorBundle": {}}),
        "a bundle of cosign's own older format",
        "cosign bundle create",
    ),
    "envelope": (text(BUNDLE["dsseEnvelope"]), "a DSSE envelope alone", "give the bundle"),
}


@pytest.mark.parametrize("name", sorted(HELD))
def test_verify_bundle_names_it_and_says_how_to_get_the_bundle_out(tmp_path: Path, name: str) -> None:
    data, kind, remedy = HELD[name]
    (tmp_path / "held").write_bytes(data)
    (tmp_path / "root.json").write_text(json.dumps(ROOT))
    (tmp_path / "bundle.json").write_text(json.dumps(BUNDLE))
    (tmp_path / "artifact").write_bytes(bundles.ARTIFACT)
    ran = anchor(
        "verify-bundle", "--bundle", "held", "--trusted-root", "root.json", *WHO, "artifact", cwd=tmp_path
    )
    assert ran.code == 7
    assert f"held: {kind}" in ran.line
    assert "where one Sigstore bundle is wanted" in ran.line
    assert remedy in ran.line
    ran = anchor(
        "verify-bundle", "--bundle", "bundle.json", "--trusted-root", "held", *WHO, "artifact", cwd=tmp_path
    )
    assert ran.code == 2
    assert f"held: {kind}" in ran.line
    assert "where one trusted root is wanted" in ran.line


@pytest.mark.parametrize("name", sorted(HELD))
def test_inspect_names_it_and_says_how_to_get_the_bundle_out(tmp_path: Path, name: str) -> None:
    data, kind, remedy = HELD[name]
    (tmp_path / "held").write_bytes(data)
    ran = anchor("inspect", "held", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(kind)
    assert f"note: {remedy}" in ran.out or remedy in ran.out


@pytest.mark.parametrize(
    "data",
    [
        *(text(BUNDLE), text(ROOT), lines(BUNDLE), lines({"a": "1"}, {"a": "2"}), text([BUNDLE])),
        *(b"[]", b"{}", b"[1]", b"", b"{", b"\xff", lines(BUNDLE) + b"}"),
        b'{"a":"application/vnd.dev.sigstore."}\n[]',
    ],
)
def test_what_is_no_container_is_none(data: bytes) -> None:
    assert containers.recognise(data) is None


def test_what_is_taken_out_as_is_said_verifies(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(lines(ROOT, ROOT).splitlines()[0])
    (tmp_path / "bundle.json").write_bytes(text(json.loads(HELD["npm"][0])["attestations"][0]["bundle"]))
    (tmp_path / "artifact").write_bytes(bundles.ARTIFACT)
    words = ("--bundle", "bundle.json", "--trusted-root", "root.json", *WHO, "artifact")
    assert anchor("verify-bundle", *words, cwd=tmp_path).code == 0
