# SPDX-License-Identifier: Apache-2.0
"""The CI examples say what they should: rights, pins, policy. What their scripts do: test_ci_steps.py."""

import re
from pathlib import Path

import click
import pytest

from anchor.cli.commands import cli
from anchor.verify.policy import parse_policy
from tests.support.process.ci_examples import CI, GITHUB, load, steps


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
    assert all("base/.anchor/requirements.txt" in s or "cd base" in s for s in run)
    script = "\n".join(load("gitlab-ci.yml")["verify"]["before_script"])
    assert "CI_MERGE_REQUEST_TARGET_BRANCH_NAME" in script
    assert "-r /tmp/base/.anchor/requirements.txt" in script


def test_python_starts_outside_of_checkouts_and_looks_for_modules_nowhere_else() -> None:
    lines = [line.strip() for s in scripts() for line in s.splitlines() if not line.startswith("#")]
    found = [i for i, line in enumerate(lines) if "python" in line or " pip " in line]
    assert len(found) == 4
    for i in found:
        assert lines[i].startswith("python -I -m pip install --require-hashes --only-binary :all: -r ")
        where = next(line for line in reversed(lines[:i]) if line.startswith("cd "))
        assert re.match(r'cd ("\$RUNNER_TEMP"|/)( |$)', where)


def test_what_was_made_is_kept_before_anything_after_it_can_fail() -> None:
    used = [
        (s.get("name") or s["uses"].split("@")[0], s) for s in load("publish.yml")["jobs"]["sign"]["steps"]
    ]
    names = [name for name, _ in used]
    assert names[-3:] == ["Publish", "actions/cache/save", "actions/upload-artifact"]
    assert "actions/cache/restore" in names[:-3]
    caches = [s for name, s in used if name.startswith("actions/cache")]
    assert {s["with"]["path"] for s in caches} == {".anchor-ci"}
    assert len({s["with"]["key"] for s in caches}) == 1
    assert caches[-1]["if"] == "always()"
    cache = load("gitlab-ci.yml")["publish"]["cache"]
    assert (cache["paths"], cache["when"]) == ([".anchor-ci"], "always")


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
    assert signer.accepts(at + "tags/v1.2.0", signer.issuer)
    for other in (at + "heads/main", at + "tags/v1.0.0\n", at + "tags/x1", "x" + at + "tags/v1"):
        assert not signer.accepts(other, signer.issuer)
    assert not signer.accepts(at.replace("github.com", "githubxcom") + "tags/v1", signer.issuer)
