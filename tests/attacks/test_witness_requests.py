# SPDX-License-Identifier: Apache-2.0
"""Strangers against the HTTP server of our witness: garbage, drips, floods, smuggled requests, origins."""

import contextlib
import os
import random
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from anchor.net import http_server
from anchor.tlog import add_checkpoint, note
from anchor.witness import cosigning
from anchor.witness.witness_server import Handler
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import body
from tests.support.servers.own_witness import ServedWitness, made, serving

LOG = SimLog().grow(20)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedWitness]:
    with serving(made(tmp_path / "w1", LOG.key), client_rate=10**6) as found:
        yield found


@pytest.fixture(autouse=True)
def _no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request ends at its deadline because this machine is slow. A test of a deadline has its own."""
    monkeypatch.setattr(http_server, "WHOLE", 600.0)
    monkeypatch.setattr(http_server, "IDLE", 600.0)


@pytest.fixture(autouse=True)
def _lives(served: ServedWitness) -> Iterator[None]:
    """After every attack it still serves, and holds nothing that it should not."""
    yield
    assert served.add(body(LOG, 0, 7)).status in (200, 409)
    assert served.add(body(LOG, 7)).status in (200, 409)


def raw(served: ServedWitness, data: bytes) -> bytes:
    """Everything that is answered to these bytes until the server closes."""
    with socket.create_connection(("127.0.0.1", served.server.server_address[1]), timeout=90) as s:
        with contextlib.suppress(OSError):
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        got = b""
        with contextlib.suppress(OSError):
            while part := s.recv(1 << 16):
                got += part
        return got


def post(data: bytes, *headers: bytes, path: bytes = b"/add-checkpoint") -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: w", b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + data


def with_length(data: bytes) -> bytes:
    return post(data, b"Content-Length: %d" % len(data))


# Bodies


@pytest.mark.parametrize("seed", range(3))
def test_requests_with_bytes_changed_are_answered_and_never_cosign_what_the_log_did_not(
    served: ServedWitness, seed: int
) -> None:
    chance = random.Random(seed)
    honest = body(LOG, 0, 7)
    for _ in range(60):
        data = bytearray(honest)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 3)] = os.urandom(chance.randint(0, 3))
        answer = served.add(bytes(data))
        assert answer.status in (200, 400, 403, 404, 409, 422)
        if answer.status == 200:
            found = note.parse(LOG.sign(7) + answer.body)
            assert len(note.verify(found, served.keys)) == 2, "the signed text is the honest one"


def test_a_request_of_any_length_that_is_allowed_is_read(served: ServedWitness) -> None:
    lines = b"".join(note.line("stranger.example", bytes([n] * 4), b"\5" * 7000) for n in range(99))
    large = note.add(LOG.sign(7), lines)
    assert 900_000 < len(large) < add_checkpoint.MAX_REQUEST
    assert served.add(body(LOG, 0, 7, signed=large)).status == 200
    assert b"stranger" not in served.latest(LOG.origin).body


def test_a_signature_that_is_repeated_costs_no_more_than_a_note_may_have(served: ServedWitness) -> None:
    line = LOG.sign(7).rpartition(b"\n\n")[2]
    assert served.add(body(LOG, 0, 7, signed=LOG.sign(7) + line * 98)).status == 200
    assert served.latest(LOG.origin).body.count(b"log.sim.invalid/a") == 2, "kept once"
    assert served.add(body(LOG, 7, 7, signed=LOG.sign(7) + line * 100)).status == 400


def test_extension_lines_of_a_log_do_not_fill_the_disk(served: ServedWitness) -> None:
    log = SimLog().grow(7)
    log.extensions = ("a" * 70_000,)
    assert served.add(body(log, 0)).status == 400


@pytest.mark.parametrize("length", [add_checkpoint.MAX_REQUEST + 1, 10**9, 10**11])
def test_a_larger_request_is_not_read(served: ServedWitness, length: int) -> None:
    answer = raw(served, post(b"x" * 1000, b"Content-Length: %d" % length))
    assert b" 413 " in answer.splitlines()[0]


# Memory


def large(served: ServedWitness) -> socket.socket:
    """A connection that has sent a part of a larger request."""
    found = socket.create_connection(("127.0.0.1", served.server.server_address[1]), timeout=90)
    found.sendall(post(b"old 0\n", b"Content-Length: %d" % (http_server.SMALL + 1)))
    return found


def large_ones(served: ServedWitness) -> int:
    return len(served.server._large)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


LARGE = b"old 0\n\n" + b"a" * http_server.SMALL


def test_few_large_requests_are_in_memory_at_once_and_a_silent_one_makes_room(
    served: ServedWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "PATIENCE", 0.05)
    whole = http_server.Server._make_room

    def make_room(*given: Any, **named: Any) -> bool:
        """The one that ends gives its room back in its own thread, however long that takes here."""
        monkeypatch.setattr(http_server, "PATIENCE", 60.0)
        return whole(*given, **named)

    with contextlib.ExitStack() as opened:
        silent = [opened.enter_context(large(served)) for _ in range(http_server.LARGE)]
        until(lambda: large_ones(served) == http_server.LARGE)
        assert served.add(body(LOG, 0, 7)).status == 200, "a request of the usual size needs no such room"
        with monkeypatch.context() as patched:
            patched.setattr(http_server.Server, "_make_room", make_room)
            assert served.add(LARGE).status == 400
        monkeypatch.setattr(http_server, "PATIENCE", 0.05)
        ended = [s for s in silent if select.select([s], [], [], 0)[0]]
        assert len(ended) == 1
        assert ended[0].recv(1) == b""
        more = [opened.enter_context(large(served)) for _ in range(12)]
        assert more
        until(lambda: large_ones(served) == http_server.LARGE)
    until(lambda: not large_ones(served))


def test_a_large_request_is_told_that_all_room_is_in_use(
    served: ServedWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "PATIENCE", 0.05)
    go, whole = threading.Event(), cosigning.Witness.add_checkpoint
    read: list[int] = []

    def slow(self: cosigning.Witness, data: bytes) -> cosigning.Answered:
        if len(data) > http_server.SMALL:
            read.append(len(data))
            assert go.wait(200)
        return whole(self, data)

    monkeypatch.setattr(cosigning.Witness, "add_checkpoint", slow)
    with ThreadPoolExecutor(http_server.LARGE) as pool:
        asked = [pool.submit(served.add, LARGE) for _ in range(http_server.LARGE)]
        until(lambda: len(read) == http_server.LARGE)  # one that is being read would make room
        assert served.add(LARGE).status == 503
        assert served.add(body(LOG, 0, 7)).status == 200
        go.set()
        assert {one.result().status for one in asked} == {400}
    assert served.add(LARGE).status == 400


# Framing


@pytest.mark.parametrize(
    "headers",
    [
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked",),
        (b"Content-Length: +5",),
        (b"Content-Length: 5, 5",),
        (b"Content-Length: 0x5",),
        (b"Content-Length: \xb2",),
        (b"Content-Length:",),
        (),
        (b"Content-Length: 5", b"Host: other"),
        (b"Content-Length: 5", b" folded: 1"),
        (b"Content-Length : 5",),
        (b"Content-Length\x00: 5",),
        (b"X: a\rContent-Length: 5",),
    ],
    ids=lambda h: b"|".join(h).decode("latin-1"),
)
def test_a_request_with_two_readings_is_refused_and_its_body_is_no_request(
    served: ServedWitness, headers: tuple[bytes, ...]
) -> None:
    smuggled = with_length(body(LOG, 0, 7)).replace(b"Connection: close\r\n", b"")
    answer = raw(served, post(smuggled, *headers).replace(b"Connection: close\r\n", b""))
    assert answer.count(b"HTTP/1.1 ") <= 1, "one answer at most"
    assert b" 200 " not in answer
    assert served.latest(LOG.origin).status == 404


def test_a_body_of_a_get_is_no_request(served: ServedWitness) -> None:
    smuggled = with_length(body(LOG, 0, 7))
    data = b"GET / HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n" % len(smuggled) + smuggled
    assert raw(served, data).count(b"HTTP/1.1 ") == 1
    assert served.latest(LOG.origin).status == 404


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"/a" * 40_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
        b"<script>alert(1)</script> / HTTP/1.1\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 500\r\n\r\nshort",
        b"\xff" * 3000,
    ],
)
def test_what_is_no_request_is_answered_without_quoting_it(served: ServedWitness, data: bytes) -> None:
    answer = raw(served, data)
    assert b"<" not in answer
    assert b" 200 " not in answer
    assert served.lines == []


# Time


def test_a_request_that_drips_ends_at_its_deadline(
    served: ServedWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = with_length(body(LOG, 0, 7))
    monkeypatch.setattr(http_server, "WHOLE", 0.5)
    with socket.create_connection(("127.0.0.1", served.server.server_address[1]), timeout=60) as s:
        with contextlib.suppress(OSError):
            for byte in data[:200]:
                s.sendall(bytes([byte]))
                time.sleep(0.01)
        with contextlib.suppress(OSError):
            assert s.recv(1) == b""
    monkeypatch.undo()  # the next request may take longer
    assert served.latest(LOG.origin).status == 404


def test_connections_that_send_nothing_hold_nobody_up(served: ServedWitness) -> None:
    with contextlib.ExitStack() as stack:
        for n in range(http_server.CONNECTIONS + 5):
            s = stack.enter_context(
                socket.create_connection(("127.0.0.1", served.server.server_address[1]), timeout=60)
            )
            s.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"[: n % 40])
        assert served.add(body(LOG, 0, 7)).status == 200


def connect(served: ServedWitness, address: str = "127.0.0.1", *, window: int = 0) -> socket.socket:
    """A connection from an address of this machine, which reads as little as `window` bytes ahead."""
    found = socket.socket()
    found.settimeout(90)
    if window:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    found.bind((address, 0))
    found.connect(("127.0.0.1", served.server.server_address[1]))
    return found


def test_whoever_opens_many_connections_takes_the_room_from_himself(served: ServedWitness) -> None:
    """A log that is slow to send its request is not the one that makes room for a flood."""
    data = with_length(body(LOG, 0, 7))
    with contextlib.ExitStack() as stack:
        slow = stack.enter_context(connect(served, "127.0.0.2"))
        slow.sendall(data[:100])
        for _ in range(2 * http_server.CONNECTIONS):
            stack.enter_context(connect(served))
        assert served.add(body(LOG, 0, 7)).status == 200
        slow.sendall(data[100:])
        assert slow.recv(20).startswith(b"HTTP/1.1 409 "), "the other one was faster, and both were heard"


def test_a_flood_whose_threads_begin_late_takes_no_room_of_others(
    served: ServedWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection counts for its client when it is accepted, not when its thread begins."""
    data, go = with_length(body(LOG, 0, 7)), threading.Event()
    setup, make_room = Handler.setup, http_server.Server._make_room
    ended: list[bool] = []

    def late(self: Handler) -> None:
        if self.client_address[0] == "127.0.0.1":
            assert go.wait(200)
        setup(self)

    def told(*given: Any) -> bool:
        ended.append(make_room(*given))
        return ended[-1]

    monkeypatch.setattr(Handler, "setup", late)
    monkeypatch.setattr(http_server.Server, "_make_room", told)
    monkeypatch.setattr(http_server, "PATIENCE", 60.0)
    with contextlib.ExitStack() as stack:
        slow = stack.enter_context(connect(served, "127.0.0.2"))
        slow.sendall(data[:100])
        for _ in range(2 * http_server.CONNECTIONS):
            stack.enter_context(connect(served))
        until(lambda: bool(ended))
        time.sleep(0.3)  # it could end another one by now
        assert "127.0.0.2" in served.server._waiting.values()
        go.set()
        slow.sendall(data[100:])
        assert slow.recv(20).startswith(b"HTTP/1.1 200 ")


