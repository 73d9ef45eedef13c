# SPDX-License-Identifier: Apache-2.0
"""The CI examples do what they say: their scripts are run on a git repository, their rights are counted."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]  # of apprise; it ships no types

from anchor.cli.main import cli
from anchor.trust import parse_policy
from tests.support.anchor_cli import ROOT
from tests.support.published import LEDGER

CI = ROOT / "docs" / "ci"
GITHUB = ("publish.yml", "verify.yml")
OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")


def load(name: str) -> Any:
    return yaml.safe_load((CI / name).read_text())


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in load(name)["jobs"].values():
        yield from job["steps"]


def scripts() -> list[str]:
    """Every shell script of the examples."""
    found = [s["run"] for name in GITHUB for s in steps(name) if "run" in s]
    for job in (load("gitlab-ci.yml")["publish"], load("gitlab-ci.yml")["verify"]):
        found += [*job["before_script"], *job["script"]]
    return found


def commands() -> list[str]:
    return [line.strip() for s in scripts() for line in s.splitlines() if line.strip().startswith("anchor ")]


def test_jobs_have_no_right_but_these() -> None:
    found: dict[str, dict[str, str]] = {}
    for name in GITHUB:
        assert load(name)["permissions"] == {}
        found |= {job: value["permissions"] for job, value in load(name)["jobs"].items()}
    assert found == {
        "sign": {"contents": "read", "id-token": "write"},
        "propose": {"contents": "write"},
        "verify": {"contents": "read"},
    }


@pytest.mark.parametrize("name", GITHUB)
def test_actions_are_pinned_by_digest_with_their_version_beside(name: str) -> None:
    used = re.findall(r"uses: *(\S+) *(.*)", (CI / name).read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r"# v\d+\.\d+\.\d+", comment)


def test_image_is_pinned_by_digest() -> None:
    assert re.fullmatch(r"python:\S+@sha256:[0-9a-f]{64}", load("gitlab-ci.yml")["default"]["image"])


def test_a_proposal_runs_without_secrets_and_without_a_token_of_the_base() -> None:
    on = load("verify.yml")[True]  # YAML 1.1 reads the word `on` so
    assert list(on) == ["pull_request"]
    for step in steps("verify.yml"):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False
    assert "secrets." not in "".join((CI / name).read_text() for name in GITHUB)


def test_no_expression_is_pasted_into_a_script() -> None:
    """A tag's name is data: in a script it would be program."""
    assert not [s for s in scripts() if "${{" in s]


def test_policy_and_program_of_a_proposal_come_from_the_base() -> None:
    run = [s["run"] for s in steps("verify.yml") if "run" in s]
    assert all("-r base/.anchor/" in s or "cd base" in s for s in run)
    script = "\n".join(load("gitlab-ci.yml")["verify"]["before_script"])
    assert "CI_MERGE_REQUEST_TARGET_BRANCH_NAME" in script
    assert "-r /tmp/base/.anchor/requirements.txt" in script


@pytest.mark.parametrize("line", commands())
def test_commands_have_options_that_exist(line: str) -> None:
    _, name, *args = line.replace('"', "").split()
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    with found.make_context(name, args) as context:
        assert context.params["policy"] == Path(".anchor/policy.toml")


def test_policy_is_one_and_accepts_the_workflow_at_a_tag_alone() -> None:
    policy = parse_policy((CI / "policy.toml").read_bytes())
    (signer,) = policy.signers
    at = "https://github.com/OWNER/REPO/.github/workflows/publish.yml@refs/"
    pattern = re.compile(str(signer.identity_regex))
    assert pattern.fullmatch(at + "tags/v1.2.0")
    for other in (at + "heads/main", at + "tags/v1.0.0\n", at + "tags/x1", "x" + at + "tags/v1"):
        assert not pattern.fullmatch(other)
    assert not pattern.fullmatch(at.replace("github.com", "githubxcom") + "tags/v1")


