# SPDX-License-Identifier: Apache-2.0
"""`anchor demo`: each command does what it must, is shown, and leaves nothing behind."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from anchor.app import demo
from anchor.app.demo import ACTS, Act, Ran
from anchor.cli import stopping
from anchor.verdict import Class
from tests.support.process import fork_server
from tests.support.process.anchor_cli import ROOT, anchor, process

_PLACES = ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR")


def places(folder: Path) -> dict[str, str]:
    """The folders of a user and of the system, all empty, and settings that would spoil each command."""
    found = {name: folder / "a b" / name for name in _PLACES}
    for place in found.values():
        place.mkdir(parents=True)
    return {name: str(place) for name, place in found.items()} | {"ANCHOR_POLICY": "/no", "ANCHOR_HOME": "/x"}


def left(folder: Path) -> list[Path]:
    """Every file and folder that is there beside the empty folders of `places`."""
    return [p for p in folder.rglob("*") if len(p.relative_to(folder).parts) > 2]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The text of a demo, and the folder that it kept."""
    user, folder = tmp_path_factory.mktemp("user"), tmp_path_factory.mktemp("kept") / "a new" / "demo"
    ran = process("demo", "--keep", folder, env=places(user) | {"COLUMNS": "72"})
    assert ran.code == 0, ran
    assert ran.err == ""
    assert left(user) == []
    return ran.out, folder


def test_it_tells_the_story_in_the_order_of_its_commands(kept: tuple[str, Path]) -> None:
    text = kept[0]
    shown = re.findall(r"^\$ (anchor .*)$", text, re.MULTILINE)
    assert shown == [act.command for act in ACTS]
    assert re.findall(r"^(OK|INVALID)  ", text, re.MULTILINE) == ["OK", "INVALID", "OK", "OK"]
    assert "OK  demo 1.0.0 (release 1): all 681 facts are as published\n" in text
    one_line = " ".join(text.split())
    assert "line 285: value is '2014', signed was '2013' (Company Founded Year, 2013)" in one_line
    assert "All 6 commands did what they should" in text


def test_each_command_that_it_shows_works_again_in_the_folder_that_it_kept(kept: tuple[str, Path]) -> None:
    text, folder = kept
    there = text.partition("  look around  ")[2].partition("  your ledger")[0]
    done = subprocess.run(["sh", "-c", f"{there}\npwd"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{folder}\n"
    assert sorted(p.name for p in folder.iterdir()) == [
        *("changed", "fact.json", "keys", "ledger.md", "policy.toml", "records", "site"),
    ]
    for act in ACTS[1:]:
        assert anchor(*act.words, cwd=folder).code == act.code.exit_code, act
    again = anchor(*ACTS[0].words, cwd=folder)
    assert again.code == 0, again
    assert (folder / "policy.toml").read_text().startswith(again.out)
    assert "is published already" in again.err


def test_only_one_digit_of_the_copy_is_another(kept: tuple[str, Path]) -> None:
    site, changed = (kept[1] / name for name in ("site", "changed"))
    files = [p.relative_to(site) for p in site.rglob("*") if p.is_file()]
    unlike = [p for p in files if (site / p).read_bytes() != (changed / p).read_bytes()]
    assert unlike == [Path("release/1.0.0/ledger.md")]
    pairs = zip((site / unlike[0]).read_bytes(), (changed / unlike[0]).read_bytes(), strict=True)
    assert [(one, other) for one, other in pairs if one != other] == [(ord("3"), ord("4"))]


def test_its_ledger_is_that_of_the_repository_and_comes_with_the_package() -> None:
    """The whole folder `anchor` is in the wheel (pyproject.toml), which has no `release`."""
    inside = ROOT / "anchor" / demo.LEDGER
    assert inside.read_bytes() == (ROOT / "release/1.1.0/ledger.md").read_bytes()


def test_a_scratch_folder_is_gone_and_a_program_gets_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fork_server.forks(), monkeypatch.context() as user:  # the server has its folder elsewhere
        for name, value in places(tmp_path).items():
            user.setenv(name, value)
        user.setattr(tempfile, "tempdir", None)  # Python remembers the folder of its first answer
        ran = anchor("demo", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert (found["format"], found["verdict"], found["exit_code"]) == ("urn:ledger-anchor:demo:v1", "OK", 0)
    assert found["folder"] is None
    assert [c["exit_code"] for c in found["commands"]] == [0, 0, 8, 0, 0, 0]
    assert [c["command"] for c in found["commands"]] == [act.command for act in ACTS]
    assert left(tmp_path) == []


def test_a_folder_with_files_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    ran = anchor("demo", "--keep", tmp_path)
    assert ran.code == 2
    assert "name a new folder" in ran.line
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    assert anchor("demo", "--keep", tmp_path / "mine").code in (2, 3)
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_command_that_fails_ends_it_with_its_class_and_its_words(tmp_path: Path) -> None:
    """No file may be as large as ledger.json, so nothing can be published."""

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (170_000, 170_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    ran = process("demo", env=places(tmp_path), before=small_files)
    assert ran.code == Class.UNAVAILABLE.exit_code, ran
    assert f"anchor: demo: '{ACTS[0].command}' ended with 3; expected was 0\n" in ran.err
    assert "ledger.json" in ran.err
    assert "did what they should" not in ran.out
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("act", "code", "said", "found"),
    [
        (ACTS[2], 8, ACTS[2].says, Class.OK),
        (ACTS[2], 0, "", Class.ERROR),
        (ACTS[2], 8, "another fact", Class.ERROR),
        (ACTS[2], 3, "", Class.UNAVAILABLE),
        (ACTS[1], 0, "", Class.OK),
        (ACTS[1], 8, "", Class.INVALID),
        (ACTS[1], -9, "", Class.ERROR),
    ],
)
def test_a_refusal_that_does_not_come_is_a_defect(act: Act, code: int, said: str, found: Class) -> None:
    assert demo.found(act, Ran(code, "", f"anchor: facts: {said} 2013)\n")) is found


def test_an_alarm_while_its_folder_is_removed_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It rings five seconds after the first Ctrl-C, and a slow machine may be removing the folder then."""
    real = shutil.rmtree

    def ring(folder: Path, **more: Any) -> None:
        signal.raise_signal(signal.SIGALRM)
        real(folder, **more)

    def stopped(*_: object) -> Ran:
        os.kill(os.getpid(), signal.SIGTERM)
        return Ran(0, "", "")

    for name, value in places(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(stopping, "PATIENCE", 600.0)
    monkeypatch.setattr(demo, "perform", stopped)
    monkeypatch.setattr(shutil, "rmtree", ring)
    assert anchor("demo").code == 130
    monkeypatch.undo()
    assert left(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("group", [True, False], ids=["from a terminal", "to this process"])
def test_stopped_it_leaves_nothing_behind(number: signal.Signals, group: bool, tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to the command that runs, too."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **places(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "anchor", "demo"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("1.  ")
        while not left(tmp_path) and child.poll() is None:
            time.sleep(0.01)
        (os.killpg if group else os.kill)(child.pid, number)
        out, err = child.communicate(timeout=100)
    # click ends the line of ^C
    assert (child.returncode, err) == (130, "\nanchor: stopped\n"), out
    assert left(tmp_path) == []
