# SPDX-License-Identifier: Apache-2.0
"""A module's name says what it holds, so two modules have one name only for the same idea in two packages."""

import ast
import builtins
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAME_IDEA = {
    "bundle": (
        "inspect sigstore verify",
        "a Sigstore bundle: form, verification, fields in words",
    ),
    "chain": ("app cli verify", "the releases of a ledger: read one by one, judged, and the command"),
    "demo": ("app cli", "the story of a ledger: its commands and what they must do, and the command"),
    "diff": ("app cli", "two ledgers opened to be compared, and the command"),
    "embedded": ("log_kinds net/logs", "the embedded log as a kind of log: its bytes, how it is reached"),
    "export": ("embedded records", "the files that are written out: of an instance, of the records"),
    "files": ("cli disk", "files on a disk: read and written, and the command that lists them"),
    "history": ("cli records report", "the past runs: read, printed, and the command"),
    "history_proof": ("app format", "a proof of runs: its form, and how it is written out of the records"),
    "instance": ("cli embedded publish", "a Sigstore instance: ours, the one that signs, and the command"),
    "keys": ("sigstore tlog", "public keys: as Sigstore writes them, as C2SP does"),
    "lint": ("app cli", "a ledger file read for its findings, and the command"),
    "log": (
        "cli embedded monitor",
        "a transparency log: the one that we write, one that we follow; and the command of this name",
    ),
    "log_entry": ("inspect verify", "an entry of a log: its verification, its fields in words"),
    "mirror": ("app cli", "the parts of making a mirror brought together, and the command"),
    "note": ("inspect tlog", "a signed note: its form, its fields in words"),
    "policy": ("cli inspect verify", "a trust policy: its rules, its fields in words, and the command"),
    "publish": ("app cli", "the parts of a publication brought together, and the command"),
    "prove": ("app cli", "the parts of making receipts brought together, and the command"),
    "prove_key": ("app cli", "receipts of a key: made, and asked for on the command line"),
    "receipt": ("format inspect verify", "a receipt: its form, its verification, its fields in words"),
    "records": ("app cli", "the records opened, and the commands"),
    "rekor_v1": ("log_kinds net/logs", "Rekor v1 as a kind of log: its bytes, how it is reached"),
    "rekor_v2": ("log_kinds net/logs", "Rekor v2 as a kind of log: its bytes, how it is reached"),
    "release": ("format verify", "release.json: its form, its verification"),
    "release_files": ("net verify", "the files of a release: as verification asks for them, where they are"),
    "reverify": ("app cli", "the parts of a re-verification brought together, and the command"),
    "source_evidence": (
        "app cli format",
        "source documents as evidence: their descriptors, the check of facts, and the command",
    ),
    "status": ("cli report", "the state of all targets, and the command"),
    "trust": ("app cli", "the verifier's trust loaded, and the command"),
    "verify": ("app cli", "the parts of the verification of a release brought together, and the command"),
    "verify_bundle": (
        "app cli",
        "the parts of the verification of a bundle brought together, and the command",
    ),
    "verify_receipt": (
        "app cli",
        "the parts of the verification of a receipt brought together, and the command",
    ),
    "verify_history": (
        "app cli",
        "the parts of the verification of proofs of runs brought together, and the command",
    ),
    "trusted_root": ("inspect sigstore", "a trusted root: its form, its fields in words"),
    "x509": ("inspect sigstore", "certificates: parsed, and their fields in words"),
}
"""The names that stand in several packages of `anchor`, and the idea that these modules share."""


def packages_by_name(folder: Path) -> dict[str, list[str]]:
    found = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        if path.stem != "__init__":
            found[path.stem].append(path.parent.relative_to(folder).as_posix())
    return {name: packages for name, packages in found.items() if len(packages) > 1}


def test_modules_of_one_name_share_one_idea() -> None:
    found = packages_by_name(ROOT / "anchor")
    assert {name: " ".join(packages) for name, packages in found.items()} == {
        name: packages for name, (packages, _) in SAME_IDEA.items()
    }


@pytest.mark.parametrize("folder", ["tests/support", "tests/vectors"])
def test_helpers_of_the_tests_have_names_of_their_own(folder: str) -> None:
    assert packages_by_name(ROOT / folder) == {}


@pytest.mark.parametrize(
    "package", sorted((ROOT / "anchor").glob("*/__init__.py")), ids=lambda p: p.parent.name
)
def test_the_docstring_of_a_package_names_modules_and_functions_that_are_there(package: Path) -> None:
    folder = package.parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    said = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
    for name in set(re.findall(r"`([a-z][a-z0-9_.]*)`", said)) - set(dir(builtins)):
        path = ROOT.joinpath(*name.split(".")) if "." in name else folder / name
        function = re.search(rf"^def {re.escape(name)}\b", source, re.MULTILINE)
        assert path.is_dir() or path.with_suffix(".py").is_file() or function, name
