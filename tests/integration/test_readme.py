# SPDX-License-Identifier: Apache-2.0
"""The README keeps its promises: two commands that work on their own, and commands that exist."""

import html
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from anchor.cli.commands import COMMANDS, cli
from tests.support.attacks.attacked import hook
from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.process.need import need
from tests.support.process.surroundings import ORIGINAL
from tests.support.process.walked import Block, Typed, blocks, matches, walk

README = (ROOT / "README.md").read_text(encoding="utf-8")
TEN_TASKS = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")


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


def test_the_first_screen_says_what_is_proven_and_what_is_not() -> None:
    """Before anything else, and before anybody scrolls."""
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
    assert len(README.split("\n## Quick start")[0].splitlines()) <= 20


def test_no_page_and_no_help_says_that_an_embedded_log_is_evidence_against_its_operator() -> None:
    """It is evidence against everyone else: its operator could make a second history."""
    found = 0
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "anchor").rglob("*.[pm][yd]")]:
        for words in re.findall(r"evidence against (?:\S+ ){1,4}?operator", plain(path.read_text())):
            assert re.search("everyone (but|except) (its|the)", words), (path, words)
            found += 1
    assert found >= 5


def test_the_help_of_the_embedded_instance_says_the_same_as_the_first_screen() -> None:
    (said,) = re.findall(r"evidence against .*?no independent evidence", plain(README))
    assert said == "evidence against everyone but its own operator, and no independent evidence"
    assert said in plain(anchor("instance", "--help").out)


def plain(text: str) -> str:
    """Words without marks and line ends."""
    return " ".join(text.replace("*", "").split())


def test_every_anchor_command_of_the_readme_exists_with_its_options() -> None:
    commands = anchor_commands()
    assert len(commands) >= 15
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

    rows = re.findall(r"^\| (\d+) \| ([A-Z-]+) \|", README, re.MULTILINE)
    assert {name: int(code) for code, name in rows} == {str(c): c.exit_code for c in Class}


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert "://" in target or (ROOT / target).exists(), target


WALKED = ("Publish", "Verify", "Prove one fact", "Watch, and answer an alarm", "Move to another machine")


@dataclass(frozen=True)
class Walked:
    """The blocks of the page, the commands of each as they ran, and the titles of the alarms."""

    parts: list[Block]
    ran: list[list[Typed]]
    alarms: list[str]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    parts = [part for title in WALKED for part in blocks(section(title))]
    with hook() as receiver:
        ran = walk(parts, tmp_path_factory.mktemp("walk"), RECEIVER=receiver.notify_url)
        return Walked(parts, ran, [str(message["title"]) for message in receiver.messages])


def test_the_commands_of_the_page_work_in_the_order_in_which_they_stand(walked: Walked) -> None:
    assert len(walked.parts) >= 8
    for part, ran in zip(walked.parts, walked.ran, strict=True):
        *before, last = ran
        assert [typed for typed in before if typed.code] == []
        assert last.code == part.code, last
        printed = "".join(typed.output for typed in ran)
        assert not part.shown or matches(part.shown, printed), f"{part.shown}\n-- is not --\n{printed}"


def test_the_alarms_of_the_page_arrive(walked: Walked) -> None:
    wanted = [word for part in walked.parts for word in re.findall(r"alarms: (\w+)", part.remark)]
    assert len(wanted) == len(walked.alarms) == 2, walked.alarms
    assert all(word in title for word, title in zip(wanted, walked.alarms, strict=True)), walked.alarms


TASKS = [
    [[html.unescape(span) for span in re.findall(r"`([^`]+)`", cell)] or [cell] for cell in row]
    for row in re.findall(r"^\| ([^|]+) \| (`.*`) \| (`.*`) \|$", TEN_TASKS, re.MULTILINE)
]


