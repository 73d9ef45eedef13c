# SPDX-License-Identifier: Apache-2.0
"""The units in docs/operations.md are understood by systemd, cron and our commands."""

import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import click
import pytest

from anchor.cli.commands import cli
from anchor.monitor.alarm import parse_rule
from tests.support.process.need import need

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
UNITS = dict(re.findall(r"```ini\n# /etc/systemd/system/(\S+)\n(.*?)```", TEXT, re.DOTALL))
CRON = [line.strip() for line in TEXT.splitlines() if re.match(r" {4}[0-9*]\S* ", line)]
COMMANDS = [
    *re.findall(r"ExecStart=/usr/local/bin/(anchor .*)", TEXT),
    *(line.split(None, 5)[5] for line in CRON),
    *re.findall(r"^    (anchor .*)", TEXT, re.MULTILINE),
    *(c for c in re.findall(r"`(anchor [a-z][^`]*)`", TEXT)),
]


def test_there_is_something_to_test() -> None:
    assert sorted(UNITS) == ["anchor-reverify.service", "anchor-reverify.timer", "anchor-watch.service"]
    assert len(CRON) == 2
    assert len(COMMANDS) > 8


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_what_systemd_reads(name: str, tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    need(tool, "apt-get install systemd")
    for unit, text in UNITS.items():
        there = text.replace("/usr/local/bin/anchor", "/bin/true").replace("User=anchor", "User=root")
        (tmp_path / unit).write_text(there)
    ran = subprocess.run(
        [str(tool), "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, timeout=60
    )
    about_us = [line for line in ran.stderr.splitlines() if "anchor-" in line]
    assert about_us == []


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_has_its_sections_and_no_key_twice_that_may_stand_once(name: str) -> None:
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read_string(UNITS[name])
    body = "Timer" if name.endswith(".timer") else "Service"
    assert {"Unit", body} <= set(parser.sections())
    keys = [line.split("=")[0] for line in UNITS[name].splitlines() if "=" in line and line[0] != "#"]
    assert {k for k in keys if keys.count(k) > 1} <= {"Environment"}


@pytest.mark.parametrize("line", CRON)
def test_a_cron_line_has_five_fields_in_range_and_no_percent(line: str) -> None:
    fields = line.split(None, 5)
    for field, (low, high) in zip(fields[:5], [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)], strict=True):
        match = re.fullmatch(r"(\*|\d+(?:-\d+)?(?:,\d+)*)(?:/(\d+))?", field)
        assert match, field
        assert all(low <= int(n) <= high for n in re.findall(r"\d+", match[1]))
    assert "%" not in fields[5]  # cron would make a newline of it


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_named_is_one_of_ours_with_these_options(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words[0]
        command, words = found, words[1:]
    known = {o for p in command.params for o in p.opts}
    assert {w for w in words if w.startswith("-")} <= known
    if "--alarm-after" in words:
        parse_rule(words[words.index("--alarm-after") + 1])


def test_every_metric_named_is_served_and_every_one_served_is_named(tmp_path: Path) -> None:
    from anchor.report.metrics import registry
    from tests.support.records.outcomes import opened

    with opened(f"sqlite:///{tmp_path}/r.db") as database:
        served = {
            family.name + ("_total" if family.type == "counter" else "")
            for family in registry(database).collect()
        }
    named = set(re.findall(r"`(anchor_[a-z_]+)`", TEXT))
    assert named <= served
    assert served - named <= {"anchor_up", "anchor_checkpoints"}
