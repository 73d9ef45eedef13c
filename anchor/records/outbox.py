# SPDX-License-Identifier: Apache-2.0
"""The outbox: messages written in the transaction of their run, delivered later, as often as it takes.

A delivery is marked as sent after the receiver took it. A process that dies between the two sends it again,
with the same id in its text: repeated rather than lost. Receivers are named by a digest, since their URLs
hold secrets. A message written while none was configured waits for the first one that is.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import AnchorError
from anchor.monitor.alarm import Message
from anchor.records.database import Database
from anchor.records.tables import Delivery, Notification
from anchor.verdict import Class

FIRST_RETRY = 60
LONGEST_RETRY = 6 * 3600
SENDING = 300
"""Seconds for which one process has a delivery to itself."""
OLDEST = 7 * 86400
"""Seconds after which a message is history to a receiver that is new, and given up where nobody tries it."""
NOBODY = ""
"""The receiver of what was written while none was configured."""

_TOLD = (
    sa.select(Notification.id)
    .where(
        Notification.claim_id == sa.bindparam("target_id"), Notification.verdict == sa.bindparam("verdict")
    )
    .limit(1)
)

Send = Callable[[str, Message], None]
"""Sends a message to the receiver with this digest; raises an AnchorError when it was not taken."""


def post(
    connection: Connection,
    message: Message,
    *,
    target_id: int | None = None,
    now: float,
    receivers: Sequence[str],
) -> bool:
    """Write a message and its deliveries in the caller's transaction; a known uid is written once. Whether it
    was new."""
    known = sa.select(Notification.id).where(Notification.uid == message.uid)
    if connection.execute(known).first():
        return False
    at = round(now * 1000)
    row = {**vars(message), "verdict": str(message.verdict), "claim_id": target_id, "created_ms": at}
    number = connection.execute(sa.insert(Notification).returning(Notification.id), row).scalar_one()
    rows = [_delivery(int(number), receiver, at) for receiver in dict.fromkeys(receivers)]
    connection.execute(sa.insert(Delivery), rows or [_delivery(int(number), NOBODY, at)])
    return True


def told(connection: Connection, target_id: int, verdict: str) -> bool:
    """Whether there ever was a message of this class about a target."""
    return connection.execute(_TOLD, {"target_id": target_id, "verdict": str(verdict)}).first() is not None


def uid_of(run_id: int, target_id: int, target: str, at: int) -> str:
    """The id of the message about a run that ended at a time in milliseconds; no two runs share it."""
    return hashlib.sha256(f"{run_id}/{target_id}/{at}/{target}".encode()).hexdigest()[:16]


def _delivery(number: int, receiver: str, at: int) -> dict[str, object]:
    return {
        "notification_id": number,
        "receiver": receiver,
        "state": "waiting",
        "attempts": 0,
        "next_ms": at,
        "error": "",
    }


class Outbox:
    """The deliveries of one process. It remembers what it sent and could not note, so as not to repeat it."""

    def __init__(self, database: Database, send: Send, receivers: Sequence[str]) -> None:
        self._database = database
        self._send = send
        self._receivers = receivers
        self._unnoted: set[int] = set()

    def deliver(self, *, now: float, limit: int = 100) -> int:
        """Try what is due, what was tried least first; returns how many were taken. A failure is written down
        and tried later, and its receiver is left alone for this round. Raises when nothing can be written:
        each message has been sent once all the same.

        Messages for a receiver that is configured no more go to those that are.
        """
        taken, good = 0, set(self._receivers)
        trouble: AnchorError | None = None
        try:
            readdress(self._database, now=now, receivers=self._receivers)
        except AnchorError as e:
            trouble = e
        for _ in range(limit):
            try:
                found = self._unsent(now, good) if trouble else self._reserved(now, good)
            except AnchorError as e:
                if trouble is not None:
                    raise
                trouble = e
                continue
            if found is None:
                break
            error = self._try(found)
            if error:
                good.discard(found["receiver"])
            taken += not error
            if trouble is None:
                self._note(found, error, now)
        if trouble is not None:
            raise trouble
        return taken

    def _try(self, found: Mapping[str, Any]) -> str:
        if found["id"] in self._unnoted:
            return ""
        try:
            self._send(found["receiver"], _message(found))
        except AnchorError as e:
            return str(e)[:500] or "not taken"
        self._unnoted.add(found["id"])
        return ""

    def _reserved(self, now: float, good: set[str]) -> Mapping[str, Any] | None:
        """The next due delivery, reserved for this process. The attempt is noted now: this process may be
        ended before it comes to anything."""
        if not good:
            return None
        with self._database.write() as connection:
            query = _due(now, good).with_for_update(skip_locked=True, of=Delivery)
            row = connection.execute(query).mappings().first()
            if row is not None:
                change = {
                    "next_ms": round((now + SENDING) * 1000),
                    "attempts": row["attempts"] + 1,
                    "error": "the attempt did not end",
                }
                connection.execute(sa.update(Delivery).where(Delivery.id == row["id"]), change)
            return dict(row) if row is not None else None

    def _unsent(self, now: float, good: set[str]) -> Mapping[str, Any] | None:
        """The next due delivery that this process has not sent yet, where none can be reserved."""
        if not good:
            return None
        with self._database.read() as connection:
            query = _due(now, good).where(Delivery.id.not_in(self._unnoted))
            row = connection.execute(query).mappings().first()
            return dict(row) if row is not None else None

    def _note(self, found: Mapping[str, Any], problem: str, now: float) -> None:
        change: dict[str, object] = {"error": problem}
        if problem:
            wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(found["attempts"], 20))
            change["next_ms"] = round((now + wait) * 1000)
        else:
            change |= {"state": "sent", "sent_ms": round(now * 1000)}
        try:
            with self._database.write() as connection:
                connection.execute(sa.update(Delivery).where(Delivery.id == found["id"]), change)
        except AnchorError:
            return  # what was sent is remembered here
        self._unnoted.discard(found["id"])


def _message(row: Mapping[str, Any]) -> Message:
    verdict = Class(row["verdict"]) if row["verdict"] in set(Class) else Class.ERROR
    return Message(verdict=verdict, title=row["title"], body=row["body"], uid=row["uid"])


def _due(now: float, receivers: set[str]) -> sa.Select[int, str, int, str, str, str, str]:
    """The next due delivery to one of these receivers: what was tried least goes first, so that one which is
    never taken holds up none."""
    at = round(now * 1000)
    return (
        sa.select(
            *(Delivery.id, Delivery.receiver, Delivery.attempts),
            *(Notification.uid, Notification.verdict, Notification.title, Notification.body),
        )
        .join(Notification, Notification.id == Delivery.notification_id)
        .where(Delivery.state == "waiting", Delivery.receiver.in_(receivers))
        # a clock that went back must not hold a message for years
        .where(sa.or_(Delivery.next_ms <= at, Delivery.next_ms > at + 1000 * LONGEST_RETRY))
        .order_by(Delivery.attempts, Delivery.id)
        .limit(1)
    )


def readdress(database: Database, *, now: float, receivers: Sequence[str]) -> None:
    """Send what waits for others to these receivers as well, once: those may be configured no more.

    They may also be another process's own, so what waits for them goes on waiting. Only what nobody has tried
    for `OLDEST` since it was due is given up; one whose process lives is tried more often than that.
    """
    if not receivers:
        return
    at = round(now * 1000)
    with database.read() as connection:
        lost = _of_others(connection, receivers)
        if not any(_change(connection, row, receivers, at) for row in lost):
            return
    with database.write() as connection:
        database.serialise(connection)
        for row in _of_others(connection, receivers):
            copies, gone = _change(connection, row, receivers, at) or ([], False)
            if copies:
                connection.execute(sa.insert(Delivery), copies)
            if gone:
                connection.execute(sa.update(Delivery).where(Delivery.id == row.id), {"state": "gone"})


def _of_others(connection: Connection, receivers: Sequence[str]) -> Sequence[Any]:
    query = (
        sa.select(
            Delivery.id,
            Delivery.receiver,
            Delivery.next_ms,
            Delivery.notification_id,
            Notification.created_ms,
        )
        .join(Notification, Notification.id == Delivery.notification_id)
        .where(Delivery.state == "waiting", Delivery.receiver.not_in(receivers))
    )
    return connection.execute(query).all()


def _change(
    connection: Connection, row: Any, receivers: Sequence[str], at: int
) -> tuple[list[dict[str, object]], bool] | None:
    """What becomes of a delivery to somebody else: its copies for these receivers, and whether it is over."""
    has = sa.select(Delivery.receiver).where(Delivery.notification_id == row.notification_id)
    known = set(connection.execute(has).scalars())
    fresh = at - row.created_ms <= OLDEST * 1000
    copies = [_delivery(row.notification_id, r, at) for r in receivers if r not in known] if fresh else []
    gone = row.receiver == NOBODY or at - row.next_ms > OLDEST * 1000
    return (copies, gone) if copies or gone else None


def waiting(database: Database) -> int:
    """How many deliveries have not been taken yet."""
    with database.read() as connection:
        query = sa.select(sa.func.count()).select_from(Delivery).where(Delivery.state == "waiting")
        return int(connection.execute(query).scalar_one())


@dataclass(frozen=True)
class Undelivered:
    """What a receiver has not taken. Times in milliseconds since 1970."""

    receiver: str
    """Its digest; empty for messages that were written while none was configured."""
    state: str
    """`waiting`, or `gone`: given up, since nobody has tried it for long."""
    messages: int
    oldest_ms: int
    attempts: int
    error: str
    """Of its last attempt, or one of them."""


def undelivered(database: Database) -> list[Undelivered]:
    """What waits, and what was given up, by receiver."""
    query = (
        sa.select(
            Delivery.receiver,
            Delivery.state,
            sa.func.count().label("messages"),
            sa.func.min(Notification.created_ms).label("oldest_ms"),
            sa.func.max(Delivery.attempts).label("attempts"),
            sa.func.max(Delivery.error).label("error"),
        )
        .join(Notification, Notification.id == Delivery.notification_id)
        .where(
            sa.or_(
                Delivery.state == "waiting", sa.and_(Delivery.state == "gone", Delivery.receiver != NOBODY)
            )
        )
        .group_by(Delivery.receiver, Delivery.state)
        .order_by(sa.func.min(Notification.id))
    )
    with database.read() as connection:
        return [Undelivered(**row) for row in connection.execute(query).mappings()]
