# SPDX-License-Identifier: Apache-2.0
"""The outbox: written with the run, delivered once, whatever the receivers and the senders do."""

import threading

import pytest
import sqlalchemy as sa

from anchor.errors import Misuse, Unavailable
from anchor.monitor.alarm import AlarmDetails, Message, Rule
from anchor.monitor.alarm_kinds import Severity
from anchor.records import outbox, replay, store
from anchor.records.check import check
from anchor.records.database import Database, open_database
from anchor.records.tables import Delivery, Notification, Told
from anchor.records.writer import writing
from anchor.report.status import status, text
from anchor.verdict import Class
from tests.support.records import outcomes
from tests.support.records.outcomes import NOW, SLOW_ON_POSTGRESQL

HOUR = 3600.0
RULE = Rule(runs=3, seconds=2 * 3600)


class Receivers:
    """Notifiers that take, refuse or hang, and count."""

    def __init__(self, *down: str) -> None:
        self.down = set(down)
        self.taken: list[tuple[str, str]] = []

    def send(self, receiver: str, message: Message) -> None:
        if receiver in self.down:
            raise Unavailable("refused", where=receiver)
        self.taken.append((receiver, message.title))


def run(database: Database, found: Class, n: int, receivers: tuple[str, ...] = ("a", "b")) -> store.SavedRun:
    at = NOW + n * HOUR
    rules = store.RunRules(alarm_rule=RULE, receivers=receivers)
    return store.save_run(
        database, outcomes.taken(database, now=at), outcomes.outcome(found), now=at, rules=rules
    )


def deliver(database: Database, to: Receivers, n: float, receivers: tuple[str, ...] = ("a", "b")) -> int:
    return outbox.Outbox(database, to.send, receivers).deliver(now=NOW + n * HOUR)


def test_an_alarm_is_delivered_to_each_receiver_once(database: Database) -> None:
    to = Receivers()
    for n, found in enumerate([Class.OK, Class.INVALID, Class.INVALID, Class.INVALID]):
        run(database, found, n)
        deliver(database, to, n)
    assert [(r, t[:16]) for r, t in to.taken] == [("a", "[anchor] INVALID"), ("b", "[anchor] INVALID")]


@pytest.mark.parametrize("stored", [None, "not JSON", "{}"])
def test_the_content_for_programs_is_delivered_and_a_spoilt_one_holds_up_no_text(
    sqlite: str, stored: str | None
) -> None:
    taken: list[Message] = []
    with outcomes.opened(sqlite) as database:
        run(database, Class.INVALID, 0)
        outbox.Outbox(database, lambda _, message: taken.append(message), ("a",)).deliver(now=NOW)
        assert taken[0].details is not None
        assert (taken[0].details.severity, taken[0].details.alarm) == ("critical", "changed")
        with database.write() as connection:
            connection.execute(sa.update(Notification).values(details=stored))
        outbox.Outbox(database, lambda _, message: taken.append(message), ("b",)).deliver(now=NOW)
    assert (taken[1].details, taken[1].body) == (None, taken[0].body)


def test_a_number_beyond_what_json_has_comes_back_from_the_history(database: Database) -> None:
    details = AlarmDetails(
        id="u", severity=Severity.CRITICAL, alarm="changed", verdict="INVALID", number=2**63 - 1, heading="h",
        means="m", do="d", run="r", runbook="b",
    )  # fmt: skip
    message = Message(verdict=Class.INVALID, title="t", body="b", uid="u", details=details)
    with writing(database, 1000) as writer:
        assert outbox.post(writer, message, receivers=("a",))
        assert not outbox.post(writer, message, receivers=("b",))  # it is there already
    taken: list[Message] = []
    outbox.Outbox(database, lambda _, one: taken.append(one), ("a",)).deliver(now=NOW)
    assert taken == [message]


