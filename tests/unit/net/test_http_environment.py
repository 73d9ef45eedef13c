# SPDX-License-Identifier: Apache-2.0
"""The environment sets proxies and the CA bundle of a network call, but no netrc and no cookies."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anchor.net import http
from anchor.net.budget import Budget
from anchor.net.http import Patience
from anchor.net.service_errors import HttpError, NotSent
from tests.support.servers import folder_server
from tests.support.servers.bad_server import answer, bad_server, closed_port, hang_before

PATIENCE = Patience(connect=60, read=60, attempts=3, pause=0.01)


def fetch(url: str, *, headers: dict[str, str] | None = None, seconds: float = 60) -> http.Response:
    return http.get("the log", url, budget=Budget(seconds), limit=1000, patience=PATIENCE, headers=headers)


def test_netrc_does_not_replace_the_bearer_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("default login thief password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with bad_server(answer(200)) as s:
        fetch(s.url, headers={"Authorization": "Bearer t"})
        fetch(s.url)
    assert s.requests[0].headers["authorization"] == "Bearer t"
    assert "authorization" not in s.requests[1].headers


def test_cookies_are_not_kept() -> None:
    with bad_server(answer(200, Set_Cookie="id=1")) as s:
        fetch(s.url)
        fetch(s.url)
    assert "cookie" not in s.requests[1].headers


def test_proxy_variables_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    with bad_server(answer(200, b"proxied")) as proxy, bad_server(answer(200, b"direct")) as s:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert fetch(s.url + "/x").body == b"proxied"
        assert proxy.requests[0].path == s.url + "/x"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert fetch(s.url).body == b"direct"
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.delenv("HTTP_PROXY")
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        proxy.behaviours[:] = [answer(403)]
        with pytest.raises(NotSent, match="proxy did not connect"):
            fetch("https://rekor.example/api")
        assert proxy.requests[-1].method == "CONNECT"


def test_plain_http_to_this_machine_is_not_sent_to_a_proxy_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    monkeypatch.setenv("ALL_PROXY", "http://192.0.2.1:3128")
    with bad_server(answer(200, b"direct")) as s:
        assert fetch(s.url).body == b"direct"


def test_missing_ca_bundle_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(NotSent, match=r"/nowhere/ca\.pem"):
        fetch(f"https://127.0.0.1:{closed_port()}/")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, PEM."""
    return folder_server.certificate(tmp_path_factory.mktemp("tls") / "both.pem")


@contextmanager
def tls_server(certificate: Path, said: bytes) -> Iterator[str]:
    """Serves `said` over TLS to everybody; its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as conn:
                    conn.recv(4096)
                    conn.sendall(said)
            except OSError:
                plain.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def test_certificate_of_nobody_is_told_and_not_tried_again(certificate: Path) -> None:
    with tls_server(certificate, OK) as url, pytest.raises(NotSent, match="no trusted TLS connection") as e:
        fetch(url)
    assert "tried once" in str(e.value)
    assert "REQUESTS_CA_BUNDLE" in str(e.value)


def test_ca_bundle_of_the_environment_is_honoured(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with tls_server(certificate, OK) as url:
        assert fetch(url).body == b"ok"


def test_redirect_from_https_to_http_is_refused(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with bad_server(answer(200, b"plain")) as plain:
        said = f"HTTP/1.1 302 Found\r\nLocation: {plain.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with tls_server(certificate, said) as url, pytest.raises(HttpError, match="redirects to http://"):
            fetch(url)
        assert not plain.requests


def test_tls_that_never_begins_ends_within_the_budget() -> None:
    with bad_server(hang_before) as server, pytest.raises(NotSent):
        fetch(server.url.replace("http:", "https:"), seconds=0.8)
