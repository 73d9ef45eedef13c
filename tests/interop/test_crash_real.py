# SPDX-License-Identifier: Apache-2.0
"""kill -9 of `anchor publish` on the real servers, at every boundary; and of the servers, in the middle.

Real logs forget: after a restart a Rekor v2 log without persistent antispam takes the same bytes again. So
whoever is killed must look before it sends. Entries are counted by what they are over.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor.app import publish
from anchor.publish import interrupted
from tests.interop.publication import Attempt, Between, entries
from tests.interop.stack.logs import RekorV2
from tests.interop.stack.stack import Log, NewLog, Stack
from tests.interop.test_stack_starts import post, request
from tests.support.process import crash
from tests.support.process.crash import Killer
from tests.support.process.sampled import sampled

AT_ONCE = 12
"""Publications that run side by side: a log answers them together, once a second."""


@pytest.fixture(autouse=True)
def _settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but these tests is on the log's way: what was sent is there in seconds, or was not taken."""
    monkeypatch.setattr(publish, "SETTLE", 3.0)


@pytest.fixture
def none_on_its_way(_settle: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that a log did not take will never get there, so we need not wait for it."""
    monkeypatch.setattr(publish, "SETTLE", 0.3)


def network_part(counted: Killer) -> list[tuple[int, bool]]:
    """Every way to be killed from the first byte sent until the answer is in the journal and some more.

    What comes before and after touches this disk alone; `tests/attacks/test_crash_matrix.py` has it.
    """
    seen = counted.seen
    first = seen.index("connect")
    last = len(seen) - seen[::-1].index("recv")
    return [(n, torn) for n, torn in crash.points(counted) if first < n <= last + 14]


@pytest.fixture(params=["v2", pytest.param("v2 with persistent antispam", marks=pytest.mark.slow), "v1"])
def log(new_log: NewLog, request: pytest.FixtureRequest) -> Log:
    if request.param == "v1":
        found: Log = request.getfixturevalue("rekor_v1")
        return found
    persistent = request.param != "v2"
    return new_log(f"crash{int(persistent)}.stack.internal", persistent_antispam=persistent)


@sampled(10)
def test_killed_at_any_boundary_and_run_again_there_is_one_entry(
    stack: Stack, log: Log, every: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    instance = stack.instance(log, name=f"crash-{log.origin}")
    warm = Attempt(stack, tmp_path / "warm", instance)
    assert (warm.publish()[0], warm.verify()) == (0, 0)
    left_alone = Attempt(stack, tmp_path / "alone", instance)
    killer = Killer(watched=(left_alone.folder,))
    assert crash.forked(left_alone.publish, killer=killer)[0] == 0
    before = len(entries(log))
    points, killed, attempts = network_part(killer)[::every], 0, []
    for at in range(0, len(points), AT_ONCE):
        some = []
        for number, torn in points[at : at + AT_ONCE]:
            attempt = Attempt(stack, tmp_path / f"at-{number}{'t' if torn else ''}", instance)
            some.append((attempt, crash.start(attempt.publish, killer=Killer(at=number, torn=torn))))
        for _, running in some:
            killed += running.result() is None
        for attempt, running in [(a, crash.start(a.again)) for a, _ in some]:
            code, err, verified = running.result()
            assert (code, verified) == (0, 0), (attempt.folder.name, err)
            attempts.append(attempt)
    for attempt in attempts:
        attempt.check(log)
    assert len(entries(log)) == before + len(points)
    # how often an answer is read from a socket depends on the moment
    assert killed >= len(points) * 0.9 - 1
    record_property("crash_points", killed)
    print(f"{log.origin}: {killed} crash points")


@pytest.fixture
def between(log: Log) -> Iterator[Between]:
    made = Between(log.url)
    yield made
    made.front.stop()


def through(stack: Stack, log: Log, between: Between, folder: Path) -> Attempt:
    instance = stack.instance(log, name=f"between-{log.origin}", log_url=between.front.url)
    return Attempt(stack, folder, instance)


@pytest.mark.parametrize("mode", ["cut", "half", "gateway"])
def test_answer_that_is_lost_is_found_in_the_log_and_nothing_is_sent_again(
    stack: Stack, log: Log, between: Between, tmp_path: Path, mode: str
) -> None:
    attempt = through(stack, log, between, tmp_path / mode)
    between.mode = mode
    code, _, err = attempt.publish()
    assert (code, between.taken, attempt.verify()) == (0, 1, 0), err
    assert "the entry is in the log already" in err
    attempt.check(log)


@pytest.mark.usefixtures("none_on_its_way")
def test_request_that_was_swallowed_is_looked_for_before_it_is_sent_again(
    stack: Stack, log: Log, between: Between, tmp_path: Path
) -> None:
    attempt = through(stack, log, between, tmp_path / "swallowed")
    between.mode = "swallow"
    code, _, err = attempt.publish()
    assert (code, between.taken) == (3, 0), err
    assert "the entry is not in the log" in err
    assert not (attempt.site / "release.json").exists()
    (left,) = interrupted.interrupted(attempt.folder / "home")
    assert (left.step, left.log) == ("sent", log.origin)
    between.mode = "pass"
    assert attempt.again()[0::2] == (0, 0)
    assert between.taken == 1
    attempt.check(log)


def restart(log: Log) -> None:
    log.server.kill()
    log.server.start()


def test_answer_lost_and_log_restarted_the_same_bytes_are_not_sent_twice(
    stack: Stack, log: Log, between: Between, tmp_path: Path
) -> None:
    """The log took it, we were killed before the answer, and the log has forgotten what it knew."""
    attempt = through(stack, log, between, tmp_path / "restarted")
    between.mode = "kill"
    running = crash.start(attempt.publish)
    between.victim = running.pid
    assert running.result() is None
    assert between.taken == 1
    between.mode = "pass"
    restart(log)
    code, err, verified = attempt.again()
    assert (code, verified, between.taken) == (0, 0, 1), err
    attempt.check(log)


@pytest.mark.parametrize("delay", [0.02, 0.1, 0.6])
def test_log_killed_while_it_works_on_our_request_has_one_entry_in_the_end(
    stack: Stack, log: Log, tmp_path: Path, delay: float
) -> None:
    """It may have taken the request or not; it comes back, and has it once."""
    attempt = Attempt(stack, tmp_path / "killed", stack.instance(log, name=f"killed-{log.origin}"))
    sending = attempt.folder / "home" / "journal"
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(crash.forked(attempt.publish)))
    thread.start()
    deadline = time.monotonic() + 60
    while not list(sending.glob("*/*/sending.json")) and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(delay)
    log.server.kill()
    thread.join()
    log.server.start()
    if isinstance(
        log, RekorV2
    ):  # entries keep their order: what it had taken is in the tree when this one is
        assert post(log.url, request(b"the next entry"))[0] == 201
    code, _, err = done[0]
    assert code in (0, 3), err
    if code == 3:
        assert not (attempt.site / "release.json").exists()
    code, err, verified = attempt.again()
    assert (code, verified) == (0, 0), err
    attempt.check(log)


@pytest.mark.usefixtures("none_on_its_way")
def test_killed_server_stays_down_and_nothing_is_in_place(stack: Stack, log: Log, tmp_path: Path) -> None:
    instance = stack.instance(log, name=f"down-{log.origin}")
    attempt = Attempt(stack, tmp_path / "down", instance)
    log.server.kill()
    try:
        code, _, err = attempt.publish()
    finally:
        log.server.start()
    assert code == 3, err
    assert not (attempt.site / "release.json").exists()
    assert attempt.again()[0::2] == (0, 0)
    attempt.check(log)
