# SPDX-License-Identifier: Apache-2.0
"""The man pages say what the commands' own help says, and man reads them."""

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from anchor.cli.commands import COMMANDS, cli
from anchor.verdict import Class
from tests.support.generate import man_pages
from tests.support.process.anchor_cli import ROOT
from tests.support.process.need import need

FOLDER = ROOT / "docs" / "man"
PAGES = man_pages.pages()


def test_the_pages_are_up_to_date() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert there == PAGES, "run: python3 tasks.py man"


def test_a_page_of_a_command_that_is_gone_is_removed(tmp_path: Path) -> None:
    (tmp_path / "anchor-gone.1").write_text("")
    man_pages.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(PAGES)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_every_option_and_example(name: str) -> None:
    text = PAGES[f"anchor-{name}.1"].replace("\\-", "-").replace("\\e", "\\")
    assert f"anchor-{name} - {COMMANDS[name]}" in text
    for command in _all(name):
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                for opt in (*option.opts, *option.secondary_opts):
                    assert re.search(rf"^\.B .*{opt}\b", text, re.MULTILINE), (name, opt)
        for example in re.findall(r"^(?:Example: |    )(.*)$", command.epilog or "", re.MULTILINE):
            assert example in text
    assert "Example:" in text
    assert "\b" not in text


def test_the_first_page_names_every_command_and_every_exit_code() -> None:
    text = PAGES["anchor.1"].replace("\\-", "-")
    for name in COMMANDS:
        assert f"\n.BR anchor-{name} (1)\n" in text
    for found in Class:
        assert f"\n.B {found.exit_code}\n{found}\n" in text


@pytest.mark.parametrize("name", PAGES)
def test_groff_reads_a_page_without_a_warning(name: str) -> None:
    groff = shutil.which("groff")
    need(groff, "apt-get install groff")
    for columns in (78, 120):
        words = ["-Kutf8", "-man", "-Tutf8", "-ww", f"-rLL={columns}n", str(FOLDER / name)]
        done = subprocess.run([str(groff), *words], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", PAGES)
def test_mandoc_finds_no_error_in_a_page(name: str) -> None:
    """It warns of the date, which no page has."""
    mandoc = shutil.which("mandoc")
    need(mandoc, "apt-get install mandoc")
    words = [str(mandoc), "-T", "lint", "-W", "warning", str(FOLDER / name)]
    lines = subprocess.run(words, capture_output=True, text=True).stdout.splitlines()
    assert [line for line in lines if "missing date" not in line] == []


def test_text_that_looks_like_a_request_stays_text() -> None:
    command = click.Command(
        "x", help=".SH no heading\n\n'quoted' \\fB and -x\n\n\b\nExample: a --b \\\n    .c"
    )
    found = [*man_pages.paragraphs(command.help or "")]
    assert found == [
        *(".PP", "\\&.SH no heading", ".PP", "\\&'quoted' \\efB and \\-x"),
        *(".PP", "Example:", ".PP", ".RS 4", ".nf", "a \\-\\-b \\e", "    .c", ".fi", ".RE"),
    ]


def _all(name: str) -> list[click.Command]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    found = [command]
    for one in found:
        found += one.commands.values() if isinstance(one, click.Group) else ()
    return found
