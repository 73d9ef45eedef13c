# SPDX-License-Identifier: Apache-2.0
"""`anchor trust` on files: what a root contains, in words, and the line of a policy that pins it."""

import hashlib
import json
import os
import tomllib
from pathlib import Path

import pytest

from anchor.verify.policy import parse_policy
from tests.support.forge import bundles
from tests.support.forge.authorities import EPOCH, SIGNED
from tests.support.process.anchor_cli import anchor

PAST = bundles.window(EPOCH, SIGNED)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root.json"
    path.write_text(json.dumps(bundles.trusted_root()))
    return path


def test_every_log_and_authority_is_shown_with_its_key_and_window(root: Path) -> None:
    ran = anchor("trust", "show", root)
    assert ran.code == 0
    digest = hashlib.sha256(root.read_bytes()).hexdigest()
    assert f"SHA-256 {digest}" in ran.out
    for words in (
        "https://rekor.vectors.example  PKIX_ECDSA_P256_SHA_256",
        "https://log2026-1.vectors.example  PKIX_ED25519",
        "https://fulcio.vectors.example  chain of",
        "https://tsa.vectors.example  chain of",
        f"id {bundles.v2_log().id.hex()}",
        "trusted from 2026",
    ):
        assert words in ran.out, words
    shown = anchor("trust", "show", root, "--json").document
    assert shown["sha256"] == digest
    counts = [len(shown[m]) for m in ("transparency_logs", "certificate_logs", "certificate_authorities")]
    assert counts == [2, 1, 1]
    assert all(item["now"] for item in shown["transparency_logs"])


def test_a_key_that_is_no_longer_trusted_is_shown_as_such(tmp_path: Path) -> None:
    value = bundles.trusted_root()
    value["tlogs"][0]["publicKey"]["validFor"] = PAST
    path = tmp_path / "root.json"
    path.write_text(json.dumps(value))
    text = anchor("trust", "show", path).out
    assert text.count("(not now)") == 1
    shown = anchor("trust", "show", path, "--json").document["transparency_logs"]
    assert [log["now"] for log in shown] == [False, True]
    assert shown[0]["end"] in text


def test_a_key_that_this_program_cannot_use_is_named(tmp_path: Path) -> None:
    value = bundles.trusted_root()
    value["tlogs"][0]["publicKey"]["keyDetails"] = "PKIX_QUANTUM"
    path = tmp_path / "root.json"
    path.write_text(json.dumps(value))
    assert "not usable by this program: " in anchor("trust", "show", path).out


def test_nothing_in_a_root_steers_the_terminal(tmp_path: Path) -> None:
    value = bundles.trusted_root()
    value["tlogs"][0]["operator"] = "\x1b[2J"
    value["certificateAuthorities"][0]["uri"] = "https://\x1b[2J\u202e"
    path = tmp_path / "root.json"
    path.write_text(json.dumps(value))
    for words in ((), ("--json",)):
        assert anchor("trust", "show", path, *words).out.replace("\n", "").isprintable()


def test_a_pin_is_the_line_of_a_policy(root: Path, tmp_path: Path) -> None:
    ran = anchor("trust", "pin", root)
    assert ran.code == 0
    (pinned,) = tomllib.loads(ran.out)["trusted_root"]
    assert pinned == {"path": str(root), "sha256": hashlib.sha256(root.read_bytes()).hexdigest()}
    text = f'ledger = "a"\n{ran.out}[[signer]]\nidentity = "a"\nissuer = "b"\n'
    assert parse_policy(text.encode()).trusted_roots[0].sha256 == bytes.fromhex(pinned["sha256"])
    copy = tmp_path / "copy.json"
    found = anchor("trust", "pin", root, "-o", copy, "--json").document
    assert found == {"format": "urn:ledger-anchor:pin:v1", **pinned, "path": str(copy)}
    assert copy.read_bytes() == root.read_bytes()


@pytest.mark.parametrize("name", ['a"b\\c.json', "a\n\x7f\x85\xa0b.json", "\u202e\U000e0001\U0001f600.json"])
def test_a_pin_names_any_file_in_toml(root: Path, name: str) -> None:
    path = root.rename(root.with_name(name))
    ran = anchor("trust", "pin", path)
    assert ran.out.rstrip("\n").isprintable()
    assert tomllib.loads(ran.out)["trusted_root"][0]["path"] == str(path)


def test_a_file_whose_name_is_not_utf8_is_shown_and_not_pinned(root: Path) -> None:
    """TOML has no way to write such a name."""
    path = Path(os.fsdecode(os.fsencode(root.parent) + b"/r\xff.json"))
    root.rename(path)
    shown = anchor("trust", "show", path, "--json")
    assert shown.code == 0
    assert shown.document["root"].endswith("r\\udcff.json")
    for words in ((), ("--json",), ("-o", path)):
        ran = anchor("trust", "pin", path, *words)
        assert ran.code == 2
        assert "not UTF-8" in ran.line
    assert anchor("trust", "pin", path, "-o", root).code == 0


@pytest.mark.parametrize(
    ("data", "code"), [(b"", 2), (b"{}", 2), (b'{"mediaType":"x"}', 7), (b"[1]", 2), (b"\xff", 2)]
)
@pytest.mark.parametrize("what", ["show", "pin"])
def test_what_is_no_trusted_root_is_neither_shown_nor_pinned(
    what: str, data: bytes, code: int, tmp_path: Path
) -> None:
    path = tmp_path / "root.json"
    path.write_bytes(data)
    ran = anchor("trust", what, path)
    assert (ran.code, ran.out) == (code, "")
    assert "root.json" in ran.line


@pytest.mark.parametrize("what", ["show", "pin"])
def test_a_root_that_is_not_there_is_usage(what: str, tmp_path: Path) -> None:
    assert anchor("trust", what, tmp_path / "nothing.json").code == 2
    assert anchor("trust", what, tmp_path).code == 2


def test_a_public_root_is_not_pinned_without_a_file_to_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = anchor("trust", "pin", "public", "--offline")
    assert ran.code == 2
    assert "-o" in ran.line


def test_an_instance_that_nobody_knows_is_usage() -> None:
    assert anchor("trust", "update", "production").code == 2
    assert anchor("trust", "update", "production", "--json").document["verdict"] == "USAGE"
    assert anchor("trust").code == 2


def test_offline_the_shipped_copy_is_shown_as_what_it_is() -> None:
    """It was never refreshed here, so nobody says that it still holds."""
    for name in ("public", "staging"):
        ran = anchor("trust", "show", name, "--offline")
        assert ran.code == 0
        assert "from shipped, never refreshed here" in ran.out
        assert "not to be relied on alone: STALE" in ran.out
        assert anchor("trust", "show", name, "--offline", "--json").document["tuf"]["origin"] == "shipped"
