# SPDX-License-Identifier: Apache-2.0
"""`anchor watch` as a process of its own, beside `reverify`, `status` and `history`."""

import contextlib
import re
import shlex
import signal
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor.app import reverify as app_reverify
from anchor.cli import watch
from anchor.verify.policy import UNCOMPARED
from tests.support.attacks.attacked import Hook, hook
from tests.support.process import forked
from tests.support.process.anchor_cli import anchor
from tests.support.process.disks import mounts
from tests.support.process.forked import ForkedCommand
from tests.support.releases.published import Site, published
from tests.support.servers.ports import held_port

__all__ = ["mounts"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("site"))


@pytest.fixture
def webhook() -> Iterator[Hook]:
    with hook() as server:
        yield server


@contextlib.contextmanager
def watching(site: Site, home: Path, *more: object) -> Iterator[ForkedCommand]:
    words = ("watch", site.release, "--policy", site.policy, "--home", home, "--every", "1s", *more)
    child = forked.start(*words)
    try:
        yield child
    finally:
        child.kill()
        child.wait(60)
        child.stdout.close()


def ended(child: ForkedCommand) -> tuple[int, str]:
    """SIGTERM, and what was said until the end."""
    child.send_signal(signal.SIGTERM)
    return child.wait(60), child.stdout.read()


