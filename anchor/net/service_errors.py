# SPDX-License-Identifier: Apache-2.0
"""The errors of a network call: what failed, and whether the request may have had its effect."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from anchor.errors import Unavailable


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


def excerpt(data: bytes) -> str:
    """What a server said, in one line that cannot steer a terminal."""
    text = data.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def service_at(service: str, url: str) -> str:
    """The service as an error names it, without a query."""
    parts = urlsplit(url)
    return f"{service} {parts.scheme}://{parts.netloc}{parts.path}"
