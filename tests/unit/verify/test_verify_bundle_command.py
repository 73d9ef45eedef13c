# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-bundle` as a script sees it: options, exit codes, one line for each check."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from anchor.verify import steps
from tests.support.forge import bundles, keys
from tests.support.forge import entry_bodies as bodies
from tests.support.forge.authorities import IDENTITY, ISSUER, Leaf
from tests.support.process.anchor_cli import Ran, anchor, process
from tests.support.releases import cosigned

KEY = keys.ecdsa("managed")
DIGEST = "sha256:" + hashlib.sha256(bundles.ARTIFACT).hexdigest()
WHO = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files: dict[str, Any] = {
        "bundle.json": bundles.make(bundles.V2),
        "dsse.json": bundles.make(bundles.V2_DSSE),
        "managed.json": bundles.make(bundles.V2.but(managed=KEY)),
        "root.json": bundles.trusted_root(),
    }
    for name, value in files.items():
        (tmp_path / name).write_text(json.dumps(value))
    (tmp_path / "artifact").write_bytes(bundles.ARTIFACT)
    (tmp_path / "other").write_bytes(b"another file")
    (tmp_path / "key.pub").write_bytes(KEY.pem)
    return tmp_path


def run(folder: Path, *words: object, bundle: str = "bundle.json", root: str = "root.json") -> Ran:
    return anchor("verify-bundle", "-v", "--bundle", bundle, "--trusted-root", root, *words, cwd=folder)


@pytest.mark.parametrize("bundle", ["bundle.json", "dsse.json"])
@pytest.mark.parametrize("artifact", ["artifact", DIGEST])
def test_a_good_bundle_exits_0_by_file_and_by_digest(folder: Path, bundle: str, artifact: str) -> None:
    ran = run(folder, *WHO, artifact, bundle=bundle)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1].startswith("OK: ")
    assert "signer: " in ran.out


def test_a_managed_key_takes_the_place_of_an_identity(folder: Path) -> None:
    assert run(folder, "--key", "key.pub", "artifact", bundle="managed.json").code == 0
    assert run(folder, *WHO, "artifact", bundle="managed.json").code == 8
    assert run(folder, "--key", "key.pub", "artifact").code == 8
    (folder / "key.pub").write_bytes(keys.ecdsa("another").pem)
    assert run(folder, "--key", "key.pub", "artifact", bundle="managed.json").code == 8


def test_a_quorum_is_not_met_by_a_bundle_without_a_log(folder: Path) -> None:
    """A managed key may do without a log; then there is no checkpoint that a witness could have cosigned."""
    bundle = bundles.make(bundles.V2.but(managed=KEY, stamps=()))
    bundle["verificationMaterial"].pop("tlogEntries")
    (folder / "bare.json").write_text(json.dumps(bundle))
    (folder / "bare_root.json").write_text(json.dumps(bundles.trusted_root() | {"tlogs": []}))
    words = ("--key", "key.pub", "artifact")
    assert run(folder, *words, bundle="bare.json", root="bare_root.json").code == 0
    name, _ = cosigned.witness(1, b"", time=0)
    for quorum, code in ((cosigned.named_by([name], "1"), 8), (cosigned.named_by([name], "none"), 0)):
        (folder / "witnesses").write_text(quorum)
        ran = run(folder, *words, "--tlog-policy", "witnesses", bundle="bare.json", root="bare_root.json")
        assert ran.code == code, ran
        assert ("no log entry whose checkpoint witnesses could have cosigned" in ran.err) is bool(code)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*WHO, "other"), 8),
        ((*WHO, "sha256:" + "0" * 64), 8),
        (("--certificate-identity", "x", *WHO[2:], "artifact"), 8),
        ((*WHO[:2], "--certificate-oidc-issuer", ISSUER + "/", "artifact"), 8),
        (("artifact",), 2),
        ((*WHO[:2], "artifact"), 2),
        ((*WHO[2:], "artifact"), 2),
        ((*WHO, "--key", "key.pub", "artifact"), 2),
        ((*WHO[:2], "--key", "key.pub", "artifact"), 2),
        (("--certificate-identity", "", *WHO[2:], "artifact"), 2),
        (("--key", "artifact", "artifact"), 2),
        (("--key", "missing", "artifact"), 2),
        ((*WHO, "missing"), 2),
        ((*WHO, "sha256:" + "0" * 63), 2),
        ((*WHO, "sha512:" + "0" * 128), 2),
        ((*WHO, "."), 2),
        (WHO, 2),
        ((*WHO, "artifact", "artifact"), 2),
    ],
)
def test_everything_else_exits_otherwise_with_one_line(
    folder: Path, words: tuple[str, ...], code: int
) -> None:
    ran = run(folder, *words)
    assert ran.code == code
    assert ran.line


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_digest_is_compared_with_the_one_of_its_own_algorithm(folder: Path, algorithm: str) -> None:
    """npm signs SHA-512 alone; a bundle of a P-384 key states SHA-384."""
    digest = hashlib.new(algorithm, bundles.ARTIFACT).hexdigest()
    subject = [{"name": "x", "digest": {algorithm: digest}}]
    made = bundles.make(bundles.V2_DSSE.but(payload=bodies.statement(bundles.ARTIFACT, subject=subject)))
    (folder / "own.json").write_text(json.dumps(made))
    assert run(folder, *WHO, f"{algorithm}:{digest}", bundle="own.json").code == 0
    assert run(folder, *WHO, f"{algorithm}:{'0' * len(digest)}", bundle="own.json").code == 8
    other = "sha384" if algorithm == "sha256" else "sha256"
    named = f"{other}:{hashlib.new(other, bundles.ARTIFACT).hexdigest()}"
    assert run(folder, *WHO, named, bundle="own.json").code == 8


