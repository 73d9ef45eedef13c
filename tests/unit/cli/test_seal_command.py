# SPDX-License-Identifier: Apache-2.0
"""`anchor seal` as a script sees it: what would be signed, the same bytes every time, a chain of releases."""

import hashlib
from pathlib import Path

import pytest

from anchor.format.statement import decode
from tests.support.process.anchor_cli import anchor, assert_misuse
from tests.support.releases.ledgers import NAMED, openclassrooms

ROOT_OF_OPENCLASSROOMS = "b14fe4de8e04322385d9f1bf63eccb8e4bb73f48771b17c030093027ed5b71f2"


def test_the_openclassrooms_ledger_has_this_root_for_ever() -> None:
    found = anchor("seal", openclassrooms(), *NAMED, "--json").document
    assert found["tree"] == {"algorithm": "rfc9162-sha256", "root": ROOT_OF_OPENCLASSROOMS, "size": 681}


def test_it_writes_what_would_be_signed(ledger: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = anchor("seal", ledger, *NAMED, "-o", out, "--json")
    assert (found.code, found.err) == (0, "")
    assert sorted(p.name for p in out.iterdir()) == ["ledger.json", "ledger.md", "statement.json"]
    data = (out / "statement.json").read_bytes()
    statement = decode(data)
    document = found.document
    assert document["statement"] == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert document["tree"]["root"] == statement.tree.root
    assert document["columns"] == ["label", "value"]
    for name, digest in statement.digests.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert (statement.ledger.name, statement.ledger.number, statement.previous) == ("n", 1, None)
    plain = anchor("seal", ledger, *NAMED).out
    assert statement.tree.root in plain
    assert "2 facts" in plain


def test_the_same_ledger_gives_the_same_bytes(ledger: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "a"):
        assert anchor("seal", ledger, *NAMED, "-o", tmp_path / name).code == 0
    for file in ("ledger.md", "ledger.json", "statement.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_json_input_is_published_as_source_json(tmp_path: Path) -> None:
    path, out = tmp_path / "ledger.json", tmp_path / "out"
    path.write_text('[{"a":1}]')
    assert anchor("seal", path, *NAMED, "-o", out).code == 0
    assert sorted(p.name for p in out.iterdir()) == ["ledger.json", "source.json", "statement.json"]
    (original,) = decode((out / "statement.json").read_bytes()).originals
    assert original.reader == "json-v1"


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    path.write_text('[{"a":1}]')
    found = anchor("seal", path, *NAMED, "-o", tmp_path)
    assert_misuse(found, str(path))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("ledger.json", '[{"a":1}]')]


def test_a_second_release_follows_a_first(ledger: Path, tmp_path: Path) -> None:
    first = tmp_path / "1" / "statement.json"
    assert anchor("seal", ledger, *NAMED, "-o", first.parent).code == 0
    second = ("seal", ledger, "--name", "n", "--version", "2", "--previous", first, "-o", tmp_path / "2")
    assert anchor(*second).code == 0
    assert anchor(*second, "--number", 2).code == 0
    statement = decode((tmp_path / "2" / "statement.json").read_bytes())
    assert statement.ledger.number == 2
    assert statement.previous is not None
    assert statement.previous.statement == hashlib.sha256(first.read_bytes()).hexdigest()
    for wrong in (
        (*second, "--number", 3),
        ("seal", ledger, *NAMED, "--number", 2),
        ("seal", ledger, *NAMED, "--previous", first),
        ("seal", ledger, *NAMED, "--previous", ledger),
        ("seal", ledger, *NAMED, "--previous", tmp_path / "missing"),
        ("seal", ledger, "--name", "another", "--version", "2", "--previous", first),
    ):
        found = anchor(*wrong)
        assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--name", "n"),
        ("--version", "1"),
        ("--name", "", "--version", "1"),
        ("--name", "n", "--version", ""),
        ("--name", "n", "--version", "../1"),
        ("--name", "n", "--version", "LOG"),
        ("--name", "n", "--version", "x" * 65),
        ("--name", "a\u202eb", "--version", "1"),
        ("--name", "n", "--version", "1", "--number", "0"),
        ("--name", "n", "--version", "1", "--reader", "xml"),
    ],
)
def test_wrong_arguments_are_exit_2(wrong: tuple[str, ...], ledger: Path) -> None:
    found = anchor("seal", ledger, *wrong)
    assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)


def test_a_missing_file_is_exit_2(tmp_path: Path) -> None:
    assert_misuse(anchor("seal", tmp_path / "x.md", *NAMED, "-o", tmp_path / "out"), str(tmp_path / "x.md"))
    assert list(tmp_path.iterdir()) == []
