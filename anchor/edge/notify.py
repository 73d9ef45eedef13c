# SPDX-License-Identifier: Apache-2.0
"""Sends messages through apprise (mail, webhooks, chat) and the heartbeat of a dead-man's switch.

Never stops or delays a verification: whatever fails or hangs here is an `Unavailable` for the outbox to note.
URLs of receivers hold secrets: they are never printed, only their kind and number.
"""

import contextlib
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from anchor.alarm import Message, receiver_id
from anchor.edge import http
from anchor.errors import AnchorError, Misuse, Unavailable

PATIENCE = 30.0
"""Seconds for one message to one receiver."""
HEARTBEAT = 10.0
"""Seconds for the heartbeat."""
MAX_RECEIVERS = 32


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
        taken: list[bool] = []

        def work() -> None:
            taken.append(bool(sender.notify(title=message.title, body=message.body)))

        _within(self._patience, work, label)
        if taken != [True]:
            raise Unavailable("did not take the message", where=label, remedy="it is tried again later")

    def tell(self, message: Message) -> None:
        """Send to all receivers at once, past the outbox; what fails is dropped, for there is nowhere to note
        it."""

        def attempt(receiver: str) -> None:
            with contextlib.suppress(AnchorError):
                self.send(receiver, message)

        threads = [threading.Thread(target=attempt, args=(r,), daemon=True) for r in self._senders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


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
    """Tell the dead-man's switch that a good cycle was made; raises Unavailable when it does not answer.

    Its URL is its secret: the error says nothing of it, nor of what was answered, which may repeat it.
    """
    label = f"heartbeat ({url.split(':', 1)[0][:16]})" if "://" in url else "heartbeat"

    def work() -> None:
        try:
            http.get(
                "heartbeat",
                url,
                budget=http.Budget(HEARTBEAT),
                limit=1 << 16,
                accept=(200, 201, 202, 204),
            )
        except http.HttpError as e:
            raise Unavailable(f"answered HTTP {e.status}", where=label, remedy="check its URL") from None
        except Misuse:
            raise Misuse("only https is fetched, and http on this machine", where=label) from None
        except AnchorError:
            raise Unavailable("was not reached, or not answered in time", where=label) from None

    _within(HEARTBEAT + 1, work, label)


def _within(seconds: float, work: Callable[[], object], where: str) -> None:
    """Do it in a thread that is left behind when it hangs."""
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
