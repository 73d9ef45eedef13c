# SPDX-License-Identifier: Apache-2.0
"""Rules for every command of `anchor`: one line for an error, JSON when asked, exit codes of the table."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import anchor as package
from anchor.cli import options
from anchor.cli.commands import COMMANDS, cli
from tests.support.process.anchor_cli import ROOT, anchor, process
from tests.support.releases.published import LEDGER

HEAVY = ("sigstore", "sqlalchemy", "alembic", "apprise", "apscheduler", "requests", "tuf", "jwt")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_option_is_usage_in_one_line_and_as_json(name: str) -> None:
    ran = anchor(name, "--frobnicate")
    assert (ran.code, ran.out) == (2, "")
    assert ran.line
    ran = anchor(name, "--json", "--frobnicate")
    assert ran.code == 2
    assert ran.document["verdict"] == "USAGE"
    assert ran.document["error"] in ran.line


ANYBODY = ("--ledger", "l", "--identity", "i", "--issuer", "https://i", "--trusted-root", "public")


def paths(command: click.Command, *names: str) -> Iterator[tuple[tuple[str, ...], click.Parameter]]:
    """Every parameter of a command, or of those below it, that is a path or names a file."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from paths(inner, *names, name)
        return
    for param in command.params:
        if isinstance(param.type, click.Path | options.FileName | options.ReleaseName):
            yield names, param


