# SPDX-License-Identifier: Apache-2.0
"""A slip is not called tampering: each kind of file of ours is given to each command that reads another kind.

The line names the file, says what it is and what to give instead, and the exit code is USAGE (2) or
UNAVAILABLE (3). A file of the wanted kind that was changed stays INVALID.
"""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases import given_files
from tests.support.releases.given_files import Given
from tests.support.servers.folder_server import serve_folder

SLIP = (2, 3)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return given_files.made(tmp_path_factory.mktemp("given"), tmp_path_factory.mktemp("work"))


def _policy(given: Given) -> tuple[object, ...]:
    return ("--policy", given.site.policy)


_Command = Callable[[Given, Path], Ran]


def _verify_bundle(given: Given, file: Path) -> Ran:
    who = ("--certificate-identity", "a", "--certificate-oidc-issuer", "b")
    root, artifact = given.files["a trusted root"], given.files["a statement"]
    return anchor("verify-bundle", "--bundle", file, *who, "--trusted-root", root, artifact)


def _reverify(given: Given, file: Path) -> Ran:
    return anchor("reverify", file, *_policy(given), "--home", given.folder / "watcher", "--offline")


COMMANDS: dict[str, tuple[_Command, frozenset[str]]] = {
    "verify": (lambda g, f: anchor("verify", f, *_policy(g)), frozenset({"a release"})),
    "verify without policy": (lambda g, f: anchor("verify", f), frozenset({"a release"})),
    "verify-bundle": (_verify_bundle, frozenset({"a bundle"})),
    "verify-receipt": (lambda g, f: anchor("verify-receipt", f, *_policy(g)), frozenset({"a receipt"})),
    "verify-evidence": (lambda g, f: anchor("verify-evidence", f), frozenset()),
    "verify-history": (lambda g, f: anchor("verify-history", f, *_policy(g)), frozenset({"a proof of runs"})),
    "chain": (lambda g, f: anchor("chain", f, *_policy(g)), frozenset({"a release"})),
    "policy": (lambda g, f: anchor("policy", f), frozenset({"a release"})),
    "prove": (
        lambda g, f: anchor("prove", f, "--fact", "1", "-o", g.folder / "made.json", *_policy(g)),
        frozenset({"a release"}),
    ),
    "find": (
        lambda g, f: anchor("find", f, "--where", "label=A", *_policy(g)),
        frozenset({"a release"}),
    ),
    "log": (
        lambda g, f: anchor("log", f, "--where", "label=A", *_policy(g)),
        frozenset({"a release"}),
    ),
    "diff": (
        lambda g, f: anchor("diff", g.site.release, f, *_policy(g)),
        frozenset({"a release", "a ledger", "ledger.json"}),
    ),
    "mirror": (
        lambda g, f: anchor("mirror", f, g.folder / "mirror", *_policy(g)),
        frozenset({"a release"}),
    ),
    "reverify": (_reverify, frozenset({"a release"})),
    "compare": (
        lambda g, f: anchor("compare", f, *_policy(g), "--offline", "--home", g.folder / "none"),
        frozenset({"a release", "a bundle", "a receipt", "a checkpoint"}),
    ),
    "verify --policy": (
        lambda g, f: anchor("verify", g.site.release, "--policy", f),
        frozenset({"a policy"}),
    ),
    "trust show": (lambda _, f: anchor("trust", "show", f), frozenset({"a trusted root"})),
    "verify --trusted-root": (
        lambda g, f: anchor(
            *("verify", g.site.release, "--ledger", "x", "--identity", "y", "--issuer", "z"),
            *("--trusted-root", f),
        ),
        frozenset({"a trusted root"}),
    ),
}
OWN = (
    "an export of records",
    "a high-water mark of records",
    "a list of signed statements",
    "a settings file of an embedded instance",
    "a settings file of a witness",
    "a list of a backup",
    "a document that a command printed",
)
"""Files of ours that no command verifies; the line names them so."""
KINDS = (
    "a ledger",
    "ledger.json",
    "a statement",
    "a bundle",
    "a release",
    "a policy",
    "a trusted root",
    "a receipt",
    "a verdict",
    "a checkpoint",
    "a web page",
    "an empty file",
    "half a release",
    "half a checkpoint",
    "no text",
    "a folder without a release",
    "a proof of runs",
    "a database of records",
    "a store of a witness",
    "a SQLite database",
    *OWN,
)
READ = {
    "a statement": 0,
    "a bundle": 8,  # the commands name another signer
    "a release": 0,
    "a policy": 0,
    "a trusted root": 8,
    "a receipt": 0,
    "a checkpoint": 3,  # nothing is held of its log
    "a proof of runs": 8,  # the policy names another signer
}
"""Kinds that another command reads, and the exit code of that command."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_of_another_kind_is_a_slip(command: str, kind: str, given: Given) -> None:
    run, wanted = COMMANDS[command]
    if kind in wanted:
        return
    ran = run(given, given.files[kind])
    assert ran.code in SLIP, ran
    line = ran.err.strip().splitlines()[-1]
    name = given.files[kind].name
    assert name in ran.err or "release.json" in line, ran
    for word in ("INVALID", "tamper", "REFUSED", "changed"):
        assert word not in ran.out + ran.err, ran


@pytest.mark.parametrize("kind", ["a database of records", "a store of a witness", "a SQLite database", *OWN])
@pytest.mark.parametrize("command", ["verify-history", "verify-receipt", "compare", "verify --trusted-root"])
def test_a_file_that_no_command_verifies_is_named(command: str, kind: str, given: Given) -> None:
    ran = COMMANDS[command][0](given, given.files[kind])
    assert f": {kind}, where a" in ran.line, ran


@pytest.mark.parametrize("kind", ["a database of records", "a store of a witness"])
def test_the_command_that_the_line_names_reads_the_database(kind: str, given: Given) -> None:
    ran = anchor("verify-history", given.files[kind])
    named = re.search(r"; '(anchor [^']+)' reads this one$", ran.line)
    assert named, ran
    ran = anchor(*shlex.split(named[1])[1:])
    assert ran.code == 0, ran


@pytest.mark.parametrize("kind", ["a ledger", "a web page", "no text", "half a checkpoint"])
def test_what_is_no_trusted_root_is_called_what_it_looks_like(kind: str, given: Given) -> None:
    ran = anchor("trust", "pin", given.files[kind])
    assert ran.code == 2
    assert ", where a trusted root is wanted" in ran.line, ran


def test_json_that_ends_too_early_is_told_in_whole_words(given: Given) -> None:
    assert " at at " not in anchor("verify", given.files["half a release"], *_policy(given)).out


@pytest.mark.parametrize("kind", ["ledger.json", "a statement", "a bundle", "a trusted root", "a checkpoint"])
def test_the_release_that_the_line_names_verifies(kind: str, given: Given) -> None:
    ran = anchor("verify", given.files[kind], *_policy(given))
    (named,) = shlex.split(ran.line.rpartition("; give ")[2])
    assert anchor("verify", named, *_policy(given)).code == 0


def test_a_folder_names_the_site_in_it(given: Given, tmp_path: Path) -> None:
    (tmp_path / "site").symlink_to(given.site.root)
    ran = anchor("verify", tmp_path, *_policy(given))
    assert ran.code == 2
    (named,) = shlex.split(ran.line.rpartition("; give ")[2])
    assert anchor("verify", named, *_policy(given)).code == 0


@pytest.mark.parametrize("kind", READ)
def test_the_command_that_the_line_names_reads_the_file(kind: str, given: Given) -> None:
    file = given.files[kind]
    ran = anchor("verify-evidence", file)
    named = re.fullmatch(r"anchor: .*; 'anchor ([a-z -]+)' reads this one", ran.line)
    assert named, ran
    ran = anchor("inspect", file) if named[1] == "inspect" else COMMANDS[named[1]][0](given, file)
    assert "is wanted" not in ran.err
    assert ran.code == READ[kind], ran


def test_one_slip_among_many_receipts_leaves_the_others(given: Given) -> None:
    receipt = given.files["a receipt"]
    ran = anchor("verify-receipt", "-v", given.files["a statement"], receipt, *_policy(given))
    assert ran.code == 2, ran
    assert f"OK: {receipt}" in ran.out
    assert "1 USAGE, 1 OK" in ran.out


@pytest.mark.parametrize("cut", [-2, -300, 500])
@pytest.mark.parametrize("kind", ["a bundle", "a receipt", "a release"])
def test_a_file_of_the_wanted_kind_that_is_cut_off_says_nothing(
    kind: str, cut: int, given: Given, tmp_path: Path
) -> None:
    (tmp_path / "half.json").write_bytes(given.files[kind].read_bytes()[:cut])
    command = {"a bundle": "verify-bundle", "a receipt": "verify-receipt", "a release": "verify"}[kind]
    ran = COMMANDS[command][0](given, tmp_path / "half.json")
    assert ran.code == 3, ran


def test_what_lies_where_a_release_belongs_is_judged(given: Given, tmp_path: Path) -> None:
    """Whoever puts another document under the name of a release is not the user, and is not excused."""
    site = given.site.copy(tmp_path)
    for kind in ("a statement", "a bundle"):
        site.release.write_bytes(given.files[kind].read_bytes())
        for target in (site.release, site.root):
            assert anchor("verify", target, "--policy", site.policy).code == 8
    site.release.write_bytes(b'{"format": "urn:ledger-anchor:release:v1"}\n')
    assert anchor("verify", site.release, "--policy", site.policy).code == 8


def test_a_changed_document_of_the_wanted_kind_stays_invalid(given: Given, tmp_path: Path) -> None:
    receipt = json.loads(given.files["a receipt"].read_bytes())
    receipt["facts"][0]["fact"]["value"] = "999"
    (tmp_path / "changed.json").write_text(json.dumps(receipt))
    assert anchor("verify-receipt", tmp_path / "changed.json", *_policy(given)).code == 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_url_of_a_file_of_another_kind_is_a_slip(kind: str, given: Given, tmp_path: Path) -> None:
    """For `reverify`: what was never found good there cannot have been tampered with."""
    if kind in ("a release", "a folder without a release"):
        return
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file").write_bytes(given.files[kind].read_bytes())
    with serve_folder(tmp_path / "served") as web:
        ran = anchor("reverify", f"{web.url}/file", *_policy(given), "--home", tmp_path / "home")
    assert ran.code in SLIP, ran
    for word in ("INVALID", "tamper", "REFUSED"):
        assert word not in ran.out + ran.err, ran
