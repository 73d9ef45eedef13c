# SPDX-License-Identifier: Apache-2.0
"""The line of progress: what it says, when, and that nothing else is printed into it."""

import contextlib
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.cli import output, progress
from anchor.cli.progress import Counter, progress_line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("time.monotonic", found)
    return found


@contextlib.contextmanager
def on_terminal() -> Iterator[Terminal]:
    """The stream of errors, as a terminal. No fixture: pytest puts its own stream in place after it."""
    found = Terminal()
    with contextlib.redirect_stderr(found):
        yield found
        progress.end()


@pytest.mark.parametrize(
    ("done", "total", "seconds", "line"),
    [
        (0, None, 2.0, "verifying facts: 0"),
        (500, None, 2.0, "verifying facts: 500, 250 a second"),
        (500, 1500, 2.0, "verifying facts: 500 of 1,500 (33 %), 250 a second, 4 s left"),
        (1000, 1_000_000, 10.0, "verifying facts: 1,000 of 1,000,000 (0 %), 100 a second, 3 h left"),
        (1000, 31_000, 10.0, "verifying facts: 1,000 of 31,000 (3 %), 100 a second, 5 min left"),
        (1500, 1500, 2.0, "verifying facts: 1,500 of 1,500 (100 %), 750 a second, 0 s left"),
        (1600, 1500, 2.0, "verifying facts: 1,600, 800 a second"),
    ],
)
def test_the_line_says_how_much_of_how_much_how_fast_and_how_long(
    done: int, total: int | None, seconds: float, line: str
) -> None:
    assert progress_line("verifying", "facts", done, total, seconds=seconds) == line


@given(st.integers(0, 10**15), st.none() | st.integers(-5, 10**15), st.floats(0, 10**9))
def test_any_numbers_make_one_line(done: int, total: int | None, seconds: float) -> None:
    assert progress_line("reading", "facts", done, total, seconds=seconds).isprintable()


def test_nothing_is_shown_in_the_first_second_and_then_four_times_a_second(clock: Clock) -> None:
    with on_terminal() as terminal:
        counter = Counter("reading")
        for step in range(100):
            clock.now = 100.0 + step / 50
            counter(step)
        assert terminal.getvalue().count("\r") == 4
        assert "\n" not in terminal.getvalue()
        counter.close()
        counter.close()
        assert terminal.getvalue().count("\n") == 1


def test_a_shorter_line_leaves_nothing_of_the_longer_one(clock: Clock) -> None:
    with on_terminal() as terminal:
        counter = Counter("reading", total=lambda: 10_000)
        clock.now += 2
        counter(9_999)
        clock.now += 2
        counter(10_001)
        first, second = terminal.getvalue().split("\r")[1:]
        assert len(second) == len(first)


def test_what_else_is_printed_begins_on_a_line_of_its_own(clock: Clock) -> None:
    with on_terminal() as terminal:
        counter = Counter("reading")
        clock.now += 2
        counter(5)
        output.say("anchor: a refusal")
        assert terminal.getvalue().endswith(" a second\nanchor: a refusal\n")
        counter.close()
        assert terminal.getvalue().endswith("anchor: a refusal\n")


def test_a_second_reading_has_a_rate_of_its_own(clock: Clock) -> None:
    with on_terminal() as terminal:
        counter = Counter("reading")
        clock.now += 10
        counter(1000)
        counter(1)
        assert terminal.getvalue().endswith("100 a second\n")
        clock.now += 2
        counter(1000)
        assert terminal.getvalue().endswith("500 a second")


def test_the_total_is_asked_only_if_the_line_is_shown(clock: Clock) -> None:
    with on_terminal():
        asked: list[int] = []

        def total() -> int:
            asked.append(1)
            return 100

        counter = Counter("reading", total=total)
        counter(1)
        assert asked == []
        for _ in range(3):
            clock.now += 2
            counter(50)
        assert asked == [1]


def test_no_terminal_gets_no_line(clock: Clock) -> None:
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream):
        counter = Counter("reading")
        clock.now += 5
        counter(5)
        counter.close()
    assert stream.getvalue() == ""
