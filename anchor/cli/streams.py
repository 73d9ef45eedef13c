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


def trouble() -> OSError | None:
    """Why some of what was written to stdout is lost; None where nothing is."""
    try:
        sys.stdout.flush()
    except OSError as e:  # a stream that is not ours, as in tests
        return e
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.lost if isinstance(raw, _Survivor) else None


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
    """A descriptor; once nobody reads what is written to it, it is written nowhere. What cannot be written
    for another reason (a full disk) is dropped and remembered: the command ends with what it has found."""

    lost: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return super().write(data)
        except OSError as e:
            self.lost = self.lost or e
            return len(data)
