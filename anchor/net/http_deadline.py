# SPDX-License-Identifier: Apache-2.0
"""One HTTP exchange that ends at its deadline.

A socket time-out limits one read, not a whole answer: it never occurs if a server sends one byte a second.
Name resolution has no time-out at all. So each exchange runs in a thread of its own, and at the deadline its
socket is shut down. We also record whether the request had begun to leave, because only then can it have had
an effect. `http.py` decides what is repeated and how errors are worded.
"""

import contextlib
import http.client
import io
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, BinaryIO

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from anchor.net.budget import LOOK

CHUNK = 1 << 16
OK = 200
MAX_OVERHEAD = 1 << 20
"""Bytes of an answer that are not its body: status, headers, chunk sizes, trailers."""
OVERHEAD_FACTOR = 8
"""The overhead may be this many times the body: chunks of one byte need so much."""


@dataclass(frozen=True)
class Answer:
    """Status, headers and body (decoded, within the cap) of one exchange; no body where it went to a file."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ExchangeError(Exception):
    """An exchange without an answer. Only `http.py` sees it.

    `sent`: the request may have had its effect. `again`: a repetition may help.
    """

    too_large = False
    web_page = False

    def __init__(self, reason: str, *, sent: bool, again: bool = True, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason, self.sent, self.again, self.remedy = reason, sent, again, remedy


@dataclass(frozen=True)
class Timeouts:
    """Seconds for the whole exchange, for a connection, and for one read."""

    whole: float
    connect: float
    read: float


@dataclass
class Progress:
    """The progress of a running exchange, shared with the thread that waits for it."""

    sent: bool = False
    received: int = 0
    """Bytes that came over the connection; `body` counts those of the body."""
    body: int = 0
    excess: str = ""
    sock: socket.socket | None = None
    ended: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def attach(self, sock: Any) -> None:
        with self.lock:
            self.sock = sock
            if self.ended:
                self._shut_down()

    def count(self, size: int) -> None:
        """Count received bytes. Raises OSError if there are too many bytes besides the body.

        The body has a limit of its own. Headers, interim answers, chunk sizes and trailers (RFC 9112 section
        7.1.2) have none and could go on for ever.
        """
        self.received += size
        if self.received > MAX_OVERHEAD + OVERHEAD_FACTOR * self.body:
            self.excess = f"an answer of more than {MAX_OVERHEAD} bytes besides its body"
            raise OSError(self.excess)

    def end(self) -> None:
        """Shut the socket down, so that whatever blocks on it returns."""
        with self.lock:
            self.ended = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self.sock is not None:
            with contextlib.suppress(OSError, ValueError):
                # not SSLSocket.shutdown: it drops the TLS state under the thread that reads
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


_running = threading.local()


def _call() -> Progress | None:
    call: Progress | None = getattr(_running, "call", None)
    return call


class _CountingReader(io.RawIOBase):
    """The bytes of a connection, counted for the exchange that reads them."""

    def __init__(self, raw: io.RawIOBase, call: Progress) -> None:
        self._raw = raw
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        size = self._raw.readinto(buffer)
        self._call.count(size or 0)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _CountedResponse(http.client.HTTPResponse):
    """An answer whose bytes are counted from the first one on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (call := _call()) is not None:
            self.fp = io.BufferedReader(_CountingReader(self.fp.detach(), call))


class _Connection(HTTPConnection):
    """A connection that reports its socket, and the moment from which the request may have left."""

    response_class = _CountedResponse

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        if call := _call():
            call.attach(sock)
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        if call := _call():
            call.attach(self.sock)
            call.sent = True
        super().request(*args, **kwargs)


