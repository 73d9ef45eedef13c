# SPDX-License-Identifier: Apache-2.0
"""The text of a stranger cannot steer the terminal that shows it, nor forge a line of ours."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process.anchor_cli import anchor
from tests.support.process.pseudo_terminal import terminal

HOSTILE = "la\x1b[2J\x9b1m\u202ebel\rOK: all is well\u200b"
"""Clears the screen in two ways, turns the direction of text, goes back in its line, hides a character."""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    facts = [{HOSTILE: " x", "value": "1"}, {HOSTILE: "x\n", "value": "source_name"}]
    path = tmp_path / "ledger.json"
    path.write_text(json.dumps(facts))
    return path


def words(command: str, ledger: Path) -> list[str]:
    more = {"lint": [], "seal": [], "publish": ["--dry-run", "--root", str(ledger.parent / "site")]}[command]
    name = [] if command == "lint" else ["--name", "n", "--version", "1"]
    return [command, str(ledger), *name, *more]


def on_a_terminal(*argv: str) -> bytes:
    """Everything that a command sends to a terminal that is its standard output and error."""
    with terminal() as (its, seen):
        subprocess.run([sys.executable, "-m", "anchor", *argv], stdout=its, stderr=its, check=True)
    return bytes(seen)


@pytest.mark.parametrize("command", ["lint", "seal", "publish"])
def test_column_names_do_not_steer_a_terminal(command: str, ledger: Path) -> None:
    shown = on_a_terminal(*words(command, ledger)).decode().replace("\r\n", "\n")
    assert shown.replace("\n", "").isprintable(), repr(shown)
    assert not any(line.startswith("OK") for line in shown.splitlines())
    assert "\\x1b" in shown or "\\u001b" in shown or command == "lint"


@pytest.mark.parametrize("command", ["lint", "seal"])
def test_lines_for_people_are_written_out_in_a_pipe_too(command: str, ledger: Path) -> None:
    ran = anchor(*words(command, ledger))
    assert ran.code == 0, ran
    assert (ran.out + ran.err).replace("\n", "").isprintable()


def test_the_statement_of_a_dry_run_is_what_would_be_signed_byte_for_byte(ledger: Path) -> None:
    ran = anchor(*words("publish", ledger), "--json")
    assert ran.code == 0, ran
    statement = ran.document["statement"]
    assert "\u202e" in statement  # RFC 8785 writes it as it is
    assert ran.document["sha256"] == hashlib.sha256(statement.encode()).hexdigest()
    assert HOSTILE in json.loads(statement)["predicate"]["facts"]["columns"]
