# SPDX-License-Identifier: Apache-2.0
"""The outbox: a message is written in the transaction of its run, and delivered later until it is accepted.

A delivery is marked as sent after the receiver has accepted it. If the process dies in between, the message
is sent again, with the same id in its text: it may be repeated, never lost. Receivers are named by a digest,
because their URLs hold secrets. A message that was written without a receiver waits for the first one.
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
"""Seconds for which a delivery is reserved for one process."""
OLDEST = 7 * 86400
"""Seconds. A new receiver gets no older messages. A delivery that nobody tries for this long is dropped."""
NOBODY = ""
"""The receiver of messages that were written while no receiver was configured."""

_NOTIFIED = (
    sa.select(Notification.id)
    .where(
        Notification.claim_id == sa.bindparam("target_id"), Notification.verdict == sa.bindparam("verdict")
    )
    .limit(1)
)

Send = Callable[[str, Message], None]
"""Sends a message to the receiver with this digest; raises an AnchorError if it was not accepted."""


def post(
    connection: Connection,
    message: Message,
    *,
    target_id: int | None = None,
    now: float,
    receivers: Sequence[str],
) -> bool:
    """Write a message and its deliveries in the caller's transaction. False if its uid is there already."""
    known = sa.select(Notification.id).where(Notification.uid == message.uid)
    if connection.execute(known).first():
        return False
    at = round(now * 1000)
    row = {**vars(message), "verdict": str(message.verdict), "claim_id": target_id, "created_ms": at}
    number = connection.execute(sa.insert(Notification).returning(Notification.id), row).scalar_one()
    rows = [_delivery(int(number), receiver, at) for receiver in dict.fromkeys(receivers)]
    connection.execute(sa.insert(Delivery), rows or [_delivery(int(number), NOBODY, at)])
    return True


def has_notified(connection: Connection, target_id: int, verdict: str) -> bool:
    """True if there ever was a message of this class about a target."""
    return (
        connection.execute(_NOTIFIED, {"target_id": target_id, "verdict": str(verdict)}).first() is not None
    )


def uid_of(run_id: int, target_id: int, target: str, at: int) -> str:
    """The id of the message about a run that ended at a time in milliseconds. It differs for each run."""
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
    """The deliveries of one process. It remembers messages that it sent but could not record."""

    def __init__(self, database: Database, send: Send, receivers: Sequence[str]) -> None:
        self._database = database
        self._send = send
        self._receivers = receivers
        self._unnoted: set[int] = set()

    def deliver(self, *, now: float, limit: int = 100) -> int:
        """Try the due deliveries, those with the fewest attempts first. Returns how many were accepted.

        A failed delivery is recorded and tried later, and its receiver gets nothing more in this round. If
        nothing can be recorded, each message is still sent once, and then this raises. Messages for receivers
        that are not configured any more go to those that are.
        """
        taken, good = 0, set(self._receivers)
        failure: AnchorError | None = None
        try:
            readdress(self._database, now=now, receivers=self._receivers)
        except AnchorError as e:
            failure = e
        for _ in range(limit):
            try:
                delivery = self._unsent(now, good) if failure else self._reserved(now, good)
            except AnchorError as e:
                if failure is not None:
                    raise
                failure = e
                continue
            if delivery is None:
                break
            error = self._try(delivery)
            if error:
                good.discard(delivery["receiver"])
            taken += not error
            if failure is None:
                self._note(delivery, error, now)
        if failure is not None:
            raise failure
        return taken

    def _try(self, delivery: Mapping[str, Any]) -> str:
        if delivery["id"] in self._unnoted:
            return ""
        try:
            self._send(delivery["receiver"], _message(delivery))
        except AnchorError as e:
            return str(e)[:500] or "not taken"
        self._unnoted.add(delivery["id"])
        return ""

    def _reserved(self, now: float, good: set[str]) -> Mapping[str, Any] | None:
        """The next due delivery, reserved for this process. The attempt is recorded first, since this process
        may end during it."""
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
        """The next due delivery that this process has not sent yet, if the records cannot reserve one."""
        if not good:
            return None
        with self._database.read() as connection:
            query = _due(now, good).where(Delivery.id.not_in(self._unnoted))
            row = connection.execute(query).mappings().first()
            return dict(row) if row is not None else None

    def _note(self, delivery: Mapping[str, Any], problem: str, now: float) -> None:
        change: dict[str, object] = {"error": problem}
        if problem:
            wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(delivery["attempts"], 20))
            change["next_ms"] = round((now + wait) * 1000)
        else:
            change |= {"state": "sent", "sent_ms": round(now * 1000)}
        try:
            with self._database.write() as connection:
                connection.execute(sa.update(Delivery).where(Delivery.id == delivery["id"]), change)
        except AnchorError:
            return  # `_unnoted` remembers that it was sent
        self._unnoted.discard(delivery["id"])


def _message(row: Mapping[str, Any]) -> Message:
    verdict = Class(row["verdict"]) if row["verdict"] in set(Class) else Class.ERROR
    return Message(verdict=verdict, title=row["title"], body=row["body"], uid=row["uid"])


def _due(now: float, receivers: set[str]) -> sa.Select[int, str, int, str, str, str, str]:
    """The next due delivery to one of these receivers. The one with the fewest attempts comes first, so a
    message that is never accepted delays no other."""
    at = round(now * 1000)
    return (
        sa.select(
            *(Delivery.id, Delivery.receiver, Delivery.attempts),
            *(Notification.uid, Notification.verdict, Notification.title, Notification.body),
        )
        .join(Notification, Notification.id == Delivery.notification_id)
        .where(Delivery.state == "waiting", Delivery.receiver.in_(receivers))
        # a due time that a wrong clock set far ahead must not delay a message for years
        .where(sa.or_(Delivery.next_ms <= at, Delivery.next_ms > at + 1000 * LONGEST_RETRY))
        .order_by(Delivery.attempts, Delivery.id)
        .limit(1)
    )


def readdress(database: Database, *, now: float, receivers: Sequence[str]) -> None:
    """Copy the messages that wait for other receivers to these: the others may not be configured any more.

    They may also belong to another process, so the originals stay. A delivery is dropped if nobody has tried
    it for `OLDEST` since it was due; a running process tries more often than that.
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
    """The copies of a delivery for these receivers, and whether it is dropped; None if nothing changes."""
    has = sa.select(Delivery.receiver).where(Delivery.notification_id == row.notification_id)
    known = set(connection.execute(has).scalars())
    fresh = at - row.created_ms <= OLDEST * 1000
    copies = [_delivery(row.notification_id, r, at) for r in receivers if r not in known] if fresh else []
    gone = row.receiver == NOBODY or at - row.next_ms > OLDEST * 1000
    return (copies, gone) if copies or gone else None


def waiting(database: Database) -> int:
    """How many deliveries have not been accepted yet."""
    with database.read() as connection:
        query = sa.select(sa.func.count()).select_from(Delivery).where(Delivery.state == "waiting")
        return int(connection.execute(query).scalar_one())


@dataclass(frozen=True)
class Undelivered:
    """The messages that a receiver has not accepted. Times in milliseconds since 1970."""

    receiver: str
    """Its digest; empty for messages that were written without a receiver."""
    state: str
    """`waiting`, or `gone`: dropped, because nobody has tried it for a week."""
    messages: int
    oldest_ms: int
    attempts: int
    error: str
    """Of the last attempt of one of them."""


def undelivered(database: Database) -> list[Undelivered]:
    """The waiting and the dropped messages of each receiver."""
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
