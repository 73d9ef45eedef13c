# SPDX-License-Identifier: Apache-2.0
"""The outbox: a message is written in the transaction of its run, and delivered later until it is accepted.

What a message says, whom it is for, and who accepted it are in the history. Only the attempts (`deliveries`)
are working state: an attempt that is lost is made again. A message is told after the receiver has accepted
it. If the process dies in between, it is sent again, with the same id in its text: it may be repeated, never
lost. Receivers are named by a digest, because their URLs hold secrets. A message that was written without a
receiver waits for the first one.
"""

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import AnchorError
from anchor.format.history_events import MessageAddressed, MessageGivenUp, MessageOwed, MessageTold
from anchor.monitor.alarm import AlarmDetails, Message
from anchor.records.database import Database
from anchor.records.queue import ms
from anchor.records.tables import Addressed, Delivery, Notification, Told
from anchor.records.writer import Writer, writing
from anchor.verdict import Class

FIRST_RETRY = 60
LONGEST_RETRY = 6 * 3600
SENDING = 300
"""Seconds for which a delivery is reserved for one process."""
OLDEST = 7 * 86400
"""Seconds. A new receiver gets no older messages. A delivery that nobody tries for this long is dropped."""
NOBODY = ""
"""The receiver of messages that were written while no receiver was configured."""

# Statements are built once, with named parameters: building one costs eight times as much as running it.
_NOTIFIED = (
    sa.select(Notification.id)
    .where(
        Notification.claim_id == sa.bindparam("target_id"), Notification.verdict == sa.bindparam("verdict")
    )
    .limit(1)
)
_AT = sa.bindparam("at", type_=sa.BigInteger())
_RECEIVERS: sa.BindParameter[Any] = sa.bindparam("receivers", expanding=True)
_OF_MESSAGE = Notification.id == Addressed.notification_id
_SETTLED = sa.and_(Told.notification_id == Addressed.notification_id, Told.receiver == Addressed.receiver)
_WAITS = ~sa.exists().where(_SETTLED)
"""Nobody has accepted it, and it was not given up."""
_TRIED = Addressed.id.in_(sa.select(Delivery.id))
"""So that a query looks at the few attempts, and not at all messages there ever were."""
_TEXT = (
    *(Addressed.id, Addressed.receiver, Notification.uid, Notification.verdict),
    *(Notification.title, Notification.body, Notification.details),
)
_TO_SEND = sa.and_(
    _WAITS,
    Addressed.receiver.in_(_RECEIVERS),
    # a due time that a wrong clock set far ahead must not delay a message for years
    sa.or_(Delivery.id.is_(None), Delivery.next_ms <= _AT, Delivery.next_ms > _AT + 1000 * LONGEST_RETRY),
)
_ATTEMPTS = sa.func.coalesce(Delivery.attempts, 0)
_TO_RESERVE = (
    sa.select(*_TEXT, Delivery.attempts)
    .join(Notification, _OF_MESSAGE)
    .join(Delivery, Delivery.id == Addressed.id)
    .where(_TRIED, _TO_SEND)
    .order_by(Delivery.attempts, Addressed.id)
    .limit(1)
    .with_for_update(skip_locked=True, of=Delivery)
)
"""The one with the fewest attempts comes first, so a message that is never accepted delays no other."""
_UNSENT = (
    sa.select(*_TEXT, _ATTEMPTS.label("attempts"))
    .join(Notification, _OF_MESSAGE)
    .outerjoin(Delivery, Delivery.id == Addressed.id)
    .where(_TO_SEND)
    .order_by(_ATTEMPTS, Addressed.id)
)
_WAITING = sa.select(
    sa.select(sa.func.count()).select_from(Addressed).scalar_subquery()
    - sa.select(sa.func.count()).select_from(Told).scalar_subquery()
)
"""Each row of `told` settles one of `addressed`."""
_TRYING = sa.select(sa.func.count()).select_from(Addressed).where(_TRIED, _WAITS)
_UNTRIED = sa.select(Addressed.id).where(_WAITS, ~_TRIED).order_by(Addressed.id)
"""Those whose attempt was lost."""
_OF_OTHERS = (
    sa.select(
        *(Addressed.id, Addressed.receiver, Addressed.notification_id, Delivery.next_ms),
        *(Notification.uid, Notification.created_ms),
    )
    .join(Notification, _OF_MESSAGE)
    .join(Delivery, Delivery.id == Addressed.id)
    .where(_TRIED, _WAITS, Addressed.receiver.not_in(_RECEIVERS))
    .order_by(Addressed.id)
)
_ADDRESSED = sa.select(Addressed.receiver).where(Addressed.notification_id == sa.bindparam("message"))
_STILL = sa.select(Addressed.id).where(_WAITS, Addressed.id == sa.bindparam("addressed"))
_ATTEMPT = sa.insert(Delivery)
_CHANGE = sa.update(Delivery).where(Delivery.id == sa.bindparam("addressed"))
_END = sa.delete(Delivery).where(Delivery.id == sa.bindparam("addressed"))
_STATE = sa.func.coalesce(Told.state, "waiting")
_GIVEN_UP = (
    sa.select(Addressed.id).join(Told, _SETTLED).where(Told.state == "gone", Addressed.receiver != NOBODY)
)
_UNDELIVERED = (
    sa.select(
        Addressed.receiver,
        _STATE.label("state"),
        sa.func.count().label("messages"),
        sa.func.min(Notification.created_ms).label("oldest_ms"),
        sa.func.max(_ATTEMPTS).label("attempts"),
        sa.func.max(sa.func.coalesce(Delivery.error, "")).label("error"),
    )
    .join(Notification, _OF_MESSAGE)
    .outerjoin(Told, _SETTLED)
    .outerjoin(Delivery, Delivery.id == Addressed.id)
    .where(Addressed.id.in_(sa.union_all(sa.select(Addressed.id).where(_WAITS), _GIVEN_UP)))
    .group_by(Addressed.receiver, _STATE)
    .order_by(sa.func.min(Notification.id))
)

