# SPDX-License-Identifier: Apache-2.0
"""The steps of the CI examples, run one after the other in repositories: nothing is signed twice, and nothing
of a proposal is run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.process.ci_examples import Repository, git, gitlab, shell, step
from tests.support.releases.published import LEDGER

Ran = subprocess.CompletedProcess[str]
OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")
THIRD = LEDGER.replace("| C | 3 |", "| C | 5 |")


def github_publish(clone: Path, tag: str) -> Ran:
    """The job `sign` up to the artifact."""
    return shell(step("publish.yml", "Publish"), clone, TAG=tag, RUNNER_TEMP=str(clone.parent))


def gitlab_publish(clone: Path, tag: str) -> Ran:
    """The job `publish`, in a checkout of the tag, up to the artifact."""
    git(clone, "checkout", tag)
    script = gitlab("publish", "before_script", "script").replace("/tmp/", f"{clone.parent}/")
    kept = "\n".join(line for line in script.splitlines() if " pip " not in line)
    return shell(kept, clone, CI_COMMIT_TAG=tag, CI_DEFAULT_BRANCH="main", CI_PROJECT_DIR=str(clone))


def propose(clone: Path, tag: str) -> Ran:
    return shell(step("publish.yml", "Propose"), clone, TAG=tag)


HOSTS = pytest.mark.parametrize(
    "publish", [github_publish, pytest.param(gitlab_publish, marks=pytest.mark.slow)]
)
Publish = Callable[[Path, str], Ran]


@pytest.fixture(scope="module")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """One release in it, number 1; to be copied."""
    made = Repository(tmp_path_factory.mktemp("repository"))
    made.tag("v1.0.0", LEDGER)
    job = made.clone("job-1.0.0")
    ran = github_publish(job, "v1.0.0")
    assert ran.returncode == 0, ran.stderr
    made.merge(job)
    return made


@pytest.fixture
def repository(first_release: Repository, tmp_path: Path) -> Repository:
    """One release in it, number 1."""
    return first_release.copy(tmp_path)


@pytest.fixture(scope="module")
def begun(first_release: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The same with the tag v1.1.0, which a job of GitHub published; to be copied."""
    made = first_release.copy(tmp_path_factory.mktemp("begun"))
    made.tag("v1.1.0", OTHER)
    ran = github_publish(made.clone("first"), "v1.1.0")
    assert ran.returncode == 0, ran.stderr
    return made


@pytest.fixture
def first_job(request: pytest.FixtureRequest, repository: Repository) -> Path:
    """The job that published v1.1.0, number 2, which is not merged."""
    host = getattr(request.node, "callspec", None)
    if host is None or host.params["publish"] is github_publish:
        shutil.rmtree(repository.folder)
        repository.folder.mkdir()
        made: Repository = request.getfixturevalue("begun")
        found = made.copy(repository.folder)
        git(found.folder / "first", "remote", "set-url", "origin", str(found.origin))
        return found.folder / "first"
    repository.tag("v1.1.0", OTHER)
    job = repository.clone("first")
    ran = gitlab_publish(job, "v1.1.0")
    assert ran.returncode == 0, ran.stderr
    return job


def number(job: Path) -> int:
    return int(json.loads((job / "release.json").read_bytes())["ledger"]["number"])


@HOSTS
def test_a_tag_continues_the_release_that_was_merged(
    repository: Repository, first_job: Path, publish: Publish
) -> None:
    job = first_job
    assert number(job) == 2
    assert (job / "release/1.1.0/ledger.md").read_text() == OTHER
    assert (job / "release/1.0.0/ledger.md").read_text() == LEDGER
    repository.merge(job)
    repository.tag("v1.2.0", THIRD)
    again = repository.clone("again")
    assert publish(again, "v1.2.0").returncode == 0
    assert number(again) == 3


@HOSTS
def test_a_second_tag_waits_until_the_release_of_the_first_is_merged(
    repository: Repository, first_job: Path, publish: Publish
) -> None:
    """Else both would be number 2, and the log would hold two statements that contradict each other."""
    repository.tag("v1.2.0", THIRD)
    second = repository.clone("second")
    ran = publish(second, "v1.2.0")
    assert ran.returncode == 1
    assert "refs/tags/v1.1.0: not merged, so v1.2.0 cannot continue it: merge its release" in ran.stderr
    assert not (second / ".anchor-ci").exists(), "nothing was begun"
    repository.merge(first_job)
    third = repository.clone("third")
    assert publish(third, "v1.2.0").returncode == 0
    assert number(third) == 3


