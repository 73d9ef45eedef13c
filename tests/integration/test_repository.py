# SPDX-License-Identifier: Apache-2.0
"""The releases that this repository holds, as a stranger meets them: in a clean clone, with a policy."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from anchor import merkle
from anchor.tlog import checkpoint, tiles
from anchor.tlog.keys import parse_vkey
from tests.support.process.anchor_cli import ROOT, apart
from tests.support.process.need import need
from tests.support.second.verifier import verify as second_opinion

NAME = "openclassrooms-sovereign-ledger"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of HEAD that converts line ends as on Windows; where there is no .git, the files themselves."""
    folder = tmp_path_factory.mktemp("clone") / "anchor"
    if not (ROOT / ".git").exists():
        shutil.copytree(ROOT / "release", folder / "release")
        for name in ("release.json", "README.md"):
            shutil.copy(ROOT / name, folder / name)
        return folder
    need(shutil.which("git"), "install git")
    command = ["git", "-c", "core.autocrlf=true", "clone", "-q", "--no-local", f"file://{ROOT}", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and "shallow" in done.stderr:
        command.remove("--no-local")
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module", params=["1.0.0", "1.1.0"])
def folder(clone: Path, request: pytest.FixtureRequest) -> Path:
    """The folder of a version."""
    return clone / "release" / str(request.param)


@pytest.fixture(scope="module")
def release(folder: Path) -> Any:
    return json.loads((folder / "release.json").read_bytes())


def roots(release: Any) -> list[Any]:
    """The entries of its trusted roots, whatever its version of the format."""
    return release.get("trusted_roots") or [release["trusted_root"]]


def test_it_verifies_from_a_clean_clone_with_the_policy_beside_it(clone: Path) -> None:
    for target in ("release.json", ".", "release/1.0.0", "release/1.1.0"):
        ran = apart("verify", "-v", target, "--policy", "release/policy.toml", "--offline", cwd=clone)
        assert (ran.code, ran.err) == (0, ""), ran
        assert "681 facts of ledger.md give root" in ran.out
        assert "no independent evidence" in ran.out


def test_the_first_one_is_the_ledger_of_681_facts(clone: Path) -> None:
    ran = apart("verify", "release/1.0.0", "--policy", "release/policy.toml", "--json", cwd=clone)
    facts = ran.document["facts"]
    assert (facts["ledger"], facts["number"], facts["version"], facts["size"]) == (NAME, 1, "1.0.0", 681)
    given = Path("/work/shared/ledger/openclassrooms-ledger.md")
    if given.exists():
        assert given.read_bytes() == (clone / "release/1.0.0/ledger.md").read_bytes()


def test_the_second_one_follows_it_with_indexes_evidence_and_a_status(clone: Path) -> None:
    words = ("--policy", "release/policy.toml", "--evidence", "evidence", "--json")
    document = apart("verify", ".", *words, cwd=clone).document
    facts = document["facts"]
    assert (facts["number"], facts["version"], facts["size"]) == (2, "1.1.0", 681)
    assert (facts["status"]["sequence"], facts["status"]["newest"]) == (1, 2)
    checks = [(c["name"], c["state"]) for c in document["checks"]]
    assert checks.count(("index", "passed")) == 2
    assert {("source-documents", "passed"), ("withdrawn", "passed")} <= set(checks)
    one, two = (clone / "release" / version for version in ("1.0.0", "1.1.0"))
    assert (one / "ledger.md").read_bytes() == (two / "ledger.md").read_bytes()
    before = json.loads((two / "statement.json").read_bytes())["predicate"]["previous"]["statement"]
    assert before == hashlib.sha256((one / "statement.json").read_bytes()).hexdigest()
    chain = apart("chain", ".", "--policy", "release/policy.toml", cwd=clone)
    assert chain.code == 0
    assert "another signer from release 2 on" in chain.out
    codes = apart("prove", ".", "--complete", "RNCP Code", *words[:2], "-o", "-", cwd=clone)
    assert len(codes.document["facts"]) == 14


def test_the_readme_prints_the_digest_of_each_trusted_root(clone: Path) -> None:
    found = []
    for version in ("1.0.0", "1.1.0"):
        folder = clone / "release" / version
        (root,) = roots(json.loads((folder / "release.json").read_bytes()))
        found.append(hashlib.sha256((folder / root["path"]).read_bytes()).hexdigest())
        assert found[-1] == root["sha256"]
        assert found[-1] in (clone / "release/policy.toml").read_text(encoding="utf-8")
    assert re.findall(r"\b[0-9a-f]{64}\b", (clone / "README.md").read_text(encoding="utf-8")) == found


def test_without_a_policy_the_signer_is_only_claimed(clone: Path) -> None:
    ran = apart("verify", "-v", "release.json", cwd=clone)
    assert ran.code == 2
    assert "claimed, not verified" in ran.out


def test_a_second_verifier_written_from_the_format_agrees(clone: Path) -> None:
    folder = clone / "release" / "1.0.0"
    (anchor,) = json.loads((folder / "release.json").read_bytes())["anchors"]
    second_opinion(
        folder / "release.json",
        ledger=NAME,
        identity=anchor["identity"],
        issuer=anchor["issuer"],
        trusted_root=(folder / "trusted_root.json").read_bytes(),
    )


def test_everything_is_of_its_schema(clone: Path) -> None:
    for name, path in (
        ("release-v2", "release.json"),
        ("release-v2", "release/1.1.0/release.json"),
        ("statement-v2", "release/1.1.0/statement.json"),
        ("ledger", "release/1.1.0/ledger.json"),
        ("release", "release/1.0.0/release.json"),
        ("statement", "release/1.0.0/statement.json"),
        ("ledger", "release/1.0.0/ledger.json"),
    ):
        schema = json.loads((clone / f"release/schema/{name}.schema.json").read_bytes())
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(json.loads((clone / path).read_bytes()))


def test_the_published_log_is_the_one_that_the_bundle_names(clone: Path, release: Any) -> None:
    (anchor,) = release["anchors"]
    log = clone / "release" / "log" / str(anchor["log"]["origin"])
    key = parse_vkey((log / "vkey").read_text().strip())
    found = checkpoint.verify((log / "checkpoint").read_bytes(), checkpoint.Log(key.name, key))
    width = tiles.width_at(found.size, 0, 0)
    bundle_of_entries = (log / "tile/entries/000.p" / str(width)).read_bytes()
    leaves = merkle.leaf_hashes(tiles.parse_bundle(bundle_of_entries, width))
    assert merkle.root(leaves) == found.root
    assert anchor["log"]["index"] < found.size


def test_the_trust_config_for_ordinary_tools_holds_the_root_of_the_first_one(clone: Path) -> None:
    config = json.loads((clone / "release/client_trust_config.json").read_bytes())
    assert config["trustedRoot"] == json.loads((clone / "release/1.0.0/trusted_root.json").read_bytes())


def test_no_key_was_ever_committed(clone: Path) -> None:
    need((clone / ".git").exists(), "run this in a clone of the repository")
    command = ["git", "log", "-p", "--all", "--format=%H", "-S", "BEGIN PRIVATE KEY", "--", ".", ":!tests"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=True)
    assert "-----BEGIN PRIVATE" not in done.stdout
