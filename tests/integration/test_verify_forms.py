# SPDX-License-Identifier: Apache-2.0
"""`anchor verify` of what is no release: other forms, paths that lead elsewhere, other things than files."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.process.anchor_cli import Ran, anchor, says
from tests.support.releases.published import LEDGER, Site


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        (lambda s: s.replace("release:v1", "release:v3"), 7, "release:v3"),
        (lambda s: s.replace("urn:ledger-anchor:release:v1", "x"), 7, "format"),
        (lambda s: s.replace('"tree"', '"tree": 1, "tree"'), 8, "release-json"),
        (lambda s: s.replace('"size": 3', '"size": 3, "size": 3'), 8, "release-json"),
        (lambda s: json.dumps(json.loads(s), indent=2, sort_keys=True) + "\n", 8, "line"),
        (lambda s: json.dumps(json.loads(s), indent=2), 3, "line"),
        (lambda s: json.dumps(json.loads(s), indent=4) + "\n", 8, "line"),
        (lambda s: json.dumps(json.loads(s)), 8, "line"),
        (lambda s: s.replace("\n", "\r\n"), 8, "line"),
        (lambda s: s.replace("small-ledger", "small\\u002dledger"), 8, "line"),
        (lambda s: "\ufeff" + s, 3, "release-json"),
        (lambda s: s[:-3], 3, "release-json"),
        (lambda s: "", 3, "release-json"),
        (lambda s: "[]", 8, "release-json"),
        (lambda s: "null", 8, "release-json"),
        (lambda s: "[" * 10_000, 8, "release-json"),
        (lambda s: s.replace('"size": 3', '"size": ' + "9" * 10_000), 8, "release-json"),
        (lambda s: s.replace('"size": 3', '"size": 3.0'), 8, "release-json"),
        (lambda s: s.replace('"size": 3', '"size": -3'), 8, "release-json"),
        (lambda s: s.replace('"size": 3', '"size": NaN'), 8, "release-json"),
        (lambda s: s.replace("1.0.0", "\\u0000"), 8, "release-json"),
    ],
)
def test_a_release_json_in_another_form(
    site: Site, change: Callable[[str], str], code: int, word: str
) -> None:
    site.release.write_text(change(site.release.read_text()), newline="")
    says(site.verify(), code, word)
    without = anchor("verify", "-v", site.release)
    assert without.code == code
    assert "claimed" not in without.out


def test_a_release_json_of_any_bytes(site: Site) -> None:
    for data in (
        b"\xff\xfe",
        b"\x00" * 99,
        os.urandom(999),
        site.release.read_bytes().replace(b"A", b"\xe9"),
    ):
        site.release.write_bytes(data + b"\xff")
        says(site.verify(), 3, "no whole release.json")


@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("chain",),
        ("policy", "--not-compared"),
        ("prove", "--fact", 0),
        ("log", "--where", "a=b"),
    ],
)
def test_half_a_release_is_told_by_the_name_that_was_given(
    words: tuple[object, ...], site: Site, tmp_path: Path
) -> None:
    half = tmp_path / "half.json"
    half.write_text(site.release.read_text()[:300])
    ran = anchor(*words, half)
    assert ran.code == 3
    assert f"{half}: no whole release.json: " in ran.err
    assert ran.err.count("release.json") == 1
    site.release.write_text(half.read_text())
    for given in (site.release, site.root):
        assert f"{given}: no whole release.json: " in anchor(*words, given).err


def test_what_is_wrong_in_a_release_is_told_with_the_name_that_was_given(site: Site, tmp_path: Path) -> None:
    data = site.release.read_text().replace('"size": 3', '"size": -3')
    (tmp_path / "odd.json").write_text(data)
    site.release.write_text(data)
    for given, where in (
        (tmp_path / "odd.json", f"{tmp_path}/odd.json: release.json: tree.size"),
        (site.root, f"{site.root}: release.json: tree.size"),
        (site.release, "release-json: release.json: tree.size"),
    ):
        assert where in anchor("verify", given).err
        assert where.removeprefix("release-json: ") in anchor("policy", given, "--not-compared").err


def test_a_release_json_that_is_huge_missing_or_no_file(site: Site, tmp_path: Path) -> None:
    big = tmp_path / "big.json"
    big.touch()
    os.truncate(big, 1 << 34)
    fifo = tmp_path / "fifo.json"
    os.mkfifo(fifo)
    (tmp_path / "empty").mkdir()
    for path in (
        big,
        fifo,
        tmp_path / "missing.json",
        tmp_path / "empty",
        Path("/dev/zero"),
        Path("/dev/null"),
    ):
        says(anchor("verify", path, "--policy", site.policy), 2, path.name)
    says(anchor("verify", "", "--policy", site.policy), 2, "")
    says(anchor("verify", "x" * 5000, "--policy", site.policy), 2, "")
    says(anchor("verify", "a\0b", "--policy", site.policy), 2, "")


# Paths and links


def named(site: Site, path: str) -> Ran:
    """release.json names this path for the ledger."""
    value = site.value
    next(f for f in value["files"] if f["name"] == "ledger.md")["path"] = path
    site.release.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
    return site.verify()


@pytest.mark.parametrize(
    "path",
    [
        "../ledger.md",
        "release/../release/1.0.0/ledger.md",
        "release/1.0.0/../../../ledger.md",
        "/etc/passwd",
        "//etc/passwd",
        "release//1.0.0/ledger.md",
        "./release/1.0.0/ledger.md",
        "release/1.0.0/ledger.md/",
        "release\\1.0.0\\ledger.md",
        "C:\\ledger.md",
        "file:///etc/passwd",
        "https://example.org/ledger.md",
        "release/1.0.0/ledger.md\u0000",
        "release/1.0.0/ledger.md\n",
        "~/ledger.md",
        "",
        ".",
        "..",
        "release/1.0.0/ledger.json",
        "release/1.0.0/LEDGER.JSON",
        "x" * 5000,
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(site: Site, path: str) -> None:
    (site.root.parent / "ledger.md").write_text(LEDGER)
    says(named(site, path), 8, "release-json")


def replaced(site: Site, make: Callable[[Path], object]) -> Ran:
    """Something else lies where the ledger should."""
    path = site.path("ledger.md")
    path.unlink()
    make(path)
    return site.verify()


@pytest.mark.parametrize(
    ("make", "code", "word"),
    [
        (lambda p: None, 3, "missing"),
        (lambda p: p.mkdir(), 8, "regular file"),
        (os.mkfifo, 8, "regular file"),
        (lambda p: p.symlink_to("/dev/zero"), 8, "out of the folder"),
        (lambda p: p.symlink_to("/etc/passwd"), 8, "out of the folder"),
        (lambda p: p.symlink_to("../../../ledger.md"), 8, "out of the folder"),
        (lambda p: p.symlink_to(p.name), 8, ""),
        (lambda p: p.symlink_to("nowhere"), 3, "missing"),
        (lambda p: p.symlink_to("ledger.json"), 8, "bytes"),
        (lambda p: p.write_text(""), 3, "bytes"),
        (lambda p: p.write_text(LEDGER[:-1]), 3, "bytes"),
        (lambda p: p.write_text("~" * len(LEDGER)), 8, "facts"),
        (lambda p: os.truncate(os.open(p, os.O_CREAT | os.O_WRONLY), 1 << 40), 8, "bytes"),
    ],
)
def test_something_else_in_the_place_of_a_file(
    site: Site, make: Callable[[Path], object], code: int, word: str
) -> None:
    """A file that is missing or cut off may be in the middle of a copy. It contradicts nothing."""
    (site.root.parent / "ledger.md").write_text(LEDGER)
    says(replaced(site, make), code, word)


def test_a_link_of_a_folder_that_leads_out_is_refused(site: Site, tmp_path: Path) -> None:
    folder = site.root / "release" / "1.0.0"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    says(site.verify(), 8, "out of the folder")


def test_a_link_that_stays_inside_is_followed(site: Site) -> None:
    path = site.path("ledger.md")
    path.rename(path.with_name("real.md"))
    path.symlink_to("real.md")
    assert site.verify().code == 0


@pytest.mark.parametrize("member", ["statement", "bundle", "trusted_root", "ledger.json"])
def test_every_other_file_is_held_to_the_same(site: Site, member: str) -> None:
    path = site.path(member)
    data = path.read_bytes()
    (site.root.parent / "outside").write_bytes(data)
    path.unlink()
    says(site.verify(), 3, path.name)
    path.symlink_to(site.root.parent / "outside")
    says(site.verify(), 8, "out of the folder")
    path.unlink()
    os.mkfifo(path)
    assert site.verify().code == 8


def test_a_statement_that_is_not_in_canonical_form(site: Site) -> None:
    """With its digest repaired; the bundle signs the canonical one."""
    path = site.path("statement")
    value = json.loads(path.read_bytes())
    for text in (json.dumps(value), json.dumps(value, indent=2), path.read_text() + "\n"):
        data = text.encode()
        path.write_bytes(data)
        release: Any = site.value
        release["statement"] |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        site.release.write_text(json.dumps(release, indent=2) + "\n")
        says(site.verify(), 8, "statement")
