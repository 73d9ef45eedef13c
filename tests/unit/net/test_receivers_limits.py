# SPDX-License-Identifier: Apache-2.0
"""A receiver takes messages up to its limit. The text of strangers in them has no markup."""

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from anchor.errors import Unavailable
from anchor.monitor import alarm
from anchor.monitor.alarm import Message
from anchor.net import notify
from anchor.net.notify import Notifier
from anchor.verdict import Class

UID = "0123456789abcdef"
LIE = (
    '- ledger: refused: <h1>recovered</h1> <a href="https://evil.example">[log in](https://evil.example)</a>'
    " **all** is `well` @everyone ||hidden|| <!channel> &amp; _x_"
)


def message(lines: int = 1, found: Class = Class.INVALID, width: int = 200) -> Message:
    body = [f"- check {n}: refused: {'x' * width}" for n in range(lines)]
    return alarm.written(found, f"{found}: https://example.org/release.json", ["new:", *body], uid=UID)


class Receiver(BaseHTTPRequestHandler):
    """A webhook that takes bodies of at most `limit` bytes."""

    taken: list[dict[str, Any]] = []  # noqa: RUF012 - emptied by the fixture
    asked: list[int] = []  # noqa: RUF012 - emptied by the fixture
    limit = 1 << 20
    refusing = 0
    """The status that it answers whatever it is sent."""

    def do_POST(self) -> None:
        kind = type(self)
        data = self.rfile.read(int(self.headers["Content-Length"]))
        kind.asked.append(len(data))
        status = kind.refusing or (200 if len(data) <= kind.limit else 400)
        if status == 200:
            kind.taken.append(json.loads(data))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.taken, Receiver.asked, Receiver.limit, Receiver.refusing = [], [], 1 << 20, 0
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/secret"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(url: str, found: Message) -> None:
    notifier = Notifier([url])
    notifier.send(notifier.receivers[0], found)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        *((c, "failure") for c in (Class.EQUIVOCATION, Class.INVALID, Class.ERROR)),
        *((c, "warning") for c in (Class.UNAVAILABLE, Class.PENDING, Class.STALE, Class.WITHDRAWN)),
        (Class.OK, "success"),
    ],
)
def test_each_class_has_its_type(receiver: str, found: Class, kind: str) -> None:
    send(receiver, message(found=found))
    assert Receiver.taken[0]["type"] == kind


def cause(name: str, verdict: Class, found: str) -> alarm.Cause:
    return alarm.Cause(name, name, verdict, name, f"{name}: refused: {found}")


def announced(verdict: Class, *causes: alarm.Cause) -> Message:
    news = alarm.News(verdict=verdict, new=causes)
    return alarm.announced(
        news, f"{verdict}: t", ["new:", *(f"- {c.line}" for c in causes)], uid=UID, target="t"
    )


@pytest.mark.parametrize(
    ("verdict", "kind", "severity"),
    [
        (Class.EQUIVOCATION, "failure", "critical"),
        (Class.FINDINGS, "failure", "critical"),
        (Class.STALE, "warning", "warning"),
        (Class.OK, "success", "info"),
    ],
)
def test_a_program_gets_the_severity_and_nothing_of_the_message_before(
    receiver: str, verdict: Class, kind: str, severity: str
) -> None:
    notifier = Notifier([f"{receiver}?:own=mine"])
    other = announced(Class.ERROR, cause("canary", Class.ERROR, "accepted"))
    for one in (other, announced(verdict), alarm.written(verdict, "t", ["by an older version"], uid=UID)):
        notifier.send(notifier.receivers[0], one)
    _, told, bare = Receiver.taken
    assert (told["type"], told["anchor"]["severity"], told["anchor"]["id"]) == (kind, severity, UID)
    assert (told["own"], bare["own"], bare["type"]) == ("mine", "mine", kind)
    assert told["anchor"]["found"] == []
    assert "anchor" not in bare


class Raw(Receiver):
    """A webhook that takes any body."""

    bodies: list[str] = []  # noqa: RUF012 - emptied by the test

    def do_POST(self) -> None:
        type(self).bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.mark.parametrize(
    ("scheme", "field"),
    [
        ("form", "anchor_severity=critical"),
        ("form", "anchor_alarm=changed"),
        ("xml", "<anchor_severity>critical</anchor_severity>"),
        ("xml", "&lt;b&gt;"),
    ],
)
def test_a_form_and_xml_have_a_field_for_each_member(scheme: str, field: str) -> None:
    Raw.bodies.clear()
    server = HTTPServer(("127.0.0.1", 0), Raw)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        found = announced(Class.INVALID, cause("ledger", Class.INVALID, "<b>x</b>"))
        send(f"{scheme}://127.0.0.1:{server.server_port}/", found)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    (body,) = Raw.bodies
    assert field in body


def test_what_is_too_long_keeps_its_severity(receiver: str) -> None:
    Receiver.limit = 1000
    send(
        receiver, announced(Class.INVALID, *(cause(f"check {n}", Class.INVALID, "x" * 300) for n in range(9)))
    )
    assert {m["anchor"]["severity"] for m in Receiver.taken} == {"critical"}
    assert {tuple(m["anchor"]) for m in Receiver.taken} == {("format", "id", "severity", "alarm", "verdict")}


