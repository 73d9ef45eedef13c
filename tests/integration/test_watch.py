# SPDX-License-Identifier: Apache-2.0
"""`anchor watch` as a process of its own, beside `reverify`, `status` and `history`."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.attacks.attacked import Hook, hook
from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.process.disks import mounts
from tests.support.releases.published import Site, published

__all__ = ["mounts"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("site"))


@pytest.fixture
def webhook() -> Iterator[Hook]:
    with hook() as server:
        yield server


@contextlib.contextmanager
def watching(site: Site, home: Path, *more: object) -> Iterator[subprocess.Popen[str]]:
    words = ["watch", site.release, "--policy", site.policy, "--home", home, "--every", "1s", *more]
    child = subprocess.Popen(
        [sys.executable, "-m", "anchor", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def ended(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    """SIGTERM, and what was said until the end."""
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    return child.returncode, out, err


def until(wanted: Any, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < limit
        time.sleep(0.1)


def runs(home: Path, *more: str) -> list[str]:
    ran = anchor("history", "--home", home, *more)
    return ran.out.splitlines() if ran.code == 0 else []


def port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_it_verifies_what_is_due_beats_serves_metrics_and_ends_with_0(
    site: Site, webhook: Hook, tmp_path: Path
) -> None:
    home, number = tmp_path / "home", port()
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
        code, out, err = ended(child)
    assert (code, out.startswith("OK: ")) == (0, True), err
    assert len(runs(home)) == 1  # due once, not once a tick
    assert anchor("status", "--home", home).code == 0


def test_a_receiver_that_hangs_delays_nothing_and_the_alarm_comes_later(
    site: Site, webhook: Hook, tmp_path: Path
) -> None:
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


def test_kill_9_is_visible_as_interrupted_and_the_next_run_goes_on(site: Site, tmp_path: Path) -> None:
    home = tmp_path / "home"
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import sys, time\n"
        "from anchor.app import reverify\n"
        "def hang(self, *_, **__): print('begun', flush=True); time.sleep(60)\n"
        "reverify.ReleaseVerifier.examine = hang\n"
        "from anchor.cli.main import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    words = ["reverify", str(site.release), "--policy", str(site.policy), "--home", str(home)]
    child = subprocess.Popen(
        [sys.executable, str(slow), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child.stdout as lines:
        assert lines.readline() == "begun\n"
        beside = anchor(*words, "--wait", "1s", "--json")
        assert beside.code == 3
        assert "is re-verifying it" in beside.out
        child.kill()
        child.wait()
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
        assert anchor("reverify", site.release, "--policy", site.policy, "--home", home, "--quiet").out == ""
    assert len(runs(home)) == 3
    assert len(runs(home, "--limit", "2")) == 2
    assert len(runs(home, "--json")) == 3
    assert runs(home, "--csv")[0].startswith("run,number,target,state,verdict")
    assert runs(home, "--since", "1h", "--release", str(site.release)) == runs(home)
    assert runs(home, "--until", "1h") == []
    assert anchor("history", "--home", home, "--csv", "--json").code == 2
    assert anchor("history", "--home", home, "--since", "yesterday").code == 2


def test_history_for_programs_has_all_runs_and_for_people_the_newest(site: Site, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert anchor("reverify", site.release, "--policy", site.policy, "--home", home, "--quiet").code == 0
    with contextlib.closing(sqlite3.connect(home / "records.db")) as db, db:
        columns = [
            c[1] for c in db.execute("PRAGMA table_info(runs)") if c[1] not in ("id", "seq", "slot_ms")
        ]
        names = ", ".join(columns)
        for n in range(1, 1200):
            db.execute(f"INSERT INTO runs ({names}, slot_ms) SELECT {names}, {n} FROM runs LIMIT 1")
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
    ran = anchor("reverify", site.release, "--policy", site.policy, "--home", home)
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
        anchor("reverify", site.release, "--policy", site.policy, "--home", home, "--quiet")
    ran = anchor("records", "prune", "--older-than", "1s", "--dry-run", "--home", home, "--json")
    assert ran.document["pruned"] == 0
    time.sleep(1.1)
    assert anchor("records", "prune", "--older-than", "1s", "--home", home).code == 0
    assert len(runs(home)) == 1
    assert anchor("records", "check", "--home", home, "--policy", site.policy).code == 0
    assert '"table":"checkpoints"' in anchor("records", "export", "--home", home).out


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
