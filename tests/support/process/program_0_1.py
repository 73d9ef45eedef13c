# SPDX-License-Identifier: Apache-2.0
"""The program of version 0.1, as it was: for what it says of our releases, and for the homes that it made."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.process.anchor_cli import ROOT

COPY = ROOT / "tests" / "integration" / "program-0.1.tar.xz"
"""As `git archive` gave it."""
SHA256 = "d4f8aa5d4d91bb6da3ad10810cfa914fd8c3fd06317125e6f0dff1de149ecb6a"


def extracted(folder: Path) -> Path:
    """The folder with the package of the program, which is put into this folder."""
    data = COPY.read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


class Program01:
    """The program in one process, which runs one command after the other: most of its time is its start."""

    LOOP = """
import contextlib, io, json, sys
from anchor.cli.main import run
for line in sys.stdin:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        code = run(json.loads(line))
    print(json.dumps([code, text.getvalue()]), flush=True)
"""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.LOOP],
            cwd=folder,
            env={**os.environ, **(env or {}), "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: object) -> tuple[int, str]:
        """The exit code and the text of a command."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        self._process.stdin.flush()
        code, text = json.loads(self._process.stdout.readline())
        return code, text

    def end(self) -> None:
        self._process.communicate(timeout=60)
