# SPDX-License-Identifier: Apache-2.0
"""The CDN attacks: what it serves instead of the release, and that the log is followed all the same."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from anchor.verdict import Class
from tests.support.attacks.attacked import Attacked
from tests.support.servers.folder_server import FolderServer, serve_folder


@pytest.fixture
def server(fresh: Attacked) -> Iterator[FolderServer]:
    """The site behind a CDN, seen good once."""
    with serve_folder(fresh.site.root) as running:
        fresh.target = f"{running.url}/release.json"
        assert fresh.found() is Class.OK
        yield running


def ledger(attacked: Attacked) -> str:
    return str(attacked.site.path("ledger.md").relative_to(attacked.site.root))


def test_an_edited_ledger(fresh: Attacked, server: FolderServer) -> None:
    path = ledger(fresh)
    server.bodies[path] = (server.folder / path).read_bytes().replace(b"| A | 1 |", b"| A | 9 |")
    assert fresh.found() is Class.INVALID
    assert fresh.found() is Class.INVALID
    assert fresh.told() == ["INVALID"]
    server.bodies.clear()
    assert fresh.found() is Class.OK
    assert fresh.told() == ["recovered"]
    assert fresh.counts() == (1, 0)


def test_a_ledger_of_another_size(fresh: Attacked, server: FolderServer) -> None:
    path = ledger(fresh)
    server.bodies[path] = (server.folder / path).read_bytes() + b"| E | 5 |\n"
    assert fresh.run().code in (Class.INVALID.exit_code, Class.UNAVAILABLE.exit_code)


def test_an_edited_release_json(fresh: Attacked, server: FolderServer) -> None:
    good = fresh.site.release.read_bytes()
    server.bodies["release.json"] = good.replace(b'"version": "3"', b'"version": "4"')
    assert server.bodies["release.json"] != good
    assert fresh.found() is Class.INVALID
    assert fresh.told() == ["INVALID"]


def test_an_old_release_json_is_a_lagging_source(fresh: Attacked, server: FolderServer) -> None:
    old = (fresh.site.root / "release" / "1" / "release.json").read_bytes()
    server.bodies["release.json"] = old.replace(b'"path": "../', b'"path": "release/').replace(
        b'"path": "', b'"path": "release/1/'
    )
    for wrong in (b"release/1/release/",):
        server.bodies["release.json"] = server.bodies["release.json"].replace(wrong, b"release/")
    ran = fresh.run()
    assert ran.document["verdict"] == "UNAVAILABLE", ran.out
    assert any("release 1 is served where 3 was verified" in c["detail"] for c in ran.document["checks"])
    assert fresh.told() == ["UNAVAILABLE"]


@pytest.mark.parametrize("status", [404, 410, 403, 500, 503])
def test_nothing_is_unavailable_and_the_log_is_followed(
    fresh: Attacked, server: FolderServer, status: int
) -> None:
    server.status = status
    fresh.serve(fresh.log.fork(1))
    assert fresh.found() is Class.EQUIVOCATION
    assert fresh.counts() == (2, 1)


def test_nothing_at_all(fresh: Attacked, server: FolderServer) -> None:
    server.status = 404
    assert fresh.found() is Class.UNAVAILABLE
    assert fresh.told() == ["UNAVAILABLE"]


@pytest.fixture
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system takes little for a client that does not read: on some machines it takes 32 MB and more."""
    connect = socket.socket.connect

    def limited(self: socket.socket, address: Any) -> None:
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", limited)


@pytest.mark.usefixtures("small_buffers")
@pytest.mark.parametrize("path", ["release.json", "ledger"])
def test_a_hundred_megabytes_are_not_read(fresh: Attacked, server: FolderServer, path: str) -> None:
    server.huge.add(ledger(fresh) if path == "ledger" else path)
    ran = fresh.run()
    assert ran.code in (Class.UNAVAILABLE.exit_code, Class.INVALID.exit_code)
    assert server.sent < 60 << 20


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:1/release.json", "https://elsewhere.invalid/", "file:///etc/passwd"]
)
def test_a_redirect_to_elsewhere_is_not_followed(fresh: Attacked, server: FolderServer, to: str) -> None:
    server.moved["release.json"] = to
    assert fresh.found() is Class.UNAVAILABLE


def test_a_redirect_on_the_same_host_is(fresh: Attacked, server: FolderServer) -> None:
    server.bodies["elsewhere.json"] = fresh.site.release.read_bytes()
    server.moved["release.json"] = "/elsewhere.json"
    assert fresh.found() is Class.OK
