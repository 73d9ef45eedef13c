# SPDX-License-Identifier: Apache-2.0
"""Source documents of a release, by the commands: committed to, shown, compared, missing, changed, linked."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import Ran, anchor

LIST = """[[document]]
file = "texts/report.txt"
extracted_from = "https://example.org/report.pdf"
retrieved_at = 2026-01-31T23:59:59Z
media_type = "text/plain"

[[document]]
file = "page.html"
source = "https://example.org/page"
"""
REPORT = b"A is 1\n"


def documents(folder: Path) -> Path:
    (folder / "texts").mkdir(parents=True)
    (folder / "texts" / "report.txt").write_bytes(REPORT)
    (folder / "page.html").write_text("<p>B is 2</p>")
    (folder / "evidence.toml").write_text(LIST)
    return folder / "evidence.toml"


def publish(folder: Path, *words: object) -> Ran:
    (folder / "l.csv").write_text("label,value\nA,1\nB,2\n")
    named = ("--name", "test", "--version", "1", "--root", folder / "site", "--home", folder / "home")
    return anchor("publish", folder / "l.csv", *named, *words)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A site with a release that commits to two documents, and a policy. Tests change copies of it."""
    folder = tmp_path_factory.mktemp("evidence")
    ran = publish(folder, "--evidence", documents(folder / "docs"))
    assert ran.code == 0, ran
    assert "evidence: page.html (https://example.org/page), texts/report.txt (extracted from" in ran.err
    (folder / "policy.toml").write_text(ran.out)
    return folder, folder / "policy.toml"


def verify(site: tuple[Path, Path], *words: object) -> Ran:
    return anchor("verify", "-v", site[0] / "site", "--policy", site[1], *words)


def test_the_statement_commits_to_the_documents_and_none_is_published(site: tuple[Path, Path]) -> None:
    folder = site[0] / "site"
    predicate = json.loads((folder / "release" / "1" / "statement.json").read_bytes())["predicate"]
    page, report = predicate["evidence"]
    assert page["name"] == "page.html"
    assert page["uri"] == "https://example.org/page"
    assert report == {
        "name": "texts/report.txt",
        "digest": {"sha256": hashlib.sha256(REPORT).hexdigest()},
        "mediaType": "text/plain",
        "annotations": {
            "extracted_from": "https://example.org/report.pdf",
            "retrieved_at": "2026-01-31T23:59:59Z",
        },
    }
    assert not [path for path in folder.rglob("*") if path.name in ("report.txt", "page.html")]


def test_verify_shows_what_was_committed_to_and_says_that_it_is_not_checked(site: tuple[Path, Path]) -> None:
    ran = verify(site)
    assert ran.code == 0
    assert "skipped  source-documents: committed to, and not checked here" in ran.out
    assert (
        "texts/report.txt (extracted from https://example.org/report.pdf, retrieved at 2026-01-31" in ran.out
    )
    found = verify(site, "--json").document
    assert [one["name"] for one in found["facts"]["source_documents"]] == ["page.html", "texts/report.txt"]
    (check,) = [c for c in found["checks"] if c["name"] == "source-documents"]
    assert (check["state"], "demotes" in check) == ("skipped", False)