@pytest.mark.parametrize("name", COMMANDS)
def test_an_empty_path_is_not_the_current_folder(name: str, tmp_path: Path) -> None:
    """As a variable of a script that was never set gives it; keys would be written into whatever is here."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    for words, param in paths(command, name):
        given = (param.opts[-1], "") if isinstance(param, click.Option) else ("",)
        ran = anchor(*words, *given, cwd=tmp_path)
        assert (ran.code, ran.out) == (2, ""), (words, given)
        assert "an empty path" in ran.line or "Missing" in ran.line, (words, given)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("instance", "init", "--home", ""),
        ("seal", "l.md", "--name", "n", "--version", "1", "-o", ""),
        ("publish", "l.md", "--name", "n", "--version", "1", "--home", "", "--root", "s"),
        ("publish", "l.md", "--name", "n", "--version", "1", "--home", "h", "--root", ""),
        ("publish", "l.md", "--name", "n", "--version", "1", "--home", "h", "--also", ""),
        ("verify", ""),
        ("verify", "release.json", "--policy", ""),
    ],
)
def test_an_empty_path_among_good_ones(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "l.md").write_text(LEDGER)
    ran = anchor(*words, cwd=tmp_path)
    assert ran.code == 2
    assert "an empty path" in ran.line
    assert [p.name for p in tmp_path.iterdir()] == ["l.md"]


NOT_UTF8 = "h\udcff"
"""A name as Python gives one whose second byte, 0xff, is no UTF-8."""


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--home", NOT_UTF8),
        ("history", "--home", NOT_UTF8),
        ("records", "check", "--home", NOT_UTF8),
        ("records", "export", "--database", f"sqlite:///{NOT_UTF8}/records.db"),
        ("reverify", "--home", NOT_UTF8, *ANYBODY),
        ("watch", "--home", NOT_UTF8, *ANYBODY, "release.json"),
        ("reverify", "--home", "home", *ANYBODY, f"{NOT_UTF8}/release.json"),
        ("instance", "init", "--home", NOT_UTF8),
    ],
    ids=" ".join,
)
def test_records_are_kept_under_no_name_that_they_cannot_hold(words: tuple[str, ...], tmp_path: Path) -> None:
    """One line, exit 2, and nothing is made."""
    (tmp_path / NOT_UTF8).mkdir()
    for given in (words, (*words, "--json")):
        ran = anchor(*given, cwd=tmp_path)
        assert ran.code == 2, ran
        assert ran.line
    assert [*(tmp_path / NOT_UTF8).iterdir()] == []


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("--version",)])
def test_help_and_version(words: tuple[str, ...]) -> None:
    ran = anchor(*words)
    assert ran.code in ((0,) if words else (0, 2))
    assert (package.__version__ in ran.out) is (words == ("--version",))


@pytest.mark.parametrize(
    "words", [("nosuch",), ("--nosuch",), ("verify",), ("chain", "a", "b"), ("\x1b[31m",)]
)
def test_what_is_no_command_is_usage(words: tuple[str, ...]) -> None:
    ran = anchor(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.line


def test_help_lists_every_command() -> None:
    out = anchor("--help").out
    assert all(f"  {name} " in out for name in COMMANDS)


def loaded(*commands: tuple[str, ...]) -> Iterator[set[str]]:
    """The heavy libraries that are imported after each of several commands of one process."""
    code = (
        "import sys\nfrom anchor.cli.main import run\n"
        f"for words in {commands!r}:\n"
        "    run(list(words))\n"
        f"    print('loaded:', *[m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    for line in done.stderr.splitlines():
        head, *names = line.split()
        if head == "loaded:":
            yield set(names)


def test_commands_import_only_what_they_need(tmp_path: Path) -> None:
    ledger = str(ROOT / "release" / "1.0.0" / "ledger.md")
    named = ("--name", "n", "--version", "1")
    reading = (("--help",), ("lint", ledger), ("seal", ledger, *named))
    verifying = (("verify", "release.json"), ("verify", "release.json", "--policy", "release/policy.toml"))
    publishing = ("publish", ledger, *named, "--root", str(tmp_path), "--dry-run")
    *read, claimed, verified, published = loaded(*reading, *verifying, publishing)
    assert read == [set()] * len(reading)
    assert not claimed & {"sigstore", "sqlalchemy", "apprise", "apscheduler"}
    assert not verified & {"sigstore", "sqlalchemy", "apprise", "apscheduler"}
    assert "sigstore" not in published


def test_a_configuration_file_is_below_the_flags_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ledger-anchor"
    folder.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    policy = ROOT / "release" / "policy.toml"
    (folder / "config.toml").write_text(f'[verify]\npolicy = "{policy}"\n')
    assert anchor("verify", ROOT / "release.json").code == 0
    (folder / "config.toml").write_text('[verify]\npolicy = "/nowhere.toml"\n')
    assert anchor("verify", ROOT / "release.json").code == 2
    monkeypatch.setenv("ANCHOR_POLICY", str(policy))
    assert anchor("verify", ROOT / "release.json").code == 0
    monkeypatch.setenv("ANCHOR_POLICY", "/nowhere.toml")
    assert anchor("verify", ROOT / "release.json", "--policy", policy).code == 0
    for text in ("verify", "[", "\xff", "verify = 1"):
        (folder / "config.toml").write_text(text, encoding="latin-1")
        ran = anchor("verify", "-v", ROOT / "release.json", "--policy", policy)
        assert ran.code == 2
        assert "config.toml" in ran.line


def test_the_reader_of_the_output_may_go_away() -> None:
    command = f"{sys.executable} -m anchor verify release.json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert int(done.stdout) not in (0, 1)
    assert "Traceback" not in done.stderr


def test_json_is_the_only_thing_on_stdout_of_a_process() -> None:
    ran = process("verify", "release.json", "--policy", "release/policy.toml", "--json", cwd=ROOT)
    assert ran.code == 0
    assert json.loads(ran.out)["verdict"] == "OK"
    assert ran.err == ""


def test_an_interrupt_is_no_alarm() -> None:
    """Ctrl-C while it reads from a terminal that never answers: exit 130, one line."""
    code = """
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits it ignored
import anchor.app.verify
from anchor.cli.main import run
def hang(*a, **k):
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    time.sleep(60)
anchor.app.verify.trust_for = hang
sys.exit(run(["verify", "release.json"]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr.strip() == "anchor: stopped"
