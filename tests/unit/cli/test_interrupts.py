# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at any moment ends a command with 130 and one line, and leaves nothing half-written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import ROOT, process


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "ledger.jsonl"
    path.write_text("".join(f'{{"label":"{i}","value":"{i}"}}\n' for i in range(20_000)))
    return path


STOPPED = (
    "anchor: stopped",
    "anchor: stopped; n 1 (number 1) was sent to a log: the same command goes on, and makes no second entry",
)
"""The last line, before and after a log may have the entry."""


@pytest.mark.parametrize(
    "seconds", [0.0, *(pytest.param(s, marks=pytest.mark.slow) for s in (0.1, 0.3, 0.6))]
)
def test_an_interrupted_publication_is_resumed_with_one_entry(
    ledger: Path, tmp_path: Path, seconds: float
) -> None:
    words = ("publish", ledger, "--name", "n", "--version", "1", "--root", "site", "--home", "home")
    started = subprocess.Popen(
        [sys.executable, "-m", "anchor", *map(str, words)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while started.poll() is None and not (tmp_path / "home").exists():
        time.sleep(0.01)
    time.sleep(seconds)
    started.send_signal(signal.SIGINT)
    _, told = started.communicate(timeout=60)
    assert started.returncode in (0, 130), told
    if started.returncode == 130:
        assert told.splitlines()[-1] in STOPPED
    assert "Traceback" not in told
    assert process(*words, cwd=tmp_path).code == 0
    (checkpoint,) = tmp_path.glob("site/release/log/*/checkpoint")
    assert checkpoint.read_text().splitlines()[1] == "1"


AT_THE_END = """
import atexit, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits it ignored
from anchor.__main__ import main
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
main()
"""


def test_an_interrupt_after_the_result_was_told_changes_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END, "--version"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_a_folder_that_went_away_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()

    def leave() -> None:
        os.chdir(gone)
        gone.rmdir()

    found = process(
        "publish", ROOT / "release/1.0.0/ledger.md", "--name", "n", "--version", "1", before=leave
    )
    assert (found.code, found.out) == (2, "")
    assert "current folder" in found.line


IMPORTS = """
import os, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits it ignored
sys.meta_path.insert(0, Finder())
from anchor.__main__ import main
main()
"""


IN_THE_LIBRARY = """
import os, signal, sys

def called(frame, event, argument):
    if event == "call" and frame.f_code.co_qualname == "ECDSA.__init__":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits it ignored
sys.setprofile(called)
from anchor.__main__ import main
main()
"""


def test_an_interrupt_in_a_library_that_takes_it_for_a_bad_certificate_is_no_verdict() -> None:
    words = ("verify", "release.json", "--policy", "release/policy.toml")
    done = subprocess.run(
        [sys.executable, "-c", IN_THE_LIBRARY, *words], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "anchor: stopped\n")


def test_an_interrupt_among_the_imports_is_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "anchor: stopped\n")


WHEN_IT_IS_PRINTED = """
import os, signal, sys

wanted = [int(number) for number in sys.argv.pop(1).split(",")]

def returned(frame, event, argument):
    if event == "return" and frame.f_code.co_name == "print_json":
        sys.setprofile(None)
        for number in wanted:
            os.kill(os.getpid(), number)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits it ignored
sys.setprofile(returned)
from anchor.__main__ import main
main()
"""


WITNESS = ("witness", "serve", "--listen", "127.0.0.1:0")


@pytest.mark.parametrize(
    ("words", "signals"),
    [
        (("instance", "serve"), [signal.SIGTERM]),
        (("instance", "serve"), [signal.SIGINT]),
        (WITNESS, [signal.SIGTERM]),
        (WITNESS, [signal.SIGINT]),
        (WITNESS, [signal.SIGHUP, signal.SIGTERM]),
    ],
)
def test_whoever_reads_where_a_server_is_may_end_it_at_once(
    words: tuple[str, ...], signals: list[signal.Signals], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    if words[0] == "witness":
        assert process("witness", "init", "--name", "w.example/w", "--home", home).code == 0
    numbers = ",".join(str(int(number)) for number in signals)
    done = subprocess.run(
        [sys.executable, "-c", WHEN_IT_IS_PRINTED, numbers, *words, "--home", str(home), "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["url"]
    assert not [p.name for p in home.rglob("*") if p.name in ("mint-secret", "identity-token")]
