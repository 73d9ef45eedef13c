# SPDX-License-Identifier: Apache-2.0
"""The task list: `python3 tasks.py TASK`. It needs Python 3.11 or later with pip, and nothing else.

`python3 tasks.py` alone lists the tasks. Arguments after the name go to the last command of the task, for
example `python3 tasks.py test tests/laws -k merkle`. Every command runs with the packages of uv.lock.
`.ci/run` runs the task `ci`, so CI and contributors run the same commands. CONTRIBUTING.md says when to run
which.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
UV_VERSION = "0.13.9"
UV = ROOT / ".uv" / "bin" / "uv"
FORMAT = "anchor/FORMAT.md"


@dataclass(frozen=True)
class Task:
    """One task: a sentence for the list, its commands, and the tasks that run before them.

    A command that ends in `> FILE` has its output written to that file, if it succeeds.
    """

    does: str
    commands: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    group: str = ""
    """Packages that its commands need beside those for all tests: a group of pyproject.toml."""


DOCUMENT_TESTS = (
    "tests/rules/test_citations.py",
    "tests/rules/test_decisions.py",
    "tests/rules/test_docs_run.py",
    "tests/rules/test_reference_pages.py",
    "tests/rules/test_index_page.py",
    "tests/integration/test_tutorial.py",
    "tests/rules/test_glossary.py",
    "tests/rules/test_limits.py",
    "tests/rules/test_tasks.py",
    "tests/rules/test_check_names.py",
    "tests/unit/format/test_format_document.py",
    "tests/unit/format/test_values_of_version_2.py",
    "tests/rules/test_operations.py",
    "tests/integration/test_readme.py",
)

TASKS = {
    "demo": Task("publish, verify, change a digit, verify again and prove a fact, in a scratch folder"),
    "setup": Task("install uv into .uv, and the packages of uv.lock into .venv", ("python --version",)),
    "test": Task("run the tests that you name after the task", ("pytest -q",)),
    "fast": Task("run the fast tests: tests/unit and tests/rules", ("pytest -q tests/unit tests/rules",)),
    "all": Task(
        "run every test that is not slow; tests of real servers are skipped if these are not built",
        ("pytest -q",),
    ),
    "slow": Task(
        "run the tests that take long: every crash point, every byte, figures",
        ("pytest -q -m slow --timeout 1800",),
    ),
    "compare": Task(
        "compare our readers with duckdb, pandas and csvkit (installs 230 MB)",
        ("pytest -q -m compare tests/laws/test_other_readers.py tests/laws/test_other_json_readers.py",),
        group="compare",
    ),
    "site": Task(
        "build the site into build/, and follow every link between pages",
        ("python -m tests.support.generate.site build", "pytest -q -m site tests/integration/test_site.py"),
        group="docs",
    ),
    "servers": Task(
        "build the real Sigstore servers, once (ten minutes; needs Go, cargo and Node.js)",
        ("python -m tests.interop.stack --build",),
    ),
    "format": Task("rewrite the Python files in their one form", ("ruff format .", "ruff check --fix .")),
    "lint": Task("check form and style", ("ruff format --check .", "ruff check .")),
    "types": Task("check the types", ("mypy",)),
    "layers": Task("check that imports point down the list in pyproject.toml", ("lint-imports",)),
    "docs": Task("run the tests of the documents", (f"pytest -q {' '.join(DOCUMENT_TESTS)}",)),
    "checks": Task(
        "generate docs/checks.md", ("python -m tests.support.generate.check_names > docs/checks.md",)
    ),
    "alarms": Task(
        "generate docs/alarms.md", ("python -m tests.support.generate.alarm_page > docs/alarms.md",)
    ),
    "json": Task(
        "generate docs/json.md and docs/schema", ("python -m tests.support.generate.json_page docs",)
    ),
    "man": Task("generate docs/man", ("python -m tests.support.generate.man_pages docs/man",)),
    "schemas": Task("generate release/schema", ("python -m tests.support.generate.schemas release/schema",)),
    "values": Task(
        f"generate section 28 of {FORMAT}",
        (f"python -m tests.support.generate.format_values > {FORMAT}",),
    ),
    "specification": Task(f"copy {FORMAT} to release/FORMAT.md", (f"cat {FORMAT} > release/FORMAT.md",)),
    "vectors": Task(
        "generate tests/vectors/*/ and tests/receipt_vectors/*/",
        ("python -m tests.vectors.make", "python -m tests.receipt_vectors.make"),
    ),
    "differ": Task("generate tests/vectors/only_we_refuse.toml", ("python -m tests.vectors.differ",)),
    "verdicts": Task(
        "generate tests/integration/verdicts", ("python -m tests.support.generate.verdict_snapshots",)
    ),
    "generate": Task(
        "generate every generated file",
        first=(
            "checks",
            "alarms",
            "man",
            "schemas",
            "json",
            "values",
            "specification",
            "vectors",
            "differ",
            "verdicts",
        ),
    ),
    "ci": Task(
        "run everything that CI runs",
        first=("lint", "types", "layers", "site", "servers", "all", "compare", "slow"),
    ),
}

GENERATED = {
    "docs/checks.md": "checks",
    "docs/alarms.md": "alarms",
    "docs/man/": "man",
    "docs/json.md": "json",
    "docs/schema/": "json",
    "release/schema/": "schemas",
    "anchor/FORMAT.md": "values",
    "release/FORMAT.md": "specification",
    "tests/vectors/": "vectors",
    "tests/receipt_vectors/": "vectors",
    "tests/vectors/only_we_refuse.toml": "differ",
    "tests/integration/verdicts/": "verdicts",
}
"""What is generated, and by which task."""


def main(arguments: Sequence[str]) -> int:
    """Run one task; the exit code of the first command that failed, else 0."""
    if not arguments or arguments[0] not in TASKS:
        width = max(map(len, TASKS))
        known = "".join(f"  {name.ljust(width)}  {task.does}\n" for name, task in TASKS.items())
        sys.stderr.write(f"usage: python3 tasks.py TASK [ARGUMENTS]\n\n{known}")
        return 2
    name, *more = arguments
    os.chdir(ROOT)
    if code := install_uv():
        return code
    if name == "demo":
        code = call([*uv_run("--no-dev"), "anchor", "demo", *more])
        if code == 0 and shutil.which("anchor") is None:
            sys.stderr.write(
                "  install      'anchor' is not installed yet: README.md, \"Install\", has one line\n"
            )
        return code
    return run(name, more)


def install_uv() -> int:
    """Install the pinned uv into .uv if it is not there yet."""
    if (ROOT / ".uv" / f"uv-{UV_VERSION}.dist-info").is_dir() and UV.exists():
        return 0
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--upgrade"]
    return call([*pip, "--target", str(ROOT / ".uv"), f"uv=={UV_VERSION}"])


def uv_run(*options: str) -> list[str]:
    """The beginning of each command: run it with the packages of uv.lock."""
    return [str(UV), "run", "-q", "--locked", *options]


def run(name: str, more: Sequence[str] = ()) -> int:
    """Run a task: the tasks before it, then its commands, with `more` at the end of the last one."""
    task = TASKS[name]
    for before in task.first:
        say(f"== {before} ({time.monotonic() - STARTED:.0f}s)")
        if code := run(before):
            return code
    group = ["--group", task.group] if task.group else []
    for number, command in enumerate(task.commands, 1):
        line, _, target = command.partition(" > ")
        words = shlex.split(line) + (list(more) if number == len(task.commands) else [])
        say("+ " + shlex.join(words) + (f" > {target}" if target else ""))
        if code := call([*uv_run(*group), *words], into=ROOT / target if target else None):
            return code
    return 0


def call(words: Sequence[str], *, into: Path | None = None) -> int:
    """Run one command; its exit code. `into` is the file for its output, written if the command succeeds."""
    if into is None:
        return subprocess.run(words, check=False).returncode
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE)
    if done.returncode == 0:
        into.write_bytes(done.stdout)
    return done.returncode


def say(line: str) -> None:
    """Print a line about the tasks, apart from what the commands print."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


STARTED = time.monotonic()

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
