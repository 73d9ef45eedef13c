# SPDX-License-Identifier: Apache-2.0
"""The standard streams of a process that a shell, cron or a daemon started, whatever became of them.

A closed descriptor is opened on nothing, or the next file of ours would take its number. A reader that went
away (`anchor verify ... | head -1`) does not change what the exit code says. What the terminal's encoding
lacks is written as an escape.
"""

import io
import os
import sys
from typing import Any, TextIO


def prepare() -> None:
    """Make the three standard streams usable. Called once, before anything is opened."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(0, "r", closefd=False))
    sys.stdout = _output(sys.stdout, 1)
    sys.stderr = _output(sys.stderr, 2)


def abandon() -> None:
    """Give up on stdout: nothing more is written to it, not even what is buffered, when the process ends."""
    sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")


def _output(found: TextIO | None, number: int) -> TextIO:
    """The stream with the encoding that Python chose for it, on a descriptor that survives its reader."""
    if found is not None:
        found.flush()
    raw = _Survivor(number, "w", closefd=False)
    terminal = raw.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=found.encoding if found is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=terminal or number == 2,
    )


class _Survivor(io.FileIO):
    """A descriptor; once nobody reads what is written to it, it is written nowhere. Nor do diagnostics that
    cannot be written change the exit code; results that cannot (a full disk) do."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as e:
            if not isinstance(e, BrokenPipeError) and self.fileno() != 2:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return super().write(data)
