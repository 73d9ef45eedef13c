# SPDX-License-Identifier: Apache-2.0
"""The README keeps its promises: two commands that work on their own, and commands that exist."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from anchor.cli.main import COMMANDS, cli
from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.process.need import need
from tests.support.process.surroundings import ORIGINAL

README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading of the second level, up to the next one."""
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    return str(found)


def fenced(text: str) -> list[str]:
    """The fenced blocks of a text."""
    return [str(body) for body in re.findall(r"^```[a-z]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def anchor_commands() -> list[list[str]]:
    """Every `anchor ...` command of the README, from fenced and indented blocks and within other commands."""
    blocks = [*fenced(README), *re.findall(r"^    (anchor .*)$", README, re.MULTILINE)]
    lines = [line for block in blocks for line in block.splitlines()]
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        for part in [*words, line] if "sh -c" in line else [line]:
            for command in re.split(r"&&|>|;", part):
                inner = shlex.split(command, comments=True) if command.count('"') % 2 == 0 else []
                if inner[:1] == ["anchor"]:
                    found.append(inner[1:])
    return found


def test_quick_start_is_one_block_of_exactly_two_commands() -> None:
    (block,) = fenced(section("Quick start"))
    assert len(block.splitlines()) == 2
    assert all(line.strip() for line in block.splitlines())


def test_the_quick_start_works_where_temporary_folders_have_a_blank_in_their_name(tmp_path: Path) -> None:
    """The commands of `python3 tasks.py try`, with the program in the place of the one that it installs."""
    (tmp_path / "a b").mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path / "a b"), "XDG_STATE_HOME": str(tmp_path / "state")}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    code = "import sys, tasks; sys.exit(tasks.publish_and_verify([]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "OK: " in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a b", "state"]
    (scratch,) = (tmp_path / "a b").iterdir()
    shown = re.findall(r"^    (anchor .*SCRATCH.*)$", section("Quick start"), re.MULTILINE)
    ran = [line.removeprefix("+ ") for line in done.stderr.splitlines() if line.startswith("+ anchor ")]
    assert [line.replace("'", "").replace(str(scratch), "SCRATCH") for line in ran] == shown


def test_the_first_screen_says_what_is_proven_and_what_is_not() -> None:
    """In the first forty lines, before anybody scrolls."""
    top = " ".join(README.split("\n## ")[0].split())
    for words in (
        "What it proves.",
        "What it does not prove.",
        "embedded log",
        "no independent evidence",
        "carried, not checked",
        "--instance public",
    ):
        assert words in top
    assert len(README.split("\n## Quick start")[0].splitlines()) <= 40


def test_every_anchor_command_of_the_readme_exists_with_its_options() -> None:
    commands = anchor_commands()
    assert len(commands) >= 6
    for words in commands:
        command: click.Command = cli
        context = click.Context(cli, info_name="anchor")
        rest = list(words)
        while isinstance(command, click.Group):
            found = command.get_command(context, rest.pop(0))
            assert found is not None, words
            command = found
            context = click.Context(command, parent=context)
        options = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
        for word in rest:
            if word.startswith("-"):
                assert word.partition("=")[0] in options, words


def test_the_table_of_commands_is_that_of_the_program() -> None:
    named = set(
        re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", section("Commands"), re.MULTILINE)))
    )
    assert named == set(COMMANDS)


def test_the_table_of_exit_codes_is_that_of_the_program() -> None:
    from anchor.verdict import Class

    rows = re.findall(r"^\| (\d+) \| ([A-Z]+) \|", README, re.MULTILINE)
    assert rows
    for code, name in rows:
        assert Class(name).exit_code == int(code)


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert "://" in target or (ROOT / target).exists(), target


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_that_parses(name: str) -> None:
    ran = anchor(name, "--help")
    assert (ran.code, ran.err) == (0, "")
    group = anchor(name, "--help").out
    text = group
    if "\nCommands:" in group:
        inner = re.findall(r"^  ([a-z-]+)  ", group.split("\nCommands:")[1], re.MULTILINE)
        assert inner
        for sub in inner:
            text = anchor(name, sub, "--help").out
            assert "Example" in text, (name, sub)
            assert "--json" in text, (name, sub)
        return
    assert "Example" in text
    assert "--json" in text


def after(marker: str) -> str:
    """The command of the fenced block behind an HTML comment."""
    return re.split(rf"^<!-- {re.escape(marker)} -->\n```sh\n", README, flags=re.MULTILINE)[1].split("\n```")[
        0
    ]


def test_the_stock_client_verifies_the_ledger_as_the_readme_says() -> None:
    words = shlex.split(after("interop: sigstore"))
    stock = Path(sys.executable).parent / "sigstore"
    need(stock.exists(), "install sigstore")
    assert words[0] == "sigstore"
    done = subprocess.run([str(stock), *words[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "OK: release/1.0.0/ledger.md" in done.stdout + done.stderr
    other = [w.replace("publisher@", "somebody@") for w in words[1:]]
    assert subprocess.run([str(stock), *other], cwd=ROOT, capture_output=True).returncode == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_first_command_publishes_and_verifies_in_a_fresh_copy(tmp_path: Path) -> None:
    """As written, in a copy of what git has, with nothing but Python and pip; package caches may be warm."""
    need(shutil.which("git") and (ROOT / ".git").exists(), "run this in a clone, with git installed")
    first = fenced(section("Quick start"))[0].splitlines()[0]
    folder = tmp_path / "anchor"
    clone = ["git", "clone", "-q", f"file://{ROOT}", str(folder)]
    subprocess.run(clone, check=True, capture_output=True)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    dropped = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT")
    env = {k: v for k, v in ORIGINAL.items() if k not in dropped and not k.startswith("ANCHOR_")}
    env |= {
        "PATH": f"{bin_folder}:/usr/bin:/bin",
        "TMPDIR": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    done = subprocess.run(
        ["sh", "-c", first], cwd=folder, env=env, capture_output=True, text=True, timeout=800
    )
    reached = done.returncode == 0 or "anchor:" in done.stderr
    need(reached, f"make packages reachable: {done.stderr.splitlines()[-1:]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "681 facts of ledger.md give root" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"OK: {tmp_path}")
