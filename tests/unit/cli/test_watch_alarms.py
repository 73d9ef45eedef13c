# SPDX-License-Identifier: Apache-2.0
"""The alarms of a watch about itself: no cycle could be made, or the program has a defect."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from anchor.cli import watch
from anchor.errors import AnchorError, Unavailable
from anchor.monitor import alarm
from anchor.monitor.alarm_kinds import KINDS, AlarmKind
from anchor.verdict import Class, Verdict, class_of, failed, passed

GOOD = Verdict(kind="cycle", target="1 due release", verdict=Class.OK, checks=(passed("t", "as it was"),))


def failure(error: AnchorError) -> Verdict:
    """The verdict of a tick that raised."""
    return Verdict(kind="run", target="watch", verdict=class_of(error), checks=(failed("cycle", error),))


class Told:
    """Ways out that keep the messages."""

    def __init__(self) -> None:
        self.messages: list[alarm.Message] = []
        self.more = threading.Event()

    def report(self, *, good: bool) -> None:
        """No heartbeat and no metrics file are named."""

    def deliver(self) -> None:
        """The outbox is empty."""

    def tell(self, message: alarm.Message) -> None:
        self.messages.append(message)
        self.more.set()

    def next(self) -> alarm.Message:
        assert self.more.wait(60)
        self.more.clear()
        return self.messages[-1]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def courier(told: Told) -> Iterator[Any]:
    """One that sends an alarm for UNAVAILABLE at once."""
    made = watch._Courier(told, alarm.Rule(runs=1, seconds=0))
    yield made
    made.end()


def routed(message: alarm.Message) -> tuple[str, str, str]:
    assert message.details is not None
    assert message.details.run == "anchor status"  # there is no one release to look at
    assert message.details.target == ""
    return message.details.severity, message.details.alarm, message.title


def test_a_watch_that_cannot_run_warns_once_gets_worse_and_recovers(courier: Any, told: Told) -> None:
    full = failure(Unavailable("the disk is full", where="records.db"))
    courier.take(full)
    assert routed(told.next()) == (
        "warning",
        "halted",
        "[anchor] UNAVAILABLE: the watch (warning: The watch cannot run)",
    )
    courier.take(full)
    courier.take(failure(AnchorError("a defect of this program: KeyError: 'x'")))
    assert routed(told.next()) == ("critical", "error", "[anchor] ERROR: the watch (critical: ERROR (70))")
    courier.take(GOOD)
    assert routed(told.next()) == ("info", "recovered", "[anchor] recovered: the watch goes on")
    assert len(told.messages) == 3


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_no_alarm_without_a_release_tells_to_look_at_one(kind: AlarmKind) -> None:
    cause = alarm.Cause("k", "s", kind.verdict, (*kind.checks, "x")[0], "line")
    news = alarm.News(verdict=kind.verdict, new=() if kind.verdict is Class.OK else (cause,))
    own, of_target = (alarm.announced(news, "title", [], uid="u", target=t) for t in ("", "a b.json"))
    assert own.details is not None
    assert of_target.details is not None
    assert "json" not in own.details.run.replace("records.jsonl", "")
    assert ("'a b.json'" in of_target.details.run) == ("{target}" in kind.run)