def shell(script: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A step as the runner runs it, with the embedded instance in place of the public one."""
    assert script.count("anchor ") <= 1
    script = script.replace("--instance public --policy .anchor/policy.toml", "--instance embedded")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=cwd,
        env={"PATH": path, "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1", **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


def git(cwd: Path, *words: str) -> None:
    name = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *name, *words], cwd=cwd, check=True, capture_output=True)


def step(name: str, title: str) -> str:
    (found,) = [s["run"] for s in steps(name) if s.get("name") == title]
    return str(found)


def test_the_steps_work_one_after_the_other_in_a_repository(tmp_path: Path) -> None:
    """Tag, publish, propose, verify with the policy of the base; a proposal's own policy is not asked."""
    origin, work = tmp_path / "origin", tmp_path / "work"
    git(tmp_path, "init", "--bare", str(origin))
    git(tmp_path, "clone", str(origin), str(work))
    (work / "ledger.md").write_text(LEDGER)
    git(work, "checkout", "-b", "main")
    git(work, "add", ".")
    git(work, "commit", "-m", "Ledger")
    git(work, "tag", "v1.0.0")
    git(work, "push", "origin", "main", "v1.0.0")
    env = {"TAG": "v1.0.0", "RUNNER_TEMP": str(tmp_path)}
    published = shell(step("publish.yml", "Publish"), work, **env)
    assert published.returncode == 0, published.stderr
    again = shell(step("publish.yml", "Publish"), work, **env)
    assert (again.returncode, "published already" in again.stderr) == (0, True)
    proposed = shell(step("publish.yml", "Propose"), work, **env)
    assert proposed.returncode == 0, proposed.stderr
    # verify.yml's two checkouts
    git(tmp_path, "clone", "-b", "main", str(origin), "base")
    git(tmp_path, "clone", "-b", "anchor-release-v1.0.0", str(origin), "proposed")
    assert not (tmp_path / "proposed" / ".anchor-home").exists()
    policy = published.stdout.replace(str(work), str(tmp_path / "proposed"))
    for place in ("base", "proposed"):
        (tmp_path / place / ".anchor").mkdir()
        (tmp_path / place / ".anchor" / "policy.toml").write_text(policy)
    verify = step("verify.yml", "Verify")
    assert shell(verify, tmp_path).returncode == 0
    stranger = policy.replace("publisher@", "stranger@")
    (tmp_path / "base" / ".anchor" / "policy.toml").write_text(stranger)
    assert shell(verify, tmp_path).returncode == 8
    gitlab = "\n".join(load("gitlab-ci.yml")["verify"]["script"]).replace("/tmp/base", str(tmp_path / "base"))
    assert shell(gitlab, tmp_path, CI_PROJECT_DIR=str(tmp_path / "proposed")).returncode == 8
    (tmp_path / "base" / ".anchor" / "policy.toml").write_text(policy)
    assert shell(gitlab, tmp_path, CI_PROJECT_DIR=str(tmp_path / "proposed")).returncode == 0


def test_the_gitlab_steps_work_in_a_repository(tmp_path: Path) -> None:
    origin, work = tmp_path / "origin", tmp_path / "work"
    git(tmp_path, "init", "--bare", str(origin))
    git(tmp_path, "clone", str(origin), str(work))
    for version, text in (("v1.0.0", LEDGER), ("v1.1.0", OTHER)):
        (work / "ledger.md").write_text(text)
        git(work, "checkout", "-B", "main")
        git(work, "add", "ledger.md")
        git(work, "commit", "-m", version)
        git(work, "tag", version)
        git(work, "push", "origin", "main", version)
        script = "\n".join(load("gitlab-ci.yml")["publish"]["script"]).replace("/tmp/", f"{tmp_path}/")
        ran = shell(script, work, CI_COMMIT_TAG=version, CI_DEFAULT_BRANCH="main")
        assert ran.returncode == 0, ran.stderr
        git(work, "checkout", "main")
        git(work, "add", "release.json", "release")
        git(work, "commit", "-m", "Release")
        git(work, "push", "origin", "main")
    assert (work / "release/1.1.0/ledger.md").read_text() == OTHER
    assert shutil.which("git")
