# SPDX-License-Identifier: Apache-2.0
"""The outbox: messages written in the transaction of their run, delivered later, as often as it takes.

A delivery is marked as sent after the receiver took it. A process that dies between the two sends it again,
with the same id in its text: repeated rather than lost. Receivers are named by a digest, since their URLs
hold secrets. A message written while none was configured waits for the first one that is.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from anchor.errors import AnchorError
from anchor.records.engine import Database
from anchor.records.tables import Delivery, Notification

FIRST_RETRY = 60
LONGEST_RETRY = 6 * 3600
SENDING = 300
OLDEST = 7 * 86400
"""Seconds after which a message whose receiver is gone is history, not news."""
NOBODY = ""
"""The receiver of what was written while none was configured."""
"""Seconds for which one process has a delivery to itself."""

_TOLD = (
    sa.select(Notification.id)
    .where(Notification.claim_id == sa.bindparam("claim"), Notification.verdict == sa.bindparam("verdict"))
    .limit(1)
)

Send = Callable[[str, str, str], None]
"""Sends title and body to the receiver with this digest; raises an AnchorError when it was not taken."""


@dataclass(frozen=True)
class Message:
    """What people are told."""

    uid: str
    verdict: str
    title: str
    body: str
    claim_id: int | None = None


def post(connection: Connection, message: Message, *, now: float, receivers: Sequence[str]) -> None:
    """Write a message and its deliveries in the caller's transaction; a known uid is written once."""
    known = sa.select(Notification.id).where(Notification.uid == message.uid)
    if connection.execute(known).first():
        return
    at = round(now * 1000)
    row = {**vars(message), "created_ms": at}
    number = connection.execute(sa.insert(Notification).returning(Notification.id), row).scalar_one()
    rows = [_delivery(int(number), receiver, at) for receiver in dict.fromkeys(receivers)]
    connection.execute(sa.insert(Delivery), rows or [_delivery(int(number), NOBODY, at)])


def told(connection: Connection, claim_id: int, verdict: str) -> bool:
    """Whether there ever was a message of this class about a target."""
    return connection.execute(_TOLD, {"claim": claim_id, "verdict": str(verdict)}).first() is not None


def all_told(connection: Connection, verdict: str) -> set[int | None]:
    """The claims about which there ever was a message of this class."""
    query = sa.select(Notification.claim_id).where(Notification.verdict == str(verdict)).distinct()
    return set(connection.execute(query).scalars())


def uid_of(seq: int, claim_id: int, link: bytes) -> str:
    """The id of the message about a run, by the run's number and its place in the chain."""
    return hashlib.sha256(b"%d/%d/" % (seq, claim_id) + link).hexdigest()[:16]


def _delivery(number: int, receiver: str, at: int) -> dict[str, object]:
    return {
        "notification_id": number,
        "receiver": receiver,
        "state": "waiting",
        "attempts": 0,
        "next_ms": at,
        "error": "",
    }


def deliver(database: Database, send: Send, *, now: float, receivers: Sequence[str], limit: int = 100) -> int:
    """Try what is due, oldest first; returns how many were taken. A failure is written down and tried later.

    Messages for a receiver that is configured no more go to those that are.
    """
    readdress(database, now=now, receivers=receivers)
    taken = 0
    for _ in range(limit):
        found = _next(database, now, receivers)
        if found is None:
            break
        problem = ""
        try:
            send(found["receiver"], found["title"], found["body"])
        except AnchorError as e:
            problem = str(e)[:500]
        taken += not problem
        _note(database, found, problem, now)
    return taken


def _next(database: Database, now: float, receivers: Sequence[str]) -> Mapping[str, str] | None:
    """The next due delivery, reserved for this process."""
    at = round(now * 1000)
    if not receivers:
        return None
    with database.write() as connection:
        query = (
            sa.select(
                Delivery.id, Delivery.receiver, Delivery.attempts, Notification.title, Notification.body
            )
            .join(Notification, Notification.id == Delivery.notification_id)
            .where(Delivery.state == "waiting", Delivery.receiver.in_(receivers))
            # a clock that went back must not hold a message for years
            .where(sa.or_(Delivery.next_ms <= at, Delivery.next_ms > at + 2000 * LONGEST_RETRY))
            .order_by(Delivery.id)
            .limit(1)
            .with_for_update(skip_locked=True, of=Delivery)
        )
        row = connection.execute(query).mappings().first()
        if row is None:
            return None
        reserve = sa.update(Delivery).where(Delivery.id == row["id"])
        connection.execute(reserve, {"next_ms": at + SENDING * 1000})
        return dict(row)


def _note(database: Database, found: Mapping[str, object], problem: str, now: float) -> None:
    attempts = int(str(found["attempts"])) + 1
    change: dict[str, object] = {"attempts": attempts, "error": problem}
    if problem:
        wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(attempts - 1, 20))
        change["next_ms"] = round((now + wait) * 1000)
    else:
        change |= {"state": "sent", "sent_ms": round(now * 1000)}
    with database.write() as connection:
        connection.execute(sa.update(Delivery).where(Delivery.id == found["id"]), change)


def readdress(database: Database, *, now: float, receivers: Sequence[str]) -> None:
    """Give what waits for a receiver that is gone to those that are configured now."""
    if not receivers:
        return
    lost = (
        sa.select(Delivery.id, Delivery.notification_id, Notification.created_ms)
        .join(Notification, Notification.id == Delivery.notification_id)
        .where(Delivery.state == "waiting", Delivery.receiver.not_in(receivers))
    )
    at = round(now * 1000)
    with database.read() as connection:
        if connection.execute(lost.limit(1)).first() is None:
            return
    with database.write() as connection:
        database.serialise(connection)
        for number, notification, created in connection.execute(lost).all():
            has = sa.select(Delivery.receiver).where(Delivery.notification_id == notification)
            known = {r[0] for r in connection.execute(has)}
            rows = [_delivery(notification, r, at) for r in receivers if r not in known]
            if rows and at - created <= OLDEST * 1000:
                connection.execute(sa.insert(Delivery), rows)
            connection.execute(sa.update(Delivery).where(Delivery.id == number), {"state": "gone"})


def waiting(database: Database) -> int:
    """How many deliveries have not been taken yet."""
    with database.read() as connection:
        query = sa.select(sa.func.count()).select_from(Delivery).where(Delivery.state == "waiting")
        return int(connection.execute(query).scalar_one())
