# SPDX-License-Identifier: Apache-2.0
"""No test puts anything into the state folder of the user who runs it: its homes are thrown away."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.disk import user_folders
from tests.support.process import surroundings
from tests.support.process.anchor_cli import ROOT, anchor, forked, process

TESTS = sorted(p for p in (ROOT / "tests").rglob("*.py") if "node_modules" not in p.parts)
PLACES = {"HOME", "XDG_STATE_HOME"}
"""Whoever names one of these for a process decides where its state folder is."""
UNSET = re.compile(
    r"""delenv\(\s*"XDG_STATE_HOME"|pop\(\s*"XDG_STATE_HOME"|environ\.clear
    |surroundings\.ORIGINAL|import\ ORIGINAL|dict\.fromkeys\([^)]*"XDG_STATE_HOME""",
    re.VERBOSE,
)
"""A test that goes back to the environment of the user."""


def real_state() -> Path:
    """The state folder of the user, as it would be without the tests' own environment."""
    original = surroundings.ORIGINAL
    base = original.get("XDG_STATE_HOME") or f"{original.get('HOME', str(Path.home()))}/.local/state"
    return Path(base, user_folders.APP).resolve()


def environments(text: str) -> Iterator[tuple[int, set[str]]]:
    """Line and names of each whole environment with a PYTHONPATH that a file gives to a process.

    A whole environment is a literal without any `**`. A file that never says `PYTHONPATH` is not parsed.
    """
    for call in ast.walk(ast.parse(text)) if "PYTHONPATH" in text else ():
        if not isinstance(call, ast.Call) or getattr(call.func, "id", "") == "process":
            continue  # our helper `process` adds to the environment of the tests
        for keyword in call.keywords:
            given = keyword.value
            if keyword.arg == "env" and isinstance(given, ast.Dict) and None not in given.keys:
                names = {str(k.value) for k in given.keys if isinstance(k, ast.Constant)}
                if "PYTHONPATH" in names:
                    yield given.lineno, names


@pytest.mark.parametrize("run", [anchor, forked, process], ids=lambda run: run.__name__)
def test_a_command_of_a_test_has_another_state_folder(run: object, tmp_path: Path) -> None:
    assert real_state() != user_folders.state().resolve()
    assert not user_folders.state().resolve().is_relative_to(Path.home().resolve())
    assert callable(run)
    ran = run("instance", "backup", tmp_path / "copy", "--ledger", "no such ledger")
    assert ran.code == 2
    assert str(user_folders.state()) in ran.line
    assert str(real_state()) not in ran.line


def test_an_environment_that_a_test_makes_has_a_home_of_its_own() -> None:
    bad = []
    for path in TESTS:
        for line, names in environments(path.read_text(encoding="utf-8")):
            if not names & PLACES:
                bad.append(f"{path.relative_to(ROOT)}:{line}")
    assert bad == []


def test_a_test_that_takes_the_users_environment_names_another_home() -> None:
    bad = []
    for path in TESTS:
        text = path.read_text(encoding="utf-8")
        takes_its_callers = ("clocked.py", "fork_server.py")
        if path.name in (Path(__file__).name, *takes_its_callers) or not UNSET.search(text):
            continue
        if not re.search(r"""["'](HOME|XDG_STATE_HOME)["'](:|,|\])""", text):
            bad.append(str(path.relative_to(ROOT)))
    assert bad == []


def test_the_rules_find_what_they_look_for() -> None:
    """A rule that finds nothing proves nothing."""
    assert any(True for p in TESTS for _ in environments(p.read_text(encoding="utf-8")))
    assert any(UNSET.search(p.read_text(encoding="utf-8")) for p in TESTS if p.name != Path(__file__).name)
    (_, names), *_ = environments('run([], env={"PYTHONPATH": "x", "PATH": "y"})')
    assert not names & PLACES
    assert os.environ["XDG_STATE_HOME"]
