# SPDX-License-Identifier: Apache-2.0
"""Laws of a network call: a budget, a cap, an origin, and a repetition only where it is safe."""

import gzip
import re
import subprocess
import sys
import time
import zlib
from typing import Any

import pytest

from anchor.errors import Misuse, Unavailable
from anchor.net import http, http_deadline
from anchor.net.budget import Budget
from anchor.net.http import Patience
from anchor.net.http_deadline import Answer, ExchangeError
from anchor.net.service_errors import HttpError, LostAnswer, NotSent, ServiceError
from tests.support.servers.bad_server import (
    MORE,
    Behaviour,
    Exchange,
    answer,
    bad_server,
    closed_port,
    cut,
    drip,
    drop_after,
    endless,
    flood,
    hang_after,
    hang_before,
    redirect,
)

PATIENCE = Patience(connect=60, read=60, attempts=3, pause=0.01)
"""With it only the budget ends a call, and a machine that is busy for a while is no time-out."""


def fetch(url: str, *, seconds: float = 60, limit: int = 1000, **kw: object) -> http.Response:
    budget = Budget(seconds)
    return http.get("the log", url, budget=budget, limit=limit, patience=PATIENCE, **kw)  # type: ignore[arg-type]


def send(url: str, *, seconds: float = 60, safe: bool = False, retry_unsent: bool = False) -> http.Response:
    return http.post(
        "the log", url, b"{}", content_type="application/json", budget=Budget(seconds), limit=1000,
        patience=PATIENCE, safe=safe, retry_unsent=retry_unsent,
    )  # fmt: skip


def test_an_answer_is_given_with_status_headers_and_body() -> None:
    with bad_server(answer(200, b'{"a":1}', X_Log_Index="7")) as s:
        got = fetch(s.url, expect=("application/json",))
    assert (got.status, got.body, got.headers["x-log-index"]) == (200, b'{"a":1}', "7")


def test_refused_connection_is_not_sent_and_names_the_service() -> None:
    url = f"http://127.0.0.1:{closed_port()}/api"
    with pytest.raises(NotSent) as e:
        fetch(url)
    line = str(e.value)
    assert line.startswith(f"the log {url}: no connection: Connection refused (tried 3 times in ")
    assert line.endswith("; try again later")
    assert "\n" not in line
    assert not e.value.maybe_taken


@pytest.mark.parametrize(
    "behaviour", [drip(each=0.05), drip(each=0.05, headers_too=True), hang_before, hang_after]
)
def test_server_that_drips_or_hangs_ends_within_the_budget(behaviour: Behaviour) -> None:
    # Which of two time-outs ends a call that hangs is chance: of the read, or of the whole.
    for more in MORE:
        with bad_server(behaviour) as s, pytest.raises(ServiceError) as e:
            fetch(s.url, seconds=0.9 * more)
        if e.value.maybe_taken:
            break
    assert isinstance(e.value, LostAnswer)
    assert re.search("no (whole )?answer within", str(e.value))


@pytest.mark.parametrize("announced", [True, False])
def test_hundred_megabytes_are_refused_at_the_cap(announced: bool) -> None:
    with bad_server(flood(announced=announced)) as s:
        with pytest.raises(Unavailable, match="more than 1000 bytes"):
            fetch(s.url)
        assert len(s.times) == 1


def test_gzip_bomb_is_refused_at_the_cap() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    with (
        bad_server(answer(200, bomb, Content_Encoding="gzip")) as s,
        pytest.raises(Unavailable, match="more than"),
    ):
        fetch(s.url, limit=100_000)


CHUNKED = b"HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "trailers": (CHUNKED + b"1\r\nx\r\n0\r\n", b"T: " + b"t" * 60_000 + b"\r\n"),
    "short trailers": (CHUNKED + b"0\r\n", b"T: t\r\n" * 10_000),
    "chunk extensions": (CHUNKED, b"1;" + b"e" * 60_000 + b"\r\nx\r\n"),
    "answers before the answer": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "headers": (b"HTTP/1.1 200 Said\r\n", b"H: " + b"h" * 60_000 + b"\r\n"),
    "a header": (b"HTTP/1.1 200 Said\r\nH: ", b"h" * 60_000),
}


@pytest.mark.parametrize(("start", "block"), ENDLESS.values(), ids=ENDLESS)
def test_what_comes_beside_the_body_has_a_cap_too(start: bytes, block: bytes) -> None:
    """RFC 9112 section 7.1.2: trailers have no end of their own. They were read until the time was up."""
    with bad_server(endless(start, block)) as s, pytest.raises(Unavailable):
        fetch(s.url, limit=1 << 30)
    assert s.sent < 32 << 20  # what the client takes, and what the system holds on the way
    assert len(s.times) <= PATIENCE.attempts


