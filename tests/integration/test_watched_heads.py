# SPDX-License-Identifier: Apache-2.0
"""`anchor watch --anchor-history`: heads are anchored between the cycles, and a failure ends nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.app.history_anchor import HeadOptions
from anchor.cli.watch_head import HeadAnchoring
from anchor.disk import lock
from anchor.monitor import alarm
from anchor.watch.schedule import Stop
from tests.support.process import fork_server
from tests.support.process.anchor_cli import anchor
from tests.support.records import anchored
from tests.support.records.anchored import Kept


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return anchored.kept(tmp_path)


class Watched:
    """The anchoring of a watch over these records, and what it says and sends."""

    def __init__(self, kept: Kept, every: int) -> None:
        self._opened = kept.opened()
        self.lines: list[str] = []
        self.messages: list[alarm.Message] = []
        self.stop = Stop()
        self._anchoring = HeadAnchoring(
            self._opened.__enter__(),
            kept.home,
            every,
            HeadOptions(),
            rule=alarm.Rule(runs=1, seconds=0),
            stop=self.stop,
        )

    def step(self) -> None:
        """Anchor if it is due, as the watch does between two cycles."""
        news = self._anchoring.anchor_if_due()
        self.lines += news.lines
        self.messages += [news.message] if news.message else []

    def close(self) -> None:
        self._opened.__exit__(None, None, None)


@pytest.fixture
def watched(kept: Kept) -> Iterator[Watched]:
    made = Watched(kept, 86_400)
    yield made
    made.close()


def test_a_head_is_anchored_when_it_is_due_and_not_again_before(kept: Kept, watched: Watched) -> None:
    watched.step()
    assert len(kept.bodies()) == 1
    (line,) = watched.lines
    assert line.startswith("anchored: the head of ")
    assert kept.reverify().code == 0
    watched.step()
    assert len(kept.bodies()) == len(kept.heads()) == 1
    assert watched.messages == []


def test_a_head_of_the_command_counts_for_the_watch(kept: Kept, watched: Watched) -> None:
    """The time of the last head is that of its event."""
    assert kept.anchor().code == 0
    assert kept.reverify().code == 0
    watched.step()
    assert len(kept.bodies()) == 1


def test_a_failure_is_one_line_and_one_message_and_the_next_head_ends_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(kept, 1)  # so that no try waits for long
    now = [2_000_000_000.0]
    monkeypatch.setattr("anchor.cli.watch_head.time.time", lambda: now[0])
    (kept.home / "journal").mkdir()
    try:
        with lock.exclusive(kept.home / "journal", doing="publishing with this home"):
            for _ in range(3):
                watched.step()
                now[0] += 10
        assert kept.bodies() == []
        (line,) = watched.lines
        assert "not anchored" in line
        assert "another process is publishing with this home" in line
        (message,) = watched.messages
        assert message.details is not None
        assert (message.details.alarm, message.details.severity) == ("no-head", "warning")
        watched.step()
        assert len(kept.bodies()) == 1
        assert watched.messages[-1].title.endswith("a head is anchored (info: Recovered)") or (
            "recovered" in watched.messages[-1].title
        )
        assert len(watched.messages) == 2
    finally:
        watched.close()


def test_records_that_were_put_back_are_an_alarm(kept: Kept) -> None:
    """Two heads are gone from them, and so they are of another way than the log has."""
    before = kept.database()
    for _ in range(2):
        assert kept.anchor().code == 0
        assert kept.reverify().code == 0
    kept.put_back(before)
    watched = Watched(kept, 86_400)
    try:
        watched.step()
        (message,) = watched.messages
        assert message.title.startswith("[anchor] USAGE: the head of the records")
        assert "the records do not have it" in watched.lines[0]
    finally:
        watched.close()
    assert len(kept.bodies()) == 2


def test_a_watch_that_ends_anchors_nothing(kept: Kept, watched: Watched) -> None:
    watched.stop.ask()
    watched.step()
    assert kept.bodies() == []


@pytest.mark.parametrize("words", [("--public-history",), ("--history-instance", "public")])
def test_options_that_say_nothing_without_an_interval_are_refused(kept: Kept, words: tuple[str, ...]) -> None:
    done = anchor("watch", "--home", kept.home, "--policy", kept.site.policy, *words)
    assert done.code == 2
    assert "--anchor-history" in done.err


def test_a_public_instance_needs_words_at_the_start(kept: Kept) -> None:
    words = ("--anchor-history", "1d", "--history-instance", "public")
    done = anchor("watch", "--home", kept.home, "--policy", kept.site.policy, *words)
    assert done.code == 2
    assert "public for ever" in done.err


def test_the_command_itself_anchors_and_goes_on(kept: Kept) -> None:
    """In a process of its own: the watch is asked to end once the log has an entry."""
    words = ("watch", "--home", kept.home, "--policy", kept.site.policy, "--every", "1s")
    fork_server.until("anchored: the head of", *words, "--anchor-history", "1d")
    assert len(kept.bodies()) == len(kept.heads()) == 1
    assert kept.check() == 0