def test_who_is_told_twice_is_told_once_in_the_history(database: Database, url: str) -> None:
    """The attempt of one process is lost while it sends, and another process sends too."""
    run(database, Class.INVALID, 0, ("a",))
    other = Receivers()

    def sends(receiver: str, message: Message) -> None:
        with outcomes.opened(url) as mine:
            outcomes.lose_working_state(mine)
            assert deliver(mine, other, 0, ("a",)) == 1

    assert outbox.Outbox(database, sends, ("a",)).deliver(now=NOW) == 1
    with database.read() as connection:
        assert connection.execute(sa.select(Told.receiver, Told.state)).all() == [("a", "sent")]
        assert connection.execute(sa.select(Delivery.id)).all() == []
    assert deliver(database, other, 9, ("a",)) == 0
    assert check(database).verdict is Class.OK


def test_what_was_told_or_given_up_follows_from_the_history_alone(database: Database) -> None:
    run(database, Class.INVALID, 0, ("gone", "a"))
    deliver(database, Receivers(), 0, ("a", "new"))
    deliver(database, Receivers("new"), 24 * 8, ("a", "new"))
    before = told(database)
    assert before == [("a", "sent"), ("gone", "gone"), ("new", "sent")]
    with writing(database, 0) as writer:
        replay.rebuild(writer.connection)
    assert told(database) == before
    assert check(database).verdict is Class.OK


def told(database: Database) -> list[tuple[str, str]]:
    with database.read() as connection:
        return sorted((r, s) for r, s in connection.execute(sa.select(Told.receiver, Told.state)))


def test_a_failing_receiver_holds_up_no_other_and_gets_it_later(database: Database) -> None:
    run(database, Class.INVALID, 0)
    to = Receivers("a")
    assert deliver(database, to, 0) == 1
    assert deliver(database, to, 0) == 0  # not before its time
    to.down.clear()
    assert deliver(database, to, 1) == 1
    assert [r for r, _ in to.taken] == ["b", "a"]
    assert outbox.waiting(database) == 0


def test_retries_slow_down_and_never_end(database: Database) -> None:
    run(database, Class.INVALID, 0, ("a",))
    to, waits, at = Receivers("a"), [], 0.0
    for _ in range(12):
        deliver(database, to, at, ("a",))
        with database.read() as connection:
            due = connection.execute(sa.select(Delivery.next_ms)).scalar_one() / 1000
        waits.append(due - NOW - at * HOUR)
        at = (due - NOW) / HOUR
    assert waits == sorted(waits)
    assert waits[-1] == outbox.LONGEST_RETRY


def test_a_restart_neither_loses_nor_repeats(database: Database, url: str) -> None:
    run(database, Class.INVALID, 0)
    first, again = Receivers(), Receivers()
    deliver(database, first, 0)
    with outcomes.opened(url) as reopened:
        run(reopened, Class.INVALID, 1)
        deliver(reopened, again, 1)
        run(reopened, Class.OK, 2)
        deliver(reopened, again, 2)
    assert len(first.taken) == 2
    assert [t for _, t in again.taken] == ["[anchor] recovered: a/release.json is OK again"] * 2


def test_a_sender_that_died_in_the_middle_repeats_with_the_same_id(database: Database) -> None:
    run(database, Class.INVALID, 0, ("a",))

    def dies(receiver: str, message: Message) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outbox.Outbox(database, dies, ("a",)).deliver(now=NOW)
    to = Receivers()
    assert deliver(database, to, 0, ("a",)) == 0  # another process may still be at it
    assert deliver(database, to, 1, ("a",)) == 1
    with database.read() as connection:
        uid, body = connection.execute(sa.select(Notification.uid, Notification.body)).one()
    assert f"message {uid}:" in body


def test_what_was_written_while_nobody_was_configured_is_told_to_the_first_who_is(database: Database) -> None:
    run(database, Class.INVALID, 0, ())
    to = Receivers()
    assert deliver(database, to, 1, ("new",)) == 1
    assert deliver(database, to, 2, ("new",)) == 0


def test_what_waits_for_a_receiver_that_is_gone_goes_to_the_others_once(database: Database) -> None:
    run(database, Class.INVALID, 0, ("gone",))
    to = Receivers()
    assert deliver(database, to, 1, ("a", "b")) == 2
    assert deliver(database, to, 2, ("a", "b")) == 0