def test_verify_compares_the_documents_at_hand(site: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(site[0] / "docs", tmp_path / "docs")
    ran = verify(site, "--evidence", tmp_path / "docs")
    assert ran.code == 0
    assert "ok       source-documents: 2 of 2 documents are at hand, and are those committed to" in ran.out
    (tmp_path / "docs" / "page.html").unlink()
    ran = verify(site, "--evidence", tmp_path / "docs")
    assert ran.code == 0
    assert "1 of 2 documents are at hand, and are those committed to; not at hand: page.html" in ran.out
    (tmp_path / "docs" / "texts" / "report.txt").write_bytes(REPORT + b" ")
    ran = verify(site, "--evidence", tmp_path / "docs", "--json")
    assert ran.code == 8
    (check,) = [c for c in ran.document["checks"] if c["name"] == "source-documents"]
    assert "changed: texts/report.txt; not at hand: page.html" in check["detail"]


def test_verify_without_any_of_the_documents_is_misuse(site: tuple[Path, Path], tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none", tmp_path / "file"):
        (tmp_path / "file").write_text("x")
        ran = verify(site, "--evidence", folder)
        assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran
        assert "source-documents: " in ran.err
    assert verify(site, "--evidence", "").code == 2


def test_a_link_out_of_the_folder_is_not_followed(site: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "texts").symlink_to(site[0] / "docs" / "texts")
    ran = verify(site, "--evidence", tmp_path)
    assert ran.code == 2
    assert "leads out of the folder" in ran.err


def test_a_release_without_documents_has_none_to_compare(tmp_path: Path) -> None:
    ran = publish(tmp_path)
    (tmp_path / "policy.toml").write_text(ran.out)
    done = anchor(
        "verify", "-v", tmp_path / "site", "--policy", tmp_path / "policy.toml", "--evidence", tmp_path
    )
    assert done.code == 2
    assert "commits to no source documents" in done.err


def test_the_documents_of_a_changed_release_are_not_compared(site: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(site[0] / "site", tmp_path / "site")
    path = tmp_path / "site" / "release" / "1" / "statement.json"
    path.write_bytes(path.read_bytes().replace(b"report.pdf", b"retort.pdf"))
    words = ("--policy", site[1], "--evidence", site[0] / "docs")
    ran = anchor("verify", "-v", tmp_path / "site", *words)
    assert ran.code == 8
    assert "skipped  source-documents: the statement that commits to them did not verify" in ran.out
    assert "retort" not in ran.out


def test_the_same_ledger_with_another_document_is_another_release(site: tuple[Path, Path]) -> None:
    folder = site[0]
    again = publish(folder, "--evidence", folder / "docs" / "evidence.toml")
    assert again.code == 0, again
    changed = publish(folder)
    assert changed.code == 8
    assert "or other source documents" in changed.err
    shutil.copytree(folder / "docs", folder / "later")
    (folder / "later" / "page.html").write_text("<p>B is 3</p>")
    later = publish(folder, "--evidence", folder / "later" / "evidence.toml")
    assert later.code == 8
    assert "or other source documents" in later.err
    resumed = publish(folder, "--evidence", folder / "later" / "evidence.toml", "--resume")
    assert resumed.code == 8


@pytest.mark.parametrize("command", ["publish", "dry", "seal"])
def test_a_document_that_is_missing_or_changed_is_named_and_nothing_is_signed(
    command: str, tmp_path: Path
) -> None:
    given = documents(tmp_path / "docs")

    def ran() -> Ran:
        if command == "seal":
            (tmp_path / "l.csv").write_text("label,value\nA,1\n")
            words = ("--name", "a", "--version", "1", "-o", tmp_path / "out", "--evidence", given)
            return anchor("seal", tmp_path / "l.csv", *words)
        return publish(tmp_path, "--evidence", given, *(["--dry-run"] if command == "dry" else []))

    def refused(said: str, remedy: str) -> None:
        done = ran()
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done
        assert said in done.err
        assert remedy in done.err
        assert not (tmp_path / "site").exists()
        assert not (tmp_path / "out").exists()

    pin = f'sha256 = "{hashlib.sha256(REPORT).hexdigest()}"\n'
    given.write_text(LIST.replace('media_type = "text/plain"\n', pin))
    report = tmp_path / "docs" / "texts" / "report.txt"
    report.write_bytes(b"A is 2\n")
    refused("line 1: ", "put the document back")
    refused("texts/report.txt: changed: its SHA-256 is ", "put the document back")
    report.unlink()
    refused("texts/report.txt: cannot read: No such file", "take it out of the list")
    report.symlink_to(tmp_path / "docs" / "page.html")
    refused("texts/report.txt: a link", "put the file itself in its place")
    report.unlink()
    report.mkdir()
    refused("texts/report.txt: cannot read: Is a directory", "take it out of the list")
    shutil.rmtree(tmp_path / "docs" / "texts")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "report.txt").write_bytes(REPORT)
    (tmp_path / "docs" / "texts").symlink_to(tmp_path / "elsewhere")
    refused("texts: a link", "put the file itself in its place")
    given.write_text(LIST.replace("texts/report.txt", "../l.csv"))
    refused("line 2: file: '../l.csv' is not a path below the folder", "relative to the folder")
    given.write_text("nonsense")
    refused("evidence.toml: not TOML", "correct the list")


def test_seal_and_dry_run_show_the_documents(tmp_path: Path) -> None:
    given = documents(tmp_path / "docs")
    dry = publish(tmp_path, "--evidence", given, "--dry-run", "--json")
    assert dry.code == 0
    assert [one["name"] for one in json.loads(dry.document["statement"])["predicate"]["evidence"]] == [
        "page.html", "texts/report.txt"
    ]  # fmt: skip
    words = ("seal", tmp_path / "l.csv", "--name", "test", "--version", "1", "--evidence", given)
    sealed = anchor(*words)
    digest = hashlib.sha256(REPORT).hexdigest()
    assert (
        f"evidence   {digest}  texts/report.txt (extracted from https://example.org/report.pdf" in sealed.out
    )
    found = anchor(*words, "--json").document
    assert found["evidence"][1]["digest"]["sha256"] == digest
    assert found["statement"]["sha256"] == dry.document["sha256"]
