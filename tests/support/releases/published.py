# SPDX-License-Identifier: Apache-2.0
"""Releases published by the command itself, into folders of a test: small ones, made in a blink."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from anchor.format import release as releases
from tests.support.process.anchor_cli import Ran, anchor

LEDGER = "| Label | Value |\n|---|---|\n| A | 1 |\n| B | 2 |\n| C | 3 |\n"
NAME = "small-ledger"


@dataclass(frozen=True)
class Site:
    """A published folder, with the home that signs for it and the policy that publishing printed."""

    root: Path
    home: Path
    policy: Path

    @property
    def release(self) -> Path:
        return self.root / "release.json"

    @property
    def value(self) -> Any:
        """release.json as JSON."""
        return json.loads(self.release.read_bytes())

    def path(self, member: str) -> Path:
        """The file that release.json names as `statement`, `trusted_root`, `bundle` or by a file's name."""
        value = self.value
        if member == "bundle":
            return self.root / str(value["anchors"][0]["bundle"]["path"])
        if member in value:
            return self.root / str(value[member]["path"])
        return self.root / str(next(f["path"] for f in value["files"] if f["name"] == member))

    def rename(self, member: str, to: str) -> None:
        """Another path for the file that release.json names so: nothing signed says where a file lies."""
        old, new = self.path(member), self.root / to
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)
        named = f'"path": "{old.relative_to(self.root)}"'.encode()
        data = self.release.read_bytes()
        assert data.count(named) == 1
        self.release.write_bytes(data.replace(named, f'"path": "{to}"'.encode()))

    def roll_back(self, version: str) -> None:
        """From now on the site shows this version as its newest."""
        old = releases.load((self.root / "release" / version / "release.json").read_bytes())
        self.release.write_bytes(releases.dump(releases.relocate(old, f"release/{version}/")))

    def publish(self, ledger: str = LEDGER, version: str = "1.0.0", *more: object) -> Ran:
        """Publish a ledger's text here."""
        file = self.home.parent / "ledger.md"
        file.write_text(ledger, encoding="utf-8")
        return self.publish_file(file, version, *more)

    def publish_file(self, file: Path, version: str = "1.0.0", *more: object) -> Ran:
        """Publish a file here."""
        named = ("--name", NAME, "--version", version)
        return anchor("publish", file, *named, "--root", self.root, "--home", self.home, *more)

    def forget(self) -> None:
        """A publisher who means to lie empties the list of signed statements in the home."""
        (self.home / "signed.jsonl").write_bytes(b"")
        shutil.rmtree(self.home / "signed", ignore_errors=True)

    def verify(self, *more: object) -> Ran:
        """Verify it with the policy that publishing printed."""
        return anchor("verify", "-v", self.release, "--policy", self.policy, *more)

    def entries(self) -> int:
        """How many entries the log has, by its published checkpoint."""
        (note,) = self.root.glob("release/log/*/checkpoint")
        return int(note.read_text().split("\n")[1])

    def copy(self, folder: Path) -> "Site":
        """The same in another folder; the policy goes on trusting the root that it pins."""
        shutil.copytree(self.root, folder / "site")
        shutil.copytree(self.home, folder / "home")
        policy = folder / "policy.toml"
        policy.write_text(self.policy.read_text().replace(str(self.root), str(folder / "site")))
        return Site(folder / "site", folder / "home", policy)


@contextlib.contextmanager
def new_user(site: Site) -> Iterator[None]:
    """As a user whose store of trusted roots is beside the site. It has only what was kept for this site.

    A publication keeps its root in the store once. With one store for all tests, the first of several copies
    of a site makes more operations than the others.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(site.root.parent / "data"))
        yield


def empty(folder: Path) -> Site:
    """Where nothing is published yet."""
    return Site(folder / "site", folder / "home", folder / "policy.toml")


def published(folder: Path, ledger: str = LEDGER, version: str = "1.0.0") -> Site:
    """A new site with one release of a small ledger."""
    site = empty(folder)
    ran = site.publish(ledger, version)
    assert ran.code == 0, ran.err
    site.policy.write_text(ran.out)
    return site


def published_file(folder: Path, name: str, data: bytes, *more: object) -> Site:
    """A new site with one release of a file of this name."""
    site = empty(folder)
    file = folder / name
    file.write_bytes(data)
    ran = site.publish_file(file, "1.0.0", *more)
    assert ran.code == 0, ran.err
    site.policy.write_text(ran.out)
    return site


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    found = sorted(p for p in folder.rglob("*") if p.is_file() or p.is_symlink())
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}
