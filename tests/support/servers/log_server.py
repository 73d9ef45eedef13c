# SPDX-License-Identifier: Apache-2.0
"""Simulated logs over loopback HTTP, each below a name: what a `[[log]]` table of a policy points at.

A log is replaced in `logs` to change what is served from now on; every request is counted.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from anchor.tlog import tiles
from anchor.tlog.source import Missing
from tests.support.logs.simlog import SimLog
from tests.support.servers.loopback import Handler, LoopbackServer, running


class LogServer(LoopbackServer):
    """Serves `logs` by name. `bodies` replaces paths, of every log; `status` is the answer to everything.

    While `free` is cleared, no request is answered.
    """

    def __init__(self, **logs: SimLog) -> None:
        super().__init__(_Handler)
        self.logs = logs
        self.status = 200
        self.free = threading.Event()
        self.free.set()
        self.held = threading.Event()
        """A request has come since this was cleared, and waits until `free` is set."""
        self.bodies: dict[str, bytes] = {}
        self.kinds: Counter[str] = Counter()

    def log_url(self, name: str) -> str:
        """As `[[log]]` names it."""
        return f"{self.url}/{name}"

    @property
    def requests(self) -> int:
        """How many were made."""
        return sum(self.kinds.values())

    def since(self) -> Counter[str]:
        """The requests since the last time, by kind."""
        found, self.kinds = self.kinds, Counter()
        return found


class _Handler(Handler):
    def get(self) -> None:
        server = self.server
        assert isinstance(server, LogServer)
        name, _, path = self.path.lstrip("/").partition("/")
        kind = "entries" if path.startswith("tile/entries/") else path.split("/", maxsplit=1)[0]
        server.kinds[kind] += 1
        if not server.free.is_set():
            server.held.set()
            server.free.wait()
        try:
            status, body = server.status, b""
            if status == 200:
                body = server.bodies.get(path) or _read(server.logs[name], path)
        except (Missing, KeyError, ValueError):
            status, body = 404, b"not here"
        self.answer(status, body)


def _read(log: SimLog, path: str) -> bytes:
    if path == "checkpoint":
        return log.checkpoint()
    level, index, width = tiles.parse_path(path)
    return log.entries(index, width) if level is None else log.tile(level, index, width)


@contextmanager
def serve_logs(**logs: SimLog) -> Iterator[LogServer]:
    """A running server."""
    with running(LogServer(**logs)) as server:
        try:
            yield server
        finally:
            server.free.set()
