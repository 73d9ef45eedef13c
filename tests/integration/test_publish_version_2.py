# SPDX-License-Identifier: Apache-2.0
"""Releases of version 2 by the command itself: published, verified, inspected, verified again, continued."""

import gzip
import tomllib
from pathlib import Path

import pytest

from anchor import limits
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import Site, empty, published, published_file
from tests.support.servers.embedded_instance import serving

CSV = b"label,value\nA,1\nB,2\n"
NEXT = "| Label | Value |\n|---|---|\n| A | 2 |\n"


def zipped(folder: Path) -> Site:
    return published_file(folder, "facts.csv.gz", gzip.compress(CSV, mtime=0))


def reverify(site: Site, folder: Path) -> Ran:
    return anchor("reverify", "-v", site.release, "--policy", site.policy, "--home", folder / "records")


def test_a_gzip_file_is_published_as_it_is(tmp_path: Path) -> None:
    site = zipped(tmp_path)
    assert site.value["format"] == "urn:ledger-anchor:release:v2"
    assert "previous" not in site.value
    assert gzip.decompress(site.path("ledger.csv.gz").read_bytes()) == CSV
    plain = published_file(make(tmp_path / "plain"), "facts.csv", CSV)
    assert plain.value["format"] == "urn:ledger-anchor:release:v1"
    assert plain.value["tree"] == site.value["tree"]
    assert plain.path("ledger.json").read_bytes() == site.path("ledger.json").read_bytes()


def test_verify_says_how_the_file_was_read_before_it_says_that_it_is_good(tmp_path: Path) -> None:
    site = zipped(tmp_path)
    ran = site.verify()
    assert ran.code == 0, ran
    lines = ran.out.splitlines()
    (at,) = (i for i, line in enumerate(lines) if "read as: out of a gzip file (by csv-v1)" in line)
    assert "read-as: ledger.csv.gz" in lines[at]
    assert at < next(i for i, line in enumerate(lines) if line.startswith("OK: "))
    short = anchor("verify", site.release, "--policy", site.policy).out
    assert "  read as      ledger.csv.gz: out of a gzip file (by csv-v1)\n  signed by" in short
    watched = ("reverify", site.release, "--policy", site.policy, "--home", tmp_path / "records")
    assert "  read as      ledger.csv.gz: out of a gzip file (by csv-v1)\n  signed by" in anchor(*watched).out
    assert anchor("prove", site.release, "--fact", 0, "-o", tmp_path / "fact.json").code == 0
    receipt = anchor("verify-receipt", tmp_path / "fact.json", "--policy", site.policy).out
    assert "  read as      ledger.csv.gz: out of a gzip file (by csv-v1)\n  signed by" in receipt
    (check,) = (c for c in site.verify("--json").document["checks"] if c["name"] == "read-as")
    assert "gzip" in check["detail"]
    statement = anchor("inspect", site.path("statement"))
    assert "note: ledger.csv.gz read as: out of a gzip file (by csv-v1)" in statement.out
    assert "no verification accepts" not in statement.out
    assert "note: ledger.csv.gz read as: out of a gzip file" in anchor("inspect", site.path("bundle")).out
    release = anchor("inspect", site.release, "--json")
    assert (release.code, release.document["problem"]) == (0, "")
    assert all(f["by"] for f in release.document["fields"])
    assert not [f for f in release.document["fields"] if "not a field that this program knows" in f["by"]]


def test_it_is_verified_again_and_followed_by_releases_of_both_versions(tmp_path: Path) -> None:
    site = zipped(tmp_path)
    assert reverify(site, tmp_path).code == 0
    first = site.value["statement"]["sha256"]
    assert site.publish(NEXT, "1.1.0").code == 0
    assert (site.value["format"][-2:], site.value["previous"]["statement"]) == ("v1", first)
    assert reverify(site, tmp_path).code == 0
    file = tmp_path / "facts.csv.gz"
    assert site.publish_file(file, "1.2.0").code == 0
    assert (site.value["format"][-2:], site.value["previous"]["number"]) == ("v2", 2)
    ran = reverify(site, tmp_path)
    assert ran.code == 0, ran
    assert site.verify().code == 0
    site.roll_back("1.0.0")
    assert reverify(site, tmp_path).code == 3  # an older release than before is served