Send = Callable[[str, Message], None]
"""Sends a message to the receiver with this digest; raises an AnchorError if it was not accepted."""


def post(writer: Writer, message: Message, *, target: str | None = None, receivers: Sequence[str]) -> bool:
    """Write a message and whom it is for. False if its uid is there already."""
    if writer.known.message(message.uid) is not None:
        return False
    writer.add(
        MessageOwed,
        uid=message.uid,
        target=target,
        verdict=str(message.verdict),
        title=message.title,
        body=message.body,
        details=None if message.details is None else msgspec.to_builtins(message.details),
    )
    for receiver in dict.fromkeys(receivers or (NOBODY,)):
        _address(writer, message.uid, receiver)
    return True


def _address(writer: Writer, uid: str, receiver: str) -> None:
    number = writer.add(MessageAddressed, uid=uid, receiver=receiver)
    writer.connection.execute(_ATTEMPT, _attempt(number, writer.at_ms))


def _attempt(number: int, at: int) -> dict[str, object]:
    return {"id": number, "attempts": 0, "next_ms": at, "error": ""}


def has_notified(connection: Connection, target_id: int, verdict: str) -> bool:
    """True if there ever was a message of this class about a target."""
    return (
        connection.execute(_NOTIFIED, {"target_id": target_id, "verdict": str(verdict)}).first() is not None
    )


def uid_of(run: str, target: str, at: int) -> str:
    """The id of the message about a run that ended at a time in milliseconds. It differs for each run."""
    return hashlib.sha256(f"{run}/{at}/{target}".encode()).hexdigest()[:16]


