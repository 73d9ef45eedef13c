# SPDX-License-Identifier: Apache-2.0
"""What a network call is given (a budget, patience, a URL that may be fetched) and the errors it ends in.

Nothing here opens a socket; `http.py` does, and gives these names to its callers.
"""

import contextlib
import ipaddress
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from anchor.errors import Misuse, Unavailable


class Budget:
    """A deadline for a whole command, shared by all of its calls. Seconds."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._start = clock()

    def spent(self) -> float:
        return self._clock() - self._start

    def left(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.seconds - self.spent())

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Time in which a person is waited for, and no service, does not count."""
        began = self._clock()
        try:
            yield
        finally:
            self._start += self._clock() - began

    def part(self, seconds: float) -> "Budget":
        """A budget of at most `seconds` within this one."""
        return Budget(min(seconds, self.left()), clock=self._clock)


@dataclass(frozen=True)
class Patience:
    """How one service is waited for. Seconds, except `attempts`."""

    connect: float = 5.0
    read: float = 30.0
    whole: float = 60.0  # one attempt, from the connection to the last byte
    attempts: int = 4
    pause: float = 0.25  # doubles with each attempt, plus as much again at random
    longest: float = 10.0


PATIENCE = Patience()


class ServiceError(Unavailable):
    """A service did not do what it was asked. `maybe_taken`: the request may have had its effect anyway.
    `too_large`: it gave more bytes than were wanted. `web_page`: and called them HTML."""

    maybe_taken = False
    too_large = False
    web_page = False

    def at(self, where: str) -> "ServiceError":
        outer = f"{where}: {self.where}" if self.where else where
        new = type(self)(self.problem, where=outer, remedy=self.remedy)
        new.__dict__.update({k: v for k, v in self.__dict__.items() if k not in ("where", "args")})
        return new


class NotSent(ServiceError):
    """The request never left: repeating it is safe."""


class LostAnswer(ServiceError):
    """The request left and no whole answer came: it may have been taken. Look before sending it again."""

    maybe_taken = True


class HttpError(ServiceError):
    """A status that was not asked for. Callers tell 4xx apart by `status`, `headers`, `body`.

    No status says that nothing was taken: a gateway may have passed the request on, and then answered itself.
    """

    maybe_taken = True
    status = 0
    headers: Mapping[str, str] = {}
    body = b""


def check_url(url: str, *, where: str) -> None:
    """Misuse for what must not be fetched: not https nor http to this machine, or a password in the URL."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as e:
        raise Misuse(f"not a URL: {e}", where=where) from None
    if any(c <= " " or c == "\x7f" for c in url) or not host:
        raise Misuse(f"not a URL: {excerpt(url.encode())}", where=where)
    if parts.username is not None or parts.password is not None:
        raise Misuse("a URL with a user name or password in it", where=where, remedy="give it without")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return
    raise Misuse(f"only https is fetched, and http on this machine: {excerpt(url.encode())}", where=where)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def origin(url: str) -> str:
    """Scheme, host and port: what a redirect may not leave."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}"


def excerpt(data: bytes) -> str:
    """What a server said, in one line that cannot steer a terminal."""
    text = data.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def place(service: str, url: str) -> str:
    """The service as an error names it, without a query."""
    parts = urlsplit(url)
    return f"{service} {parts.scheme}://{parts.netloc}{parts.path}"
