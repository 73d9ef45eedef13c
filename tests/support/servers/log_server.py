# SPDX-License-Identifier: Apache-2.0
"""Simulated logs over loopback HTTP, each below a name: what a `[[log]]` table of a policy points at.

A log is replaced in `logs` to change what is served from now on; every request is counted.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from anchor.tlog import tiles
from anchor.tlog.source import Missing
from tests.support.logs.simlog import SimLog


class LogServer(ThreadingHTTPServer):
    """Serves `logs` by name. `bodies` replaces paths, of every log; `status` is the answer to everything.

    While `free` is cleared, no request is answered before it is `longest` seconds old.
    """

    daemon_threads = True

    def __init__(self, **logs: SimLog) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.logs = logs
        self.status = 200
        self.free = threading.Event()
        self.free.set()
        self.longest: float | None = None
        self.bodies: dict[str, bytes] = {}
        self.kinds: Counter[str] = Counter()

    def url(self, name: str) -> str:
        """As `[[log]]` names it."""
        return f"http://127.0.0.1:{self.server_port}/{name}"

    @property
    def requests(self) -> int:
        """How many were made."""
        return sum(self.kinds.values())

    def since(self) -> Counter[str]:
        """The requests since the last time, by kind."""
        found, self.kinds = self.kinds, Counter()
        return found

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is none of our business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, LogServer)
        name, _, path = self.path.lstrip("/").partition("/")
        kind = "entries" if path.startswith("tile/entries/") else path.split("/", maxsplit=1)[0]
        server.kinds[kind] += 1
        server.free.wait(server.longest)
        try:
            status, body = server.status, b""
            if status == 200:
                body = server.bodies.get(path) or _read(server.logs[name], path)
        except (Missing, KeyError, ValueError):
            status, body = 404, b"not here"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing on stderr."""


def _read(log: SimLog, path: str) -> bytes:
    if path == "checkpoint":
        return log.checkpoint()
    level, index, width = tiles.parse_path(path)
    return log.entries(index, width) if level is None else log.tile(level, index, width)


@contextmanager
def serve_logs(**logs: SimLog) -> Iterator[LogServer]:
    """A running server."""
    server = LogServer(**logs)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.free.set()
        server.shutdown()
        server.server_close()
        thread.join()
