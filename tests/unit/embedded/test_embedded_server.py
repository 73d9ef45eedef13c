# SPDX-License-Identifier: Apache-2.0
"""The loopback server: the routes that clients use, and everything it must turn away."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.embedded import server as serving
from anchor.embedded.instance import Instance
from anchor.embedded.server import Server
from anchor.errors import Misuse, Unavailable
from anchor.net import http_server
from anchor.tlog.keys import parse_vkey
from tests.support.forge.embedded_signer import chain_of, check_entry, csr_request, entry_request

SECRET = "a secret of this run"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    instance = Instance.create(tmp_path_factory.mktemp("home") / "instance")
    with Server(instance, host="127.0.0.1", port=0, secret=SECRET) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()
    instance.close()


def call(
    server: Server, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=90)
    try:
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def raw(server: Server, data: bytes) -> bytes:
    """The answer on one connection, until the server closes it."""
    with socket.create_connection(server.server_address[:2], timeout=90) as s:  # type: ignore[arg-type]
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        found = b""
        while chunk := s.recv(65536):
            found += chunk
        return found


def test_an_entry_is_recorded_and_read_back_under_both_prefixes(server: Server) -> None:
    status, body, _ = call(server, "POST", "/api/v2/log/entries", entry_request("routes"))
    assert status == 201
    instance = server.services.instance
    index = check_entry(body, origin=instance.origin, key=parse_vkey(instance.vkey))
    for prefix in ("", "/api/v2"):
        status, body, headers = call(server, "GET", f"{prefix}/checkpoint")
        assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
        assert body.decode().startswith(f"{instance.origin}\n{index + 1}\n")
        for kind in ("0", "entries"):
            status, body, headers = call(server, "GET", f"{prefix}/tile/{kind}/000.p/{index + 1}")
            assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
            assert body


def test_a_duplicate_is_409_with_its_index(server: Server) -> None:
    entry = json.loads(call(server, "POST", "/api/v2/log/entries", entry_request("twice"))[1])
    status, body, headers = call(server, "POST", "/api/v2/log/entries", entry_request("twice"))
    assert (status, headers["x-log-index"]) == (409, entry["logIndex"])
    assert json.loads(body)["code"] == 6


def test_a_certificate_needs_a_token(server: Server) -> None:
    token = server.services.instance.mint()
    status, body, _ = call(
        server, "POST", "/api/v2/signingCert", csr_request(), Authorization=f"Bearer {token}"
    )
    assert (status, len(chain_of(body))) == (200, 3)
    for header in ("", "Bearer ", "Basic " + token, "Bearer " + token[:-2]):
        status, body, _ = call(server, "POST", "/api/v2/signingCert", csr_request(), Authorization=header)
        assert (status, json.loads(body)["code"]) == (401, 16)
    bad = call(server, "POST", "/api/v2/signingCert", b"{}", Authorization=f"Bearer {token}")
    assert bad[0] == 400


def test_minting_needs_the_secret_of_the_run(server: Server) -> None:
    for header in ("", "Bearer", f"Bearer {SECRET}x", f"Basic {SECRET}", "Bearer ü"):
        encoded = header.encode().decode("latin-1")
        assert call(server, "POST", "/mint", b"{}", Authorization=encoded)[0] == 403
    body = json.dumps({"identity": "someone@example.com", "lifetime": 60}).encode()
    status, token, _ = call(server, "POST", "/mint", body, Authorization=f"Bearer {SECRET}")
    assert status == 200
    assert server.services.instance.tokens.identity(token.decode()) == "someone@example.com"


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"sub":"x"}', b'{"identity":7}', b'{"identity":"me"}', b'{"lifetime":1.5}',
             b'{"lifetime":-1}', b'{"lifetime":true}']
)  # fmt: skip
def test_a_malformed_mint_is_refused(server: Server, body: bytes) -> None:
    assert call(server, "POST", "/mint", body, Authorization=f"Bearer {SECRET}")[0] == 400


def test_stamps_trust_bundle_discovery_and_health(server: Server) -> None:
    status, body, headers = call(server, "POST", "/api/v1/timestamp", b"junk")
    assert (status, headers["Content-Type"]) == (200, "application/timestamp-reply")
    assert body.startswith(b"\x30")
    assert len(json.loads(call(server, "GET", "/api/v2/trustBundle")[1])["chains"][0]["certificates"]) == 2
    found = json.loads(call(server, "GET", "/.well-known/openid-configuration")[1])
    assert found["issuer"] == server.services.instance.issuer
    assert found["jwks_uri"] == f"{server.url}/jwks"
    assert len(json.loads(call(server, "GET", "/jwks")[1])["keys"]) == 1
    assert json.loads(call(server, "GET", "/healthz")[1])["status"] == "SERVING"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/tile/0/000.p/200",
        "/tile/0/00.p/1",
        "/tile/0/000.p/01",
        "/tile/9999999/000",
        "/tile/entries/999",
        "/tile/../../keys/ca.pem",
        "/tile/%2e%2e/keys/ca.pem",
        "/api/v2/api/v2/checkpoint",
        "/index.sqlite",
        "/keys/ca.pem",
        "//127.0.0.1/checkpoint/x",
    ],
)
def test_nothing_else_is_served(server: Server, path: str) -> None:
    assert call(server, "GET", path)[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Host": "[::1"},
        {"Host": "10.0.0.1"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_web_page_cannot_reach_it_through_a_browser(
    server: Server, headers: dict[str, str], method: str
) -> None:
    body = entry_request("page") if method == "POST" else None
    path = "/api/v2/log/entries" if body else "/checkpoint"
    assert call(server, method, path, body, **headers)[0] == 403


def test_a_request_that_is_too_large_is_not_read(server: Server) -> None:
    start = b"POST /api/v2/signingCert HTTP/1.1\r\nHost: localhost\r\n"
    assert b" 413 " in raw(server, start + b"Content-Length: 99999999999\r\n\r\n")
    assert b" 413 " in raw(server, start + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n")


@pytest.mark.parametrize(
    "header",
    [b"", b"Content-Length: -1\r\n", b"Content-Length: 1e3\r\n", b"Content-Length: +2\r\n",
     b"Transfer-Encoding: chunked\r\n", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"],
)  # fmt: skip
def test_a_body_without_a_plain_length_is_refused(server: Server, header: bytes) -> None:
    start = b"POST /api/v2/log/entries HTTP/1.1\r\nHost: localhost\r\n"
    assert b" 411 " in raw(server, start + header + b"\r\n{}")


@pytest.mark.parametrize(
    "header",
    [b"Content-Length: 2\r\nContent-Length: 2\r\n", b"Content-Length: 2\r\nContent-Length: 40\r\n",
     b"Content-Length: 2\r\n\t\r\n", b"X: a\r\n b\r\nContent-Length: 2\r\n",
     b"Content-Length : 2\r\n", b"Host: localhost\r\nContent-Length: 2\r\n"],
)  # fmt: skip
@pytest.mark.parametrize("method", [b"POST /api/v2/log/entries", b"GET /healthz"])
def test_a_request_with_two_readings_is_refused_and_the_connection_ends(
    server: Server, method: bytes, header: bytes
) -> None:
    """RFC 9112 sections 5.1, 5.2 and 6.3: who stands before this server may read another length."""
    inner = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    found = raw(server, method + b" HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n{}" + inner)
    assert found.startswith(b"HTTP/1.1 400 ")
    assert found.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in found


@pytest.mark.parametrize(
    "length", [b"5_0", b"0x2", b"2,2", b"2, 2", b" ", "\u0662".encode(), b"2;a", b"--2"], ids=repr
)
def test_a_length_that_is_no_plain_number_is_refused(server: Server, length: bytes) -> None:
    start = b"POST /api/v2/log/entries HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
    assert b" 411 " in raw(server, start + length + b"\r\n\r\n{}").splitlines()[0]


def test_connections_that_send_nothing_whole_hold_nobody_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as the server takes at once, each in the middle of its request; the longest makes room."""
    monkeypatch.setattr(http_server, "WHOLE", 90.0)  # none ends for another reason
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(http_server.CONNECTIONS):
            s = stack.enter_context(socket.create_connection(server.server_address[:2], timeout=90))  # type: ignore[arg-type]
            s.sendall(b"GET /checkpoint HTTP/1.1\r\nHost: localhost\r\nX: ")
            held.append(s)
        for _ in range(3):
            assert call(server, "GET", "/healthz")[0] == 200
        with contextlib.suppress(ConnectionResetError):  # if nobody had read what it sent
            assert held[0].recv(1) == b""
        held[-1].sendall(b"y\r\n\r\n")
        assert held[-1].recv(12) == b"HTTP/1.1 200"


