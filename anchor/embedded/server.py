# SPDX-License-Identifier: Apache-2.0
"""The embedded instance on loopback HTTP, so that any Sigstore client can be pointed at it.

The routes of Fulcio, the TSA and Rekor lead to the services, and errors become status codes. Any process of
the machine may write to the log and get time-stamps, as with any Sigstore. A certificate needs a token, and
`/mint` gives one only to a process that can read the secret.
"""

import contextlib
import hmac
import io
import ipaddress
import json
import socket
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

import anchor
from anchor.embedded import ca, hashedrekord, tsa
from anchor.embedded.identity_tokens import AUDIENCE, LIFETIME
from anchor.embedded.instance import Instance
from anchor.encoding import parse_json
from anchor.errors import AnchorError, Misuse, Refused, Unavailable
from anchor.sigstore.services import Duplicate
from anchor.tlog import tiles
from anchor.tlog.source import Missing

IDLE = 30.0
"""Seconds that a connection may be silent between two requests, and that an answer may take to be read."""
WHOLE = 10.0
"""Seconds from the first byte of a request to its last."""

CONNECTIONS = 64
MAX_MINT = 4096

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
STAMP = "application/timestamp-reply"


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    status: int
    body: bytes
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def problem(status: HTTPStatus, message: str, *headers: tuple[str, str]) -> Answer:
    """An error as Rekor and Fulcio write it (a gRPC status as JSON)."""
    code = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 503: 14}.get(status, 2)
    body = json.dumps({"code": code, "message": message, "details": []}).encode()
    return Answer(status, body, headers=headers)


class Services:
    """The work of each route, without HTTP."""

    def __init__(self, instance: Instance, *, secret: str) -> None:
        self.instance = instance
        self._secret = secret
        self.url = ""

    def get(self, path: str) -> Answer:
        """Reads are served bare and under /api/v2: real logs use the one, some monitors the other."""
        bare = path.removeprefix("/api/v2").removeprefix("/")
        if bare == "checkpoint":
            return Answer(200, self.instance.log.checkpoint(), TEXT)
        if bare.startswith("tile/"):
            return self._tile(bare)
        if path == "/healthz":
            return Answer(200, json.dumps({"status": "SERVING", "log": self.instance.origin}).encode())
        if path == "/api/v2/trustBundle":
            return Answer(200, self.instance.authority.trust_bundle())
        if path == "/.well-known/openid-configuration":
            return Answer(200, json.dumps(self._discovery()).encode())
        if path == "/jwks":
            return Answer(200, json.dumps(self.instance.tokens.jwks()).encode())
        return problem(HTTPStatus.NOT_FOUND, "no such resource")

    def post(self, path: str, body: bytes, bearer: str) -> Answer:
        if path == "/api/v2/log/entries":
            return Answer(201, self.instance.log.append(body))
        if path == "/api/v2/signingCert":
            try:
                return Answer(200, self.instance.authority.issue(body, bearer))
            except Refused as e:
                status = HTTPStatus.UNAUTHORIZED if e.where == "token" else HTTPStatus.BAD_REQUEST
                return problem(status, str(e))
        if path == "/api/v1/timestamp":
            return Answer(200, self.instance.timestamps.stamp(body), STAMP)
        if path == "/mint":
            return self._mint(body, bearer)
        return problem(HTTPStatus.NOT_FOUND, "no such resource")

    def _tile(self, path: str) -> Answer:
        try:
            level, index, width = tiles.parse_path(path)
        except Refused:
            return problem(HTTPStatus.NOT_FOUND, "no such tile")
        log = self.instance.log
        data = log.entries(index, width) if level is None else log.tile(level, index, width)
        return Answer(200, data, BYTES)

    def _mint(self, body: bytes, bearer: str) -> Answer:
        """`{"identity": ..., "lifetime": seconds}`, both optional; the token as text."""
        if not hmac.compare_digest(bearer.encode(), self._secret.encode()):
            return problem(HTTPStatus.FORBIDDEN, "needs the secret of this run as Bearer")
        asked = parse_json(body, where="mint") if body else {}
        if not isinstance(asked, dict) or not asked.keys() <= {"identity", "lifetime"}:
            raise Refused("an object with identity and lifetime is wanted", where="mint")
        identity, lifetime = asked.get("identity"), asked.get("lifetime", LIFETIME)
        if not isinstance(identity, str | None) or type(lifetime) is not int:
            raise Refused("identity is text, lifetime is seconds", where="mint")
        return Answer(200, self.instance.mint(identity, lifetime=lifetime).encode(), TEXT)

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.instance.issuer,
            "jwks_uri": f"{self.url}/jwks",
            "id_token_signing_alg_values_supported": ["ES256"],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "claims_supported": ["aud", "exp", "iat", "iss", "sub"],
            "audience": AUDIENCE,
        }