class _TLSConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _Adapter(HTTPAdapter):
    """The stock adapter with our connections; it repeats nothing by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None, because requests would parse the target even if it does not follow it."""
        return None


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add nothing. If `auth` is set, requests does not read ~/.netrc; a `default` line there would replace a
    Bearer header."""
    return request


def new_session() -> requests.Session:
    """A session that honours the proxies and CA bundle of the environment; no ~/.netrc, no cookies."""
    session = _Session()
    session.auth = _no_auth
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_maxsize=16))
    return session


def exchange(
    session: requests.Session,
    request: requests.Request,
    *,
    times: Timeouts,
    limit: int,
    proxies: dict[str, str] | None,
    into: BinaryIO | None = None,
    look: Callable[[], object] = lambda: None,
) -> Answer:
    """Send once and read the answer within `times.whole`; at most `limit` bytes of body, which go `into` a
    file where one is given and the status is 200. `look` is called again and again while we wait, and may
    raise to end the exchange. Raises ExchangeError."""
    call, done = Progress(), threading.Event()
    out: list[Answer | BaseException] = []

    def work() -> None:
        _running.call = call
        try:
            out.append(_send_and_read(session, request, call, times, limit, proxies, into))
        except BaseException as e:  # noqa: BLE001 - handed to the waiting thread, which raises it
            out.append(e)
        finally:
            done.set()

    threading.Thread(target=work, name="anchor-http", daemon=True).start()
    try:
        in_time = _waited(done, times.whole, look)
    finally:
        if not done.is_set():
            call.end()
    if not in_time:
        raise ExchangeError(f"no whole answer within {times.whole:.1f} s", sent=call.sent, again=False)
    if isinstance(out[0], BaseException):
        raise out[0]
    return out[0]


def _waited(done: threading.Event, seconds: float, look: Callable[[], object]) -> bool:
    """Wait at most so long. True if it is done.

    Not in one piece: Python handles a signal that came just before a wait when the wait is over.
    """
    limit = time.monotonic() + seconds
    while (left := limit - time.monotonic()) > 0:
        if done.wait(min(left, LOOK)):
            return True
        look()
    return done.is_set()


def _send_and_read(
    session: requests.Session,
    request: requests.Request,
    call: Progress,
    times: Timeouts,
    limit: int,
    proxies: dict[str, str] | None,
    into: BinaryIO | None,
) -> Answer:
    try:
        response = session.request(
            request.method, request.url, headers=request.headers, data=request.data,
            timeout=(times.connect, times.read), stream=True, allow_redirects=False, proxies=proxies,
        )  # fmt: skip
    except (requests.RequestException, OSError, urllib3.exceptions.HTTPError, ValueError) as e:
        raise _error(e, call, times) from None
    with contextlib.closing(response):
        try:
            raw = _Body(response.raw.read, call, limit)
            file = into if into is not None and response.status_code == OK else io.BytesIO()
            _write_body(_decoded(raw, response), file, limit)
        except ExchangeError as e:
            e.web_page = response.headers.get("Content-Type", "").lower().startswith("text/html")
            raise
        except zlib.error:
            raise ExchangeError("an answer that is not the gzip it says it is", sent=True) from None
        except (OSError, urllib3.exceptions.HTTPError, ValueError) as e:
            raise _error(e, call, times) from None
    body = file.getvalue() if isinstance(file, io.BytesIO) and file is not into else b""
    return Answer(response.status_code, response.headers, body)


def _write_body(chunks: Iterator[bytes], file: BinaryIO, limit: int) -> None:
    """Write the body into a file from its beginning: an attempt before this one may have left some there."""
    file.seek(0)
    file.truncate()
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        file.write(chunk)


def _decoded(raw: Iterable[bytes], response: requests.Response) -> Iterator[bytes]:
    """Identity or, though it was not asked for, gzip, a piece at a time."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        yield from raw
    elif encoding in ("gzip", "x-gzip"):
        yield from _inflated(raw)
    else:
        problem = f"an answer in the encoding {encoding[:40]!r}, which was not asked for"
        raise ExchangeError(problem, sent=True, again=False)


def _inflated(raw: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of one gzip member (RFC 1952); what follows it is read and dropped."""
    inflate = zlib.decompressobj(wbits=31)
    for chunk in raw:
        rest = b"" if inflate.eof else chunk
        while rest:
            yield inflate.decompress(rest, CHUNK)
            rest = inflate.unconsumed_tail
    if not inflate.eof:
        raise ExchangeError("an answer cut off in the middle", sent=True)


class _Body:
    """The pieces of a body as they come, no more than `limit` bytes."""

    def __init__(self, read: Callable[..., bytes], call: Progress, limit: int) -> None:
        self._read = read
        self._call = call
        self._limit = limit

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._read(CHUNK, decode_content=False):
            self._call.body += len(chunk)
            if self._call.body > self._limit:
                raise _too_large(self._limit)
            yield chunk


def _too_large(limit: int) -> ExchangeError:
    fault = ExchangeError(f"an answer of more than {limit} bytes", sent=True, again=False)
    fault.too_large = True
    return fault


def _error(e: BaseException, call: Progress, times: Timeouts) -> ExchangeError:
    """The error of ours for an error of requests or urllib3."""
    text = _cause(e)
    if call.excess:
        return ExchangeError(call.excess, sent=True, again=False)
    if isinstance(e, requests.exceptions.SSLError):
        remedy = "check the clock and the CA certificates (REQUESTS_CA_BUNDLE names a file of your own)"
        return ExchangeError(
            f"no trusted TLS connection: {text}", sent=call.sent, again="EOF" in text, remedy=remedy
        )
    if isinstance(e, requests.exceptions.ProxyError):
        remedy = "check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY"
        return ExchangeError(f"the proxy did not connect: {text}", sent=call.sent, remedy=remedy)
    if isinstance(e, requests.exceptions.ConnectTimeout):
        return ExchangeError(f"no connection within {times.connect:.1f} s", sent=False)
    if isinstance(e, requests.Timeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
        return ExchangeError(f"no answer within {times.read:.1f} s", sent=call.sent)
    if "IncompleteRead" in text:
        return ExchangeError("an answer cut off in the middle", sent=True)
    if not call.sent and isinstance(e, requests.ConnectionError):
        return ExchangeError(f"no connection: {text}", sent=False)
    if not call.sent:
        return ExchangeError(text, sent=False, again=False)
    return ExchangeError(f"the connection broke: {text}", sent=True)


def _cause(e: BaseException) -> str:
    """The innermost reason, without the addresses of objects."""
    seen = 0
    while seen < 8:
        seen += 1
        inner = getattr(e, "reason", None) or e.__cause__ or e.__context__
        inner = (
            inner
            if isinstance(inner, BaseException)
            else next((a for a in e.args if isinstance(a, BaseException)), None)
        )
        if inner is None:
            break
        e = inner
    words = getattr(e, "strerror", None) or getattr(e, "verify_message", None) or str(e) or type(e).__name__
    return " ".join(str(words).split())[:200]