class Outbox:
    """The deliveries of one process. It remembers messages that it sent but could not record."""

    def __init__(self, database: Database, send: Send, receivers: Sequence[str]) -> None:
        self._database = database
        self._send = send
        self._receivers = receivers
        self._unnoted: set[tuple[str, str]] = set()
        """By uid and receiver."""

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
        sent = (delivery["uid"], delivery["receiver"])
        if sent in self._unnoted:
            return ""
        try:
            self._send(delivery["receiver"], _message(delivery))
        except AnchorError as e:
            return str(e)[:500] or "not taken"
        self._unnoted.add(sent)
        return ""

    def _reserved(self, now: float, good: set[str]) -> Mapping[str, Any] | None:
        """The next due delivery, reserved for this process. The attempt is recorded first, since this process
        may end during it."""
        if not good:
            return None
        with self._database.write() as connection:
            key = {"receivers": list(good), "at": ms(now)}
            row = connection.execute(_TO_RESERVE, key).mappings().first()
            if row is not None:
                change = {
                    "next_ms": ms(now + SENDING),
                    "attempts": row["attempts"] + 1,
                    "error": "the attempt did not end",
                }
                connection.execute(_CHANGE, {"addressed": row["id"], **change})
            return dict(row) if row is not None else None

    def _unsent(self, now: float, good: set[str]) -> Mapping[str, Any] | None:
        """The next due delivery that this process has not sent yet, if the records cannot reserve one."""
        if not good:
            return None
        with self._database.read() as connection:
            for row in connection.execute(_UNSENT, {"receivers": list(good), "at": ms(now)}).mappings():
                if (row["uid"], row["receiver"]) not in self._unnoted:
                    return dict(row)
        return None

    def _note(self, delivery: Mapping[str, Any], problem: str, now: float) -> None:
        try:
            if problem:
                wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(delivery["attempts"], 20))
                change = {"addressed": delivery["id"], "error": problem, "next_ms": ms(now + wait)}
                with self._database.write() as connection:
                    connection.execute(_CHANGE, change)
                return
            with writing(self._database, ms(now)) as writer:
                self._settle(writer, delivery)
        except AnchorError:
            return  # `_unnoted` remembers that it was sent
        self._unnoted.discard((delivery["uid"], delivery["receiver"]))

    def _settle(self, writer: Writer, delivery: Mapping[str, Any]) -> None:
        """Write down that a receiver accepted a message, once."""
        if writer.connection.execute(_STILL, {"addressed": delivery["id"]}).first() is not None:
            writer.add(MessageTold, uid=delivery["uid"], receiver=delivery["receiver"])
        writer.connection.execute(_END, {"addressed": delivery["id"]})


def _message(row: Mapping[str, Any]) -> Message:
    verdict = Class(row["verdict"]) if row["verdict"] in set(Class) else Class.ERROR
    details: AlarmDetails | None = None
    if row["details"] is not None:
        with contextlib.suppress(msgspec.MsgspecError):  # somebody edited it: the text is sent all the same
            # lax: a number beyond 2^53 is a text in the history
            details = msgspec.json.decode(row["details"], type=AlarmDetails, strict=False)
    return Message(verdict=verdict, title=row["title"], body=row["body"], uid=row["uid"], details=details)


def readdress(database: Database, *, now: float, receivers: Sequence[str]) -> None:
    """Begin the deliveries again whose attempts are lost, and address messages that wait for other receivers
    to these too: the others may not be configured any more.

    They may also belong to another process, so they stay. A delivery is dropped if nobody has tried it for
    `OLDEST` since it was due; a running process tries more often than that.
    """
    if not receivers:
        return
    at = ms(now)
    key = {"receivers": list(receivers)}
    with database.read() as connection:
        others = connection.execute(_OF_OTHERS, key).all()
        if not _lost(connection) and not any(_change(connection, row, receivers, at) for row in others):
            return
    with writing(database, at) as writer:
        connection = writer.connection
        if _lost(connection):
            again = [_attempt(number, at) for number in connection.execute(_UNTRIED).scalars()]
            if again:
                connection.execute(_ATTEMPT, again)
        for row in connection.execute(_OF_OTHERS, key).all():
            more, gone = _change(connection, row, receivers, at) or ([], False)
            for receiver in more:
                _address(writer, row.uid, receiver)
            if gone:
                writer.add(MessageGivenUp, uid=row.uid, receiver=row.receiver)


def _lost(connection: Connection) -> bool:
    """True if something waits that has no attempt."""
    waits = connection.execute(_WAITING).scalar_one()
    return bool(waits != connection.execute(_TRYING).scalar_one())


def _change(
    connection: Connection, row: Any, receivers: Sequence[str], at: int
) -> tuple[list[str], bool] | None:
    """Those of these receivers whom a message is not for yet, and whether it is dropped for the one that it
    waits for; None if nothing changes. A new receiver gets no message that is older than `OLDEST`."""
    known = set(connection.execute(_ADDRESSED, {"message": row.notification_id}).scalars())
    fresh = at - row.created_ms <= OLDEST * 1000
    more = [receiver for receiver in dict.fromkeys(receivers) if receiver not in known] if fresh else []
    gone = row.receiver == NOBODY or at - row.next_ms > OLDEST * 1000
    return (more, gone) if more or gone else None


def waiting(database: Database) -> int:
    """How many deliveries have not been accepted yet."""
    with database.read() as connection:
        return int(connection.execute(_WAITING).scalar_one())


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
    with database.read() as connection:
        return [Undelivered(**row) for row in connection.execute(_UNDELIVERED).mappings()]
