# SPDX-License-Identifier: Apache-2.0
"""Commands under a wall clock that a test moves, one after the other in one process.

To start a process for each would take a second each time. `python -m tests.support.process.clocked` is that
process: it reads a command a line, and answers with what came of it.
"""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.process.anchor_cli import ROOT, Ran, anchor
from tests.support.process.clock import WallClock


class ClockedCommands:
    """Runs commands while the clock is off by so many seconds."""

    def __init__(self, clock: WallClock, process: "subprocess.Popen[str]") -> None:
        self._clock, self._process = clock, process

    def run(self, seconds: float, *words: object) -> Ran:
        """One command, with the environment of this process."""
        self._clock.jump(seconds)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"words": [str(word) for word in words], "environment": dict(os.environ)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ran(**json.loads(self._process.stdout.readline()))


@contextmanager
def clocked(folder: Path) -> Iterator[ClockedCommands]:
    """The process, which ends afterwards. The clock is kept in this folder."""
    clock = WallClock(folder)
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        env={**os.environ, **clock.env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield ClockedCommands(clock, process)


def main() -> None:
    """Answer each line, until there is no more."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            asked = json.loads(line)
            os.environ.clear()
            os.environ.update(asked["environment"])
            answers.write(json.dumps(dataclasses.asdict(anchor(*asked["words"]))) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
