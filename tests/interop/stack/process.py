# SPDX-License-Identifier: Apache-2.0
"""One server process: started until healthy, killed or restarted on demand, never left behind."""

import contextlib
import ctypes
import http.client
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.process.paused import pause

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl  # found before a fork: another thread may hold the lock of the linker in it
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotStarted(RuntimeError):
    """A server ended or did not become healthy; the message has the end of its log."""


def fetch(url: str, seconds: float = 60) -> tuple[int, bytes]:
    """Status and body, whatever the status; OSError when nobody answers."""
    try:
        with _direct.open(url, timeout=seconds) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        with e:
            return e.code, e.read()


def healthy(status: int, body: bytes) -> bool:
    return status == 200 and b"NOT_SERVING" not in body


def answers(status: int, body: bytes) -> bool:
    """For servers without a health page: any answer at all."""
    return True


def _die_with_parent() -> None:
    # kill -9 of the tests ends the servers too
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Server:
    """A process and how to tell that it serves. Start it from a thread that lives as long as it should."""

    name: str
    argv: Sequence[str | Path]
    probe: str | Callable[[], bool]
    log: Path
    ok: Callable[[int, bytes], bool] = healthy
    patience: float = 120.0
    env: dict[str, str] = field(default_factory=dict)
    user: int | None = None
    cwd: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    took: float = 0.0

    def start(self, *extra: str) -> "Server":
        """Start and wait until healthy. `extra`: arguments for this time only."""
        if not self.ended():
            raise NotStarted(f"{self.name} is running already")
        began = time.monotonic()
        argv = [str(a) for a in (*self.argv, *extra)]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**_environment(), **self.env},
                user=self.user, group=self.user, extra_groups=None if self.user is None else [], cwd=self.cwd,
                start_new_session=True, preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call
            )  # fmt: skip
        while not self._probe():
            if self.ended() or time.monotonic() - began > self.patience:
                self.kill()
                raise NotStarted(f"{self.name} did not start ({' '.join(argv)}):\n{self.tail()}")
            time.sleep(0.02)
        self.took = time.monotonic() - began
        return self

    def _probe(self) -> bool:
        if not isinstance(self.probe, str):
            return self.probe()
        try:
            return self.ok(*fetch(self.probe, 10))
        except (OSError, http.client.HTTPException):
            return False

    def ended(self) -> bool:
        """True if it is not running now."""
        return self.process is None or self.process.poll() is not None

    @property
    def pid(self) -> int:
        if self.process is None:
            raise NotStarted(f"{self.name} was never started")
        return self.process.pid

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        self._end(signal.SIGKILL, 10)

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 3) -> None:
        """Ask it to end, then make it."""
        self._end(how, seconds)

    def rest(self) -> None:
        """Give it no time of a processor until `go_on`. When this returns, it has stopped."""
        if not self.ended():
            pause(self.pid)

    def go_on(self) -> None:
        if not self.ended():
            os.kill(self.pid, signal.SIGCONT)

    def restart(self, *extra: str) -> None:
        """kill -9 and start again on the same ports and data."""
        self.kill()
        self.start(*extra)

    def _end(self, how: signal.Signals, seconds: float) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
            self.process.send_signal(signal.SIGCONT)  # one that rests would not end
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def tail(self, lines: int = 5) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _environment() -> dict[str, str]:
    """The servers talk to each other on loopback, never through a proxy."""
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return {**env, "NO_PROXY": "*", "LC_ALL": "C"}
