# SPDX-License-Identifier: Apache-2.0
"""A watcher whose log is read over HTTP, and `anchor watch` as the daemon that it is."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO

from tests.support.attacks.attacked import Attacked
from tests.support.logs.simlog import SimLog
from tests.support.process import forked
from tests.support.process.anchor_cli import ROOT
from tests.support.process.forked import Running
from tests.support.servers.log_server import LogServer


class Online(Attacked):
    """The same watcher; `serve` and `view` change what a server says. `server` is set before the first."""

    server: LogServer

    def serve(self, log: SimLog) -> None:
        """The log as it is seen from now on."""
        self.server.logs["log"] = log
        self.write_policy()

    def view(self, log: SimLog) -> None:
        """A second place of the log, which the policy names too."""
        self.server.logs[f"view{len(self.server.logs)}"] = log
        self.write_policy()

    def write_policy(self, text: str = "") -> None:
        """All places of the server, in the order in which they came."""
        places = "".join(
            f'\n[[log]]\norigin = "{self.log.origin}"\nurl = "{self.server.log_url(name)}"\n'
            for name in self.server.logs
        )
        (self.folder / "watched.toml").write_text((text or self.site.policy.read_text()) + places)


@dataclass
class Daemon:
    """A running `anchor watch`; `lines` is what it has printed so far."""

    process: Running
    output: IO[str]
    lines: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Collects its lines until it ends."""
        for line in self.output:
            self.lines.append(line.rstrip("\n"))

    def says(self, found: str, seconds: float = 90) -> None:
        """Waits until a line begins so."""
        until(lambda: any(line.startswith(found) for line in self.lines), seconds, self.process)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(60)


def until(done: Callable[[], object], seconds: float, process: Running | None = None) -> None:
    """Waits until something is so; a process that ends meanwhile is a failure."""
    limit = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < limit, "it did not come"
        assert process is None or process.poll() is None, "the watch ended"
        time.sleep(0.05)


@contextlib.contextmanager
def watching(found: Attacked, *more: object, env: Mapping[str, str] | None = None) -> Iterator[Daemon]:
    """`anchor watch` of this watcher's target, looking every second; ended if the test has not done so.

    `env` are variables that a process must have from its start. Without them it is a fork.
    """
    words = ("watch", found.target, "--policy", found.folder / "watched.toml", "--home", found.home)
    pace = ("--every", "1s", "--interval", "1s", "--notify", found.hook.notify_url)
    process = _started(env, *words, *pace, *more) if env else forked.start(*words, *pace, *more)
    assert process.stdout
    daemon = Daemon(process, process.stdout)
    reader = threading.Thread(target=daemon.read)
    reader.start()
    try:
        yield daemon
    finally:
        if process.poll() is None:
            daemon.kill()
        reader.join()
        process.stdout.close()


def _started(env: Mapping[str, str], *words: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "anchor", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


OPEN = "SELECT run FROM work WHERE run IS NOT NULL"
"""The runs that did not end."""


def rows(found: Attacked, query: str) -> list[tuple[object, ...]]:
    """The rows of a query to the watcher's records."""
    with contextlib.closing(sqlite3.connect(f"file:{found.home}/records.db?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def held_run(found: Online) -> None:
    """Answer no request any more, and wait for a run of the watch that asks, whenever it began."""
    found.server.held.clear()
    found.server.free.clear()
    assert found.server.held.wait(90)
    assert rows(found, OPEN)
