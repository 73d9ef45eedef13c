# SPDX-License-Identifier: Apache-2.0
"""The base of our HTTP servers: bounded connections, and a deadline and one reading for each request.

A server of ours is met by strangers, and by a proxy that may read a request in another way. So a request with
two readings is refused (RFC 9112), and headers and a body are read only up to a limit. A client that sends
nothing, or one byte a second, or that does not read its answer, makes room for others. The answers are for
the handler of each server.
"""

import contextlib
import ctypes
import io
import ipaddress
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import anchor
from anchor.errors import Misuse

IDLE = 30.0
"""Seconds that a connection may be silent between two requests, and that an answer may take to be read."""
WHOLE = 10.0
"""Seconds from the first byte of a request to its last."""

CONNECTIONS = 64
SMALL = 64 << 10
"""Bytes of a body that each connection may send at any time."""
LARGE = 4
"""Larger bodies that are in memory at once. Each takes a few times its size while it is read."""
PATIENCE = 1.0
"""Seconds that a larger body waits for the others, before one that is silent ends for it."""
HEAD = 128 << 10
"""Bytes of a request before its body. Python reads a hundred headers of 64 KiB each, and keeps them twice."""


_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""From malloc.h of glibc."""


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    status: int
    body: bytes
    kind: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Request:
    """A request that is whole. `path` is without its query; `client` is the address of the other side."""

    method: str
    path: str
    headers: Message
    body: bytes
    client: str


class _Timed(io.RawIOBase):
    """The bytes of a client, with a deadline for each whole request. The time-out of a socket bounds one read
    only, so a client could send a byte a second for ever."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._until = 0.0
        self._begun = False

    def expect(self) -> None:
        """Wait for another request from now on."""
        self._until, self._begun = time.monotonic() + IDLE, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        size = self._connection.recv_into(buffer)
        self._connection.settimeout(IDLE)
        if size and not self._begun:
            self._until, self._begun = time.monotonic() + WHOLE, True
        return size


class _Lines(io.BufferedReader):
    """The same bytes, with a limit on the lines before a body."""

    left = HEAD

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.left -= len(line)
        if self.left < 0:
            raise LineTooLong("header")  # which the base answers with 431
        return line


