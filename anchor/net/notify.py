# SPDX-License-Identifier: Apache-2.0
"""Messages through apprise (mail, webhooks, chat), and the heartbeat of a dead-man's switch.

Nothing here stops or delays a verification: a failure or a time-out is an `Unavailable`, which the outbox
records. URLs of receivers contain secrets, so only their kind and number are printed.
"""

import contextlib
import copy
import logging
import re
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.monitor.alarm import QUOTE, AlarmDetails, Message, receiver_id
from anchor.monitor.alarm_kinds import Severity, kind_of
from anchor.net import http
from anchor.net.budget import Budget
from anchor.net.service_errors import HttpError
from anchor.verdict import Class

PATIENCE = 30.0
"""Seconds for one message to one receiver."""
HEARTBEAT = 10.0
"""Seconds for the heartbeat."""
MAX_RECEIVERS = 32
_PLAIN = frozenset({"NotifyJSON", "NotifyXML", "NotifyForm", "NotifyEmail", "NotifySyslog", "NotifyRSyslog"})
"""Plugins of apprise whose receivers show a text as it is, or hand it to a program."""
_TYPE = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}
"""Apprise's type of a message; a recovery is "success"."""
_ROUTING = ("format", "id", "severity", "alarm", "verdict")
"""Members of an alarm's details in a message that its receiver refused once for its length."""
_TOO_LONG = frozenset({400, 406, 413, 414, 422})
"""The statuses with which services refuse a message for its length or form."""
MAX_PARTS = 4
"""Parts of one message; what is left over is counted."""
MIN_LENGTH = 120
"""Characters that any receiver takes."""
_LIVE = str.maketrans("<>&@#`*_~|[]\\$", "‹›＆＠＃ˋ∗＿∼¦［］＼＄")
"""Characters that chats turn into links, mentions, headings or hidden text, and look-alikes of them."""


