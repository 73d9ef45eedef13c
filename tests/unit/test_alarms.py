# SPDX-License-Identifier: Apache-2.0
"""Who is told what, when: on a change of class, once."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from anchor import alarm
from anchor.alarm import Rule, Standing
from anchor.edge.notify import Notifier, heartbeat
from anchor.errors import Misuse, Unavailable
from anchor.verdict import Class
from tests.support import records
from tests.support.records import NOW

HOUR = 3600.0
RULE = Rule(runs=3, seconds=2 * 3600)
BAD = [c for c in Class if c not in (Class.OK, Class.UNAVAILABLE, Class.FINDINGS, Class.NOT_FOUND)]


def told(*classes: Class, every: float = HOUR, rule: Rule = RULE) -> list[tuple[int, Class]]:
    """Which of these runs, an hour apart, people hear of."""
    standing, heard = Standing(), []
    for n, found in enumerate(classes):
        standing, tell = alarm.after(standing, found, now=NOW + n * every, rule=rule)
        heard += [(n, standing.told)] if tell else []
    return heard


def test_good_runs_are_silence() -> None:
    assert told(*[Class.OK] * 20) == []


@pytest.mark.parametrize("bad", BAD)
def test_what_matters_is_told_at_once_and_once(bad: Class) -> None:
    assert told(Class.OK, bad, bad, bad) == [(1, bad)]
    assert told(bad) == [(0, bad)]


@pytest.mark.parametrize("bad", [*(c for c in BAD if c is not Class.EQUIVOCATION), Class.UNAVAILABLE])
def test_recovery_is_told_once(bad: Class) -> None:
    assert told(*[bad] * 5, Class.OK, Class.OK)[-1] == (5, Class.OK)
    assert len(told(*[bad] * 5, Class.OK, Class.OK)) == 2


def test_nothing_is_a_recovery_from_equivocation() -> None:
    heard = told(Class.EQUIVOCATION, *[Class.OK] * 3, Class.EQUIVOCATION, Class.UNAVAILABLE, Class.OK)
    assert heard == [(0, Class.EQUIVOCATION)]
    standing, tell = alarm.after(Standing(told=Class.INVALID), Class.OK, now=NOW, rule=RULE, accused=True)
    assert (standing.told, tell) == (Class.EQUIVOCATION, False)


def test_weather_is_told_only_when_runs_and_hours_have_passed() -> None:
    assert told(*[Class.UNAVAILABLE] * 9) == [(2, Class.UNAVAILABLE)]
    assert told(*[Class.UNAVAILABLE] * 9, every=60) == []  # nine runs, no two hours
    assert told(*[Class.UNAVAILABLE] * 2, every=9 * HOUR) == []  # nine hours, no three runs


def test_weather_that_comes_and_goes_is_never_told() -> None:
    assert told(*[Class.UNAVAILABLE, Class.UNAVAILABLE, Class.OK] * 9) == []


def test_weather_neither_hides_nor_repeats_an_alarm() -> None:
    weather = [Class.UNAVAILABLE] * 2
    heard = told(Class.INVALID, *weather, Class.INVALID, *weather, Class.EQUIVOCATION)
    assert heard == [(0, Class.INVALID), (6, Class.EQUIVOCATION)]


def test_an_alarm_becomes_worse_through_weather() -> None:
    assert told(*[Class.UNAVAILABLE] * 4, Class.INVALID) == [(2, Class.UNAVAILABLE), (4, Class.INVALID)]


def test_a_clock_that_goes_back_does_not_silence_weather_for_ever() -> None:
    standing = Standing(failing_runs=2, failing_since=NOW + 10 * 365 * 86400)
    heard = False
    for n in range(4):
        standing, tell = alarm.after(standing, Class.UNAVAILABLE, now=NOW + n * HOUR, rule=RULE)
        heard = heard or tell
    assert heard


@pytest.mark.parametrize(
    ("text", "rule"),
    [("3/6", Rule(3, 21600)), ("3/90m", Rule(3, 5400)), ("0/0", Rule(0, 0)), ("5/2d", Rule(5, 172800))],
)
def test_rules_are_read(text: str, rule: Rule) -> None:
    assert alarm.parse_rule(text) == rule


@pytest.mark.parametrize("text", ["", "3", "3/", "/6", "-1/6", "3/6w", "3/6h ", "3.5/6", "9999999/1", "٣/6"])
def test_a_rule_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Misuse, match="N/T"):
        alarm.parse_rule(text)


def test_a_message_names_the_services_and_stays_small() -> None:
    found = records.outcome(Class.UNAVAILABLE, services=("rekor.example", "cdn.example"))
    title, body = alarm.message("t\nx" * 500, Standing(), found, when="now", uid="u1")
    assert "not reached: cdn.example, rekor.example" in body
    assert "message u1" in body
    assert len(title) <= 200
    assert "\n" not in title


# -- apprise and the heartbeat ------------------------------------------------------------------------------


class Hook(BaseHTTPRequestHandler):
    """A webhook that takes, refuses or hangs until it is let go."""

    seen: list[bytes] = []  # noqa: RUF012 - emptied by the fixture
    status = 200
    go = threading.Event()

    def do_POST(self) -> None:
        type(self).go.wait(60)
        length = int(self.headers.get("Content-Length", 0))
        type(self).seen.append(self.rfile.read(length))
        self.send_response(type(self).status)
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - the name http.server calls

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.seen, Hook.status = [], 200
    Hook.go.set()
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        Hook.go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_apprise_takes_a_message(hook: str) -> None:
    notifier = Notifier([f"json://{hook}/secret-path"])
    notifier.send(notifier.receivers[0], "title", "body")
    assert b"body" in Hook.seen[0]


def test_a_receiver_that_refuses_is_unavailable_and_its_secret_stays_secret(hook: str) -> None:
    Hook.status = 500
    notifier = Notifier([f"json://{hook}/secret-path"])
    with pytest.raises(Unavailable) as caught:
        notifier.send(notifier.receivers[0], "title", "body")
    assert "secret" not in str(caught.value)


def test_a_receiver_that_hangs_is_left_behind(hook: str) -> None:
    Hook.go.clear()
    notifier = Notifier([f"json://{hook}/"], patience=0.1)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="did not answer"):
        notifier.send(notifier.receivers[0], "title", "body")
    assert time.monotonic() - began < 20
    Hook.go.set()
    for thread in threading.enumerate():  # the hung thread ends before its server does
        if thread.name.startswith("receiver "):
            thread.join(20)


def test_a_url_that_apprise_does_not_know_is_misuse_and_not_printed() -> None:
    with pytest.raises(Misuse) as caught:
        Notifier(["nosuch://user:hunter2@host"])
    assert "hunter2" not in str(caught.value)


def test_a_heartbeat_that_fails_is_unavailable(hook: str) -> None:
    heartbeat(f"http://{hook}/beat")
    Hook.status = 404
    with pytest.raises(Unavailable):
        heartbeat(f"http://{hook}/beat")
