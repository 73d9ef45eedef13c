# SPDX-License-Identifier: Apache-2.0
"""The part of `anchor watch` that anchors the head of its records between two cycles."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from anchor.app.log_locations import RunBudget
from anchor.cli import options, records_anchor
from anchor.errors import AnchorError, Misuse, Stopped
from anchor.monitor import alarm
from anchor.records import anchored_heads
from anchor.records.database import Database
from anchor.verdict import Class, Verdict, class_of, failed
from anchor.watch.head_schedule import HeadSchedule
from anchor.watch.schedule import Stop
from anchor.words import several

if TYPE_CHECKING:
    from anchor.app.history_anchor import HeadOptions, Outcome

F = TypeVar("F", bound=Callable[..., Any])
OPTION = "--anchor-history"
CHECK = "head"
"""The name of the check of each try."""


def head_options(function: F) -> F:
    """The options that `of_options` reads."""
    function = records_anchor.instance_options("history-")(function)
    return click.option(
        OPTION,
        "anchor_history",
        metavar="TIME",
        help="Anchor the head of the records, as anchor records anchor does, when the last one is older than "
        "this (1d).",
    )(function)


def of_options(given: dict[str, Any]) -> "tuple[int, HeadOptions] | None":
    """The interval (seconds) and the instances; None if no head is to be anchored.

    Raises Misuse for options that say nothing then, and for an instance that may not be used.
    """
    every = options.seconds(given.pop("anchor_history"), OPTION)
    named = next((n for n in ("head_instances", "public_history") if not options.is_default(n)), None)
    if every is None:
        if named is not None:
            where = "--public-history" if named == "public_history" else "--history-instance"
            raise Misuse("it is for anchored heads, and none is", where=where, remedy=f"give {OPTION} 1d")
        return None
    wanted = records_anchor.head_options(given)
    wanted.check()
    return every, wanted


class HeadNews(NamedTuple):
    """The lines to print after a try, and the message that people get of it."""

    lines: tuple[str, ...] = ()
    message: alarm.Message | None = None


class HeadAnchoring:
    """Anchors a head when it is due. A failure is a line and an alarm, and ends no watch."""

    def __init__(
        self,
        database: Database,
        home: Path,
        every: int,
        wanted: "HeadOptions",
        *,
        rule: alarm.Rule,
        stop: Stop,
    ) -> None:
        self._database = database
        self._home = home
        self._wanted = wanted
        self._schedule = HeadSchedule(every)
        self._rule = rule
        self._standing = alarm.Standing()
        self._stop = stop
        self._said = ""

    def anchor_if_due(self) -> HeadNews:
        """Anchor the head of the records, if that is due now."""
        now = time.time()
        try:
            last = anchored_heads.last_ms(self._database)
        except AnchorError:  # the cycle says so
            return HeadNews()
        if self._stop.asked() or not self._schedule.due(None if last is None else last / 1000, now):
            return HeadNews()
        try:
            lines = self._anchor()
        except Stopped:
            return HeadNews()
        except AnchorError as e:
            return self._failed(e, now)
        except Exception as e:  # noqa: BLE001 - the watch continues and reports the defect
            return self._failed(AnchorError(f"a defect of this program: {type(e).__name__}: {e}"), now)
        self._schedule.done(now)
        self._said = ""
        return HeadNews(lines, self._message(None, now))

    def _anchor(self) -> tuple[str, ...]:
        from anchor.app import history_anchor  # it brings the sigstore client

        budget = RunBudget(history_anchor.BUDGET, self._stop.overdue)
        done = history_anchor.anchor(
            self._database, self._home, self._wanted, budget=budget, say=lambda _line: None
        )
        return (_line(done),) if done.new else ()

    def _failed(self, error: AnchorError, now: float) -> HeadNews:
        """The reason of a failure, once for several in a row."""
        self._schedule.failed(now)
        failing = _verdict(error)
        said, before = failing.checks[0].detail, self._said
        self._said = said
        lines = (f"the head of the records is not anchored: {said}",) if said != before else ()
        return HeadNews(lines, self._message(failing, now))

    def _message(self, failing: Verdict | None, now: float) -> alarm.Message | None:
        """The message by the rules of all alarms; None if there is none now."""
        found = alarm.seen(failing) if failing else alarm.Seen(Class.OK)
        self._standing, news = alarm.next_standing(self._standing, found, now=now, rule=self._rule)
        if news is None:
            return None
        over = news.verdict is Class.OK
        title = "recovered: a head is anchored" if over else f"{news.verdict}: the head of the records"
        lines = [f"- {c.line}" for c in (*news.new, *news.stand)] or ["a head of the records is anchored"]
        lines += [alarm.came_and_went(news)] if news.changes > 1 else []
        uid = hashlib.sha256(f"the head/{now}".encode()).hexdigest()[:16]
        return alarm.announced(news, title, lines, uid=uid)


def _verdict(error: AnchorError) -> Verdict:
    return Verdict(kind="run", target="records", verdict=class_of(error), checks=(failed(CHECK, error),))


def _line(done: "Outcome") -> str:
    where = " and ".join(f"{one.log} (entry {one.index})" for one in done.places)
    return f"anchored: the head of {several(done.size, 'event')}, in {where}"