def test_a_request_that_drips_ends_at_its_deadline(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then meets no time-out of one read."""
    monkeypatch.setattr(http_server, "WHOLE", 0.5)
    with socket.create_connection(server.server_address[:2], timeout=90) as s:  # type: ignore[arg-type]
        ended = threading.Event()

        def drip() -> None:
            with contextlib.suppress(OSError):
                s.sendall(b"GET /checkpoint HTTP/1.1\r\nX: ")
                while not ended.wait(0.05):
                    s.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        with contextlib.suppress(ConnectionResetError):
            assert s.recv(1) == b""
        ended.set()
        thread.join()


def test_a_body_that_is_not_read_does_not_become_the_next_request(server: Server) -> None:
    inner = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for method in (b"GET /checkpoint", b"POST /nothing"):
        found = raw(
            server,
            method + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner,
        )
        assert found.count(b"HTTP/1.1 ") == 1
        assert b"SERVING" not in found


def test_connections_are_kept_alive_and_not_delayed(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=90)
    for _ in range(3):
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        assert connection.getresponse().read()
        assert connection.sock
    connection.close()
    assert serving.Handler.disable_nagle_algorithm


def test_a_defect_is_answered_and_the_server_lives(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.Services, "get", None)
    status, body, _ = call(server, "GET", "/checkpoint")
    assert (status, b"TypeError" in body) == (500, True)
    monkeypatch.undo()
    assert call(server, "GET", "/checkpoint")[0] == 200


def test_a_damaged_log_is_503(server: Server) -> None:
    path = server.services.instance.folder / "log" / "checkpoint"
    data = path.read_bytes()
    path.write_bytes(b"junk")
    try:
        status, body, _ = call(server, "GET", "/checkpoint")
    finally:
        path.write_bytes(data)
    assert (status, b"damaged" in body) == (503, True)


def test_requests_at_once_are_all_recorded_once(server: Server) -> None:
    before = server.services.instance.log.size()
    answers: list[tuple[int, bytes]] = []

    def post(number: int) -> None:
        body = entry_request(f"at once {number % 8}")
        answers.append(call(server, "POST", "/api/v2/log/entries", body)[:2])

    threads = [threading.Thread(target=post, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [201] * 8 + [409] * 8
    indices = {json.loads(body)["logIndex"] for status, body in answers if status == 201}
    assert indices == {str(before + i) for i in range(8)}


def test_only_loopback_is_served(tmp_path: Path) -> None:
    instance = Instance.create(tmp_path / "i")
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.com", ""):
        with pytest.raises(Misuse, match="loopback"):
            Server(instance, host=host, port=0, secret=SECRET)


def test_a_taken_port_and_a_taken_log_are_one_line(server: Server, tmp_path: Path) -> None:
    port = server.server_address[1]
    with pytest.raises(Unavailable, match="another process"):
        Server(
            Instance.open(server.services.instance.folder, create=False), host="127.0.0.1", port=0, secret=""
        )
    instance = Instance.create(tmp_path / "i")
    with pytest.raises(Misuse, match="cannot listen"):
        Server(instance, host="127.0.0.1", port=port, secret="")
    instance.close()
