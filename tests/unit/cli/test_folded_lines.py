# SPDX-License-Identifier: Apache-2.0
"""The lines of `publish`, `status` and `inspect` on a terminal: none is wider, unless it is one word.

A digest, a URL, the path of the home and the command that copies it are copied from the screen, so they are
not broken.
"""

from pathlib import Path

import pytest

from tests.support.process.anchor_cli import anchor
from tests.support.process.pseudo_terminal import on_terminal
from tests.support.releases.published import Site, published


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("folded"))


def _check(text: str, columns: int) -> None:
    for line in text.splitlines():
        if line.lstrip().startswith("anchor") or len(line) <= columns:
            continue
        assert len(line.split()) == 1, line


@pytest.mark.parametrize("columns", [40, 80])
def test_no_line_about_a_file_is_wider_than_the_terminal(site: Site, columns: int) -> None:
    checkpoint = next(site.root.glob("release/log/*/checkpoint"))
    for file in (site.release, site.path("bundle"), site.policy, checkpoint):
        found = on_terminal("inspect", file, columns=columns)
        assert found.code == 0
        assert "Nothing was verified." in found.text
        _check(found.text, columns)


@pytest.mark.parametrize("columns", [40, 80])
def test_no_line_about_what_is_watched_is_wider(site: Site, tmp_path: Path, columns: int) -> None:
    home = tmp_path / "watcher"
    assert anchor("reverify", site.release, "--policy", site.policy, "--home", home).code == 0
    found = on_terminal("status", "--home", home, columns=columns)
    assert found.code == 0
    assert "1 watched" in found.text
    _check(found.text, columns)


def test_no_line_about_a_publication_is_wider(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.csv"
    ledger.write_text("label,value\nemployees,120\n")
    where = ("--root", tmp_path / "site", "--home", tmp_path / "home", "--policy-out", tmp_path / "p.toml")
    found = on_terminal("publish", ledger, "--name", "n", "--version", "1.0.0", *where, columns=80)
    assert found.code == 0, found.text
    assert "signed by" in found.text
    _check(found.text, 80)


def test_a_pipe_gets_each_line_in_one_piece(site: Site) -> None:
    lines = anchor("inspect", site.release).out.splitlines()
    assert any(len(line) > 80 for line in lines)