def test_the_same_again_changes_nothing_and_another_folder_gets_the_same(tmp_path: Path) -> None:
    site = zipped(tmp_path)
    file = tmp_path / "facts.csv.gz"
    before = site.release.read_bytes()
    assert site.publish_file(file).code == 0
    assert (site.release.read_bytes(), site.entries()) == (before, 1)
    other = Site(tmp_path / "other", site.home, site.policy)
    assert other.publish_file(file).code == 0
    assert (other.release.read_bytes(), site.entries()) == (before, 1)
    file.write_bytes(gzip.compress(CSV, mtime=1))  # the same facts in another file
    ran = site.publish_file(file)
    assert ran.code == 8, ran


def test_another_instance_adds_a_root_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    site = zipped(tmp_path)
    (alone,) = site.value["trusted_roots"]
    with serving(tmp_path / "served") as served:
        ran = site.publish_file(tmp_path / "facts.csv.gz", "1.0.0", *served.words())
        assert ran.code == 0, ran.err
        assert served.size() == 1
    site.policy.write_text(ran.out)
    assert alone in site.value["trusted_roots"]
    roots = {b["sha256"] for b in site.value["trusted_roots"]}
    assert len(roots) == 2
    assert {a["trusted_root"] for a in site.value["anchors"]} == roots
    policy = tomllib.loads(ran.out)
    assert {r["sha256"] for r in policy["trusted_root"]} == roots
    assert [len(s["trusted_root"]) for s in policy["signer"]] == [1, 1]
    assert {s["trusted_root"][0] for s in policy["signer"]} == roots
    ran = site.verify("--second-opinion")
    assert ran.code == 0, ran
    other = Site(tmp_path / "other", site.home, site.policy)
    assert other.publish_file(tmp_path / "facts.csv.gz").code == 0  # from what the home kept
    assert other.value["anchors"] == site.value["anchors"]
    assert site.entries() == 1


def test_a_release_that_needs_nothing_new_is_published_as_before(tmp_path: Path) -> None:
    site = published(tmp_path)
    assert site.value["format"] == "urn:ledger-anchor:release:v1"
    assert "read-as" not in site.verify().out


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_ledger_json_that_is_too_large_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LEDGER_JSON", 10)
    site = zipped(tmp_path)
    assert [f["name"] for f in site.value["files"]] == ["ledger.csv.gz"]
    assert not list(site.root.rglob("ledger.json"))
    ran = site.verify()
    assert ran.code == 0, ran
    assert "left out: it would have more than 10 bytes" in ran.out
    sealed = make(tmp_path / "sealed")
    words = ("--name", "n", "--version", "1", "-o", sealed)
    assert anchor("seal", tmp_path / "facts.csv.gz", *words).code == 0
    assert sorted(p.name for p in sealed.iterdir()) == ["ledger.csv.gz", "statement.json"]
    plain = published_file(make(tmp_path / "plain"), "facts.csv", CSV)
    assert plain.path("ledger.json").exists()  # version 1 has it, whatever its size
    monkeypatch.undo()
    assert site.verify().code == 8


@pytest.mark.parametrize(
    ("files", "words", "said"),
    [
        (
            {"a.csv": "Stand 2026\nOrt;Wert\nKöln;1\n".encode("cp1252")},
            ("--delimiter", ";", "--encoding", "windows-1252", "--skip", "1"),
            ("delimiter ';'", "encoding windows-1252", "the first line not read"),
        ),
        ({"a.json": b'[{"a":null,"b":"x"},{"b":"y"}]'}, (), ()),
        ({"a.csv": CSV, "b.csv": b"label,value\nC,3\n"}, (), ()),
        ({"a.csv.gz": gzip.compress(CSV), "b.csv.gz": gzip.compress(CSV)}, (), ("out of a gzip file",)),
    ],
)
def test_each_goes_from_a_file_to_a_verification_in_a_year(
    files: dict[str, bytes], words: tuple[str, ...], said: tuple[str, ...], tmp_path: Path
) -> None:
    site = empty(tmp_path)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    first, *more = (tmp_path / name for name in files)
    ran = site.publish_file(first, "1.0.0", *more, *words)
    assert ran.code == 0, ran.err
    site.policy.write_text(ran.out)
    assert site.value["format"] == "urn:ledger-anchor:release:v2"
    assert len(site.value["files"]) == len(files) + 1
    verified = site.verify()
    assert verified.code == 0, verified
    for part in said:
        assert part in verified.out
    assert reverify(site, tmp_path).code == 0
    again = site.publish_file(first, "1.0.0", *more, *words)
    assert (again.code, site.entries()) == (0, 1)