class Handler(BaseHTTPRequestHandler, ABC):
    """HTTP/1.1 with keep-alive. A server of ours has a handler below this one, which answers."""

    protocol_version = "HTTP/1.1"
    server_version = f"anchor/{anchor.__version__}"
    sys_version = ""
    timeout = IDLE
    disable_nagle_algorithm = True  # TCP_NODELAY

    # For the handler of a server

    @abstractmethod
    def respond(self, request: Request) -> Answer:
        """The answer to a whole request with one reading."""

    @abstractmethod
    def limit(self, path: str) -> int | None:
        """The bytes that the body of a POST to this path may have; None if there is no such path."""

    @abstractmethod
    def problem(self, status: HTTPStatus, message: str) -> Answer:
        """An error that this base found, in the form in which the server writes errors."""

    def refusal(self) -> Answer | None:
        """An answer by the headers alone; None if the request may go on."""
        return None

    def answering(self, answer: Answer) -> None:
        """Called before an answer is sent."""

    # The protocol

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._timed = _Timed(self.connection)
        self.rfile = self._lines = _Lines(self._timed)

    def handle_one_request(self) -> None:
        self._timed.expect()
        self._lines.left = HEAD
        self._base.waits_for(self.connection, self.client_address[0])
        try:
            super().handle_one_request()
        except ConnectionError:  # the client went away, or made room for another one
            self.close_connection = True
        finally:
            self._base.has(self.connection)

    def do_GET(self) -> None:
        self._base.has(self.connection)
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # a body that nobody reads must not become the next request
        self._answer(self._checked() or self.respond(self._request(b"")))

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        refusal = self._checked() or self._length_problem()
        if refusal:
            self.close_connection = True  # the body was not read
            self._answer(refusal)
            return
        length = int(self.headers["Content-Length"])
        with self._base.room(self.connection, length) as found:
            answer = self._read_and_decide(length) if found else _busy(self)
        if answer is not None:  # nothing of the body is kept while a client reads the answer
            self._answer(answer)

    def _read_and_decide(self, length: int) -> Answer | None:
        """The answer to a request whose body follows; None if the client did not send all of it."""
        body = self.rfile.read(length)
        if len(body) != length:
            self.close_connection = True
            return None
        self._base.has(self.connection)
        return self.respond(self._request(body))

    @property
    def _base(self) -> "Server":
        return cast("Server", self.server)

    @property
    def request_path(self) -> str:
        """The path that is asked for, without its query."""
        return self.path.partition("?")[0]

    def _request(self, body: bytes) -> Request:
        return Request(self.command, self.request_path, self.headers, body, self.client_address[0])

    def _checked(self) -> Answer | None:
        """A request must have one reading (RFC 9112)."""
        if framing := self._framing_problem():
            self.close_connection = True
            return self.problem(HTTPStatus.BAD_REQUEST, framing)
        return self.refusal()

    def _framing_problem(self) -> str:
        """The problem of a request that this server and a proxy before it could read in two ways; "" if it
        has none. Sections 5.1, 5.2 and 6.3 of RFC 9112."""
        if self.headers.defects or self.headers.get_payload():
            return "a line among the headers is not a header"
        if any("\r" in value or "\n" in value for value in self.headers.values()):
            return "a header is folded over two lines"
        for name in ("Content-Length", "Host"):
            if len(self.headers.get_all(name, [])) > 1:
                return f"more than one {name}"
        return ""

    def _length_problem(self) -> Answer | None:
        limit = self.limit(self.request_path)
        if limit is None:
            return self.problem(HTTPStatus.NOT_FOUND, "no such resource")
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return self.problem(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is wanted")
        if len(length) > 12 or int(length) > limit:
            return self.problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {limit} bytes")
        return None

    def _answer(self, answer: Answer) -> None:
        self.answering(answer)
        self._base.waits_for(self.connection, self.client_address[0])  # until it has read the answer
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name http.server passes
        """Log nothing: a log would hold tokens and paths of clients."""


class Server(ThreadingHTTPServer):
    """A bounded number of connections, each with a time-out."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, handler: type[Handler], *, host: str, port: int) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self._waiting: dict[socket.socket, str] = {}
        """Connections on which something is awaited, the longest first, each with its client: the rest of a
        request, or that an answer is read."""
        self._large_slots = threading.BoundedSemaphore(LARGE)
        self._large: set[socket.socket] = set()
        """Connections whose larger body is read, or decided on."""
        self._lock = threading.Lock()
        self._asked = False
        try:
            super().__init__((host, port), handler)
        except (OSError, OverflowError) as e:
            raise Misuse(
                f"cannot listen: {getattr(e, 'strerror', None) or e}", where=f"{host}:{port}"
            ) from None
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self.server_address[1]}"

    def ask_to_end(self, *_: object) -> None:
        """Let `serve_forever` raise KeyboardInterrupt soon. A signal handler may call this at any time.

        A handler that raises would not do: Python drops an exception that is raised in a destructor.
        """
        self._asked = True

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until `shutdown`, or until it is told to end."""
        _keep_no_freed_memory()
        super().serve_forever(poll_interval)

    def service_actions(self) -> None:
        """Called by `serve_forever` after each request, and twice a second."""
        if self._asked:
            raise KeyboardInterrupt

    def waits_for(self, connection: socket.socket, address: str) -> None:
        """Note that a client at this address must send or read something on this connection from now on."""
        with self._lock:
            self._waiting[connection] = client_name(address)

    def has(self, connection: socket.socket) -> None:
        """Note that its request is whole, or will never be."""
        with self._lock:
            self._waiting.pop(connection, None)

    @contextlib.contextmanager
    def room(self, connection: socket.socket, length: int) -> Iterator[bool]:
        """Room for a body of this length on this connection. False if there is none.

        A larger body waits a moment for those that are being read. Then one that is still silent ends for it.
        """
        if length <= SMALL:
            yield True
            return
        if not self._large_slots.acquire(timeout=PATIENCE):
            self._make_room(among=self._large)
            if not self._large_slots.acquire(timeout=PATIENCE):
                yield False
                return
        with self._lock:
            self._large.add(connection)
        try:
            yield True
        finally:
            with self._lock:
                self._large.discard(connection)
            self._large_slots.release()

    def _make_room(self, among: Collection[socket.socket] | None = None) -> bool:
        """End a connection of the client that has the most of them: the one that is silent the longest.
        So whoever opens many takes the room from himself. `among`: those that count; None for all. False if
        there is none."""
        with self._lock:
            waiting = {c: who for c, who in self._waiting.items() if among is None or c in among}
            counts = Counter(waiting.values())
            most = max(counts.values(), default=0)
            longest = next((c for c, client in waiting.items() if counts[client] == most), None)
            if longest is None:
                return False
            del self._waiting[longest]
            with contextlib.suppress(OSError):
                longest.shutdown(socket.SHUT_RDWR)
            return True

    def _wait_for_slot(self) -> None:
        """Take a slot, although all are taken, perhaps by clients that send nothing.

        One connection ends for it. Another one ends only if the thread of the first does not give its slot
        back: a flood would else end the connections of others too, while its own threads are slow.
        """
        again = 0.0
        while True:
            if time.monotonic() >= again and self._make_room():
                again = time.monotonic() + PATIENCE
            if self._slots.acquire(timeout=0.05):
                return
            self.service_actions()  # it can be told to end all the same

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            self._wait_for_slot()
        self.waits_for(request, client_address[0])  # its thread may begin late, and it counts from now on
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.has(request)
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report nothing: the client went away, or there was a time-out."""


def _keep_no_freed_memory() -> None:
    """Have the C library give large blocks back to the system when they are free, and share the others.

    Otherwise glibc keeps some MiB for each of many threads, once they have read a large request.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library, which need not do that
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, SMALL)
        library.mallopt(_M_ARENA_MAX, 1)


def _busy(handler: Handler) -> Answer:
    handler.close_connection = True  # the body was not read
    return handler.problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many large requests at once")


def client_name(address: str) -> str:
    """The client that an address counts for: of IPv6 a network of /64, which one client has as a rule."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
