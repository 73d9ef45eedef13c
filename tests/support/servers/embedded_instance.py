# SPDX-License-Identifier: Apache-2.0
"""An embedded instance that a process of its own serves over HTTP: to publish, a Sigstore of one's own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.support.process.anchor_cli import ROOT


@dataclass(frozen=True)
class Served:
    """The lines that it printed about itself, the folder of its log, and its process."""

    about: dict[str, str]
    log: Path
    pid: int

    def words(self, option: str = "--also") -> tuple[str, ...]:
        """The arguments of `publish` that name it."""
        token = self.about["identity_token_file"]
        return option, self.about["trust_config"], "--identity-token-file", token

    def size(self) -> int:
        return int((self.log / "checkpoint").read_text().split("\n")[1])


@contextmanager
def serving(home: Path) -> Iterator[Served]:
    """One with its keys in `home`, until the end of the block."""
    argv = [sys.executable, "-m", "anchor", "instance", "serve", "--home", str(home), "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        try:
            yield Served(first_document(process.stdout), home / "instance/log", process.pid)
        finally:
            process.terminate()


def first_document(printed: IO[str]) -> dict[str, str]:
    """The document that it prints before it serves. A process that ended has none, and that is an error."""
    lines = []
    for line in printed:
        lines.append(line)
        if line == "}\n":
            break
    found: dict[str, str] = json.loads("".join(lines))
    return found