@pytest.mark.slow
def test_an_open_proposal_stops_the_next_tag_though_its_own_tag_is_gone(repository: Repository) -> None:
    repository.tag("v1.1.0", OTHER)
    job = repository.clone("job")
    assert github_publish(job, "v1.1.0").returncode == 0
    assert propose(job, "v1.1.0").returncode == 0
    git(repository.work, "push", "origin", ":refs/tags/v1.1.0")
    git(repository.work, "tag", "-d", "v1.1.0")
    repository.tag("v1.2.0", THIRD)
    ran = github_publish(repository.clone("next"), "v1.2.0")
    assert (ran.returncode, "origin/anchor-release-v1.1.0: not merged" in ran.stderr) == (1, True)


@HOSTS
def test_tags_from_before_the_policy_do_not_count(tmp_path: Path, publish: Publish) -> None:
    repository = Repository(tmp_path)
    repository.commit("Program", {"program": "x"})
    git(repository.work, "tag", "v0.9")
    git(repository.work, "push", "origin", "v0.9")
    repository.tag("v1.0.0", LEDGER)
    ran = publish(repository.clone("job"), "v1.0.0")
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
@HOSTS
def test_a_run_that_failed_after_it_had_published_is_completed_without_a_second_entry(
    repository: Repository, publish: Publish
) -> None:
    """As where the artifact cannot be uploaded: what is kept is the folder that the cache keeps."""
    repository.tag("v1.1.0", OTHER)
    first = repository.clone("first")
    assert publish(first, "v1.1.0").returncode == 0
    repository.tag("v1.2.0", THIRD)  # what was begun is completed all the same
    again = repository.clone("again")
    shutil.copytree(first / ".anchor-ci", again / ".anchor-ci")
    ran = publish(again, "v1.1.0")
    assert (ran.returncode, "published already" in ran.stderr) == (0, True), ran.stderr
    made = sorted(p.relative_to(first) for p in (first / "release").rglob("*") if p.is_file())
    assert len([p for p in made if p.name == "checkpoint"]) == 2, "a log for each home"
    for path in (Path("release.json"), *made):
        assert (again / path).read_bytes() == (first / path).read_bytes()


@HOSTS
def test_a_tag_that_was_moved_after_its_publication_is_refused(
    repository: Repository, first_job: Path, publish: Publish
) -> None:
    repository.commit("Other", {"ledger.md": THIRD})
    git(repository.work, "tag", "-f", "v1.1.0")
    git(repository.work, "push", "-f", "origin", "v1.1.0")
    again = repository.clone("again")
    shutil.copytree(first_job / ".anchor-ci", again / ".anchor-ci")
    ran = publish(again, "v1.1.0")
    assert ran.returncode != 0
    assert "1.1.0 is published with other facts" in ran.stderr


@pytest.mark.slow
@HOSTS
def test_a_run_of_a_tag_that_was_merged_changes_nothing(repository: Repository, publish: Publish) -> None:
    """Not the newest release either, though the folder that was kept is older than it."""
    repository.tag("v1.1.0", OTHER)
    first = repository.clone("first")
    assert publish(first, "v1.1.0").returncode == 0
    repository.merge(first)
    repository.tag("v1.2.0", THIRD)
    second = repository.clone("second")
    assert publish(second, "v1.2.0").returncode == 0
    repository.merge(second)
    again = repository.clone("again")
    shutil.copytree(first / ".anchor-ci", again / ".anchor-ci")
    ran = publish(again, "v1.1.0")
    assert ran.returncode == 0, ran.stderr
    assert number(again) == 3
    assert git(again, "status", "--porcelain", "release", "release.json") == ""


def test_a_proposal_is_made_once(repository: Repository, first_job: Path) -> None:
    job = first_job
    for name in ("once", "twice"):
        clone = repository.clone(name)
        for made in ("release.json", "release"):
            subprocess.run(["cp", "-R", str(job / made), str(clone)], check=True)
        ran = propose(clone, "v1.1.0")
        assert ran.returncode == 0, ran.stderr
        assert ("proposed already" in ran.stdout) == (name == "twice")
    git(repository.work, "fetch")
    git(repository.work, "merge", "origin/anchor-release-v1.1.0")
    assert not (repository.work / ".anchor-ci").exists()
    git(repository.work, "push", "origin", "main")
    late = propose(repository.clone("late"), "v1.1.0")
    assert (late.returncode, "merged already" in late.stdout) == (0, True)


