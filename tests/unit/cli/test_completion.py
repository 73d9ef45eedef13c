# SPDX-License-Identifier: Apache-2.0
"""A shell completes commands, options and their words: docs/completion.md, in bash itself."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from anchor.cli.commands import COMMANDS
from tests.support.process.anchor_cli import ROOT, Ran, anchor, process
from tests.support.process.need import need

PAGE = (ROOT / "docs" / "completion.md").read_text(encoding="utf-8")
SHELLS = ("bash", "zsh", "fish")


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file that is faulty: completion reads none."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "ledger-anchor").mkdir()
    path = tmp_path / "ledger-anchor" / "config.toml"
    path.write_text("no = 'table'\n")
    return path


def completed(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The answers to a shell whose line ends in the word to complete, as `type,value`."""
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    monkeypatch.setenv("_ANCHOR_COMPLETE", "bash_complete")
    ran = anchor()
    assert (ran.code, ran.err) == (0, "")
    return ran.out.split()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("anchor verify-b", ["plain,verify-bundle"]),
        ("anchor verify --pol", ["plain,--policy"]),
        ("anchor instance wit", ["plain,witness"]),
        ("anchor instance witness quo", ["plain,quorum"]),
        ("anchor lint --reader jsonl-v", ["plain,jsonl-v1", "plain,jsonl-v2"]),
        ("anchor verify ", ["file,"]),
        ("anchor verify --policy ", ["file,"]),
        ("anchor verify --trusted-root ", ["file,"]),
        ("anchor nothing", []),
    ],
)
def test_a_command_an_option_and_its_words(
    line: str, wanted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(line, monkeypatch) == wanted


def test_all_commands_without_the_import_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys; from anchor.cli.main import run; code = run([]);"
        "print([n for n in sys.modules if n in ('sqlalchemy', 'requests', 'anchor.cli.verify')],"
        " file=sys.stderr); sys.exit(code)"
    )
    monkeypatch.setenv("COMP_WORDS", "anchor ")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("_ANCHOR_COMPLETE", "zsh_complete")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
    assert done.stdout.split("\n")[1::3] == [*COMMANDS]
    assert set(COMMANDS.values()) <= {line.replace("\\:", ":") for line in done.stdout.split("\n")[2::3]}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell_of_the_page(shell: str, tmp_path: Path) -> None:
    assert f"_ANCHOR_COMPLETE={shell}_source anchor" in PAGE
    ran = process(env={"_ANCHOR_COMPLETE": f"{shell}_source"})
    assert (ran.code, ran.err) == (0, "")
    assert f"_ANCHOR_COMPLETE={shell}_complete" in ran.out
    tool = shutil.which(shell)
    need(tool, f"apt-get install {shell}")
    (tmp_path / "script").write_text(ran.out)
    checked = subprocess.run(
        [str(tool), "-n", str(tmp_path / "script")], capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def _with_anchor(folder: Path) -> dict[str, str]:
    """An environment in which `anchor` is a command."""
    (folder / "anchor").write_text(f'#!/bin/sh\nexec {sys.executable} -m anchor "$@"\n')
    (folder / "anchor").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)}


def test_fish_completes_with_the_line_of_the_page(tmp_path: Path) -> None:
    fish = shutil.which("fish")
    need(fish, "apt-get install fish")
    (line,) = re.findall(r"\| `~/\.config/fish/completions/anchor\.fish` \| `(.*)` \|", PAGE)
    line = line.replace("\\|", "|")  # a table of Markdown
    asked = f"{line}\ncomplete -C 'anchor verify-b'\ncomplete -C 'anchor publish --inst'"
    done = subprocess.run(
        [str(fish), "--no-config", "-c", asked], env=_with_anchor(tmp_path), capture_output=True, text=True
    )
    assert done.stderr == ""
    assert [word.split("\t")[0] for word in done.stdout.splitlines()] == ["verify-bundle", "--instance"]


def test_zsh_knows_the_function_that_the_line_of_the_page_defines(tmp_path: Path) -> None:
    zsh = shutil.which("zsh")
    need(zsh, "apt-get install zsh")
    (line,) = re.findall(r"\| `~/\.zshrc` \| `(.*)` \|", PAGE)
    asked = f"autoload -Uz compinit; compinit -u -d {tmp_path}/dump\n{line}\nprint -- ${{_comps[anchor]}}"
    done = subprocess.run(
        [str(zsh), "-f", "-c", asked], env=_with_anchor(tmp_path), capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == ("_anchor_completion", "")


def test_bash_completes_with_the_line_of_the_page(tmp_path: Path) -> None:
    """The function that the line defines is called as bash calls it for the tabulator key."""
    bash = shutil.which("bash")
    need(bash, "apt-get install bash")
    (line,) = re.findall(r"\| `~/\.bashrc` \| `(.*)` \|", PAGE)
    asked = (
        f"{line}\nCOMP_WORDS=(anchor publish --inst)\nCOMP_CWORD=2\n"
        '_anchor_completion anchor\necho "${COMPREPLY[@]}"\ncomplete -p anchor\n'
    )
    done = subprocess.run(
        [str(bash), "--norc", "-c", asked],
        env=_with_anchor(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "--instance"
    assert "_anchor_completion anchor" in done.stdout


def test_what_no_shell_asks_is_usage_and_an_empty_variable_is_none(
    monkeypatch: pytest.MonkeyPatch, settings: Path
) -> None:
    monkeypatch.setenv("_ANCHOR_COMPLETE", "cmd_source")
    ran: Ran = anchor("verify", "x")
    assert (ran.code, ran.out) == (2, "")
    assert "_ANCHOR_COMPLETE=cmd_source" in ran.line
    monkeypatch.setenv("_ANCHOR_COMPLETE", "")
    settings.unlink()
    assert "x" in anchor("verify", "x", "--offline").line
    assert "_ANCHOR_COMPLETE" not in anchor("verify", "x", "--offline").err
