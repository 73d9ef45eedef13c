# SPDX-License-Identifier: Apache-2.0
"""The program of version 0.1 calls a release of version 2 UNSUPPORTED: never INVALID, which is an alarm.

It is the last commit of the day of [0.1.0] in CHANGELOG.md, kept beside the tests as `git archive` gave it: a
checkout may lack the history. Where the history is there, the copy is compared with it. Its dependencies are
those of this program, whose lock file only added to them.
"""

import lzma
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import program_0_1
from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.process.program_0_1 import Program01
from tests.support.releases.in_memory import Held
from tests.support.releases.published import Site, published
from tests.support.releases.version_2 import KINDS, release_of_kind

COMMIT = "c1b6e68149b83324658e62cf690e7d48ff06abd5"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the program."""
    return program_0_1.extracted(tmp_path_factory.mktemp("program-0.1"))


def test_the_copy_is_that_of_the_history() -> None:
    if subprocess.run(["git", "cat-file", "-e", COMMIT], cwd=ROOT, capture_output=True).returncode:
        return  # a checkout without its history: the digest of the copy is all that is compared
    found = subprocess.run(["git", "archive", COMMIT, "anchor"], cwd=ROOT, capture_output=True, check=True)
    assert lzma.decompress(program_0_1.COPY.read_bytes()) == found.stdout


def run(program: Path, *words: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(program)}
    return subprocess.run(
        [sys.executable, "-m", "anchor", *map(str, words)],
        cwd=program,
        env=env,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def running(program: Path) -> Iterator[Program01]:
    found = Program01(program)
    yield found
    found.end()


def test_it_is_that_program(program: Path) -> None:
    assert run(program, "--version").stdout == "anchor, version 0.1.0\n"
    env = {**os.environ, "PYTHONPATH": str(program)}
    words = [sys.executable, "-c", "import anchor; print(anchor.__file__)"]
    done = subprocess.run(words, cwd=program, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == str(program / "anchor" / "__init__.py")


def test_it_verifies_what_this_program_publishes_as_version_1(running: Program01, tmp_path: Path) -> None:
    site = with_path(published(tmp_path))
    code, text = running.run("verify", site.release, "--policy", site.policy)
    assert code == 0, text


@pytest.mark.parametrize("kind", KINDS)
def test_a_release_of_version_2_is_unsupported(running: Program01, kind: str, tmp_path: Path) -> None:
    held = release_of_kind(tmp_path, kind)
    path, policy = on_disk(held, tmp_path / "site")
    assert anchor("verify", path, "--policy", policy).code == 0
    code, text = running.run("verify", path, "--policy", policy)
    assert (code, "UNSUPPORTED" in text) == (7, True), text


def test_a_release_beside_a_status_is_unsupported_and_its_own_version_verifies(
    running: Program01, tmp_path: Path
) -> None:
    """Of a statement of version 1 too: its own release.json stays as it was."""
    site = with_path(published(tmp_path))
    words = ("--release", "1.0.0", "--kind", "withdrawn", "--reason", "x", "--home", site.home)
    assert anchor("withdraw", site.root, *words).code == 0
    code, text = running.run("verify", site.release, "--policy", site.policy)
    assert (code, "UNSUPPORTED" in text) == (7, True), text
    own = site.root / "release" / "1.0.0" / "release.json"
    code, text = running.run("verify", own, "--policy", site.policy)
    assert code == 0, text


def with_path(site: Site) -> Site:
    """The site, whose policy has the path of the trusted root, which that program needs beside the digest."""
    named = f'{{ path = "{site.path("trusted_root")}", sha256'
    site.policy.write_text(site.policy.read_text().replace("{ sha256", named))
    return site


def on_disk(held: Held, folder: Path) -> tuple[Path, Path]:
    """The release.json of a release in memory, in a folder with its files, and a policy that accepts it."""
    folder.mkdir()
    for path, data in {**held.files, "release.json": held.release}.items():
        (folder / path).write_bytes(data)
    signers = held.trust.policy.signers
    roots = ", ".join(f'{{path = "{folder / one["path"]}"}}' for one in held.value["trusted_roots"])
    lines = [f'ledger = "{held.trust.policy.ledger}"', f"trusted_root = [{roots}]"]
    lines += [f'[[signer]]\nidentity = "{s.identity}"\nissuer = "{s.issuer}"' for s in signers]
    policy = folder.parent / "policy.toml"
    policy.write_text("\n".join(lines))
    return folder / "release.json", policy