def until(wanted: Any, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < limit
        time.sleep(0.1)


def runs(home: Path, *more: str) -> list[str]:
    ran = anchor("history", "--home", home, *more)
    return ran.out.splitlines() if ran.code == 0 else []


def test_it_verifies_what_is_due_sends_heartbeats_serves_metrics_and_ends_with_0(
    site: Site, webhook: Hook, tmp_path: Path
) -> None:
    home, number = tmp_path / "home", held_port()
    beat = f"http://127.0.0.1:{webhook.server_port}/"
    more = (
        "--metrics-listen",
        f"127.0.0.1:{number}",
        "--heartbeat",
        beat,
        "--metrics-file",
        tmp_path / "a.prom",
    )
    with watching(site, home, *more) as child:
        until(lambda: len(runs(home, "--class", "OK")) == 1)
        with urllib.request.urlopen(f"http://127.0.0.1:{number}/metrics") as answer:
            text = answer.read().decode()
        assert 'anchor_runs_total{class="OK"} 1.0' in text
        until((tmp_path / "a.prom").exists)
        code, out = ended(child)
    assert (code, out.count("\nOK: ")) == (0, 1), out
    assert len(runs(home)) == 1  # due once, not once a tick
    assert anchor("status", "--home", home).code == 0


@contextlib.contextmanager
def waiting(site: Site, home: Path, *more: object) -> Iterator[ForkedCommand]:
    """A watch to which no release is named."""
    child = forked.start("watch", "--policy", site.policy, "--home", home, *more)
    try:
        yield child
    finally:
        child.kill()
        child.wait(60)
        child.stdout.close()


def test_a_watch_of_nothing_waits_and_says_how_a_release_is_named_which_it_then_takes_up(
    site: Site, tmp_path: Path
) -> None:
    home = tmp_path / "a home"
    with waiting(site, home, "--every", "1s") as child:
        first = [child.stdout.readline() for _ in range(4)]
        assert first[0] == (
            f"anchor: nothing is watched yet with the policy {site.policy}. "
            "Name a release, here as the same user:\n"
        )
        assert first[2].startswith(
            "anchor: looking for releases every 1 second, and when the next one is due"
        )
        assert first[3] == "anchor: nobody is notified: --notify is not given\n"
        command = shlex.split(first[1].removeprefix("anchor: "))
        words = [str(site.release) if word == "RELEASE" else word for word in command[1:]]
        assert anchor(*words, "--quiet").code == 0
        said = (line for line in child.stdout if not line.startswith("OK: "))  # it may have verified it first
        line = next(said)
        assert line.startswith(f"anchor: watching now: {site.release}: hourly while it is the newest"), line
        assert anchor("reverify", "--forget", *words[1:]).code == 0
        assert next(said) == f"anchor: not watching any more: {site.release}\n"
        assert ended(child) == (0, "")


def test_a_watch_that_starts_says_what_it_watches_how_often_and_when_next(
    site: Site, webhook: Hook, tmp_path: Path
) -> None:
    """A second start, within the hour, says when it will verify next: it is not silent without a reason."""
    home = tmp_path / "home"
    assert anchor("reverify", site.release, "--policy", site.policy, "--home", home, "--quiet").code == 0
    more = ("--notify", webhook.notify_url, "--metrics-listen", f"127.0.0.1:{(number := held_port())}")
    with waiting(site, home, *more) as child:
        lines = [child.stdout.readline() for _ in range(5)]
        assert lines[0] == f"anchor: watching 1 release with the policy {site.policy}; records in {home}\n"
        often = "hourly while it is the newest of its ledger, else daily"
        due = r"next due in (1 hour|5\d minutes)[^,]*, at \S+Z"
        due = rf"anchor:   {re.escape(str(site.release))}: {often}; {due}\n"
        assert re.fullmatch(due, lines[1]), lines[1]
        assert lines[2].startswith("anchor: looking for releases every 1 minute")
        assert lines[3:] == [
            "anchor: 1 receiver is notified\n",
            f"anchor: metrics at http://127.0.0.1:{number}/metrics\n",
        ]
        assert ended(child) == (0, "")
    assert len(runs(home)) == 1


def test_a_root_that_nobody_compared_is_told_at_the_start_with_each_verdict_and_in_the_metrics(
    site: Site, tmp_path: Path
) -> None:
    home, metrics, policy = tmp_path / "home", tmp_path / "a.prom", tmp_path / "policy.toml"
    policy.write_text(site.policy.read_text().replace("\nmin_number", "\ncompared = false\nmin_number", 1))
    own = Site(site.root, site.home, policy)
    with watching(own, home, "--metrics-file", metrics) as child:
        until(metrics.exists)
        code, out = ended(child)
    assert code == 0
    lines = out.splitlines()
    assert f"anchor: note: {UNCOMPARED}" in lines
    assert lines[lines.index(f"OK: {site.release}") + 1] == f"note: {UNCOMPARED}"
    assert f'anchor_root_compared{{target="{site.release}"}} 0.0' in metrics.read_text()


def test_an_interval_shorter_than_every_is_kept(site: Site, tmp_path: Path) -> None:
    """It looks every hour, and the release is due every second: it is verified when it is due."""
    home = tmp_path / "home"
    with waiting(site, home, site.release, "--interval", "1s", "--every", "1h") as child:
        until(lambda: len(runs(home)) >= 3)
        out = ended(child)[1]
    assert f"{site.release}: every 1 second; due now" in out


def test_an_interval_without_a_name_is_of_all_that_is_watched_and_refused_for_nothing(
    site: Site, tmp_path: Path
) -> None:
    home, given = tmp_path / "home", ("--policy", site.policy)
    ran = anchor("watch", "--interval", "10m", *given, "--home", home)
    assert (ran.code, "--interval" in ran.line, "anchor reverify RELEASE --interval 10m" in ran.line) == (
        2,
        True,
        True,
    )
    assert anchor("reverify", site.release, *given, "--home", home, "--quiet").code == 0
    with waiting(site, home, "--interval", "10m") as child:
        assert child.stdout.readline().startswith("anchor: watching 1 release")
        assert f"{site.release}: every 10 minutes; next due in " in child.stdout.readline()
        assert ended(child)[0] == 0


def test_a_receiver_that_hangs_delays_nothing_and_the_alarm_comes_later(
    site: Site, webhook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_LAST_WORDS", 1.0)
    home, own = tmp_path / "home", site.copy(tmp_path)
    ledger = own.path("ledger.md")
    ledger.write_bytes(ledger.read_bytes().replace(b"| A | 1 |", b"| A | 9 |"))
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        with watching(own, home, "--notify", f"json://127.0.0.1:{deaf.getsockname()[1]}/") as child:
            until(lambda: len(runs(home, "--class", "INVALID")) == 1)
            assert ended(child)[0] == 0
    ran = anchor(
        *(
            "reverify",
            own.release,
            "--policy",
            own.policy,
            "--home",
            home,
            "--notify",
            webhook.notify_url,
            "--quiet",
        )
    )
    assert ran.code == 8
    assert webhook.titles() == ["INVALID"]  # the one that was never taken, and no second one


def test_kill_9_is_visible_as_interrupted_and_the_next_run_goes_on(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    words = ["reverify", str(site.release), "--policy", str(site.policy), "--home", str(home)]

    def hang(*_: object, **__: object) -> None:
        print("begun", flush=True)
        time.sleep(600)

    with monkeypatch.context() as patched:
        patched.setattr(app_reverify.ReleaseVerifier, "examine", hang)
        child = forked.start(*words)
    with child.stdout as lines:
        assert lines.readline() == "begun\n"
        beside = anchor(*words, "--wait", "1s", "--json")
        assert beside.code == 3
        assert "is re-verifying it" in beside.out
        child.kill()
        child.wait(60)
    assert [line.split()[1] for line in runs(home)] == ["interrupted"]  # though nobody has written it yet
    assert len(runs(home, "--class", "interrupted")) == 1
    assert runs(home, "--class", "running") == []
    (target,) = anchor("status", "--home", home, "--json").document["targets"]
    assert (target["running"], "a run since then was interrupted" in target["detail"]) == (None, True)
    assert anchor(*words, "--quiet").code == 0  # its claim returned at once
    assert [line.split()[1] for line in runs(home)] == ["OK", "interrupted"]
    assert len(runs(home, "--class", "interrupted")) == 1


def test_history_is_the_same_as_text_json_lines_and_csv(site: Site, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for _ in range(3):
        assert (
            anchor("reverify", "-v", site.release, "--policy", site.policy, "--home", home, "--quiet").out
            == ""
        )
    assert len(runs(home)) == 3
    assert len(runs(home, "--limit", "2")) == 2
    assert len(runs(home, "--json")) == 3
    assert runs(home, "--csv")[0].startswith("run,target,state,verdict")
    assert runs(home, "--since", "1h", "--release", str(site.release)) == runs(home)
    assert runs(home, "--until", "1h") == []
    assert anchor("history", "--home", home, "--csv", "--json").code == 2
    assert anchor("history", "--home", home, "--since", "yesterday").code == 2


def test_history_for_programs_has_all_runs_and_for_people_the_newest(site: Site, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert anchor("reverify", site.release, "--policy", site.policy, "--home", home, "--quiet").code == 0
    with contextlib.closing(sqlite3.connect(home / "records.db")) as db, db:
        columns = [c[1] for c in db.execute("PRAGMA table_info(runs)") if c[1] not in ("id", "slot_ms")]
        names = ", ".join(columns)
        for n in range(1, 1200):
            db.execute(
                f"INSERT INTO runs (id, slot_ms, {names}) SELECT id + {n}, {n}, {names} FROM runs LIMIT 1"
            )
    assert len(runs(home)) == 100
    assert len(runs(home, "--json")) == 1200
    assert len(runs(home, "--csv")) == 1201
    assert len(runs(home, "--csv", "--limit", "7")) == 8


def test_a_policy_without_an_age_forgets_the_age_of_before(site: Site, tmp_path: Path) -> None:
    home, policy = tmp_path / "home", tmp_path / "policy.toml"

    def allowed(text: str) -> int:
        policy.write_text(text)
        assert anchor("reverify", site.release, "--policy", policy, "--home", home, "--quiet").code == 0
        (target,) = anchor("status", "--home", home, "--json").document["targets"]
        return int(target["max_age_seconds"])

    assert allowed("max_run_age = '2h'\n" + site.policy.read_text()) == 7200
    assert allowed(site.policy.read_text()) == 3 * 86400


def test_records_on_a_read_only_file_system_can_be_read(
    site: Site, tmp_path: Path, mounts: Callable[[Path], Path]
) -> None:
    home = tmp_path / "home"
    assert anchor("reverify", site.release, "--policy", site.policy, "--home", home, "--quiet").code == 0
    assert not list(home.glob("records.db-*"))
    mounts(home)
    assert anchor("status", "--home", home).code == 0
    assert len(runs(home)) == 1
    assert anchor("records", "check", "--home", home).code == 0
    ran = anchor("reverify", "-v", site.release, "--policy", site.policy, "--home", home)
    assert ran.code == 2, ran


def test_a_log_that_cannot_be_read_is_not_read_past(
    site: Site, tmp_path: Path, mounts: Callable[[Path], Path]
) -> None:
    """The database's own log is newer than its file. Without it, an older state would be shown."""
    home = tmp_path / "home"
    assert anchor("reverify", site.release, "--policy", site.policy, "--home", home, "--quiet").code == 0
    (home / "records.db-wal").write_bytes(b"not yet in the file" * 300)
    mounts(home)
    ran = anchor("status", "--home", home)
    assert (ran.code, "cannot be opened" in ran.line) == (2, True)


def test_pruning_leaves_what_is_signed(site: Site, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for _ in range(3):
        anchor("reverify", "-v", site.release, "--policy", site.policy, "--home", home, "--quiet")
    ran = anchor("records", "prune", "--older-than", "1h", "--dry-run", "--home", home, "--json")
    assert ran.document["pruned"] == 0
    time.sleep(1.1)
    assert anchor("records", "prune", "--older-than", "1s", "--home", home).code == 0
    assert len(runs(home)) == 1
    assert anchor("records", "check", "--home", home, "--policy", site.policy).code == 0
    assert '"kind":"checkpoint-seen"' in anchor("records", "export", "--home", home).out


def test_a_slip_of_the_pen_is_not_watched_and_what_is_watched_can_be_forgotten(
    site: Site, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    given = ("--policy", site.policy, "--home", home)
    for command in ("reverify", "watch"):
        ran = anchor(command, tmp_path / "relase.json", *given)
        assert (ran.code, "no such release" in ran.line) == (2, True)
    assert anchor("reverify", site.release, *given, "--quiet").code == 0
    assert len(anchor("status", "--home", home, "--json").document["targets"]) == 1
    assert anchor("reverify", "--forget", site.release, *given).code == 0
    assert anchor("reverify", "--forget", site.release, *given).code == 2
    assert anchor("status", "--home", home).code == 3  # nothing watched is not well
    assert len(runs(home)) == 1


@pytest.mark.parametrize("command", [("status",), ("history",), ("records", "check"), ("records", "export")])
def test_reading_makes_no_records(command: tuple[str, ...], tmp_path: Path) -> None:
    ran = anchor(*command, "--home", tmp_path / "none")
    assert (ran.code, "no records here" in ran.line) == (2, True)
    assert not (tmp_path / "none").exists()
