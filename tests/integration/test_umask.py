# SPDX-License-Identifier: Apache-2.0
"""The modes of what is written do not depend on the umask: what is published can be read by a web server and
written by its owner alone; what is in the home is the user's."""

import ast
import os
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import forked
from tests.support.releases.published import LEDGER, NAME

ROOT = Path(__file__).resolve().parents[2]


def modes(folder: Path) -> dict[str, int]:
    return {
        str(p.relative_to(folder.parent)): p.lstat().st_mode & 0o777
        for p in (folder, *folder.rglob("*"))
        if not p.is_symlink()
    }


@pytest.mark.parametrize(
    "mask", [0o000, *(pytest.param(mask, marks=pytest.mark.slow) for mask in (0o022, 0o027)), 0o077]
)
def test_a_site_can_be_read_and_a_home_cannot_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    base = tmp_path / "base"
    base.mkdir()
    ledger = base / "ledger.md"
    ledger.write_text(LEDGER)
    site, home, records = base / "deep" / "site", base / "state" / "home", base / "more" / "records"
    site.parent.mkdir()

    def common() -> None:
        os.umask(mask)

    named = ("--name", NAME, "--version", "1.0.0")
    ran = forked("publish", ledger, *named, "--root", site, "--home", home, before=common)
    assert ran.code == 0, ran.err
    policy = base / "policy.toml"
    policy.write_text(ran.out)
    given = ("--policy", policy, "--home", records)
    ran = forked("reverify", site / "release.json", *given, before=common)
    assert ran.code == 0, ran.err
    ran = forked("seal", ledger, *named, "-o", base / "new" / "sealed", before=common)
    assert ran.code == 0, ran.err
    for folder in (site, base / "new"):
        for path, mode in modes(folder).items():
            assert mode == (0o755 if (folder.parent / path).is_dir() else 0o644), path
    for folder in (home.parent, records.parent):
        for path, mode in modes(folder).items():
            full = folder.parent / path
            assert mode & 0o077 == 0 or full.parent.stat().st_mode & 0o077 == 0, path
            if full.is_dir():
                assert mode == 0o700, path


def test_folders_are_made_in_one_place() -> None:
    """Where else one is made, it is below a folder that this program has made private, or is tested above."""
    allowed = {
        "anchor/disk/files.py",
        "anchor/records/database.py",
        "anchor/publish/install.py",
        "anchor/disk/staged_folder.py",
    }
    found = set()
    for path in (ROOT / "anchor").rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "mkdir" in text or "makedirs" in text else ():
            if isinstance(node, ast.Attribute) and node.attr in ("mkdir", "makedirs"):
                found.add(str(path.relative_to(ROOT)))
    assert found == allowed
