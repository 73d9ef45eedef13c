# SPDX-License-Identifier: Apache-2.0
"""A verifier may take its trust from the tree that it verifies. Every report then says so."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import ROOT, anchor

POLICY = ROOT / "release" / "policy.toml"
INSIDE = "lies in what is verified"


def notes(*words: object) -> list[str]:
    found = anchor("verify", *words, "--offline", "--json")
    assert found.code == 0, found
    return [n for n in found.document["notes"] if INSIDE in n]


@pytest.mark.parametrize("target", ["", "release.json", "release/1.0.0", "release/1.0.0/release.json"])
def test_a_policy_in_the_tree_is_told(target: str) -> None:
    assert len(notes(ROOT / target, "--policy", POLICY)) == 1


def elsewhere(folder: Path) -> Path:
    text = re.sub(r'(?<=path = ")', f"{ROOT}/release/", POLICY.read_text())
    (folder / "policy.toml").write_text(text)
    return folder / "policy.toml"


def test_a_policy_elsewhere_that_pins_a_root_in_the_tree_is_fine(tmp_path: Path) -> None:
    assert notes(ROOT, "--policy", elsewhere(tmp_path)) == []


def test_a_root_in_the_tree_that_nobody_pinned_is_told(tmp_path: Path) -> None:
    path = elsewhere(tmp_path)
    policy = tomllib.loads(path.read_text())
    root, signer = policy["trusted_root"][1], policy["signer"][1]
    path.write_text(path.read_text().replace(f', sha256 = "{root["sha256"]}"', ""))
    assert len(notes(ROOT, "--policy", path)) == 1
    words = ("--ledger", policy["ledger"], "--identity", signer["identity"], "--issuer", signer["issuer"])
    assert len(notes(ROOT, *words, "--trusted-root", root["path"])) == 1


def test_a_link_in_the_tree_to_a_policy_elsewhere_is_told(tmp_path: Path) -> None:
    tree, held = tmp_path / "tree", tmp_path / "held"
    held.mkdir()
    tree.mkdir()
    for name in ("release.json", "release"):
        (tree / name).symlink_to(ROOT / name)
    assert anchor("verify", tree, "--policy", elsewhere(held)).code == 8  # a link out of the folder
    (tree / "policy.toml").symlink_to(elsewhere(held))
    found = anchor("verify", tree, "--policy", tree / "policy.toml", "--json")
    assert any(INSIDE in n for n in found.document["notes"])
