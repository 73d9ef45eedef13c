# SPDX-License-Identifier: Apache-2.0
"""The CI examples of docs/ci, read, and their steps run as a runner runs them, on repositories of a test."""

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # of apprise; it ships no types

from tests.support.process import fork_server
from tests.support.process.anchor_cli import ROOT

CI = ROOT / "docs" / "ci"
GITHUB = ("publish.yml", "verify.yml")


def load(name: str) -> Any:
    return yaml.safe_load((CI / name).read_text())


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in load(name)["jobs"].values():
        yield from job["steps"]


def step(name: str, title: str) -> str:
    """The script of the one step of a GitHub workflow with this title."""
    (found,) = [s["run"] for s in steps(name) if s.get("name") == title]
    return str(found)


def gitlab(job: str, *parts: str) -> str:
    """The script of a GitLab job, without what installs programs of the system."""
    lines = [line for part in parts for line in load("gitlab-ci.yml")[job][part]]
    return "\n".join(line for line in lines if "apt-get" not in line)


def shell(script: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A step as the runner runs it, with the embedded instance in place of the public one: its keys are in
    the home of the tag, so each tag has another signer. Its program `anchor` is a fork."""
    assert script.count("anchor ") <= 1
    script = script.replace(
        "--instance public --policy .anchor/policy.toml", "--instance embedded --new-signer"
    )
    path = f"{fork_server.programs()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=cwd,
        env={"PATH": path, "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1", **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


def git(cwd: Path, *words: str) -> str:
    """The output of a git command. The settings of the user have no effect: they may sign or run hooks."""
    name = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main")
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *name, *words], cwd=cwd, env=env, check=True, capture_output=True, text=True
    )
    return done.stdout


class Repository:
    """A repository on a host, and the clone of a person who tags versions and merges releases."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.origin, self.work = folder, folder / "origin", folder / "work"
        git(folder, "init", "--bare", str(self.origin))
        git(folder, "clone", str(self.origin), str(self.work))
        git(self.work, "checkout", "-b", "main")

    def copy(self, folder: Path) -> "Repository":
        """The same in another folder."""
        made = copy.copy(self)
        shutil.copytree(self.folder, folder, dirs_exist_ok=True, symlinks=True)
        made.folder, made.origin, made.work = folder, folder / "origin", folder / "work"
        git(made.work, "remote", "set-url", "origin", str(made.origin))
        return made

    def commit(self, message: str, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(self.work, "add", ".")
        git(self.work, "commit", "-m", message)
        git(self.work, "push", "origin", "main")

    def tag(self, tag: str, ledger: str) -> None:
        """The ledger, committed and tagged; every such commit has the policy, as the example asks."""
        self.commit(tag, {"ledger.md": ledger, ".anchor/policy.toml": "", ".anchor/requirements.txt": ""})
        git(self.work, "tag", tag)
        git(self.work, "push", "origin", tag)

    def merge(self, made: Path) -> None:
        """The release of a job, merged by a person."""
        git(self.work, "pull", "origin", "main")
        for name in ("release.json", "release"):
            subprocess.run(["cp", "-R", str(made / name), str(self.work)], check=True)
        self.commit("Release", {})

    def clone(self, name: str, branch: str = "main") -> Path:
        git(self.folder, "clone", "-b", branch, str(self.origin), name)
        return self.folder / name
