# SPDX-License-Identifier: Apache-2.0
"""Receivers that are slow, and lists of receivers that differ: nobody else waits, and no alarm is lost."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from anchor.cli import reverification, watch
from anchor.net import notify
from tests.support.attacks.attacked import Attacked, hook
from tests.support.attacks.online import until, watching
from tests.support.process.anchor_cli import anchor
from tests.support.servers.loopback import running


class _Drips(BaseHTTPRequestHandler):
    """Takes a message and answers a byte a second for ever, so that no single read is ever late."""

    over = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.over.wait(1):
                self.wfile.write(b"x")
                self.wfile.flush()

    do_GET = do_POST  # noqa: N815 - the name http.server calls

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    """The host and port of a server that drips."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Drips)
    server.daemon_threads = True
    with running(server):
        yield f"127.0.0.1:{server.server_port}"
        _Drips.over.set()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An honest receiver gets as long as a busy machine needs, and those of a watch that ends 1 second."""
    monkeypatch.setattr(reverification, "RECEIVER_TIME", 90.0)
    monkeypatch.setattr(reverification, "DELIVERY_TIME", 200.0)
    monkeypatch.setattr(watch, "_LAST_WORDS", 1.0)


@pytest.fixture
def first_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The receiver that a command names first gets 3 seconds."""
    whole = notify._within

    def within(seconds: float, work: Callable[[], object], where: str) -> None:
        whole(3.0 if where.startswith("receiver 1 ") else seconds, work, where)

    monkeypatch.setattr(notify, "_within", within)


def spoil(attacked: Attacked) -> None:
    ledger = attacked.site.path("ledger.md")
    ledger.write_bytes(ledger.read_bytes().replace(b"| A | 1 |", b"| A | 9 |"))


def reverify(attacked: Attacked, *more: object) -> tuple[int, str]:
    given = ("--policy", attacked.folder / "watched.toml", "--home", attacked.home)
    ran = anchor("reverify", "-v", attacked.target, *given, *more)
    return ran.code, ran.out + ran.err


@pytest.mark.usefixtures("first_is_slow")
def test_a_slow_receiver_holds_up_no_other_and_no_heartbeat(
    attacked: Attacked, slow: str, tmp_path: Path
) -> None:
    metrics = tmp_path / "a.prom"
    told = ("--notify", f"json://{slow}/", "--notify", attacked.hook.notify_url)
    besides = ("--heartbeat", attacked.hook.beat, "--metrics-file", metrics)
    good = attacked.site.path("ledger.md").read_bytes()
    spoil(attacked)
    assert reverify(attacked, *told, *besides)[0] == 8
    assert attacked.told() == ["INVALID"]
    assert "anchor_exit_code 8.0" in metrics.read_text()
    attacked.site.path("ledger.md").write_bytes(good)
    before = attacked.hook.beats
    assert reverify(attacked, *told, *besides, "--quiet") == (0, "")  # silent, though one has not taken it
    assert attacked.hook.beats == before + 1
    assert attacked.told() == ["recovered"]
    assert "anchor_exit_code 0.0" in metrics.read_text()


def test_a_watch_sends_heartbeats_while_messages_wait_for_a_slow_receiver(
    attacked: Attacked, slow: str
) -> None:
    good = attacked.site.path("ledger.md").read_bytes()
    spoil(attacked)
    assert reverify(attacked)[0] == 8  # a message that waits for the first receiver
    attacked.site.path("ledger.md").write_bytes(good)
    before = attacked.hook.beats
    only_slow = ("--notify", f"json://{slow}/", "--heartbeat", attacked.hook.beat)
    with watching(attacked, *only_slow) as daemon:
        daemon.says("OK")
        until(lambda: attacked.hook.beats >= before + 3, 90)
        assert daemon.stop() == 0


def test_another_processs_receivers_take_no_alarm_over(attacked: Attacked) -> None:
    """A's delivery fails once; B runs with its own receiver; then A's is back."""
    with hook() as mine:
        own = ("--notify", mine.notify_url)
        spoil(attacked)
        mine.taking = 500
        assert reverify(attacked, *own)[0] == 8
        mine.titles()
        assert reverify(attacked, "--notify", attacked.hook.notify_url)[0] == 8
        assert "1 for receiver" in anchor("status", "--home", attacked.home).out
        mine.taking = 200
        with contextlib.closing(sqlite3.connect(attacked.home / "records.db")) as db, db:
            assert db.execute("UPDATE deliveries SET next_ms = 0").rowcount == 1
        assert reverify(attacked, *own)[0] == 8
        assert mine.titles() == ["INVALID"]
        assert "messages" not in anchor("status", "--home", attacked.home).out


@pytest.mark.parametrize("url", ["{http}/hunter2", "ftp://127.0.0.1/hunter2", "http://127.0.0.1:1/hunter2"])
def test_a_heartbeat_that_fails_gives_away_no_secret_and_quiet_is_quiet(
    attacked: Attacked, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(attacked.hook), "status", 404)
    beat = ("--heartbeat", url.format(http=attacked.hook.beat.rstrip("/")))
    code, said = reverify(attacked, *beat)
    assert (code, "anchor: heartbeat (" in said) == (0, True)
    assert "hunter2" not in said
    assert reverify(attacked, *beat, "--quiet") == (0, "")
