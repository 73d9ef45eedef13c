# SPDX-License-Identifier: Apache-2.0
"""The task list: `python3 tasks.py TASK`. It needs Python 3.11 or later with pip, and nothing else.

`python3 tasks.py` alone lists the tasks. Arguments after the name go to the last command of the task, for
example `python3 tasks.py test tests/laws -k merkle`. Every command runs with the packages of uv.lock.
`.ci/run` runs the task `ci`, so CI and contributors run the same commands. CONTRIBUTING.md says when to run
which.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
UV_VERSION = "0.13.9"
UV = ROOT / ".uv" / "bin" / "uv"
LEDGER = "release/1.0.0/ledger.md"
FORMAT = "anchor/FORMAT.md"


@dataclass(frozen=True)
class Task:
    """One task: a sentence for the list, its commands, and the tasks that run before them.

    A command that ends in `> FILE` has its output written to that file, if it succeeds.
    """

    does: str
    commands: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


DOCUMENT_TESTS = (
    "tests/rules/test_citations.py",
    "tests/rules/test_decisions.py",
    "tests/rules/test_docs_run.py",
    "tests/rules/test_glossary.py",
    "tests/rules/test_limits.py",
    "tests/rules/test_tasks.py",
    "tests/rules/test_check_names.py",
    "tests/unit/format/test_format_document.py",
    "tests/rules/test_operations.py",
    "tests/integration/test_readme.py",
)

TASKS = {
    "try": Task("publish the ledger of this repository into a scratch folder, and verify it there"),
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
    "schemas": Task("generate release/schema", ("python -m tests.support.generate.schemas release/schema",)),
    "specification": Task(f"copy {FORMAT} to release/FORMAT.md", (f"cat {FORMAT} > release/FORMAT.md",)),
    "vectors": Task("generate tests/vectors/*/", ("python -m tests.vectors.make",)),
    "differ": Task("generate tests/vectors/only_we_refuse.toml", ("python -m tests.vectors.differ",)),
    "generate": Task(
        "generate every generated file", first=("checks", "schemas", "specification", "vectors", "differ")
    ),
    "ci": Task("run everything that CI runs", first=("lint", "types", "layers", "servers", "all", "slow")),
}

GENERATED = {
    "docs/checks.md": "checks",
    "release/schema/": "schemas",
    "release/FORMAT.md": "specification",
    "tests/vectors/": "vectors",
    "tests/vectors/only_we_refuse.toml": "differ",
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
    if name == "try":
        return publish_and_verify([*uv_run("--no-dev")])
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
    for number, command in enumerate(task.commands, 1):
        line, _, target = command.partition(" > ")
        words = shlex.split(line) + (list(more) if number == len(task.commands) else [])
        say("+ " + shlex.join(words) + (f" > {target}" if target else ""))
        if code := call([*uv_run(), *words], into=ROOT / target if target else None):
            return code
    return 0


def publish_and_verify(anchor: Sequence[str]) -> int:
    """Publish the ledger of this repository into a scratch folder, and verify it by the policy printed."""
    scratch = Path(tempfile.mkdtemp(prefix="anchor-"))
    site, policy = str(scratch / "site"), scratch / "policy.toml"
    name = ["--name", "openclassrooms-sovereign-ledger", "--version", "1.0.0"]
    publish = ["anchor", "publish", LEDGER, *name, "--root", site]
    verify = ["anchor", "verify", site, "--policy", str(policy)]
    say("+ " + shlex.join(publish) + " > " + shlex.quote(str(policy)))
    if code := call([*anchor, *publish], into=policy):
        return code
    say("+ " + shlex.join(verify))
    return call([*anchor, *verify])


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
