# SPDX-License-Identifier: Apache-2.0
"""Small HTTP servers in the test's own process: an OIDC issuer, the read side of a tiled log, static files.

The POSIX server of Rekor v2 serves no reads: its storage folder is meant to stand behind a file server.
"""

import base64
import contextlib
import hashlib
import http.client
import json
import secrets
import socket
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.support.servers.ports import held_port


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base's
        pass

    def out(
        self, code: int, body: bytes | Any = b"", ctype: str = "application/json", **headers: str
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        lines = {"Content-Type": ctype, "Content-Length": str(len(data)), **headers}
        for name, value in lines.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


class _Server(ThreadingHTTPServer):
    """Ends kept connections with itself: a server that is stopped is gone for everybody."""

    daemon_threads = True
    request_queue_size = 128  # a client whose connection is not taken at once tries again after a second

    def __init__(self, port: int, handler: type[Handler]) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: stderr is that of the command, and a client may go away."""

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Front:
    """An HTTP server in a thread. Once it is stopped, whoever calls it is refused."""

    def __init__(self, handler: type[Handler]) -> None:
        self.port = held_port()
        self._server = _Server(self.port, handler)
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@dataclass
class Issuer:
    """An OIDC issuer that believes everybody: discovery, keys, `/mint`, and the browser flow with PKCE."""

    key: ec.EllipticCurvePrivateKey
    email: str = "dev@example.com"
    front: Front = field(init=False)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        outer = self

        class Routes(Handler):
            def do_GET(self) -> None:
                outer._get(self)

            def do_POST(self) -> None:
                outer._exchange(self)

        self.front = Front(Routes)

    @property
    def url(self) -> str:
        return self.front.url

    def token(
        self,
        *,
        email: str | None = None,
        sub: str = "u-1",
        aud: str = "sigstore",
        ttl: int = 600,
        **more: Any,
    ) -> str:
        """A signed identity token; `email` "" leaves the claim out."""
        now = int(time.time())
        claims: dict[str, Any] = {"iss": self.url, "aud": aud, "sub": sub, "jti": str(uuid.uuid4())}
        claims |= {"iat": now, "nbf": now - 5, "exp": now + ttl}
        address = self.email if email is None else email
        if address:
            claims |= {"email": address, "email_verified": True}
        return jwt.encode({**claims, **more}, self.key, "ES256", {"kid": "k1"})

    def _get(self, h: Handler) -> None:
        parts = urlsplit(h.path)
        query = dict(parse_qsl(parts.query))
        match parts.path:
            case "/.well-known/openid-configuration":
                h.out(200, self._discovery())
            case "/keys":
                public = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
                h.out(200, {"keys": [{**public, "kid": "k1", "alg": "ES256", "use": "sig"}]})
            case "/mint":
                ttl = int(query.pop("ttl", "600"))
                wanted: dict[str, Any] = {"ttl": ttl, **query}
                h.out(200, self.token(**wanted).encode(), "text/plain")
            case "/auth":
                code = secrets.token_urlsafe(16)
                self._codes[code] = query
                back = urlencode({"code": code, "state": query.get("state", "")})
                h.out(302, Location=f"{query.get('redirect_uri', '')}?{back}")
            case _:
                h.out(404, {})

    def _exchange(self, h: Handler) -> None:
        """The token end point: a code once, with the verifier of its challenge (RFC 7636)."""
        form = dict(parse_qsl(h.body().decode()))
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked.get("code_challenge", challenge) != challenge:
            h.out(400, {"error": "invalid_grant"})
            return
        more: dict[str, Any] = {"nonce": asked["nonce"]} if "nonce" in asked else {}
        token = self.token(**more)
        h.out(200, {"id_token": token, "access_token": token, "token_type": "Bearer", "expires_in": 600})

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }


def log_front(storage: Path, write_port: int) -> Front:
    """The public face of a Rekor v2 log: files bare and under /api/v2, POSTs passed on."""

    class Routes(Handler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path.removeprefix("/api/v2").lstrip("/")
            found = (storage / path).resolve()
            shown = path == "checkpoint" or path.startswith("tile/")
            if not shown or not found.is_relative_to(storage.resolve()) or not found.is_file():
                self.out(404, {})
            elif path == "checkpoint":
                self.out(200, found.read_bytes(), "text/plain; charset=utf-8", Cache_Control="no-cache")
            else:
                self.out(200, found.read_bytes(), "application/octet-stream")

        def do_POST(self) -> None:
            body = self.body()
            connection = http.client.HTTPConnection("127.0.0.1", write_port, timeout=180)
            try:
                connection.request("POST", self.path, body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                data = answer.read()
            except (OSError, http.client.HTTPException):
                self.close_connection = True  # as a load balancer's client sees a server that died
                return
            finally:
                connection.close()
            index = answer.getheader("X-Log-Index")
            more = {"X-Log-Index": index} if index else {}
            self.out(answer.status, data, answer.getheader("Content-Type", "application/json"), **more)

    return Front(Routes)


def file_front(folder: Path) -> Front:
    """Static files."""

    class Routes(Handler):
        def do_GET(self) -> None:
            found = (folder / urlsplit(self.path).path.lstrip("/")).resolve()
            if found.is_relative_to(folder.resolve()) and found.is_file():
                self.out(200, found.read_bytes(), "application/octet-stream")
            else:
                self.out(404, b"")

    return Front(Routes)