def test_a_message_of_a_longer_key_is_verified_by_the_digest_that_it_signed(folder: Path) -> None:
    leaf = Leaf(key=keys.ecdsa("leaf", "p384"))
    (folder / "p384.json").write_text(json.dumps(bundles.make(bundles.V2.but(leaf=leaf))))
    known = f"sha384:{hashlib.sha384(bundles.ARTIFACT).hexdigest()}"
    assert run(folder, *WHO, known, bundle="p384.json").code == 0
    ran = run(folder, *WHO, DIGEST, bundle="p384.json")
    assert ran.code == 2
    assert "name the file" in ran.line


def test_a_digest_with_a_wrong_number_of_digits_says_which_are_taken(folder: Path) -> None:
    for text in ("sha256:" + "0" * 96, "sha512:" + "0" * 127, "sha1:" + "0" * 40):
        ran = run(folder, *WHO, text)
        assert ran.code == 2
        assert "sha256:<64 hex>, sha384:<96 hex>, sha512:<128 hex>" in ran.line


def test_a_file_named_like_a_digest_does_not_stand_for_it(folder: Path) -> None:
    """Whoever can leave a file in the working folder must not choose what a digest means."""
    (folder / DIGEST).write_bytes(b"another file")
    assert run(folder, *WHO, DIGEST).code == 0
    assert run(folder, *WHO, f"./{DIGEST}").code == 8
    other = "sha256:" + "0" * 64
    (folder / other).write_bytes(bundles.ARTIFACT)
    assert run(folder, *WHO, other).code == 8
    assert run(folder, *WHO, f"./{other}").code == 0
    assert "./sha256:" in anchor("verify-bundle", "--help").out


@pytest.mark.parametrize(
    "text",
    [
        *(
            "SHA256:" + "0" * 64,
            "sha512:" + "g" * 128,
            "sha256:" + "0" * 63 + "O",
            "sha256:",
            "sha256: " + "0" * 64,
        ),
        *("sha3-256:" + "0" * 64, "md5:" + "0" * 32, "gitCommit:" + "0" * 40, DIGEST + " ", DIGEST + "\n"),
        "sha512-" + "A" * 86 + "==",
    ],
)
def test_what_is_meant_as_a_digest_is_never_the_name_of_a_file(folder: Path, text: str) -> None:
    if "/" not in text:
        (folder / text).write_bytes(bundles.ARTIFACT)
    ran = run(folder, *WHO, text)
    assert ran.code == 2, ran
    assert "sha256:<64 hex>, sha384:<96 hex>, sha512:<128 hex>" in ran.line
    assert run(folder, *WHO, f"./{text}").code == 0


