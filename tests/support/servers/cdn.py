# SPDX-License-Identifier: Apache-2.0
"""A web server that publishes a folder, and lies about it as told."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.servers.serving import running


class Cdn(ThreadingHTTPServer):
    """Serves `folder`; `bodies` replaces files, `status` all answers, `huge` a path by 100 MB, `moved` a path
    by a redirect, `then` replaces files from their second request on. `asked` is what was asked for."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.bodies: dict[str, bytes] = {}
        self.status = 200
        self.huge: set[str] = set()
        self.moved: dict[str, str] = {}
        self.then: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        cdn = self.server
        assert isinstance(cdn, Cdn)
        path = self.path.lstrip("/")
        file = cdn.folder / path
        again = path in cdn.asked
        cdn.asked.append(path)
        if path in cdn.moved:
            self._answer(302, b"", Location=cdn.moved[path])
        elif path in cdn.huge:
            self._pour(cdn)
        elif again and path in cdn.then:
            self._answer(200, cdn.then[path])
        elif path in cdn.bodies:
            self._answer(200, cdn.bodies[path])
        elif cdn.status != 200 or not file.is_file():
            self._answer(cdn.status if cdn.status != 200 else 404, b"")
        else:
            self._answer(200, file.read_bytes())

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pour(self, cdn: Cdn) -> None:
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b" " * (1 << 20))
                cdn.sent += 1 << 20
        except OSError:
            return

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def cdn(folder: Path) -> Iterator[Cdn]:
    """A running server of a folder."""
    with running(Cdn(folder)) as server:
        yield server
