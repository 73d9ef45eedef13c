# SPDX-License-Identifier: Apache-2.0
"""The embedded instance on loopback HTTP, so that any Sigstore client can be pointed at it.

The routes of Fulcio, the TSA and Rekor lead to the services, and errors become status codes. Any process of
the machine may write to the log and get time-stamps, as with any Sigstore. A certificate needs a token, and
`/mint` gives one only to a process that can read the secret.
"""

import hmac
import ipaddress
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

from anchor.embedded import ca, hashedrekord, tsa
from anchor.embedded.identity_tokens import AUDIENCE, LIFETIME
from anchor.embedded.instance import Instance
from anchor.embedded.served_witnesses import ServedWitnesses
from anchor.encoding import parse_json
from anchor.errors import AnchorError, Misuse, Refused, Unavailable
from anchor.net import http_server
from anchor.net.http_server import Answer, Request
from anchor.sigstore.services import Duplicate
from anchor.tlog import tiles
from anchor.tlog.source import Missing

MAX_MINT = 4096

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
STAMP = "application/timestamp-reply"


def problem(status: HTTPStatus, message: str, *headers: tuple[str, str]) -> Answer:
    """An error as Rekor and Fulcio write it (a gRPC status as JSON)."""
    code = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 503: 14}.get(status, 2)
    body = json.dumps({"code": code, "message": message, "details": []}).encode()
    return Answer(status, body, JSON, headers)


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), JSON)


class Services:
    """The work of each route, without HTTP."""

    def __init__(self, instance: Instance, *, secret: str, say: Callable[[str], object]) -> None:
        self.instance = instance
        self.witnesses = ServedWitnesses(instance, say)
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
            return _json({"status": "SERVING", "log": self.instance.origin})
        if path == "/api/v2/trustBundle":
            return Answer(200, self.instance.authority.trust_bundle(), JSON)
        if path == "/.well-known/openid-configuration":
            return _json(self._discovery())
        if path == "/jwks":
            return _json(self.instance.tokens.jwks())
        return problem(HTTPStatus.NOT_FOUND, "no such resource")

    def post(self, path: str, body: bytes, bearer: str) -> Answer:
        if path == "/api/v2/log/entries":
            return Answer(201, self.witnesses.entry(self.instance.log.append(body)), JSON)
        if path == "/api/v2/signingCert":
            try:
                return Answer(200, self.instance.authority.issue(body, bearer), JSON)
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


class Handler(http_server.Handler):
    """`Services` behind HTTP."""

    def limit(self, path: str) -> int | None:
        return LIMITS.get(path)

    def problem(self, status: HTTPStatus, message: str) -> Answer:
        return problem(status, message)

    def refusal(self) -> Answer | None:
        """A web page of another site must not reach this server through a browser (DNS rebinding, CSRF)."""
        if not _is_loopback(_host_of(self.headers.get("Host", ""))):
            return problem(HTTPStatus.FORBIDDEN, "not a name of this machine's loopback")
        if "Origin" in self.headers:
            return problem(HTTPStatus.FORBIDDEN, "not for web pages")
        return None

    def respond(self, request: Request) -> Answer:
        """The answer of a service, or its error as a status."""
        services = cast("Server", self.server).services
        try:
            if request.method != "POST":
                return services.get(request.path)
            scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
            token = bearer.strip() if scheme.lower() == "bearer" else ""
            return services.post(request.path, request.body, token)
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


class Server(http_server.Server):
    """The services of one instance. Loopback only. `say` gets a line about a witness that answers otherwise
    than before."""

    def __init__(
        self,
        instance: Instance,
        *,
        host: str,
        port: int,
        secret: str,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        if not _is_loopback(host):
            raise Misuse(f"{host!r} is no loopback address", where="--host", remedy="use 127.0.0.1 or ::1")
        self.services = Services(instance, secret=secret, say=say)
        instance.log.lock()
        super().__init__(Handler, host=host, port=port)
        self.services.url = self.url


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