LIMITS = {
    "/api/v2/log/entries": hashedrekord.MAX_REQUEST,
    "/api/v2/signingCert": ca.MAX_REQUEST,
    "/api/v1/timestamp": tsa.MAX_REQUEST,
    "/mint": MAX_MINT,
}


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


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive around `Services`."""

    protocol_version = "HTTP/1.1"
    server_version = f"anchor/{anchor.__version__}"
    sys_version = ""
    timeout = IDLE
    disable_nagle_algorithm = True  # TCP_NODELAY

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._timed = _Timed(self.connection)
        self.rfile = io.BufferedReader(self._timed)

    def handle_one_request(self) -> None:
        self._timed.expect()
        self._server.waits_for(self.connection)
        try:
            super().handle_one_request()
        except ConnectionError:  # the client went away, or made room for another one
            self.close_connection = True
        finally:
            self._server.has(self.connection)

    def do_GET(self) -> None:
        self._server.has(self.connection)
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # a body that nobody reads must not become the next request
        self._answer(self._checked() or self._guard(lambda: self._services.get(self._path)))

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        refusal = self._checked() or self._length_problem()
        if refusal:
            self.close_connection = True  # the body was not read
            self._answer(refusal)
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) != int(self.headers["Content-Length"]):
            self.close_connection = True
            return
        scheme, _, bearer = self.headers.get("Authorization", "").partition(" ")
        token = bearer.strip() if scheme.lower() == "bearer" else ""
        self._server.has(self.connection)
        self._answer(self._guard(lambda: self._services.post(self._path, body, token)))

    @property
    def _server(self) -> "Server":
        return cast("Server", self.server)

    @property
    def _services(self) -> Services:
        return self._server.services

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _checked(self) -> Answer | None:
        """A request must have one reading (RFC 9112), and a web page of another site must not reach this
        server through a browser (DNS rebinding, CSRF)."""
        if framing := self._framing_problem():
            self.close_connection = True
            return problem(HTTPStatus.BAD_REQUEST, framing)
        if not _is_loopback(_host_of(self.headers.get("Host", ""))):
            return problem(HTTPStatus.FORBIDDEN, "not a name of this machine's loopback")
        if "Origin" in self.headers:
            return problem(HTTPStatus.FORBIDDEN, "not for web pages")
        return None

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
        limit = LIMITS.get(self._path)
        if limit is None:
            return problem(HTTPStatus.NOT_FOUND, "no such resource")
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return problem(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is wanted")
        if len(length) > 12 or int(length) > limit:
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {limit} bytes")
        return None

    def _guard(self, answer: Any) -> Answer:
        """The answer of a service, or its error as a status."""
        try:
            return cast("Answer", answer())
        except Duplicate as e:
            message = f"an equivalent entry already exists in the transparency log with index {e.index}"
            return problem(HTTPStatus.CONFLICT, message, ("x-log-index", str(e.index)))
        except Missing as e:
            return problem(HTTPStatus.NOT_FOUND, str(e))
        except Unavailable as e:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(e))
        except AnchorError as e:
            return problem(HTTPStatus.BAD_REQUEST, str(e))
        except Exception as e:  # noqa: BLE001  a defect of ours is answered, not a torn connection
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"a defect of this program: {type(e).__name__}")

    def _answer(self, answer: Answer) -> None:
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
    """A bounded number of connections, each with a time-out. Loopback only."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, instance: Instance, *, host: str, port: int, secret: str) -> None:
        if not _is_loopback(host):
            raise Misuse(f"{host!r} is no loopback address", where="--host", remedy="use 127.0.0.1 or ::1")
        if ":" in host:
            self.address_family = socket.AF_INET6
        self.services = Services(instance, secret=secret)
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self._waiting: dict[socket.socket, None] = {}
        """Connections whose next request is not whole yet, the longest first."""
        self._lock = threading.Lock()
        instance.log.lock()
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as e:
            raise Misuse(
                f"cannot listen: {getattr(e, 'strerror', None) or e}", where=f"{host}:{port}"
            ) from None
        name = f"[{host}]" if ":" in host else host
        self.url = self.services.url = f"http://{name}:{self.server_address[1]}"

    def waits_for(self, connection: socket.socket) -> None:
        """Note that the next request of this connection is awaited from now on."""
        with self._lock:
            self._waiting[connection] = None

    def has(self, connection: socket.socket) -> None:
        """Note that its request is whole, or will never be."""
        with self._lock:
            self._waiting.pop(connection, None)

    def _make_room(self) -> None:
        """End the connection whose request has been awaited for the longest time."""
        with self._lock:
            longest = next(iter(self._waiting), None)
            if longest is not None:
                del self._waiting[longest]
                with contextlib.suppress(OSError):
                    longest.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        while not self._slots.acquire(timeout=0.05):  # all are taken, perhaps by clients that send nothing
            self._make_room()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report nothing: the client went away, or there was a time-out."""


def _host_of(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
