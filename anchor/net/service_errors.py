# SPDX-License-Identifier: Apache-2.0
"""The errors of a network call: what failed, and whether the request may have had its effect."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from anchor.errors import Unavailable


class ServiceError(Unavailable):
    """A service did not answer as asked.

    `maybe_taken`: the request may have had its effect anyway. `too_large`: the answer has more bytes than the
    limit. `web_page`: its media type is HTML.
    """

    maybe_taken = False
    too_large = False
    web_page = False

    def at(self, where: str) -> "ServiceError":
        outer = f"{where}: {self.where}" if self.where else where
        new = type(self)(self.problem, where=outer, remedy=self.remedy)
        new.__dict__.update({k: v for k, v in self.__dict__.items() if k not in ("where", "args")})
        return new


class NotSent(ServiceError):
    """The request never left this machine. It is safe to repeat it."""


class LostAnswer(ServiceError):
    """The request left and no whole answer came. It may have had its effect: check before you repeat it."""

    maybe_taken = True


class HttpError(ServiceError):
    """The answer has an unexpected status. `status`, `headers` and `body` are those of the answer.

    No status proves that the request had no effect: a gateway may have passed it on and then answered itself.
    """

    maybe_taken = True
    status = 0
    headers: Mapping[str, str] = {}
    body = b""


def excerpt(data: bytes) -> str:
    """The text of a server, in one line that cannot steer a terminal."""
    text = data.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def service_at(service: str, url: str) -> str:
    """The service and its URL, without the query, as an error names them."""
    parts = urlsplit(url)
    return f"{service} {parts.scheme}://{parts.netloc}{parts.path}"
