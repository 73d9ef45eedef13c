# SPDX-License-Identifier: Apache-2.0
"""The `anchor` command as a user runs it: in this process for speed, or as a process of its own."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchor.cli.main import run
from tests.support.process import crash, fork_server

ROOT = Path(__file__).resolve().parents[3]
DOUBLED = re.compile(
    r"(?<!\.)\.\.(?=\s|$)|[:;,?]\.(?=\s|$)|[a-z)'\"]\.[;:](?=\s|$)|[?;:,]\s*[;:](?=\s|$)|\s\s\."
)
"""Two marks where one sentence ends or one part of a line does; three dots are one mark."""


@dataclass(frozen=True)
class Ran:
    """The result of a command."""

    code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        """Every line that any test sees has its punctuation once: a message is put together of parts."""
        for line in self.err.splitlines():
            assert not DOUBLED.search(line), f"doubled punctuation: {line}"

    @property
    def document(self) -> Any:
        """The one JSON document on stdout. It is what its published schema says, if it has one."""
        from tests.support.process import json_forms  # it imports every type that a command prints

        found = json.loads(self.out)
        json_forms.check(found)
        return found

    @property
    def line(self) -> str:
        """The one line on stderr of a command that failed; never a trace, never control characters."""
        assert self.err.endswith("\n"), self
        line = self.err[:-1]
        assert line.startswith("anchor: "), self
        assert line.isprintable(), self
        return line


def says(ran: Ran, code: int, word: str) -> None:
    """The command failed with this code, in one line on stderr that names the failure, and did not say OK."""
    assert ran.code == code, ran
    assert word in ran.line, ran
    assert "OK: " not in ran.out


def anchor(*words: object, cwd: Path | None = None) -> Ran:
    """Run a command in this process."""
    out, err = _stream(), _stream()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        if cwd is not None:
            stack.enter_context(contextlib.chdir(cwd))
        code = run([str(word) for word in words])
    return Ran(code, _text(out), _text(err))


def process(
    *words: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    before: Callable[[], object] | None = None,
    prefix: tuple[str, ...] = (),
) -> Ran:
    """Run a command in a process of its own; `before` runs in it first, `prefix` is what starts it."""
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "anchor", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
        preexec_fn=before,
        capture_output=True,
        text=True,
        timeout=280,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def apart(*words: object, cwd: Path | None = None, prefix: tuple[str, ...] = ()) -> Ran:
    """The same in a process that the server of forks makes, which starts at once."""
    done = subprocess.run(
        [*prefix, fork_server.programs() / "anchor", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=280,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def forked(*words: object, before: Callable[[], object] | None = None) -> Ran:
    """Run a command in a fork of this process, which starts at once; `before` runs in it first."""

    def work() -> tuple[int, str, str]:
        if before is not None:
            before()
        ran = anchor(*words)
        return ran.code, ran.out, ran.err

    return Ran(*crash.forked(work))


def assert_misuse(found: Ran, where: str) -> None:
    """Exit 2, and one short line that says where the wrong input is."""
    assert (found.code, found.out) == (2, "")
    assert found.line.startswith(f"anchor: {where}: ")
    assert len(found.line) < 400


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