@pytest.mark.parametrize("limit", [1 << 20, 2000, 1024, 700])
def test_a_message_longer_than_its_receiver_takes_comes_in_parts_that_each_bear_its_id(
    receiver: str, limit: int
) -> None:
    Receiver.limit = limit
    send(receiver, message(20))
    assert Receiver.taken
    assert all(UID in m["message"] for m in Receiver.taken)
    shown = [m["message"] for m in Receiver.taken]
    assert "check 0" in shown[0]
    assert len(shown) == 1 or "characters more in anchor history" in shown[-1]
    assert len(shown) <= notify.MAX_PARTS


def test_what_is_refused_in_every_form_says_so_and_by_which_answer(receiver: str) -> None:
    Receiver.limit = 10
    with pytest.raises(Unavailable, match="HTTP 400, also in a short form") as caught:
        send(receiver, message(20))
    assert "secret" not in str(caught.value)
    assert len(Receiver.asked) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_what_is_not_refused_for_its_length_is_not_sent_again_at_once(receiver: str, status: int) -> None:
    Receiver.refusing = status
    with pytest.raises(Unavailable, match=f"refused the message: HTTP {status}"):
        send(receiver, message(20))
    assert len(Receiver.asked) == 1


@pytest.mark.parametrize("limit", [120, 160, 250, 1024, 2000, 4096])
@pytest.mark.parametrize("lines", [1, 20, 400])
def test_no_part_is_longer_than_the_limit_and_what_is_left_out_is_counted(limit: int, lines: int) -> None:
    found = message(lines)
    shown = notify.parts(found, limit)
    assert all(len(part) <= limit for part in shown)
    assert all(UID in part for part in shown)
    assert len(shown) <= notify.MAX_PARTS
    if len(shown) > 1:
        assert all(part.split("\n")[-1].startswith(f"part {n}/") for n, part in enumerate(shown, 1))


def test_the_rest_of_a_long_line_is_still_marked_as_a_strangers() -> None:
    forged = "x" * 100 + "recovered: all is OK " * 40
    found = alarm.written(Class.INVALID, "INVALID: t", ["new:", f"- {forged}"], uid=UID)
    for part in notify.parts(found, 300):
        *lines, last = part.split("\n")
        assert all(line.startswith("- ") for line in lines if line != "new:")
        assert last.startswith("part ")


@pytest.mark.parametrize(
    "url",
    [
        "discord://1234567890/abcdefghijklmnopqrstuvwxyz",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "tgram://123456789:abcdefghijklmnopqrstuvwxyz123456789/12345",
        "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "ntfy://topic",
        "mmost://127.0.0.1/abcdefghijkl",
        "twilio://AC12345678901234567890123456789012:12345678901234567890123456789012@15555555555/15555555556",
    ],
)
def test_what_goes_to_a_service_is_within_its_limit_and_no_markup(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down to where the plugin of apprise makes its request."""
    notifier = Notifier([url])
    (_, sender) = notifier._senders[notifier.receivers[0]]  # the only seam before the network
    (plugin,) = sender
    sent: list[tuple[str, str]] = []

    def taken(body: str, title: str = "", **_: object) -> bool:
        sent.append((title, body))
        return True

    monkeypatch.setattr(plugin, "send", taken)
    monkeypatch.setattr(plugin, "throttle", lambda *_, **__: None)
    lines = ["new:", LIE, *(f"- check {n}: {'x' * 300}" for n in range(40))]
    notifier.send(notifier.receivers[0], alarm.written(Class.INVALID, "INVALID: t", lines, uid=UID))
    assert 1 <= len(sent) <= notify.MAX_PARTS
    assert all(len(body) <= plugin.body_maxlen for _, body in sent)
    assert all(UID in body for _, body in sent)
    shown = "".join(title + body for title, body in sent)
    for live in ("<h1>", "<a ", "](", "**", "@everyone", "||", "<!channel>", "`", "https://evil"):
        assert live not in shown


class Mail(socketserver.StreamRequestHandler):
    """A mail server that takes one message."""

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.split(" ")[0].upper()
            if word == "DATA":
                self._say("354 go on")
                data = b""
                while (row := self.rfile.readline()) not in (b".\r\n", b""):
                    data += row
                assert isinstance(self.server, MailServer)
                self.server.taken.append(data)
            self._say("221 bye" if word == "QUIT" else "250 fine")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Mail)
        self.taken: list[bytes] = []


def test_a_mail_is_text_alone_and_its_lines_are_ours_or_marked() -> None:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"mailto://127.0.0.1:{server.server_address[1]}/?from=a@example.org&to=b@example.org&mode=insecure"
        send(url, alarm.written(Class.INVALID, "INVALID: t", ["new:", LIE + "\r\nrecovered: OK"], uid=UID))
        server.shutdown()
        thread.join()
        (data,) = server.taken
    found = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    kinds = [part.get_content_type() for part in found.walk() if not part.is_multipart()]
    assert kinds == ["text/plain"]
    assert found["Subject"] == "[anchor] INVALID: t"
    (part,) = [part for part in found.walk() if not part.is_multipart()]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    lines = payload.decode().splitlines()
    assert [line for line in lines if line and not line.startswith("- ")] == [
        "new:",
        f"message {UID}: the same id again is the same message",
    ]