def test_clients_that_do_not_read_their_answers_hold_nobody_up(tmp_path: Path) -> None:
    many = [SimLog(origin=f"log-{n}.example/{'x' * 200}", seed=n + 2).key for n in range(300)]
    with (
        serving(made(tmp_path / "w", LOG.key, *many), client_rate=10**6) as served,
        contextlib.ExitStack() as stack,
    ):
        for n in range(http_server.CONNECTIONS):
            s = stack.enter_context(connect(served, f"127.0.1.{n + 1}", window=1024))
            s.sendall(b"GET / HTTP/1.1\r\nHost: w\r\n\r\n" * 100)
        assert served.add(body(LOG, 0, 7)).status == 200


def test_a_server_without_room_ends_when_it_is_told(served: ServedWitness) -> None:
    with http_server.Server(Handler, host="127.0.0.1", port=0) as server, socket.socket() as s:
        for _ in range(http_server.CONNECTIONS):
            assert server._slots.acquire(blocking=False)
        server.ask_to_end()
        with pytest.raises(KeyboardInterrupt):
            server.process_request(s, ("127.0.0.1", 1))


def test_headers_are_read_only_up_to_a_limit(served: ServedWitness) -> None:
    """A hundred headers of 64 KiB on each of 64 connections would take half a gigabyte."""
    large = [b"X-%d: " % n + b"a" * 60_000 for n in range(3)]
    assert b" 200 " in raw(served, b"\r\n".join([b"GET / HTTP/1.0", large[0], b"", b""]))
    answer = raw(served, b"\r\n".join([b"GET / HTTP/1.0", *large, b"", b""]))
    assert b" 200 " not in answer
    assert not answer or b" 431 " in answer, "the answer is lost where the client still sends"
    with connect(served) as s:
        for _ in range(5):  # each request of a connection has its own
            s.sendall(b"\r\n".join([b"GET / HTTP/1.1", large[0], b"", b""]))
            assert s.recv(20).startswith(b"HTTP/1.1 200 ")
            while b"key " not in s.recv(1 << 16):
                pass


# Many origins


def test_thousands_of_unknown_origins_leave_nothing_behind(served: ServedWitness) -> None:
    text = LOG.sign(7)
    before = sorted(p.name for p in served.home.folder.rglob("*"))
    for n in range(2000):
        answer = served.server.witness.add_checkpoint(
            b"old 0\n\n" + text.replace(b"log.sim.invalid/a\n7", b"log-%d.example\n7" % n)
        )
        assert (answer.status, answer.origin) == (404, "")
    assert sorted(p.name for p in served.home.folder.rglob("*")) == before
    assert len(served.server.witness._buckets) == 0
    assert list(served.server.witness._store.all()) == []


def test_a_flood_of_one_log_does_not_use_up_what_another_one_may_do(tmp_path: Path) -> None:
    other = SimLog(origin="other.example", seed=3).grow(20)
    with serving(made(tmp_path / "w", LOG.key, other.key, qpd=5), client_rate=10**6) as served:
        statuses = [served.add(body(LOG, size, size + 1)).status for size in range(10)]
        assert statuses == [200] * 5 + [429] + [409] * 4
        assert [served.add(body(other, size, size + 1)).status for size in range(5)] == [200] * 5