@SLOW_ON_POSTGRESQL
def test_another_process_with_other_receivers_takes_no_message_over(database: Database) -> None:
    run(database, Class.INVALID, 0, ("a",))
    deliver(database, Receivers("a"), 0, ("a",))  # refused, once
    for n in range(1, 24 * 10):
        deliver(database, Receivers(), n, ("b",))
        if n % 24 == 0:
            deliver(database, Receivers("a"), n, ("a",))  # its own process is alive, and it is still refused
    to = Receivers()
    assert deliver(database, to, 24 * 10, ("a",)) == 1
    assert [r for r, _ in to.taken] == ["a"]


def test_what_nobody_tries_is_dropped_after_a_week_and_said(database: Database) -> None:
    run(database, Class.INVALID, 0, ("gone",))
    deliver(database, Receivers(), 1, ("a",))
    (line,) = status(database, now=NOW).undelivered
    assert line == "1 for receiver gone since 2027-01-15T08:00:00Z not delivered yet"
    assert outbox.waiting(database) == 1
    deliver(database, Receivers(), 24 * 8, ("a",))
    assert outbox.waiting(database) == 0
    (line,) = status(database, now=NOW).undelivered
    assert "dropped" in line
    assert text(status(database, now=NOW))[-1] == f"messages     {line}"


def test_old_history_is_not_news_to_a_new_receiver(database: Database) -> None:
    run(database, Class.INVALID, 0, ())
    assert deliver(database, Receivers(), 24 * 30, ("new",)) == 0


def test_records_that_take_nothing_stop_no_message_and_repeat_none(sqlite: str) -> None:
    with outcomes.opened(sqlite) as database:
        run(database, Class.INVALID, 0)
    reading, to = open_database(sqlite, create=False), Receivers()
    box = outbox.Outbox(reading, to.send, ("a", "b"))
    try:
        for _ in range(2):
            with pytest.raises(Misuse, match="read-only"):
                box.deliver(now=NOW)
    finally:
        reading.close()
    assert [r for r, _ in to.taken] == ["a", "b"]


def test_two_processes_share_the_outbox(database: Database, url: str) -> None:
    for n, found in enumerate(
        (Class.ERROR, Class.INVALID, Class.PENDING, Class.STALE, Class.USAGE, Class.OK)
    ):
        run(database, found, n)
    one, two = Receivers(), Receivers()

    def work(to: Receivers) -> None:
        with outcomes.opened(url) as mine:
            outbox.Outbox(mine, to.send, ("a", "b")).deliver(now=NOW + 6 * HOUR)

    threads = [threading.Thread(target=work, args=(to,)) for to in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(one.taken) + len(two.taken) == 12


@pytest.mark.parametrize(
    "edit",
    [
        (
            "INSERT INTO told SELECT 9999, notification_id, receiver, 'sent', 1 FROM addressed "
            "WHERE receiver = 'a'"
        ),
        "DELETE FROM addressed WHERE receiver = 'a'",
        "UPDATE addressed SET receiver = 'mine' WHERE receiver = 'a'",
        "UPDATE notifications SET body = 'all is well'",
    ],
)
def test_an_edit_that_withholds_a_message_is_found(database: Database, edit: str) -> None:
    run(database, Class.INVALID, 0)
    assert outcomes.changed(database) == []
    with database.write() as connection:
        assert connection.execute(sa.text(edit)).rowcount == 1
    (found,) = outcomes.changed(database)
    assert found.startswith("projections: ")
    with writing(database, 0) as writer:
        replay.rebuild(writer.connection)
    to = Receivers()
    assert deliver(database, to, 0) == 2
    assert outcomes.changed(database) == []


def test_without_attempts_status_says_what_waits_and_sends_it_once(database: Database) -> None:
    run(database, Class.INVALID, 0)
    deliver(database, Receivers("a"), 0)
    before = status(database, now=NOW).undelivered
    assert before == [
        "1 for receiver a since 2027-01-15T08:00:00Z not delivered yet, tried 1 time: a: refused"
    ]
    outcomes.lose_working_state(database)
    assert outbox.waiting(database) == 1
    assert status(database, now=NOW).undelivered == [before[0].partition(", tried")[0]]
    to = Receivers()
    assert deliver(database, to, 0) == 1
    assert [r for r, _ in to.taken] == ["a"]
