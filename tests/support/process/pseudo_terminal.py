# SPDX-License-Identifier: Apache-2.0
"""The command on a real pseudo-terminal of a given width, in this process."""

import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from anchor.cli.main import run

_LOOK = ("NO_COLOR", "FORCE_COLOR", "COLUMNS")
_END = b"\x00end of the output\x00"


@dataclass(frozen=True)
class Screen:
    """The exit code, and all that the terminal got, with line ends as programs write them."""

    code: int
    text: str


def on_terminal(
    *words: object,
    columns: int,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    typed: str = "",
) -> Screen:
    """Run a command with a terminal of so many columns as its output and its errors. `typed`: lines that a
    person typed before it asked.

    NO_COLOR, FORCE_COLOR and COLUMNS are set only by `env`; TERM is `xterm` if that does not set it.
    """
    with (
        terminal(columns, typed) as (its, seen),
        _streams(its),
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(cwd or Path.cwd()),
    ):
        for name in _LOOK:
            patch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm", **(env or {})}.items():
            patch.setenv(name, value)
        code = run([str(word) for word in words])
    return Screen(code, seen.decode().replace("\r\n", "\n"))


@contextlib.contextmanager
def terminal(columns: int = 80, typed: str = "") -> Iterator[tuple[int, bytearray]]:
    """The descriptor of a terminal for programs, and what they write: all of it when the context ends."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.write(ours, typed.encode())
    seen = bytearray()
    reader = threading.Thread(target=_read, args=(ours, seen))
    reader.start()
    while seen.count(b"\n") < typed.count("\n"):  # the kernel shows what was typed when it comes to that
        time.sleep(0.001)
    try:
        yield its, seen
    finally:
        os.write(its, _END)
        reader.join()
        os.close(its)
        os.close(ours)


@contextlib.contextmanager
def _streams(terminal: int) -> Iterator[None]:
    """The three standard streams of this process, and their descriptors, are the terminal."""
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            stack.callback(_back, number, os.dup(number))
            os.dup2(terminal, number)
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
            patch.setattr(sys, name, stack.enter_context(stream))
        yield


def _back(number: int, kept: int) -> None:
    """A descriptor is again what it was."""
    os.dup2(kept, number)
    os.close(kept)


def _read(descriptor: int, seen: bytearray) -> None:
    """All that the terminal gets, up to the end mark.

    The end of file is no such mark: Linux may report it while there is still something to read
    (`n_tty_read` finds nothing, and asks only then whether the other side was closed).
    """
    while not seen.endswith(_END):
        seen += os.read(descriptor, 1 << 16)
    del seen[-len(_END) :]
