# SPDX-License-Identifier: Apache-2.0
"""A command that goes on in a fork of this process: it has imported all it needs, and starts at once."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Protocol, TextIO

from anchor.cli.main import run


class Running(Protocol):
    """A process as its test sees it: a `ForkedCommand`, or a `Popen`."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...


@dataclass
class ForkedCommand:
    """`stdout` has what it prints, on stderr too."""

    pid: int
    stdout: TextIO
    returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or the signal below zero; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The exit code, when it has ended."""
        limit = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < limit, "it does not end"
            time.sleep(0.01)
        return code

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(*words: object) -> ForkedCommand:
    """Begin a command of `anchor`."""
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return ForkedCommand(pid, os.fdopen(read, encoding="utf-8"))
    code = 1
    try:
        os.close(read)
        for fd in (1, 2):
            os.dup2(write, fd)
        sys.stdout, sys.stderr = (os.fdopen(fd, "w", buffering=1, encoding="utf-8") for fd in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = run([str(word) for word in words])
    finally:
        sys.stdout.flush()
        os._exit(code)
