# SPDX-License-Identifier: Apache-2.0
"""The standard streams of a process that was started by a shell, by cron or by a daemon.

A closed descriptor is opened on /dev/null; otherwise the next file that we open would get its number. The
exit code stays the same if the reader of a pipe has gone (`anchor verify ... | head -1`). A character that
the terminal's encoding does not have is written as an escape.
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


def write_error() -> OSError | None:
    """The error because of which output on stdout was lost; None if all of it was written."""
    try:
        sys.stdout.flush()
    except OSError as e:  # a stream that is not ours, as in tests
        return e
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.lost if isinstance(raw, _Survivor) else None


def _output(found: TextIO | None, number: int) -> TextIO:
    """The stream with the encoding that Python chose for it, on a descriptor that accepts a lost reader."""
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
    """A descriptor whose writes never fail.

    If the reader of a pipe has gone, the output goes to /dev/null. Another error (a full disk) is remembered
    in
    `lost`, so that the command can end and report it."""

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
