# SPDX-License-Identifier: Apache-2.0
"""Working state may be lost at any moment: nothing that was recorded is lost, and no report lies."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
import sqlalchemy as sa

from anchor.errors import Unavailable
from anchor.monitor.alarm import Message, Rule
from anchor.monitor.run_record import NameScan, ScannedRange
from anchor.records import followed_logs, observed_releases, outbox, queue, store
from anchor.records.database import Database
from anchor.records.state import HeldState
from anchor.records.tables import Addressed, Notification, Run, Told
from anchor.verdict import Class
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW, on_both

HOUR = 3600.0
ONE, TWO = "/one/release.json", "/two/release.json"
SCAN = NameScan(
    origin="log.example", log_key="k", watch="w", size=9, ranges=(ScannedRange(start=0, end=9),), requests=3
)


@dataclass
class Play:
    """A watch over a few hours. `steps` are its transactions; a receiver may be down."""

    database: Database
    down: set[str] = field(default_factory=set)
    got: list[tuple[str, str]] = field(default_factory=list)
    """Receiver and uid of each message that was accepted."""
    saved: list[int] = field(default_factory=list)
    now: float = NOW
    lease: queue.Lease | None = None

    def steps(self) -> list[Callable[[], object]]:
        return [
            lambda: queue.watch_all(self.database, [ONE, TWO], now=self.now),
            lambda: self.take(ONE),
            lambda: self.save(Class.OK, release=outcomes.release(2, b"two")),
            lambda: self.take(TWO),
            lambda: self.save(Class.INVALID, evidence=(outcomes.evidence(),), scans=(SCAN,)),
            lambda: self.deliver("a", "b", down="a"),
            lambda: self.take(TWO),
            lambda: self.save(Class.OK),
            lambda: self.deliver("c", down="c"),
            lambda: self.take(ONE),
            lambda: self.save(Class.OK, release=outcomes.release(1, b"one"), receivers=()),
            lambda: observed_releases.accept(
                self.database, ONE, number=1, who="me", reason="it was withdrawn", now=self.now
            ),
            lambda: followed_logs.forget(
                self.database, ONE, "log.example", who="me", reason="shut down", now=self.now
            ),
            lambda: self.take(ONE),
            lambda: self.save(Class.FINDINGS, receivers=()),
            lambda: self.deliver("a", "c", down="ac"),
            lambda: queue.unwatch(self.database, TWO, now=self.now),
            lambda: self.deliver("a", "b", "c"),
        ]

    def take(self, target: str) -> None:
        self.now += HOUR
        lease = queue.acquire(self.database, worker="w", now=self.now, target=target)
        assert isinstance(lease, queue.Lease)
        self.lease = lease

    def save(self, found: Class, *, receivers: tuple[str, ...] = ("a", "b"), **more: object) -> None:
        """Save the run that was taken. If its lease is lost, the run is made again, as a worker does."""
        assert self.lease is not None
        rules = store.RunRules(alarm_rule=Rule(runs=1, seconds=0), receivers=receivers)
        record = outcomes.outcome(found, self.lease.target, **more)
        try:
            saved = store.save_run(self.database, self.lease, record, now=self.now, rules=rules)
        except Unavailable:
            self.take(self.lease.target)
            saved = store.save_run(self.database, self.lease, record, now=self.now, rules=rules)
        self.saved.append(saved.index)

    def deliver(self, *receivers: str, down: str = "") -> None:
        def send(receiver: str, message: Message) -> None:
            if receiver in down:
                raise Unavailable("refused", where=receiver)
            self.got.append((receiver, message.uid))

        self.now += HOUR
        outbox.Outbox(self.database, send, receivers).deliver(now=self.now)


def said(database: Database) -> list[tuple[str, str, int]]:
    """The lines of `anchor status` about messages, without the attempts."""
    return [(one.receiver, one.state, one.messages) for one in outbox.undelivered(database)]


def due(database: Database) -> dict[str, float]:
    return {one.target: one.due for one in queue.watched(database)}


def test_without_a_loss_each_receiver_gets_each_message_once(database: Database) -> None:
    play = Play(database)
    for step in play.steps():
        step()
    assert sorted(play.got) == sorted(set(play.got))
    assert len(play.got) == 5  # what was written for nobody went to the two that came next


@pytest.mark.parametrize(
    ("url", "lost"), on_both([(n,) for n in [*range(1, 18), None]], one_of=6), indirect=["url"]
)
def test_a_loss_between_any_two_steps_loses_nothing(database: Database, lost: int | None) -> None:
    """`lost`: after this step; after each one if it is None. Messages may come twice, and are told once."""
    play = Play(database)
    for number, step in enumerate(play.steps(), 1):
        step()
        if lost in (number, None):
            before, times = said(database), due(database)
            outcomes.lose_working_state(database)
            assert said(database) == before
            assert due(database).keys() == times.keys()
            assert outcomes.changed(database) == []
    with database.read() as connection:
        ended = connection.execute(
            sa.select(Run.id).where(Run.state == "finished").order_by(Run.id)
        ).scalars()
        assert ended.all() == play.saved
        owed = connection.execute(
            sa.select(Addressed.receiver, Notification.uid).join(
                Notification, Notification.id == Addressed.notification_id
            )
        ).all()
        told = connection.execute(
            sa.select(Told.receiver, Notification.uid)
            .join(Notification, Notification.id == Told.notification_id)
            .where(Told.state == "sent")
        ).all()
    assert {tuple(one) for one in owed if one[0] != outbox.NOBODY} == set(play.got)
    assert sorted(tuple(one) for one in told) == sorted(set(play.got))
    assert outbox.waiting(database) == 0
    assert outcomes.changed(database) == []


def test_a_number_that_was_accepted_makes_its_target_due_also_without_working_state(
    database: Database,
) -> None:
    play = Play(database)
    play.steps()[0]()
    play.take(ONE)
    play.save(Class.OK, release=outcomes.release(1, b"one"))
    assert due(database)[ONE] > play.now
    outcomes.lose_working_state(database)
    assert due(database)[ONE] > play.now  # as the run decided
    observed_releases.accept(database, ONE, number=1, who="me", reason="x", now=play.now)
    assert due(database)[ONE] == play.now


def test_the_requests_of_an_hour_are_forgotten_and_what_they_read_is_not(database: Database) -> None:
    play = Play(database)
    for step in play.steps()[:5]:
        step()
    before = HeldState(database, now=play.now).read_before("k", "log.example", "w")
    assert (before.requests, before.ranges) == (3, SCAN.ranges)
    outcomes.lose_working_state(database)
    after = HeldState(database, now=play.now).read_before("k", "log.example", "w")
    assert after == replace(before, requests=0)