@pytest.fixture(scope="module")
def first_proposal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with the checkouts `base` and `proposed`, and the policy that accepts what is proposed."""
    folder = tmp_path_factory.mktemp("proposal")
    repository = Repository(folder)
    repository.tag("v1.0.0", LEDGER)
    job = repository.clone("job")
    published = github_publish(job, "v1.0.0")
    assert published.returncode == 0, published.stderr
    assert propose(job, "v1.0.0").returncode == 0
    proposed = repository.clone("proposed", "anchor-release-v1.0.0")
    policy = published.stdout.replace(str(job / ".anchor-ci/site"), str(proposed))
    repository.commit("Policy", {".anchor/policy.toml": policy})
    repository.clone("base")
    (proposed / ".anchor/policy.toml").write_text(policy)
    return folder, policy


@pytest.fixture
def proposal(first_proposal: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    """The same in a folder of its own. The policy names the first one's trusted root."""
    folder, policy = first_proposal
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True, symlinks=True)
    return tmp_path, policy


def github_verify(folder: Path, **env: str) -> Ran:
    return shell(step("verify.yml", "Verify"), folder, **env)


def gitlab_verify(folder: Path, **env: str) -> Ran:
    script = gitlab("verify", "script").replace("/tmp/base", str(folder / "base"))
    return shell(script, folder, CI_PROJECT_DIR=str(folder / "proposed"), **env)


EITHER = pytest.mark.parametrize(
    "verify", [github_verify, pytest.param(gitlab_verify, marks=pytest.mark.slow)]
)
VERIFIERS = pytest.mark.parametrize("verify", [github_verify, gitlab_verify])
Verify = Callable[..., Ran]


@VERIFIERS
def test_a_proposal_is_verified_with_the_policy_of_the_base(
    proposal: tuple[Path, str], verify: Verify
) -> None:
    """Its own policy is not asked."""
    folder, policy = proposal
    ran = verify(folder)
    assert ran.returncode == 0, ran.stderr
    stranger = policy.replace("publisher@", "stranger@")
    (folder / "base" / ".anchor" / "policy.toml").write_text(stranger)
    assert verify(folder).returncode == 8


@EITHER
def test_a_link_in_a_proposal_is_refused(proposal: tuple[Path, str], verify: Verify) -> None:
    folder, _ = proposal
    proposed = folder / "proposed"
    (proposed / "release.json").rename(proposed / "elsewhere.json")
    (proposed / "release.json").symlink_to("elsewhere.json")
    ran = verify(folder)
    assert (ran.returncode, "not links" in ran.stderr) == (1, True)


def github_install(folder: Path) -> Ran:
    (folder / "temp").mkdir()
    env = {"RUNNER_TEMP": str(folder / "temp"), "GITHUB_WORKSPACE": str(folder)}
    return shell(step("verify.yml", "Install"), folder, **env)


def gitlab_install(folder: Path) -> Ran:
    shutil.rmtree(folder / "base")
    script = gitlab("verify", "before_script").replace("/tmp/base", str(folder / "base"))
    env = {"CI_PROJECT_DIR": str(folder / "proposed"), "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    return shell(script, folder / "proposed", **env)


@pytest.mark.parametrize(
    ("install", "verify"),
    [
        (github_install, github_verify),
        pytest.param(gitlab_install, gitlab_verify, marks=pytest.mark.slow),
    ],
)
def test_nothing_of_a_proposal_is_run(
    proposal: tuple[Path, str], install: Callable[[Path], Ran], verify: Verify
) -> None:
    folder, _ = proposal
    proposed, ran_it = folder / "proposed", folder / "it-was-run"
    code = f"open({str(ran_it)!r}, 'w').close()\n"
    for name in ("pip/__init__.py", "pip/__main__.py", "sitecustomize.py", "usercustomize.py"):
        for top in (proposed, folder / "anchor", proposed / "anchor"):
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(code)
    (proposed / "anchor/__init__.py").write_text(code)
    (proposed / "pip.conf").write_text("[install]\nno-such-option = 1\n")
    subprocess.run([sys.executable, "-m", "pip", "list"], cwd=proposed, capture_output=True)
    assert ran_it.exists(), "it would be, where Python starts inside of it"
    ran_it.unlink()
    installed = install(folder)
    # where the tests run there may be no pip at all, and then it is Python that says so
    assert installed.returncode == 0 or "No module named pip" in installed.stderr, installed.stderr
    real = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # what is tested is how Python starts
    assert verify(folder, PATH=real).returncode == 0
    assert not ran_it.exists()
