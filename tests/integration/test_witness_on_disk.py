# SPDX-License-Identifier: Apache-2.0
"""The store of a witness on the disk: what is synced before an answer leaves, and a disk that is full."""

import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from anchor.errors import Unavailable
from anchor.witness import known_logs, witness_home
from anchor.witness.cosigning import Witness
from anchor.witness.held_store import MARK, WAL
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import body
from tests.support.process import crash
from tests.support.process.anchor_cli import ROOT
from tests.support.process.need import need
from tests.support.servers.own_witness import made

LOG = SimLog().grow(40)
CALLS = "pwrite64,write,fsync,fdatasync,sendto"


@contextlib.contextmanager
def traced(home: Path, trace: Path) -> Iterator[str]:
    """The URL of a witness that runs under strace."""
    strace = shutil.which("strace")
    works = strace and subprocess.run([strace, "true"], capture_output=True).returncode == 0
    need(works, "apt-get install strace, and run where a process may be traced")
    serve = ["-m", "anchor", "witness", "serve", "--home", str(home), "--listen", "127.0.0.1:0", "--quiet"]
    running = subprocess.Popen(
        [
            str(strace),
            "-f",
            "-y",
            "-s",
            "16",
            "-e",
            f"trace={CALLS}",
            "-o",
            str(trace),
            sys.executable,
            *serve,
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(home.parent / "state")},
    )
    try:
        assert running.stdout is not None
        found = re.search(r" at (\S+), ", running.stdout.readline())
        assert found is not None
        yield found[1]
    finally:
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        for child in children.read_text().split():  # strace itself blocks signals while it traces
            os.kill(int(child), signal.SIGTERM)
        running.communicate(timeout=60)


def steps(trace: str) -> list[str]:
    """Each write, sync and answer of a trace, with the file that it is about, in order.

    A call during which another thread does something has two lines. It counts when it has returned, an answer
    when it leaves.
    """
    found, begun = [], dict[str, str]()
    for line in trace.splitlines():
        thread, _, text = line.partition(" ")
        if text.endswith("<unfinished ...>") and '"HTTP/1.1' not in text:
            begun[thread] = text
            continue
        call = re.search(r"\b(\w+)\((\d+)<([^>]*)>", begun.pop(thread, "") if "resumed>" in text else text)
        if call is None:
            continue
        name = call[3].rpartition("/")[2]
        if name in (WAL, MARK):
            found.append(f"{'write' if 'write' in call[1] else 'sync'} {name}")
        elif call[1] == "sendto" and '"HTTP/1.1' in text:
            found.append("answer")
    return found


def test_the_tree_and_the_mark_are_synced_before_the_answer_leaves(tmp_path: Path) -> None:
    home = made(tmp_path / "w1", LOG.key).folder
    trace = tmp_path / "trace"
    with traced(home, trace) as url:
        assert requests.post(f"{url}/add-checkpoint", data=body(LOG, 0, 7), timeout=60).status_code == 200
        assert requests.post(f"{url}/add-checkpoint", data=body(LOG, 7, 13), timeout=60).status_code == 200
    done = steps(trace.read_text(errors="replace"))
    answers = [at for at, step in enumerate(done) if step == "answer"]
    assert len(answers) == 2
    for start, end in ((0, answers[0]), (answers[0], answers[1])):
        part = done[start:end]
        stored = len(part) - 1 - part[::-1].index(f"sync {WAL}")
        marked = len(part) - 1 - part[::-1].index(f"sync {MARK}")
        assert part.index(f"write {WAL}") < stored < part.index(f"write {MARK}") < marked, part
        assert f"write {WAL}" not in part[stored:], part


def test_a_call_in_two_lines_is_one_step() -> None:
    whole = """\
7 pwrite64(5</w/store.sqlite-wal>, "1", 1, 0) = 1
7 fdatasync(5</w/store.sqlite-wal>) = 0
7 sendto(6<socket:[1]>, "HTTP/1.1 200 OK"..., 99, 0, NULL, 0) = 99
"""
    parts = """\
7 pwrite64(5</w/store.sqlite-wal>, "1", 1, 0) = 1
7 fdatasync(5</w/store.sqlite-wal> <unfinished ...>
6 +++ exited with 0 +++
7 <... fdatasync resumed>) = 0
7 sendto(6<socket:[1]>, "HTTP/1.1 200 OK"..., 99, 0, NULL, 0 <unfinished ...>
8 write(1<pipe:[2]>, "a", 1) = 1
7 <... sendto resumed>) = 99
"""
    assert steps(whole) == steps(parts) == [f"write {WAL}", f"sync {WAL}", "answer"]


def fill(folder: Path, size: int) -> Any:
    """Cosign for log after log until no file may grow any more. The origins of those that were cosigned."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    home = witness_home.load(folder)
    done: list[str] = []
    with contextlib.closing(home.store()) as store:
        witness = Witness(home, store, known_logs.load(folder))
        for number in range(200):
            log = SimLog(origin=f"log-{number}.example", seed=number + 1)
            log.tree = LOG.tree
            try:
                assert witness.add_checkpoint(body(log, 0, 13)).status == 200
            except Unavailable:
                break
            done.append(log.origin)
    return done


@pytest.mark.parametrize("size", [100_000, 200_000, 300_001])
def test_a_disk_that_becomes_full_loses_no_tree_that_was_cosigned(tmp_path: Path, size: int) -> None:
    keys = [SimLog(origin=f"log-{number}.example", seed=number + 1).key for number in range(200)]
    folder = made(tmp_path / "w1", *keys).folder
    cosigned = crash.forked(partial(fill, folder, size))
    assert 0 < len(cosigned) < 200
    home = witness_home.load(folder)
    with contextlib.closing(home.store()) as store:
        held = dict(store.all())
        assert set(cosigned) <= set(held)
        assert {tree.root for tree in held.values()} == {LOG.tree.root(13)}
        witness = Witness(home, store, known_logs.load(folder))
        log = SimLog(origin="log-199.example", seed=200)
        log.tree = LOG.tree
        assert witness.add_checkpoint(body(log, 0, 13)).status == 200, "there is room again"