def test_an_honest_answer_in_chunks_of_a_byte_with_a_trailer_is_read() -> None:
    body = b"1\r\nx\r\n" * 400_000 + b"0\r\nDigest: abc\r\n\r\n"

    def behave(x: Exchange) -> None:
        x.request()
        x.send(CHUNKED + body)

    with bad_server(behave) as s:
        assert fetch(s.url, limit=400_000).body == b"x" * 400_000


def test_no_memory_is_taken_for_a_size_that_nobody_signed() -> None:
    """A few hundred kB of gzip, though identity was asked, and release.json that says how long they get."""
    size = 100 << 20
    packed = zlib.compressobj(wbits=31)
    bomb = b"".join(packed.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packed.flush()
    assert len(bomb) < 1 << 20
    code = """
import sys
from pathlib import Path
from anchor.net.release_files import Remote
from anchor.net.budget import Budget
status = Path("/proc/self/status")  # ru_maxrss begins with the most that the parent had
used = lambda: int(status.read_text().partition("VmHWM:")[2].split()[0])
before, size, found = used(), int(sys.argv[2]), 0
with Remote(sys.argv[1], Budget(120)).open("ledger.md", size=size) as stream:
    while data := stream.read(1 << 18):
        found += len(data)
assert found == size
print(used() - before)
"""
    with bad_server(answer(200, bomb, Content_Encoding="gzip")) as s:
        words = [sys.executable, "-c", code, f"{s.url}/release.json", str(size)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60 << 10  # kB


def test_gzip_is_read_and_a_cut_gzip_is_not() -> None:
    whole = gzip.compress(b"abc" * 100)
    with bad_server(answer(200, whole, Content_Encoding="gzip")) as s:
        assert fetch(s.url).body == b"abc" * 100
    with (
        bad_server(answer(200, whole[:-12], Content_Encoding="gzip")) as s,
        pytest.raises(LostAnswer, match="cut off"),
    ):
        fetch(s.url)


def test_other_encodings_are_refused() -> None:
    with (
        bad_server(answer(200, b"x", Content_Encoding="br")) as s,
        pytest.raises(Unavailable, match="encoding 'br'"),
    ):
        fetch(s.url)


def test_cut_body_is_a_lost_answer_and_is_fetched_again() -> None:
    with bad_server(cut(), answer(200, b"whole")) as s:
        assert fetch(s.url).body == b"whole"
    with bad_server(cut()) as s, pytest.raises(LostAnswer, match=r"cut off.*tried 3 times"):
        fetch(s.url, accept=(201,))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_get_is_repeated_on_passing_statuses(status: int) -> None:
    with bad_server(answer(status), answer(status), answer(200, b"ok")) as s:
        assert fetch(s.url).body == b"ok"
        assert len(s.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_other_statuses_are_told_at_once(status: int) -> None:
    with bad_server(answer(status, b"\x1b[31mno\n way")) as s, pytest.raises(HttpError) as e:
        fetch(s.url)
    assert (e.value.status, len(s.requests)) == (status, 1)
    assert "\x1b" not in str(e.value)
    assert f"HTTP {status}: [31mno way" in str(e.value)


def test_retry_after_is_honoured_within_the_budget() -> None:
    with bad_server(answer(429, Retry_After="1"), answer(200, b"ok")) as s:
        assert fetch(s.url).body == b"ok"
        assert s.times[1] - s.times[0] >= 1.0


@pytest.mark.parametrize("value", ["3600", "9" * 5000, "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_retry_after_beyond_the_budget_ends_at_once(value: str) -> None:
    with bad_server(answer(503, Retry_After=value)) as s, pytest.raises(HttpError, match="503"):
        fetch(s.url)


@pytest.mark.parametrize("value", ["soon", "-5", "\xff"])
def test_nonsense_retry_after_is_ignored(value: str) -> None:
    with bad_server(answer(429, Retry_After=value), answer(200, b"ok")) as s:
        assert fetch(s.url).body == b"ok"


@pytest.mark.parametrize("behaviour", [answer(500), answer(503), answer(429), hang_after, drop_after, cut()])
def test_a_post_is_never_sent_twice(behaviour: Behaviour) -> None:
    for more in MORE:
        with bad_server(behaviour) as s, pytest.raises(Unavailable):
            send(s.url, seconds=0.5 * more)
        if s.requests:
            break
    assert len(s.requests) == 1


def test_a_post_that_may_have_been_taken_says_so() -> None:
    with bad_server(drop_after) as s, pytest.raises(LostAnswer, match="look whether it was taken") as e:
        send(s.url)
    assert e.value.maybe_taken
    with bad_server(answer(502)) as s, pytest.raises(HttpError) as h:
        send(s.url)
    assert h.value.maybe_taken
    for status in (202, 302, 403, 429):  # a gateway may have passed it on
        with bad_server(answer(status)) as s, pytest.raises(HttpError) as h:
            send(s.url)
        assert h.value.maybe_taken
    with pytest.raises(NotSent) as n:
        send(f"http://127.0.0.1:{closed_port()}")
    assert not n.value.maybe_taken


def test_a_safe_post_is_repeated_as_a_get() -> None:
    with bad_server(drop_after, answer(503), answer(201, b"ok")) as s:
        assert send(s.url, safe=True).body == b"ok"


def test_only_what_never_left_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    real, refused = http_deadline.exchange, [ExchangeError("no connection", sent=False, again=True)]

    def exchange(*args: Any, **kwargs: Any) -> Answer:
        if refused:
            raise refused.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(http, "exchange", exchange)
    with bad_server(answer(201, b"ok")) as s:
        assert send(s.url, retry_unsent=True).body == b"ok"
    assert not refused
    for behaviour in (drop_after, answer(429), answer(503)):
        with bad_server(behaviour) as s, pytest.raises(ServiceError):
            send(s.url, retry_unsent=True)
        assert len(s.requests) == 1


def test_redirect_on_the_same_origin_is_followed() -> None:
    with bad_server(redirect("/there?q=1"), answer(200, b"ok")) as s:
        got = fetch(s.url + "/here")
        assert (got.body, got.url, s.requests[1].path) == (b"ok", s.url + "/there?q=1", "/there?q=1")


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:1/", "https://example.org/", "http://localhost/", "file:///etc/passwd", "http://[::"],
)
def test_redirect_elsewhere_is_refused(target: str) -> None:
    with bad_server(redirect(target)) as s, pytest.raises(HttpError, match="redirects to"):
        fetch(s.url)


def test_redirects_end() -> None:
    with bad_server(redirect("/again")) as s, pytest.raises(HttpError, match="more than 3 redirects"):
        fetch(s.url)
    assert len(s.requests) == 4


def test_a_post_follows_no_redirect() -> None:
    with (
        bad_server(redirect("/there", 307), answer(201)) as s,
        pytest.raises(HttpError, match="redirects to /there"),
    ):
        send(s.url, safe=True)
    assert len(s.requests) == 1


@pytest.mark.parametrize("ctype", ["text/html; charset=utf-8", "", "application/jsonx"])
def test_answer_of_another_type_is_unavailable(ctype: str) -> None:
    with (
        bad_server(answer(200, b"<html>", ctype)) as s,
        pytest.raises(ServiceError, match="not application/json"),
    ):
        fetch(s.url, expect=("application/json",))


@pytest.mark.parametrize(
    "url",
    ["http://example.org/", "ftp://127.0.0.1/", "file:///etc/passwd", "https://u:p@example.org/", "https://",
     "//x", "https://example.org:99999/", "https://exa mple.org/", "http://127.0.0.1.example.org/", "https://a\n"],
)  # fmt: skip
def test_url_that_must_not_be_fetched(url: str) -> None:
    with pytest.raises(Misuse):
        fetch(url)


def test_a_spent_budget_sends_nothing() -> None:
    with bad_server(answer(200)) as s, pytest.raises(NotSent, match="used up"):
        fetch(s.url, seconds=0)
    assert not s.requests


def test_a_spent_budget_of_an_option_names_it() -> None:
    budget = Budget(0, remedy="give more with --within")
    with pytest.raises(NotSent, match="used up; give more with --within"):
        http.get("the log", "http://127.0.0.1:9/", budget=budget, limit=1000, patience=PATIENCE)


def test_a_pause_that_takes_longer_than_the_budget_does_not_hide_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = 0.0
    budget = Budget(60, clock=lambda: time.monotonic() + late)

    def oversleep(_seconds: float) -> None:
        nonlocal late
        late = 100

    monkeypatch.setattr("anchor.net.budget.time.sleep", oversleep)
    with bad_server(answer(503, b"busy")) as s, pytest.raises(HttpError, match="HTTP 503: busy"):
        http.get("the log", s.url, budget=budget, limit=1000, patience=PATIENCE)
    assert len(s.requests) == 1


def test_an_outer_place_keeps_what_is_known() -> None:
    with bad_server(answer(404, b"x")) as s, pytest.raises(HttpError) as e:
        fetch(s.url)
    outer = e.value.at("bundle")
    assert isinstance(outer, HttpError)
    assert (outer.status, outer.body) == (404, b"x")
    assert str(outer).startswith("bundle: the log ")