def test_torn_bundles_prove_nothing_and_missing_ones_are_usage(folder: Path) -> None:
    made = (folder / "bundle.json").read_text()
    for text, code in (
        ("", 3),
        ("{", 3),
        (made[:-9], 3),
        (made.replace("v0.3", "v0.4"), 7),
        (made.replace("0.0.2", "0.0.9"), 7),
        (" " * (17 << 20), 8),
    ):
        (folder / "spoilt").write_text(text)
        assert run(folder, *WHO, "artifact", bundle="spoilt").code == code
    assert run(folder, *WHO, "artifact", bundle="missing").code == 2


def test_a_broken_trusted_root_is_the_verifiers_own_mistake(folder: Path) -> None:
    for text, code in (("", 2), ("{}", 2), ('{"mediaType": "x"}', 7), ("[" * 100_000, 2)):
        (folder / "spoilt").write_text(text)
        ran = run(folder, *WHO, "artifact", root="spoilt")
        assert (ran.code, ran.out) == (code, "")
        assert "spoilt" in ran.line
    assert run(folder, *WHO, "artifact", root="missing").code == 2


def test_json_is_one_document_with_stable_names_and_only_bound_facts(folder: Path) -> None:
    good = run(folder, *WHO, "artifact", "--json").document
    assert (good["kind"], good["verdict"]) == ("bundle", "OK")
    assert {c["name"] for c in good["checks"]} <= {s.name for s in steps.BUNDLE_STEPS}
    assert good["facts"]["identity"] == IDENTITY
    assert [t["source"] for t in good["facts"]["times"]] == ["rfc3161"]
    assert good["facts"]["logs"][0]["index"] == 7
    bad = run(folder, *WHO, "other", "--json").document
    assert (bad["verdict"], bad["facts"]) == ("INVALID", {})
    refused = [c for c in bad["checks"] if c["state"] == "refused"]
    assert {c["name"] for c in refused} == {"log-entry", "artifact-digest", "signature"}
    assert all(c["meaning"] and c["clause"] for c in refused)


def test_names_that_are_not_utf8_are_written_out(folder: Path) -> None:
    bundle, file = os.fsdecode(b"n\xff.json"), os.fsdecode(b"n\xff")
    (folder / "bundle.json").rename(folder / bundle)
    (folder / "artifact").rename(folder / file)
    ran = run(folder, *WHO, file, "--json", bundle=bundle)
    assert (ran.code, ran.document["verdict"]) == (0, "OK")
    assert ran.document["target"] == "n\\udcff.json"
    missing = run(folder, *WHO, file + "x", "--json", bundle=bundle)
    assert (missing.code, missing.document["verdict"]) == (2, "USAGE")
    inspected = anchor("inspect", bundle, "--json", cwd=folder)
    assert (inspected.code, inspected.document["file"]) == (0, "n\\udcff.json")


def test_usage_errors_are_one_document_too(folder: Path) -> None:
    ran = run(folder, "artifact", "--json")
    assert (ran.code, ran.document["verdict"]) == (2, "USAGE")


def test_the_help_has_an_example() -> None:
    ran = anchor("verify-bundle", "--help")
    assert ran.code == 0
    assert "Example: anchor verify-bundle --bundle a.txt.sigstore.json" in ran.out


def test_a_home_that_cannot_be_written_does_not_stop_a_verification(folder: Path) -> None:
    """A cache is no condition: the copy that the client ships is at hand, and a note says so."""
    gone = {
        "HOME": "/proc/nonexist",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    nowhere = {f"XDG_{name}_HOME": "/proc/nonexist" for name in ("CACHE", "CONFIG", "STATE", "DATA")}
    ran = process(
        "verify-bundle", "-v", "--bundle", "bundle.json", *WHO, "artifact", cwd=folder, env=gone | nowhere
    )
    assert ran.code == 3, ran  # of a world of its own, so nothing that the public root names
    assert "1. ok       bundle-format" in ran.out
    assert "ok       signature" in ran.out
    note = "note: the public trusted root could not be refreshed"
    assert note in ran.out
    assert "the copy that the sigstore client ships" in ran.out
