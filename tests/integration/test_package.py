# SPDX-License-Identifier: Apache-2.0
"""The package as pip, uv and pipx install it has its man pages, and building it needs no tool of the site."""

import os
import shutil
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import ROOT
from tests.support.process.need import need

MAN = ROOT / "docs" / "man"
PLAIN = {"MANPAGER": "cat", "MANWIDTH": "80", "LC_ALL": "C"}
"""The page as it is shown without the user's settings."""


@pytest.fixture(scope="module")
def uv() -> str:
    """The program that runs these tests, else the one that tasks.py installs."""
    here = ROOT / ".uv" / "bin" / "uv"
    found = os.environ.get("UV") or shutil.which("uv") or (str(here) if here.exists() else None)
    need(found, "python3 tasks.py setup")
    return str(found)


@pytest.fixture(scope="module")
def built(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run([uv, "build", "-q", "-o", str(folder), str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_building_needs_nothing_but_the_build_backend() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (needed,) = project["build-system"]["requires"]
    assert needed.startswith("hatchling==")
    assert "hooks" not in project["tool"]["hatch"]["build"], "no hook makes pages"


def test_an_installed_wheel_has_the_man_pages(uv: str, built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    environment = tmp_path / "environment"
    for words in (
        ("venv", "-q", str(environment)),
        ("pip", "install", "-q", "--no-deps", "--python", str(environment), str(wheel)),
    ):
        done = subprocess.run([uv, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    pages = environment / "share" / "man" / "man1"
    assert {path.name: path.read_bytes() for path in pages.iterdir()} == {
        path.name: path.read_bytes() for path in MAN.iterdir()
    }
    man = shutil.which("man")
    need(man, "apt-get install man-db")
    shows = [str(man), "-l", str(pages / "anchor-verify.1")]
    shown = subprocess.run(shows, capture_output=True, text=True, env={**os.environ, **PLAIN})
    assert shown.returncode == 0, shown.stderr
    assert "check a published release" in shown.stdout


def test_the_sdist_has_them_too(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"docs/man/{path.name}" for path in MAN.iterdir()} <= names
