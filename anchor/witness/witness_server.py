# SPDX-License-Identifier: Apache-2.0
"""A witness over HTTP: `add-checkpoint` of C2SP tlog-witness, and the latest cosigned checkpoint of each log.

Everybody may ask, since a request is authenticated by the log's signature in it. TLS is for a reverse proxy.
The lines for the operator name known logs and known routes, and nothing else that a stranger wrote.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import cast

from anchor import regex
from anchor.encoding import rfc3339
from anchor.errors import AnchorError, Unavailable
from anchor.net import http_server
from anchor.net.http_server import Answer, Request, client_name
from anchor.tlog import add_checkpoint
from anchor.tlog.witnessing import TEXT
from anchor.witness import known_logs
from anchor.witness.cosigning import Answered, Witness
from anchor.witness.rate_limits import Buckets
from anchor.words import several

CLIENT_RATE = 100.0
"""Requests a second of one client, as a rule. Twice as many may come at once."""

CLIENTS = 4096
_CHECKPOINT = regex.expression(r"/([0-9a-f]{64})/checkpoint")


class Handler(http_server.Handler):
    """The routes of a witness."""

    told: Answered | None = None

    def limit(self, path: str) -> int | None:
        return add_checkpoint.MAX_REQUEST if path == self._own.prefix + add_checkpoint.PATH else None

    def problem(self, status: HTTPStatus, message: str) -> Answer:
        return _text(status, message)

    def refusal(self) -> Answer | None:
        """A client that asks too often is not listened to, whatever it asks."""
        self.told = None
        wait = self._own.wait_of(self.client_address[0])
        if not wait:
            return None
        self.close_connection = True
        return _text(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", ("Retry-After", str(int(wait) + 1)))

    def respond(self, request: Request) -> Answer:
        """The answer of the witness, or its error as a status."""
        try:
            return self._routed(request)
        except Unavailable as e:
            self._own.say(f"UNAVAILABLE: {e}")
            return _text(
                HTTPStatus.SERVICE_UNAVAILABLE, "nothing can be stored at present", ("Retry-After", "60")
            )
        except AnchorError as e:
            self._own.say(f"ERROR: {e}")
            return _text(HTTPStatus.INTERNAL_SERVER_ERROR, "an error of this witness")
        except Exception as e:  # noqa: BLE001  a defect of ours is answered, not a torn connection
            self._own.say(f"ERROR: a defect of this program: {type(e).__name__}: {e}")
            return _text(HTTPStatus.INTERNAL_SERVER_ERROR, f"a defect of this program: {type(e).__name__}")

    def _routed(self, request: Request) -> Answer:
        witness = self._own.witness
        path = request.path.removeprefix(self._own.prefix)
        if not request.path.startswith(self._own.prefix):
            return _text(HTTPStatus.NOT_FOUND, "no such resource")
        if path == add_checkpoint.PATH:
            if request.method != "POST":
                return _text(HTTPStatus.METHOD_NOT_ALLOWED, "a POST is wanted", ("Allow", "POST"))
            self.told = found = witness.add_checkpoint(request.body)
            wait = (("Retry-After", str(found.wait)),) if found.wait else ()
            return Answer(found.status, found.body, found.kind, wait)
        if path in ("", "/"):
            return Answer(200, witness.page(), TEXT)
        asked = _CHECKPOINT.fullmatch(path)
        latest = witness.latest(asked[1]) if asked else None
        if latest is None:
            return _text(HTTPStatus.NOT_FOUND, "no such resource")
        return Answer(200, latest, TEXT, (("Cache-Control", "no-cache"),))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Errors that are found before there is a request, without the page of HTML that would quote it."""
        self.close_connection = True
        self.told = None
        unknown = code == HTTPStatus.NOT_IMPLEMENTED  # a method that no route of ours has
        status = HTTPStatus.METHOD_NOT_ALLOWED if unknown else HTTPStatus(code)
        self._answer(_text(status, status.phrase, *((("Allow", "GET, HEAD, POST"),) if unknown else ())))

    def answering(self, answer: Answer) -> None:
        told = self.told
        if told is None or (self._own.quiet and not told.alarming):
            return
        about = f"{told.origin}: {told.what}" if told.origin else told.what
        self._own.say(f"add-checkpoint {answer.status} {self.client_address[0]} {about}")

    @property
    def _own(self) -> "Server":
        return cast("Server", self.server)


class Server(http_server.Server):
    """The server of one witness. `say` takes one line for the operator, and may be called by any thread.

    `quiet`: no line for a request, unless a person should look.
    """

    def __init__(
        self,
        witness: Witness,
        *,
        host: str,
        port: int,
        prefix: str = "",
        client_rate: float = CLIENT_RATE,
        say: Callable[[str], None],
        quiet: bool = False,
    ) -> None:
        self.witness = witness
        self.prefix = prefix
        self._say = say
        self.quiet = quiet
        self._rate = client_rate
        self._clients = Buckets(most=CLIENTS)
        self._reload = False
        super().__init__(Handler, host=host, port=port)

    def say(self, line: str) -> None:
        """Tell the operator, with the time."""
        self._say(f"{rfc3339(datetime.now(UTC))} {line}")

    def wait_of(self, address: str) -> float:
        """The seconds that a client must wait; 0 if it may ask now."""
        return self._clients.take(
            client_name(address), rate=self._rate, capacity=2 * self._rate, now=time.monotonic()
        )

    def ask_to_reload(self, *_: object) -> None:
        """Read the list of logs again soon. A signal handler may call this at any time."""
        self._reload = True

    def service_actions(self) -> None:
        super().service_actions()
        if self._reload:
            self._reload = False
            self.reload()

    def reload(self) -> None:
        """Read the list of logs again; a bad one is told, and the present one stays."""
        before = self.witness.logs
        logs, problem = known_logs.to_serve(self.witness.home.folder, before)
        if problem:
            self.say(problem)
        if logs is not before:
            self.witness.replace_logs(logs)
            self.say(f"the list of logs was read again: {several(len(logs), 'log')}")


def _text(status: HTTPStatus, message: str, *headers: tuple[str, str]) -> Answer:
    return Answer(status, f"{message}\n".encode(), TEXT, headers)
