# SPDX-License-Identifier: Apache-2.0
"""docs/runbook.md has an entry for each class of a run and for each kind of alarm, and for nothing else."""

import re
import shlex
from pathlib import Path

import click
import pytest

from anchor.cli.commands import cli
from anchor.monitor.alarm_kinds import KINDS, RUNBOOK, AlarmKind, Severity, anchor_of, kind_of
from anchor.verdict import Class
from tests.support.generate.check_names import RUN

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / RUNBOOK).read_text(encoding="utf-8")
PARTS = {
    title: dict(re.findall(r"^### (.+?)\n(.*?)(?=^### |\Z)", body, re.M | re.S))
    for title, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
}
ENTRIES = PARTS["Classes"] | PARTS["Alarms"]
OF_RUNS = [c for c in Class if c is not Class.NOT_FOUND]
CLASS_HEADINGS = {f"{c} ({c.exit_code})" for c in OF_RUNS}
NAMES = [re.sub(r"<(\w+)>", r"\1.example", name) for name in RUN]


def words(text: str) -> str:
    return " ".join(text.split())


def test_each_class_of_a_run_has_an_entry_and_each_entry_is_of_a_class() -> None:
    assert set(PARTS["Classes"]) == CLASS_HEADINGS


def test_each_kind_of_alarm_has_an_entry_and_each_entry_is_of_a_kind() -> None:
    assert {k.heading for k in KINDS} - CLASS_HEADINGS == set(PARTS["Alarms"])
    assert len({k.name for k in KINDS}) == len({k.heading for k in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_an_entry_says_what_the_alarm_says(kind: AlarmKind) -> None:
    entry = words(ENTRIES[kind.heading])
    assert entry.startswith((f"**{kind.severity}**", f"**{kind.severity}.**"))
    if kind.name != "recovered":
        assert kind.means in entry
    for check in kind.checks:
        name = f"`{check}…`" if check.endswith(" ") else f"`{check}`"
        assert name in entry or check.startswith("evidence ")


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_the_anchor_of_an_alarm_is_the_one_of_its_heading(kind: AlarmKind) -> None:
    path, _, anchor = kind.runbook.partition("#")
    assert (ROOT / path).is_file()
    assert [anchor_of(h) for h in ENTRIES].count(anchor) == 1
    assert re.fullmatch(r"[a-z0-9-]+", anchor)


@pytest.mark.parametrize("verdict", OF_RUNS)
def test_a_check_of_a_run_has_a_kind_of_its_own_class(verdict: Class) -> None:
    for name in [*NAMES, "ledger", "a check of a later version", ""]:
        assert kind_of(name, verdict).verdict is verdict
    assert len({kind_of(name, verdict).severity for name in NAMES}) == 1


def test_each_kind_is_one_of_some_check() -> None:
    names = [*NAMES, "", *(f"evidence two-{what}" for what in ("histories", "statements", "statuses"))]
    reached = {kind_of(name, verdict).name for name in names for verdict in OF_RUNS}
    assert {k.name for k in KINDS} - reached == set()


def test_a_fork_and_a_signature_in_your_name_are_critical_and_the_table_of_severities_is_kept() -> None:
    at = {s: {str(k.verdict) for k in KINDS if k.severity is s} for s in Severity}
    assert at == {
        Severity.CRITICAL: {"EQUIVOCATION", "INVALID", "FINDINGS", "ERROR"},
        Severity.WARNING: {"UNAVAILABLE", "STALE", "PENDING", "WITHDRAWN", "UNSUPPORTED", "USAGE"},
        Severity.INFO: {"OK"},
    }
    assert kind_of("log x", Class.EQUIVOCATION).name == "log-fork"


def test_every_link_into_a_page_has_its_heading() -> None:
    for path, anchor in re.findall(r"\]\(([\w./]*)#([\w-]+)\)", TEXT):
        page = (ROOT / "docs" / path).read_text(encoding="utf-8") if path else TEXT
        headings = {anchor_of(h) for h in re.findall(r"^#+ (.+)$", page, re.M)}
        assert anchor in headings, (path, anchor)


def test_the_commands_for_mirrors_and_witnesses_have_the_options_that_they_name() -> None:
    lines = re.findall(r"^ {4}(?:\d.*? )?(anchor .*)$", TEXT.partition("\n## Mirrors\n")[2], re.M)
    assert len(lines) == 2
    for line in lines:
        _, *given = shlex.split(line)
        command: click.Command = cli
        while isinstance(command, click.Group):
            found = command.get_command(click.Context(command), given.pop(0))
            assert found is not None, line
            command = found
        command.make_parser(click.Context(command)).parse_args(given)
