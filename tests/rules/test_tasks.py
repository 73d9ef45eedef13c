# SPDX-License-Identifier: Apache-2.0
"""The task list and the pages for contributors say the same, and each command that they name exists."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import tasks
from anchor.cli.commands import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("CONTRIBUTING.md", "RELEASE.md", "SECURITY.md", "README.md")
}
COMMANDS = sorted({command for task in tasks.TASKS.values() for command in task.commands})


def test_contributing_names_every_task_and_no_other() -> None:
    named = set(re.findall(r"python3 tasks\.py ([a-z]+)", PAGES["CONTRIBUTING.md"]))
    parts = {part for task in tasks.TASKS.values() for part in task.first}
    assert named == set(tasks.TASKS)
    assert parts <= named


@pytest.mark.parametrize("page", PAGES)
def test_every_task_that_a_page_names_exists(page: str) -> None:
    assert set(re.findall(r"python3 tasks\.py ([a-z]+)", PAGES[page])) <= set(tasks.TASKS)


def test_contributing_describes_a_task_in_the_words_of_the_list() -> None:
    rows = re.findall(r"^\| `python3 tasks\.py (\w+)` \| (.+) \|$", PAGES["CONTRIBUTING.md"], re.MULTILINE)
    assert len(rows) > 8
    for name, does in rows:
        assert does.replace("`", "") == tasks.TASKS[name].does


def test_contributing_names_every_generated_file_with_its_task() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| .+ \| `python3 tasks\.py (\w+)` \|$", PAGES["CONTRIBUTING.md"], re.MULTILINE
    )
    assert dict(rows) == tasks.GENERATED
    for path, task in tasks.GENERATED.items():
        assert (ROOT / path).exists()
        assert task in tasks.TASKS["generate"].first


@pytest.mark.parametrize("command", COMMANDS)
def test_the_module_and_the_paths_of_a_command_exist(command: str) -> None:
    line, _, target = command.partition(" > ")
    program, *words = shlex.split(line)
    if words[:1] == ["-m"]:
        assert importlib.util.find_spec(words[1])
    else:
        assert (Path(sys.executable).parent / program).exists() or program == "cat"
    paths = [word for word in words if "/" in word] + ([target] if target else [])
    for path in paths:
        assert (ROOT / path).exists(), path


def test_ci_runs_the_task_list_and_nothing_besides() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "exec python3 tasks.py ci"
    assert not any(
        tool in line for line in lines if line[:1] != "#" for tool in ("pytest", "ruff", "mypy", "uv=")
    )


def test_without_a_task_or_with_an_unknown_one_it_lists_them() -> None:
    for words in ([], ["nothing"]):
        done = subprocess.run(
            [sys.executable, str(ROOT / "tasks.py"), *words], capture_output=True, text=True
        )
        assert done.returncode == 2
        assert all(f"  {name} " in done.stderr for name in tasks.TASKS)


@pytest.mark.parametrize("page", PAGES)
def test_every_anchor_command_of_a_page_exists_with_its_options(page: str) -> None:
    for line in re.findall(r"^ +(anchor [a-z].*)$", PAGES[page], re.MULTILINE):
        words = shlex.split(line, comments=True)[1:]
        command: click.Command = cli
        context = click.Context(cli)
        while isinstance(command, click.Group):
            found = command.get_command(context, words.pop(0))
            assert found is not None, line
            command = found
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, line


CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
INSTALLED = dict(re.findall(r"^debian (\S+) ([^#\n]+) # .+$", CI, re.MULTILINE))
"""The Debian packages that CI installs, with the programs whose absence it looks for."""
ESSENTIAL = {"bash"}
"""Every Debian has it."""


def test_ci_installs_every_debian_package_that_a_test_asks_for() -> None:
    asked = {
        package
        for path in (ROOT / "tests").rglob("*.py")
        for package in re.findall(
            r'need\(.*"apt-get install (?:--no-install-recommends )?([a-z][\w-]*)', path.read_text("utf-8")
        )
    }
    assert {"pipx", "strace", "prometheus"} <= asked
    assert asked - ESSENTIAL <= set(INSTALLED)


@pytest.mark.parametrize("programs", [*INSTALLED.values(), "sh nowhere", "nowhere sh"])
def test_ci_installs_a_package_if_any_of_its_programs_is_missing(programs: str) -> None:
    """`command -v` of several programs succeeds if there is one of them."""
    (function,) = re.findall(r"^missing=.*?^}$", CI, re.MULTILINE | re.DOTALL)
    asked = f'set -euo pipefail\n{function}\ndebian package {programs}\necho "${{missing[@]}}"'
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    there = all(shutil.which(program) for program in programs.split())
    assert done.stdout.strip() == ("" if there else "package")
