# SPDX-License-Identifier: Apache-2.0
"""Every network call of this program: `get` and `post`, each within a budget, a size and an origin.

This module decides which requests are repeated (GET; POST only if its caller says that it is safe), how long
we wait, and where a redirect may lead. An error names the service, the number of attempts and a remedy. The
meaning of an answer is decided elsewhere.
"""

import os
import random
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from anchor import __version__
from anchor.errors import Misuse
from anchor.net.budget import Budget
from anchor.net.http_deadline import Answer, ExchangeError, Timeouts, exchange, new_session
from anchor.net.service_errors import HttpError, LostAnswer, NotSent, ServiceError, excerpt, service_at
from anchor.net.urls import check_url, is_loopback, origin

AGENT = f"ledger-anchor/{__version__}"
REDIRECTS = 3
_RETRIED = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Patience:
    """Time limits and retries of the calls to one service. Seconds, except `attempts`."""

    connect: float = 5.0
    read: float = 30.0
    whole: float = 60.0  # one attempt, from the connection to the last byte
    attempts: int = 4
    pause: float = 0.25  # doubles with each attempt, plus as much again at random
    longest: float = 10.0


PATIENCE = Patience()


@dataclass(frozen=True)
class Response:
    """An accepted answer. `url` is the one that answered, after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def get(
    service: str,
    url: str,
    *,
    budget: Budget,
    limit: int,
    expect: Collection[str] = (),
    accept: Collection[int] = (200,),
    headers: Mapping[str, str] | None = None,
    patience: Patience = PATIENCE,
    into: BinaryIO | None = None,
) -> Response:
    """Fetch at most `limit` bytes. `expect`: media types, none = any. Retries within the budget. `into`: a
    file for the body of an answer 200, where somebody unknown says how long it may be; none in memory then.

    Raises NotSent, LostAnswer, HttpError (all Unavailable); Misuse for a URL that must not be fetched.
    """
    visited = url
    for _ in range(REDIRECTS + 1):
        wanted, sent = {*accept, *_REDIRECT}, dict(headers or {})
        call = _Call(service, "GET", visited, None, sent, expect, wanted, limit, budget, patience, into)
        began = budget.spent()
        answer = call.run(retry_sent=True, retry_unsent=True)
        if answer.status not in _REDIRECT or answer.status in accept:
            return Response(answer.status, answer.headers, answer.body, visited)
        target = _redirect_target(visited, answer)
        if target is None:
            raise call.explained(_http_error(answer), 1, began)
        visited = target
    raise HttpError(
        f"more than {REDIRECTS} redirects", where=service_at(service, url), remedy="check the URL"
    )


def post(  # noqa: PLR0913 - keywords, each with its meaning below
    service: str,
    url: str,
    body: bytes,
    *,
    content_type: str,
    budget: Budget,
    limit: int,
    expect: Collection[str] = (),
    accept: Collection[int] = (200, 201),
    headers: Mapping[str, str] | None = None,
    patience: Patience = PATIENCE,
    safe: bool = False,
    retry_unsent: bool = False,
) -> Response:
    """Send `body` once. `safe`: repeating has no further effect, so it is retried as a GET is.
    `retry_unsent`: repeat only what certainly never left (no connection). A redirect is an error.

    Raises as `get`; LostAnswer and HttpError with `maybe_taken` mean: look before you send again.
    """
    sent = {"Content-Type": content_type, **(headers or {})}
    call = _Call(service, "POST", url, body, sent, expect, set(accept), limit, budget, patience)
    answer = call.run(retry_sent=safe, retry_unsent=safe or retry_unsent)
    return Response(answer.status, answer.headers, answer.body, url)


_REDIRECT = frozenset({301, 302, 303, 307, 308})


@dataclass
class _Call:
    """One request, repeated as often as is safe and useful."""

    service: str
    method: str
    url: str
    body: bytes | None
    headers: dict[str, str]
    expect: Collection[str]
    accept: set[int]
    limit: int
    budget: Budget
    patience: Patience
    into: BinaryIO | None = None

    def run(self, *, retry_sent: bool, retry_unsent: bool) -> Answer:
        check_url(self.url, where=self.service)
        began, tried, asked = self.budget.spent(), 0, False
        error: ServiceError | None = None
        while True:
            if self.budget.left() <= 0:
                # with the reason of the last attempt, where a pause took longer than was asked for
                over = NotSent("the time for this command is used up", remedy=self.budget.remedy)
                raise self.explained(error or over, tried, began)
            tried += 1
            wait: float | None = None
            try:
                answer = self._exchange(pooled=retry_sent)
            except ExchangeError as e:
                asked = asked or e.sent
                error = (LostAnswer if asked else NotSent)(e.reason, remedy=e.remedy)
                error.too_large, error.web_page = e.too_large, e.web_page
                again = e.again and (retry_unsent if not e.sent else retry_sent)
            else:
                if answer.status in self.accept:
                    if problem := self._wrong_type(answer):
                        raise self.explained(problem, tried, began)
                    return answer
                asked = True
                error = _http_error(answer)
                wait = _retry_after(answer.headers)
                again = answer.status in _RETRIED and retry_sent
            pause = self._pause(tried, wait)
            if not again or tried >= self.patience.attempts or pause >= self.budget.left():
                raise self.explained(error, tried, began, wait)
            self.budget.sleep(pause)

    def _exchange(self, *, pooled: bool) -> Answer:
        """One attempt. A request that must not be sent twice gets a connection of its own.

        If the server has just closed a pooled connection, a request that it never read looks like a lost
        answer.
        """
        headers = {
            "User-Agent": AGENT,
            "Accept": ", ".join(self.expect) or "*/*",
            "Accept-Encoding": "identity",
        }
        request = requests.Request(self.method, self.url, {**headers, **self.headers}, data=self.body)
        session = _session() if pooled else new_session()
        try:
            whole = min(self.budget.left(), self.patience.whole)
            times = Timeouts(whole, min(whole, self.patience.connect), min(whole, self.patience.read))
            return exchange(
                session,
                request,
                times=times,
                limit=self.limit,
                proxies=_proxies(self.url),
                into=self.into,
                look=self.budget.left,
            )
        finally:
            if not pooled:
                session.close()

    def _pause(self, tried: int, asked: float | None) -> float:
        jitter = random.uniform(0, self.patience.pause)  # noqa: S311 - spreads load, hides nothing
        if asked is not None:
            return asked + jitter
        return float(min(self.patience.longest, self.patience.pause * 2 ** (tried - 1)) + jitter)

    def _wrong_type(self, answer: Answer) -> ServiceError | None:
        found = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if not self.expect or answer.status in _REDIRECT or found in self.expect:
            return None
        given = excerpt(found.encode()) or "no media type"
        problem = f"answered with {given}, not {' or '.join(self.expect)}"
        kind = LostAnswer if self.method == "POST" else ServiceError
        return kind(problem, remedy="check the URL and any proxy")

    def explained(
        self, error: ServiceError, tried: int, began: float, wait: float | None = None
    ) -> ServiceError:
        times = "once" if tried == 1 else f"{tried} times"
        error.problem += f" (tried {times} in {self.budget.spent() - began:.1f} s)" if tried else ""
        if wait is not None:
            error.problem += f"; it asks to wait {wait:.0f} s, {self.budget.left():.0f} s are left"
        error.where = service_at(self.service, self.url)
        if not error.remedy:
            refused = isinstance(error, HttpError) and error.status < 500 and error.status != 429
            error.remedy = "check the URL and what is asked of it" if refused else "try again later"
            if isinstance(error, HttpError) and error.status in _REDIRECT:
                error.remedy = "only the same host is followed: name the right URL yourself"
            elif error.maybe_taken and self.method == "POST" and not refused:
                error.remedy = "look whether it was taken before it is sent again"
        return error


def _redirect_target(url: str, answer: Answer) -> str | None:
    """The target of a redirect; None for another origin. A change from https to http is another origin."""
    try:
        target = urljoin(url, answer.headers.get("Location", ""))
        check_url(target, where="redirect")
        return target if origin(target) == origin(url) else None
    except (Misuse, ValueError):
        return None


def _proxies(url: str) -> dict[str, str] | None:
    """The proxies of a request; None: those of the environment.

    Plain http is allowed only on this machine, so such a request never goes to a proxy elsewhere.
    """
    parts = urlsplit(url)
    if parts.scheme != "http":
        return None
    proxy = select_proxy(url, get_environ_proxies(url))
    if proxy is None or is_loopback(urlsplit(proxy if "//" in proxy else f"//{proxy}").hostname or ""):
        return None
    return {"http": "", "all": ""}


_BODY_KEPT = 4096


def _http_error(answer: Answer) -> HttpError:
    said = excerpt(answer.body[:200])
    where_to = answer.headers.get("Location", "") if answer.status in _REDIRECT else ""
    problem = f"HTTP {answer.status}" + (f", redirects to {excerpt(where_to.encode())}" if where_to else "")
    error = HttpError(problem + (f": {said}" if said else ""))
    error.status, error.headers, error.body = answer.status, answer.headers, answer.body[:_BODY_KEPT]
    return error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    try:
        return Retry().parse_retry_after(text[:40]) if text else None
    except (HTTPError, ValueError, OverflowError):
        return None


_sessions: dict[int, requests.Session] = {}
_lock = threading.Lock()


def _session() -> requests.Session:
    """The session of this process. It keeps connections open, and shares none with a parent process."""
    with _lock:
        pid = os.getpid()
        if pid not in _sessions:
            _sessions.clear()
            _sessions[pid] = new_session()
        return _sessions[pid]
