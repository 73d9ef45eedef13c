# SPDX-License-Identifier: Apache-2.0
"""The unit in docs/witness.md is what systemd reads, and every command on the page has options that exist."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from anchor import limits
from anchor.cli.commands import cli
from anchor.net import http_server
from anchor.witness import known_logs
from tests.support.process.need import need

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "witness.md").read_text(encoding="utf-8")
UNITS = dict(re.findall(r"```ini\n# /etc/systemd/system/(\S+)\n(.*?)```", TEXT, re.DOTALL))
COMMANDS = [
    *re.findall(r"ExecStart=/usr/local/bin/(anchor .*)", TEXT),
    *re.findall(r"^    (anchor .*)", TEXT, re.MULTILINE),
    *(" ".join(c.split()) for c in re.findall(r"`(anchor witness [a-z][^`]*)`", TEXT)),
]


def test_there_is_something_to_test() -> None:
    assert list(UNITS) == ["anchor-witness.service"]
    assert len(COMMANDS) > 6


def test_the_unit_is_what_systemd_reads(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    need(tool, "apt-get install systemd")
    (unit, text), *_ = UNITS.items()
    there = text.replace("/usr/local/bin/anchor", "/bin/true").replace("User=anchor-witness", "User=root")
    (tmp_path / unit).write_text(there)
    ran = subprocess.run(
        [str(tool), "verify", "--man=no", str(tmp_path / unit)], capture_output=True, text=True, timeout=60
    )
    assert [line for line in ran.stderr.splitlines() if "anchor-" in line] == []


def test_the_list_on_the_page_is_read(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / known_logs.FILE).write_text(shown)
    listing = known_logs.read(tmp_path)
    assert listing.lists == ("/etc/anchor/witness-network.txt",)
    (log,) = listing.logs.values()
    assert (log.origin, log.keys[0].name, log.qpd) == ("example.org/log", "example.org/log", 1440)


def test_the_limits_of_the_page_are_those_of_the_server() -> None:
    page = " ".join(TEXT.split())
    assert f"At most {http_server.CONNECTIONS} connections at once" in page
    assert (http_server.LARGE, http_server.PATIENCE) == (4, 1)
    assert f"At most four bodies of more than {http_server.SMALL:,} bytes are in memory at once" in page
    assert f"at most {http_server.HEAD:,} bytes of headers and {limits.ADD_CHECKPOINT:,} of a body" in page


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_on_the_page_parses(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the last group, and each option is one of the command's."""
    monkeypatch.chdir(tmp_path)
    _, *words = shlex.split(line)
    found: click.Command = cli
    context = click.Context(cli)
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        inner = found.get_command(context, words.pop(0))
        assert inner is not None, line
        found = inner
    known = {option for param in found.params if isinstance(param, click.Option) for option in param.opts}
    assert {word for word in words if word.startswith("--")} <= known, line