def test_the_ten_tasks_are_done_by_commands_of_the_page_and_show_first_what_the_table_says(
    walked: Walked,
) -> None:
    assert [title for (title,), _, _ in TASKS] == [
        *(
            "Install",
            "Publish",
            "Publish a correction",
            "Give a policy to a stranger",
            "Verify as a stranger",
        ),
        *("Find out which fact was changed", "Prove one fact", "Watch with an alarm", "Answer an alarm"),
        "Move to another machine",
    ]
    left = [typed for ran in walked.ran for typed in ran]
    for (title,), commands, seen in TASKS[1:]:
        printed = ""
        for command in commands:
            while (typed := left.pop(0)).command != command:
                assert left, f"{title}: {command} is not in the README after the one before it"
            printed += typed.output
        check_seen(title, seen, printed)


def check_seen(title: str, seen: list[str], printed: str) -> None:
    """Each line is printed, in this order, and a verdict is the first line of all."""
    lines = [line.strip() for line in printed.splitlines()]
    at = -1
    for number, line in enumerate(seen):
        found = [i for i, real in enumerate(lines) if i > at and matches(line, f"{real}\n")]
        assert found, f"{title}: {line!r} is not printed after line {at} of\n{printed}"
        assert number or found[0] == 0, f"{title}: {line!r} is not the first line of\n{printed}"
        at = found[0]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("line", blocks(section("Install"))[0].commands)
def test_it_is_installed_as_the_page_says_and_the_demo_runs(line: str, tmp_path: Path) -> None:
    """From what git has, into folders of this test. Package caches may be warm."""
    words = shlex.split(line)
    path = f"{ORIGINAL['PATH']}:{ROOT / '.uv' / 'bin'}"
    need(shutil.which(words[0], path=path), "apt-get install pipx; python3 tasks.py installs uv")
    clone, programs = tmp_path / "clone", tmp_path / "venv" / "bin"
    subprocess.run(["git", "clone", "-q", f"file://{ROOT}", str(clone)], check=True)
    subprocess.run([sys.executable, "-m", "venv", programs.parent], check=True)
    env = {**ORIGINAL, "PATH": f"{programs}:{path}"}
    env |= {"UV_TOOL_BIN_DIR": str(programs), "UV_TOOL_DIR": str(tmp_path / "tools")}
    env |= {"PIPX_BIN_DIR": str(programs), "PIPX_HOME": str(tmp_path / "pipx")}
    done = subprocess.run(words, cwd=clone, env=env, capture_output=True, text=True, timeout=800)
    need(done.returncode == 0 or "anchor" in done.stderr, f"make packages reachable: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    program = str(programs / "anchor")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    check_seen("Install", TASKS[0][2], version)
    shown = subprocess.run([program, "demo"], cwd=tmp_path, capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_that_parses(name: str) -> None:
    check_help(name)


def check_help(*words: str) -> None:
    """The help of a command, or of each command of a group."""
    ran = anchor(*words, "--help")
    assert (ran.code, ran.err) == (0, "")
    if "\nCommands:" in ran.out:
        inner = re.findall(r"^  ([a-z-]+)  ", ran.out.split("\nCommands:")[1], re.MULTILINE)
        assert inner
        for sub in inner:
            check_help(*words, sub)
    else:
        assert "Example" in ran.out, words
        assert "--json" in ran.out, words


def after(marker: str) -> str:
    """The command of the fenced block behind an HTML comment."""
    return re.split(rf"^<!-- {re.escape(marker)} -->\n```sh\n", README, flags=re.MULTILINE)[1].split("\n```")[
        0
    ]


def test_the_reference_client_verifies_the_ledger_as_the_readme_says() -> None:
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
    assert "\nOK  demo 1.0.0 (release 1): all 681 facts are as published\n" in done.stdout
    assert "commands did what they should" in done.stdout
    assert "'anchor' is not installed yet: README.md" in done.stderr
    assert [*tmp_path.glob("anchor-*"), *tmp_path.glob("state")] == []
