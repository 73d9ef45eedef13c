# SPDX-License-Identifier: Apache-2.0
"""The figures of a history, as ratios in one run: `records check`, its memory, one more run; and its size."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor.records import check
from anchor.records.database import Database
from anchor.verdict import Class
from tests.bench import turns
from tests.bench.bench_append import recorders
from tests.bench.bench_history import LOGS, ROOT, checked, fill, loop
from tests.support.records.outcomes import opened

pytestmark = [pytest.mark.bench, pytest.mark.slow]

RELEASES = 100
EVENTS = 2000
"""The first one and 17 whole days: each head has its proof."""
CALLS = 120
"""Calls of functions for an event. Measured: 108, and 19 of the loop. The loop takes 36 us where a million
events in 60 s of CPU are demanded, and a check 1.4 to 1.5 times as long on a quiet machine. That ratio is
printed and judges nothing: it is 1.9 where other programs use the same caches."""

APPEND = 1.0
"""Times the same in version 0.1; 1.2 are allowed. Measured: 0.49. The rest is for other processors."""
SIZES = (20_000, 80_000)
"""Events of two histories. Below the first, the memory also grows with what is read for the first time."""
MEMORY = 128.0
"""MiB that a check of a million events may take. Measured: 100 by that growth, and at a million."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    fill(f"sqlite:///{tmp_path}/records.db", EVENTS - 1, RELEASES)
    return tmp_path / "records.db"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    with opened(f"sqlite:///{file}") as found:
        yield found


def test_a_check_does_little_more_than_to_read_the_events(file: Path, database: Database) -> None:
    assert check.check(database).verdict is Class.OK
    assert loop(file) == EVENTS

    ours, plain = turns.best(lambda: check.check(database), lambda: loop(file), rounds=turns.LEAST)
    print(f"{1e6 * ours / EVENTS:.1f} and {1e6 * plain / EVENTS:.1f} us an event: {ours / plain:.2f}")
    called = turns.calls(lambda: check.check(database)) / EVENTS
    print(f"{called:.1f} calls of functions an event")
    assert called <= CALLS


def test_a_year_of_daily_runs_takes_no_more_than_the_page_says(tmp_path: Path) -> None:
    """By two weeks of them."""
    sizes = []
    for days in (0, 14):
        file = tmp_path / f"{days}.db"
        fill(f"sqlite:///{file}", 1 + 2 * RELEASES + days * (RELEASES + 2 * LOGS), RELEASES)
        sizes.append(file.stat().st_size)
    year = sizes[0] + (sizes[1] - sizes[0]) / 14 * 365
    print(f"{year / 1e6:.0f} MB")
    page = " ".join((ROOT / "docs" / "operations.md").read_text(encoding="utf-8").split())
    (said,) = re.findall(rf"a year of daily runs of {RELEASES} releases takes less than ([0-9]+) MB", page)
    assert 0.5 * int(said) <= year / 1e6 <= int(said)


def test_a_run_is_saved_at_no_more_than_the_cost_of_version_0_1(tmp_path: Path) -> None:
    with recorders(tmp_path) as (ours, before):
        rounds = [(ours.save(), before.save()) for _ in range(6)]
    mine, theirs = (min(side) for side in zip(*rounds, strict=True))
    print(f"{1e3 * mine:.2f} and {1e3 * theirs:.2f} ms a run: {mine / theirs:.2f}")
    assert mine <= APPEND * theirs


def test_a_check_of_a_million_events_takes_no_more_memory_than_is_allowed(tmp_path: Path) -> None:
    """By its growth between two histories: to write a million events takes minutes."""
    peaks = []
    for events in SIZES:
        home = tmp_path / str(events)
        home.mkdir()
        fill(f"sqlite:///{home}/records.db", events, RELEASES)
        peaks.append(min(checked(home)[1] for _ in range(2)))
    each = (peaks[1] - peaks[0]) / (SIZES[1] - SIZES[0])
    million = peaks[1] + each * (1_000_000 - SIZES[1])
    print(f"{peaks[0]:.1f} and {peaks[1]:.1f} MiB: {million:.0f} MiB at a million")
    assert million <= MEMORY
