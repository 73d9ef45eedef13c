# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on loopback that misbehaves as told: a behaviour for each request, the last for the rest."""

import functools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Behaviour = Callable[["Exchange"], None]
MORE = (1, 8, 64)
"""A call with a short budget is made again with so many times as much, where the machine was too slow for it.
What is tested comes only after the request was sent."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Exchange:
    """One accepted connection's request, and what a behaviour may do with it."""

    conn: socket.socket
    server: "BadServer"
    taken: Request | None = None

    def request(self) -> Request:
        """Read the request; it counts as taken from now on."""
        if self.taken is None:
            self.taken = _read(self.conn)
            self.server.requests.append(self.taken)
        return self.taken

    def send(self, data: bytes) -> None:
        self.conn.sendall(data)

    def hold(self) -> None:
        self.server.closing.wait()


def answer(status: int, body: bytes = b"", ctype: str = "application/json", **headers: str) -> Behaviour:
    """Answer properly. Header names are written with `_` for `-`."""

    def behave(x: Exchange) -> None:
        x.request()
        x.send(head(status, len(body), ctype, **headers) + body)

    return behave


def head(status: int, length: int, ctype: str = "application/json", **headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status} Said",
        f"Content-Type: {ctype}",
        f"Content-Length: {length}",
        "Connection: close",
    ]
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def hang_before(x: Exchange) -> None:
    """Accept, read nothing, say nothing."""
    x.hold()


def hang_after(x: Exchange) -> None:
    """Take the request and say nothing."""
    x.request()
    x.hold()


def drop_after(x: Exchange) -> None:
    """Take the request and close the connection."""
    x.request()


def drip(body: bytes = b'{"a":1}' * 200, *, each: float = 1.0, headers_too: bool = False) -> Behaviour:
    """An answer that comes one byte at a time."""

    def behave(x: Exchange) -> None:
        x.request()
        data = head(200, len(body)) + body
        if not headers_too:
            x.send(head(200, len(body)))
            data = body
        for byte in data:
            if x.server.closing.wait(each):
                return
            x.send(bytes([byte]))

    return behave


def cut(body: bytes = b'{"a":', *, promised: int = 1000) -> Behaviour:
    """An answer that ends before the length that it promised."""

    def behave(x: Exchange) -> None:
        x.request()
        x.send(head(201, promised) + body)

    return behave


def flood(size: int = 100 * 1024 * 1024, *, announced: bool = True, status: int = 200) -> Behaviour:
    """An answer of `size` bytes, whether announced by Content-Length or not."""

    def behave(x: Exchange) -> None:
        x.request()
        start = head(status, size)
        x.send(start if announced else start.replace(f"Content-Length: {size}\r\n".encode(), b""))
        block = b"[" * (1 << 16)
        for _ in range(size // len(block)):
            x.send(block)

    return behave


def endless(start: bytes, block: bytes, *, most: int = 1 << 28) -> Behaviour:
    """Bytes as they stand, and then a block again and again; what went out is counted in `sent`."""

    def behave(x: Exchange) -> None:
        x.request()
        x.send(start)
        while x.server.sent < most:
            x.send(block)
            x.server.sent += len(block)

    return behave


def redirect(url: str, status: int = 302) -> Behaviour:
    return answer(status, Location=url)


def forward(port: int, then: Callable[[Exchange, bytes], None] | None = None) -> Behaviour:
    """Pass the request on to a server that works, and its answer back; or do `then` with the answer."""

    def behave(x: Exchange) -> None:
        request = x.request()
        raw = relay(port, request)
        if then is None:
            x.send(raw)
        else:
            then(x, raw)

    return behave


def relay(port: int, request: Request) -> bytes:
    """The raw answer of the server at `port` on loopback."""
    headers = {**request.headers, "connection": "close"}
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    with socket.create_connection(("127.0.0.1", port), 60) as s:
        s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + request.body)
        chunks = []
        while chunk := s.recv(1 << 16):
            chunks.append(chunk)
    return b"".join(chunks)


@dataclass
class BadServer:
    """Behaviours are used in order; the last one stays."""

    behaviours: list[Behaviour]
    requests: list[Request] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    times: list[float] = field(default_factory=list)
    port: int = 0
    sent: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, listener: socket.socket) -> None:
        while not self.closing.is_set():
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            self.times.append(time.monotonic())
            behave = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
            threading.Thread(target=self._one, args=(conn, behave), daemon=True).start()

    def _one(self, conn: socket.socket, behave: Behaviour) -> None:
        with conn:
            conn.settimeout(60)
            try:
                behave(Exchange(conn, self))
                conn.shutdown(socket.SHUT_WR)
                # Not closed before the client has read it: what it sent besides would reset the connection.
                while conn.recv(1 << 16):
                    pass
            except OSError:
                pass  # the client has gone, which is what most of these are for


@contextmanager
def bad_server(*behaviours: Behaviour) -> Iterator[BadServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = BadServer(list(behaviours), port=listener.getsockname()[1])
        thread = threading.Thread(target=server.run, args=(listener,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@functools.cache
def _taken() -> socket.socket:
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    return found


def closed_port() -> int:
    """A port on which nothing listens; it is held, so that no other test's server gets it meanwhile."""
    return int(_taken().getsockname()[1])


def _read(conn: socket.socket) -> Request:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := conn.recv(1 << 16)):
            raise ConnectionResetError
        data += chunk
    top, _, body = data.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        if not (chunk := conn.recv(1 << 16)):
            raise ConnectionResetError
        body += chunk
    method, path, _ = first.split(" ", 2)
    return Request(method, path, headers, body)