class Notifier:
    """The configured receivers. Raises Misuse for a URL that apprise does not know."""

    def __init__(self, urls: Sequence[str], *, patience: float = PATIENCE) -> None:
        if len(urls) > MAX_RECEIVERS:
            raise Misuse(f"{len(urls)} receivers, more than {MAX_RECEIVERS}", where="--notify")
        self._patience = patience
        self._senders: dict[str, tuple[str, Any]] = {}
        for number, url in enumerate(urls, 1):
            self._senders[receiver_id(url)] = _sender(url, number)

    @property
    def receivers(self) -> tuple[str, ...]:
        """The digests under which the outbox knows the receivers."""
        return tuple(self._senders)

    def send(self, receiver: str, message: Message) -> None:
        """Send to one receiver; raises Unavailable when it did not take the message in time."""
        label, sender = self._senders[receiver]
        plugins, problems = list(sender), [""]
        pauses = sum((MAX_PARTS - 1) * min(float(p.request_rate_per_sec), 10.0) for p in plugins)
        long = len(message.body) > min(int(p.body_maxlen) for p in plugins)

        def work() -> None:
            problems[:] = [_deliver(plugin, message) for plugin in plugins]

        _within(self._patience + (pauses if long else 0.0), work, label)
        if any(problems):
            problem = next(p for p in problems if p)
            raise Unavailable(problem, where=label, remedy="it is tried again later")

    def tell(self, message: Message) -> None:
        """Send to all receivers at once, without the outbox. A failed message is dropped."""

        def attempt(receiver: str) -> None:
            with contextlib.suppress(AnchorError):
                self.send(receiver, message)

        threads = [threading.Thread(target=attempt, args=(r,), daemon=True) for r in self._senders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _deliver(plugin: Any, message: Message) -> str:
    """Send the message with a plugin of apprise, in parts. Returns "", or why it was refused.

    A service may accept less than its plugin says, or be reached through a plugin without a limit. A message
    that is refused for its length or form is sent again in shorter parts, and then as one short text.
    """
    from apprise import NotifyFormat, NotifyType, OverflowMode

    if type(plugin).__name__ not in _PLAIN:
        message = replace(message, body=inert(message.body))
    plugin.notify_format = NotifyFormat.TEXT  # nothing in a message is markup
    amalgamated = plugin.title_maxlen <= 0  # the title becomes a part of the body
    room = max(20, int(plugin.body_maxlen) - MIN_LENGTH - 4) if amalgamated else int(plugin.title_maxlen)
    title = message.title[:room]
    given = {"title": title, "notify_type": NotifyType(_type(message))}
    given |= {"body_format": NotifyFormat.TEXT, "overflow": OverflowMode.SPLIT}
    known = int(plugin.body_maxlen) - (len(title) + 4 if amalgamated else 0)
    problem, extras = "", getattr(plugin, "payload_extras", None)
    if extras is not None:
        plugin = copy.copy(plugin)  # what is added below is of this message alone
    for limit, most in ((known, MAX_PARTS), (600, MAX_PARTS), (200, 1)):
        with _Refusal() as refusal:
            texts = parts(message, min(limit, known), most=most)
            if message.details is not None and extras is not None:
                plugin.payload_extras = _extras(plugin, message.details, short=limit != known) | extras
            if all(plugin.notify(body=text, **given) for text in texts):
                return ""
        if refusal.status is None:
            return "did not take the message"
        problem = f"refused the message: HTTP {refusal.status}"
        if refusal.status not in _TOO_LONG:
            return problem
    return f"{problem}, also in a short form"


def _type(message: Message) -> str:
    """Apprise's type of a message, from its severity."""
    if message.verdict is Class.OK:
        return "success"
    known = message.details
    return _TYPE[known.severity if known is not None else kind_of("", message.verdict).severity]


def _extras(plugin: Any, details: AlarmDetails, *, short: bool) -> dict[str, Any]:
    """The content for programs: one member of JSON, or one field each of a form and of XML.

    `short`: only what a program needs to route the message.
    """
    members = msgspec.to_builtins(details)
    if short:
        members = {name: members[name] for name in _ROUTING}
    if type(plugin).__name__ == "NotifyJSON":
        return {"anchor": members}
    texts = {name: "\n".join(v) if isinstance(v, list) else v for name, v in members.items()}
    return {f"anchor_{name}": str(v) for name, v in texts.items() if v is not None}


def inert(text: str) -> str:
    """The text for a medium that renders markup. The lines of strangers contain no markup."""
    return "\n".join(_inert(line) if line.startswith(QUOTE) else line for line in text.split("\n"))


def _inert(line: str) -> str:
    return line.translate(_LIVE).replace("://", ":∕∕")


def parts(message: Message, limit: int, *, most: int = MAX_PARTS) -> list[str]:
    """The body in at most `most` parts of at most `limit` characters, each with the id of the message."""
    limit = max(limit, MIN_LENGTH)
    if len(message.body) <= limit:
        return [message.body]
    room = limit - len(_ending(message, most, most, left=10**6)) - 1
    pieces = _pieces(message.body, room)
    kept = pieces[:most]
    left = sum(len(p) for p in pieces[most:])
    return [f"{piece}\n{_ending(message, n, len(kept), left)}" for n, piece in enumerate(kept, 1)]


def _ending(message: Message, number: int, of: int, left: int) -> str:
    """The last line of a part."""
    more = f"; {left} characters more in anchor history" if left and number == of else ""
    return f"part {number}/{of} of message {message.uid}{more}"


def _pieces(body: str, room: int) -> list[str]:
    """Pieces of whole lines. A longer line is split, and each piece of a stranger's line is marked."""
    pieces, held = [], ""
    for line in body.split("\n"):
        rest = line
        while rest:
            piece, rest = rest[:room], rest[room:]
            rest = f"{QUOTE}{rest}" if rest and line.startswith(QUOTE) else rest
            if held and len(held) + 1 + len(piece) > room:
                pieces.append(held)
                held = piece
            else:
                held = f"{held}\n{piece}" if held else piece
    return [*pieces, held] if held else pieces


class _Refusal(logging.Handler):
    """The HTTP status that a service answered in this thread, taken from the log of apprise.

    Nothing else of that log is stored, because it may contain secrets.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.status: int | None = None
        self._thread = threading.get_ident()

    def __enter__(self) -> "_Refusal":
        log = logging.getLogger("apprise")
        log.disabled = False  # another library's logging set-up may have silenced it
        log.setLevel(logging.WARNING)
        log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            found = re.search(r"error=([1-5][0-9]{2})\b", record.getMessage())
            self.status = int(found[1]) if found else self.status


def _sender(url: str, number: int) -> tuple[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports what later Pythons no longer have, and says so
        return _added(url, number)


def _added(url: str, number: int) -> tuple[str, Any]:
    import apprise

    label = f"receiver {number} ({url.split(':', 1)[0][:16]})" if "://" in url else f"receiver {number}"
    sender = apprise.Apprise()
    if not sender.add(url):
        raise Misuse("no URL that apprise knows", where=label, remedy="see the list of services of apprise")
    return label, sender


def heartbeat(url: str) -> None:
    """Report a good cycle to the dead-man's switch. Raises Unavailable if it does not answer.

    The URL is a secret, and the answer may repeat it. So the error contains neither.
    """
    label = f"heartbeat ({url.split(':', 1)[0][:16]})" if "://" in url else "heartbeat"

    def work() -> None:
        try:
            http.get(
                "heartbeat",
                url,
                budget=Budget(HEARTBEAT),
                limit=1 << 16,
                accept=(200, 201, 202, 204),
            )
        except HttpError as e:
            raise Unavailable(f"answered HTTP {e.status}", where=label, remedy="check its URL") from None
        except Misuse:
            raise Misuse("only https is fetched, and http on this machine", where=label) from None
        except AnchorError:
            raise Unavailable("was not reached, or not answered in time", where=label) from None

    _within(HEARTBEAT + 1, work, label)


def _within(seconds: float, work: Callable[[], object], where: str) -> None:
    """Call `work` in a thread, and wait at most so many seconds for it."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as e:  # noqa: BLE001 - other people's code: told below, never spread
            raised.append(e)

    thread = threading.Thread(target=guarded, name=where, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Unavailable(f"did not answer in {seconds:.0f} s", where=where, remedy="it is tried again later")
    if raised:
        if isinstance(raised[0], AnchorError):
            raise raised[0]
        raise Unavailable(f"failed: {type(raised[0]).__name__}", where=where)
